#!/bin/sh
# Puts the servers that the tests want on a Debian machine: RabbitMQ and Chromium (and wrk for `make bench`, argument
# "bench"). As root it uses apt; without root it says loudly what will be skipped. In CI a skip is a failure, which the
# fixtures see to. Servers are not started here: every test run starts private ones on free ports.
set -eu

wanted=""
command -v rabbitmq-server >/dev/null 2>&1 || [ -n "${TEST_AMQP_URL:-}" ] || wanted="$wanted rabbitmq-server"
command -v chromium >/dev/null 2>&1 || [ -n "${CHROMIUM:-}" ] || wanted="$wanted chromium"
if [ "${1:-}" = "bench" ]; then
    command -v wrk >/dev/null 2>&1 || wanted="$wanted wrk"
fi
[ -n "$wanted" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "=====================================================================" >&2
    echo "MISSING:$wanted. Not root (or no apt-get), so they are not installed" >&2
    echo "and the tests that need them are SKIPPED. Install them to run all." >&2
    echo "=====================================================================" >&2
    exit 0
fi

# Debian starts a service when its package is installed; a policy file keeps that from happening here.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086  # a list of package names
apt-get install -qq -y --no-install-recommends $wanted >/dev/null

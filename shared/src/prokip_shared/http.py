"""The way out: HTTP to addresses that operators typed in, which must not reach inside (SSRF).

What is checked is the list of IP addresses that is dialled, just before it is dialled: an answer of the DNS that changes
between a check and its use finds nothing in between. Redirects are never followed: a store that redirects is told to
the operator.
"""

import asyncio
import errno
import ipaddress
import ssl
from collections.abc import Collection, Sequence
from typing import Final

from aiohttp import ClientRequest, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, abc
from aiohttp.resolver import ThreadedResolver
from aiohttp.tracing import Trace
from typing_extensions import override

from prokip_shared.security.addresses import is_public

CONNECTIONS_MAX: Final = 200
CONNECTIONS_PER_HOST_MAX: Final = 16
IDLE_S_MAX: Final = 15.0
USER_AGENT: Final = "prokip-sync/0.1"
ADDRESS_REFUSED: Final = "is a private or local address, which stores and ERPs may not have here"


class AddressRefused(OSError):
    """The name resolves to an address inside; allow it by ALLOWED_PRIVATE_HOSTS where that is meant.

    Has an errno and its words apart, because aiohttp shows only the words of such an OSError.
    """


class GuardedConnector(TCPConnector):
    """Dials public addresses only, and those of the hosts on the allow-list."""

    def __init__(
        self,
        allowed_private_hosts: Collection[str],
        allowed_self_signed_hosts: Collection[str] = (),
        *,
        idle_s_max: float = IDLE_S_MAX,
        resolver: abc.AbstractResolver | None = None,
    ) -> None:
        self._private_hosts = _hosts(allowed_private_hosts)
        self._self_signed_hosts = _hosts(allowed_self_signed_hosts)
        self._unchecked = _unchecked_tls() if self._self_signed_hosts else None
        super().__init__(
            resolver=resolver or ThreadedResolver(),
            limit=CONNECTIONS_MAX,
            limit_per_host=CONNECTIONS_PER_HOST_MAX,
            keepalive_timeout=idle_s_max,
            loop=asyncio.get_running_loop(),
        )

    @override
    async def _resolve_host(
        self, host: str, port: int, traces: Sequence[Trace] | None = None
    ) -> list[abc.ResolveResult]:
        """The last step of aiohttp before it dials, for names, literal addresses and cached answers alike.

        Raises AddressRefused if any address lies inside: a mixed answer is an attack, not a choice.
        """
        results = await super()._resolve_host(host, port, traces)
        if _plain(host) not in self._private_hosts and not all(_leads_outside(result["host"]) for result in results):
            raise AddressRefused(errno.EACCES, f"{host} {ADDRESS_REFUSED}")
        return results

    @override
    def _get_ssl_context(self, req: ClientRequest) -> ssl.SSLContext | None:
        if self._unchecked is not None and req.is_ssl() and _plain(req.url.raw_host or "") in self._self_signed_hosts:
            return self._unchecked
        return super()._get_ssl_context(req)


def open_client(
    *,
    allowed_private_hosts: Collection[str],
    allowed_self_signed_hosts: Collection[str] = (),
    timeout_s: float,
    idle_s_max: float = IDLE_S_MAX,
) -> ClientSession:
    """A session for stores and ERPs; callers close it, and pass `allow_redirects=False` with every request.

    A connection that has been idle for `idle_s_max` is not used again. A server that closes one just as it is used leaves
    open whether it took the request; where a repeat does harm, the limit is well below what servers wait for.
    """
    return ClientSession(
        connector=GuardedConnector(allowed_private_hosts, allowed_self_signed_hosts, idle_s_max=idle_s_max),
        timeout=ClientTimeout(total=timeout_s),
        headers={"User-Agent": USER_AGENT},
        cookie_jar=DummyCookieJar(),
    )


def _leads_outside(address: str) -> bool:
    try:
        return is_public(address)
    except ValueError:
        return False  # a resolver that answers something else than addresses


def _hosts(names: Collection[str]) -> frozenset[str]:
    return frozenset(_plain(name) for name in names)


def _plain(host: str) -> str:
    """`[::1]` and `::1`, `Shop.test.` and `shop.test` are one host."""
    text = host.strip("[]").rstrip(".").lower()
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text


def _unchecked_tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context

"""A private RabbitMQ node for the tests: own ports, own folders, no root, one per session (or TEST_AMQP_URL).

Each test gets a virtual host of its own, so nothing that one declares meets another.
"""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import aio_pika
import pytest

from prokip_shared.bus.rabbitmq import DEAD_EXCHANGE, DEAD_SUFFIX, EVENTS_EXCHANGE
from prokip_shared.messages import MESSAGE_TYPES
from tests.support.scratch import scratch_folder

START_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 20.0
COMMAND_TIMEOUT_S = 60.0
HOSTS_AT_ONCE = 8
"""Virtual hosts made and deleted by one call of rabbitmqctl, which starts an Erlang machine each time."""
DELETE_VHOST = 'rabbit_vhost:delete(<<"%s">>, <<"tests">>)'
CREATE_VHOST = (
    'rabbit_vhost:add(<<"%s">>, <<"tests">>), '
    'rabbit_auth_backend_internal:set_permissions(<<"guest">>, <<"%s">>, <<".*">>, <<".*">>, <<".*">>, <<"tests">>)'
)
EPMD = "epmd"
DEBIAN_BIN = Path("/usr/lib/rabbitmq/bin")
MISSING = (
    "RabbitMQ is NOT tested here: there is no rabbitmq-server. Install it (apt-get install rabbitmq-server) "
    "or name a server in TEST_AMQP_URL."
)


def _program(name: str) -> str | None:
    """The plain script where Debian has it: its wrapper in /usr/sbin insists on its own user."""
    plain = DEBIAN_BIN / name
    return str(plain) if plain.exists() else shutil.which(name)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True)
class RabbitNode:
    """A broker of our own that tests may stop, freeze and start again."""

    folder: Path
    port: int = field(default_factory=_free_port)
    dist_port: int = field(default_factory=_free_port)
    epmd_port: int = field(default_factory=_free_port)
    name: str = field(default_factory=lambda: f"prokip-{uuid4().hex[:8]}@localhost")
    process: "subprocess.Popen[bytes] | None" = None
    _fresh_hosts: list[str] = field(default_factory=list)
    _used_hosts: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    def environ(self) -> dict[str, str]:
        (self.folder / "enabled_plugins").write_text("[].\n")
        (self.folder / "rabbitmq.conf").write_text("disk_free_limit.absolute = 50MB\nlog.console = false\n")
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(self.folder),  # the Erlang cookie is made here
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_DIST_PORT": str(self.dist_port),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none",  # idle schedulers leave the cores to the tests
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self.epmd_port),
        }

    def start(self) -> None:
        server = _program("rabbitmq-server")
        assert server is not None
        output = (self.folder / "output").open("ab")
        self.process = subprocess.Popen([server], env=self.environ(), stdout=output, stderr=output)  # noqa: S603  # our own
        output.close()
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"RabbitMQ did not start: {(self.folder / 'output').read_text()[-2000:]}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        """It speaks AMQP: a node that only listens resets the connection."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as probe:
                probe.sendall(b"AMQP\x00\x00\x09\x01")
                return probe.recv(1) == b"\x01"
        except OSError:
            return False

    def kill(self) -> None:
        """As a power cut would: no goodbye."""
        if self.process is not None:
            for pid in _descendants(self.process.pid):
                os.kill(pid, signal.SIGKILL)
            self.process.wait(STOP_TIMEOUT_S)
            self.process = None

    def freeze(self) -> None:
        """Alive for TCP, dead for everybody who waits for an answer."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        for pid in _descendants(self.process.pid):
            os.kill(pid, number)

    def close(self) -> None:
        self.kill()
        # The port mapper that the node started outlives it on purpose; this one served nobody else. It refuses to end
        # until it has noticed that its node is gone.
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while subprocess.run([EPMD, "-kill"], env=self.environ(), capture_output=True, check=False).returncode != 0:  # noqa: S603  # our own
            if time.monotonic() > deadline:
                raise RuntimeError(f"epmd on port {self.epmd_port} does not end")
            time.sleep(0.05)

    async def settle(self) -> None:
        """To be awaited before a kill that follows a declaration at once.

        Measured on 3.10.8: a quorum queue declared last, less than a second before kill -9 of its only node, never
        elects a leader again (https://github.com/rabbitmq/rabbitmq-server/issues/10070); declaring one more, here in
        a virtual host that no test uses, makes it safe.
        """
        connection = await aio_pika.connect(self.url)
        async with connection, connection.channel() as channel:
            queue = await channel.declare_queue(uuid4().hex, durable=True, arguments={"x-queue-type": "quorum"})
            await channel.default_exchange.publish(aio_pika.Message(b""), queue.name)

    def control(self, *arguments: str) -> None:
        program = _program("rabbitmqctl")
        assert program is not None
        done = subprocess.run(  # noqa: S603  # our own
            [program, "-n", self.name, *arguments],
            env=self.environ(),
            capture_output=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()

    def fresh_host(self) -> str:
        """A virtual host for the one test or benchmark that asks; those of the ones before may be gone afterwards."""
        if not self._fresh_hosts:
            fresh = [f"test_{uuid4().hex[:12]}" for _ in range(HOSTS_AT_ONCE)]
            steps = [DELETE_VHOST % host for host in self._used_hosts]
            steps += [CREATE_VHOST % (host, host) for host in fresh]
            self.control("eval", f"{', '.join(steps)}.")
            self._fresh_hosts, self._used_hosts = fresh, []
        self._used_hosts.append(self._fresh_hosts.pop())
        return self._used_hosts[-1]


def _descendants(pid: int) -> list[int]:
    """The process and everything that it started."""
    found = [pid]
    for parent in found:
        children = Path(f"/proc/{parent}/task/{parent}/children")
        if children.exists():
            found += [int(child) for child in children.read_text().split()]
    return found


@pytest.fixture(scope="session")
def rabbit_node() -> Iterator[RabbitNode]:
    """For tests that stop, freeze or restart the broker, which nobody does to a given server."""
    if os.environ.get("TEST_AMQP_URL"):
        pytest.skip("this test needs a broker of its own; TEST_AMQP_URL names one that is not")
    if _program("rabbitmq-server") is None:
        if os.environ.get("CI") == "true":
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    with scratch_folder("prokip-rabbitmq-") as folder:
        node = RabbitNode(folder)
        try:
            node.start()
            yield node
        finally:
            node.close()


@pytest.fixture
def amqp_url(request: pytest.FixtureRequest) -> str:
    """An empty RabbitMQ."""
    given = os.environ.get("TEST_AMQP_URL")
    if given:
        asyncio.run(_wipe(given))
        return given
    node: RabbitNode = request.getfixturevalue("rabbit_node")
    return f"{node.url}{node.fresh_host()}"


@pytest.fixture(params=[pytest.param("rabbitmq", marks=pytest.mark.rabbitmq), "postgres"])
def broker_url(request: pytest.FixtureRequest) -> str:
    """BROKER_URL of each adapter in turn; the Postgres one lives in the test's `database_url`."""
    if request.param == "postgres":
        return "postgres"
    return str(request.getfixturevalue("amqp_url"))


SERVICES = ("gateway", "ingest", "inventory", "push", "prokip")
"""The services whose queues tests declare; a given server is wiped of them before each test."""


async def _wipe(url: str) -> None:
    connection = await aio_pika.connect(url)
    async with connection, connection.channel() as channel:
        for exchange in (EVENTS_EXCHANGE, DEAD_EXCHANGE):
            await channel.exchange_delete(exchange)
        for service in SERVICES:
            for topic in MESSAGE_TYPES:
                await channel.queue_delete(f"{service}.{topic}")
                await channel.queue_delete(f"{service}.{topic}{DEAD_SUFFIX}")

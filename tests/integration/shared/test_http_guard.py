"""No address that somebody types in leads inside, whatever form it has and whatever the DNS says when."""

import socket
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from aiohttp import ClientConnectorCertificateError, ClientConnectorDNSError, ClientError, ClientSession, abc, web
from aiohttp.test_utils import TestServer
from aiohttp.tracing import Trace
from typing_extensions import override

from prokip_shared.http import AddressRefused, GuardedConnector, open_client
from prokip_shared.platforms.errors import StoreUnavailable
from prokip_shared.platforms.exchange import ExchangeLimits, exchange
from tests.support.certificates import self_signed

LIMITS = ExchangeLimits(timeout_s=5)


class Inside:
    """A server that nobody may reach; `reached` counts who does."""

    def __init__(self) -> None:
        self.reached = 0

    async def answer(self, _request: web.Request) -> web.Response:
        self.reached += 1
        return web.Response(text="hello")


@pytest.fixture
def inside() -> Inside:
    return Inside()


@pytest.fixture
async def server(inside: Inside) -> AsyncIterator[TestServer]:
    app = web.Application()
    app.router.add_get("/", inside.answer)
    opened = TestServer(app, host="127.0.0.1")
    await opened.start_server()
    yield opened
    await opened.close()


class Resolver(abc.AbstractResolver):
    """Answers each question with the next of its answers, the last one for ever."""

    def __init__(self, answers: Sequence[Sequence[str]]) -> None:
        self._answers = list(answers)
        self.asked = 0

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[abc.ResolveResult]:
        answer = self._answers[min(self.asked, len(self._answers) - 1)]
        self.asked += 1
        return [
            abc.ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in answer
        ]

    @override
    async def close(self) -> None:
        pass


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "LOCALHOST",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[::127.0.0.1]",
        "0.0.0.0",
        "[::]",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "shop.example@127.0.0.1",
        "shop.example:80@127.0.0.1",
    ],
)
async def test_an_address_inside_is_refused_before_anything_is_sent(
    server: TestServer, inside: Inside, host: str
) -> None:
    async with open_client(allowed_private_hosts=(), timeout_s=2) as client:
        with pytest.raises(ClientError) as caught:
            await client.get(f"http://{host}:{server.port}/")
        with pytest.raises(StoreUnavailable):
            await exchange(client, "GET", f"http://{host}:{server.port}/", headers={}, limits=LIMITS)
    assert isinstance(caught.value.__cause__, AddressRefused) or "canonical" in str(caught.value)
    assert inside.reached == 0


@pytest.mark.parametrize("port", [1, 22, 80, 443, 5432, 5672, 65535])
async def test_no_port_leads_inside(port: int) -> None:
    async with open_client(allowed_private_hosts=("other.test",), timeout_s=2) as client:
        with pytest.raises(ClientConnectorDNSError) as caught:
            await client.get(f"http://127.0.0.1:{port}/")
    assert isinstance(caught.value.__cause__, AddressRefused)


@pytest.mark.parametrize("answer", [["127.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["::1"], ["fd00::1"], ["what"]])
async def test_a_name_is_refused_by_any_address_it_has_inside(
    server: TestServer, inside: Inside, answer: list[str]
) -> None:
    connector = GuardedConnector((), resolver=Resolver([answer]))
    async with ClientSession(connector=connector) as client:
        with pytest.raises(ClientConnectorDNSError) as caught:
            await client.get(f"http://shop.example:{server.port}/")
    assert isinstance(caught.value.__cause__, AddressRefused)
    assert inside.reached == 0


async def test_a_name_that_changes_after_the_check_is_dialled_nowhere_else(server: TestServer, inside: Inside) -> None:
    """DNS rebinding: each answer is checked by the step that hands it to the dialler, and asked for only there."""
    dialled: list[str] = []

    class Watched(GuardedConnector):
        @override
        async def _resolve_host(
            self, host: str, port: int, traces: Sequence[Trace] | None = None
        ) -> list[abc.ResolveResult]:
            results = await super()._resolve_host(host, port, traces)
            dialled.extend(result["host"] for result in results)
            raise ConnectionRefusedError("the test dials nobody outside")

    resolver = Resolver([["93.184.216.34"], ["127.0.0.1"]])
    connector = Watched((), resolver=resolver)
    connector._use_dns_cache = False
    async with ClientSession(connector=connector) as client:
        for _ in range(3):
            with pytest.raises(OSError, match=r".+"):
                await client.get(f"http://shop.example:{server.port}/")
    assert dialled == ["93.184.216.34"]
    assert (resolver.asked, inside.reached) == (3, 0)


async def test_a_cached_answer_is_checked_again(server: TestServer) -> None:
    connector = GuardedConnector(("shop.test",), resolver=Resolver([["127.0.0.1"]]))
    async with ClientSession(connector=connector) as client:
        async with client.get(f"http://shop.test:{server.port}/") as answer:
            assert answer.status == 200
        connector._private_hosts = frozenset()
        with pytest.raises(AddressRefused):
            await connector._resolve_host("shop.test", server.port or 0)


async def test_a_redirect_is_not_followed_and_would_be_refused(inside: Inside, server: TestServer) -> None:
    async def away(_request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": f"http://localhost:{server.port}/"})

    app = web.Application()
    app.router.add_get("/", away)
    async with (
        TestServer(app, host="127.0.0.1") as store,
        open_client(allowed_private_hosts=("127.0.0.1",), timeout_s=2) as client,
    ):
        url = f"http://127.0.0.1:{store.port}/"
        answer = await exchange(client, "GET", url, headers={}, limits=LIMITS)
        assert answer.status == 302
        with pytest.raises(ClientConnectorDNSError):
            await client.get(url)  # by somebody who forgot to say so
    assert inside.reached == 0


@pytest.mark.parametrize("allowed", ["127.0.0.1", "LOCALHOST", "localhost."])
async def test_an_allowed_private_host_is_reached(server: TestServer, allowed: str) -> None:
    host = allowed.lower().rstrip(".")
    async with (
        open_client(allowed_private_hosts=(allowed,), timeout_s=2) as client,
        client.get(f"http://{host}:{server.port}/") as answer,
    ):
        assert await answer.text() == "hello"


async def test_a_self_signed_certificate_is_taken_only_from_hosts_that_may_have_one(
    tmp_path: Path, inside: Inside
) -> None:
    app = web.Application()
    app.router.add_get("/", inside.answer)
    server = TestServer(app, host="127.0.0.1", scheme="https")
    await server.start_server(ssl=self_signed(tmp_path))
    url = f"https://127.0.0.1:{server.port}/"
    private = ("127.0.0.1",)
    async with open_client(
        allowed_private_hosts=private, allowed_self_signed_hosts=("other.test",), timeout_s=5
    ) as client:
        with pytest.raises(ClientConnectorCertificateError):
            await client.get(url)
    async with open_client(allowed_private_hosts=(), allowed_self_signed_hosts=private, timeout_s=5) as client:
        with pytest.raises(ClientConnectorDNSError):
            await client.get(url)
    assert inside.reached == 0
    async with (
        open_client(allowed_private_hosts=private, allowed_self_signed_hosts=private, timeout_s=5) as client,
        client.get(url) as answer,
    ):
        assert answer.status == 200
    await server.close()

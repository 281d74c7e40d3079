import pytest
from aiohttp import ClientConnectorDNSError, web
from aiohttp.test_utils import TestServer

from prokip_shared.http import AddressRefused, is_public, open_client


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.9", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:10.0.0.1", False),
    ],
)
def test_addresses_inside_are_told_from_public_ones(address: str, public: bool) -> None:
    assert is_public(address) is public


async def _hello(_request: web.Request) -> web.Response:
    return web.Response(text="hello")


async def _server() -> TestServer:
    app = web.Application()
    app.router.add_get("/", _hello)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    return server


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
async def test_a_private_address_is_refused_before_anything_is_sent(host: str) -> None:
    server = await _server()
    async with open_client(allowed_private_hosts=(), timeout_s=2) as client:
        with pytest.raises(ClientConnectorDNSError) as caught:
            await client.get(f"http://{host}:{server.port}/")
    await server.close()
    assert isinstance(caught.value.__cause__, AddressRefused)


async def test_an_allowed_private_host_is_reached() -> None:
    server = await _server()
    async with (
        open_client(allowed_private_hosts=("127.0.0.1",), timeout_s=2) as client,
        client.get(f"http://127.0.0.1:{server.port}/") as answer,
    ):
        assert await answer.text() == "hello"
    await server.close()

"""The sandbox's own way to post: what it takes for an answer, and when a connection is used again."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from prokip_sandbox.poster import Poster

KEPT = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Peer:
    """Answers each request with the next of its answers, piece by piece."""

    answers: list[list[bytes]]
    url: str = ""
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    gone: list[asyncio.Event] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while self.answers:
            head = await reader.readuntil(b"\r\n\r\n")
            self.requests.append(head + await reader.readexactly(int(head.rpartition(b"Content-Length: ")[2])))
            for piece in self.answers.pop(0):
                writer.write(piece)
                await writer.drain()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        gone = asyncio.Event()
        self.gone.append(gone)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await self.serve(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        gone.set()


@asynccontextmanager
async def answering(*answers: list[bytes]) -> AsyncIterator[tuple[Peer, Poster]]:
    peer = Peer(list(answers))
    server = await asyncio.start_server(peer.connected, "127.0.0.1", 0)
    peer.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hooks?a=1"
    poster = Poster(connect_timeout_s=5, total_timeout_s=10)
    try:
        yield peer, poster
    finally:
        poster.close()
        server.close()
        await server.wait_closed()
        for gone in peer.gone:
            await gone.wait()


async def test_a_request_says_what_it_was_given() -> None:
    async with answering([KEPT]) as (peer, poster):
        assert await poster.post(peer.url, [("X-Topic", "orders/create"), ("Accept", "*/*")], b"{}") == 200
    host = peer.url.removeprefix("http://").partition("/")[0]
    head = f"POST /hooks?a=1 HTTP/1.1\r\nHost: {host}\r\nX-Topic: orders/create\r\nAccept: */*\r\nContent-Length: 2"
    assert peer.requests == [f"{head}\r\n\r\n{{}}".encode()]


@pytest.mark.parametrize(
    ("answer", "status", "connections"),
    [
        ([KEPT], 200, 1),
        ([b"HTTP/1.1 2", b"04 No Content\r\n", b"\r\n"], 204, 1),
        ([b"HTTP/1.1 500 Oh\r\ncontent-length:  4\r\n\r\n", b"oh", b"no"], 500, 1),
        ([b"HTTP/1.1 404 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"], 404, 2),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"], 200, 2),
        ([b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"], 200, 2),
        ([b"HTTP/1.1 301 Over there\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"], 301, 1),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n"], 200, 2),
    ],
    ids=["kept", "no content", "in pieces", "closed", "chunked", "1.0", "redirect", "long"],
)
async def test_every_answer_has_a_status_and_the_plain_ones_keep_their_connection(
    answer: list[bytes], status: int, connections: int
) -> None:
    async with answering(answer, [KEPT]) as (peer, poster):
        assert await poster.post(peer.url, [], b"") == status
        assert await poster.post(peer.url, [], b"") == 200
        assert peer.connections == connections


@pytest.mark.parametrize("answer", [[b"SSH-2.0-OpenSSH\r\n\r\n"], [b"HTTP/1.1 abc\r\n\r\n"], []])
async def test_what_is_no_answer_is_an_error(answer: list[bytes]) -> None:
    async with answering(answer) as (peer, poster):
        with pytest.raises((ValueError, OSError)):
            await poster.post(peer.url, [], b"")


async def test_an_answer_that_does_not_come_is_waited_for_so_long_and_no_longer() -> None:
    async with answering([b"HTTP/1.1 200 OK\r\n"], [KEPT]) as (peer, _poster):
        poster = Poster(connect_timeout_s=5, total_timeout_s=0.05)
        with pytest.raises(TimeoutError):
            await poster.post(peer.url, [], b"")


@pytest.mark.parametrize("url", ["ftp://host/", "http:///path", "http://ho st/", "nothing"])
async def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="no address"):
        await Poster(connect_timeout_s=1, total_timeout_s=1).post(url, [], b"")


async def test_a_header_cannot_bring_another_one() -> None:
    with pytest.raises(ValueError, match="line break"):
        await Poster(connect_timeout_s=1, total_timeout_s=1).post("http://127.0.0.1:1/", [("X-Name", "a\r\nB: c")], b"")


async def test_nobody_listening_is_an_error() -> None:
    async with answering() as (peer, _poster):
        pass
    with pytest.raises(OSError, match="onnect"):
        await Poster(connect_timeout_s=1, total_timeout_s=1).post(peer.url, [], b"")

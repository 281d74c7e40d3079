"""POST over kept-alive connections, with just as much HTTP/1.1 as that takes.

A busy shop tells of a thousand changes a second. A whole HTTP client costs four times as much for each of them as all
the rest of the shop, and that time would be taken from the machine that is being measured.
"""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final
from urllib.parse import urlsplit

from typing_extensions import override

IDLE_S_MAX: Final = 15.0
ANSWER_BYTES_MAX: Final = 64 * 1024
ADDRESSES_KEPT_MAX: Final = 256
HEAD_END: Final = b"\r\n\r\n"
LENGTH: Final = b"\r\ncontent-length:"
CLOSES: Final = b"\r\nconnection: close"
NO_CONTENT: Final = (204, 304)


@dataclass(frozen=True, slots=True)
class Address:
    host: str
    port: int
    tls: bool
    request_head: str
    """Request line and Host header."""


class Poster:
    """Answers are read for their status alone; one that is too long, or does not tell its length, ends its connection."""

    def __init__(self, *, connect_timeout_s: float | None, total_timeout_s: float) -> None:
        self._connect_timeout_s = connect_timeout_s
        self._total_timeout_s = total_timeout_s
        self._idle: dict[tuple[str, int, bool], list[_Line]] = {}

    def close(self) -> None:
        for lines in self._idle.values():
            for line in lines:
                line.hang_up()
        self._idle.clear()

    async def post(self, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> int:
        """The status. Raises OSError, TimeoutError, or ValueError for an address or a header that is none."""
        address = _address_of(url)
        request = _request_of(address, headers, body)
        async with asyncio.timeout(self._total_timeout_s):
            line = self._idle_line(address) or await self._connect(address)
            try:
                return await line.ask(request)
            finally:
                if line.reusable:
                    self._idle.setdefault((address.host, address.port, address.tls), []).append(line)
                else:
                    line.hang_up()

    def _idle_line(self, address: Address) -> "_Line | None":
        """The one used last, so that those which a burst needed end of old age."""
        lines = self._idle.get((address.host, address.port, address.tls))
        while lines:
            line = lines.pop()
            if line.fresh:
                return line
            line.hang_up()
        return None

    async def _connect(self, address: Address) -> "_Line":
        loop = asyncio.get_running_loop()
        tls = _tls() if address.tls else None
        async with asyncio.timeout(self._connect_timeout_s):
            _, line = await loop.create_connection(lambda: _Line(loop), address.host, address.port, ssl=tls)
        return line


class _Line(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[int] | None = None
        self._received = b""
        self._used_at_s = 0.0
        self.reusable = False

    @property
    def fresh(self) -> bool:
        return self.reusable and self._loop.time() - self._used_at_s < IDLE_S_MAX

    async def ask(self, request: bytes) -> int:
        if self._transport is None:
            raise ConnectionResetError("the connection was closed")
        self.reusable = False
        self._received = b""
        self._answer = self._loop.create_future()
        self._transport.write(request)
        return await self._answer

    def hang_up(self) -> None:
        self.reusable = False
        if self._transport is not None:
            self._transport.abort()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a stream's transport can be written to

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.reusable = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("closed without an answer"))

    @override
    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._answer is None or self._answer.done():
            self.hang_up()  # nobody asked for anything
            return
        try:
            read = _read_answer(self._received)
        except ValueError as error:
            self._answer.set_exception(error)
            return
        if read is not None:
            status, self.reusable = read
            self._used_at_s = self._loop.time()
            self._answer.set_result(status)


def _read_answer(received: bytes) -> tuple[int, bool] | None:
    """(status, whether the connection can be used again); None while more has to come. ValueError for no HTTP."""
    head_end = received.find(HEAD_END)
    if head_end < 0:
        if len(received) > ANSWER_BYTES_MAX:
            raise ValueError("the answer's head does not end")
        return None
    version, status = received[:9], int(received[9:12])
    if not version.startswith(b"HTTP/1."):
        raise ValueError("the answer is no HTTP/1.1")
    head = received[: head_end + 2].lower()
    length_at = head.find(LENGTH)
    if length_at < 0 and status not in NO_CONTENT:
        return status, False
    length = 0 if length_at < 0 else int(head[length_at + len(LENGTH) : head.index(b"\r\n", length_at + 2)])
    if length > ANSWER_BYTES_MAX:
        return status, False
    missing = head_end + len(HEAD_END) + length - len(received)
    if missing > 0:
        return None
    return status, missing == 0 and version == b"HTTP/1.1 " and CLOSES not in head


def _request_of(address: Address, headers: Sequence[tuple[str, str]], body: bytes) -> bytes:
    told = "".join([f"{name}: {value}\r\n" for name, value in headers])
    if told.count("\n") != len(headers):
        raise ValueError("a header has a line break")
    return f"{address.request_head}{told}Content-Length: {len(body)}\r\n\r\n".encode() + body


@lru_cache(maxsize=ADDRESSES_KEPT_MAX)
def _address_of(url: str) -> Address:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or any(ch.isspace() for ch in url):
        raise ValueError(f"no address to post to: {url}")
    tls = parts.scheme == "https"
    port = parts.port or (443 if tls else 80)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    place = parts.netloc.rpartition("@")[2]
    return Address(parts.hostname, port, tls, f"POST {target} HTTP/1.1\r\nHost: {place}\r\n")


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()

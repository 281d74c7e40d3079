"""One HTTP request to a store: bounded in time and size, never redirected, failures in the stores' four classes."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout
from yarl import URL

from prokip_shared.platforms.errors import StoreUnavailable

CONNECT_TIMEOUT_S: Final = 5.0
READ_CHUNK_BYTES: Final = 65536


@dataclass(frozen=True, slots=True)
class ExchangeLimits:
    timeout_s: float = 20.0
    """The whole exchange; a WooCommerce batch of 100 was measured at 3 to 6 s on a small server."""
    answer_bytes_max: int = 16 * 1024 * 1024
    """A page of 100 complete WooCommerce products was measured at 0.2 MB; plugins add to it."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    """Names in any case."""
    body: bytes
    elapsed_ms: float

    def json(self) -> Any:
        """Raises StoreUnavailable where the body is no JSON: an error page, a PHP notice, half an answer."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise StoreUnavailable("answered something that is not JSON") from error

    def store_clock(self) -> datetime | None:
        """What time it is at the store, from the Date header (1 s resolution)."""
        try:
            return parsedate_to_datetime(self.headers["Date"]).astimezone(UTC)
        except (KeyError, ValueError):
            return None


async def exchange(
    session: ClientSession,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    limits: ExchangeLimits,
    body: bytes | None = None,
) -> Answer:
    """Any HTTP status is an answer. Raises StoreUnavailable when there is none.

    `url` is sent as it is: it may carry a signature over its exact form.
    """
    began_s = time.perf_counter()
    timeout = ClientTimeout(total=limits.timeout_s, sock_connect=CONNECT_TIMEOUT_S)
    try:
        async with session.request(
            method, URL(url, encoded=True), headers=headers, data=body, timeout=timeout, allow_redirects=False
        ) as response:
            content = await _read(response, limits.answer_bytes_max)
            return Answer(response.status, response.headers, content, (time.perf_counter() - began_s) * 1000)
    except asyncio.TimeoutError as error:  # noqa: UP041  # aiohttp's own time-outs derive from this name
        raise StoreUnavailable(f"did not answer within {limits.timeout_s:g} s") from error
    except (ClientError, OSError) as error:
        raise StoreUnavailable(f"cannot be reached: {type(error).__name__}: {error}") from error


async def _read(response: ClientResponse, answer_bytes_max: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_chunked(READ_CHUNK_BYTES):
        size += len(chunk)
        if size > answer_bytes_max:
            raise StoreUnavailable(f"answered more than {answer_bytes_max} bytes")
        chunks.append(chunk)
    return b"".join(chunks)

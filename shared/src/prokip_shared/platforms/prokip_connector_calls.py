"""Requests to a connector: each at its turn, with a token that is renewed once where it is not accepted, page by page."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Final, Protocol

import aiohttp

from prokip_shared.platforms import prokip_connector_wire as wire
from prokip_shared.platforms.prokip import InDoubt, Unavailable, Unusable
from prokip_shared.platforms.prokip_http import Answer, Bounds, exchange
from prokip_shared.platforms.prokip_tokens import TokenSource

PAGES_MAX: Final = 100_000
"""Of one list; beyond it the ERP's own count of pages cannot be true."""
PARSE_IN_THREAD_BYTES: Final = 256 * 1024
"""Above it a page is parsed beside the event loop, which must keep answering health checks."""


class Pace(Protocol):
    """Who may call the ERP when: all processes share what an account may ask of it."""

    def turn(self, wait_s_max: float) -> AbstractAsyncContextManager[None]:
        """One request is made inside. Entering waits for its turn; Unavailable where that is longer than the given
        time away, and then nothing is sent. An Unavailable or InDoubt that leaves it tells how the ERP is doing.
        """
        ...


class NoPace:
    """For a look at settings: a handful of requests, once."""

    def turn(self, wait_s_max: float) -> AbstractAsyncContextManager[None]:  # noqa: ARG002  # as Pace has it
        return nullcontext()


@dataclass(frozen=True, slots=True)
class ConnectorLimits:
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 60.0
    """For one page: large catalogues take an ERP a while."""
    post_timeout_s: float = 60.0
    """For a whole sale or return, from the call to its end. What comes before the request that changes something (its
    turn, a token, ids) has the first half; after that nothing is sent.
    """
    turn_wait_s_max: float = 120.0
    """For the turn of a read."""
    page_tries: int = 3
    """How often a page is asked for before a whole read fails."""
    page_pause_s: float = 1.0
    """Before a page is asked for again; longer where Prokip asked for that, up to turn_wait_s_max."""
    answer_bytes_max: int = 16 * 1024 * 1024


class ConnectorCalls:
    """The way to one account."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        api_url: str,
        tokens: TokenSource,
        pace: Pace,
        limits: ConnectorLimits,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._api_url = api_url.rstrip("/") + wire.API_PATH
        self._tokens = tokens
        self._pace = pace
        self._limits = limits
        self._monotonic = monotonic

    async def pages(
        self, request_of: Callable[[int], wire.Request], read: Callable[[Answer], wire.Rows] = wire.rows_of
    ) -> AsyncIterator[Sequence[Any]]:
        """The rows of a list, page by page; each page is fetched when it is asked for. Raises as `rows`."""
        async for found in self.counted_pages(request_of, read):
            yield found.rows

    async def counted_pages(
        self, request_of: Callable[[int], wire.Request], read: Callable[[Answer], wire.Rows] = wire.rows_of
    ) -> AsyncIterator[wire.Rows]:
        """As `pages`, with what the ERP tells of the whole list."""
        for page in range(1, PAGES_MAX + 1):
            found = await self.rows(request_of(page), read)
            if found.page not in {None, page}:
                raise Unusable(f"Prokip answers page {found.page} where page {page} was asked for.")
            yield found
            if found.is_last(page):
                return

    async def rows(self, request: wire.Request, read: Callable[[Answer], wire.Rows] = wire.rows_of) -> wire.Rows:
        """One page. A Prokip that is away or asks to wait is asked again, so that one failure does not end a long read.

        Raises NotAuthorised, Refused, Unavailable or Unusable.
        """
        tries_left = self._limits.page_tries
        while True:
            tries_left -= 1
            try:
                answer = await self.ask(request)
            except Unavailable as failure:
                pause_s = max(self._limits.page_pause_s, failure.retry_after_s or 0.0)
                if not tries_left or pause_s > self._limits.turn_wait_s_max:
                    raise
                await asyncio.sleep(pause_s)
            else:
                large = len(answer.body) > PARSE_IN_THREAD_BYTES
                return await asyncio.to_thread(read, answer) if large else read(answer)

    async def ask(self, request: wire.Request, *, deadline_s: float | None = None) -> Answer:
        """An answer that is neither an error nor a refusal by its status.

        A token that is not accepted is renewed and the request made again: nothing was done. `deadline_s` (monotonic)
        is for requests that change something and must have ended by then; they do not leave in its last half.
        Raises NotAuthorised, Refused or Unavailable, and for reads Unusable, for the others InDoubt.
        """
        token: str | None = None
        while True:
            async with self._pace.turn(self._turn_wait_s(deadline_s)):
                renewed = token is not None
                token = await (self._tokens.token() if token is None else self._tokens.renewed(token))
                answer = await self._exchange(request, token, deadline_s)
                if renewed or not wire.says_unauthenticated(answer):
                    wire.raise_unless_answered(request, answer)
                    return answer

    def _turn_wait_s(self, deadline_s: float | None) -> float:
        if deadline_s is None:
            return self._limits.turn_wait_s_max
        return max(0.0, self._left_s(deadline_s) - self._limits.post_timeout_s / 2)

    def _left_s(self, deadline_s: float) -> float:
        return deadline_s - self._monotonic()

    async def _exchange(self, request: wire.Request, token: str, deadline_s: float | None) -> Answer:
        limits = self._limits
        timeout_s = limits.read_timeout_s if deadline_s is None else self._left_s(deadline_s)
        if deadline_s is not None and timeout_s < limits.post_timeout_s / 2:
            raise Unavailable("It took too long until the request could be sent; nothing was done.")
        try:
            return await exchange(
                self._session,
                request.method,
                self._api_url + request.path,
                headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
                bounds=Bounds(limits.connect_timeout_s, timeout_s, limits.answer_bytes_max),
                query=request.query,
                body=request.body,
            )
        except InDoubt as failure:
            if request.writes:
                raise
            raise Unavailable(failure.words) from None

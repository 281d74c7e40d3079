"""The live feed: server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

import asyncio
from typing import Final

from aiohttp import web

from gateway.callers import CALLER
from gateway.handlers.shown import event_of
from gateway.keys import HUB, LIVE_EVENTS, SETTINGS
from gateway.live.hub import TooManyWatchers
from gateway.metrics import LIVE_ENDED
from gateway.models.base import Page
from gateway.models.live import EventsQuery, LiveEvent, RecentQuery
from gateway.routing import DOORKEEPER
from gateway.storage.live import StoredEvent
from prokip_shared.logs import Log
from prokip_shared.web.problems import Problem

PAGE_ROWS_MAX: Final = 200
RECONNECT_MS: Final = 2000
LAST_EVENT_ID: Final = "Last-Event-ID"
NUMBER_CHARS_MAX: Final = 18  # fits bigint
STREAM_HEADERS: Final = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx would hold events back
}

log = Log("events")


async def recent_events(request: web.Request, given: RecentQuery) -> Page[LiveEvent]:
    before = int(given.cursor) if given.cursor is not None else None
    rows = await request.app[LIVE_EVENTS].recent(request[CALLER].business_id, before=before, rows_max=given.limit)
    following = str(rows[-1].number) if len(rows) == given.limit else None
    return Page[LiveEvent](items=[event_of(row) for row in rows], next=following)


async def stream_events(request: web.Request, given: EventsQuery) -> web.StreamResponse:
    """Ends when the client is too slow, signs out, or the service stops; a client resumes where it was."""
    try:
        with request.app[HUB].watch(request[CALLER].business_id) as news:
            return await _stream(request, _resume_after(request, given), news)
    except TooManyWatchers as error:
        detail = "Too many live views are open; try again later."
        raise Problem(503, "Busy", code="live_busy", detail=detail, headers={"Retry-After": "30"}) from error


async def _stream(request: web.Request, resume_after: int | None, news: asyncio.Event) -> web.StreamResponse:
    events, settings, hub = request.app[LIVE_EVENTS], request.app[SETTINGS], request.app[HUB]
    business_id = request[CALLER].business_id
    known = await events.range(business_id)
    response = web.StreamResponse(headers=STREAM_HEADERS)
    await response.prepare(request)
    last = known.last_number if resume_after is None else resume_after
    try:
        await _send(request, response, f"retry: {RECONNECT_MS}\n\n")
        if not known.oldest_number - 1 <= last <= known.last_number:
            last = known.last_number
            await _send(request, response, f"id: {last}\nevent: gap\ndata: {{}}\n\n")
        while not hub.closing:
            news.clear()
            rows = await events.after(business_id, last, rows_max=PAGE_ROWS_MAX)
            if rows:
                await _send(request, response, "".join(_as_text(row) for row in rows))
                last = rows[-1].number
            if len(rows) == PAGE_ROWS_MAX:
                continue
            try:
                await asyncio.wait_for(news.wait(), settings.live_heartbeat_s)
            except TimeoutError:
                await request.app[DOORKEEPER].admit(request)
                await _send(request, response, ": still here\n\n")
    except (TimeoutError, ConnectionResetError) as error:
        LIVE_ENDED.labels("dropped").inc()
        log.info("live.client_dropped", business_id=business_id, cause=type(error).__name__)
    except Problem:
        LIVE_ENDED.labels("session over").inc()
        log.info("live.session_over", business_id=business_id)
    return response


async def _send(request: web.Request, response: web.StreamResponse, text: str) -> None:
    """Raises TimeoutError for a client that does not take it: nothing is kept for the slow."""
    async with asyncio.timeout(request.app[SETTINGS].live_send_timeout_s):
        await response.write(text.encode())


def _as_text(row: StoredEvent) -> str:
    data = event_of(row).model_dump_json(by_alias=True)
    return f"id: {row.number}\nevent: {row.kind}\ndata: {data}\n\n"


def _resume_after(request: web.Request, given: EventsQuery) -> int | None:
    header = request.headers.get(LAST_EVENT_ID, "")
    if header.isdecimal() and len(header) <= NUMBER_CHARS_MAX:
        return int(header)
    return given.after

"""Sync now: a round through poll, ledger and stores, to wait for or to look at later."""

from uuid import UUID

from aiohttp import web

from gateway.callers import CALLER
from gateway.domain.rounds import RoundReport, round_failure
from gateway.handlers.connections import find_connection, no_such_store
from gateway.handlers.shown import round_of
from gateway.keys import CONNECTIONS, ROUNDS, SETTINGS
from gateway.models.base import Message
from gateway.models.rounds import Round
from gateway.routing import respond
from gateway.storage.rounds import RoundRow, TooManyRounds
from prokip_shared.messages import utc_now
from prokip_shared.web.middleware import CORRELATION
from prokip_shared.web.problems import Problem


async def sync_and_wait(request: web.Request) -> Message:
    return await run_round(request, None)


async def start_sync(request: web.Request) -> web.Response:
    return _accepted(await start_round(request, None))


async def start_store_sync(request: web.Request) -> web.Response:
    row = await find_connection(request)
    if row.status == "disconnected":
        raise no_such_store()
    return _accepted(await start_round(request, row.id))


async def show_round(request: web.Request) -> Round:
    row = await request.app[ROUNDS].store.one(request[CALLER].business_id, UUID(request.match_info["id"]))
    if row is None:
        raise Problem(404, "No such round", code="round_not_found", detail="The business has no such round.")
    return round_of(row, now=utc_now())


async def run_round(request: web.Request, connection_id: int | None) -> Message:
    """Starts a round and answers when it is over. Raises Problem for everything but full success."""
    started = await start_round(request, connection_id)
    business_id = request[CALLER].business_id
    timeout_s = request.app[SETTINGS].sync_timeout_s
    ended = await request.app[ROUNDS].wait(business_id, started, timeout_s=timeout_s)
    if ended.state == "running":
        raise Problem(
            504,
            "Not done in time",
            code="sync_timed_out",
            detail=f"The sync was not done within {timeout_s:g} seconds; it goes on.",
            round=str(ended.id),
        )
    names = {row.id: row.store_name for row in await request.app[CONNECTIONS].of_business(business_id)}
    failure = round_failure(RoundReport(ended.state, ended.detail, ended.connections), names)
    if failure is not None:
        raise Problem(502, "Sync failed", code="sync_failed", detail=failure, round=str(ended.id))
    return Message(message="Sync completed successfully")


async def start_round(request: web.Request, connection_id: int | None) -> RoundRow:
    business_id = request[CALLER].business_id
    if await request.app[CONNECTIONS].prokip(business_id) is None:
        detail = "Set up Prokip first: there is nothing to sync with."
        raise Problem(409, "Prokip is not set up", code="prokip_not_configured", detail=detail)
    try:
        return await request.app[ROUNDS].store.start(
            business_id,
            connection_id,
            correlation_id=request[CORRELATION],
            running_max=request.app[SETTINGS].rounds_running_max,
        )
    except TooManyRounds as error:
        detail = "Several syncs are running already; wait until one of them is done."
        raise Problem(
            429, "Too many syncs", code="too_many_syncs", detail=detail, headers={"Retry-After": "10"}
        ) from error


def _accepted(row: RoundRow) -> web.Response:
    return respond(round_of(row, now=utc_now()), status=202, headers={"Location": f"/api/v1/sync/{row.id}"})

"""Reading and replaying parked messages: the functions, and the internal routes every service serves them under."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol
from uuid import UUID

import asyncpg
from aiohttp import web

from prokip_shared.bus.bundles import bundle_of
from prokip_shared.bus.outbox import Outbox
from prokip_shared.bus.port import Bundle
from prokip_shared.bus.storage import BusTables
from prokip_shared.database import Pool
from prokip_shared.logs import Log
from prokip_shared.web.internal import BUSINESS
from prokip_shared.web.problems import Problem

PAGE_ROWS_MAX: Final = 200
REPLAY_ROWS_MAX: Final = 1_000
FIRST_PLACE: Final = (datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0))

log = Log("parked")


class ParkedSource(Protocol):
    """What the internal routes serve: a service's parked messages, in whatever form it keeps them."""

    async def page(self, business_id: int, *, after: tuple[datetime, UUID]) -> Sequence[Mapping[str, Any]]:
        """At most PAGE_ROWS_MAX waiting ones, oldest first, that come after a place (parked_at, id)."""

    async def replay(self, business_id: int, parked_id: UUID) -> bool:
        """False: it is not waiting."""

    async def replay_all(self, business_id: int) -> int:
        """How many of the oldest waiting ones were replayed."""


class ParkedMessages:
    """What one service has parked. Business 0 owns those too broken to say whose they are."""

    def __init__(self, tables: BusTables, pool: Pool, outbox: Outbox) -> None:
        self._tables = tables
        self._pool = pool
        self._outbox = outbox

    async def page(
        self, business_id: int, *, after: tuple[datetime, UUID] = FIRST_PLACE, rows_max: int = PAGE_ROWS_MAX
    ) -> list[dict[str, Any]]:
        """Waiting messages, oldest first, that come after a place (parked_at, id)."""
        rows = await self._pool.fetch(self._tables.queries["list_parked"], business_id, *after, rows_max)
        return [dict(row) for row in rows]

    async def replay(self, business_id: int, parked_id: UUID) -> bool:
        """Moves one message to the outbox, addressed to its queue, with all its attempts again; False: not waiting."""
        return await self._replay("claim_parked", business_id, parked_id) == 1

    async def replay_all(self, business_id: int) -> int:
        """Replays the oldest waiting messages, at most REPLAY_ROWS_MAX, and returns how many."""
        return await self._replay("claim_all_parked", business_id, REPLAY_ROWS_MAX)

    async def _replay(self, claim: str, *arguments: object) -> int:
        async with self._pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(self._tables.queries[claim], *arguments)
            bundles = [replayed(row) for row in rows]
            await self._outbox.write_bundles(connection, bundles)
        self._outbox.hand_over(bundles)
        for row in rows:
            log.info("message.replayed", queue=row["queue"], parked_id=str(row["id"]))
        return len(rows)


def replayed(row: asyncpg.Record) -> Bundle:
    return bundle_of(row["type"], [row["body"].encode()], queue=row["queue"])


def parked_routes(parked: ParkedSource) -> Sequence[web.RouteDef]:
    """`GET /internal/parked`, `POST /internal/parked/{id}/replay` and `POST /internal/parked/replay` (all).

    The application needs the `require_business` middleware: the business comes from the internal token alone.
    """

    async def page(request: web.Request) -> web.Response:
        rows = await parked.page(request[BUSINESS], after=_place(request.query.get("after", "")))
        following = _name_of_place(rows[-1]) if len(rows) == PAGE_ROWS_MAX else None
        return web.json_response({"parked": [_as_json(row) for row in rows], "next": following})

    async def replay_one(request: web.Request) -> web.Response:
        try:
            parked_id = UUID(request.match_info["id"])
        except ValueError as error:
            raise Problem(404, "Not found", code="parked_not_found") from error
        if not await parked.replay(request[BUSINESS], parked_id):
            raise Problem(404, "Not found", code="parked_not_found", detail="It is not parked, or replayed already.")
        return web.json_response({"replayed": 1})

    async def replay_all(request: web.Request) -> web.Response:
        return web.json_response({"replayed": await parked.replay_all(request[BUSINESS])})

    return (
        web.get("/internal/parked", page),
        web.post("/internal/parked/replay", replay_all),
        web.post("/internal/parked/{id}/replay", replay_one),
    )


def _as_json(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "business_id": row["business_id"],
        "queue": row["queue"],
        "type": row["type"],
        "body": row["body"],
        "reason": row["reason"],
        "attempts": row["attempts"],
        "parked_at": row["parked_at"].isoformat(),
    }


def _name_of_place(row: Mapping[str, Any]) -> str:
    moment = row["parked_at"].astimezone(UTC).isoformat().replace("+00:00", "Z")  # a plus is a space in a query
    return f"{moment}_{row['id']}"


def _place(name: str) -> tuple[datetime, UUID]:
    """The place that `next` of an earlier page named; the beginning for an empty name."""
    if not name:
        return FIRST_PLACE
    moment, _, row_id = name.partition("_")
    try:
        parsed = datetime.fromisoformat(moment)
        place = (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC), UUID(row_id))
    except ValueError as error:
        raise Problem(
            400, "Bad request", code="bad_place", detail="`after` must be an earlier answer's `next`."
        ) from error
    return place

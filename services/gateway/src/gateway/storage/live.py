import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from gateway.domain.live import Happening
from prokip_shared.database import Connection, Pool, load_queries


@dataclass(frozen=True, slots=True)
class StoredEvent:
    number: int
    kind: str
    at: datetime
    body: dict[str, Any]
    """Everything that the API shows but number, kind and time."""


@dataclass(frozen=True, slots=True)
class EventRange:
    last_number: int
    oldest_number: int
    """The first that can still be read; last_number + 1 where none is kept."""


class LiveEvents:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = load_queries("gateway", "live.sql")

    async def store_names(self, connection: Connection, connection_ids: Sequence[int]) -> dict[int, str]:
        rows = await connection.fetch(self._queries["store_names"], connection_ids)
        return {row["id"]: row["store_name"] for row in rows}

    async def add(self, connection: Connection, happenings: Sequence[Happening]) -> None:
        """In the caller's transaction; businesses in ascending order, so that two batches cannot block each other."""
        by_business: defaultdict[int, list[Happening]] = defaultdict(list)
        for happening in happenings:
            by_business[happening.business_id].append(happening)
        for business_id, mine in sorted(by_business.items()):
            last = await connection.fetchval(self._queries["take_numbers"], business_id, len(mine))
            if last is None:  # no such business: nobody could ever read it
                continue
            await connection.execute(
                self._queries["add_events"],
                business_id,
                list(range(last - len(mine) + 1, last + 1)),
                [happening.kind for happening in mine],
                [happening.at for happening in mine],
                [json.dumps(happening.body()) for happening in mine],
            )
            await connection.execute(self._queries["tell_live_readers"], str(business_id))

    async def after(self, business_id: int, number: int, *, rows_max: int) -> list[StoredEvent]:
        return _events(await self._pool.fetch(self._queries["events_after"], business_id, number, rows_max))

    async def recent(self, business_id: int, *, before: int | None, rows_max: int) -> list[StoredEvent]:
        """Newest first."""
        return _events(await self._pool.fetch(self._queries["recent_events"], business_id, before, rows_max))

    async def range(self, business_id: int) -> EventRange:
        row = await self._pool.fetchrow(self._queries["event_range"], business_id)
        if row is None:
            return EventRange(0, 1)
        oldest = row["oldest_number"]
        return EventRange(row["last_number"], oldest if oldest is not None else row["last_number"] + 1)

    async def forget_old(self, *, events_kept_max: int) -> None:
        await self._pool.execute(self._queries["forget_old_events"], events_kept_max)


def _events(rows: Sequence[asyncpg.Record]) -> list[StoredEvent]:
    return [StoredEvent(row["number"], row["kind"], row["at"], json.loads(row["body"])) for row in rows]

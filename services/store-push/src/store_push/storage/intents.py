"""Writes that are about to leave."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from prokip_shared.arrays import array_literal
from prokip_shared.database import Pool, load_queries
from store_push.domain.decisions import PlannedWrite


@dataclass(slots=True)
class _Waiting:
    """The writes of one push."""

    writes: Sequence[PlannedWrite]
    at: datetime
    noted: bool = False


class IntentStorage:
    """Beside the claims' transactions, because it has to outlive those; so the pool must not be the claims' own.

    Pushes of many stores begin together. Those that come while a statement is under way share the next one and its flush.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = load_queries("store_push", "intents.sql")
        self._turn = asyncio.Lock()
        self._waiting: list[_Waiting] = []

    async def note(self, writes: Sequence[PlannedWrite], now: datetime) -> None:
        """Returns when a crash can no longer undo it; one round trip, or the one under way and another."""
        own = _Waiting(writes, now)
        self._waiting.append(own)
        try:
            async with self._turn:
                if not own.noted:
                    await self._note_all(own)
        finally:
            if not own.noted:
                self._waiting.remove(own)

    async def _note_all(self, own: _Waiting) -> None:
        """One that cannot be noted fails alone: whoever finds it among others goes on without them."""
        group = list(self._waiting)
        try:
            await self._store(group)
        except asyncpg.PostgresError:
            if len(group) == 1:
                raise
            group = [own]
            await self._store(group)
        for one in group:
            one.noted = True
        self._waiting = [one for one in self._waiting if not one.noted]

    async def _store(self, group: Sequence[_Waiting]) -> None:
        writes = [(write, one.at) for one in group for write in one.writes]
        await self._pool.execute(
            self._queries["note_intents"],
            array_literal([write.listing.listing_id for write, _ in writes]),
            array_literal([write.shows for write, _ in writes]),
            array_literal([write.listing.target_taken for write, _ in writes]),
            array_literal([at for _, at in writes]),
        )

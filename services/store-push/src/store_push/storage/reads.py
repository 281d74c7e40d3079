"""What the internal API shows, and the pruning of history."""

from typing import Final, TypeAlias

import asyncpg

from prokip_shared.database import Pool, load_queries

Row: TypeAlias = asyncpg.Record


PRUNE_ROWS_MAX: Final = 10_000


class ReadStorage:
    """What operators ask, and what is forgotten in time."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = load_queries("store_push", "reads.sql")
        self._rounds = load_queries("store_push", "rounds.sql")
        self._background = load_queries("store_push", "background.sql")

    async def listings(
        self,
        business_id: int,
        *,
        after_id: int,
        connection_id: int | None,
        state: str | None,
        search: str | None,
        rows_max: int,
    ) -> list[Row]:
        return await self._pool.fetch(
            self._queries["listings"], business_id, after_id, connection_id, state, search, rows_max
        )

    async def listings_of_sku(self, business_id: int, *, sku: str, location_id: str | None, rows_max: int) -> list[Row]:
        return await self._pool.fetch(self._queries["listings_of_sku"], business_id, sku, location_id, rows_max)

    async def due(self, business_id: int) -> list[Row]:
        return await self._pool.fetch(self._queries["due_by_connection"], business_id)

    async def pushes(
        self, business_id: int, *, before_id: int | None, sku: str | None, connection_id: int | None, rows_max: int
    ) -> list[Row]:
        return await self._pool.fetch(self._queries["pushes"], business_id, before_id, sku, connection_id, rows_max)

    async def drifts(
        self, business_id: int, *, before_id: int | None, connection_id: int | None, rows_max: int
    ) -> list[Row]:
        return await self._pool.fetch(self._queries["drifts"], business_id, before_id, connection_id, rows_max)

    async def connections(self, business_id: int) -> list[Row]:
        return await self._pool.fetch(self._queries["connections"], business_id)

    async def upkeep(self, business_id: int, connection_id: int) -> Row | None:
        return await self._pool.fetchrow(self._background["background_state"], business_id, connection_id)

    async def gauges(self) -> Row | None:
        return await self._pool.fetchrow(self._queries["gauges"])

    async def prune(self, *, retention_days: float) -> int:
        """Forgets a bounded number of old rows; returns how many."""
        statements = (self._queries["prune_pushes"], self._queries["prune_drift"], self._rounds["prune_rounds"])
        tags = [await self._pool.execute(statement, retention_days, PRUNE_ROWS_MAX) for statement in statements]
        return sum(int(tag.rpartition(" ")[2]) for tag in tags)

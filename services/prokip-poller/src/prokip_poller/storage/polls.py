"""Locations, what was read there and who waits for it."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from prokip_poller.domain.observations import LeftOut
from prokip_shared.database import Connection, Pool, load_queries


@dataclass(frozen=True, slots=True)
class LocationKey:
    business_id: int
    location_id: str


@dataclass(frozen=True, slots=True)
class FreeLocation:
    key: LocationKey
    sequence: int
    """Of the last read."""
    first_read_complete: bool
    left_out: Mapping[str, LeftOut]
    failures: int
    named: int
    """SKUs that the last read that was believed named."""
    due: bool
    """False: it is free to be read, but only a waiting round asks for it."""
    claimed_at: datetime
    """By the database's clock."""


@dataclass(frozen=True, slots=True)
class WaitingRound:
    round_id: UUID
    connection_id: int | None
    correlation_id: str


@dataclass(frozen=True, slots=True)
class ReadSummary:
    """What an operator sees of a location after a good read."""

    next_poll_in_s: float
    first_read_complete: bool
    skus: int | None
    """None: as it was, because this read is held."""
    skus_missing: int
    rows_without_sku: int
    left_out: Mapping[str, LeftOut]


class Polls:
    """Statements that read on their own take the pool; those that belong to a transaction take its connection."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = load_queries("prokip_poller", "polls.sql")

    async def ensure_locations(self, keys: Collection[LocationKey], connection: Connection | None = None) -> None:
        await (connection or self._pool).execute(self._queries["ensure_locations"], *_columns(keys))

    async def due_businesses(self, configured: Collection[LocationKey]) -> list[int]:
        rows = await self._pool.fetch(self._queries["due_businesses"], *_columns(configured))
        return [row["business_id"] for row in rows]

    async def lock_due(self, connection: Connection, business_id: int, places: Collection[str]) -> list[FreeLocation]:
        rows = await connection.fetch(self._queries["lock_due_locations"], business_id, list(places))
        return [
            FreeLocation(
                LocationKey(business_id, row["location_id"]),
                row["sequence"],
                row["first_read_complete"],
                {sku: LeftOut(**entry) for sku, entry in json.loads(row["left_out"]).items()},
                row["failures"],
                row["skus"],
                row["due"],
                row["claimed_at"],
            )
            for row in rows
        ]

    async def begin_read(
        self, connection: Connection, key: LocationKey, reader: UUID, *, lease_s: float, quiet_s: float
    ) -> None:
        await connection.execute(
            self._queries["begin_read"], key.business_id, key.location_id, reader, lease_s, quiet_s
        )

    async def extend_read(self, business_id: int, reader: UUID, *, lease_s: float) -> None:
        await self._pool.execute(self._queries["extend_read"], business_id, reader, lease_s)

    async def abandon_read(self, business_id: int, reader: UUID) -> None:
        await self._pool.execute(self._queries["abandon_read"], business_id, reader)

    async def rounds_of(self, connection: Connection, business_id: int) -> list[WaitingRound]:
        rows = await connection.fetch(self._queries["rounds_of_business"], business_id)
        return [WaitingRound(row["round_id"], row["connection_id"], row["correlation_id"]) for row in rows]

    async def hold_lease(self, connection: Connection, key: LocationKey, reader: UUID) -> bool:
        """False: the read took too long and another one has taken over; then nothing of it may be told."""
        place = (key.business_id, key.location_id)
        return await connection.fetchval(self._queries["hold_lease"], *place, reader) is not None

    async def finish_read(self, connection: Connection, due: FreeLocation, reader: UUID, summary: ReadSummary) -> None:
        left_out = {sku: {"reason": entry.reason, "reads": entry.reads} for sku, entry in summary.left_out.items()}
        await connection.execute(
            self._queries["finish_read"],
            due.key.business_id,
            due.key.location_id,
            reader,
            summary.next_poll_in_s,
            summary.first_read_complete,
            summary.skus,
            summary.skus_missing,
            summary.rows_without_sku,
            json.dumps(left_out),
            due.claimed_at,
        )

    async def fail_read(
        self,
        connection: Connection,
        key: LocationKey,
        reader: UUID,
        *,
        health: str,
        reason: str,
        retry_in_s: float,
        blocks: bool,
    ) -> None:
        """`blocks`: postings of the location wait as well."""
        place = (key.business_id, key.location_id)
        await connection.execute(self._queries["fail_read"], *place, reader, health, reason, retry_in_s, blocks)

    async def forget_rounds(self, connection: Connection, business_id: int, round_ids: Sequence[UUID]) -> None:
        if round_ids:
            await connection.execute(self._queries["forget_rounds"], business_id, round_ids)

    async def add_rounds(self, connection: Connection, rounds: Sequence[tuple[UUID, int, int | None, str]]) -> None:
        """Each: round id, business id, connection id, correlation id."""
        ids, businesses, connections, correlations = (list(column) for column in zip(*rounds, strict=True))
        await connection.execute(self._queries["add_rounds"], ids, businesses, connections, correlations)

    async def poll_soon(self, connection: Connection, business_ids: Collection[int]) -> None:
        await connection.execute(self._queries["poll_soon"], list(business_ids))

    async def read_soon(self, connection: Connection, key: LocationKey) -> None:
        await connection.execute(self._queries["read_soon"], key.business_id, key.location_id)

    async def forget_failures(self, connection: Connection, business_ids: Collection[int]) -> None:
        await connection.execute(self._queries["forget_failures"], list(business_ids))


def _columns(keys: Collection[LocationKey]) -> tuple[list[int], list[str]]:
    return [key.business_id for key in keys], [key.location_id for key in keys]

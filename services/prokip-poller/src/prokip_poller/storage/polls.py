"""Locations, what was read there and who waits for it."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from prokip_poller.domain.observations import Counter, LeftOut, OpenPostings, Pair
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
    due: bool
    """False: it is free to be read, but only a waiting round asks for it."""


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
    skus: int
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
                row["due"],
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

    async def open_postings(self, key: LocationKey) -> OpenPostings:
        rows = await self._pool.fetch(self._queries["open_postings"], key.business_id, key.location_id)
        return OpenPostings(
            posting=frozenset(row["sku"] for row in rows if row["outcome"] == "posting"),
            in_doubt=frozenset(row["sku"] for row in rows if row["outcome"] == "in_doubt"),
        )

    async def counter_moves(self, key: LocationKey) -> int:
        return int(await self._pool.fetchval(self._queries["counter_moves"], key.business_id, key.location_id))

    async def counters_of(self, key: LocationKey, skus: Collection[str]) -> dict[str, Counter]:
        rows = await self._pool.fetch(self._queries["counters_of"], key.business_id, key.location_id, list(skus))
        return {row["sku"]: Counter(row["units"], row["moved_at"]) for row in rows}

    async def sent_pairs(self, key: LocationKey, skus: Collection[str]) -> dict[str, Pair]:
        rows = await self._pool.fetch(self._queries["sent_pairs"], key.business_id, key.location_id, list(skus))
        return {row["sku"]: Pair(row["quantity"], row["recorded"]) for row in rows}

    async def count_sent(self, key: LocationKey) -> int:
        return int(await self._pool.fetchval(self._queries["count_sent"], key.business_id, key.location_id))

    async def untold(self, key: LocationKey, skus: Collection[str]) -> set[str]:
        if not skus:
            return set()
        rows = await self._pool.fetch(self._queries["untold"], key.business_id, key.location_id, list(skus))
        return {row["sku"] for row in rows}

    async def save_sent(
        self, connection: Connection, key: LocationKey, sequence: int, pairs: Mapping[str, Pair]
    ) -> None:
        if not pairs:
            return
        ordered = sorted(pairs.items())
        quantities: list[Decimal] = [pair.quantity for _, pair in ordered]
        recorded: list[Decimal] = [pair.recorded for _, pair in ordered]
        skus = [sku for sku, _ in ordered]
        await connection.execute(
            self._queries["save_sent"], key.business_id, key.location_id, sequence, skus, quantities, recorded
        )

    async def finish_read(self, connection: Connection, key: LocationKey, reader: UUID, summary: ReadSummary) -> bool:
        """False: the read took too long and another replica has taken over; then nothing of it may be told."""
        left_out = {sku: {"reason": entry.reason, "reads": entry.reads} for sku, entry in summary.left_out.items()}
        place = await connection.fetchval(
            self._queries["finish_read"],
            key.business_id,
            key.location_id,
            reader,
            summary.next_poll_in_s,
            summary.first_read_complete,
            summary.skus,
            summary.skus_missing,
            summary.rows_without_sku,
            json.dumps(left_out),
        )
        return place is not None

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
    ) -> bool:
        """False: as finish_read. `blocks`: postings of the location wait as well."""
        place = await connection.fetchval(
            self._queries["fail_read"], key.business_id, key.location_id, reader, health, reason, retry_in_s, blocks
        )
        return place is not None

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

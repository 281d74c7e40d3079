"""Claims, due listings and what became of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import asyncpg

from prokip_shared.arrays import array_literal
from prokip_shared.database import Connection, Pool, load_queries
from prokip_shared.messages import Platform
from prokip_shared.platforms.store import ItemKey
from store_push.domain.decisions import Settled
from store_push.domain.health import Health
from store_push.domain.listings import DueListing, Gap, Intent
from store_push.pusher import PushRecord

HISTORY_COLUMNS: Final = 12

LISTING_COLUMNS: Final = 17


@dataclass(frozen=True, slots=True)
class DueConnection:
    connection_id: int
    failing: bool
    ready_in_s: float


@dataclass(frozen=True, slots=True)
class Claim:
    """One connection, held by an advisory lock until its transaction ends."""

    connection_id: int
    business_id: int
    platform: Platform
    health: Health
    last_push_at: datetime | None
    claimed_at: datetime
    asks: bool = False
    """An operator decides about differences that nothing explains."""


class WorkStorage:
    """Claims, due listings and what became of them."""

    def __init__(self) -> None:
        self._queries = load_queries("store_push", "work.sql")

    async def due_connections(self, pool: Pool) -> list[DueConnection]:
        return [DueConnection(**row) for row in await pool.fetch(self._queries["due_connections"])]

    async def claim(self, connection: Connection, connection_id: int) -> Claim | None:
        """None: another worker has it, or it must be left alone."""
        row = await connection.fetchrow(self._queries["claim_connection"], connection_id)
        if row is None:
            return None
        health = Health(row["health"], row["health_since"], "", row["consecutive_failures"])
        return Claim(
            connection_id=row["connection_id"],
            business_id=row["business_id"],
            platform=row["platform"],
            health=health,
            last_push_at=row["last_push_at"],
            claimed_at=row["claimed_at"],
            asks=row["asks"],
        )

    async def due_listings(self, connection: Connection, connection_id: int, listings_max: int) -> list[DueListing]:
        rows = await connection.fetch(self._queries["due_listings"], connection_id, listings_max)
        return [_due_listing(row) for row in rows]

    async def record_results(
        self,
        connection: Connection,
        claim: Claim,
        records: Sequence[PushRecord],
        settled: Sequence[Settled],
        known: Sequence[int],
        now: datetime,
    ) -> None:
        """`known`: listings of which it is known now whether a write that was noted before it left happened."""
        history = _columns([_history_row(record) for record in records], HISTORY_COLUMNS)
        news = _columns([_listing_row(one, now) for one in settled], LISTING_COLUMNS)
        columns = map(array_literal, (*history, *news, known))
        await connection.execute(self._queries["record_results"], claim.business_id, claim.connection_id, now, *columns)

    async def record_drift(
        self, connection: Connection, claim: Claim, settled: Sequence[Settled], now: datetime
    ) -> None:
        rows = [
            (one.listing.listing_id, one.listing.sku, one.drift.expected, one.drift.shown, one.drift.cause)
            for one in settled
            if one.drift is not None
        ]
        if rows:
            columns = map(list, zip(*rows, strict=True))
            await connection.execute(
                self._queries["record_drift"], claim.business_id, claim.connection_id, now, *columns
            )

    async def record_questions(
        self, connection: Connection, claim: Claim, settled: Sequence[Settled], now: datetime
    ) -> None:
        """Differences that an operator is to decide about, and those that need no decision any more."""
        asked = [(one.listing, one.question) for one in settled if one.question is not None]
        if asked:
            rows = [
                (listing.listing_id, listing.sku, question.expected, question.shown, listing.target, question.cause)
                for listing, question in asked
            ]
            await connection.execute(
                self._queries["ask_differences"], claim.business_id, claim.connection_id, now, *_columns(rows, 6)
            )
        gone = [one.listing.listing_id for one in settled if one.listing.held and not one.held]
        if gone:
            await connection.execute(self._queries["close_differences"], gone, now)

    async def record_attempt(
        self, connection: Connection, connection_id: int, health: Health, *, pause_s: float, pushed: bool
    ) -> None:
        await connection.execute(
            self._queries["record_attempt"],
            connection_id,
            health.state,
            health.since,
            health.detail,
            health.consecutive_failures,
            pause_s,
            pushed,
        )


def _due_listing(row: asyncpg.Record) -> DueListing:
    gap = None if row["gap"] is None else Gap(row["gap"], row["gap_taken"], row["gap_since"])
    intent = None if row["shows"] is None else Intent(row["shows"], row["taken"], row["since"])
    return DueListing(
        listing_id=row["id"],
        key=ItemKey(row["item_ref"], row["parent_ref"], row["place_ref"]),
        sku=row["sku"],
        target=row["target"],
        target_revision=row["target_revision"],
        target_taken=row["target_taken"],
        correlation_id=row["correlation_id"],
        confirmed=row["confirmed"],
        confirmed_taken=row["confirmed_taken"],
        confirmed_revision=row["confirmed_revision"],
        confirmed_at=row["confirmed_at"],
        drifted_at=row["drifted_at"],
        must_read=row["must_read"],
        hinted=row["hinted"],
        hints=row["hints"],
        gap=gap,
        intent=intent,
        held=row["held"],
    )


def _columns(rows: Sequence[tuple[Any, ...]], count: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(count)]


def _history_row(record: PushRecord) -> tuple[Any, ...]:
    listing = record.listing
    return (
        listing.listing_id,
        listing.sku,
        listing.believed,
        record.shown,
        record.sent,
        record.answered,
        record.outcome,
        record.detail,
        listing.target_revision,
        record.answer_ms,
        record.window_ms,
        listing.correlation_id,
    )


def _listing_row(one: Settled, now: datetime) -> tuple[Any, ...]:
    listing, gap, fresh = one.listing, one.gap, one.confirmed_now
    return (
        listing.listing_id,
        one.state,
        one.reason,
        one.confirmed,
        listing.target_taken if fresh else listing.confirmed_taken,
        listing.target_revision if fresh else listing.confirmed_revision,
        now if fresh else listing.confirmed_at,
        listing.drifted_at if one.drift is None else now,
        one.look_at,
        one.look_at is not None,
        None if gap is None else gap.units,
        None if gap is None else gap.taken,
        None if gap is None else gap.since,
        listing.target_revision,
        listing.hints,
        listing.target,
        one.held,
    )

"""Postgres: rows in and out, one method a statement; no decisions here."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias
from uuid import UUID, uuid4

import asyncpg

from prokip_shared.database import Connection, Pool, load_queries
from prokip_shared.messages import LevelHintedV1, Platform, RoundPart
from prokip_shared.platforms.store import ItemKey
from store_push.domain.decisions import Settled, Swept
from store_push.domain.health import Health
from store_push.domain.listings import DueListing, Gap
from store_push.domain.matching import ListingDraft
from store_push.domain.rounds import ConnectionProgress, Round
from store_push.domain.sweeps import Sweep
from store_push.pusher import PushRecord

SAVE_ITEMS_MAX: Final = 5_000
PRUNE_ROWS_MAX: Final = 10_000

Row: TypeAlias = asyncpg.Record


@dataclass(frozen=True, slots=True)
class Target:
    """The newest word on one SKU."""

    business_id: int
    location_id: str
    sku: str
    available: Decimal | None
    target: int | None
    revision: int
    taken: dict[int, Decimal]
    correlation_id: str


@dataclass(frozen=True, slots=True)
class DueConnection:
    connection_id: int
    failing: bool
    ready_in_s: float


@dataclass(frozen=True, slots=True)
class Claim:
    """One connection, held by a row lock until its transaction ends."""

    connection_id: int
    business_id: int
    platform: Platform
    health: Health
    last_push_at: datetime | None
    claimed_at: datetime


@dataclass(frozen=True, slots=True)
class CatalogueClaim:
    connection_id: int
    business_id: int
    consecutive_failures: int
    claimed_at: datetime


@dataclass(frozen=True, slots=True)
class SubscriptionCheck:
    """One store whose webhooks are looked at, held by a row lock."""

    connection_id: int
    business_id: int
    consecutive_failures: int


@dataclass(frozen=True, slots=True)
class KnownConnection:
    """What store-push follows of a connection."""

    connection_id: int
    business_id: int
    platform: Platform
    location_id: str
    place_ref: str | None
    writable: bool
    active: bool


class TargetStorage:
    """What stock.changed and level.hinted leave behind."""

    def __init__(self) -> None:
        self._queries = load_queries("store_push", "targets.sql")

    async def enter_businesses(self, connection: Connection, business_ids: Sequence[int]) -> None:
        await connection.execute(self._queries["enter_businesses"], business_ids)

    async def save(self, connection: Connection, targets: Sequence[Target]) -> None:
        """Constant number of statements; targets are unique by business, location and SKU, and sorted so."""
        businesses = [target.business_id for target in targets]
        locations = [target.location_id for target in targets]
        skus = [target.sku for target in targets]
        available = [target.available for target in targets]
        quantities = [target.target for target in targets]
        revisions = [target.revision for target in targets]
        taken = [json.dumps({str(key): str(units) for key, units in target.taken.items()}) for target in targets]
        correlations = [target.correlation_id for target in targets]
        await connection.execute(
            self._queries["upsert_targets"],
            businesses, locations, skus, available, quantities, revisions, taken, correlations,
        )  # fmt: skip
        await connection.execute(self._queries["list_in_custom_stores"], businesses, locations, skus)
        await connection.execute(self._queries["wake_workers"])
        await connection.execute(
            self._queries["mark_due"], businesses, locations, skus, quantities, revisions, taken, correlations
        )

    async def note_hints(self, connection: Connection, hints: Sequence[LevelHintedV1], *, settle_s: float) -> None:
        await connection.execute(
            self._queries["note_hints"],
            [hint.connection_id for hint in hints],
            [hint.item_ref for hint in hints],
            [hint.place_ref for hint in hints],
            [None if hint.quantity is None else int(hint.quantity) for hint in hints],
            settle_s,
        )

    async def fill(self, connection: Connection, connection_id: int) -> None:
        """For listings that are new: the targets that are known already."""
        await connection.execute(self._queries["fill_targets"], connection_id)
        await connection.execute(self._queries["wake_workers"])

    async def wake_workers(self, connection: Connection) -> None:
        await connection.execute(self._queries["wake_workers"])


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
        )

    async def due_listings(self, connection: Connection, connection_id: int, listings_max: int) -> list[DueListing]:
        rows = await connection.fetch(self._queries["due_listings"], connection_id, listings_max)
        return [_due_listing(row) for row in rows]

    async def record_listings(self, connection: Connection, settled: Sequence[Settled], now: datetime) -> None:
        rows = [_listing_row(one, now) for one in settled]
        if rows:
            await connection.execute(self._queries["record_listings"], *map(list, zip(*rows, strict=True)))

    async def record_pushes(
        self, connection: Connection, claim: Claim, records: Sequence[PushRecord], now: datetime
    ) -> None:
        rows = [
            (
                record.listing.listing_id, record.listing.sku, record.listing.believed, record.shown, record.sent,
                record.answered, record.outcome, record.detail, record.listing.target_revision, record.answer_ms,
                record.window_ms, record.listing.correlation_id,
            )
            for record in records
        ]  # fmt: skip
        if rows:
            columns = map(list, zip(*rows, strict=True))
            await connection.execute(
                self._queries["record_pushes"], claim.business_id, claim.connection_id, now, *columns
            )

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


def _due_listing(row: Row) -> DueListing:
    gap = None if row["gap"] is None else Gap(row["gap"], row["gap_taken"], row["gap_since"])
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
    )


class ConnectionStorage:
    """The copy of the directory that claims and rounds work on."""

    def __init__(self) -> None:
        self._queries = load_queries("store_push", "connections.sql")

    async def known(self, connection: Connection) -> dict[int, KnownConnection]:
        rows = await connection.fetch(self._queries["known_connections"])
        return {row["connection_id"]: KnownConnection(**row) for row in rows}

    async def save(self, connection: Connection, records: Sequence[KnownConnection]) -> None:
        await connection.execute(
            self._queries["save_connections"],
            [record.connection_id for record in records],
            [record.business_id for record in records],
            [record.platform for record in records],
            [record.location_id for record in records],
            [record.place_ref for record in records],
            [record.writable for record in records],
            [record.active for record in records],
        )

    async def start_catalogue_reads(self, connection: Connection, connection_ids: Sequence[int]) -> None:
        await connection.execute(self._queries["start_catalogue_reads"], connection_ids)
        await connection.execute(self._queries["wake_readers"])

    async def forgive(self, connection: Connection, connection_ids: Sequence[int]) -> None:
        await connection.execute(self._queries["forgive_connections"], connection_ids)

    async def forget(self, connection: Connection, connection_ids: Sequence[int]) -> None:
        await connection.execute(self._queries["forget_connections"], connection_ids)

    async def move_listings(self, connection: Connection, connection_id: int, location_id: str) -> None:
        await connection.execute(self._queries["move_listings"], connection_id, location_id)

    async def list_whole_location(self, connection: Connection, connection_id: int) -> None:
        await connection.execute(self._queries["list_whole_location"], connection_id)

    async def lock_business_listings(self, connection: Connection, business_id: int) -> None:
        await connection.execute(self._queries["lock_business_listings"], business_id)


class CatalogueStorage:
    """Catalogues that are due, and what they said."""

    def __init__(self) -> None:
        self._queries = load_queries("store_push", "catalogue.sql")

    async def next_in_s(self, pool: Pool) -> float | None:
        wait_s: float | None = await pool.fetchval(self._queries["next_catalogue_in_s"])
        return wait_s

    async def claim(self, connection: Connection) -> CatalogueClaim | None:
        row = await connection.fetchrow(self._queries["claim_catalogue"])
        return None if row is None else CatalogueClaim(**row)

    async def save_items(
        self, connection: Connection, claim: CatalogueClaim, drafts: Sequence[ListingDraft], *, settle_s: float
    ) -> None:
        """Part of a catalogue, at most SAVE_ITEMS_MAX drafts."""
        await connection.execute(
            self._queries["save_items"],
            claim.connection_id,
            claim.claimed_at,
            [draft.key.item_ref for draft in drafts],
            [draft.key.parent_ref for draft in drafts],
            [draft.key.place_ref for draft in drafts],
            [draft.sku for draft in drafts],
            [draft.held_by for draft in drafts],
            [draft.state for draft in drafts],
            [draft.reason for draft in drafts],
            [draft.quantity for draft in drafts],
            settle_s,
        )

    async def mark_gone(self, connection: Connection, connection_id: int, item_refs: Sequence[str]) -> None:
        await connection.execute(self._queries["mark_gone"], connection_id, item_refs)

    async def done(self, connection: Connection, claim: CatalogueClaim, *, items: int, next_in_s: float) -> None:
        await connection.execute(
            self._queries["catalogue_done"], claim.connection_id, next_in_s, claim.claimed_at, items
        )

    async def failed(self, connection: Connection, claim: CatalogueClaim, *, error: str, next_in_s: float) -> None:
        await connection.execute(
            self._queries["catalogue_failed"], claim.connection_id, next_in_s, error, claim.claimed_at
        )


class SweepStorage:
    """How far the orders of each store have been read."""

    def __init__(self) -> None:
        self._queries = load_queries("store_push", "sweeps.sql")

    async def start(self, connection: Connection, starts: Mapping[int, datetime]) -> None:
        """For connections that have no sweep yet: from when on, by the store's clock."""
        await connection.execute(self._queries["start_sweeps"], list(starts), list(starts.values()))

    async def want(self, connection: Connection, connection_ids: Sequence[int]) -> None:
        await connection.execute(self._queries["want_sweeps"], connection_ids)

    async def next_in_s(self, pool: Pool, *, pause_s_min: float) -> float | None:
        wait_s: float | None = await pool.fetchval(self._queries["next_sweep_in_s"], pause_s_min)
        return wait_s

    async def claim(self, connection: Connection, *, pause_s_min: float) -> Sweep | None:
        """An unfinished sweep goes on where it was."""
        row = await connection.fetchrow(self._queries["claim_sweep"], pause_s_min)
        if row is None:
            return None
        goes_on = row["cursor"] is not None
        return Sweep(
            connection_id=row["connection_id"],
            business_id=row["business_id"],
            location_id=row["location_id"],
            connected_at=row["connected_at"],
            swept_to=row["swept_to"],
            cursor=row["cursor"],
            sweeping_to=row["sweeping_to"],
            consecutive_failures=row["consecutive_failures"],
            begun_at=row["begun_at"] if goes_on else row["claimed_at"],
            correlation_id=uuid4().hex,
            orders=row["orders"] if goes_on else 0,
            unreadable=row["unreadable"] if goes_on else 0,
        )

    async def done(self, connection: Connection, sweep: Sweep, *, next_in_s: float) -> None:
        await connection.execute(
            self._queries["sweep_done"],
            sweep.connection_id,
            sweep.sweeping_to,
            next_in_s,
            sweep.begun_at,
            sweep.orders,
            sweep.unreadable,
        )

    async def pause(
        self, connection: Connection, sweep: Sweep, *, next_in_s: float, failures: int, error: str | None
    ) -> None:
        await connection.execute(
            self._queries["sweep_paused"],
            sweep.connection_id,
            sweep.cursor,
            sweep.sweeping_to,
            next_in_s,
            failures,
            sweep.begun_at,
            sweep.orders,
            sweep.unreadable,
            error,
        )

    async def last_complete(self, connection: Connection, connection_id: int) -> Swept | None:
        row = await connection.fetchrow(self._queries["last_complete_sweep"], connection_id)
        return None if row is None else Swept(row["complete_from"], row["complete_at"])


class SubscriptionStorage:
    """When each store's webhooks are looked at, and what was found."""

    def __init__(self) -> None:
        self._queries = load_queries("store_push", "subscriptions.sql")

    async def start(self, connection: Connection, connection_ids: Sequence[int], *, first_in_s: float) -> None:
        """For connections that are not looked after yet."""
        await connection.execute(self._queries["start_subscription_checks"], connection_ids, first_in_s)

    async def next_in_s(self, pool: Pool) -> float | None:
        wait_s: float | None = await pool.fetchval(self._queries["next_subscription_check_in_s"])
        return wait_s

    async def claim(self, connection: Connection) -> SubscriptionCheck | None:
        row = await connection.fetchrow(self._queries["claim_subscription_check"])
        return None if row is None else SubscriptionCheck(**row)

    async def done(
        self, connection: Connection, check: SubscriptionCheck, restored: Sequence[str], *, next_in_s: float
    ) -> None:
        await connection.execute(
            self._queries["subscription_check_done"], check.connection_id, next_in_s, list(restored)
        )

    async def failed(self, connection: Connection, check: SubscriptionCheck, *, error: str, next_in_s: float) -> None:
        await connection.execute(self._queries["subscription_check_failed"], check.connection_id, next_in_s, error)


class RoundStorage:
    def __init__(self) -> None:
        self._queries = load_queries("store_push", "rounds.sql")

    async def request(
        self, connection: Connection, round_id: UUID, business_id: int, connection_id: int | None
    ) -> None:
        await connection.execute(self._queries["request_round"], round_id, business_id, connection_id)

    async def note_parts(self, connection: Connection, parts: Sequence[tuple[int, RoundPart]]) -> None:
        """Pairs of business id and part."""
        await connection.execute(
            self._queries["note_parts"],
            [part.round_id for _, part in parts],
            [business_id for business_id, _ in parts],
            [part.connection_id for _, part in parts],
            [part.part for _, part in parts],
            [part.parts for _, part in parts],
        )

    async def wake(self, connection: Connection) -> None:
        await connection.execute(self._queries["wake_rounds"])

    async def any_under_way(self, pool: Pool) -> bool:
        return bool(await pool.fetchval(self._queries["rounds_under_way"]))

    async def open(self, connection: Connection) -> list[Round]:
        """Locked until the transaction ends."""
        return [Round(**row) for row in await connection.fetch(self._queries["open_rounds"])]

    async def progress(self, connection: Connection, one: Round) -> list[ConnectionProgress]:
        rows = await connection.fetch(
            self._queries["round_connections"], one.business_id, one.connection_id, one.requested_at
        )
        return [ConnectionProgress(**{**row, "attempted": bool(row["attempted"])}) for row in rows]

    async def end(self, connection: Connection, round_id: UUID) -> None:
        await connection.execute(self._queries["end_round"], round_id)


class ReadStorage:
    """What operators ask, and what is forgotten in time."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = load_queries("store_push", "reads.sql")
        self._rounds = load_queries("store_push", "rounds.sql")

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

    async def gauges(self) -> Row | None:
        return await self._pool.fetchrow(self._queries["gauges"])

    async def prune(self, *, retention_days: float) -> int:
        """Forgets a bounded number of old rows; returns how many."""
        statements = (self._queries["prune_pushes"], self._queries["prune_drift"], self._rounds["prune_rounds"])
        tags = [await self._pool.execute(statement, retention_days, PRUNE_ROWS_MAX) for statement in statements]
        return sum(int(tag.rpartition(" ")[2]) for tag in tags)

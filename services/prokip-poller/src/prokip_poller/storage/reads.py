"""What the pages of a read are compared with, and what is kept of what it found."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal
from uuid import UUID

import asyncpg

from prokip_poller.domain.guard import Rule, Tally
from prokip_poller.domain.observations import After, Before, Change, Counter, Known, OpenPostings, Pair
from prokip_poller.storage.polls import LocationKey
from prokip_shared.arrays import array_literal
from prokip_shared.database import Connection, Pool, load_queries
from prokip_shared.platforms.prokip import Goods, StockPage

ReadState = Literal["reading", "applied", "held", "released", "refused", "replaced", "passed", "undone", "reconsidered"]
FIRST_SKU = ""


@dataclass(frozen=True, slots=True)
class Look:
    """What is held around one page at the moment it is there."""

    after: After
    moves: int
    special: Mapping[str, int | None]
    """SKUs that are to be judged, with their number; of all others the pair is what was sent."""
    numbers: Sequence[int]
    """Of the page's SKUs that have been told."""
    left_alone_numbers: Sequence[int]
    left_alone_differ: Sequence[str]
    goods_differ: Sequence[str]

    @property
    def as_before(self) -> Before:
        """A look at one page comes before the next one is asked for."""
        return Before(self.moves, self.after.open)


@dataclass(frozen=True, slots=True)
class Counted:
    """What a read has collected so far."""

    known: int
    left_alone: int
    still_held: int
    """SKUs that a read held before would change and this one leaves out; they count as before."""
    still_held_zeroed: int
    changes: int
    never_told: int
    changed: int
    zeroed: int


@dataclass(frozen=True, slots=True)
class HeldRead:
    read_id: int
    same: bool
    """Whether the newer read says the same of the SKUs that it does not leave out."""


@dataclass(frozen=True, slots=True)
class ReadKey:
    read_id: int
    key: LocationKey


class Reads:
    """Statements that read on their own take the pool; those that belong to a transaction take its connection."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = load_queries("prokip_poller", "reads.sql")

    async def look_around(self, key: LocationKey) -> Before:
        (row,) = await self._pool.fetch(self._queries["look_around"], key.business_id, key.location_id)
        return Before(row["moves"], _open(row))

    async def look_at_page(self, key: LocationKey, read_id: int | None, before: Before, page: StockPage) -> Look:
        """An array may end where only NULLs would follow: what is nearly never there then costs nothing."""
        skus = [*page.quantities, *page.left_alone, *page.unusable]
        goods = [page.goods.get(sku) for sku in skus] if page.goods else ()
        left_alone = [*[None] * len(page.quantities), *page.left_alone.values()] if page.left_alone else ()
        (row,) = await self._pool.fetch(
            self._queries["look_at_page"],
            key.business_id,
            key.location_id,
            read_id,
            array_literal(skus),
            array_literal([str(quantity) for quantity in page.quantities.values()]),
            array_literal(left_alone),
            array_literal([one and one.product_id for one in goods]),
            array_literal([one and one.variation_id for one in goods]),
            [*before.open.posting, *before.open.in_doubt],
            before.moves,
        )
        return Look(
            after=After(_open(row), _known(row)),
            moves=row["moves"],
            special=dict(zip(row["skus"] or (), row["sku_numbers"] or (), strict=True)),
            numbers=row["numbers"] or (),
            left_alone_numbers=row["left_alone_numbers"] or (),
            left_alone_differ=row["left_alone_differ"] or (),
            goods_differ=row["goods_differ"] or (),
        )

    async def save_goods(self, business_id: int, goods: Mapping[str, Goods]) -> None:
        products = [one.product_id for one in goods.values()]
        variations = [one.variation_id for one in goods.values()]
        await self._pool.execute(self._queries["save_goods"], business_id, list(goods), products, variations)

    async def save_left_alone(self, key: LocationKey, reasons: Mapping[str, str]) -> None:
        place = (key.business_id, key.location_id)
        await self._pool.execute(self._queries["save_left_alone"], *place, list(reasons), list(reasons.values()))

    async def forget_left_alone(self, key: LocationKey, skus: Collection[str]) -> None:
        await self._pool.execute(self._queries["forget_left_alone"], key.business_id, key.location_id, list(skus))

    async def left_alone_numbers(self, key: LocationKey) -> list[int]:
        rows = await self._pool.fetch(self._queries["left_alone_numbers"], key.business_id, key.location_id)
        return [row["number"] for row in rows]

    async def forget_left_alone_numbers(self, key: LocationKey, numbers: Sequence[int]) -> None:
        place = (key.business_id, key.location_id)
        await self._pool.execute(self._queries["forget_left_alone_numbers"], *place, numbers)

    async def forget_cut_off(self, connection: Connection, key: LocationKey) -> None:
        await connection.execute(self._queries["forget_cut_off_reads"], key.business_id, key.location_id)

    async def open_read(self, key: LocationKey, sequence: int, reader: UUID) -> int | None:
        """None: the lease is gone."""
        place = (key.business_id, key.location_id)
        read_id: int | None = await self._pool.fetchval(self._queries["open_read"], *place, sequence, reader)
        return read_id

    async def add_read(self, connection: Connection, key: LocationKey, sequence: int) -> int:
        """A read that is held although it changes nothing."""
        place = (key.business_id, key.location_id)
        return int(await connection.fetchval(self._queries["add_read"], *place, sequence))

    async def collect_changes(self, read_id: int, business_id: int, changes: Mapping[str, Change]) -> bool:
        """False: another replica has taken over."""
        befores = [change.before for change in changes.values()]
        try:
            await self._pool.execute(
                self._queries["collect_changes"],
                read_id,
                business_id,
                list(changes),
                [before and before.quantity for before in befores],
                [before and before.recorded for before in befores],
                [change.after.quantity for change in changes.values()],
                [change.after.recorded for change in changes.values()],
            )
        except asyncpg.ForeignKeyViolationError:
            return False
        return True

    async def drop_changes(self, read_id: int, skus: Collection[str]) -> None:
        await self._pool.execute(self._queries["drop_changes"], read_id, list(skus))

    async def count(self, key: LocationKey, read_id: int | None, left_out: Collection[str]) -> Counted:
        place = (key.business_id, key.location_id)
        (row,) = await self._pool.fetch(self._queries["tally"], *place, read_id, list(left_out))
        return Counted(**row)

    async def untold(self, key: LocationKey, skus: Collection[str]) -> set[str]:
        if not skus:
            return set()
        rows = await self._pool.fetch(self._queries["untold"], key.business_id, key.location_id, list(skus))
        return {row["sku"] for row in rows}

    async def held_read(
        self, connection: Connection, key: LocationKey, newer: int | None, left_out: Collection[str]
    ) -> HeldRead | None:
        place = (key.business_id, key.location_id)
        row = await connection.fetchrow(self._queries["held_read"], *place, newer, list(left_out))
        return None if row is None else HeldRead(row["read_id"], row["same"])

    async def changes_to_tell(
        self, connection: Connection, read_id: int, *, after: str, items_max: int, only_unmoved: bool
    ) -> list[tuple[str, Pair]]:
        rows = await connection.fetch(self._queries["changes_to_tell"], read_id, after, items_max, only_unmoved)
        return _pairs(rows)

    async def sent(
        self, connection: Connection, key: LocationKey, *, after: str, items_max: int
    ) -> list[tuple[str, Pair]]:
        """What was last sent of a location's SKUs, or is being sent now."""
        rows = await connection.fetch(self._queries["sent"], key.business_id, key.location_id, after, items_max)
        return _pairs(rows)

    async def changes_to_undo(
        self, connection: Connection, read: ReadKey, *, after: str, items_max: int
    ) -> list[tuple[str, Pair]]:
        place = (read.key.business_id, read.key.location_id)
        rows = await connection.fetch(self._queries["changes_to_undo"], *place, read.read_id, after, items_max)
        return _pairs(rows)

    async def keep_only_moved(self, connection: Connection, read_id: int) -> None:
        await connection.execute(self._queries["keep_only_moved"], read_id)

    async def save_sent(
        self, connection: Connection, key: LocationKey, sequence: int, pairs: Sequence[tuple[str, Pair]]
    ) -> None:
        quantities: list[Decimal] = [pair.quantity for _, pair in pairs]
        recorded: list[Decimal] = [pair.recorded for _, pair in pairs]
        skus = [sku for sku, _ in pairs]
        place = (key.business_id, key.location_id)
        await connection.execute(self._queries["save_sent"], *place, sequence, skus, quantities, recorded)

    async def end_read(
        self, connection: Connection, read_id: int, state: ReadState, rules: Sequence[Rule], tally: Tally
    ) -> None:
        counts = (tally.known, tally.named, tally.changed, tally.zeroed, tally.named_before)
        await connection.execute(self._queries["end_read"], read_id, state, rules, *counts)

    async def end_held_read(self, connection: Connection, read_id: int, state: ReadState) -> None:
        await connection.execute(self._queries["end_held_read"], read_id, state)

    async def forget_read(self, read_id: int, connection: Connection | None = None) -> None:
        await (connection or self._pool).execute(self._queries["forget_read"], read_id)

    async def lift(self, connection: Connection, key: LocationKey, skus: Collection[str]) -> None:
        await connection.execute(self._queries["lift"], key.business_id, key.location_id, list(skus))

    async def location_of(self, connection: Connection, business_id: int, read_id: int) -> LocationKey | None:
        """None: the business has no such read."""
        place = await connection.fetchval(self._queries["location_of_read"], business_id, read_id)
        return None if place is None else LocationKey(business_id, place)

    async def lock_state(self, connection: Connection, business_id: int, read_id: int) -> ReadState | None:
        state: ReadState | None = await connection.fetchval(self._queries["lock_read"], business_id, read_id)
        return state

    async def fence(self, connection: Connection, key: LocationKey) -> int:
        """The sequence of the decision."""
        sequence: int = await connection.fetchval(self._queries["fence"], key.business_id, key.location_id)
        return sequence

    async def decide_read(
        self, connection: Connection, read_id: int, state: ReadState, sequence: int | None = None
    ) -> None:
        await connection.execute(self._queries["decide_read"], read_id, state, sequence)

    async def accept_named(self, connection: Connection, read_id: int) -> None:
        await connection.execute(self._queries["accept_named"], read_id)

    async def hold_back_changes(self, connection: Connection, read: ReadKey, *, only_told: bool) -> int:
        """How many SKUs; `only_told`: those whose base of the read is what was told last."""
        place = (read.key.business_id, read.key.location_id)
        return len(await connection.fetch(self._queries["hold_back_changes"], *place, read.read_id, only_told))

    async def let_through(self, connection: Connection, read: ReadKey) -> int:
        rows = await connection.fetch(self._queries["let_through"], read.key.business_id, read.read_id)
        return len(rows)

    async def forget_old_reads(self, *, kept_s: float, reads_max: int) -> None:
        await self._pool.execute(self._queries["forget_old_reads"], kept_s, reads_max)


def _open(row: asyncpg.Record) -> OpenPostings:
    return OpenPostings(posting=frozenset(row["posting"]), in_doubt=frozenset(row["in_doubt"]))


def _known(row: asyncpg.Record) -> dict[str, Known]:
    columns = ("skus", "quantities", "recorded", "units", "moved_at", "found_quantities", "found_recorded", "held_back")
    rows = zip(*(row[column] or () for column in columns), strict=True)
    return {
        sku: Known(
            counter=Counter(units, moved_at),
            sent=None if quantity is None else Pair(quantity, recorded),
            found=None if found_quantity is None else Pair(found_quantity, found_recorded),
            held_back=held_back,
        )
        for sku, quantity, recorded, units, moved_at, found_quantity, found_recorded, held_back in rows
    }


def _pairs(rows: Sequence[asyncpg.Record]) -> list[tuple[str, Pair]]:
    return [(row["sku"], Pair(row["quantity"], row["recorded"])) for row in rows]

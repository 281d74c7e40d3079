"""The ledger's rows as values: what is held, what a batch decides, nothing that reads or writes.

msgspec's structs rather than dataclasses or named tuples, because a batch makes tens of thousands of them: they are
made in a third of the time, and the garbage collector need not know of them (none can refer to itself).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal

from msgspec import Struct

from inventory.domain.gaps import GapHour, Gaps, Told
from prokip_shared.messages import RoundPart

ZERO: Final = Decimal(0)

MovementReason = Literal["sale", "cancel", "return", "edit", "holder", "prokip"]
SaleStanding = Literal["none", "due", "recorded", "in_doubt", "refused", "return_unsupported"]
StockRole = Literal[
    "bundle",  # is made of others: has no stock of its own while Prokip tells none
    "part",  # others are made of it
]


class OrderKey(Struct, frozen=True, order=True, gc=False):
    business_id: int
    connection_id: int
    order_ref: str


class StockKey(Struct, frozen=True, order=True, gc=False):
    """Sorted like the rows are locked: business, SKU, location."""

    business_id: int
    sku: str
    location_id: str


class LocationKey(Struct, frozen=True, order=True, gc=False):
    business_id: int
    location_id: str


class HolderKey(Struct, frozen=True, order=True, gc=False):
    business_id: int
    connection_id: int
    sku: str


class Part(Struct, frozen=True, order=True, gc=False):
    """One of the SKUs that a bundle is made of."""

    sku: str
    quantity: Decimal
    """Units of it in one bundle; above zero."""


Recipe = tuple[Part, ...]
"""What one bundle is made of, sorted by SKU; empty: it is no bundle."""


class HeldPart(Struct, frozen=True, gc=False):
    """A part of a bundle that was sold, as the recipe had it when the order was first seen with it."""

    sku: str
    quantity: Decimal
    """Units of it in one bundle."""
    unmatched: Decimal = ZERO
    """Units of it taken while Prokip did not hold it: logged, not counted."""


class HeldLine(Struct, frozen=True, gc=False):
    line_ref: str
    sku: str | None
    """The newest SKU that the store named; never forgotten again."""
    stock_sku: str | None
    """The SKU whose stock the line counts against: its own, or the one that holds its stock."""
    ordered: Decimal
    taken: Decimal
    baseline: Decimal
    """Units taken before the store was connected; Prokip's number already knows them or never will."""
    unmatched: Decimal
    """Units taken while Prokip did not hold the SKU: logged, not counted."""
    unit_price: Decimal | None
    sku_at: datetime | None
    """The version that named the SKU, where that is older than the order's; None: the order's own version."""
    parts: tuple[HeldPart, ...] = ()
    """Where `stock_sku` is a bundle: the stock that the line takes in its place."""

    @property
    def counted(self) -> Decimal:
        """Units of the line inside the stock's taken total; of a bundle: how many of it were sold."""
        return self.taken - self.baseline - self.unmatched

    def counted_of(self, part: HeldPart) -> Decimal:
        """Units of one part inside that part's taken total."""
        return (self.taken - self.baseline) * part.quantity - part.unmatched


class HeldOrder(Struct, frozen=True, gc=False):
    key: OrderKey
    location_id: str
    """Where its units were taken at first sight; a connection that moves later does not move old sales."""
    order_number: str
    status: str
    modified_at: datetime | None
    sold_at: datetime
    needs_sweep: bool
    """Two different contents came with one version: only reading the store again can tell."""
    revision: int
    due_revision: int
    """The revision of the last `sale.due`; 0 while nothing was ever due."""
    sale_state: SaleStanding
    lines: tuple[HeldLine, ...]
    former_skus: tuple[str, ...]
    """SKUs that were due in Prokip for this order and that no line counts against any more."""
    told: Told | None = None
    """Who told of its newest state; None: it was told before that was remembered."""


class StockRow(Struct, frozen=True, gc=False):
    key: StockKey
    base: Decimal
    taken: Decimal
    """By all orders, also as part of a bundle."""
    taken_by_connection: Mapping[int, Decimal]
    """By which each store has lowered its own number: what it sold as a bundle stands at the bundle's SKU instead."""
    revision: int
    observed_sequence: int | None
    """None: Prokip has never told a quantity."""
    quantity: Decimal | None
    recorded: Decimal | None
    observed_at: datetime | None
    role: StockRole | None = None
    """In bundles; None: it is in none, and nobody has to look for any."""

    @property
    def matched(self) -> bool:
        return self.observed_sequence is not None

    @property
    def available(self) -> Decimal:
        return self.base - self.taken


def new_stock(key: StockKey) -> StockRow:
    """A SKU at its first mention."""
    return StockRow(key, ZERO, ZERO, {}, 0, None, None, None, None)


class Movement(Struct, frozen=True, gc=False):
    key: StockKey
    revision: int
    """The stock's revision that this movement made."""
    reason: MovementReason
    connection_id: int | None
    order_ref: str | None
    delta: Decimal
    balance_after: Decimal
    correlation_id: str


@dataclass(frozen=True, slots=True)
class Known:
    """What is held of everything that a batch of orders names, except the stock itself."""

    orders: Mapping[OrderKey, HeldOrder] = field(default_factory=dict)
    """Under lock."""
    holders: Mapping[HolderKey, str] = field(default_factory=dict)
    """The SKU that holds the stock of a connection's SKU; cannot change while the connections are shared."""
    untold: Mapping[StockKey, bool] = field(default_factory=dict)
    """SKUs that Prokip has not told, and whether it has told the whole location: then it does not know them.

    Not under lock: whoever locks the stock later has to see whether it still holds.
    """
    recipes: Mapping[StockKey, Recipe] = field(default_factory=dict)
    """What the bundles among the untold SKUs are made of; not under lock either."""


class Bundle(Struct, frozen=True, gc=False):
    """A SKU that is made of others, at one location."""

    key: StockKey
    parts: Recipe

    def part_keys(self) -> list[StockKey]:
        return [StockKey(self.key.business_id, part.sku, self.key.location_id) for part in self.parts]


class Step(Struct, frozen=True, gc=False):
    """By how much one order moves one SKU's stock."""

    key: StockKey
    units: Decimal
    """Taken in addition to what was; below zero: given back; zero: the SKU is only mentioned."""
    reason: MovementReason
    connection_id: int
    order_ref: str
    correlation_id: str
    shown: Decimal
    """By how much the store lowers the SKU's own number; less than `units` for what it sold as a bundle."""


class DueLine(Struct, frozen=True, gc=False):
    key: StockKey
    units: Decimal
    """As Prokip should know them: a state, never below zero."""
    unit_price: Decimal | None


class Due(Struct, frozen=True, gc=False):
    """What Prokip should know of one order."""

    order: HeldOrder
    lines: Sequence[DueLine]
    correlation_id: str


@dataclass(frozen=True, slots=True)
class Count:
    """What a batch of orders changes, by what the orders alone tell: steps, not balances."""

    new_orders: Sequence[HeldOrder]
    changed_orders: Sequence[HeldOrder]
    settled: Sequence[tuple[Sequence[Step], Due | None]]
    """For each change of an order, in the sequence in which they came about."""
    passed_over: frozenset[StockKey]
    """SKUs whose sales were counted at their holders, because Prokip has not told them."""
    gaps: Sequence[tuple[GapHour, Gaps]] = ()
    """What the observations add to the counts of their stores' webhooks, sorted by hour."""

    def stock_keys(self) -> set[StockKey]:
        """The stock that is moved, mentioned or named to Prokip."""
        keys = {step.key for steps, _ in self.settled for step in steps}
        keys.update([line.key for _, due in self.settled if due is not None for line in due.lines])
        return keys


class SaleLine(Struct, frozen=True, gc=False):
    """One SKU's share of `sale.due`, field by field as it travels."""

    sku: str
    units: Decimal
    unit_price: Decimal | None
    stock_revision: int


class SaleDue(Struct, frozen=True, gc=False):
    order: HeldOrder
    lines: list[SaleLine]
    correlation_id: str


class StockItem(Struct, frozen=True, gc=False):
    """One SKU's share of `stock.changed`, field by field as it travels."""

    sku: str
    available: Decimal | None
    revision: int
    taken: Mapping[int, Decimal]
    correlation_id: str


class StockChanged(Struct, frozen=True, gc=False):
    location: LocationKey
    items: list[StockItem]
    correlation_id: str
    round: RoundPart | None = None


class CountedOrder(Struct, frozen=True, gc=False):
    """One word of a sweep on one order, field by field as it travels."""

    order_ref: str
    observed_at: datetime


class SweptOrders(Struct, frozen=True, gc=False):
    """What sweeps told of some orders of one store and location, once it is counted."""

    connection_id: int
    location: LocationKey
    correlation_id: str
    orders: list[CountedOrder]
    skus: set[str]
    """That these orders count against, or did before."""

    def stock_keys(self) -> list[StockKey]:
        return [StockKey(self.location.business_id, sku, self.location.location_id) for sku in sorted(self.skus)]


class StockOversold(Struct, frozen=True, gc=False):
    key: StockKey
    available: Decimal
    correlation_id: str


@dataclass(frozen=True, slots=True)
class Decision:
    """Stock to write as it is, why it is so, and what to say after the commit."""

    stock: Sequence[StockRow]
    movements: Sequence[Movement]
    changes: Sequence[StockChanged]
    due: Sequence[SaleDue]
    oversold: Sequence[StockOversold]

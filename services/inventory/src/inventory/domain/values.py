"""The ledger's rows as values: what is held, what a batch decides, nothing that reads or writes.

Named tuples rather than dataclasses because a batch makes thousands of them and they are cheap to make.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal, NamedTuple

from prokip_shared.messages import Message

ZERO: Final = Decimal(0)

MovementReason = Literal["sale", "cancel", "return", "edit", "holder", "prokip"]
SaleStanding = Literal["none", "due", "recorded", "in_doubt", "refused", "return_unsupported"]


class OrderKey(NamedTuple):
    business_id: int
    connection_id: int
    order_ref: str


class StockKey(NamedTuple):
    """Sorted like the rows are locked: business, SKU, location."""

    business_id: int
    sku: str
    location_id: str


class LocationKey(NamedTuple):
    business_id: int
    location_id: str


class HolderKey(NamedTuple):
    business_id: int
    connection_id: int
    sku: str


class HeldLine(NamedTuple):
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

    @property
    def counted(self) -> Decimal:
        """Units of the line inside the stock's taken total."""
        return self.taken - self.baseline - self.unmatched


class HeldOrder(NamedTuple):
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


class StockRow(NamedTuple):
    key: StockKey
    base: Decimal
    taken: Decimal
    taken_by_connection: Mapping[int, Decimal]
    revision: int
    observed_sequence: int | None
    """None: Prokip has never told a quantity."""
    quantity: Decimal | None
    recorded: Decimal | None
    observed_at: datetime | None

    @property
    def matched(self) -> bool:
        return self.observed_sequence is not None

    @property
    def available(self) -> Decimal:
        return self.base - self.taken


def new_stock(key: StockKey) -> StockRow:
    """A SKU at its first mention."""
    return StockRow(key, ZERO, ZERO, {}, 0, None, None, None, None)


class Movement(NamedTuple):
    key: StockKey
    revision: int
    """The stock's revision that this movement made."""
    at: datetime
    reason: MovementReason
    connection_id: int | None
    order_ref: str | None
    delta: Decimal
    balance_after: Decimal
    correlation_id: str


@dataclass(frozen=True, slots=True)
class Held:
    """What the database holds, under lock, of everything that a batch names."""

    orders: Mapping[OrderKey, HeldOrder] = field(default_factory=dict)
    stock: Mapping[StockKey, StockRow] = field(default_factory=dict)
    holders: Mapping[HolderKey, str] = field(default_factory=dict)
    """The SKU that holds the stock of a connection's SKU."""
    complete_locations: frozenset[LocationKey] = frozenset()
    """Locations that Prokip has told completely: there, a SKU never told is unknown to it."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Rows to write as they are, and what to say after the commit."""

    new_orders: Sequence[HeldOrder]
    changed_orders: Sequence[HeldOrder]
    stock: Sequence[StockRow]
    movements: Sequence[Movement]
    messages: Sequence[Message]

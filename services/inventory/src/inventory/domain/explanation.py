"""Why a SKU has the quantity that it has, in parts that add up."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from inventory.domain.values import ZERO, HeldOrder, OrderKey, SaleStanding, StockRow

SETTLED_STATES: Final = frozenset({"none", "recorded"})
"""Of Prokip's side nothing is open: it knows the order's newest state, or need not."""


@dataclass(frozen=True, slots=True)
class HoldingOrder:
    connection_id: int
    order_ref: str
    order_number: str
    status: str
    units: Decimal
    sale_state: SaleStanding
    """Whether Prokip knows of it already: then the units are inside `recorded` too."""

    @property
    def open(self) -> bool:
        return self.sale_state not in SETTLED_STATES


@dataclass(frozen=True, slots=True)
class Explanation:
    """`quantity + recorded = base`, `base - taken = available`, and the orders' units add up to `taken`."""

    quantity: Decimal | None
    """Q: what Prokip answered; None while it has never told this SKU, and then the base is 0."""
    recorded: Decimal | None
    """R: units that Prokip had been told were sold by us when it answered."""
    base: Decimal
    taken: Decimal
    available: Decimal
    orders: tuple[HoldingOrder, ...]
    earlier_orders_units: Decimal
    """Units of the orders that are not listed, because others moved the SKU more recently."""

    @property
    def open_units(self) -> Decimal:
        """Units of the listed orders whose newest state Prokip does not know, or is not known to know."""
        return sum((order.units for order in self.orders if order.open), ZERO)

    @property
    def adds_up(self) -> bool:
        told = self.quantity is None or self.recorded is None or self.quantity + self.recorded == self.base
        listed = sum((order.units for order in self.orders), self.earlier_orders_units)
        return told and listed == self.taken and self.base - self.taken == self.available


def explain(row: StockRow, orders: Iterable[HeldOrder], *, orders_max: int) -> Explanation:
    """`orders`: those that may hold units of the SKU, the ones that moved it first, newest first; one may come twice.

    Those that hold units now are listed, the open ones before those that Prokip knows, so that none of them is cut off
    by settled ones.
    """
    holding: dict[OrderKey, HoldingOrder] = {}
    for order in orders:
        units = sum((line.counted for line in order.lines if line.stock_sku == row.key.sku), ZERO)
        if units and order.location_id == row.key.location_id:
            key = order.key
            holding[key] = HoldingOrder(
                key.connection_id, key.order_ref, order.order_number, order.status, units, order.sale_state
            )
    listed = tuple(sorted(holding.values(), key=lambda order: not order.open)[:orders_max])
    return Explanation(
        row.quantity,
        row.recorded,
        row.base,
        row.taken,
        row.available,
        listed,
        row.taken - sum((order.units for order in listed), ZERO),
    )

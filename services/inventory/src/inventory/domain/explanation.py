"""Why a SKU has the quantity that it has, in parts that add up."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from inventory.domain.bundles import made_of, units_made
from inventory.domain.values import ZERO, HeldOrder, OrderKey, Recipe, SaleStanding, StockRow

SETTLED_STATES: Final = frozenset({"none", "recorded"})
"""Of Prokip's side nothing is open: it knows the order's newest state, or need not."""


@dataclass(frozen=True, slots=True)
class HoldingOrder:
    connection_id: int
    order_ref: str
    order_number: str
    status: str
    units: Decimal
    bundle_units: Decimal
    """Of these, those that were sold as part of a bundle."""
    bundle_skus: tuple[str, ...]
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
    def bundle_units(self) -> Decimal:
        """Units of the listed orders that were sold as part of a bundle: the stores lowered the bundle's number by them."""
        return sum((order.bundle_units for order in self.orders), ZERO)

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
        sold = _sold_of(order, row.key.sku)
        units = sum(sold.values(), ZERO)
        if units and order.location_id == row.key.location_id:
            key = order.key
            bundles = {sku: sold[sku] for sku in sorted(sold.keys() - {row.key.sku})}
            holding[key] = HoldingOrder(
                key.connection_id,
                key.order_ref,
                order.order_number,
                order.status,
                units,
                sum(bundles.values(), ZERO),
                tuple(bundles),
                order.sale_state,
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


def _sold_of(order: HeldOrder, sku: str) -> dict[str, Decimal]:
    """Units of the SKU in the order, by the SKU that the customer bought: its own, or a bundle's."""
    sold: dict[str, Decimal] = {}
    for line in order.lines:
        if line.stock_sku is None:
            continue
        if line.parts:
            units = sum((line.counted_of(part) for part in line.parts if part.sku == sku), ZERO)
        else:
            units = line.counted if line.stock_sku == sku else ZERO
        if units:
            sold[line.stock_sku] = sold.get(line.stock_sku, ZERO) + units
    return sold


@dataclass(frozen=True, slots=True)
class PartStock:
    """One part of a bundle, and how many bundles it makes."""

    sku: str
    quantity: Decimal
    """Units of it in one bundle."""
    available: Decimal | None
    makes: Decimal | None
    """Whole bundles, rounded down; None: the part has no quantity."""
    least: bool
    """It decides how many bundles there are."""


@dataclass(frozen=True, slots=True)
class BundleExplanation:
    """A bundle's quantity: the least of what its parts make."""

    available: Decimal | None
    parts: tuple[PartStock, ...]


def explain_bundle(recipe: Recipe, available: Mapping[str, Decimal | None]) -> BundleExplanation:
    """`available`: of each part; a missing one has no quantity."""
    made = made_of(recipe, available.get)
    parts = []
    for part in recipe:
        has = available.get(part.sku)
        makes = None if has is None else units_made(has, part.quantity)
        parts.append(PartStock(part.sku, part.quantity, has, makes, part.sku == made.least))
    return BundleExplanation(made.available, tuple(parts))

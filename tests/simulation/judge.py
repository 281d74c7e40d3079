"""What is true, kept by the world itself and compared with what the system under test made of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tests.simulation.shops import Order, Shop

if TYPE_CHECKING:
    from tests.simulation.world import World

REFERENCE: Final = re.compile(r"^sync-(\d+)-(\d+)-")


@dataclass(slots=True)
class Row:
    """The fault plan's row; sums over histories, but for the last two, of which the worst is kept."""

    attempted: int = 0
    acknowledged: int = 0
    applied_once: int = 0
    lost: int = 0
    duplicated: int = 0
    parked: int = 0
    oversold: int = 0
    wrong_pushes: int = 0
    wrong_in_window: int = 0
    max_lag_s: float = 0.0
    recovered_after_s: float = 0.0

    def add(self, other: "Row") -> None:
        for name in self.__dataclass_fields__:
            mine, its = getattr(self, name), getattr(other, name)
            setattr(self, name, max(mine, its) if name.endswith("_s") else mine + its)


@dataclass(frozen=True, slots=True)
class Basis:
    """What a write to a store is about."""

    target: int
    known: int
    """Units of the store's own sales that the target takes into account."""
    first: bool
    """Nothing was ever confirmed there: the first number is written over whatever the store shows."""
    believed: int | None = None
    """What the store is held to show; None: nothing that it shows could be a surprise."""


@dataclass(frozen=True, slots=True)
class ShopRule:
    """What a merchant wants one store to show differently from what there is."""

    buffer: int
    shown_max: int | None


NO_RULE: Final = ShopRule(0, None)


@dataclass(slots=True)
class Judge:
    world: "World"
    row: Row = field(default_factory=Row)
    wrong: list[str] = field(default_factory=list)
    """What must never be, in words."""
    _since_s: dict[str, float] = field(default_factory=dict)

    # told by the world as it happens

    def sold(self, shop: Shop, sku: str, units: int) -> None:
        if not self.world.connected:
            return
        true = self.true_stock(sku)
        if units > 0 and true < 0:
            self.row.oversold += min(units, int(-true))
        self.stock_changed(sku)

    def base_changed(self, sku: str) -> None:
        self.row.attempted += 1
        self.stock_changed(sku)

    def order_changed(self, shop: Shop, order: Order) -> None:
        """Orders are counted at the end."""

    def written(self, shop: Shop, sku: str, before: int, quantity: int) -> None:
        """A write is wrong where it gives back units that the store itself has sold.

        What other stores have sold and nobody could know yet is no fault of the write; it shows as lag and oversell. A
        quantity that a person edited says nothing about sales.
        """
        basis = self.world.system.basis(shop, sku)
        if basis is not None and sku not in shop.edited:
            untold = shop.taken[sku] - basis.known
            if basis.first:
                self._first_number(shop, sku, untold)
            if untold > 0 and quantity > max(0, basis.target - untold):
                self._wrong_push(shop, sku, f"{before} -> {quantity} gives back {untold} sold there", basis)
        self.stock_changed(sku)

    def looked_at(self, shop: Shop, sku: str) -> None:
        """A first look that shows the target hides as a first write does: there is nothing to compare it with and nothing
        to write.
        """
        basis, shown = self.world.system.basis(shop, sku), shop.stock[sku]
        if basis is None or not basis.first or sku in shop.edited:
            return
        if shown == basis.target and basis.believed in {None, shown}:
            self._first_number(shop, sku, shop.taken[sku] - basis.known)

    def _first_number(self, shop: Shop, sku: str, untold: int) -> None:
        if untold > 0:
            shop.hidden.add(sku)
        if untold < 0:
            shop.brought_back.add(sku)

    def _wrong_push(self, shop: Shop, sku: str, what: str, basis: Basis) -> None:
        self.world.note(f"{shop.name} {sku}: {what}")
        if not shop.compare_and_set or sku in shop.hidden:
            self.row.wrong_in_window += 1
            return
        self.row.wrong_pushes += 1
        if self.world.steady or self.world.scenario.strict:
            self.wrong.append(f"{shop.name} {sku}: {what}" + (", although nothing broke" if self.world.steady else ""))

    def recorded(self, reference: str) -> None:
        """At no moment does Prokip hold more units of an order than the order ever had, not even to give some back."""
        if self.world.scenario.frozen:
            return
        connection_id, order_ref = key = order_of(reference)
        shop = next(shop for shop in self.world.shops if shop.connection_id == connection_id)
        most = shop.orders[order_ref].most
        for sku, units in self.told_of()[key].items():
            if units > most.get(sku, 0):
                self.wrong.append(f"prokip holds {units} {sku} of order {order_ref} of {shop.name}, at most {most}")

    def stock_changed(self, sku: str) -> None:
        """Keeps the time for which a SKU is not right everywhere."""
        if not self.world.connected:
            return
        now = self.world.loop.time()
        if self.right_everywhere(sku):
            since = self._since_s.pop(sku, None)
            if since is not None:
                self.row.max_lag_s = max(self.row.max_lag_s, now - since)
        else:
            self._since_s.setdefault(sku, now)

    # what is true

    def true_stock(self, sku: str) -> Decimal:
        return self.world.erp.base[sku] - sum(shop.taken[sku] for shop in self.world.shops)

    def should_show(self, sku: str, shop: Shop) -> int:
        rule = self.world.rules.get(shop.connection_id, NO_RULE)
        units = max(0, int(self.true_stock(sku)) - rule.buffer)
        return units if rule.shown_max is None else min(units, rule.shown_max)

    def right_everywhere(self, sku: str) -> bool:
        return all(shop.stock[sku] == self.should_show(sku, shop) for shop in self.world.shops)

    def told_of(self) -> dict[tuple[int, int], dict[str, Decimal]]:
        """Units that Prokip holds as sold, by order and SKU."""
        told: dict[tuple[int, int], dict[str, Decimal]] = {}
        for sold in self.world.erp.sales.values():
            units = told.setdefault(order_of(sold.reference), {})
            for sku, number in sold.kept().items():
                units[sku] = units.get(sku, Decimal(0)) + number
        return told

    # at the end

    def settled(self) -> bool:
        """Stores and Prokip are where they should be."""
        if not all(self.right_everywhere(sku) for sku in self.world.erp.base):
            return False
        told = self.told_of()
        return all(
            _same(told.get((shop.connection_id, order.order_ref), {}), order.taken())
            for shop in self.world.shops
            for order in shop.orders.values()
            if not order.before_connection
        )

    def conclude(self) -> Row:
        row, world = self.row, self.world
        told = self.told_of()
        wrong_skus = set()
        for sku in world.erp.base:
            for shop in world.shops:
                wanted = self.should_show(sku, shop)
                row.lost += shop.stock[sku] > wanted
                row.duplicated += shop.stock[sku] < wanted
                if shop.stock[sku] != wanted:
                    wrong_skus.add(sku)
        row.applied_once += sum(number for sku, number in world.erp.changes.items() if sku not in wrong_skus)
        row.acknowledged += sum(world.erp.seen.values())
        for shop in world.shops:
            for order in shop.orders.values():
                if not order.before_connection:
                    self._count(order, told.get((shop.connection_id, order.order_ref), {}))
        row.parked += world.system.parked()
        return row

    def _count(self, order: Order, told: Mapping[str, Decimal]) -> None:
        taken = order.taken()
        fewer = any(told.get(sku, 0) < units for sku, units in taken.items())
        more = any(units > taken.get(sku, 0) for sku, units in told.items())
        self.row.attempted += 1
        self.row.acknowledged += order.heard
        self.row.lost += fewer
        self.row.duplicated += more
        self.row.applied_once += not fewer and not more


def order_of(reference: str) -> tuple[int, int]:
    """Connection and order."""
    match = REFERENCE.match(reference)
    if match is None:
        raise AssertionError(f"a sale of nobody's: {reference}")
    return int(match[1]), int(match[2])


def _same(told: Mapping[str, Decimal], taken: Mapping[str, int]) -> bool:
    return {sku: units for sku, units in told.items() if units} == {sku: units for sku, units in taken.items() if units}

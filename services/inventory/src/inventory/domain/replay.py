"""The ledger once more, in memory: what the same messages come to by the same rules, and where that differs."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from inventory.domain.bundles import recipe_of
from inventory.domain.holders import changed_holders, told_holders
from inventory.domain.observations import apply_observations, completed_locations, observed_stock_keys
from inventory.domain.observed import OrderObserved, as_observed
from inventory.domain.orders import (
    count_orders,
    count_standing,
    named_skus,
    order_key,
    recipe_part_keys,
    recount_orders,
    stock_keys,
)
from inventory.domain.shelves import move_stock
from inventory.domain.snapshots import Uncountable
from inventory.domain.values import (
    ZERO,
    Count,
    Decision,
    HeldOrder,
    HolderKey,
    Known,
    LocationKey,
    OrderKey,
    Recipe,
    StockKey,
    StockRow,
    new_stock,
)
from prokip_shared.messages import (
    BundleChangedV1,
    Message,
    Observation,
    OrderObservedV1,
    ProkipObservedV1,
    StockHoldersObservedV1,
)

MOVING_TYPES: Final[Mapping[str, type[Message]]] = {
    message.model_fields["type"].default: message
    for message in (OrderObservedV1, ProkipObservedV1, StockHoldersObservedV1, BundleChangedV1)
}
"""The messages that move stock, or change what orders take of it; all others only tell of it."""


class Difference(NamedTuple):
    """One figure of a SKU that is not what its history comes to."""

    key: StockKey
    figure: str
    expected: Decimal | None
    held: Decimal | None


class Replay:
    """A ledger of one business, fed with messages in the order in which they were applied.

    `keeps_orders=False` is for a run in which every order is heard once: then memory does not grow with the orders.
    """

    def __init__(self, *, keeps_orders: bool = True) -> None:
        self.stock: dict[StockKey, StockRow] = {}
        self._orders: dict[OrderKey, HeldOrder] = {}
        self._holders: dict[HolderKey, str] = {}
        self._recipes: dict[tuple[int, str], Recipe] = {}
        self._complete: set[LocationKey] = set()
        self._keeps_orders = keeps_orders

    def hear(self, message: Message, at: datetime) -> None:
        """Others than those that move stock change nothing, and neither does one that the ledger parks."""
        try:
            self._apply(message, at)
        except Uncountable:
            return
        if isinstance(message, ProkipObservedV1):
            self._complete |= completed_locations((message,))

    def hear_standing(self, order: HeldOrder) -> None:
        """What an order holds now, however it came to that."""
        self._settle(count_standing(order))

    def _apply(self, message: Message, at: datetime) -> None:
        match message:
            case OrderObservedV1():
                order = as_observed(message)
                held = self._orders.get(order_key(order))
                known = self._known(() if held is None else (held,), (order,))
                self._settle(count_orders(known, (order,)))
            case ProkipObservedV1():
                self._keep_stock(apply_observations(self._stock(observed_stock_keys((message,))), (message,), at))
            case StockHoldersObservedV1():
                changed = changed_holders(self._holders, told_holders((message,)))
                self._holders.update(changed)
                orders = [order for order in self._orders.values() if _names_one_of(order, changed.keys())]
                self._settle(recount_orders(self._known(orders, ()), message.correlation_id))
            case BundleChangedV1():
                parts = {part.sku: part.quantity for part in message.parts}
                self._recipes[message.business_id, message.sku] = recipe_of(parts)
            case _:
                pass

    def _known(self, orders: Sequence[HeldOrder], messages: Sequence[OrderObserved]) -> Known:
        named = named_skus(orders, messages) if self._holders else ()
        holders = {key: self._holders[key] for key in named if key in self._holders}
        known = Known({order.key: order for order in orders}, holders)
        untold = self._untold(stock_keys(known, messages))
        recipes = {key: self._recipes.get((key.business_id, key.sku), ()) for key in untold}
        known = replace(known, recipes={key: recipe for key, recipe in recipes.items() if recipe})
        return replace(known, untold=untold | self._untold(recipe_part_keys(known)))

    def _untold(self, keys: Iterable[StockKey]) -> dict[StockKey, bool]:
        return {
            key: LocationKey(key.business_id, key.location_id) in self._complete
            for key in keys
            if key not in self.stock or not self.stock[key].matched
        }

    def _settle(self, count: Count) -> None:
        self._keep_stock(move_stock(self._stock(count.stock_keys()), count))
        if self._keeps_orders:
            self._orders.update((order.key, order) for order in (*count.new_orders, *count.changed_orders))

    def _stock(self, keys: Iterable[StockKey]) -> dict[StockKey, StockRow]:
        return {key: self.stock.get(key) or new_stock(key) for key in keys}

    def _keep_stock(self, decision: Decision) -> None:
        self.stock.update((row.key, row) for row in decision.stock)


def _names_one_of(order: HeldOrder, named: Collection[HolderKey]) -> bool:
    key = order.key
    return any(
        line.sku is not None and HolderKey(key.business_id, key.connection_id, line.sku) in named
        for line in order.lines
    )


def newest_reading(row: StockRow) -> ProkipObservedV1 | None:
    """What Prokip last told of a SKU, as it was told; None while it has told nothing."""
    if row.observed_sequence is None or row.quantity is None or row.recorded is None:
        return None
    return ProkipObservedV1(
        business_id=row.key.business_id,
        location_id=row.key.location_id,
        sequence=row.observed_sequence,
        items=(Observation(sku=row.key.sku, quantity=row.quantity, recorded=row.recorded),),
        first_read_complete=False,
    )


def differences(held: StockRow, expected: StockRow | None) -> Iterator[Difference]:
    """Where a stock row is not what a replay came to. No row and a row that never counted anything are the same."""
    wanted = expected or new_stock(held.key)
    connections = sorted(held.taken_by_connection.keys() | wanted.taken_by_connection.keys())
    figures: list[tuple[str, Decimal | None, Decimal | None]] = [
        (
            f"taken by connection {connection_id}",
            wanted.taken_by_connection.get(connection_id, ZERO),
            held.taken_by_connection.get(connection_id, ZERO),
        )
        for connection_id in connections
    ]
    figures += [
        ("taken", wanted.taken, held.taken),
        ("quantity", wanted.quantity, held.quantity),
        ("recorded", wanted.recorded, held.recorded),
        ("base", wanted.base, held.base),
        ("available", wanted.available, held.available),
    ]
    for figure, should, has in figures:
        if should != has:
            yield Difference(held.key, figure, should, has)

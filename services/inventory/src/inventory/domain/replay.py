"""The ledger once more, in memory: what the same messages come to by the same rules, and where that differs."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from inventory.domain.holders import changed_holders, told_holders
from inventory.domain.observations import apply_observations, completed_locations, observed_stock_keys
from inventory.domain.observed import OrderObserved, as_observed
from inventory.domain.orders import count_orders, named_skus, order_key, recount_orders, stock_keys
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
    StockKey,
    StockRow,
    new_stock,
)
from prokip_shared.messages import (
    Message,
    Observation,
    OrderLine,
    OrderObservedV1,
    OrderSnapshot,
    ProkipObservedV1,
    StockHoldersObservedV1,
)

MOVING_TYPES: Final[Mapping[str, type[Message]]] = {
    message.model_fields["type"].default: message
    for message in (OrderObservedV1, ProkipObservedV1, StockHoldersObservedV1)
}
"""The messages that move stock; all others only tell of it."""


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
            case _:
                pass

    def _known(self, orders: Sequence[HeldOrder], messages: Sequence[OrderObserved]) -> Known:
        named = named_skus(orders, messages) if self._holders else ()
        holders = {key: self._holders[key] for key in named if key in self._holders}
        known = Known({order.key: order for order in orders}, holders)
        untold = {
            key: LocationKey(key.business_id, key.location_id) in self._complete
            for key in stock_keys(known, messages)
            if key not in self.stock or not self.stock[key].matched
        }
        return replace(known, untold=untold)

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


def as_message(order: HeldOrder, at: datetime) -> OrderObservedV1:
    """The newest state of an order as a store would tell it that knows what is counted, and where."""
    return OrderObservedV1(
        business_id=order.key.business_id,
        connection_id=order.key.connection_id,
        location_id=order.location_id,
        source="sweep",
        observed_at=at,
        predates_connection=False,
        order=OrderSnapshot(
            order_ref=order.key.order_ref,
            order_number=order.order_number,
            status=order.status,
            created_at=order.sold_at,
            modified_at=order.modified_at,
            lines=tuple(
                OrderLine(line_ref=line.line_ref, sku=line.stock_sku, ordered=line.ordered, taken=line.counted)
                for line in order.lines
            ),
        ),
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

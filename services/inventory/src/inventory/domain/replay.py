"""The ledger once more, in memory: what the same messages come to by the same rules, and where that differs."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from inventory.domain.holders import changed_holders, told_holders
from inventory.domain.observations import apply_observations, completed_locations
from inventory.domain.orders import apply_orders, recount_orders
from inventory.domain.snapshots import Uncountable
from inventory.domain.values import (
    ZERO,
    Decision,
    Held,
    HeldOrder,
    HolderKey,
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
            decision = self._decide(message, at)
        except Uncountable:
            return
        if decision is not None:
            self._keep(decision)
        if isinstance(message, ProkipObservedV1):
            self._complete |= completed_locations((message,))

    def _decide(self, message: Message, at: datetime) -> Decision | None:
        match message:
            case OrderObservedV1():
                return apply_orders(self._held(), (message,), at)
            case ProkipObservedV1():
                return apply_observations(self._held(), (message,), at)
            case StockHoldersObservedV1():
                changed = changed_holders(self._holders, told_holders((message,)))
                self._holders.update(changed)
                return recount_orders(self._held(of_skus=changed.keys()), at, message.correlation_id)
            case _:
                return None

    def _held(self, of_skus: Iterable[HolderKey] | None = None) -> Held:
        orders: Mapping[OrderKey, HeldOrder] = self._orders
        if of_skus is not None:
            named = set(of_skus)
            orders = {key: order for key, order in orders.items() if _names_one_of(order, named)}
        return Held(orders, self.stock, self._holders, frozenset(self._complete))

    def _keep(self, decision: Decision) -> None:
        self.stock.update((row.key, row) for row in decision.stock)
        if self._keeps_orders:
            self._orders.update((order.key, order) for order in (*decision.new_orders, *decision.changed_orders))


def _names_one_of(order: HeldOrder, named: set[HolderKey]) -> bool:
    business_id, connection_id, _ = order.key
    return any(
        line.sku is not None and HolderKey(business_id, connection_id, line.sku) in named for line in order.lines
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

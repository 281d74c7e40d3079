"""A ledger in memory: decisions are written back as the service writes them, so histories can be played."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal
from uuid import UUID

from inventory.domain.observations import apply_observations, completed_locations
from inventory.domain.orders import apply_orders, recount_orders
from inventory.domain.values import (
    Decision,
    Held,
    HeldOrder,
    HolderKey,
    LocationKey,
    Movement,
    OrderKey,
    StockKey,
    StockRow,
)
from prokip_shared.messages import (
    Message,
    Observation,
    OrderLine,
    OrderObservedV1,
    OrderSnapshot,
    ProkipObservedV1,
    RoundPart,
)

BUSINESS = 7
LOCATION = "main"
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

Quantity = Decimal | int | str


def line(
    ref: str,
    sku: str | None,
    taken: Quantity,
    *,
    ordered: Quantity | None = None,
    price: Quantity | None = None,
) -> OrderLine:
    return OrderLine(
        line_ref=ref,
        sku=sku,
        ordered=Decimal(taken if ordered is None else ordered),
        taken=Decimal(taken),
        unit_price=None if price is None else Decimal(price),
    )


def seen(
    order_ref: str,
    version: int | None,
    *lines: OrderLine,
    status: str = "processing",
    connection_id: int = 1,
    partial: bool = False,
    predates: bool = False,
    source: Literal["webhook", "sweep"] = "webhook",
    location_id: str = LOCATION,
    business_id: int = BUSINESS,
) -> OrderObservedV1:
    """One snapshot; versions are seconds of the store's clock."""
    return OrderObservedV1(
        correlation_id=f"c-{order_ref}-{version}",
        business_id=business_id,
        connection_id=connection_id,
        location_id=location_id,
        source=source,
        observed_at=NOON,
        predates_connection=predates,
        order=OrderSnapshot(
            order_ref=order_ref,
            order_number=f"#{order_ref}",
            status=status,
            created_at=NOON,
            modified_at=None if version is None else NOON + timedelta(seconds=version),
            lines=lines,
            partial=partial,
        ),
    )


def reading(
    sequence: int,
    quantities: Mapping[str, Quantity],
    *,
    recorded: Mapping[str, Quantity] | None = None,
    complete: bool = True,
    part: int | None = None,
    business_id: int = BUSINESS,
    location_id: str = LOCATION,
) -> ProkipObservedV1:
    recorded = recorded or {}
    return ProkipObservedV1(
        business_id=business_id,
        correlation_id=f"c-read-{sequence}",
        location_id=location_id,
        sequence=sequence,
        items=tuple(
            Observation(sku=sku, quantity=Decimal(quantity), recorded=Decimal(recorded.get(sku, 0)))
            for sku, quantity in quantities.items()
        ),
        first_read_complete=complete,
        round=None if part is None else RoundPart(round_id=UUID(int=1), connection_id=None, part=part, parts=9),
    )


class World:
    def __init__(self, *, complete: bool = False, holders: Mapping[tuple[int, str], str] | None = None) -> None:
        self.orders: dict[OrderKey, HeldOrder] = {}
        self.stock: dict[StockKey, StockRow] = {}
        self.movements: list[Movement] = []
        self.messages: list[Message] = []
        self.holders: dict[HolderKey, str] = {}
        self._hear(holders or {})
        self.complete = frozenset({LocationKey(BUSINESS, LOCATION)}) if complete else frozenset()

    @property
    def held(self) -> Held:
        return Held(self.orders, self.stock, self.holders, self.complete)

    def sell(self, *messages: OrderObservedV1) -> Decision:
        return self._write(apply_orders(self.held, messages, NOON))

    def read(self, *messages: ProkipObservedV1) -> Decision:
        self.complete |= completed_locations(messages)
        return self._write(apply_observations(self.held, messages, NOON))

    def learn_holders(self, holders: Mapping[tuple[int, str], str]) -> Decision:
        self._hear(holders)
        return self._write(recount_orders(self.held, NOON, "c-holders"))

    def _hear(self, holders: Mapping[tuple[int, str], str]) -> None:
        self.holders.update({HolderKey(BUSINESS, *key): held_by for key, held_by in holders.items()})

    def available(self, sku: str) -> Decimal:
        return self.row(sku).available

    def row(self, sku: str) -> StockRow:
        return self.stock[StockKey(BUSINESS, sku, LOCATION)]

    def order(self, order_ref: str, connection_id: int = 1) -> HeldOrder:
        return self.orders[OrderKey(BUSINESS, connection_id, order_ref)]

    def check(self) -> None:
        """The books: movements, rows and orders tell the same numbers."""
        keys = {key for key, row in self.stock.items()} | {movement.key for movement in self.movements}
        for key in keys:
            row = self.stock[key]
            own = [movement for movement in self.movements if movement.key == key]
            assert sum((movement.delta for movement in own), Decimal(0)) == row.available
            balance = Decimal(0)
            for movement in own:
                balance += movement.delta
                assert movement.balance_after == balance
            revisions = [movement.revision for movement in own]
            assert revisions == sorted(set(revisions))
            assert not revisions or revisions[-1] <= row.revision
            held = [
                (order.key.connection_id, held.counted)
                for order in self.orders.values()
                for held in order.lines
                if held.stock_sku == key.sku and order.location_id == key.location_id
            ]
            assert row.taken == sum((units for _, units in held), Decimal(0))
            for connection_id, taken in row.taken_by_connection.items():
                assert taken == sum((units for connection, units in held if connection == connection_id), Decimal(0))
            assert row.taken == sum(row.taken_by_connection.values(), Decimal(0))

    def _write(self, decision: Decision) -> Decision:
        for order in decision.new_orders:
            assert order.key not in self.orders
            self.orders[order.key] = order
        for order in decision.changed_orders:
            assert order.key in self.orders
            self.orders[order.key] = order
        for row in decision.stock:
            self.stock[row.key] = row
        self.movements.extend(decision.movements)
        self.messages.extend(decision.messages)
        self.check()
        return decision


def told(messages: Sequence[Message], kind: type[Message]) -> list[Message]:
    return [message for message in messages if isinstance(message, kind)]

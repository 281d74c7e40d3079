"""A ledger in memory: decisions are written back as the service writes them, so histories can be played."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal
from uuid import UUID

from msgspec.structs import astuple

from inventory.domain.bundles import recipe_of
from inventory.domain.gaps import GapHour, Gaps
from inventory.domain.observations import apply_observations, completed_locations, observed_stock_keys
from inventory.domain.observed import OrderObserved
from inventory.domain.orders import count_orders, recipe_part_keys, recount_orders, stock_keys
from inventory.domain.shelves import move_stock, tell_bundle
from inventory.domain.values import (
    Bundle,
    Count,
    Decision,
    HeldOrder,
    HolderKey,
    Known,
    LocationKey,
    Movement,
    OrderKey,
    Recipe,
    StockKey,
    StockRow,
    new_stock,
)
from inventory.telling import read_orders, tell
from prokip_shared.bus.bundles import encode
from prokip_shared.messages import (
    MESSAGE_TYPES,
    Encoded,
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
    topic: str | None = "order.updated",
    delay_s: float = 0,
) -> OrderObservedV1:
    """One snapshot; versions are seconds of the store's clock, and it is seen that long after them."""
    return OrderObservedV1(
        correlation_id=f"c-{order_ref}-{version}",
        business_id=business_id,
        connection_id=connection_id,
        location_id=location_id,
        source=source,
        observed_at=NOON + timedelta(seconds=(version or 0) + delay_s),
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
        topic=None if source == "sweep" else topic,
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


def heard(messages: Iterable[OrderObservedV1]) -> list[OrderObserved]:
    """As the ledger reads them."""
    return read_orders(b"[" + b",".join(encode(message) for message in messages) + b"]")


def decoded(said: Iterable[Message | Encoded]) -> list[Message]:
    """What was said, as whoever hears it reads it."""
    return [
        message
        for word in said
        for message in (
            [MESSAGE_TYPES[word.type].model_validate_json(text) for text in word.messages]
            if isinstance(word, Encoded)
            else [word]
        )
    ]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a batch did, all told."""

    new_orders: Sequence[HeldOrder]
    changed_orders: Sequence[HeldOrder]
    stock: Sequence[StockRow]
    movements: Sequence[Movement]
    messages: Sequence[Message]


NOTHING = Outcome([], [], [], [], [])
NO_ORDERS = Count([], [], [], frozenset())


class World:
    def __init__(self, *, complete: bool = False, holders: Mapping[tuple[int, str], str] | None = None) -> None:
        self.orders: dict[OrderKey, HeldOrder] = {}
        self.stock: dict[StockKey, StockRow] = {}
        self.movements: list[Movement] = []
        self.messages: list[Message] = []
        self.gaps: dict[GapHour, Gaps] = {}
        self.holders: dict[HolderKey, str] = {}
        self.recipes: dict[str, Recipe] = {}
        self._hear(holders or {})
        self.complete = frozenset({LocationKey(BUSINESS, LOCATION)}) if complete else frozenset()

    def known(self, messages: Iterable[OrderObserved] = ()) -> Known:
        """All orders are held, not only those that the messages name; that is no difference to the rules."""
        known = Known(self.orders, self.holders)
        untold = self._untold(stock_keys(known, messages))
        recipes = {key: self.recipes[key.sku] for key in untold if key.sku in self.recipes}
        known = Known(self.orders, self.holders, untold, recipes)
        return Known(self.orders, self.holders, untold | self._untold(recipe_part_keys(known)), recipes)

    def _untold(self, keys: Iterable[StockKey]) -> dict[StockKey, bool]:
        return {
            key: LocationKey(key.business_id, key.location_id) in self.complete
            for key in keys
            if key not in self.stock or not self.stock[key].matched
        }

    def put_bundle(self, sku: str, **parts: Quantity) -> Outcome:
        """What one of it is made of from now on; without parts it is no bundle."""
        recipe, before = recipe_of({part: Decimal(units) for part, units in parts.items()}), self.recipes.pop(sku, ())
        if recipe:
            self.recipes[sku] = recipe
        skus = {sku, *(part.sku for part in (*recipe, *before))}
        if recipe == before or not any(StockKey(BUSINESS, known, LOCATION) in self.stock for known in skus):
            return NOTHING
        key = StockKey(BUSINESS, sku, LOCATION)
        stock, bundles = self.with_bundles([key])
        return self._write(NO_ORDERS, tell_bundle(stock, [key], bundles, "c-bundle"))

    def with_bundles(self, keys: Iterable[StockKey]) -> tuple[dict[StockKey, StockRow], list[Bundle]]:
        """The stock that a batch locks, and the bundles that it is, or is part of."""
        wanted = set(keys)
        bundles = [
            bundle
            for sku, recipe in self.recipes.items()
            for location in {key.location_id for key in wanted}
            for bundle in [Bundle(StockKey(BUSINESS, sku, location), recipe)]
            if wanted.intersection([bundle.key, *bundle.part_keys()])
        ]
        wanted.update(key for bundle in bundles for key in (bundle.key, *bundle.part_keys()))
        stock = {key: self.stock.get(key) or new_stock(key) for key in wanted}
        return stock, [bundle for bundle in bundles if not stock[bundle.key].matched]

    def sell(self, *messages: OrderObservedV1) -> Outcome:
        orders = heard(messages)
        return self._settle(count_orders(self.known(orders), orders))

    def read(self, *messages: ProkipObservedV1) -> Outcome:
        self.complete |= completed_locations(messages)
        stock, bundles = self.with_bundles(observed_stock_keys(messages))
        return self._write(NO_ORDERS, apply_observations(stock, messages, NOON, bundles))

    def learn_holders(self, holders: Mapping[tuple[int, str], str]) -> Outcome:
        self._hear(holders)
        return self._settle(recount_orders(self.known(), "c-holders"))

    def _settle(self, count: Count) -> Outcome:
        stock, bundles = self.with_bundles(count.stock_keys())
        return self._write(count, move_stock(stock, count, bundles))

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
            moved = [movement for movement in self.movements if movement.key == key]
            assert sum((movement.delta for movement in moved), Decimal(0)) == row.available
            balance = Decimal(0)
            for movement in moved:
                balance += movement.delta
                assert movement.balance_after == balance
            revisions = [movement.revision for movement in moved]
            assert revisions == sorted(set(revisions))
            assert not revisions or revisions[-1] <= row.revision
            lines = [
                (order.key.connection_id, held)
                for order in self.orders.values()
                for held in order.lines
                if order.location_id == key.location_id
            ]
            units = [held.counted for _, held in lines if held.stock_sku == key.sku and not held.parts]
            units += [held.counted_of(part) for _, held in lines for part in held.parts if part.sku == key.sku]
            assert row.taken == sum(units, Decimal(0))
            shown: dict[int, Decimal] = {}
            for connection_id, held in lines:
                if held.stock_sku == key.sku:
                    shown[connection_id] = shown.get(connection_id, Decimal(0)) + held.counted
            for connection_id in {*shown, *row.taken_by_connection}:
                told = row.taken_by_connection.get(connection_id, Decimal(0))
                assert told == shown.get(connection_id, Decimal(0))

    def _write(self, count: Count, decision: Decision) -> Outcome:
        for order in count.new_orders:
            assert order.key not in self.orders
            self.orders[order.key] = order
        for order in count.changed_orders:
            assert order.key in self.orders
            self.orders[order.key] = order
        for hour, gaps in count.gaps:
            held = self.gaps.get(hour, Gaps())
            self.gaps[hour] = Gaps(*(had + more for had, more in zip(astuple(held), astuple(gaps), strict=True)))
        for row in decision.stock:
            self.stock[row.key] = row
        self.movements.extend(decision.movements)
        messages = decoded(tell(decision))
        self.messages.extend(messages)
        self.check()
        return Outcome(count.new_orders, count.changed_orders, decision.stock, decision.movements, messages)


def told(messages: Sequence[Message], kind: type[Message]) -> list[Message]:
    return [message for message in messages if isinstance(message, kind)]

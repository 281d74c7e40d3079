"""Order snapshots become ledger rows: the stock moves by what an order holds now against what it held before."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from inventory.domain.shelves import Shelf, Shelves, tell_changes, tell_oversold
from inventory.domain.snapshots import Age, age_of, first_lines, lines_taught_by_older, newest_lines
from inventory.domain.values import (
    ZERO,
    Decision,
    Held,
    HeldLine,
    HeldOrder,
    HolderKey,
    MovementReason,
    OrderKey,
    StockKey,
)
from prokip_shared.messages import Message, OrderObservedV1, SaleDueV1, SaleLine

CANCELLED_STATUSES: Final = frozenset({"cancelled", "canceled", "voided", "trash"})
PRICE_STEP: Final = Decimal("0.0001")


def apply_orders(held: Held, messages: Sequence[OrderObservedV1], at: datetime) -> Decision:
    """What a batch of snapshots changes, in the order given; `at` is when the ledger learns it.

    Raises Uncountable for a message whose quantities or SKUs cannot be counted.
    """
    work = _Work(held, at)
    for message in messages:
        work.apply(message)
    return work.decide()


def recount_orders(held: Held, at: datetime, correlation_id: str) -> Decision:
    """Moves the units of the held orders to the SKUs that hold their stock, after the store said which those are."""
    work = _Work(held, at)
    for order in held.orders.values():
        work.recount(order, correlation_id)
    return work.decide()


def order_key(message: OrderObservedV1) -> OrderKey:
    return OrderKey(message.business_id, message.connection_id, message.order.order_ref)


def named_skus(held: Held, messages: Iterable[OrderObservedV1]) -> set[HolderKey]:
    """Every SKU of every line in question, whose holder may have to be known."""
    named = {
        HolderKey(message.business_id, message.connection_id, line.sku)
        for message in messages
        for line in message.order.lines
        if line.sku
    }
    for order in held.orders.values():
        business_id, connection_id, _ = order.key
        named.update(HolderKey(business_id, connection_id, line.sku) for line in order.lines if line.sku)
    return named


def stock_keys(held: Held, messages: Iterable[OrderObservedV1]) -> tuple[set[StockKey], set[StockKey]]:
    """The stock that a batch may touch: (what must exist, what counts only if it exists).

    A SKU whose stock another one holds needs no stock of its own, but where Prokip holds it, it counts.
    """
    needed, optional = held_stock_keys(held)
    for message in messages:
        order = held.orders.get(order_key(message))
        location_id = message.location_id if order is None else order.location_id
        for line in message.order.lines:
            if line.sku:
                _add_keys(held, message.business_id, message.connection_id, location_id, line.sku, needed, optional)
    return needed, optional - needed


def held_stock_keys(held: Held) -> tuple[set[StockKey], set[StockKey]]:
    """As `stock_keys`, for the held orders alone."""
    needed: set[StockKey] = set()
    optional: set[StockKey] = set()
    for order in held.orders.values():
        business_id, connection_id, _ = order.key
        for line in order.lines:
            if line.sku is not None:
                _add_keys(held, business_id, connection_id, order.location_id, line.sku, needed, optional)
            if line.stock_sku is not None:
                needed.add(StockKey(business_id, line.stock_sku, order.location_id))
        needed.update(StockKey(business_id, sku, order.location_id) for sku in order.former_skus)
    return needed, optional - needed


def _add_keys(
    held: Held,
    business_id: int,
    connection_id: int,
    location_id: str,
    sku: str,
    needed: set[StockKey],
    optional: set[StockKey],
) -> None:
    holder = held.holders.get(HolderKey(business_id, connection_id, sku)) if held.holders else None
    needed.add(StockKey(business_id, holder or sku, location_id))
    if holder is not None:
        optional.add(StockKey(business_id, sku, location_id))


class _Work:
    """One batch: held values in, a Decision out."""

    __slots__ = ("_changed", "_due", "_held", "_new", "_shelves")

    def __init__(self, held: Held, at: datetime) -> None:
        self._held = held
        self._shelves = Shelves(held, at)
        self._new: dict[OrderKey, HeldOrder] = {}
        self._changed: dict[OrderKey, HeldOrder] = {}
        self._due: dict[OrderKey, SaleDueV1] = {}

    def apply(self, message: OrderObservedV1) -> None:
        key = order_key(message)
        held = self._new.get(key) or self._changed.get(key) or self._held.orders.get(key)
        if held is None:
            self.settle(None, _first_sight(key, message), message.correlation_id)
            return
        snapshot = message.order
        age = age_of(snapshot, held)
        if age is Age.OLDER:
            lines = lines_taught_by_older(held, snapshot)
            if lines != held.lines:
                self.settle(held, held._replace(lines=lines), message.correlation_id)
            return
        wanted = held._replace(
            order_number=snapshot.order_number,
            status=snapshot.status,
            modified_at=_later(held.modified_at, snapshot.modified_at),
            needs_sweep=held.needs_sweep if snapshot.partial else False,
            lines=newest_lines(held, snapshot),
        )
        if age is Age.SAME:
            differs = wanted._replace(needs_sweep=held.needs_sweep) != held
            swept = message.source == "sweep"
            wanted = wanted._replace(needs_sweep=not swept and (differs or held.needs_sweep))
        if wanted != held:
            self.settle(held, wanted, message.correlation_id)

    def settle(
        self,
        held: HeldOrder | None,
        wanted: HeldOrder,
        correlation_id: str,
        moved_by: MovementReason | None = None,
    ) -> None:
        """Counts the wanted lines against their stock and keeps the order; `held` is None at first sight."""
        key, revision = wanted.key, wanted.revision + 1
        shelves: dict[str, Shelf] = {}
        lines = tuple([self._count(wanted, line, held, shelves) for line in wanted.lines])
        before = _units_by_sku(held.lines) if held is not None else {}
        after = _units_by_sku(lines)
        gone = [sku for sku, units in before.items() if units and sku not in after]
        owed_changes = False
        for sku in (*after, *gone):
            was, now = before.get(sku, ZERO), after.get(sku, ZERO)
            shelf = shelves.get(sku) or self._shelf(wanted, sku)
            if was == now:
                shelf.mention(correlation_id)
                continue
            owed_changes = owed_changes or was > 0 or now > 0
            shelf.take(now - was, key.connection_id, correlation_id)
            reason = moved_by or _reason(held, wanted.status, lines, sku, was, now)
            self._shelves.move(shelf, was - now, reason, key.connection_id, key.order_ref)
        order = wanted._replace(
            lines=lines,
            revision=revision,
            former_skus=tuple(dict.fromkeys((*wanted.former_skus, *gone))) if gone else wanted.former_skus,
            due_revision=revision if owed_changes else wanted.due_revision,
            sale_state="due" if owed_changes else wanted.sale_state,
        )
        if owed_changes:
            self._due[key] = self._sale_due(order, before, after, shelves, correlation_id)
        if key in self._held.orders:
            self._changed[key] = order
        else:
            self._new[key] = order

    def recount(self, order: HeldOrder, correlation_id: str) -> None:
        """Settles an order as it is held, if some line of it counts against another stock by now."""
        if any(self._count(order, line, order, {}) != line for line in order.lines):
            self.settle(order, order, correlation_id, moved_by="holder")

    def decide(self) -> Decision:
        shelves = self._shelves.all()
        messages: list[Message] = [*tell_changes(shelves), *self._due.values(), *tell_oversold(shelves)]
        return Decision(
            new_orders=tuple(self._new.values()),
            changed_orders=tuple(self._changed.values()),
            stock=tuple(shelf.close() for shelf in shelves if shelf.to_write),
            movements=tuple(self._shelves.movements),
            messages=tuple(messages),
        )

    def _shelf(self, order: HeldOrder, sku: str) -> Shelf:
        return self._shelves.open(StockKey(order.key.business_id, sku, order.location_id))

    def _count(self, order: HeldOrder, line: HeldLine, held: HeldOrder | None, shelves: dict[str, Shelf]) -> HeldLine:
        """The line with the stock that it counts against, which is added to `shelves`, and what is not counted there."""
        if line.sku is None:
            return line
        stock_sku = self._stock_sku(order, line.sku)
        same_stock = stock_sku == line.stock_sku
        unmatched = line.unmatched if same_stock else ZERO
        shelf = shelves[stock_sku] = shelves.get(stock_sku) or self._shelf(order, stock_sku)
        if shelf.standing == "unmatched":
            counted = _counted_before(held, line.line_ref) if same_stock else ZERO
            units = line.taken - line.baseline
            unmatched = units - max(min(units, max(counted, ZERO)), min(counted, ZERO))
        if same_stock and unmatched == line.unmatched:
            return line
        return HeldLine(
            line.line_ref,
            line.sku,
            stock_sku,
            line.ordered,
            line.taken,
            line.baseline,
            unmatched,
            line.unit_price,
            line.sku_at,
        )

    def _stock_sku(self, order: HeldOrder, sku: str) -> str:
        if not self._held.holders:
            return sku
        holder = self._held.holders.get(HolderKey(order.key.business_id, order.key.connection_id, sku))
        if holder is None:
            return sku
        own = self._shelves.find(StockKey(order.key.business_id, sku, order.location_id))
        return sku if own is not None and own.standing == "matched" else holder

    def _sale_due(
        self,
        order: HeldOrder,
        before: dict[str, Decimal],
        units: dict[str, Decimal],
        shelves: dict[str, Shelf],
        correlation_id: str,
    ) -> SaleDueV1:
        prices = _prices_by_sku(order.lines)
        lines = []
        for sku in dict.fromkeys((*units, *order.former_skus)):
            counted = units.get(sku, ZERO)
            shelf = shelves.get(sku) or self._shelf(order, sku)
            if shelf.standing == "unmatched" and not counted and not before.get(sku):
                continue
            lines.append(
                SaleLine(
                    sku=sku,
                    units=max(ZERO, counted),
                    unit_price=prices.get(sku),
                    stock_revision=shelf.revision,
                )
            )
        return SaleDueV1(
            business_id=order.key.business_id,
            correlation_id=correlation_id,
            connection_id=order.key.connection_id,
            location_id=order.location_id,
            order_ref=order.key.order_ref,
            order_number=order.order_number,
            status=order.status,
            sold_at=order.sold_at,
            revision=order.revision,
            lines=tuple(lines),
        )


def _first_sight(key: OrderKey, message: OrderObservedV1) -> HeldOrder:
    snapshot = message.order
    return HeldOrder(
        key,
        message.location_id,
        snapshot.order_number,
        snapshot.status,
        snapshot.modified_at,
        snapshot.created_at or message.observed_at,
        needs_sweep=False,
        revision=0,
        due_revision=0,
        sale_state="none",
        lines=first_lines(snapshot, predates_connection=message.predates_connection),
        former_skus=(),
    )


def _counted_before(held: HeldOrder | None, line_ref: str) -> Decimal:
    """What a line had counted before its SKU turned out to be unknown to Prokip: from there it only shrinks."""
    if held is not None:
        for line in held.lines:
            if line.line_ref == line_ref:
                return line.counted
    return ZERO


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return one or other
    return max(one, other)


def _units_by_sku(lines: Iterable[HeldLine]) -> dict[str, Decimal]:
    units: dict[str, Decimal] = {}
    for line in lines:
        sku = line.stock_sku
        if sku is not None:
            held = units.get(sku)
            units[sku] = line.counted if held is None else held + line.counted
    return units


def _prices_by_sku(lines: Sequence[HeldLine]) -> dict[str, Decimal]:
    """The price of a unit; where lines of one SKU differ, the mean weighted by what they hold."""
    if len(lines) == 1:
        line = lines[0]
        return {line.stock_sku: line.unit_price} if line.stock_sku is not None and line.unit_price is not None else {}
    priced: dict[str, list[tuple[Decimal, Decimal]]] = {}
    for line in lines:
        if line.stock_sku is not None and line.unit_price is not None and line.counted > 0:
            priced.setdefault(line.stock_sku, []).append((line.counted, line.unit_price))
    prices = {}
    for sku, parts in priced.items():
        price = parts[0][1]
        if any(other != price for _, other in parts):
            total = sum((units * each for units, each in parts), ZERO)
            price = (total / sum((units for units, _ in parts), ZERO)).quantize(PRICE_STEP)
        prices[sku] = price
    return prices


def _reason(
    held: HeldOrder | None, status: str, lines: Sequence[HeldLine], sku: str, was: Decimal, now: Decimal
) -> MovementReason:
    """Why the units of one SKU changed, as far as the snapshots tell."""
    if now > was:
        return "edit" if held is not None and was > 0 else "sale"
    if status.lower() in CANCELLED_STATUSES:
        return "cancel"
    if held is not None and _ordered(lines, sku) < _ordered(held.lines, sku):
        return "edit"
    return "return"


def _ordered(lines: Iterable[HeldLine], sku: str) -> Decimal:
    return sum((line.ordered for line in lines if line.stock_sku == sku), ZERO)

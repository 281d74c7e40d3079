"""Order snapshots become ledger rows: an order moves the stock by what it holds now against what it held before.

All of this is told by the orders alone, so it is decided before any stock is locked; `shelves.move_stock` does the rest.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from inventory.domain.bundles import PRICE_STEP, split_price
from inventory.domain.gaps import GapCount, Told
from inventory.domain.observed import OrderObserved, OrderSnapshot
from inventory.domain.snapshots import Age, age_of, exact, first_lines, lines_taught_by_older, newest_lines
from inventory.domain.values import (
    ZERO,
    Count,
    Due,
    DueLine,
    HeldLine,
    HeldOrder,
    HeldPart,
    HolderKey,
    Known,
    MovementReason,
    OrderKey,
    Part,
    Step,
    StockKey,
)

CANCELLED_STATUSES: Final = frozenset({"cancelled", "canceled", "voided", "trash"})


def count_orders(known: Known, messages: Iterable[OrderObserved]) -> Count:
    """What a batch of snapshots changes, in the order given.

    Raises Uncountable for a message whose quantities or SKUs cannot be counted.
    """
    work = _Work(known)
    for message in messages:
        work.apply(message)
    return work.count()


def recount_orders(known: Known, correlation_id: str) -> Count:
    """Moves the units of the held orders to the SKUs that hold their stock, after the store said which those are."""
    work = _Work(known)
    for order in known.orders.values():
        work.recount(order, correlation_id)
    return work.count()


def count_standing(order: HeldOrder) -> Count:
    """What an order holds, as the steps that it took on stock of which it held nothing."""
    lines = tuple([replace(line, sku=line.stock_sku) for line in order.lines])
    work = _Work(Known())
    work.settle(None, replace(order, lines=lines), "")
    return work.count()


def order_key(message: OrderObserved) -> OrderKey:
    return OrderKey(message.business_id, message.connection_id, message.order.order_ref)


def named_skus(orders: Iterable[HeldOrder], messages: Iterable[OrderObserved]) -> set[HolderKey]:
    """Every SKU of every line in question, whose holder may have to be known."""
    named = {
        HolderKey(message.business_id, message.connection_id, line.sku)
        for message in messages
        for line in message.order.lines
        if line.sku
    }
    for order in orders:
        key = order.key
        named.update(HolderKey(key.business_id, key.connection_id, line.sku) for line in order.lines if line.sku)
    return named


def stock_keys(known: Known, messages: Iterable[OrderObserved]) -> set[StockKey]:
    """All stock that a batch may count against, leave alone or name: of which has to be known what is untold."""
    locations = {key: order.location_id for key, order in known.orders.items()}
    keys: set[StockKey] = set()
    for message in messages:
        location_id = locations.setdefault(order_key(message), message.location_id)
        for line in message.order.lines:
            if line.sku:
                keys.add(StockKey(message.business_id, line.sku, location_id))
    for order in known.orders.values():
        skus = {sku for line in order.lines for sku in (line.sku, line.stock_sku) if sku is not None}
        skus.update(part.sku for line in order.lines for part in line.parts)
        keys.update(StockKey(order.key.business_id, sku, order.location_id) for sku in skus.union(order.former_skus))
    if known.holders:
        places = {(key.business_id, key.connection_id, location_id) for key, location_id in locations.items()}
        keys.update(
            StockKey(business_id, held_by, location_id)
            for business_id, connection_id, location_id in places
            for key, held_by in known.holders.items()
            if (key.business_id, key.connection_id) == (business_id, connection_id)
        )
    return keys


def recipe_part_keys(known: Known) -> set[StockKey]:
    """The stock of which the bundles are made that a batch names: of it, too, has to be known what is untold."""
    return {
        StockKey(key.business_id, part.sku, key.location_id) for key, recipe in known.recipes.items() for part in recipe
    }


class _Work:
    """One batch: known values in, a Count out."""

    __slots__ = ("_changed", "_gaps", "_known", "_new", "_passed_over", "_settled")

    def __init__(self, known: Known) -> None:
        self._known = known
        self._new: dict[OrderKey, HeldOrder] = {}
        self._changed: dict[OrderKey, HeldOrder] = {}
        self._settled: list[tuple[Sequence[Step], Due | None]] = []
        self._passed_over: set[StockKey] = set()
        self._gaps = GapCount()

    def apply(self, message: OrderObserved) -> None:
        key = order_key(message)
        held = self._new.get(key) or self._changed.get(key) or self._known.orders.get(key)
        if held is None:
            self.settle(None, _first_sight(key, message, self._gaps.first_sight(message)), message.correlation_id)
            return
        snapshot = message.order
        age = age_of(snapshot, held)
        if age is Age.OLDER or (age is Age.SAME and self._came_before(message, held)):
            told = self._gaps.older_state(held.told, message)
            lines = lines_taught_by_older(held, snapshot)
            self._move_to(held, replace(held, lines=lines, told=told), message.correlation_id)
            return
        wanted = _with_snapshot(held, snapshot)
        changed = _says_more(held, wanted)
        if age is Age.SAME:
            swept = message.source == "sweep"
            wanted = replace(wanted, needs_sweep=not swept and (changed or held.needs_sweep))
        known = not changed and (age is Age.SAME or snapshot.modified_at is None)
        if known:
            told = self._gaps.same_state(held.told, message)
        else:
            before = held.told if age is Age.SAME else None
            told = self._gaps.new_state(message, changed=changed, before=before)
        self._move_to(held, replace(wanted, told=told), message.correlation_id)

    @staticmethod
    def _came_before(message: OrderObserved, held: HeldOrder) -> bool:
        """Whether a webhook says something else of the held version than a sweep found when its second was over."""
        final = held.told is not None and held.told.final and message.source != "sweep"
        return final and _says_more(held, _with_snapshot(held, message.order))

    def _move_to(self, held: HeldOrder, wanted: HeldOrder, correlation_id: str) -> None:
        """Who told it is kept with the order, but is no change of it."""
        if wanted == held:
            return
        if replace(wanted, told=held.told) == held:
            self._keep(wanted)
        else:
            self.settle(held, wanted, correlation_id)

    def settle(
        self,
        held: HeldOrder | None,
        wanted: HeldOrder,
        correlation_id: str,
        moved_by: MovementReason | None = None,
    ) -> None:
        """Counts the wanted lines against their stock and keeps the order; `held` is None at first sight."""
        key = wanted.key
        lines = tuple([self._count(wanted, line, held) for line in wanted.lines])
        before = _units_by_sku(held.lines) if held is not None else {}
        after = _units_by_sku(lines)
        gone = [sku for sku, units in before.items() if units and sku not in after]
        shown = _shown_changes(held.lines if held is not None else (), lines)
        steps: list[Step] = []
        owed_changes = False
        for sku in (*after, *gone) if gone else after:
            was, now = before.get(sku, ZERO), after.get(sku, ZERO)
            stock_key = StockKey(key.business_id, sku, wanted.location_id)
            shows = now - was if shown is None else shown.pop(sku, ZERO)
            if was == now and not shows and stock_key not in self._known.untold:
                continue
            owed_changes = owed_changes or (was != now and (was > 0 or now > 0))
            reason = moved_by or _reason(held, wanted.status, lines, sku, was, now)
            steps.append(Step(stock_key, now - was, reason, key.connection_id, key.order_ref, correlation_id, shows))
        for sku, shows in shown.items() if shown is not None else ():
            stock_key = StockKey(key.business_id, sku, wanted.location_id)
            steps.append(Step(stock_key, ZERO, "sale", key.connection_id, key.order_ref, correlation_id, shows))
        revision = wanted.revision + 1
        order = HeldOrder(
            key,
            wanted.location_id,
            wanted.order_number,
            wanted.status,
            wanted.modified_at,
            wanted.sold_at,
            wanted.needs_sweep,
            revision,
            revision if owed_changes else wanted.due_revision,
            "due" if owed_changes else wanted.sale_state,
            lines,
            tuple(dict.fromkeys((*wanted.former_skus, *gone))) if gone else wanted.former_skus,
            wanted.told,
        )
        self._settled.append((steps, self._due(order, before, after, correlation_id) if owed_changes else None))
        self._keep(order)

    def _keep(self, order: HeldOrder) -> None:
        if order.key in self._known.orders:
            self._changed[order.key] = order
        else:
            self._new[order.key] = order

    def recount(self, order: HeldOrder, correlation_id: str) -> None:
        """Settles an order as it is held, if some line of it counts against another stock by now."""
        if any(self._count(order, line, order) != line for line in order.lines):
            self.settle(order, order, correlation_id, moved_by="holder")

    def count(self) -> Count:
        return Count(
            new_orders=list(self._new.values()),
            changed_orders=list(self._changed.values()),
            settled=self._settled,
            passed_over=frozenset(self._passed_over),
            gaps=list(self._gaps),
        )

    def _unknown(self, order: HeldOrder, sku: str) -> bool:
        """Whether Prokip does not hold the SKU: it is logged and not counted."""
        untold = self._known.untold
        return bool(untold) and untold.get(StockKey(order.key.business_id, sku, order.location_id), False)

    def _count(self, order: HeldOrder, line: HeldLine, held: HeldOrder | None) -> HeldLine:
        """The line with the stock that it counts against and what is not counted there."""
        if line.sku is None:
            return line
        stock_sku = self._stock_sku(order, line.sku)
        same_stock = stock_sku == line.stock_sku
        if line.parts or self._known.recipes:
            parts = self._parts_of(order, line, stock_sku, held)
            if parts:
                return replace(line, stock_sku=stock_sku, unmatched=ZERO, parts=parts)
            line = replace(line, parts=()) if line.parts else line
        unmatched = line.unmatched if same_stock else ZERO
        if self._unknown(order, stock_sku):
            counted = _counted_before(held, line.line_ref) if same_stock else ZERO
            unmatched = _not_counted(line.taken - line.baseline, counted)
        if same_stock and unmatched == line.unmatched:
            return line
        return replace(line, stock_sku=stock_sku, unmatched=unmatched)

    def _parts_of(
        self, order: HeldOrder, line: HeldLine, stock_sku: str, held: HeldOrder | None
    ) -> tuple[HeldPart, ...]:
        """What the line takes in place of a bundle, and what of it is not counted. Raises Uncountable."""
        known = line.parts if stock_sku == line.stock_sku else ()
        parts = []
        for part in known or self._recipe_of(order, stock_sku, held):
            units = exact((line.taken - line.baseline) * part.quantity)
            unmatched = next((one.unmatched for one in known if one.sku == part.sku), ZERO)
            if self._unknown(order, part.sku):
                unmatched = _not_counted(units, _counted_part_before(held, line.line_ref, part.sku) if known else ZERO)
            parts.append(HeldPart(part.sku, part.quantity, unmatched))
        return tuple(parts)

    def _recipe_of(self, order: HeldOrder, stock_sku: str, held: HeldOrder | None) -> Sequence[Part | HeldPart]:
        """As the order was first seen with it: another one by now does not rewrite what was sold."""
        for line in held.lines if held is not None else ():
            if line.stock_sku == stock_sku:
                return line.parts
        return self._known.recipes.get(StockKey(order.key.business_id, stock_sku, order.location_id), ())

    def _stock_sku(self, order: HeldOrder, sku: str) -> str:
        if not self._known.holders:
            return sku
        key = order.key
        holder = self._known.holders.get(HolderKey(key.business_id, key.connection_id, sku))
        own = StockKey(key.business_id, sku, order.location_id)
        if holder is None or own not in self._known.untold:
            return sku
        self._passed_over.add(own)
        return holder

    def _due(self, order: HeldOrder, before: dict[str, Decimal], units: dict[str, Decimal], correlation_id: str) -> Due:
        prices = _prices_by_sku(order.lines)
        lines = []
        for sku in (*units, *order.former_skus) if order.former_skus else units:
            counted = units.get(sku, ZERO)
            if not counted and not before.get(sku) and self._unknown(order, sku):
                continue
            key = StockKey(order.key.business_id, sku, order.location_id)
            lines.append(DueLine(key, counted if counted > 0 else ZERO, prices.get(sku)))
        return Due(order, lines, correlation_id)


def _with_snapshot(held: HeldOrder, snapshot: OrderSnapshot) -> HeldOrder:
    return replace(
        held,
        order_number=snapshot.order_number,
        status=snapshot.status,
        modified_at=_later(held.modified_at, snapshot.modified_at),
        needs_sweep=held.needs_sweep if snapshot.partial else False,
        lines=newest_lines(held, snapshot),
    )


def _says_more(held: HeldOrder, wanted: HeldOrder) -> bool:
    """Whether a snapshot differs from what is held in more than the time of its version."""
    return wanted.status != held.status or wanted.order_number != held.order_number or wanted.lines != held.lines


def _first_sight(key: OrderKey, message: OrderObserved, told: Told) -> HeldOrder:
    snapshot = message.order
    return HeldOrder(
        key,
        message.location_id,
        snapshot.order_number,
        snapshot.status,
        snapshot.modified_at,
        snapshot.created_at or message.observed_at,
        False,  # needs_sweep
        0,  # revision
        0,  # due_revision
        "none",
        first_lines(snapshot, predates_connection=message.predates_connection),
        (),  # former_skus
        told,
    )


def _not_counted(units: Decimal, counted: Decimal) -> Decimal:
    """Of units whose SKU Prokip does not hold: all that is more than was `counted` of them before."""
    return units - max(min(units, max(counted, ZERO)), min(counted, ZERO))


def _counted_part_before(held: HeldOrder | None, line_ref: str, sku: str) -> Decimal:
    for line in held.lines if held is not None else ():
        if line.line_ref == line_ref:
            return next((line.counted_of(part) for part in line.parts if part.sku == sku), ZERO)
    return ZERO


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
        if line.parts:
            for part in line.parts:
                units[part.sku] = units.get(part.sku, ZERO) + line.counted_of(part)
        elif sku is not None:
            held = units.get(sku)
            units[sku] = line.counted if held is None else held + line.counted
    return units


def _shown_changes(before: Iterable[HeldLine], after: Sequence[HeldLine]) -> dict[str, Decimal] | None:
    """By how much the store lowers the number of each SKU; None where no bundle is sold: by what is taken of it.

    The store of a bundle lowers the bundle's number and knows nothing of its parts.
    """
    if not any(line.parts for line in after) and not any(line.parts for line in before):
        return None
    shown: dict[str, Decimal] = {}
    for lines, sign in ((before, -1), (after, 1)):
        for line in lines:
            if line.stock_sku is not None:
                shown[line.stock_sku] = shown.get(line.stock_sku, ZERO) + sign * line.counted
    return {sku: units for sku, units in shown.items() if units}


def _prices_by_sku(lines: Sequence[HeldLine]) -> dict[str, Decimal]:
    """The price of a unit; where lines of one SKU differ, the mean weighted by what they hold."""
    if len(lines) == 1 and not lines[0].parts:
        line = lines[0]
        return {line.stock_sku: line.unit_price} if line.stock_sku is not None and line.unit_price is not None else {}
    priced: dict[str, list[tuple[Decimal, Decimal]]] = {}
    for line in lines:
        if line.stock_sku is None or line.unit_price is None or line.counted <= 0:
            continue
        if not line.parts:
            priced.setdefault(line.stock_sku, []).append((line.counted, line.unit_price))
        for part, price in _priced_parts(line, line.unit_price):
            priced.setdefault(part.sku, []).append((line.counted_of(part), price))
    prices = {}
    for sku, parts in priced.items():
        price = parts[0][1]
        if any(other != price for _, other in parts):
            total = sum((units * each for units, each in parts), ZERO)
            price = (total / sum((units for units, _ in parts), ZERO)).quantize(PRICE_STEP)
        prices[sku] = price
    return prices


def _priced_parts(line: HeldLine, price: Decimal) -> Iterable[tuple[HeldPart, Decimal]]:
    """The bundle's price, split over the parts that Prokip is told of."""
    told = [part for part in line.parts if line.counted_of(part) > 0]
    return zip(told, split_price(price, [Part(part.sku, part.quantity) for part in told]), strict=True) if told else ()


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
    """Units of it, also as part of a bundle."""
    ordered = ZERO
    for line in lines:
        if line.parts:
            ordered += sum((line.ordered * part.quantity for part in line.parts if part.sku == sku), ZERO)
        elif line.stock_sku == sku:
            ordered += line.ordered
    return ordered

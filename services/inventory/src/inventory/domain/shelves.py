"""Stock rows while a batch works on them: opened from what is held, moved, and closed into values again."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from inventory.domain.bundles import Made, made_of
from inventory.domain.values import (
    Bundle,
    Count,
    Decision,
    LocationKey,
    Movement,
    MovementReason,
    OrderKey,
    SaleDue,
    SaleLine,
    StockChanged,
    StockItem,
    StockKey,
    StockOversold,
    StockRow,
)

ITEMS_PER_MESSAGE_MAX: Final = 1000


def move_stock(stock: Mapping[StockKey, StockRow], count: Count, bundles: Sequence[Bundle] = ()) -> Decision:
    """Takes the steps of a count on the stock that they name.

    The one part of a batch of orders that has to happen while the stock is locked. `bundles`: those that one of these
    SKUs is, or is part of; `stock` holds all of their parts.
    """
    shelves = Shelves(stock, bundles)
    due: dict[OrderKey, SaleDue] = {}
    for steps, told in count.settled:
        for step in steps:
            shelf = shelves.open(step.key)
            if step.units:
                shelf.take(step.units, step.shown, step.connection_id, step.correlation_id)
                shelves.move(shelf, -step.units, step.reason, step.connection_id, step.order_ref)
            elif step.shown:
                shelf.take(step.units, step.shown, step.connection_id, step.correlation_id)
            else:
                shelf.mention(step.correlation_id)
        if told is not None:
            lines = [
                SaleLine(line.key.sku, line.units, line.unit_price, shelves.open(line.key).revision)
                for line in told.lines
            ]
            due[told.order.key] = SaleDue(told.order, lines, told.correlation_id)
    shelves.remake([shelf for shelf in shelves.all() if shelf.changed])
    every = shelves.all()
    return Decision(
        stock=[shelf.close() for shelf in every if shelf.changed],
        movements=shelves.movements,
        changes=_tell_changes(every),
        due=list(due.values()),
        oversold=tell_oversold(every),
    )


def tell_bundle(
    stock: Mapping[StockKey, StockRow], keys: Iterable[StockKey], bundles: Sequence[Bundle], correlation_id: str
) -> Decision:
    """What a SKU is at each of its locations (`keys`) once somebody said what it is made of, or that it is no bundle."""
    shelves = Shelves(stock, bundles)
    for key in keys:
        shelves.open(key).revise(correlation_id)
    every = shelves.all()
    return Decision([shelf.close() for shelf in every], (), _tell_changes(every), (), ())


def items_of(
    stock: Mapping[StockKey, StockRow], keys: Iterable[StockKey], bundles: Sequence[Bundle], correlation_id: str
) -> list[StockItem]:
    """What these SKUs are as they stand; nothing moves."""
    shelves = Shelves(stock, bundles)
    return [replace(shelves.open(key).item(), correlation_id=correlation_id) for key in keys]


class Shelf:
    """One SKU's stock in work. `available` goes below zero when more was sold than there is: nothing is clamped."""

    __slots__ = (
        "_observed",
        "_told_at_first",
        "base",
        "by_connection",
        "correlation_id",
        "made",
        "revision",
        "row",
        "taken",
    )

    def __init__(self, row: StockRow, made: Made | None = None) -> None:
        self.row = row
        self.made = made
        self.base = row.base
        self.taken = row.taken
        self.by_connection = dict(row.taken_by_connection)
        self.revision = row.revision
        self.correlation_id = ""
        self._observed = False
        self._told_at_first = self.told

    @property
    def changed(self) -> bool:
        """Something about it is to be told."""
        return self.revision != self.row.revision

    @property
    def to_write(self) -> bool:
        """Its row differs from the held one, be it only by a newer observation of the same base."""
        return self.revision != self.row.revision or self._observed

    @property
    def told(self) -> Decimal | None:
        """What others may act on: nothing until Prokip has told a quantity; of a bundle, what its parts make."""
        if self.row.observed_sequence is None:
            return None if self.made is None else self.made.available
        return self.base - self.taken

    @property
    def went_below_zero(self) -> bool:
        """Of a bundle its parts say so."""
        told = self.told
        if self.made is not None:
            return False
        return told is not None and told < 0 and (self._told_at_first is None or self._told_at_first >= 0)

    def mention(self, correlation_id: str) -> None:
        """Makes a SKU that nobody named before visible, even where nothing is counted."""
        if self.revision == 0:
            self.revision = 1
            self.correlation_id = correlation_id

    def take(self, units: Decimal, shown: Decimal, connection_id: int, correlation_id: str) -> None:
        """Counts `units` more (or fewer) as sold; by `shown` of them the connection's store has lowered this SKU's number."""
        self.taken += units
        if shown:
            held = self.by_connection.get(connection_id)
            self.by_connection[connection_id] = shown if held is None else held + shown
        self.revise(correlation_id)

    def revise(self, correlation_id: str) -> None:
        """There is something new to tell."""
        self.revision += 1
        self.correlation_id = correlation_id

    def observe(
        self, sequence: int, quantity: Decimal, recorded: Decimal, at: datetime, correlation_id: str
    ) -> Decimal | None:
        """Takes Prokip's word for the base; returns by how much that moved it, None if nothing is to be told."""
        if self.row.observed_sequence is not None and sequence <= self.row.observed_sequence:
            return None
        first = not self.row.matched
        moved = quantity + recorded - self.base
        self.base = quantity + recorded
        self.row = replace(self.row, observed_sequence=sequence, quantity=quantity, recorded=recorded, observed_at=at)
        self._observed = True
        if not first and not moved:
            return None
        self.revise(correlation_id)
        return moved

    def close(self) -> StockRow:
        row = self.row
        return StockRow(
            row.key,
            self.base,
            self.taken,
            self.by_connection,
            self.revision,
            row.observed_sequence,
            row.quantity,
            row.recorded,
            row.observed_at,
            row.role,
        )

    def item(self) -> StockItem:
        """As it is now; the shelf may move on."""
        return StockItem(self.row.key.sku, self.told, self.revision, dict(self.by_connection), self.correlation_id)


class Shelves:
    """The shelves of one batch and the movements on them."""

    __slots__ = ("_bundles", "_made", "_open", "_stock", "movements")

    def __init__(self, stock: Mapping[StockKey, StockRow], bundles: Sequence[Bundle] = ()) -> None:
        self._stock = stock
        self._bundles = bundles
        self._open: dict[StockKey, Shelf] = {}
        self._made = {bundle.key: self._make(bundle) for bundle in bundles}
        self.movements: list[Movement] = []

    def open(self, key: StockKey) -> Shelf:
        shelf = self._open.get(key)
        if shelf is None:
            shelf = self._open[key] = Shelf(self._stock[key], self._made.get(key))
        return shelf

    def remake(self, moved: Iterable[Shelf]) -> list[Shelf]:
        """Brings the bundles of these shelves to what their parts make now; those whose number is another by that.

        A bundle is told in the batch that moved its part, so that no newer word on a part goes with an older one on it.
        """
        if not self._bundles:
            return []
        by_key = {shelf.row.key: shelf for shelf in moved}
        news = []
        for bundle in self._bundles:
            shelf_moved = next((by_key[key] for key in bundle.part_keys() if key in by_key), None)
            made = self._make(bundle) if shelf_moved is not None else self._made[bundle.key]
            if shelf_moved is None or made == self._made[bundle.key]:
                continue
            shelf = self.open(bundle.key)
            told, shelf.made, self._made[bundle.key] = shelf.told, made, made
            if shelf.told != told:
                shelf.revise(shelf_moved.correlation_id)
                news.append(shelf)
        return news

    def _make(self, bundle: Bundle) -> Made:
        def available_of(sku: str) -> Decimal | None:
            key = StockKey(bundle.key.business_id, sku, bundle.key.location_id)
            shelf, row = self._open.get(key), self._stock[key]
            return shelf.told if shelf is not None else row.available if row.matched else None

        return made_of(bundle.parts, available_of)

    def move(
        self,
        shelf: Shelf,
        delta: Decimal,
        reason: MovementReason,
        connection_id: int | None,
        order_ref: str | None,
    ) -> None:
        """Writes down what `take` or `observe` just did to the shelf."""
        self.movements.append(
            Movement(
                shelf.row.key,
                shelf.revision,
                reason,
                connection_id,
                order_ref,
                delta,
                shelf.base - shelf.taken,
                shelf.correlation_id,
            )
        )

    def all(self) -> list[Shelf]:
        return list(self._open.values())


def _tell_changes(shelves: Iterable[Shelf]) -> list[StockChanged]:
    """The newest state of every changed shelf, one message per location and thousand items."""
    by_location: dict[LocationKey, list[Shelf]] = {}
    for shelf in shelves:
        if shelf.changed:
            key = shelf.row.key
            by_location.setdefault(LocationKey(key.business_id, key.location_id), []).append(shelf)
    return [
        StockChanged(location, [shelf.item() for shelf in some], some[-1].correlation_id)
        for location, changed in by_location.items()
        for some in (
            changed[start : start + ITEMS_PER_MESSAGE_MAX] for start in range(0, len(changed), ITEMS_PER_MESSAGE_MAX)
        )
    ]


def tell_oversold(shelves: Iterable[Shelf]) -> list[StockOversold]:
    """One word for each SKU that this batch brought below zero."""
    return [
        StockOversold(shelf.row.key, shelf.base - shelf.taken, shelf.correlation_id)
        for shelf in shelves
        if shelf.changed and shelf.went_below_zero
    ]

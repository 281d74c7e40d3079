"""Stock rows while a batch works on them: opened from what is held, moved, and closed into values again."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from inventory.domain.values import (
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


def move_stock(stock: Mapping[StockKey, StockRow], count: Count) -> Decision:
    """Takes the steps of a count on the stock that they name.

    The one part of a batch of orders that has to happen while the stock is locked.
    """
    shelves = Shelves(stock)
    due: dict[OrderKey, SaleDue] = {}
    for steps, told in count.settled:
        for step in steps:
            shelf = shelves.open(step.key)
            if step.units:
                shelf.take(step.units, step.connection_id, step.correlation_id)
                shelves.move(shelf, -step.units, step.reason, step.connection_id, step.order_ref)
            else:
                shelf.mention(step.correlation_id)
        if told is not None:
            lines = [
                SaleLine(line.key.sku, line.units, line.unit_price, shelves.open(line.key).revision)
                for line in told.lines
            ]
            due[told.order.key] = SaleDue(told.order, lines, told.correlation_id)
    every = shelves.all()
    return Decision(
        stock=[shelf.close() for shelf in every if shelf.changed],
        movements=shelves.movements,
        changes=_tell_changes(every),
        due=list(due.values()),
        oversold=tell_oversold(every),
    )


class Shelf:
    """One SKU's stock in work. `available` goes below zero when more was sold than there is: nothing is clamped."""

    __slots__ = ("_observed", "_told_at_first", "base", "by_connection", "correlation_id", "revision", "row", "taken")

    def __init__(self, row: StockRow) -> None:
        self.row = row
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
        """What others may act on: nothing until Prokip has told a quantity."""
        return None if self.row.observed_sequence is None else self.base - self.taken

    @property
    def went_below_zero(self) -> bool:
        told = self.told
        return told is not None and told < 0 and (self._told_at_first is None or self._told_at_first >= 0)

    def mention(self, correlation_id: str) -> None:
        """Makes a SKU that nobody named before visible, even where nothing is counted."""
        if self.revision == 0:
            self.revision = 1
            self.correlation_id = correlation_id

    def take(self, units: Decimal, connection_id: int, correlation_id: str) -> None:
        """Counts `units` more (or fewer) as sold by one connection."""
        self.taken += units
        held = self.by_connection.get(connection_id)
        self.by_connection[connection_id] = units if held is None else held + units
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
        self.revision += 1
        self.correlation_id = correlation_id
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
        )

    def item(self) -> StockItem:
        """As it is now; the shelf may move on."""
        return StockItem(self.row.key.sku, self.told, self.revision, dict(self.by_connection), self.correlation_id)


class Shelves:
    """The shelves of one batch and the movements on them."""

    __slots__ = ("_open", "_stock", "movements")

    def __init__(self, stock: Mapping[StockKey, StockRow]) -> None:
        self._stock = stock
        self._open: dict[StockKey, Shelf] = {}
        self.movements: list[Movement] = []

    def open(self, key: StockKey) -> Shelf:
        shelf = self._open.get(key)
        if shelf is None:
            shelf = self._open[key] = Shelf(self._stock[key])
        return shelf

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

"""Stock rows while a batch works on them: opened from what is held, moved, and closed into values again."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Literal

from inventory.domain.values import Held, LocationKey, Movement, MovementReason, StockKey, StockRow, new_stock
from prokip_shared.messages import StockChangedV1, StockItem, StockOversoldV1

ITEMS_PER_MESSAGE_MAX = 1000

Standing = Literal["matched", "pending", "unmatched"]


class Shelf:
    """One SKU's stock in work. `available` goes below zero when more was sold than there is: nothing is clamped."""

    __slots__ = (
        "_observed",
        "_told_at_first",
        "base",
        "by_connection",
        "correlation_id",
        "revision",
        "row",
        "standing",
        "taken",
    )

    def __init__(self, row: StockRow, standing: Standing) -> None:
        self.row = row
        self.standing: Standing = standing
        self.base = row.base
        self.taken = row.taken
        self.by_connection = dict(row.taken_by_connection)
        self.revision = row.revision
        self.correlation_id = ""
        self._observed = False
        self._told_at_first = row.available if row.matched else None

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
        return self.base - self.taken if self.row.matched else None

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
        self.row = self.row._replace(observed_sequence=sequence, quantity=quantity, recorded=recorded, observed_at=at)
        self.standing = "matched"
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
        return StockItem(
            sku=self.row.key.sku,
            available=self.told,
            revision=self.revision,
            taken=dict(self.by_connection),
            correlation_id=self.correlation_id,
        )


class Shelves:
    """The shelves of one batch and the movements on them."""

    __slots__ = ("_held", "_open", "at", "movements")

    def __init__(self, held: Held, at: datetime) -> None:
        self._held = held
        self._open: dict[StockKey, Shelf] = {}
        self.at = at
        self.movements: list[Movement] = []

    def find(self, key: StockKey) -> Shelf | None:
        """The shelf of a SKU that is held or was opened before; None for one that nobody stocks."""
        shelf = self._open.get(key)
        if shelf is None and (row := self._held.stock.get(key)) is not None:
            shelf = self._open[key] = Shelf(row, self._standing(row))
        return shelf

    def open(self, key: StockKey) -> Shelf:
        shelf = self.find(key)
        if shelf is None:
            row = new_stock(key)
            shelf = self._open[key] = Shelf(row, self._standing(row))
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
                self.at,
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

    def _standing(self, row: StockRow) -> Standing:
        if row.matched:
            return "matched"
        complete = LocationKey(row.key.business_id, row.key.location_id) in self._held.complete_locations
        return "unmatched" if complete else "pending"


def tell_changes(shelves: Iterable[Shelf]) -> list[StockChangedV1]:
    """The newest state of every changed shelf, one message per location and thousand items."""
    by_location: dict[LocationKey, list[Shelf]] = {}
    for shelf in shelves:
        if shelf.changed:
            key = shelf.row.key
            by_location.setdefault(LocationKey(key.business_id, key.location_id), []).append(shelf)
    return [
        StockChangedV1(
            business_id=location.business_id,
            correlation_id=some[-1].correlation_id,
            location_id=location.location_id,
            items=tuple(shelf.item() for shelf in some),
        )
        for location, changed in by_location.items()
        for some in (
            changed[start : start + ITEMS_PER_MESSAGE_MAX] for start in range(0, len(changed), ITEMS_PER_MESSAGE_MAX)
        )
    ]


def tell_oversold(shelves: Iterable[Shelf]) -> list[StockOversoldV1]:
    """One word for each SKU that this batch brought below zero."""
    return [
        StockOversoldV1(
            business_id=shelf.row.key.business_id,
            correlation_id=shelf.correlation_id,
            location_id=shelf.row.key.location_id,
            sku=shelf.row.key.sku,
            available=shelf.base - shelf.taken,
        )
        for shelf in shelves
        if shelf.changed and shelf.went_below_zero
    ]

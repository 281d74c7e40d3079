"""What Prokip holds becomes the base: `base = Q + R`, whatever sales are in flight."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from inventory.domain.shelves import Shelf, Shelves, tell_oversold
from inventory.domain.snapshots import exact
from inventory.domain.values import Bundle, Decision, LocationKey, StockChanged, StockKey, StockRow
from prokip_shared.messages import ProkipObservedV1


def apply_observations(
    stock: Mapping[StockKey, StockRow],
    messages: Sequence[ProkipObservedV1],
    at: datetime,
    bundles: Sequence[Bundle] = (),
) -> Decision:
    """What a batch of readings changes, in the order given; an older reading of a SKU never wins.

    A reading that is part of a round is answered with exactly one `stock.changed` that carries the same part, even
    when nothing changed, because store-push waits for every part. Raises Uncountable. `bundles`: those that one of these
    SKUs is, or is part of; `stock` holds all of their parts.
    """
    shelves = Shelves(stock, bundles)
    answers: list[StockChanged] = []
    for message in messages:
        changed = _observe(shelves, message, at)
        changed += [shelf for shelf in shelves.remake(changed) if shelf not in changed]
        if changed or message.round is not None:
            location = LocationKey(message.business_id, message.location_id)
            items = [shelf.item() for shelf in changed]
            answers.append(StockChanged(location, items, message.correlation_id, message.round))
    every = shelves.all()
    return Decision(
        stock=[shelf.close() for shelf in every if shelf.to_write],
        movements=shelves.movements,
        changes=answers,
        due=(),
        oversold=tell_oversold(every),
    )


def observed_stock_keys(messages: Iterable[ProkipObservedV1]) -> set[StockKey]:
    return {
        StockKey(message.business_id, item.sku, message.location_id) for message in messages for item in message.items
    }


class ReadingPart(NamedTuple):
    """One of several messages that together tell a location completely."""

    business_id: int
    location_id: str
    sequence: int
    part: int
    parts: int


def completed_locations(messages: Iterable[ProkipObservedV1]) -> set[LocationKey]:
    """Locations that one message tells completely; they never become incomplete again."""
    return {
        LocationKey(message.business_id, message.location_id)
        for message in messages
        if message.first_read_complete and message.parts == 1
    }


def reading_parts(messages: Iterable[ProkipObservedV1]) -> set[ReadingPart]:
    """Parts of readings that tell their location completely once all of them are here."""
    return {
        ReadingPart(message.business_id, message.location_id, message.sequence, message.part, message.parts)
        for message in messages
        if message.first_read_complete and message.parts > 1
    }


def _observe(shelves: Shelves, message: ProkipObservedV1, at: datetime) -> list[Shelf]:
    changed: dict[str, Shelf] = {}
    for item in message.items:
        shelf = shelves.open(StockKey(message.business_id, item.sku, message.location_id))
        moved = shelf.observe(message.sequence, exact(item.quantity), exact(item.recorded), at, message.correlation_id)
        if moved is None:
            continue
        changed[item.sku] = shelf
        if moved:
            shelves.move(shelf, moved, "prokip", None, None)
    return list(changed.values())

"""What Prokip holds becomes the base: `base = Q + R`, whatever sales are in flight."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from inventory.domain.shelves import Shelf, Shelves, tell_oversold
from inventory.domain.snapshots import exact
from inventory.domain.values import Decision, Held, LocationKey, StockKey
from prokip_shared.messages import Message, ProkipObservedV1, StockChangedV1


def apply_observations(held: Held, messages: Sequence[ProkipObservedV1], at: datetime) -> Decision:
    """What a batch of readings changes, in the order given; an older reading of a SKU never wins.

    A reading that is part of a round is answered with exactly one `stock.changed` that carries the same part, even
    when nothing changed, because store-push waits for every part. Raises Uncountable.
    """
    shelves = Shelves(held, at)
    answers: list[Message] = []
    for message in messages:
        changed = _observe(shelves, message)
        if changed or message.round is not None:
            answers.append(
                StockChangedV1(
                    business_id=message.business_id,
                    correlation_id=message.correlation_id,
                    location_id=message.location_id,
                    items=tuple(shelf.item() for shelf in changed),
                    round=message.round,
                )
            )
    every = shelves.all()
    return Decision(
        new_orders=(),
        changed_orders=(),
        stock=tuple(shelf.close() for shelf in every if shelf.to_write),
        movements=tuple(shelves.movements),
        messages=(*answers, *tell_oversold(every)),
    )


def observed_stock_keys(messages: Iterable[ProkipObservedV1]) -> set[StockKey]:
    return {
        StockKey(message.business_id, item.sku, message.location_id) for message in messages for item in message.items
    }


def completed_locations(messages: Iterable[ProkipObservedV1]) -> set[LocationKey]:
    """Locations that Prokip has told completely; they never become incomplete again."""
    return {
        LocationKey(message.business_id, message.location_id) for message in messages if message.first_read_complete
    }


def _observe(shelves: Shelves, message: ProkipObservedV1) -> list[Shelf]:
    changed: dict[str, Shelf] = {}
    for item in message.items:
        shelf = shelves.open(StockKey(message.business_id, item.sku, message.location_id))
        moved = shelf.observe(
            message.sequence, exact(item.quantity), exact(item.recorded), shelves.at, message.correlation_id
        )
        if moved is None:
            continue
        changed[item.sku] = shelf
        if moved:
            shelves.move(shelf, moved, "prokip", None, None)
    return list(changed.values())

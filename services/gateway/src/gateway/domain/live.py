"""What an operator is told of each message: one sentence, and the values behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from gateway.domain.numbers import plain_number
from prokip_shared.messages import (
    BundleChangedV1,
    ConnectionChangedV1,
    ConnectionHealthChangedV1,
    ConnectionUninstalledV1,
    DriftFoundV1,
    ListingPushedV1,
    ProkipHeldV1,
    PushedListing,
    SaleDueV1,
    SaleLine,
    SaleRecordedV1,
    StockOversoldV1,
    SyncCompletedV1,
)

ITEMS_NAMED_MAX: Final = 3
"""A sentence names some goods and counts the rest."""

Shown = (
    SaleDueV1
    | SaleRecordedV1
    | ListingPushedV1
    | DriftFoundV1
    | StockOversoldV1
    | BundleChangedV1
    | ProkipHeldV1
    | ConnectionHealthChangedV1
    | ConnectionUninstalledV1
    | ConnectionChangedV1
    | SyncCompletedV1
)

RECORDED_SENTENCES: Final = {
    "recorded": "Prokip recorded order {order}",
    "in_doubt": "Prokip did not say whether it recorded order {order}; see under Sales what becomes of it",
    "refused": "Prokip refused order {order}",
    "return_unsupported": "Prokip takes no returns; enter the return of order {order} there",
}
HEALTH_SENTENCES: Final = {
    "healthy": "{store} answers again",
    "throttled": "{store} asks us to slow down",
    "failing": "{store} does not take our writes",
    "needs_reauthorisation": "{store} no longer lets us in; connect it again",
}
HELD_SENTENCES: Final = {
    "held": "What Prokip says of {place} is held until somebody looks at it: {detail}",
    "passed": "What Prokip says of {place} is fine again",
    "released": "What Prokip says of {place} was released; SKUs changed: {skus}",
    "refused": "What Prokip says of {place} was refused; SKUs left as they are: {skus}",
    "undone": "A read of {place} was undone; SKUs changed back: {skus}",
    "reconsidered": "A decision about {place} was taken back; SKUs read again: {skus}",
}
CHANGE_SENTENCES: Final = {
    "connected": "{store} was connected",
    "updated": "{store} was changed",
    "paused": "{store} was paused",
    "resumed": "{store} goes on",
    "disconnected": "{store} was disconnected; its stock is kept",
    "prokip_configured": "Prokip was set up",
}


@dataclass(frozen=True, slots=True)
class Happening:
    business_id: int
    kind: str
    at: datetime
    sentence: str
    correlation_id: str
    connection_id: int | None = None
    store_name: str | None = None
    sku: str | None = None
    """Where the event is about one SKU alone."""
    order_ref: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    """The message itself, in its own words; a batch of pushes is bounded by what one store call carries."""

    def body(self) -> dict[str, Any]:
        """As it is stored and shown, without number, kind and time."""
        return {
            "sentence": self.sentence,
            "connection_id": self.connection_id,
            "store_name": self.store_name,
            "sku": self.sku,
            "order_ref": self.order_ref,
            "correlation_id": self.correlation_id,
            "data": dict(self.data),
        }


def describe(message: Shown, store_names: Mapping[int, str], *, now: datetime) -> Happening:
    """`now` is the time of messages that carry none of their own."""
    connection_id = _connection_of(message)
    store = _name(store_names, connection_id)
    at = now
    sku: str | None = None
    order_ref: str | None = None
    match message:
        case SaleDueV1(order_ref=order_ref, lines=lines):
            sku = lines[0].sku if len(lines) == 1 else None
            sentence = f"{store}: order {message.order_number} holds {_units(lines)}"
        case SaleRecordedV1(order_ref=order_ref):
            sentence = RECORDED_SENTENCES[message.state].format(order=order_ref)
        case ListingPushedV1(pushed_at=at, listings=listings):
            sku = listings[0].sku if len(listings) == 1 else None
            sentence = f"{store} {_pushed(listings)}"
        case DriftFoundV1(sku=sku):
            shown, expected = plain_number(message.shown), plain_number(message.expected)
            sentence = f"{store} showed {shown} of {sku}, expected {expected}"
        case StockOversoldV1(sku=sku) | BundleChangedV1(sku=sku):
            sentence = _of_sku(message)
        case ConnectionHealthChangedV1(since=at):
            sentence = HEALTH_SENTENCES[message.health].format(store=store)
        case ConnectionUninstalledV1():
            sentence = f"{store} removed our access; connect it again"
        case ConnectionChangedV1():
            sentence = CHANGE_SENTENCES[message.change].format(store=store)
        case SyncCompletedV1() | ProkipHeldV1():
            sentence = _of_business(message, store_names)
    return Happening(
        business_id=message.business_id,
        kind=message.type.removesuffix(".v1"),
        at=at,
        sentence=sentence,
        correlation_id=message.correlation_id,
        connection_id=connection_id,
        store_name=store_names.get(connection_id) if connection_id is not None else None,
        sku=sku,
        order_ref=order_ref,
        data=message.model_dump(mode="json", exclude={"message_id", "business_id", "type"}),
    )


def connections_named_in(messages: Sequence[Shown]) -> list[int]:
    """Every store that a sentence will name, once."""
    found = {connection_id for message in messages if (connection_id := _connection_of(message)) is not None}
    for message in messages:
        if isinstance(message, SyncCompletedV1):
            found |= {connection.connection_id for connection in message.connections}
    return sorted(found)


def _connection_of(message: Shown) -> int | None:
    of_business = StockOversoldV1 | BundleChangedV1 | ProkipHeldV1 | SyncCompletedV1
    return None if isinstance(message, of_business) else message.connection_id


def _of_business(message: SyncCompletedV1 | ProkipHeldV1, store_names: Mapping[int, str]) -> str:
    if isinstance(message, SyncCompletedV1):
        return _round(message, store_names)
    sentence = HELD_SENTENCES[message.state]
    return sentence.format(place=message.location_id, skus=message.skus, detail=message.detail)


def _of_sku(message: StockOversoldV1 | BundleChangedV1) -> str:
    if isinstance(message, StockOversoldV1):
        return f"{message.sku} is oversold: {plain_number(message.available)}"
    if not message.parts:
        return f"{message.sku} is no bundle any more"
    named = ", ".join(f"{plain_number(part.quantity)} of {part.sku}" for part in message.parts[:ITEMS_NAMED_MAX])
    return f"{message.sku} is a bundle of {named}{_more(len(message.parts))}"


def _units(lines: Sequence[SaleLine]) -> str:
    named = ", ".join(f"{plain_number(line.units)} of {line.sku}" for line in lines[:ITEMS_NAMED_MAX])
    return named + _more(len(lines))


def _pushed(listings: Sequence[PushedListing]) -> str:
    named = ", ".join(f"{listing.sku} = {plain_number(listing.target)}" for listing in listings[:ITEMS_NAMED_MAX])
    named += _more(len(listings))
    refused = [listing for listing in listings if listing.outcome in {"refused", "conflict"}]
    if not refused:
        return f"shows {named}"
    if len(refused) == len(listings):
        return f"did not take {named}: {refused[0].detail}"
    return f"shows {named}; {len(refused)} not taken: {refused[0].detail}"


def _round(message: SyncCompletedV1, store_names: Mapping[int, str]) -> str:
    failing = [_name(store_names, store.connection_id) for store in message.connections if store.state == "failing"]
    if message.state == "failed":
        return f"The sync failed: {message.detail}"
    return f"The sync is done, but not at {', '.join(failing)}" if failing else "The sync is done"


def _name(store_names: Mapping[int, str], connection_id: int | None) -> str:
    return "A store" if connection_id is None else store_names.get(connection_id, f"Store {connection_id}")


def _more(count: int) -> str:
    return f" and {count - ITEMS_NAMED_MAX} more" if count > ITEMS_NAMED_MAX else ""

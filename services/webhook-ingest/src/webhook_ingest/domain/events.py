"""From what a webhook means to what is said about it; pure, the time and the ids are given."""

from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from msgspec.json import Encoder

from prokip_shared.connections import ConnectionRecord
from prokip_shared.messages import (
    ConnectionRedactedV1,
    ConnectionUninstalledV1,
    LevelHintedV1,
    Message,
    OrderObservedV1,
    ProductHintedV1,
)
from prokip_shared.platforms.webhooks import (
    LevelHint,
    Meaning,
    Nothing,
    OrderFields,
    OrderSeen,
    ProductFields,
    ProductSeen,
    Uninstalled,
)


def _name(message: type[Message]) -> str:
    return str(message.model_fields["type"].default)


ORDER_OBSERVED: Final = _name(OrderObservedV1)
LEVEL_HINTED: Final = _name(LevelHintedV1)
PRODUCT_HINTED: Final = _name(ProductHintedV1)
CONNECTION_REDACTED: Final = _name(ConnectionRedactedV1)
CONNECTION_UNINSTALLED: Final = _name(ConnectionUninstalledV1)
ENCODER: Final = Encoder()


class Event(NamedTuple):
    """A message in the form in which it travels; tests hold it to the validated class, byte for byte."""

    type: str
    encoded: bytes


def event_of(
    meaning: Meaning,
    connection: ConnectionRecord,
    *,
    topic: str,
    message_id: str,
    observed_at: datetime,
    correlation_id: str,
) -> Event | None:
    """None where there is nothing to say."""
    match meaning:
        case OrderSeen(order):
            message_type, said = ORDER_OBSERVED, _order(order, connection, observed_at, topic)
        case LevelHint():
            message_type, said = LEVEL_HINTED, _level(meaning, connection, observed_at)
        case ProductSeen(product):
            message_type, said = PRODUCT_HINTED, _product(product, connection, observed_at)
        case Uninstalled(reason):
            message_type, said = CONNECTION_UNINSTALLED, {"connection_id": connection.id, "reason": reason}
        case Nothing():
            return None
    head = {
        "message_id": message_id,
        "correlation_id": correlation_id,
        "business_id": connection.business_id,
        "type": message_type,
    }
    return Event(message_type, ENCODER.encode(head | said))


def redaction_of(connection_id: int, business_id: int, *, message_id: str, correlation_id: str) -> Event:
    head = {"message_id": message_id, "correlation_id": correlation_id, "business_id": business_id}
    said = {"type": CONNECTION_REDACTED, "connection_id": connection_id}
    return Event(CONNECTION_REDACTED, ENCODER.encode(head | said))


def _order(order: OrderFields, connection: ConnectionRecord, observed_at: datetime, topic: str) -> dict[str, Any]:
    created_at = order["created_at"]
    return {
        "connection_id": connection.id,
        "location_id": connection.location_id,
        "source": "webhook",
        "observed_at": _text(observed_at),
        # Both times are the store's own clock, so ours need not agree with it.
        "predates_connection": created_at is not None and datetime.fromisoformat(created_at) < connection.connected_at,
        "order": order,
        "topic": topic,
    }


def _level(hint: LevelHint, connection: ConnectionRecord, observed_at: datetime) -> dict[str, Any]:
    return {
        "connection_id": connection.id,
        "item_ref": hint.item_ref,
        "place_ref": hint.place_ref,
        "quantity": None if hint.quantity is None else str(hint.quantity),
        "observed_at": _text(observed_at),
        "product": hint.product,
    }


def _product(product: ProductFields, connection: ConnectionRecord, observed_at: datetime) -> dict[str, Any]:
    return {"connection_id": connection.id, "product": product, "observed_at": _text(observed_at)}


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"

"""From what a webhook means to what is said about it; pure, the time and the ids are given."""

from datetime import datetime
from uuid import UUID

from prokip_shared.connections import ConnectionRecord
from prokip_shared.messages import ConnectionUninstalledV1, LevelHintedV1, Message, OrderObservedV1
from prokip_shared.platforms.webhooks import LevelHint, Meaning, Nothing, OrderSeen, Uninstalled


def event_of(
    meaning: Meaning, connection: ConnectionRecord, *, message_id: UUID, observed_at: datetime, correlation_id: str
) -> Message | None:
    """None where there is nothing to say."""
    match meaning:
        case OrderSeen(order):
            created_at = order.created_at
            return OrderObservedV1(
                message_id=message_id,
                correlation_id=correlation_id,
                business_id=connection.business_id,
                connection_id=connection.id,
                location_id=connection.location_id,
                source="webhook",
                observed_at=observed_at,
                # Both times are the store's own clock, so ours need not agree with it.
                predates_connection=created_at is not None and created_at < connection.connected_at,
                order=order,
            )
        case LevelHint(item_ref, place_ref, quantity):
            return LevelHintedV1(
                message_id=message_id,
                correlation_id=correlation_id,
                business_id=connection.business_id,
                connection_id=connection.id,
                item_ref=item_ref,
                place_ref=place_ref,
                quantity=quantity,
                observed_at=observed_at,
            )
        case Uninstalled(reason):
            return ConnectionUninstalledV1(
                message_id=message_id,
                correlation_id=correlation_id,
                business_id=connection.business_id,
                connection_id=connection.id,
                reason=reason,
            )
        case Nothing():
            return None

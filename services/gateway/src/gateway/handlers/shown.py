"""Stored rows as the API shows them."""

from datetime import datetime
from typing import Literal

from gateway.models.connections import Connection, LegacyConnection
from gateway.models.live import LiveEvent
from gateway.models.rounds import Round, RoundConnection
from gateway.storage.connections import ConnectionRow
from gateway.storage.live import StoredEvent
from gateway.storage.rounds import RUNNING_S_MAX, RoundRow

ConnectionStatus = Literal["connected", "paused", "needs_reauthorisation", "disconnected"]


def status_of(row: ConnectionRow) -> ConnectionStatus:
    """The one word for a store card: what keeps it from syncing, the gravest first."""
    if row.status == "disconnected":
        return "disconnected"
    if row.status == "needs_reauthorisation" or row.health == "needs_reauthorisation":
        return "needs_reauthorisation"
    return "connected" if row.sync_enabled else "paused"


def connection_of(row: ConnectionRow) -> Connection:
    return Connection(
        id=row.id,
        platform=row.platform,
        store_url=row.store_url,
        store_name=row.store_name,
        store_key=row.store_key,
        status=status_of(row),
        health=row.health,
        health_since=row.health_since,
        health_detail=row.health_detail,
        sync_enabled=row.sync_enabled,
        location_id=row.location_id,
        place_id=row.place_ref,
        choice=row.choice,
        last_sync=row.last_sync,
        connected_at=row.connected_at,
    )


def legacy_connection_of(row: ConnectionRow) -> LegacyConnection:
    return LegacyConnection(
        id=row.id,
        platform=row.platform,
        store_url=row.store_url,
        last_sync=row.last_sync,
        store_name=row.store_name,
        status=status_of(row),
        sync_enabled=row.sync_enabled,
        location_id=row.location_id,
        choice=row.choice,
        store_name_snake=row.store_name,
        last_sync_snake=row.last_sync,
        sync_enabled_snake=row.sync_enabled,
        location_id_snake=row.location_id,
    )


def round_of(row: RoundRow, *, now: datetime) -> Round:
    """A round that nobody ended in time is lost, perhaps with the service that had it in hand."""
    lost = row.state == "running" and (now - row.requested_at).total_seconds() > RUNNING_S_MAX
    return Round(
        id=row.id,
        state="timed_out" if lost else row.state,
        connection_id=row.connection_id,
        requested_at=row.requested_at,
        completed_at=row.completed_at,
        detail=row.detail,
        connections=[RoundConnection.model_validate(store) for store in row.connections],
    )


def event_of(event: StoredEvent) -> LiveEvent:
    return LiveEvent.model_validate({"id": event.number, "kind": event.kind, "at": event.at} | event.body)

"""When a round is over: every part has arrived and every store in scope has confirmed or is known to fail."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from prokip_shared.messages import ConnectionHealth, SyncedConnection


@dataclass(frozen=True, slots=True)
class Round:
    round_id: UUID
    business_id: int
    connection_id: int | None
    requested_at: datetime | None
    parts: int | None
    arrived: int
    begun_at: datetime
    looked_at: datetime


@dataclass(frozen=True, slots=True)
class ConnectionProgress:
    connection_id: int
    active: bool
    health: ConnectionHealth
    health_detail: str
    catalogue_error: str | None
    attempted: bool
    """Tried since the round was requested."""
    catalogue_tried: bool
    """Its catalogue was read, or could not be, since the round was requested."""
    due: int
    listings: int
    held: bool = False
    """Its first quantities wait for a decision."""


@dataclass(frozen=True, slots=True)
class Verdict:
    state: Literal["completed", "failed"]
    detail: str
    connections: tuple[SyncedConnection, ...]


def judge(one: Round, progress: Sequence[ConnectionProgress], *, timeout_s: float) -> Verdict | None:
    """None while the round goes on."""
    synced = [_synced(connection) for connection in progress]
    late = (one.looked_at - one.begun_at).total_seconds() > timeout_s
    arrived = one.parts is not None and one.arrived >= one.parts
    if one.requested_at is not None and arrived and all(synced):
        return Verdict("completed", "", tuple(entry for entry in synced if entry is not None))
    if not late:
        return None
    missing = [
        str(connection.connection_id) for connection, entry in zip(progress, synced, strict=True) if entry is None
    ]
    detail = (
        f"not confirmed within {timeout_s:g} s: connection {', '.join(missing)}"
        if arrived
        else f"Prokip's stock did not arrive within {timeout_s:g} s"
    )
    return Verdict("failed", detail, tuple(entry for entry in synced if entry is not None))


def _synced(connection: ConnectionProgress) -> SyncedConnection | None:
    """None while there is still something to wait for."""
    if not connection.active:
        return _entry(connection, "paused", "paused by the operator")
    if connection.held and connection.catalogue_tried:
        return _entry(connection, "paused", "its first quantities wait for a decision")
    if connection.catalogue_tried and connection.catalogue_error is not None:
        return _entry(connection, "failing", connection.catalogue_error)
    if connection.attempted and connection.health in {"failing", "needs_reauthorisation"}:
        return _entry(connection, "failing", connection.health_detail)
    if connection.due == 0 and connection.catalogue_tried:
        return _entry(connection, "confirmed", "")
    return None


def _entry(
    connection: ConnectionProgress, state: Literal["confirmed", "failing", "paused"], detail: str
) -> SyncedConnection:
    return SyncedConnection(
        connection_id=connection.connection_id, state=state, listings=connection.listings, detail=detail
    )

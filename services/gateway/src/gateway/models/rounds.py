from typing import Literal
from uuid import UUID

from gateway.models.base import Answer, Time


class RoundConnection(Answer):
    connection_id: int
    state: Literal["confirmed", "failing", "paused"]
    listings: int
    detail: str


class Round(Answer):
    id: UUID
    state: Literal["running", "completed", "failed", "timed_out"]
    """timed_out: nobody ended it within ten minutes."""
    connection_id: int | None
    """None: every store of the business."""
    requested_at: Time
    completed_at: Time | None
    detail: str
    connections: list[RoundConnection]

"""Budgets of stores, and what the background learns of how a store answers."""

from dataclasses import dataclass
from datetime import datetime

from prokip_shared.database import Connection, Pool, load_queries
from store_push.domain.budget import Budget, Points, Turn
from store_push.domain.health import Health


@dataclass(frozen=True, slots=True)
class TurnAsked:
    """A store's budget under lock, and who else wants it."""

    budget: Budget
    push_waits: bool
    now: datetime


@dataclass(frozen=True, slots=True)
class Measured:
    """What one answer told."""

    points: Points | None
    points_asked: float
    answer_s: float
    rest_s: float
    hold_s: float | None


@dataclass(frozen=True, slots=True)
class HealthNoted:
    business_id: int
    health: Health
    last_push_at: datetime | None
    push_due: bool
    now: datetime


class BackgroundStorage:
    """Budgets of stores, and how they answer."""

    def __init__(self) -> None:
        self._queries = load_queries("store_push", "background.sql")

    async def ask_turn(self, connection: Connection, connection_id: int) -> TurnAsked | None:
        """None while the row is being made by somebody else, and where there is no such connection."""
        row = await connection.fetchrow(self._queries["budget_for_turn"], connection_id)
        if row is None:
            return None
        points = None
        if row["points_maximum"] is not None and row["points_restored_per_s"]:
            points = Points(row["points_available"], row["points_maximum"], row["points_restored_per_s"])
        budget = Budget(
            points=points,
            points_asked=row["points_asked"],
            measured_at=row["measured_at"],
            answer_s=row["answer_s"],
            rests_until=row["rests_until"],
            held_until=row["held_until"],
        )
        return TurnAsked(budget, row["push_waits"], row["now"])

    async def take_turn(self, connection: Connection, connection_id: int, turn: Turn, now: datetime) -> None:
        await connection.execute(
            self._queries["take_turn"], connection_id, turn.points_available, now, turn.rests_until
        )

    async def learn(self, pool: Pool, connection_id: int, measured: Measured) -> None:
        points = measured.points
        told: tuple[float | None, ...] = (None,) * 4
        if points is not None:
            told = (points.available, points.maximum, points.restored_per_s, measured.points_asked)
        await pool.execute(
            self._queries["learn_budget"], connection_id, *told, measured.answer_s, measured.rest_s, measured.hold_s
        )

    async def health_of(self, connection: Connection, connection_id: int) -> HealthNoted | None:
        """Locked; None while a push is at the store."""
        row = await connection.fetchrow(self._queries["health_for_note"], connection_id)
        if row is None:
            return None
        health = Health(row["health"], row["health_since"], "", row["consecutive_failures"])
        return HealthNoted(row["business_id"], health, row["last_push_at"], row["push_due"], row["now"])

    async def note_health(self, connection: Connection, connection_id: int, health: Health, *, try_now: bool) -> None:
        await connection.execute(
            self._queries["note_health"],
            connection_id,
            health.state,
            health.since,
            health.detail,
            health.consecutive_failures,
            try_now,
        )
        if try_now:
            await connection.execute(self._queries["wake_pushes"])

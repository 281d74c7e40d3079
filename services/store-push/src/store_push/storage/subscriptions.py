"""Checks of the stores' webhooks: claims and results."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from prokip_shared.database import Connection, Pool, load_queries


@dataclass(frozen=True, slots=True)
class SubscriptionCheck:
    """One store whose webhooks are looked at, held by an advisory lock."""

    connection_id: int
    business_id: int
    consecutive_failures: int
    due_at: datetime


class SubscriptionStorage:
    """When each store's webhooks are looked at, and what was found."""

    def __init__(self) -> None:
        self._queries = load_queries("store_push", "subscriptions.sql")

    async def start(self, connection: Connection, connection_ids: Sequence[int], *, first_in_s: float) -> None:
        """For connections that are not looked after yet."""
        await connection.execute(self._queries["start_subscription_checks"], connection_ids, first_in_s)

    async def want(self, connection: Connection, connection_ids: Sequence[int]) -> None:
        """Their webhooks may have to sign with another secret now."""
        await connection.execute(self._queries["want_subscription_checks"], connection_ids)

    async def next_in_s(self, pool: Pool) -> float | None:
        wait_s: float | None = await pool.fetchval(self._queries["next_subscription_check_in_s"])
        return wait_s

    async def claim(self, connection: Connection) -> SubscriptionCheck | None:
        key = await connection.fetchval(self._queries["lock_subscription_check"])
        row = None if key is None else await connection.fetchrow(self._queries["claim_subscription_check"], key)
        return None if row is None else SubscriptionCheck(**row)

    async def done(
        self, connection: Connection, check: SubscriptionCheck, restored: Sequence[str], *, next_in_s: float
    ) -> None:
        await connection.execute(
            self._queries["subscription_check_done"], check.connection_id, next_in_s, list(restored), check.due_at
        )

    async def failed(self, connection: Connection, check: SubscriptionCheck, *, error: str, next_in_s: float) -> None:
        await connection.execute(
            self._queries["subscription_check_failed"], check.connection_id, next_in_s, error, check.due_at
        )

"""First quantities: which stores may not be written to yet, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from prokip_shared.database import Connection, Pool, load_queries
from store_push.domain.first_quantities import FirstTally, PlanState


@dataclass(frozen=True, slots=True)
class WaitingPlan:
    connection_id: int
    business_id: int
    targets: int
    """SKUs that Prokip had told at the last look."""
    targets_since: datetime
    told: int
    """SKUs that it has told by now."""
    looked_at: datetime


class FirstQuantityStorage:
    def __init__(self) -> None:
        self._queries = load_queries("store_push", "first_quantities.sql")
        self._wake = load_queries("store_push", "targets.sql")["wake_workers"]

    async def start(self, connection: Connection, connection_ids: Sequence[int]) -> None:
        """For stores that have none yet."""
        await connection.execute(self._queries["start_first_quantities"], connection_ids)

    async def begin_again(self, connection: Connection, connection_id: int) -> None:
        await connection.execute(self._queries["begin_first_quantities_again"], connection_id)

    async def waiting(self, connection: Connection) -> list[WaitingPlan]:
        """Locked until the transaction ends."""
        return [WaitingPlan(**row) for row in await connection.fetch(self._queries["waiting_first_quantities"])]

    async def note_targets(self, connection: Connection, plan: WaitingPlan) -> None:
        await connection.execute(self._queries["note_targets"], plan.connection_id, plan.told)

    async def tally(self, connection: Connection, connection_id: int) -> FirstTally:
        row = await connection.fetchrow(self._queries["first_tally"], connection_id)
        return FirstTally(0, 0, 0) if row is None else FirstTally(**row)

    async def judge(
        self, connection: Connection, connection_id: int, state: PlanState, tally: FirstTally, reason: str
    ) -> None:
        await connection.execute(
            self._queries["judge_first_quantities"],
            connection_id,
            state,
            tally.listings,
            tally.changed,
            tally.zeroed,
            reason,
        )
        await connection.execute(self._wake)

    async def of_store(self, pool: Pool, business_id: int, connection_id: int) -> asyncpg.Record | None:
        return await pool.fetchrow(self._queries["first_quantities"], business_id, connection_id)

    async def held(self, pool: Pool, business_id: int) -> list[asyncpg.Record]:
        return await pool.fetch(self._queries["held_first_quantities"], business_id)

    async def changes(
        self, pool: Pool, business_id: int, connection_id: int, *, after_sku: str, rows_max: int
    ) -> list[asyncpg.Record]:
        return await pool.fetch(self._queries["first_changes"], business_id, connection_id, after_sku, rows_max)

    async def lock(self, connection: Connection, business_id: int, connection_id: int) -> PlanState | None:
        state: PlanState | None = await connection.fetchval(
            self._queries["lock_first_quantities"], business_id, connection_id
        )
        return state

    async def decide(self, connection: Connection, connection_id: int, state: PlanState) -> None:
        await connection.execute(self._queries["decide_first_quantities"], connection_id, state)
        await connection.execute(self._wake)

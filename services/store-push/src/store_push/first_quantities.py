"""Looks at what stores are to show for the first time, and holds what is large until somebody has looked at it."""

from dataclasses import dataclass
from datetime import timedelta

from prokip_shared.database import Connection, Pool
from prokip_shared.logs import Log
from store_push.domain.first_quantities import DECISIONS, Decision, FirstLimits, PlanState, reason_to_hold
from store_push.storage.first_quantities import FirstQuantityStorage, WaitingPlan

log = Log("first_quantities")


class NoSuchPlan(Exception):
    """The business has no such store, or it is one that is not compared."""


class NotInThisState(Exception):
    def __init__(self, state: PlanState) -> None:
        super().__init__(state)
        self.state = state


@dataclass(frozen=True, slots=True)
class FirstQuantities:
    pool: Pool
    storage: FirstQuantityStorage
    limits: FirstLimits
    settle_s: float
    """How long no new SKU must have come from Prokip: a first reading arrives in parts."""

    async def look(self) -> None:
        """Judges every plan that is complete."""
        async with self.pool.acquire() as connection, connection.transaction():
            for plan in await self.storage.waiting(connection):
                await self._look_at(connection, plan)

    async def _look_at(self, connection: Connection, plan: WaitingPlan) -> None:
        if plan.told != plan.targets:
            await self.storage.note_targets(connection, plan)
            return
        if plan.looked_at - plan.targets_since < timedelta(seconds=self.settle_s):
            return
        tally = await self.storage.tally(connection, plan.connection_id)
        if tally.listings == 0:
            return  # nothing matches yet, so nothing would be written
        reason = reason_to_hold(tally, self.limits)
        state: PlanState = "held" if reason else "passed"
        await self.storage.judge(connection, plan.connection_id, state, tally, reason)
        log.info(
            "first_quantities.judged",
            state=state,
            connection_id=plan.connection_id,
            business_id=plan.business_id,
            listings=tally.listings,
            changed=tally.changed,
            zeroed=tally.zeroed,
        )

    async def decide(self, business_id: int, connection_id: int, decision: Decision) -> PlanState:
        """Raises NoSuchPlan or NotInThisState."""
        fitting, following = DECISIONS[decision]
        async with self.pool.acquire() as connection, connection.transaction():
            state = await self.storage.lock(connection, business_id, connection_id)
            if state is None:
                raise NoSuchPlan
            if state not in fitting:
                raise NotInThisState(state)
            await self.storage.decide(connection, connection_id, following)
        log.info("first_quantities.decided", state=following, connection_id=connection_id, business_id=business_id)
        return following

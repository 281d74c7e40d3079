"""Ends rounds: watches those under way and says `sync.completed`."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from prokip_shared.bus import Outbox
from prokip_shared.bus.failures import Verdict, describe, verdict_of
from prokip_shared.database import Pool
from prokip_shared.logs import Log
from prokip_shared.messages import SyncCompletedV1
from store_push.domain.rounds import judge
from store_push.storage.rounds import RoundStorage

LOOK_INTERVAL_S: Final = 0.05  # while a round is under way: an operator waits
IDLE_INTERVAL_S: Final = 5.0
DATABASE_PAUSE_S: Final = 0.5

log = Log("rounds")


@dataclass(slots=True)
class RoundWatch:
    pool: Pool
    outbox: Outbox
    storage: RoundStorage
    timeout_s: float
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        """Runs until cancelled."""
        while True:
            try:
                under_way = await self.storage.any_under_way(self.pool)
                if under_way:
                    await self.end_what_is_done()
            except Exception as error:
                if verdict_of(error) is not Verdict.HOLD:
                    raise
                log.warning("rounds.database_away", reason=describe(error))
                await asyncio.sleep(DATABASE_PAUSE_S)
                continue
            if under_way:
                await asyncio.sleep(LOOK_INTERVAL_S)
            else:
                await self._sleep()

    async def end_what_is_done(self) -> None:
        async with self.outbox.transaction() as transaction:
            for one in await self.storage.open(transaction.connection):
                progress = await self.storage.progress(transaction.connection, one)
                verdict = judge(one, progress, timeout_s=self.timeout_s)
                if verdict is None:
                    continue
                await self.storage.end(transaction.connection, one.round_id)
                transaction.say(
                    SyncCompletedV1(
                        business_id=one.business_id,
                        round_id=one.round_id,
                        state=verdict.state,
                        detail=verdict.detail,
                        connections=verdict.connections,
                    )
                )
                log.info("round.ended", round_id=str(one.round_id), state=verdict.state, detail=verdict.detail)

    async def _sleep(self) -> None:
        try:
            async with asyncio.timeout(IDLE_INTERVAL_S):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

"""Work that becomes due by the clock: kept going by as many timers as may be at it at a time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from prokip_shared.bus.failures import Verdict, describe, verdict_of
from prokip_shared.logs import Log

POLL_S: Final = 5.0
DATABASE_PAUSE_S: Final = 0.5
CLAIMED_PAUSE_S: Final = 0.5  # what is due and not to be had is in somebody's hands, perhaps for minutes

log = Log("timers")


class DueTimer:
    """`work` does one thing that is due and says whether there was any; `next_in_s` tells when to ask again."""

    def __init__(self, work: Callable[[], Awaitable[bool]], next_in_s: Callable[[], Awaitable[float | None]]) -> None:
        self._work = work
        self._next_in_s = next_in_s
        self._wake = asyncio.Event()

    def wake(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        """Runs until cancelled; infrastructure that is away is waited out."""
        while True:
            try:
                if await self._work():
                    continue
                wait_s = await self._next_in_s()
            except Exception as error:
                if verdict_of(error) is not Verdict.HOLD:
                    raise
                log.warning("timer.database_away", reason=describe(error))
                await asyncio.sleep(DATABASE_PAUSE_S)
                continue
            await self._sleep(POLL_S if wait_s is None else min(max(wait_s, CLAIMED_PAUSE_S), POLL_S))

    async def _sleep(self, wait_s: float) -> None:
        try:
            async with asyncio.timeout(wait_s):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

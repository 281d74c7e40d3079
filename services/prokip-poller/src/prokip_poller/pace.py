"""One pace for an account over all replicas: see `domain.pace` for what is decided, here is where it is kept."""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from prokip_poller.domain.attempts import RetryPolicy
from prokip_poller.domain.pace import (
    LONG_AGO,
    PaceLimits,
    PaceState,
    after_failure,
    after_success,
    after_wait_asked,
    next_turn,
)
from prokip_poller.storage.logins import Logins, PaceInHand
from prokip_shared.database import DATABASE_TROUBLE
from prokip_shared.logs import Log
from prokip_shared.platforms.prokip import InDoubt, Unavailable

log = Log("pace")


@dataclass(slots=True)
class KnownPace:
    """What a process saw last of one business's pace, and when."""

    state: PaceState | None = None
    now: datetime = LONG_AGO
    """By the database's clock."""
    seen_s: float = 0.0
    """Monotonic, at that moment."""

    def see(self, state: PaceState, now: datetime) -> None:
        self.state, self.now, self.seen_s = state, now, time.monotonic()

    def now_there(self) -> datetime:
        return self.now + timedelta(seconds=time.monotonic() - self.seen_s)


class KnownPaces:
    """Of all businesses, for all requests of this process: where nobody else took a turn, one statement takes the next."""

    def __init__(self) -> None:
        self._of: defaultdict[int, KnownPace] = defaultdict(KnownPace)

    def of(self, business_id: int) -> KnownPace:
        return self._of[business_id]


@dataclass(frozen=True, slots=True)
class _Granted:
    wait_s: float
    failures: int


class AccountPace:
    """Of one business."""

    def __init__(
        self,
        logins: Logins,
        known: KnownPaces,
        business_id: int,
        limits: PaceLimits,
        policy: RetryPolicy,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._logins = logins
        self._known = known.of(business_id)
        self._business_id = business_id
        self._limits = limits
        self._policy = policy
        self._draw = draw

    @asynccontextmanager
    async def turn(self, wait_s_max: float) -> AsyncIterator[None]:
        granted = await self._take(wait_s_max)
        await asyncio.sleep(granted.wait_s)
        try:
            yield
        except (Unavailable, InDoubt) as failure:
            await self._note_failure(granted, failure)
            raise
        except BaseException:
            raise  # says nothing about whether Prokip answers
        if granted.failures:
            await self._note(lambda pace: after_success(pace.state, self._limits))

    async def _take(self, wait_s_max: float) -> _Granted:
        """Raises Unavailable, and takes no turn, where the next one is too far away."""
        try:
            granted = await self._take_unlocked(wait_s_max)
            if granted is not None:
                return granted
            async with self._logins.pace(self._business_id) as pace:
                turn = next_turn(pace.state, pace.now, self._limits)
                if turn.wait_s <= wait_s_max:
                    await pace.save(turn.after)
        except DATABASE_TROUBLE as error:
            raise Unavailable(f"Prokip was not asked: our database is away ({type(error).__name__}).") from None
        if turn.wait_s > wait_s_max:
            raise self._closed(pace, turn.wait_s)
        self._known.see(turn.after, pace.now)
        return _Granted(turn.wait_s, pace.state.failures)

    async def _take_unlocked(self, wait_s_max: float) -> _Granted | None:
        """A turn after the last state that this process saw, if that still is the state; else somebody else took one."""
        known = self._known.state
        if known is None:
            return None
        turn = next_turn(known, self._known.now_there(), self._limits)
        now = await self._logins.take_turn(self._business_id, known, turn.after) if turn.wait_s <= wait_s_max else None
        if now is None:
            return None
        self._known.see(turn.after, now)
        return _Granted(turn.wait_s, known.failures)

    def _closed(self, pace: PaceInHand, wait_s: float) -> Unavailable:
        if pace.state.closed_until <= pace.now:
            return Unavailable("Prokip was not asked: too many other requests wait for their turn.", wait_s)
        if pace.state.failures >= self._limits.failures_max:
            return Unavailable(f"Prokip was not asked: it has failed {pace.state.failures} times in a row.")
        return Unavailable("Prokip was not asked: it wants us to wait.", wait_s)

    async def _note_failure(self, granted: _Granted, failure: Unavailable | InDoubt) -> None:
        asked_s = failure.retry_after_s if isinstance(failure, Unavailable) else None
        if asked_s is not None:
            await self._note(lambda pace: after_wait_asked(pace.state, pace.now, asked_s=asked_s))
            return
        await self._note(
            lambda pace: after_failure(
                pace.state,
                pace.now,
                failures_before=granted.failures,
                limits=self._limits,
                policy=self._policy,
                chance=self._draw(),
            )
        )

    async def _note(self, change: Callable[[PaceInHand], PaceState]) -> None:
        """How a request ended must never depend on whether this can be stored."""
        try:
            async with self._logins.pace(self._business_id) as pace:
                await pace.save(change(pace))
        except DATABASE_TROUBLE as error:
            log.warning("pace.not_noted", business_id=self._business_id, cause=repr(error))

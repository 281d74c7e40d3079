"""One push of one connection, from claim to commit; and the dispatcher that decides which connections are next.

The claim is an advisory lock of the transaction that also stores what happened, so a crash at any point releases the
connection and leaves its listings due. What was about to be written is committed beside it before the write leaves: where
that is found by the next claim, it is looked into what the store did meanwhile.
"""

import asyncio
import math
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from prokip_shared.bus import Outbox
from prokip_shared.bus.failures import Verdict, describe, verdict_of
from prokip_shared.bus.port import Bundle
from prokip_shared.database import Connection, Pool
from prokip_shared.logs import Log, bind_correlation
from prokip_shared.messages import (
    ConnectionHealthChangedV1,
    DriftFoundV1,
    ListingPushedV1,
    Message,
    PushedListing,
    utc_now,
)
from store_push import metrics
from store_push.domain.decisions import Swept
from store_push.domain.health import Health, after_failure, after_success, pause_s
from store_push.domain.lingering import Linger
from store_push.domain.listings import DueListing
from store_push.ports import StoreDirectory
from store_push.pusher import Pusher, PushReport
from store_push.storage.sweeps import SweepStorage
from store_push.storage.waiting import begin_waiting
from store_push.storage.work import Claim, DueConnection, WorkStorage

CLAIM_LISTINGS_MAX: Final = 1_000
PROBE_LISTINGS_MAX: Final = 100  # one request or two: a store that failed is not asked more before it has answered
POLL_S: Final = 1.0  # a notification that got lost costs at most this
DATABASE_PAUSE_S: Final = 0.5
LAST_PUSH_RESOLUTION_S: Final = 1.0

log = Log("worker")


@dataclass(frozen=True, slots=True)
class Worker:
    """Pushes to one connection at a time; `pool` is apart from the consumers', because claims are held for long."""

    pool: Pool
    storage: WorkStorage
    sweeps: SweepStorage
    outbox: Outbox
    stores: StoreDirectory
    pusher: Pusher

    async def push(self, connection_id: int) -> bool:
        """False where there was nothing to do: another worker has it, or all is done."""
        began_s = time.perf_counter()
        async with self.pool.acquire() as connection, connection.transaction():
            claim = await self.storage.claim(connection, connection_id)
            store = None if claim is None else self.stores.store_of(connection_id)
            if claim is None or store is None:
                return False
            listings_max = CLAIM_LISTINGS_MAX if claim.health.state == "healthy" else PROBE_LISTINGS_MAX
            due, swept = await self._due(connection, connection_id, listings_max)
            if not due:
                return False
            await begin_waiting(connection)
            with bind_correlation(due[0].correlation_id):
                report = await self.pusher.push(store, due, swept, asks=claim.asks)
                health, pause = self._health_after(claim, report)
                bundles = await self._record(connection, claim, report, health, pause)
                _log(claim, report, health)
        self.outbox.hand_over(bundles)
        _measure(claim, report, time.perf_counter() - began_s)
        return True

    async def _due(
        self, connection: Connection, connection_id: int, listings_max: int
    ) -> tuple[list[DueListing], Swept | None]:
        """And the last sweep, where a difference is open: most pushes have none.

        The listings are then read again: what a sweep is known to have counted has to be in them.
        """
        due = await self.storage.due_listings(connection, connection_id, listings_max)
        if all(one.gap is None and not one.in_doubt for one in due):
            return due, None
        swept = await self.sweeps.last_complete(connection, connection_id)
        return await self.storage.due_listings(connection, connection_id, listings_max), swept

    async def _record(
        self, connection: Connection, claim: Claim, report: PushReport, health: Health, pause: float
    ) -> list[Bundle]:
        """Listings last: stock.changed waits for their locks, which end with the commit."""
        now = utc_now()
        await self.storage.record_drift(connection, claim, report.settled, now)
        await self.storage.record_questions(connection, claim, report.settled, now)
        if _worth_noting(claim, health, now):
            await self.storage.record_attempt(
                connection, claim.connection_id, health, pause_s=pause, pushed=report.failure is None
            )
        if self.pusher.wants_sweep(report):
            await self.sweeps.want(connection, [claim.connection_id])
        bundles = await self.outbox.write(connection, messages_of(claim, report, health, now))
        await self.storage.record_results(connection, claim, report.records, report.settled, report.known(), now)
        return bundles

    @staticmethod
    def _health_after(claim: Claim, report: PushReport) -> tuple[Health, float]:
        if report.failure is None:
            if not report.asked:
                return claim.health, 0.0  # nothing was asked, so nothing was learned
            return after_success(claim.health, claim.claimed_at), 0.0
        health = after_failure(claim.health, report.failure, claim.claimed_at)
        fraction = random.random()  # noqa: S311  # spreads load, guards nothing
        return health, pause_s(report.failure, health.consecutive_failures, fraction=fraction)


def _worth_noting(claim: Claim, health: Health, now: datetime) -> bool:
    """A store that is well and was noted a moment ago need not be noted again with every push."""
    if health.state != "healthy" or claim.health.state != "healthy" or claim.last_push_at is None:
        return True
    return (now - claim.last_push_at).total_seconds() >= LAST_PUSH_RESOLUTION_S


def messages_of(claim: Claim, report: PushReport, health: Health, now: datetime) -> list[Message]:
    said: list[Message] = []
    listings = tuple(
        PushedListing(
            listing_id=one.listing.listing_id,
            sku=one.listing.sku,
            target=Decimal(one.listing.target or 0),
            revision=one.listing.target_revision,
            outcome=one.outcome,
            expected=None if one.listing.believed is None else Decimal(one.listing.believed),
            detail=one.reason,
            correlation_id=one.listing.correlation_id,
        )
        for one in report.settled
        if one.outcome is not None
    )
    if listings:
        said.append(
            ListingPushedV1(
                business_id=claim.business_id,
                connection_id=claim.connection_id,
                pushed_at=now,
                listings=listings,
            )
        )
    said += [
        DriftFoundV1(
            business_id=claim.business_id,
            correlation_id=one.listing.correlation_id,
            connection_id=claim.connection_id,
            sku=one.listing.sku,
            expected=Decimal(one.drift.expected),
            shown=Decimal(one.drift.shown),
            cause=one.drift.cause,
        )
        for one in report.settled
        if one.drift is not None
    ]
    if health.state != claim.health.state:
        said.append(
            ConnectionHealthChangedV1(
                business_id=claim.business_id,
                connection_id=claim.connection_id,
                health=health.state,
                since=health.since,
                detail=health.detail,
            )
        )
    return said


def _log(claim: Claim, report: PushReport, health: Health) -> None:
    fields = {"connection_id": claim.connection_id, "business_id": claim.business_id, "platform": claim.platform}
    if report.failure is not None:
        log.warning("push.failed", **fields, health=health.state, reason=str(report.failure))
    if report.records:
        log.info(
            "push.done",
            **fields,
            settled=len(report.settled),
            sent=sum(1 for record in report.records if record.sent is not None),
        )
    for one in report.settled:
        if one.drift is not None:
            log.warning(
                "drift.found", **fields, sku=one.listing.sku, expected=one.drift.expected, shown=one.drift.shown
            )


def _measure(claim: Claim, report: PushReport, elapsed_s: float) -> None:
    result = "done" if report.failure is None else type(report.failure).__name__
    metrics.PUSHES.labels(claim.platform, result).inc()
    metrics.PUSH_SECONDS.labels(claim.platform).observe(elapsed_s)
    for one in report.settled:
        if one.outcome is not None:
            metrics.LISTINGS.labels(claim.platform, one.outcome).inc()
        if one.drift is not None:
            metrics.DRIFT.labels(claim.platform).inc()
    windows_ms = {record.window_ms for record in report.records if record.window_ms is not None}
    for window_ms in windows_ms:
        metrics.WINDOW_SECONDS.labels(claim.platform).observe(window_ms / 1000)


class Dispatcher:
    """Hands due connections to workers: healthy ones first, failing ones to a limited share.

    One query for each wake-up, whatever the number of connections; a short linger lets a burst become one write.
    """

    def __init__(
        self,
        worker: Worker,
        pool: Pool,
        storage: WorkStorage,
        *,
        workers_max: int,
        failing_workers_max: int,
        linger: Linger,
    ) -> None:
        self._worker = worker
        self._pool = pool
        self._storage = storage
        self._workers_max = workers_max
        self._failing_workers_max = failing_workers_max
        self._linger = linger
        self._wake = asyncio.Event()
        self._busy: dict[int, asyncio.Task[None]] = {}
        self._began_s: dict[int, float] = {}
        self._failing_busy: set[int] = set()
        self._left: list[DueConnection] = []
        """Ready, and no worker was free: they have lingered already."""
        self._draining = False
        self._last_began_at_s = -math.inf

    def wake(self) -> None:
        """Something may be due."""
        self._wake.set()

    async def run(self) -> None:
        """Runs until cancelled."""
        try:
            while True:
                wait_s = await self._look()
                await self._sleep(wait_s)
        finally:
            self._left = []
            for task in self._busy.values():
                task.cancel()
            await asyncio.gather(*self._busy.values(), return_exceptions=True)

    async def drain(self) -> None:
        """Starts nothing more and waits for the pushes under way."""
        self._draining, self._left = True, []
        while self._busy:
            await asyncio.wait(self._busy.values())

    async def _sleep(self, wait_s: float) -> None:
        """Until something may be due, a moment for what comes with it, and until the linger since the pushes before."""
        try:
            async with asyncio.timeout(wait_s):
                await self._wake.wait()
        except TimeoutError:
            pass
        metrics.LINGER_S.set(self._linger.seconds)
        await asyncio.sleep(self._linger.rest_s(asyncio.get_running_loop().time() - self._last_began_at_s))
        self._wake.clear()

    async def _look(self) -> float:
        """Starts what can be started; returns when to look again at the latest."""
        if self._draining:
            return POLL_S
        try:
            due = await self._storage.due_connections(self._pool)
        except Exception as error:
            if verdict_of(error) is not Verdict.HOLD:
                raise
            log.warning("dispatcher.database_away", reason=describe(error))
            return DATABASE_PAUSE_S
        self._start(due)
        later = [one.ready_in_s for one in due if one.ready_in_s > 0]
        return min([POLL_S, *later])

    def _start(self, due: Sequence[DueConnection]) -> None:
        ready = [one for one in due if one.ready_in_s <= 0 and one.connection_id not in self._busy]
        self._left = sorted(ready, key=lambda candidate: candidate.failing)
        self._start_left()

    def _start_left(self) -> None:
        while self._left and len(self._busy) < self._workers_max:
            if self._left[0].failing and len(self._failing_busy) >= self._failing_workers_max:
                return
            self._begin(self._left.pop(0))

    def _begin(self, one: DueConnection) -> None:
        self._last_began_at_s = asyncio.get_running_loop().time()
        if one.failing:
            self._failing_busy.add(one.connection_id)
        task = asyncio.create_task(self._push(one.connection_id), name=f"push {one.connection_id}")
        self._busy[one.connection_id] = task
        self._began_s[one.connection_id] = time.perf_counter()
        metrics.WORKERS_BUSY.set(len(self._busy))
        task.add_done_callback(lambda _task: self._end(one.connection_id))

    def _end(self, connection_id: int) -> None:
        del self._busy[connection_id], self._began_s[connection_id]
        self._failing_busy.discard(connection_id)
        metrics.WORKERS_BUSY.set(len(self._busy))
        self._start_left()

    async def _push(self, connection_id: int) -> None:
        try:
            pushed = await self._worker.push(connection_id)
        except Exception as error:  # one connection's trouble must not end the pushes of the others
            log.exception("push.crashed", connection_id=connection_id, reason=describe(error))
            await asyncio.sleep(DATABASE_PAUSE_S)
            return
        if pushed:
            now_s = time.perf_counter()
            took_s = {key: now_s - began_s for key, began_s in self._began_s.items()}
            self._linger.learn(took_s.pop(connection_id), took_s.values())
            self.wake()

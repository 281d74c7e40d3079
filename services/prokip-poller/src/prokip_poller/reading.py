"""Reading stock: which locations are due, one read at a time for each over all replicas, and what it tells.

A read works under a lease, not under an open transaction, because a large catalogue takes an ERP a minute. Whatever
was read is told only if the lease still holds when it is stored.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal
from uuid import UUID, uuid4

from prokip_poller import metrics
from prokip_poller.accounts import Accounts
from prokip_poller.clients import ProkipClients
from prokip_poller.domain.attempts import RetryPolicy, left_out_delay_s, poll_delay_s
from prokip_poller.domain.observations import (
    After,
    Before,
    PageOutcome,
    compare_page,
    count_left_out,
    join_pages,
    needs_quiet,
    passing_reads,
    split,
)
from prokip_poller.domain.telling import LocationRead, Round, read_messages
from prokip_poller.storage.polls import FreeLocation, LocationKey, Polls, ReadSummary, WaitingRound
from prokip_shared.bus.failures import Verdict, describe, verdict_of
from prokip_shared.bus.outbox import Outbox
from prokip_shared.connections import ProkipAccount
from prokip_shared.database import Connection
from prokip_shared.logs import Log, bind_correlation
from prokip_shared.platforms.prokip import (
    NotAuthorised,
    ProkipClient,
    ProkipError,
    StockPage,
    Unavailable,
    Unusable,
)

TICK_S: Final = 0.2
QUIET_LOOK_S: Final = 0.02
FAILED_TICK_S: Final = 1.0

Health = Literal["throttled", "unavailable", "not_authorised", "refused", "unusable"]

log = Log("reading")


@dataclass(frozen=True, slots=True)
class ReadLimits:
    poll_concurrency: int
    observation_items_max: int
    left_out_retry_s: float
    quiet_after_reads: int
    quiet_hold_s_max: float
    lease_s: float = 10.0
    """Extended while the process lives; after a crash another replica reads when it is over."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Locations of one business that this process reads now, and the rounds that their reads answer."""

    account: ProkipAccount
    reader: UUID
    correlation_id: str
    locations: Sequence[FreeLocation]
    quiet: frozenset[str]
    rounds: Sequence[Round]


@dataclass(frozen=True, slots=True)
class GoodRead:
    location: FreeLocation
    outcome: PageOutcome
    sent_before: int
    """SKUs of this read that had been told before it."""
    rows_without_sku: int


@dataclass(frozen=True, slots=True)
class FailedRead:
    location: FreeLocation
    health: Health
    words: str
    asked_s: float | None
    blocks: bool


class LeaseLost(Exception):
    """The read took longer than its lease and another replica has taken over."""


class Reader:
    """Reads every configured location when it is due."""

    def __init__(
        self,
        *,
        polls: Polls,
        accounts: Accounts,
        clients: ProkipClients,
        outbox: Outbox,
        limits: ReadLimits,
        policy: RetryPolicy,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._polls = polls
        self._accounts = accounts
        self._clients = clients
        self._outbox = outbox
        self._limits = limits
        self._policy = policy
        self._draw = draw
        self._known: set[LocationKey] = set()
        self._running: dict[int, asyncio.Task[None]] = {}
        self._draining = False

    async def run(self) -> None:
        """Runs for ever; a database that is away is waited out."""
        try:
            while True:
                try:
                    await self._begin_due_reads()
                    await asyncio.sleep(TICK_S)
                except Exception as error:
                    if verdict_of(error) is not Verdict.HOLD:
                        raise
                    log.warning("read.waiting_for_database", cause=describe(error))
                    await asyncio.sleep(FAILED_TICK_S)
        finally:
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def drain(self) -> None:
        """Begins no more reads and ends those under way: a read that is cut off tells nothing, so nothing is lost."""
        self._draining = True
        for task in self._running.values():
            task.cancel()

    async def _begin_due_reads(self) -> None:
        self._running = {business: task for business, task in self._running.items() if not task.done()}
        room = self._limits.poll_concurrency - len(self._running)
        if self._draining or room <= 0:
            return
        accounts = self._accounts.all()
        configured = [key for account in accounts.values() for key in self._accounts.locations_of(account)]
        if not self._known.issuperset(configured):
            await self._polls.ensure_locations(configured)
            self._known.update(configured)
        due = await self._polls.due_businesses(configured)
        idle = [business_id for business_id in due if business_id not in self._running]
        for business_id in idle[:room]:
            task = asyncio.create_task(self._read_business(accounts[business_id]), name=f"read business {business_id}")
            self._running[business_id] = task

    async def _read_business(self, account: ProkipAccount) -> None:
        """One business's trouble is its own: whatever goes wrong here must not end the reads of the others."""
        correlation_id = uuid4().hex
        reader = uuid4()
        with bind_correlation(correlation_id):
            try:
                claim = await self._claim(account, reader, correlation_id)
                if claim is not None:
                    await self._carry_out(claim)
            except asyncio.CancelledError:
                await self._polls.abandon_read(account.business_id, reader)
                raise
            except LeaseLost:
                log.warning("read.lease_lost", business_id=account.business_id)
            except Exception as error:
                if verdict_of(error) is Verdict.HOLD:
                    log.warning("read.waiting_for_database", business_id=account.business_id, cause=describe(error))
                else:
                    log.exception("read.failed_unexpectedly", business_id=account.business_id)

    async def _claim(self, account: ProkipAccount, reader: UUID, correlation_id: str) -> Claim | None:
        """None if another replica was quicker."""
        limits, business_id = self._limits, account.business_id
        configured = {key.location_id for key in self._accounts.locations_of(account)}
        async with self._outbox.transaction() as transaction:
            free = await self._polls.lock_due(transaction.connection, business_id, configured)
            waiting = await self._polls.rounds_of(transaction.connection, business_id)
            rounds, locations = self._choose(free, [self._round(one, configured) for one in waiting])
            quiet = frozenset(
                one.key.location_id
                for one in locations
                if needs_quiet(one.left_out, reads_max=limits.quiet_after_reads)
            )
            for one in locations:
                quiet_s = limits.quiet_hold_s_max if one.key.location_id in quiet else 0.0
                await self._polls.begin_read(
                    transaction.connection, one.key, reader, lease_s=limits.lease_s, quiet_s=quiet_s
                )
        return Claim(account, reader, correlation_id, locations, quiet, rounds) if locations else None

    @staticmethod
    def _choose(free: Sequence[FreeLocation], waiting: Sequence[Round]) -> tuple[list[Round], list[FreeLocation]]:
        """Rounds that can be answered whole now, and what is read: what is due and what they need.

        A round that needs a location which is blocked, or read by another replica, waits for it.
        """
        names = frozenset(one.key.location_id for one in free)
        rounds = [one for one in waiting if one.locations <= names]
        needed = frozenset[str]().union(*(one.locations for one in rounds))
        return rounds, [one for one in free if one.due or one.key.location_id in needed]

    def _round(self, waiting: WaitingRound, configured: Collection[str]) -> Round:
        place = self._accounts.location_of_store(waiting.connection_id)
        places = frozenset(configured) if place is None else frozenset({place})
        return Round(waiting.round_id, waiting.connection_id, waiting.correlation_id, places)

    async def _carry_out(self, claim: Claim) -> None:
        client = self._clients.of(claim.account)
        heart = asyncio.create_task(self._keep_lease(claim), name="keep lease")
        try:
            results = []
            for due in claim.locations:
                with metrics.READ_SECONDS.time():
                    results.append(await self._read_location(client, claim, due))
            await self._store(claim, results)
        finally:
            heart.cancel()
            await asyncio.gather(heart, return_exceptions=True)

    async def _keep_lease(self, claim: Claim) -> None:
        """While the process lives. Whether it was enough shows when the read is stored."""
        while True:
            await asyncio.sleep(self._limits.lease_s / 3)
            try:
                await self._polls.extend_read(claim.account.business_id, claim.reader, lease_s=self._limits.lease_s)
            except Exception as error:
                if verdict_of(error) is not Verdict.HOLD:
                    raise
                log.warning("read.lease_not_extended", cause=describe(error))

    async def _read_location(self, client: ProkipClient, claim: Claim, due: FreeLocation) -> GoodRead | FailedRead:
        if due.key.location_id in claim.quiet:
            await self._wait_for_quiet(due.key)
        read = _PageReads(self._polls, due.key)
        try:
            await read.read(client.stock_pages(due.key.location_id))
        except ProkipError as error:
            asked_s = error.retry_after_s if isinstance(error, Unavailable) else None
            blocks = isinstance(error, NotAuthorised | Unavailable)
            return FailedRead(due, health_of(error), error.words, asked_s, blocks)
        return GoodRead(due, join_pages(read.outcomes), read.sent_before, read.rows_without_sku)

    async def _wait_for_quiet(self, key: LocationKey) -> None:
        """Until no posting is under way, at most as long as new ones are held."""
        deadline = time.monotonic() + self._limits.quiet_hold_s_max
        while (await self._polls.open_postings(key)).posting and time.monotonic() < deadline:  # noqa: ASYNC110  # no event tells what other replicas commit
            await asyncio.sleep(QUIET_LOOK_S)

    async def _store(self, claim: Claim, results: Sequence[GoodRead | FailedRead]) -> None:
        """What was read, what is told of it and whose waiting ends: one transaction."""
        good = [(read, await self._summary(claim, read)) for read in results if isinstance(read, GoodRead)]
        failed = [read for read in results if isinstance(read, FailedRead)]
        reads = [self._to_tell(read, summary) for read, summary in good]
        failures = {read.location.key.location_id: read.words for read in failed}
        business_id = claim.account.business_id
        async with self._outbox.transaction() as transaction:
            for read, summary in good:
                await self._store_good(transaction.connection, claim, read, summary)
            for failure in failed:
                await self._store_failed(transaction.connection, claim, failure)
            round_ids = [one.round_id for one in claim.rounds]
            await self._polls.forget_rounds(transaction.connection, business_id, round_ids)
            transaction.say(*read_messages(business_id, reads, failures, claim.rounds, claim.correlation_id))
        _report(claim, results)

    async def _store_good(self, connection: Connection, claim: Claim, read: GoodRead, summary: ReadSummary) -> None:
        due = read.location
        if not await self._polls.finish_read(connection, due.key, claim.reader, summary):
            raise LeaseLost
        await self._polls.save_sent(connection, due.key, due.sequence + 1, read.outcome.changed)

    async def _store_failed(self, connection: Connection, claim: Claim, read: FailedRead) -> None:
        stored = await self._polls.fail_read(
            connection,
            read.location.key,
            claim.reader,
            health=read.health,
            reason=read.words,
            retry_in_s=self._retry_s(claim, read),
            blocks=read.blocks,
        )
        if not stored:
            raise LeaseLost

    def _retry_s(self, claim: Claim, read: FailedRead) -> float:
        """Soon at first, and then no later than the usual read, unless Prokip asked for more."""
        failures = read.location.failures + 1
        delay_s = self._policy.after_failures(failures, chance=self._draw())
        return max(min(delay_s, float(claim.account.interval_s)), read.asked_s or 0.0)

    async def _summary(self, claim: Claim, result: GoodRead) -> ReadSummary:
        due, outcome = result.location, result.outcome
        left_out = count_left_out(due.left_out, outcome.left_out)
        interval_s = float(claim.account.interval_s)
        next_s = poll_delay_s(interval_s, chance=self._draw())
        reads = passing_reads(left_out)
        if reads:
            next_s = min(next_s, left_out_delay_s(reads, base_s=self._limits.left_out_retry_s, interval_s=interval_s))
        sent = await self._polls.count_sent(due.key)
        untold = await self._polls.untold(due.key, outcome.left_out)
        return ReadSummary(
            next_poll_in_s=next_s,
            first_read_complete=due.first_read_complete or not untold,
            skus=outcome.skus,
            skus_missing=max(0, sent - result.sent_before),
            rows_without_sku=result.rows_without_sku,
            left_out=left_out,
        )

    def _to_tell(self, result: GoodRead, summary: ReadSummary) -> LocationRead:
        due = result.location
        completes = summary.first_read_complete and not due.first_read_complete
        return LocationRead(
            location_id=due.key.location_id,
            sequence=due.sequence + 1,
            parts=split(result.outcome.changed, items_max=self._limits.observation_items_max),
            first_read_complete=summary.first_read_complete,
            news=bool(result.outcome.changed) or completes,
        )


@dataclass(slots=True)
class _PageReads:
    """Each page of a read between its two looks at what is being recorded."""

    polls: Polls
    key: LocationKey
    outcomes: list[PageOutcome] = field(default_factory=list)
    sent_before: int = 0
    rows_without_sku: int = 0

    async def read(self, source: AsyncIterator[StockPage]) -> None:
        """Raises what the source raises; the pages before that are kept."""
        while True:
            before = Before(await self.polls.counter_moves(self.key), await self.polls.open_postings(self.key))
            page = await anext(source, None)
            if page is None:
                return
            await self._compare(before, page)

    async def _compare(self, before: Before, page: StockPage) -> None:
        skus = [*page.quantities, *page.unusable]
        open_now = await self.polls.open_postings(self.key)
        after = After(open_now, await self.polls.counters_of(self.key, skus))
        sent = await self.polls.sent_pairs(self.key, skus)
        self.sent_before += len(sent)
        self.rows_without_sku += page.rows_without_sku
        self.outcomes.append(compare_page(before, page.quantities, list(page.unusable), after, sent))


def health_of(error: ProkipError) -> Health:
    """The word that operators see for it."""
    match error:
        case NotAuthorised():
            return "not_authorised"
        case Unavailable():
            return "unavailable" if error.retry_after_s is None else "throttled"
        case Unusable():
            return "unusable"
        case _:
            return "refused"


def _report(claim: Claim, results: Sequence[GoodRead | FailedRead]) -> None:
    business_id = claim.account.business_id
    for result in results:
        place = result.location.key.location_id
        if isinstance(result, FailedRead):
            metrics.READS.labels(business_id, result.health).inc()
            log.warning(
                "read.failed", business_id=business_id, location_id=place, health=result.health, words=result.words
            )
            continue
        outcome = result.outcome
        metrics.READS.labels(business_id, "healthy").inc()
        metrics.TOLD_SKUS.labels(business_id).inc(len(outcome.changed))
        log.info(
            "read.done",
            business_id=business_id,
            location_id=place,
            skus=outcome.skus,
            changed=len(outcome.changed),
            left_out=_some(outcome.left_out),
            rounds=[str(one.round_id) for one in claim.rounds],
        )


def _some(left_out: Collection[str], skus_max: int = 20) -> list[str]:
    """Enough SKUs for a log line; the whole list is in the internal API."""
    return sorted(left_out)[:skus_max]

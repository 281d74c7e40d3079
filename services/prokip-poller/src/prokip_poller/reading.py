"""Reading stock: which locations are due, one read at a time for each over all replicas, and what it tells.

A read works under a lease, not under an open transaction, because a large catalogue takes an ERP a minute. Whatever
was read is told only if the lease still holds when it is stored.
"""

import asyncio
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid4

from prokip_poller import metrics
from prokip_poller.accounts import Accounts
from prokip_poller.clients import ProkipClients
from prokip_poller.domain.observations import needs_quiet
from prokip_poller.domain.telling import Round
from prokip_poller.outcomes import Claim, FailedRead, GoodRead, Health, Outcomes
from prokip_poller.pages import LeaseLost, PageReads
from prokip_poller.storage.polls import FreeLocation, LocationKey, Polls, WaitingRound
from prokip_poller.storage.reads import Reads
from prokip_shared.bus.failures import Verdict, describe, verdict_of
from prokip_shared.bus.outbox import Outbox
from prokip_shared.connections import ProkipAccount
from prokip_shared.logs import Log, bind_correlation
from prokip_shared.loops import end_all, keep_on
from prokip_shared.platforms.prokip import (
    NotAuthorised,
    ProkipClient,
    ProkipError,
    Unavailable,
    Unusable,
)

TICK_S: Final = 0.2
QUIET_LOOK_S: Final = 0.02
FAILED_TICK_S: Final = 1.0

log = Log("reading")


@dataclass(frozen=True, slots=True)
class ReadLimits:
    poll_concurrency: int
    observation_items_max: int
    quiet_after_reads: int
    quiet_hold_s_max: float
    lease_s: float = 10.0
    """Extended while the process lives; after a crash another replica reads when it is over."""


class Reader:
    """Reads every configured location when it is due."""

    def __init__(
        self,
        *,
        polls: Polls,
        reads: Reads,
        outcomes: Outcomes,
        accounts: Accounts,
        clients: ProkipClients,
        outbox: Outbox,
        limits: ReadLimits,
    ) -> None:
        self._polls = polls
        self._reads = reads
        self._outcomes = outcomes
        self._accounts = accounts
        self._clients = clients
        self._outbox = outbox
        self._limits = limits
        self._known: set[LocationKey] = set()
        self._running: dict[int, asyncio.Task[None]] = {}
        self._draining = False

    async def run(self) -> None:
        """Runs for ever; a database that is away is waited out."""
        try:
            await keep_on(
                self._begin_due_reads,
                every_s=TICK_S,
                failed_s=FAILED_TICK_S,
                log=log,
                waiting="read.waiting_for_database",
            )
        finally:
            await end_all(self._running.values())

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
                await self._reads.forget_cut_off(transaction.connection, one.key)
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
            await self._outcomes.store(claim, results)
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
        read = PageReads(self._reads, due, claim.reader, changes_max=self._limits.observation_items_max)
        try:
            return GoodRead(due, await read.read(client.stock_pages(due.key.location_id)))
        except ProkipError as error:
            await read.forget()
            asked_s = error.retry_after_s if isinstance(error, Unavailable) else None
            blocks = isinstance(error, NotAuthorised | Unavailable)
            return FailedRead(due, health_of(error), error.words, asked_s, blocks)

    async def _wait_for_quiet(self, key: LocationKey) -> None:
        """Until no posting is under way, at most as long as new ones are held."""
        deadline = time.monotonic() + self._limits.quiet_hold_s_max
        while (await self._reads.look_around(key)).open.posting and time.monotonic() < deadline:  # noqa: ASYNC110  # no event tells what other replicas commit
            await asyncio.sleep(QUIET_LOOK_S)


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

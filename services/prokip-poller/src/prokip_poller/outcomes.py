"""What the end of a read changes: what is told, what is held for a person, and whose waiting ends."""

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from prokip_poller import metrics
from prokip_poller.domain.attempts import RetryPolicy, left_out_delay_s, poll_delay_s
from prokip_poller.domain.guard import GuardLimits, Rule, Tally, rules_broken, words_of
from prokip_poller.domain.observations import count_left_out, passing_reads
from prokip_poller.domain.telling import (
    Listener,
    LocationRead,
    Part,
    Round,
    failed_rounds,
    held_message,
    listeners_of,
    part_messages,
)
from prokip_poller.pages import Findings, LeaseLost
from prokip_poller.storage.polls import FreeLocation, Polls, ReadSummary
from prokip_poller.storage.reads import FIRST_SKU, Reads
from prokip_shared.bus.outbox import Outbox
from prokip_shared.bus.port import Bundle
from prokip_shared.connections import ProkipAccount
from prokip_shared.database import Connection
from prokip_shared.logs import Log
from prokip_shared.messages import ProkipHeldV1

Health = Literal["throttled", "unavailable", "not_authorised", "refused", "unusable"]

BUNDLES_HELD_MAX: Final = 200
"""Of one location, until their commit; with the usual parts this is 100,000 SKUs."""

log = Log("reading")


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
    findings: Findings


@dataclass(frozen=True, slots=True)
class FailedRead:
    location: FreeLocation
    health: Health
    words: str
    asked_s: float | None
    blocks: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """A good read, and how much of it is believed."""

    read: GoodRead
    tally: Tally
    rules: tuple[Rule, ...]
    """Not empty: it is held, and only what does not move a base is told."""
    summary: ReadSummary
    to_tell: LocationRead
    whole: bool
    """Not only what is new is told: this read completes its location, and what earlier ones told may still be on its way."""


@dataclass(frozen=True, slots=True)
class TellLimits:
    observation_items_max: int
    left_out_retry_s: float


class Outcomes:
    """Stores the ends of reads."""

    def __init__(
        self,
        *,
        polls: Polls,
        reads: Reads,
        outbox: Outbox,
        limits: TellLimits,
        guard: GuardLimits,
        policy: RetryPolicy,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._polls = polls
        self._reads = reads
        self._outbox = outbox
        self._limits = limits
        self._guard = guard
        self._policy = policy
        self._draw = draw

    async def store(self, claim: Claim, results: Sequence[GoodRead | FailedRead]) -> None:
        """What was read, what is told of it and whose waiting ends: one transaction. Raises LeaseLost."""
        judged = [self._judge(claim, read) for read in results if isinstance(read, GoodRead)]
        failed = [read for read in results if isinstance(read, FailedRead)]
        failures = _failures(judged, failed)
        listeners = listeners_of([one.to_tell for one in judged], failures, claim.rounds, claim.correlation_id)
        business_id = claim.account.business_id
        bundles: list[Bundle] = []
        async with self._outbox.transaction() as transaction:
            for read in results:
                if not await self._polls.hold_lease(transaction.connection, read.location.key, claim.reader):
                    raise LeaseLost
            for one in judged:
                bundles += await self._tell(transaction.connection, one, listeners[one.to_tell.location_id])
                transaction.say(*await self._store_good(transaction.connection, claim, one))
            for failure in failed:
                await self._store_failed(transaction.connection, claim, failure)
            round_ids = [waiting.round_id for waiting in claim.rounds]
            await self._polls.forget_rounds(transaction.connection, business_id, round_ids)
            transaction.say(*failed_rounds(business_id, failures, claim.rounds))
        self._outbox.hand_over(bundles)
        _report(claim, judged, failed)

    def _judge(self, claim: Claim, read: GoodRead) -> Judged:
        due, findings = read.location, read.findings
        counted = findings.counted
        tally = Tally(
            known=counted.known,
            named=findings.named,
            named_before=due.named,
            changed=counted.changed + counted.still_held,
            zeroed=counted.zeroed + counted.still_held_zeroed,
        )
        rules = rules_broken(tally, self._guard)
        summary = self._summary(claim, read, held=bool(rules))
        told = counted.changes - counted.changed if rules else counted.changes
        completes = summary.first_read_complete and not due.first_read_complete
        items_max = self._limits.observation_items_max
        whole = completes and counted.known > 0
        if whole:
            told = counted.known + counted.never_told
        to_tell = LocationRead(
            location_id=due.key.location_id,
            sequence=due.sequence + 1,
            parts=max(1, -(-told // items_max)),
            first_read_complete=completes,
            news=bool(told) or completes,
        )
        return Judged(read, tally, rules, summary, to_tell, whole)

    def _summary(self, claim: Claim, read: GoodRead, *, held: bool) -> ReadSummary:
        due, findings = read.location, read.findings
        left_out = count_left_out(due.left_out, findings.left_out)
        interval_s = float(claim.account.interval_s)
        next_s = poll_delay_s(interval_s, chance=self._draw())
        reads = passing_reads(left_out)
        if reads:
            next_s = min(next_s, left_out_delay_s(reads, base_s=self._limits.left_out_retry_s, interval_s=interval_s))
        complete = due.first_read_complete or (findings.whole and not findings.untold)
        if not complete and not findings.whole and findings.counted.never_told:
            next_s = min(next_s, self._limits.left_out_retry_s)
        return ReadSummary(
            next_poll_in_s=next_s,
            first_read_complete=complete,
            skus=None if held else findings.named,
            skus_missing=findings.missing,
            rows_without_sku=findings.rows_without_sku,
            left_out=left_out,
        )

    async def _tell(self, connection: Connection, one: Judged, listeners: Sequence[Listener]) -> list[Bundle]:
        """Part by part, so that a whole catalogue is never in memory; the messages leave after the commit.

        Returns those that leave from memory; what is beyond their limit is left to the outbox's relay.
        """
        due = one.read.location
        bundles: list[Bundle] = []
        after = FIRST_SKU
        if one.whole:
            while part := await self._next_changes(connection, one, after):
                after = part[-1][0]
            after = FIRST_SKU
        for number in range(1, one.to_tell.parts + 1):
            if one.whole:
                part = await self._reads.sent(
                    connection, due.key, after=after, items_max=self._limits.observation_items_max
                )
            else:
                part = await self._next_changes(connection, one, after)
            after = part[-1][0] if part else after
            messages = part_messages(due.key.business_id, one.to_tell, listeners, number, part)
            written = await self._outbox.write(connection, messages)
            bundles += written if len(bundles) < BUNDLES_HELD_MAX else ()
        return bundles

    async def _next_changes(self, connection: Connection, one: Judged, after: str) -> Part:
        """The next part of what the read changes, kept as sent."""
        read_id = one.read.findings.read_id
        if read_id is None:
            return []
        part = await self._reads.changes_to_tell(
            connection,
            read_id,
            after=after,
            items_max=self._limits.observation_items_max,
            only_unmoved=bool(one.rules),
        )
        if part:
            await self._reads.save_sent(connection, one.read.location.key, one.to_tell.sequence, part)
        return part

    async def _store_good(self, connection: Connection, claim: Claim, one: Judged) -> list[ProkipHeldV1]:
        due, findings = one.read.location, one.read.findings
        ended = await self._end_read(connection, claim, one)
        if findings.lifted:
            await self._reads.lift(connection, due.key, findings.lifted)
        await self._polls.finish_read(connection, due, claim.reader, one.summary)
        return ended

    async def _end_read(self, connection: Connection, claim: Claim, one: Judged) -> list[ProkipHeldV1]:
        """What is said about a read that is held, or was."""
        key, read_id = one.read.location.key, one.read.findings.read_id
        if one.rules:
            return await self._hold(connection, claim, one)
        said = []
        waiting = await self._reads.held_read(connection, key, read_id, one.read.findings.left_out)
        if waiting is not None:
            await self._reads.end_held_read(connection, waiting.read_id, "passed")
            said.append(_about(claim, one, waiting.read_id, "passed"))
        if read_id is not None and one.read.findings.counted.changes:
            await self._reads.end_read(connection, read_id, "applied", one.rules, one.tally)
        elif read_id is not None:
            await self._reads.forget_read(read_id, connection)
        return said

    async def _hold(self, connection: Connection, claim: Claim, one: Judged) -> list[ProkipHeldV1]:
        """A read that says the same as the one that waits for a person leaves that one as it is."""
        key, read_id = one.read.location.key, one.read.findings.read_id
        if read_id is not None:
            await self._reads.keep_only_moved(connection, read_id)
        waiting = await self._reads.held_read(connection, key, read_id, one.read.findings.left_out)
        if waiting is not None and waiting.same:
            if read_id is not None:
                await self._reads.forget_read(read_id, connection)
            return []
        if waiting is not None:
            await self._reads.end_held_read(connection, waiting.read_id, "replaced")
        if read_id is None:
            read_id = await self._reads.add_read(connection, key, one.to_tell.sequence)
        await self._reads.end_read(connection, read_id, "held", one.rules, one.tally)
        return [_about(claim, one, read_id, "held")]

    async def _store_failed(self, connection: Connection, claim: Claim, read: FailedRead) -> None:
        await self._polls.fail_read(
            connection,
            read.location.key,
            claim.reader,
            health=read.health,
            reason=read.words,
            retry_in_s=self._retry_s(claim, read),
            blocks=read.blocks,
        )

    def _retry_s(self, claim: Claim, read: FailedRead) -> float:
        """Soon at first, and then no later than the usual read, unless Prokip asked for more."""
        failures = read.location.failures + 1
        delay_s = self._policy.after_failures(failures, chance=self._draw())
        return max(min(delay_s, float(claim.account.interval_s)), read.asked_s or 0.0)


def _about(claim: Claim, one: Judged, read_id: int, state: Literal["held", "passed"]) -> ProkipHeldV1:
    return held_message(
        claim.account.business_id,
        one.to_tell.location_id,
        read_id,
        state,
        skus=one.tally.changed,
        detail=words_of(one.rules, one.tally) if one.rules else "",
        correlation_id=claim.correlation_id,
    )


def _failures(judged: Sequence[Judged], failed: Sequence[FailedRead]) -> dict[str, str]:
    """Why a round that needs a location has failed, as a sentence."""
    failures = {
        read.location.key.location_id: f"Prokip could not be read. {read.location.key.location_id}: {read.words}"
        for read in failed
    }
    for one in judged:
        if one.rules:
            place = one.to_tell.location_id
            failures[place] = (
                f"What Prokip says of {place} is held until somebody looks at it: {words_of(one.rules, one.tally)}"
            )
    return failures


def _report(claim: Claim, judged: Sequence[Judged], failed: Sequence[FailedRead]) -> None:
    business_id = claim.account.business_id
    for read in failed:
        metrics.READS.labels(business_id, read.health).inc()
        place = read.location.key.location_id
        log.warning("read.failed", business_id=business_id, location_id=place, health=read.health, words=read.words)
    for one in judged:
        findings, place = one.read.findings, one.to_tell.location_id
        counted = findings.counted
        metrics.READS.labels(business_id, "held" if one.rules else "healthy").inc()
        metrics.TOLD_SKUS.labels(business_id).inc(counted.changes - (counted.changed if one.rules else 0))
        if one.rules:
            words = words_of(one.rules, one.tally)
            log.warning("read.held", business_id=business_id, location_id=place, words=words)
        log.info(
            "read.done",
            business_id=business_id,
            location_id=place,
            skus=findings.named,
            changed=counted.changes,
            held_back=findings.held_back,
            left_out=_some(findings.left_out),
            rounds=[str(waiting.round_id) for waiting in claim.rounds],
        )


def _some(left_out: Collection[str], skus_max: int = 20) -> list[str]:
    """Enough SKUs for a log line; the whole list is in the internal API."""
    return sorted(left_out)[:skus_max]

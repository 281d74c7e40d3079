"""Carries out the decisions of `domain.decisions` at one store, and remembers what was expected, sent and answered."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal
from uuid import uuid4

from prokip_shared.platforms.errors import StoreError, StoreUnavailable
from prokip_shared.platforms.store import ItemKey, Level, QuantityWrite, WriteResult
from store_push.domain.decisions import (
    Patience,
    PlannedWrite,
    Settled,
    Swept,
    decide,
    plan_without_reading,
    settle_write,
)
from store_push.domain.listings import DueListing
from store_push.ports import Store

PASSES_MAX: Final = 3
"""Read, write, and write again what was stale: a third stale answer means that the quantity does not hold still."""


@dataclass(frozen=True, slots=True)
class PushRecord:
    """One line of the append-only history."""

    listing: DueListing
    shown: int | None
    sent: int | None
    answered: int | None
    outcome: Literal["written", "refused", "conflict", "unanswered"]
    detail: str
    answer_ms: float
    window_ms: float | None


@dataclass(slots=True)
class PushReport:
    """What one push did, as far as it came."""

    settled: list[Settled] = field(default_factory=list)
    records: list[PushRecord] = field(default_factory=list)
    failure: StoreError | None = None
    asked: bool = False
    """True: the store was called at all."""
    swept: Swept | None = None
    """When the store's orders were last read completely, if a difference is open."""
    asks: bool = False
    """An operator decides about differences that nothing explains."""
    noted: set[int] = field(default_factory=set)
    """Listings of which a write was about to leave."""
    unanswered: set[int] = field(default_factory=set)

    def known(self) -> list[int]:
        """Listings of which it is known, now, whether a write that was noted before it left happened."""
        settled = {one.listing.listing_id for one in self.settled if one.listing.intent is not None}
        doubtful = {one.listing.listing_id for one in self.settled if one.in_doubt}
        return sorted((self.noted | settled) - doubtful - self.unanswered)


class Pusher:
    """`note_intents` is done before a write leaves: it has to outlive this process."""

    def __init__(
        self,
        patience: Patience,
        clock: Callable[[], datetime],
        note_intents: Callable[[Sequence[PlannedWrite], datetime], Awaitable[None]],
    ) -> None:
        self._patience = patience
        self._clock = clock
        self._note_intents = note_intents

    async def push(
        self, store: Store, due: Sequence[DueListing], swept: Swept | None, *, asks: bool = False
    ) -> PushReport:
        """Works through due listings group by group; a failing store ends it and keeps what was done before."""
        report = PushReport(swept=swept, asks=asks)
        plan = plan_without_reading(due, store.habits, self._patience, self._clock())
        report.settled += plan.settled
        planned = {write.listing.key: write for write in plan.writes}
        read_first = {listing.key: listing for listing in plan.reads}
        ordered = [listing.key for listing in due if listing.key in planned or listing.key in read_first]
        try:
            for group in store.groups(ordered):
                writes = [planned[key] for key in group if key in planned]
                reads = [read_first[key] for key in group if key in read_first]
                await self._push_group(store, writes, reads, report)
        except StoreError as error:
            report.failure = error
        return report

    async def _push_group(
        self, store: Store, writes: Sequence[PlannedWrite], reads: Sequence[DueListing], report: PushReport
    ) -> None:
        report.asked = True
        left = list(writes)
        for _ in range(PASSES_MAX):
            read_at_s = time.perf_counter()
            if reads:
                levels = await store.read_levels([listing.key for listing in reads])
                left += self._decide(store, levels, reads, report)
            if not left:
                return
            results, answer_ms = await self._write(store, left, report)
            window_ms = None if store.habits.compare_and_set or not reads else (time.perf_counter() - read_at_s) * 1000
            left, reads = self._settle(store, left, results, answer_ms, window_ms, report)
        for write in left:
            self._give_up(store, write, report)
        for listing in reads:
            self._give_up(store, PlannedWrite(listing, listing.target or 0, listing.believed), report)

    def _decide(
        self, store: Store, levels: dict[ItemKey, Level], reads: Sequence[DueListing], report: PushReport
    ) -> list[PlannedWrite]:
        writes: list[PlannedWrite] = []
        now = self._clock()
        for listing in reads:
            level = levels[listing.key]
            decision = decide(listing, level, store.habits, self._patience, now, report.swept, asks=report.asks)
            if isinstance(decision, PlannedWrite):
                writes.append(decision)
                continue
            report.settled.append(decision)
            if decision.outcome == "conflict":
                report.records.append(
                    PushRecord(listing, decision.shown, None, None, "conflict", decision.reason, 0.0, None)
                )
        return writes

    async def _write(
        self, store: Store, writes: Sequence[PlannedWrite], report: PushReport
    ) -> tuple[dict[ItemKey, WriteResult], float]:
        lines = [
            QuantityWrite(write.listing.key, write.listing.sku, write.quantity, write.change_from) for write in writes
        ]
        if store.habits.readable:  # a store that cannot be looked at is simply told again
            await self._note_intents(writes, self._clock())
            report.noted |= {write.listing.listing_id for write in writes}
        began_s = time.perf_counter()
        try:
            results = await store.write(lines, attempt_key=str(uuid4()))
        except StoreError as error:
            answer_ms = (time.perf_counter() - began_s) * 1000
            outcome: Literal["unanswered", "refused"] = "refused"
            if isinstance(error, StoreUnavailable):
                outcome = "unanswered"
                report.unanswered |= {write.listing.listing_id for write in writes}
            report.records += [
                PushRecord(write.listing, write.shown, write.quantity, None, outcome, str(error), answer_ms, None)
                for write in writes
            ]
            raise
        return results, (time.perf_counter() - began_s) * 1000

    def _settle(
        self,
        store: Store,
        writes: Sequence[PlannedWrite],
        results: dict[ItemKey, WriteResult],
        answer_ms: float,
        window_ms: float | None,
        report: PushReport,
    ) -> tuple[list[PlannedWrite], list[DueListing]]:
        """Files what is answered; returns what may be written again at once and what has to be read again."""
        again: list[PlannedWrite] = []
        stale: list[DueListing] = []
        now = self._clock()
        for write in writes:
            result = results[write.listing.key]
            if result.outcome == "untouched":
                again.append(write)
                continue
            if result.outcome == "stale":
                stale.append(write.listing)
            else:
                report.settled.append(settle_write(write, result, store.habits, self._patience, now))
            outcome: Literal["written", "refused", "conflict"] = "refused"
            if result.outcome == "written":
                outcome = "written"
            elif result.outcome == "stale":
                outcome = "conflict"
            report.records.append(
                PushRecord(
                    write.listing,
                    write.shown,
                    write.quantity,
                    result.answered,
                    outcome,
                    result.detail,
                    answer_ms,
                    window_ms,
                )
            )
        return again, stale

    def wants_sweep(self, report: PushReport) -> bool:
        """Whether a difference is left that only the store's orders can explain."""
        now = self._clock()
        patience, swept = self._patience, report.swept
        return any(
            patience.wants_sweep(one.gap, now, swept) or (one.in_doubt and not patience.swept_since(one.gap, swept))
            for one in report.settled
            if one.gap is not None
        )

    def _give_up(self, store: Store, write: PlannedWrite, report: PushReport) -> None:
        settled = settle_write(write, WriteResult("stale"), store.habits, self._patience, self._clock())
        report.settled.append(settled)

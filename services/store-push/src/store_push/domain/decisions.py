"""What to write over what: the compare-and-set rules of ADR 0006, as functions of values.

Three questions in this order: what is right already, what has to be read first, what is written over which quantity.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from prokip_shared.platforms.store import Level, LevelState, WriteResult
from store_push.domain.listings import DueListing, Gap, ListingState

Outcome = Literal["written", "already", "refused", "conflict"]

STATE_OF_LEVEL: Mapping[LevelState, ListingState] = {
    "own": "matched",
    "parent": "held_by_parent",
    "untracked": "not_tracked",
    "inactive": "inactive",
    "gone": "gone",
}
REASON_OF_STATE: Mapping[ListingState, str] = {
    "matched": "",
    "no_sku": "the item has no SKU to match by",
    "duplicate_sku": "several items of this store have this SKU, so it is not known which one is meant",
    "held_by_parent": "the parent product holds the stock of this variation",
    "not_tracked": "the store does not count this item's stock",
    "inactive": "the item is not stocked at the chosen location",
    "gone": "the store does not know this item any more",
    "ignored": "somebody chose to leave this item alone",
}

ORDER_LATE_MAX = timedelta(days=1)
"""How late an order may tell of a sale. Shopify tries for four hours, WordPress tells when its cron is next woken, and
our own door may have been shut: https://shopify.dev/docs/apps/build/webhooks/troubleshooting-webhooks"""


@dataclass(frozen=True, slots=True)
class Habits:
    """How a platform wants to be treated."""

    compare_and_set: bool
    """The store itself refuses to write over another quantity than is named."""
    readable: bool
    """Levels can be asked for."""


UNSWEPT_PATIENCE: Final = 10
"""How many times longer a difference waits to be judged where the store's orders could not be swept and counted."""


@dataclass(frozen=True, slots=True)
class Swept:
    """When all orders that a store had changed were last read, by our clock."""

    began_at: datetime
    ended_at: datetime
    counted: bool
    """The ledger has said that it counted all of them, and its quantities of then are known here."""


@dataclass(frozen=True, slots=True)
class Patience:
    settle_s: float
    """How long an order gets to explain a difference before the store is looked at again."""
    drift_after_s: float
    """How long a difference must stay the same, without any sale counted meanwhile, to be called drift."""

    def wants_sweep(self, gap: Gap, now: datetime, swept: Swept | None) -> bool:
        """A difference that did not pass by itself is a question to the store's orders, once."""
        settled = now - gap.since >= timedelta(seconds=self.settle_s)
        return settled and not self.swept_since(gap, swept)

    def swept_since(self, gap: Gap, swept: Swept | None) -> bool:
        return swept is not None and swept.began_at > gap.since

    def counted(self, gap: Gap, now: datetime, swept: Swept | None) -> bool:
        """Whether the orders of before the difference was seen are counted: swept, and through the ledger.

        A moment more, because a store may list an order later than it takes its units.
        """
        return (
            swept is not None
            and swept.counted
            and self.swept_since(gap, swept)
            and now - swept.ended_at >= timedelta(seconds=self.settle_s)
        )

    def judges(self, gap: Gap, now: datetime, swept: Swept | None) -> bool:
        """Whether a difference is drift: old enough, and the orders read since it was seen do not explain it."""
        age = now - gap.since
        drift_after = timedelta(seconds=self.drift_after_s)
        if age < drift_after:
            return False
        return self.counted(gap, now, swept) or age >= drift_after * UNSWEPT_PATIENCE

    def next_look(self, gap: Gap, now: datetime) -> datetime:
        """Pauses that double: after settle_s, then at twice the difference's age, and when it may be called drift."""
        age = now - gap.since
        doubled = now + max(timedelta(seconds=self.settle_s), age)
        judged = gap.since + timedelta(seconds=self.drift_after_s)
        return min(doubled, judged) if judged > now else doubled


@dataclass(frozen=True, slots=True)
class Drift:
    expected: int
    shown: int
    cause: str


@dataclass(frozen=True, slots=True)
class Settled:
    """What is known of one listing now, to be stored; and what is said about it."""

    listing: DueListing
    state: ListingState
    reason: str
    confirmed: int | None
    confirmed_now: bool
    """True: `confirmed` holds at the listing's target revision and taken units. False: the old ones stay."""
    outcome: Outcome | None
    """None: nothing worth telling."""
    look_at: datetime | None = None
    """When the store is to be read again."""
    gap: Gap | None = None
    shown: int | None = None
    drift: Drift | None = None
    in_doubt: bool = False
    """Whether an earlier write happened is still not known."""
    question: Drift | None = None
    """A difference that an operator is asked about from now on."""
    held: bool = False
    """It is not written: an operator decides."""


@dataclass(frozen=True, slots=True)
class PlannedWrite:
    listing: DueListing
    quantity: int
    change_from: int | None
    """The quantity that is written over; None where the platform is told none."""
    shown: int | None = None
    """What a read just before showed; None where belief was enough."""
    gap: Gap | None = None
    """A difference that stays open although this is written."""
    verify: bool = False
    """True: look again after a while, because a sale may hide in what is written over."""
    drift: Drift | None = None

    @property
    def shows(self) -> int:
        """What the store is believed to show once it is written.

        A write over an open difference is shifted by it, so the belief after it is the target all the same; but for one
        that would have had to go below zero, where a part of the difference is hidden and must not be forgotten.
        """
        return self.quantity if self.gap is None else self.quantity - self.gap.units


@dataclass(slots=True)
class Plan:
    settled: list[Settled] = field(default_factory=list)
    writes: list[PlannedWrite] = field(default_factory=list)
    reads: list[DueListing] = field(default_factory=list)

    def add(self, decision: Settled | PlannedWrite) -> None:
        if isinstance(decision, Settled):
            self.settled.append(decision)
        else:
            self.writes.append(decision)


def plan_without_reading(due: Iterable[DueListing], habits: Habits, patience: Patience, now: datetime) -> Plan:
    """Sorts due listings into what is right already, what can be written at once, and what has to be read."""
    plan = Plan()
    for listing in due:
        believed, target = listing.believed, listing.target
        look_at = _doubt(listing, habits, patience, now)
        if target is None:
            plan.settled.append(_nothing_to_push(listing))
        elif listing.held and habits.readable:
            plan.reads.append(listing)
        elif not habits.readable:
            plan.add(
                _already(listing, target, None) if listing.confirmed == target else PlannedWrite(listing, target, None)
            )
        elif (
            believed is None
            or listing.in_doubt
            or (listing.must_read and (look_at is not None or not _explained_hint(listing)))
        ):
            plan.reads.append(listing)
        elif believed == target:
            plan.settled.append(_already(listing, target, look_at, keep_write=look_at is not None))
        elif habits.compare_and_set:
            plan.writes.append(PlannedWrite(listing, target, believed, verify=_first_sight(listing)))
        else:
            plan.reads.append(listing)
    return plan


def decide(
    listing: DueListing,
    level: Level,
    habits: Habits,
    patience: Patience,
    now: datetime,
    swept: Swept | None,
    *,
    asks: bool = False,
) -> Settled | PlannedWrite:
    """What to do with a listing whose level was just read. `asks`: an operator decides what nothing explains."""
    target, believed, shown = listing.target, listing.believed, level.quantity
    state = STATE_OF_LEVEL[level.state]
    if state != "matched" or shown is None:
        return _unpushable(listing, state)
    if target is None:
        return _nothing_to_push(listing)
    if listing.in_doubt:
        return _look_into(listing, shown, patience, now, swept)
    if believed is None or shown == believed:
        return _decide_known(listing, target, shown, patience, now, _vanished(listing, patience, now, swept))
    if listing.held and shown != target:
        return _held(listing, believed, shown, now)
    return _decide_difference(listing, target, believed, shown, habits, patience, now, swept, asks=asks)


def _decide_difference(
    listing: DueListing,
    target: int,
    believed: int,
    shown: int,
    habits: Habits,
    patience: Patience,
    now: datetime,
    swept: Swept | None,
    *,
    asks: bool,
) -> Settled | PlannedWrite:
    if _may_have_hidden_a_sale(listing, habits, now) and shown != target and _hidden(listing, shown - believed):
        # Or it is a return that nobody told: looked at again when the orders are swept, whatever those come to.
        return PlannedWrite(listing, target, shown, shown, gap=Gap(0, listing.target_taken, now), verify=True)
    return _decide_gap(listing, target, believed, shown, patience, now, swept, asks=asks)


def _decide_known(
    listing: DueListing, target: int, shown: int, patience: Patience, now: datetime, vanished: Gap | None
) -> Settled | PlannedWrite:
    new = _first_sight(listing)
    if shown == target:
        look_at = now + timedelta(seconds=patience.settle_s) if new else None
        if vanished is not None:
            look_at = patience.next_look(vanished, now)
        return _already(listing, target, look_at, shown, gap=vanished)
    return PlannedWrite(listing, target, shown, shown, gap=vanished, verify=new)


def _vanished(listing: DueListing, patience: Patience, now: datetime, swept: Swept | None) -> Gap | None:
    """What stays open where a difference is gone and nothing says why: one of no units, until the orders are swept.

    A sale that nobody told may have made up for a difference that no order will ever explain; written over, it would be
    hidden for good. Orders that were counted meanwhile explain the difference where they come to exactly that, unless it
    had outlasted a sweep, and was none of the orders' that there were.
    """
    known = listing.gap
    if known is None:
        return None
    if known.units:
        explained = known.taken - listing.target_taken == known.units and not patience.counted(known, now, swept)
        return None if explained else Gap(0, listing.target_taken, now)
    return None if patience.counted(known, now, swept) or patience.judges(known, now, swept) else known


def _decide_gap(
    listing: DueListing,
    target: int,
    believed: int,
    shown: int,
    patience: Patience,
    now: datetime,
    swept: Swept | None,
    *,
    asks: bool,
) -> Settled | PlannedWrite:
    """The store shows something else than believed: orders on their way, an unrecorded write of ours, or drift."""
    gap = _gap_of(listing, shown - believed, now)
    if patience.judges(gap, now, swept):
        if shown == target:
            return _already(listing, target, None, shown)
        drift = Drift(believed, shown, _cause_of(shown - believed, unswept=_unswept(gap, swept)))
        if asks:
            return _held(listing, believed, shown, now, question=drift)
        return PlannedWrite(listing, target, shown, shown, drift=drift)
    shifted = max(0, shown + target - believed)
    if shown in {target, shifted}:
        return Settled(
            listing,
            "matched",
            f"in flight: shows {shown} instead of {believed}; waiting for an order that explains it",
            listing.confirmed,
            confirmed_now=False,
            outcome="conflict",
            look_at=patience.next_look(gap, now),
            gap=gap,
            shown=shown,
        )
    return PlannedWrite(listing, shifted, shown, shown, gap=gap)


def _look_into(listing: DueListing, shown: int, patience: Patience, now: datetime, swept: Swept | None) -> Settled:
    """Whether an earlier write happened, from what the store shows; nothing is written before that is known.

    One number can mean both: the write, or an order that nobody has told yet. So it counts when it stayed the same over
    a sweep of the store's orders, or for very long. Where it never does, the higher one is taken after `drift_after_s`,
    whatever the store shows just then: what is missing reads as a sale. That stays open until the orders are swept.
    """
    written = [number for number in (listing.believed, listing.believed_if_written) if number is not None]
    gap = _gap_of(listing, shown - written[0], now)
    since = now if listing.intent is None else listing.intent.since
    if gap.since < since:
        gap = Gap(gap.units, gap.taken, now)  # from before that write
    counted = patience.counted(gap, now, swept)
    held_still = counted or patience.judges(gap, now, swept)
    known = (held_still and shown in written) or (counted and listing.believed is None)
    if not known and not patience.judges(Gap(gap.units, gap.taken, since), now, swept):
        reason = f"it is not known whether {written[-1]} was written; shows {shown}, waiting for the store's orders"
        look_at = patience.next_look(gap, now)
        return Settled(
            listing, "matched", reason, listing.confirmed,
            confirmed_now=False, outcome="conflict", look_at=look_at, gap=gap, shown=shown, in_doubt=True,
        )  # fmt: skip
    believed = shown if known else max(written)
    left = None if known else Gap(shown - believed, listing.target_taken, now)
    return Settled(
        listing, "matched", "", believed, confirmed_now=True, outcome=None, look_at=now, gap=left, shown=shown
    )


def settle_write(
    write: PlannedWrite, result: WriteResult, habits: Habits, patience: Patience, now: datetime
) -> Settled:
    """What an answered write makes known. `stale` and `untouched` end here only when there is no more time for them."""
    listing = write.listing
    match result.outcome:
        case "written":
            return _written(write, habits, patience, now)
        case "refused":
            return Settled(
                listing,
                "matched",
                result.detail,
                listing.confirmed,
                confirmed_now=False,
                outcome="refused",
                shown=write.shown,
            )
        case "not_tracked":
            return _unpushable(listing, "not_tracked")
        case "gone":
            return _unpushable(listing, "gone")
        case "stale" | "untouched":
            return Settled(
                listing,
                "matched",
                "the store's quantity kept changing while it was written",
                listing.confirmed,
                confirmed_now=False,
                outcome="conflict",
                look_at=now + timedelta(seconds=patience.settle_s),
                gap=write.gap,
                shown=write.shown,
            )


def _written(write: PlannedWrite, habits: Habits, patience: Patience, now: datetime) -> Settled:
    look_at = None
    if write.gap is not None:
        look_at = patience.next_look(write.gap, now)
    elif write.verify and habits.readable:
        look_at = now + timedelta(seconds=patience.settle_s)
    return Settled(
        write.listing,
        "matched",
        "",
        write.shows,
        confirmed_now=True,
        outcome="written",
        look_at=look_at,
        gap=write.gap,
        shown=write.shown,
        drift=write.drift,
    )


def _first_sight(listing: DueListing) -> bool:
    """Nothing was ever confirmed: the first number may hide a sale whose order is still on its way to us."""
    return listing.confirmed_revision == 0


def _explained_hint(listing: DueListing) -> bool:
    """The store hinted at a number that its orders have explained since, and nothing else asks for a look."""
    return (
        listing.must_read and listing.gap is None and listing.hinted is not None and listing.hinted == listing.believed
    )


def _doubt(listing: DueListing, habits: Habits, patience: Patience, now: datetime) -> datetime | None:
    """When to ask a store once more that sold, or took back, what our last write may have hidden.

    By the revision and not by the units taken: a sale and a return that are counted together leave those as they were.
    """
    if listing.target_revision == listing.confirmed_revision or not _may_have_hidden_a_sale(listing, habits, now):
        return None
    return now + timedelta(seconds=patience.settle_s)


def _may_have_hidden_a_sale(listing: DueListing, habits: Habits, now: datetime) -> bool:
    """A sale whose order comes late may be written over, and its order then explains a number that is gone.

    Without compare-and-set that happens between our read and any write of ours; with it, where a difference was taken
    for drift although an order would have explained it. And the first number that we read may have such a sale in it.
    """
    if habits.compare_and_set and _first_sight(listing):
        return listing.target_taken != listing.confirmed_taken
    written_at = listing.drifted_at if habits.compare_and_set else listing.confirmed_at
    return written_at is not None and now - written_at < ORDER_LATE_MAX


def _hidden(listing: DueListing, units: int) -> bool:
    """The store shows more than believed, by no more than it sold since our last write: that write hid the sales."""
    return 0 < units <= listing.target_taken - listing.confirmed_taken


def _gap_of(listing: DueListing, units: int, now: datetime) -> Gap:
    """The open difference, or a new one where its size changed or a sale was counted: then it may be explained yet."""
    known = listing.gap
    if known is not None and known.units == units and known.taken == listing.target_taken:
        return known
    return Gap(units, listing.target_taken, now)


def _unswept(gap: Gap, swept: Swept | None) -> bool:
    return swept is None or swept.began_at <= gap.since


def _cause_of(units: int, *, unswept: bool) -> str:
    """The likeliest. What a throttled store shows is not judged, and another item or place is a first sight."""
    if unswept and units < 0:
        return "missed webhook: sold without an order that we know of, and the store's orders cannot be read"
    return (
        "restocked in the store: raised there without an order"
        if units > 0
        else "edited in the store: lowered there, or sold without an order"
    )


def _held(listing: DueListing, believed: int, shown: int, now: datetime, *, question: Drift | None = None) -> Settled:
    """Not written: an operator is asked, or has said to leave it."""
    return Settled(
        listing,
        "matched",
        f"shows {shown} instead of {believed}; not written until somebody decides",
        listing.confirmed,
        confirmed_now=False,
        outcome="conflict" if question is not None else None,
        gap=_gap_of(listing, shown - believed, now),
        shown=shown,
        question=question,
        held=True,
    )


def _already(
    listing: DueListing,
    target: int,
    look_at: datetime | None,
    shown: int | None = None,
    *,
    gap: Gap | None = None,
    keep_write: bool = False,
) -> Settled:
    """`keep_write`: what was confirmed by our last write stays known, to be compared with what a look will show."""
    return Settled(
        listing,
        "matched",
        "",
        listing.confirmed if keep_write else target,
        confirmed_now=not keep_write,
        outcome="already",
        look_at=look_at,
        gap=gap,
        shown=shown,
    )


def _nothing_to_push(listing: DueListing) -> Settled:
    return Settled(
        listing, "matched", "", listing.confirmed, confirmed_now=False, outcome=None, in_doubt=listing.in_doubt
    )


def _unpushable(listing: DueListing, state: ListingState) -> Settled:
    return Settled(listing, state, REASON_OF_STATE[state], None, confirmed_now=False, outcome="refused")

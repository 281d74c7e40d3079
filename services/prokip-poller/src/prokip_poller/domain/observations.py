"""What a stock read tells, next to what was being recorded while it ran: `(Q, R)` for SKUs where both are certain.

`available = Q + R - T` holds only if Q and R speak of the same moment. They do where no sale of the SKU was on its way
when the page was asked for, none is on its way now, and its counter did not move in between; every other SKU is left
out and read again. See docs/adr/0007-counters-instead-of-clocks.md.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

LeftOutReason = Literal[
    "posting",  # a sale or return of the SKU is on its way to Prokip
    "counter_moved",  # one was recorded while the page was read
    "in_doubt",  # one may or may not have arrived; an operator settles it
    "contradiction",  # two pages of one read name the SKU with two quantities
    "unusable",  # Prokip's own rows for the SKU cannot be used
]
SELLING: Final[frozenset[LeftOutReason]] = frozenset({"posting", "counter_moved"})
"""Reasons that a moment without new postings ends."""
PASSING: Final[frozenset[LeftOutReason]] = SELLING | {"contradiction"}
"""Reasons that are over in a moment, so that reading again soon helps."""


@dataclass(frozen=True, slots=True)
class OpenPostings:
    """SKUs of one location with a request under way, or with one whose end nobody knows."""

    posting: frozenset[str] = frozenset()
    in_doubt: frozenset[str] = frozenset()

    def reason(self, sku: str) -> LeftOutReason | None:
        if sku in self.in_doubt:
            return "in_doubt"
        return "posting" if sku in self.posting else None


@dataclass(frozen=True, slots=True)
class Counter:
    """R of one SKU, and the location's move count when it last moved."""

    units: Decimal = Decimal(0)
    moved_at: int = 0


@dataclass(frozen=True, slots=True)
class Before:
    """Taken before the page is asked for."""

    moves: int
    """How often any counter of the location has moved."""
    open: OpenPostings


@dataclass(frozen=True, slots=True)
class Pair:
    """What was last sent for a SKU, or is to be sent now."""

    quantity: Decimal
    recorded: Decimal

    @property
    def base(self) -> Decimal:
        """What is there before any order of a store; our own sales do not move it."""
        return self.quantity + self.recorded


@dataclass(frozen=True, slots=True)
class Known:
    """What is held of one SKU when its page is there."""

    counter: Counter = Counter()
    sent: Pair | None = None
    found: Pair | None = None
    """What an earlier page of the same read said."""
    held_back: Decimal | None = None
    """A base that a person does not want told."""


@dataclass(frozen=True, slots=True)
class After:
    """Taken when the page is there. The open postings are read no later than the counters: a posting that ends between
    the two reads is then seen as open or as moved, never as neither.
    """

    open: OpenPostings
    known: Mapping[str, Known]


@dataclass(frozen=True, slots=True)
class Change:
    """`before` is None for a SKU that was never told."""

    before: Pair | None
    after: Pair

    @property
    def moves_base(self) -> bool:
        return self.before is not None and self.before.base != self.after.base

    @property
    def zeroes(self) -> bool:
        """Goods that were there would not be any more. A last piece that we sold ourselves does not move the base."""
        return self.moves_base and self.before is not None and self.before.quantity > 0 >= self.after.quantity


@dataclass(frozen=True, slots=True)
class PageOutcome:
    changed: Mapping[str, Change]
    left_out: Mapping[str, LeftOutReason]
    held_back: frozenset[str]
    """Prokip still shows the base that a person does not want told."""
    lifted: frozenset[str]
    """Prokip shows another base than the one held back, so that nothing is held back any more."""


def compare_page(
    before: Before, quantities: Mapping[str, Decimal], unusable: Iterable[str], after: After
) -> PageOutcome:
    """Sorts the SKUs of one page into those to send and those that are not certain; the others say nothing new.

    A SKU that an earlier page of the read gave another base (rows shift between pages while goods are added) is
    not certain either.
    """
    changed: dict[str, Change] = {}
    left_out: dict[str, LeftOutReason] = dict.fromkeys(unusable, "unusable")
    held_back: set[str] = set()
    lifted: set[str] = set()
    for sku, quantity in quantities.items():
        known = after.known.get(sku, Known())
        pair = Pair(quantity, known.counter.units)
        reason = before.open.reason(sku) or after.open.reason(sku)
        if reason is None and known.counter.moved_at > before.moves:
            reason = "counter_moved"
        if reason is None and known.found is not None and known.found.base != pair.base:
            reason = "contradiction"
        if reason is not None:
            left_out[sku] = reason
        elif known.held_back == pair.base and pair != known.sent:
            held_back.add(sku)
        else:
            if known.held_back is not None:
                lifted.add(sku)
            if pair != known.sent:
                changed[sku] = Change(known.sent, pair)
    return PageOutcome(changed, left_out, frozenset(held_back), frozenset(lifted))


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Why a SKU was not told, and in how many reads in a row."""

    reason: LeftOutReason
    reads: int


def count_left_out(held: Mapping[str, LeftOut], left_out: Mapping[str, LeftOutReason]) -> dict[str, LeftOut]:
    """Counts on for SKUs that were left out again; forgets the others."""
    return {sku: LeftOut(reason, held[sku].reads + 1 if sku in held else 1) for sku, reason in sorted(left_out.items())}


def needs_quiet(left_out: Mapping[str, LeftOut], *, reads_max: int) -> bool:
    """Whether a SKU sells so fast that the next read must hold the posting of sales for its short time."""
    return any(entry.reason in SELLING and entry.reads >= reads_max for entry in left_out.values())


def passing_reads(left_out: Mapping[str, LeftOut]) -> int:
    """The longest run of reads that left out a SKU for a reason that passes; 0 if reading again soon helps nobody."""
    return max((entry.reads for entry in left_out.values() if entry.reason in PASSING), default=0)


BLOCK_BITS: Final = 4096


class Seen:
    """Which numbers a read has met: a bit for each, in blocks, so that a large catalogue costs a few kilobytes."""

    def __init__(self) -> None:
        self._blocks: dict[int, bytearray] = {}
        self.count = 0

    def __contains__(self, number: int) -> bool:
        block = self._blocks.get(number // BLOCK_BITS)
        place = number % BLOCK_BITS
        return block is not None and bool(block[place >> 3] & 1 << (place & 7))

    def add(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            block = self._blocks.get(number // BLOCK_BITS)
            if block is None:
                block = self._blocks[number // BLOCK_BITS] = bytearray(BLOCK_BITS // 8)
            place = number % BLOCK_BITS
            if not block[place >> 3] & 1 << (place & 7):
                block[place >> 3] |= 1 << (place & 7)
                self.count += 1

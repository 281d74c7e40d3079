"""What a stock read tells, next to what was being recorded while it ran: `(Q, R)` for SKUs where both are certain.

`available = Q + R - T` holds only if Q and R speak of the same moment. They do where no sale of the SKU was on its way
when the page was asked for, none is on its way now, and its counter did not move in between; every other SKU is left
out and read again. See docs/adr/0007-counters-instead-of-clocks.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

LeftOutReason = Literal[
    "posting",  # a sale or return of the SKU is on its way to Prokip
    "counter_moved",  # one was recorded while the page was read
    "in_doubt",  # one may or may not have arrived; an operator settles it
    "contradiction",  # Prokip's answer names the SKU in two pages with two quantities
    "unusable",  # Prokip's own rows for the SKU cannot be used
]
PASSING: Final[frozenset[LeftOutReason]] = frozenset({"posting", "counter_moved"})
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
class After:
    """Taken when the page is there. The open postings are read before the counters: a posting that ends between the
    two reads is then seen as open or as moved, never as neither.
    """

    open: OpenPostings
    counters: Mapping[str, Counter]


@dataclass(frozen=True, slots=True)
class Pair:
    """What was last sent for a SKU, or is to be sent now."""

    quantity: Decimal
    recorded: Decimal


@dataclass(frozen=True, slots=True)
class PageOutcome:
    changed: Mapping[str, Pair]
    unchanged: frozenset[str]
    left_out: Mapping[str, LeftOutReason]

    @property
    def skus(self) -> int:
        return len(self.changed) + len(self.unchanged) + len(self.left_out)


def compare_page(
    before: Before,
    quantities: Mapping[str, Decimal],
    unusable: Sequence[str],
    after: After,
    sent: Mapping[str, Pair],
) -> PageOutcome:
    """Sorts the SKUs of one page into those to send, those that say nothing new and those that are not certain."""
    changed: dict[str, Pair] = {}
    unchanged: set[str] = set()
    left_out: dict[str, LeftOutReason] = dict.fromkeys(unusable, "unusable")
    for sku, quantity in quantities.items():
        counter = after.counters.get(sku, Counter())
        reason = before.open.reason(sku) or after.open.reason(sku)
        if reason is None and counter.moved_at > before.moves:
            reason = "counter_moved"
        if reason is not None:
            left_out[sku] = reason
            continue
        pair = Pair(quantity, counter.units)
        if sent.get(sku) == pair:
            unchanged.add(sku)
        else:
            changed[sku] = pair
    return PageOutcome(changed, frozenset(unchanged), left_out)


def join_pages(pages: Sequence[PageOutcome]) -> PageOutcome:
    """One outcome of a whole read. A SKU that pages tell differently (drift between pages) is left out."""
    changed: dict[str, Pair] = {}
    unchanged: set[str] = set()
    left_out: dict[str, LeftOutReason] = {}
    for page in pages:
        for sku, pair in page.changed.items():
            if sku in unchanged or changed.get(sku, pair) != pair:
                left_out[sku] = "contradiction"
            changed[sku] = pair
        for sku in page.unchanged:
            if sku in changed:
                left_out[sku] = "contradiction"
            unchanged.add(sku)
        left_out.update(page.left_out)
    return PageOutcome(
        {sku: pair for sku, pair in changed.items() if sku not in left_out},
        frozenset(sku for sku in unchanged if sku not in left_out),
        left_out,
    )


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
    return any(entry.reason in PASSING and entry.reads >= reads_max for entry in left_out.values())


def passing_reads(left_out: Mapping[str, LeftOut]) -> int:
    """The longest run of reads that left out a SKU for a reason that passes; 0 if reading again soon helps nobody."""
    return max((entry.reads for entry in left_out.values() if entry.reason in PASSING), default=0)


def split(changed: Mapping[str, Pair], *, items_max: int) -> list[list[tuple[str, Pair]]]:
    """Parts of bounded size in SKU order; one empty part where nothing changed."""
    items = sorted(changed.items())
    return [items[start : start + items_max] for start in range(0, len(items), items_max)] or [[]]

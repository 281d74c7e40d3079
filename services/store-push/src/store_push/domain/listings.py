"""A listing as a worker sees it, and what may be concluded of it without asking the store."""

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from typing import Literal

from prokip_shared.platforms.store import ItemKey

ListingState = Literal[
    "matched", "no_sku", "duplicate_sku", "held_by_parent", "not_tracked", "inactive", "gone", "ignored"
]
QUANTITY_MAX = 1_000_000_000
"""Shopify takes no more (INVALID_QUANTITY_TOO_HIGH)."""


def target_of(available: Decimal | None) -> int | None:
    """What a store is to show: whole units, never below zero; None while Prokip has not told a quantity."""
    if available is None:
        return None
    return min(max(0, int(available.to_integral_value(rounding=ROUND_FLOOR))), QUANTITY_MAX)


@dataclass(frozen=True, slots=True)
class Gap:
    """A difference between what a store shows and what it was believed to show, not explained yet."""

    units: int
    """Shown minus believed."""
    taken: Decimal
    """Units taken by the connection when the difference was first seen in this size."""
    since: datetime


@dataclass(frozen=True, slots=True)
class Intent:
    """A write of which it was never stored whether it happened: its process died, or the answer did not come."""

    shows: int
    """What the store was believed to show then, if it happened."""
    taken: Decimal
    """Units taken by the connection that this number includes."""
    since: datetime


@dataclass(frozen=True, slots=True)
class DueListing:
    listing_id: int
    key: ItemKey
    sku: str
    target: int | None
    target_revision: int
    target_taken: Decimal
    correlation_id: str
    confirmed: int | None
    confirmed_taken: Decimal
    confirmed_revision: int
    confirmed_at: datetime | None
    drifted_at: datetime | None
    """When we last wrote over a difference that no order had explained; None: never."""
    must_read: bool
    hinted: int | None
    hints: int
    gap: Gap | None
    intent: Intent | None = None

    @property
    def believed(self) -> int | None:
        """What the store shows now: the last number we know, moved by what its orders took since.

        None where nothing was confirmed yet, or where taken units are not whole: then it has to be read.
        """
        if self.confirmed is None:
            return None
        return _whole(self.confirmed + self.confirmed_taken - self.target_taken)

    @property
    def believed_if_written(self) -> int | None:
        """The same, if the write happened of which that is not known; None where there is none."""
        return None if self.intent is None else _whole(self.intent.shows + self.intent.taken - self.target_taken)

    @property
    def in_doubt(self) -> bool:
        """It makes a difference whether an earlier write happened, and it is not known."""
        return self.believed_if_written is not None and self.believed_if_written != self.believed


def _whole(units: Decimal) -> int | None:
    return int(units) if units == units.to_integral_value() else None

"""A listing as a worker sees it, and what may be concluded of it without asking the store."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from prokip_shared.platforms.store import ItemKey

ListingState = Literal[
    "matched", "no_sku", "duplicate_sku", "held_by_parent", "not_tracked", "inactive", "gone", "ignored"
]
QUANTITY_MAX = 1_000_000_000
"""Shopify takes no more (INVALID_QUANTITY_TOO_HIGH)."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A difference between what a store shows and what it was believed to show, not explained yet."""

    units: int
    """Shown minus believed."""
    taken: Decimal
    """Units taken by the connection when the difference was first seen in this size."""
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
    held: bool = False
    """An operator decides about its difference: it is not written."""

    @property
    def believed(self) -> int | None:
        """What the store shows now: the last number we know, moved by what its orders took since.

        None where nothing was confirmed yet, or where taken units are not whole: then it has to be read.
        """
        if self.confirmed is None:
            return None
        believed = self.confirmed + self.confirmed_taken - self.target_taken
        return int(believed) if believed == believed.to_integral_value() else None

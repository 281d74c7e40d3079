"""What an operator wants a store to show differently from what there is; and what that comes to."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from typing import Final, Literal

from store_push.domain.listings import QUANTITY_MAX

Locations = Literal["own", "all"]
Differences = Literal["prokip_wins", "ask"]
Pushing = Literal["on", "paused", "never"]

ALL_LOCATIONS: Final = "*"
"""Stands where a location's id would, for the sum of all of them."""
ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class StoreRule:
    """Of one whole store."""

    buffer: Decimal = ZERO
    """Units kept back; taken off what is shown, never off the ledger."""
    shown_max: int | None = None
    locations: Locations = "own"
    differences: Differences = "prokip_wins"


@dataclass(frozen=True, slots=True)
class SkuRule:
    """What differs for one SKU in one store; None: as the store's own rule has it."""

    buffer: Decimal | None = None
    shown_max: int | None = None
    push: Pushing = "on"

    @property
    def says_nothing(self) -> bool:
        return self == SkuRule()


def shown_of(available: Decimal | None, store: StoreRule, sku: SkuRule) -> int | None:
    """What a store is to show; None: nothing is written. The buffer first, then the floor, then the maximum.

    Told once more in SQL (`push.shown`), where many listings are given a number at a time.
    """
    if available is None or sku.push != "on":
        return None
    buffer = store.buffer if sku.buffer is None else sku.buffer
    shown_max = store.shown_max if sku.shown_max is None else sku.shown_max
    units = int(max(available - buffer, ZERO).to_integral_value(rounding=ROUND_FLOOR))
    return min(units, QUANTITY_MAX if shown_max is None else shown_max, QUANTITY_MAX)


def begins_anew(before: SkuRule, after: SkuRule) -> bool:
    """Whether what was known of the store's quantity is of no use: it was somebody else's business until now."""
    return before.push == "never" and after.push != "never"


def as_told(rule: StoreRule | SkuRule) -> Mapping[str, object]:
    """For the record of who changed what."""
    names = rule.__dataclass_fields__
    values = {name: getattr(rule, name) for name in names}
    return {name: f"{value:f}" if isinstance(value, Decimal) else value for name, value in values.items()}

"""Whether what a store is to show for the first time goes by itself: a large plan is more often a mistake than a wish.

As the guard over reads of Prokip (docs/adr/0013-blast-radius-guard.md), in listings of one store.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

PlanState = Literal["waiting", "held", "refused", "released", "passed"]
Decision = Literal["release", "refuse", "reconsider"]
DECISIONS: Final[Mapping[Decision, tuple[frozenset[PlanState], PlanState]]] = {
    "release": (frozenset({"held", "refused"}), "released"),
    "refuse": (frozenset({"held"}), "refused"),
    "reconsider": (frozenset({"held", "refused"}), "waiting"),
}
"""From which states, and to which."""


@dataclass(frozen=True, slots=True)
class FirstLimits:
    """Shares from 0 to 1."""

    changed_share_max: float
    zeroed_share_max: float
    skus_min: int
    """Fewer listings than this never hold a plan, whatever their share."""


@dataclass(frozen=True, slots=True)
class FirstTally:
    listings: int
    """With a quantity in Prokip."""
    changed: int
    """Of them, those that show something else, or nothing that is known."""
    zeroed: int
    """Of them, those that show units and would show none."""


def reason_to_hold(tally: FirstTally, limits: FirstLimits) -> str:
    """Empty: it goes by itself."""
    said = []
    if _too_many(tally.zeroed, tally.listings, limits.zeroed_share_max, limits):
        said.append(f"{tally.zeroed} of {tally.listings} listings would fall to zero")
    if _too_many(tally.changed, tally.listings, limits.changed_share_max, limits):
        said.append(f"{tally.changed} of {tally.listings} listings would change")
    return f"{' and '.join(said)}." if said else ""


def _too_many(listings: int, of: int, share_max: float, limits: FirstLimits) -> bool:
    return listings >= limits.skus_min and listings > share_max * of

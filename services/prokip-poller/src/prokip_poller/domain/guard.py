"""Whether what a read found is believed: a whole catalogue that falls to zero is more often a fault than a fire.

Counted in bases (Q + R), because our own sales move Q and R together and are no news about the shelves.
See docs/adr/0013-blast-radius-guard.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

Rule = Literal[
    "zeroed",  # too many SKUs would fall to zero
    "changed",  # too many SKUs would have another base
    "short",  # too many SKUs that the last read named are missing
]


@dataclass(frozen=True, slots=True)
class GuardLimits:
    """Shares from 0 to 1."""

    zeroed_share_max: float
    changed_share_max: float
    named_share_min: float
    skus_min: int
    """Fewer SKUs than this never hold a read, whatever their share."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What a read would do."""

    known: int
    """SKUs told before it."""
    named: int
    """SKUs that it named."""
    named_before: int
    """SKUs that the last read that was believed named."""
    changed: int
    """Known SKUs whose base it moves."""
    zeroed: int
    """Those of them that were above zero and would not be any more."""


def rules_broken(tally: Tally, limits: GuardLimits) -> tuple[Rule, ...]:
    """Empty: the read is believed. A location that was never told has nothing to lose."""
    if not tally.known:
        return ()
    missing = tally.named_before - tally.named
    broken: Mapping[Rule, bool] = {
        "zeroed": _too_many(tally.zeroed, tally.known, limits.zeroed_share_max, limits),
        "changed": _too_many(tally.changed, tally.known, limits.changed_share_max, limits),
        "short": _too_many(missing, tally.named_before, 1 - limits.named_share_min, limits),
    }
    return tuple(rule for rule, is_broken in broken.items() if is_broken)


def _too_many(skus: int, of: int, share_max: float, limits: GuardLimits) -> bool:
    return skus >= limits.skus_min and skus > share_max * of


WORDS: Final[Mapping[Rule, str]] = {
    "zeroed": "{zeroed} of {known} SKUs would fall to zero",
    "changed": "{changed} of {known} SKUs would change",
    "short": "only {named} of {named_before} SKUs are in Prokip's answer",
}


def words_of(rules: Sequence[Rule], tally: Tally) -> str:
    """For the person who decides."""
    counts = {
        "zeroed": tally.zeroed,
        "known": tally.known,
        "changed": tally.changed,
        "named": tally.named,
        "named_before": tally.named_before,
    }
    said = " and ".join(WORDS[rule].format_map(counts) for rule in rules)
    return f"{said[:1].upper()}{said[1:]}."

"""Looking up a request that is in doubt: what a look proves, and when the next one is.

That Prokip shows a sale proves that it has it. That Prokip does not show it proves nothing while it may still be at
it; see docs/adr/0008-sale-states.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from prokip_poller.domain.attempts import FAILURES_COUNTED_MAX
from prokip_poller.domain.sales import ZERO, GiveBack, Kind, Step
from prokip_shared.platforms.prokip import ReturnedItem

Found = Literal[
    "recorded",  # Prokip has it
    "not_there",  # Prokip does not show it
    "unclear",  # what Prokip shows cannot be told apart from something else; a person has to look
    "failed",  # Prokip could not be asked
]


@dataclass(frozen=True, slots=True)
class LookPolicy:
    first_s: float
    """From the doubt to the first look."""
    cap_s: float
    grace_s: float
    """How long after the last moment at which we could wait for it Prokip may still finish a request."""

    def next_s(self, looks: int, *, final_in_s: float, found: Found, asked_s: float | None = None) -> float:
        """Seconds until the next look after so many: each later than the one before.

        One that found nothing is repeated no later than when its word counts (`final_in_s`).
        """
        delay_s = min(self.cap_s, self.first_s * 2.0 ** min(looks, FAILURES_COUNTED_MAX))
        if found == "not_there":
            return max(0.0, min(delay_s, final_in_s))
        return max(delay_s, asked_s or 0.0)


def must_read_all(found: Found, *, final_in_s: float, asked_before: bool) -> bool:
    """Whether a look for a sale that ended where the sale should have been has to go on to the end of the list.

    Only that proves that it is not there, once Prokip cannot be at it any more, and that it is not there twice, where
    an earlier request under its reference may have come through as well.
    """
    return asked_before or (found == "not_there" and final_in_s <= 0)


def return_found(items: Sequence[ReturnedItem], returned: Mapping[str, Decimal]) -> Found:
    """Whether the units that `items` name have gone back; `returned` is by line.

    Only lines on which something goes back now tell: the others were returned before.
    """
    moved = [item for item in items if item.units > ZERO]
    if any(item.line_id is None for item in moved):
        return "unclear"
    arrived = all(returned.get(item.line_id or "", ZERO) >= item.returned_total for item in moved)
    return "recorded" if arrived else "not_there"


@dataclass(frozen=True, slots=True)
class OpenDoubt:
    """A request without a known end that Prokip may still be working at."""

    kind: Kind
    sku: str


def must_wait(step: Step, doubts: Sequence[OpenDoubt]) -> bool:
    """Whether the step could cross one that Prokip may still be at: a return there reads a quantity and writes it
    back, so whatever moves the same quantity in between is lost.
    """
    returns = isinstance(step, GiveBack)
    return any(doubt.sku in step.units and (returns or doubt.kind == "refund") for doubt in doubts)

"""What becomes of a sale after an attempt, and when anybody tries again."""

from dataclasses import dataclass
from typing import Literal

from prokip_poller.domain.sales import SaleState

Outcome = Literal[
    "posting",  # under way
    "recorded",  # Prokip did it
    "in_doubt",  # nobody knows
    "refused",  # Prokip said no
    "not_sent",  # it certainly did not happen: no connection, a wait was asked for, or the token was not accepted
    "unsupported",  # this Prokip has no such call
    "not_recorded",  # an operator looked: it did not happen
]
FAILURES_COUNTED_MAX = 30
"""Beyond it the doubled delay is long capped, and the power would only grow."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Delays between tries. `jitter` is a share: 0.2 spreads a delay over ±20 %."""

    base_s: float
    cap_s: float
    refused_s: float
    jitter: float = 0.2

    def after_failures(self, failures: int, *, chance: float, asked_s: float | None = None) -> float:
        """Seconds to wait after so many failures in a row; never less than Prokip asked for.

        `chance` is a number from 0 to 1 that the caller draws.
        """
        delay_s = min(self.cap_s, self.base_s * 2.0 ** min(max(failures - 1, 0), FAILURES_COUNTED_MAX))
        return max(self._spread(delay_s, chance), asked_s or 0.0)

    def after_refusal(self, *, chance: float) -> float:
        return self._spread(self.refused_s, chance)

    def _spread(self, delay_s: float, chance: float) -> float:
        return delay_s * (1 + self.jitter * (2 * chance - 1))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the order is in after an attempt."""

    state: SaleState
    retry_in_s: float | None
    """None: nothing happens by itself any more (or, for due, at once)."""


def judge(outcome: Outcome, *, steps_left: int, refused_in_s: float) -> Verdict:
    """`steps_left` counts what still differs from the newest due state.

    What was not sent is due at once: the account's trouble holds back the whole location, so that a Prokip that comes
    back finds every sale ready.
    """
    match outcome:
        case "recorded" | "not_recorded" | "not_sent":
            return Verdict("due" if steps_left else "recorded", None)
        case "refused":
            return Verdict("refused", refused_in_s)
        case "unsupported":
            return Verdict("return_unsupported", None)
        case "in_doubt":
            return Verdict("in_doubt", None)
        case "posting":
            return Verdict("posting", None)


def poll_delay_s(interval_s: float, *, chance: float, jitter: float = 0.1) -> float:
    """Spreads the polls of many accounts that were set up, or came back, at the same moment."""
    return interval_s * (1 + jitter * (2 * chance - 1))


def left_out_delay_s(reads: int, *, base_s: float, interval_s: float) -> float:
    """When to read again for SKUs that were left out `reads` times in a row; never later than the usual poll."""
    return min(interval_s, base_s * 2.0 ** min(reads - 1, FAILURES_COUNTED_MAX))

"""How long changes gather before they are pushed: little when there is little to do, more when the machine is busy."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

LEARNING_SHARE: Final = 0.1
LINGER_PER_WORK: Final = 0.25
"""Of the time of the pushes that run at a time, taken together. Under load a push costs far more than one more listing
in it. Of ten pushes that begin together and run down to one it is a little more than they take as a whole, so that
stores are seldom busy when the next ones begin."""
WORKS_FOR_S_MAX: Final = 1.0
"""A push that has been under way for longer waits for its store, and keeps neither processor nor database busy."""


@dataclass(slots=True)
class Linger:
    """The more pushing costs, the larger the batches have to be: the loop settles instead of falling behind."""

    seconds_min: float
    seconds_max: float
    _work_s: float = 0.0

    @property
    def seconds(self) -> float:
        return min(max(self.seconds_min, self._work_s * LINGER_PER_WORK), self.seconds_max)

    def rest_s(self, since_pushes_s: float) -> float:
        """How long to wait once something is due, by when the last pushes began.

        What comes with it gets `seconds_min` in any case. The rest is not waited for once more where the ledger's own rest
        has been longer: waits in a row add up, and a sale would have to pass each.
        """
        return max(self.seconds_min, self.seconds - since_pushes_s)

    def learn(self, push_s: float, others_s: Iterable[float]) -> None:
        """How long a push took, and how long the others that are under way have taken so far.

        A slow store counts as no more than the longest linger, so that one that hangs slows nobody down for long; nor does
        it count beside the pushes of others.
        """
        at_a_time = 1 + sum(other_s < WORKS_FOR_S_MAX for other_s in others_s)
        self._work_s += (min(push_s, self.seconds_max) * at_a_time - self._work_s) * LEARNING_SHARE

"""How long changes gather before they are pushed: little when pushes are quick, more when the machine is busy."""

from dataclasses import dataclass
from typing import Final

LEARNING_SHARE: Final = 0.1
LINGER_PER_PUSH: Final = 2.0
"""Under load a push costs far more than a further listing in it. Twice its time for gathering was measured as the best
at 100 orders a second in ten stores: half of that makes twice the pushes, and each of them slower."""


@dataclass(slots=True)
class Linger:
    """The more a push costs, the larger the batches have to be: the loop settles instead of falling behind."""

    seconds_min: float
    seconds_max: float
    _push_s: float = 0.0

    @property
    def seconds(self) -> float:
        return min(max(self.seconds_min, self._push_s * LINGER_PER_PUSH), self.seconds_max)

    def learn(self, push_s: float) -> None:
        """A slow store counts as no more than the longest linger, so that one that hangs slows nobody down for long."""
        self._push_s += (min(push_s, self.seconds_max) - self._push_s) * LEARNING_SHARE

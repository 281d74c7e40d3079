"""What a store can bear beside pushes: who may ask it now, as functions of values. See docs/adr/0020-gap-meter.md.

Pushes always go first and are never held back here. Sweeps, looks, imports and the care of webhooks are the
*background*: they leave a share of the store's budget alone, so that a push that comes meanwhile finds room.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

FREE_SHARE: Final = 0.5
"""Of Shopify's bucket of points, and of the time of a store that has none: what the background leaves alone."""
YIELD_S: Final = 0.25
"""How long a background call waits at a time while a push waits."""
YIELDS_S_MAX: Final = 3.0
"""Then it goes all the same: a store that sells without pause has to be swept, too."""


@dataclass(frozen=True, slots=True)
class Points:
    """A bucket of query points that fills up by itself (Shopify)."""

    available: float
    maximum: float
    restored_per_s: float


@dataclass(frozen=True, slots=True)
class Budget:
    points: Points | None
    """None where the store tells none (WooCommerce): then time is shared instead."""
    points_asked: float
    """What the last background query asked for."""
    measured_at: datetime
    answer_s: float
    """How long the last background call took."""
    rests_until: datetime | None
    held_until: datetime | None
    """The store itself asked to be left alone until then."""

    def held(self, now: datetime) -> float | None:
        """The points that the bucket holds now."""
        if self.points is None:
            return None
        restored = self.points.restored_per_s * (now - self.measured_at).total_seconds()
        return min(self.points.maximum, self.points.available + max(restored, 0.0))


@dataclass(frozen=True, slots=True)
class Turn:
    """What the next one is to find when a background call begins."""

    points_available: float | None
    rests_until: datetime


def background_wait_s(budget: Budget, now: datetime, *, push_waits: bool, yielded_s: float) -> float:
    """How long a background call has to wait; 0: it may go."""
    waits = [(until - now).total_seconds() for until in (budget.rests_until, budget.held_until) if until is not None]
    held = budget.held(now)
    if budget.points is not None and held is not None:
        wanted = min(budget.points.maximum * FREE_SHARE + budget.points_asked, budget.points.maximum)
        waits.append((wanted - held) / budget.points.restored_per_s)
    if push_waits and yielded_s < YIELDS_S_MAX:
        waits.append(YIELD_S)
    return max(0.0, *waits)


def turn_of(budget: Budget, now: datetime) -> Turn:
    """One call at a time of a store whose time is shared, expected to take as long as the last one."""
    held = budget.held(now)
    rest = timedelta(0) if budget.points is not None else timedelta(seconds=budget.answer_s)
    return Turn(None if held is None else held - budget.points_asked, now + rest)


def rest_s(answer_s: float, *, has_points: bool) -> float:
    """How long the background leaves a store alone after a call; points say that by themselves."""
    return 0.0 if has_points else answer_s * FREE_SHARE / (1 - FREE_SHARE)

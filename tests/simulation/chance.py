"""Everything that happens by chance in one history, drawn from its seed; and how rough that history is."""

import random
from dataclasses import dataclass, replace
from typing import Final

CALM_PAUSE: Final = 0.15
STEADY_SHARE: Final = 0.2
"""Histories in which every write to a store is known to have happened or not."""


@dataclass(frozen=True, slots=True)
class Weather:
    """How often what goes wrong. Shares of the calls in question, unless a unit is named."""

    crash: float = 0.0
    """A process dies at an await that touches the outside."""
    database: float = 0.0
    """A connection to Postgres breaks, before a statement or a commit, or after the commit took place."""
    pause: float = CALM_PAUSE
    """A statement takes long enough for others to get in between."""
    broker_refuses: float = 0.0
    """A publish is not confirmed, half of them although the broker has it."""
    broker_repeats: float = 0.0
    broker_delays: float = 0.0
    webhook_lost: float = 0.0
    webhook_repeated: float = 0.0
    webhook_late: float = 0.0
    store_fails: float = 0.0
    """No usable answer: before the store did anything, after it did all, or (WooCommerce) in the middle."""
    store_throttles: float = 0.0
    erp_fails: float = 0.0
    """No answer, before or after Prokip did it."""
    erp_unavailable: float = 0.0
    erp_refuses: float = 0.0
    erp_drifts: float = 0.0
    """The list that is paged through changes its order between two pages."""
    edit: float = 0.0
    """Somebody edits a quantity in a store's admin, instead of a shopper's order."""

    @property
    def steady(self) -> bool:
        """Nothing comes between a store's answer and its being stored."""
        return not self.crash and not self.database and not self.store_fails


CALM: Final = Weather()


def weather_of(chance: random.Random) -> Weather:
    """From fair to foul; each kind of trouble is left out of some histories, so that the others show by themselves."""
    rough = chance.choice((0.3, 1.0, 1.0, 2.0))
    worst = Weather(
        crash=0.002,
        database=0.003,
        pause=0.3,
        broker_refuses=0.02,
        broker_repeats=0.03,
        broker_delays=0.05,
        webhook_lost=0.10,
        webhook_repeated=0.10,
        webhook_late=0.10,
        store_fails=0.08,
        store_throttles=0.04,
        erp_fails=0.08,
        erp_unavailable=0.04,
        erp_refuses=0.03,
        erp_drifts=0.15,
        edit=0.03,
    )
    kinds = {name: getattr(worst, name) * rough for name in worst.__dataclass_fields__ if chance.random() < 0.75}
    if chance.random() < STEADY_SHARE:
        kinds |= {"crash": 0.0, "database": 0.0, "store_fails": 0.0}
    return replace(CALM, **kinds)


class Chance:
    """One stream for each part of the world, so that what one part draws changes nothing for another."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def stream(self, name: str) -> random.Random:
        return random.Random(f"{self._seed}/{name}")

"""Worlds in which one kind of trouble is the rule: for what ordinary histories come across too seldom."""

from dataclasses import dataclass
from typing import Final

from tests.simulation.chance import Weather

SHOPPER_S: Final = 30.0
COUNTER_S: Final = 40.0
OPERATOR_WAITS_S: Final = 60.0
OPERATOR_TRUSTS_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """None: drawn from the seed, as in any history."""

    weather: Weather | None = None
    skus: int | None = None
    stock: tuple[int, ...] = (0, 2, 5, 20, 60)
    connector: bool | None = None
    shopper_s: float = SHOPPER_S
    """Between two acts of one store's shoppers, on average."""
    counter_s: float = COUNTER_S
    mirrored: bool = False
    """For each sale as many units come in at the counter, so that the stock is what it was."""
    returns_s: float = 1.0
    """How long Prokip may take between reading a quantity and writing it back."""
    operator_waits_s: float = OPERATOR_WAITS_S
    """A doubt is looked into when whatever was under way has arrived or never will."""
    operator_trusts_s: float = OPERATOR_TRUSTS_S
    """Where doubts are looked up by themselves, somebody looks after those that are still there later."""

    @property
    def hasty(self) -> bool:
        """Somebody says that Prokip does not have a sale which it may still be at, and corrects that later."""
        return self.operator_trusts_s < OPERATOR_TRUSTS_S


ORDINARY: Final = Scenario()
SCENARIOS: Final[dict[str, Scenario]] = {
    "ordinary": ORDINARY,
    "late messages": Scenario(Weather(broker_delays=0.5, broker_repeats=0.2), skus=2, counter_s=4.0),
    "bursts": Scenario(Weather(crash=0.02, webhook_late=0.1), skus=2, stock=(60,), shopper_s=3.0),
    "sold and brought back": Scenario(
        Weather(store_throttles=0.7), skus=2, stock=(20, 60), shopper_s=20.0, counter_s=1e6, mirrored=True
    ),
    "late news": Scenario(
        Weather(webhook_late=0.9, webhook_lost=0.2), skus=2, stock=(2, 5), shopper_s=10.0, counter_s=20.0
    ),
    "slow returns": Scenario(
        Weather(erp_fails=0.5), skus=1, stock=(60,), connector=True, shopper_s=12.0, returns_s=10.0
    ),
    "a hasty operator": Scenario(
        Weather(erp_fails=0.6, crash=0.0005), skus=2, stock=(60,), connector=True, shopper_s=15.0, operator_trusts_s=3.0
    ),
}

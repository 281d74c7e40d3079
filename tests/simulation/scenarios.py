"""Worlds in which one kind of trouble is the rule: for what ordinary histories come across too seldom."""

from dataclasses import dataclass
from typing import Final

from tests.simulation.chance import Weather

SHOPPER_S: Final = 30.0
COUNTER_S: Final = 40.0


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
    attended: bool = True
    """Somebody settles doubts that last."""
    replicas: int | None = None
    mirrored: bool = False
    """For each sale as many units come in at the counter, so that the stock is what it was."""
    returns_s: float = 1.0
    """How long Prokip may take between reading a quantity and writing it back."""
    strict: bool = False
    """A push that gives sold units back is wrong also where answers get lost, and a difference that no order explains
    also where there is no compare-and-set."""
    delay_s_max: float = 40.0
    """For how long the broker may keep a message that it delays."""
    hints: float | None = None
    """The share of changed quantities that stores tell by webhook; then none of those gets lost, as orders do."""
    corrected_by_max: int | None = None
    """Who edits a quantity moves it by no more units than that."""
    rereads: bool = True
    """Where people edit quantities, catalogues are read again every few minutes."""
    frozen: float = 0.0
    """The share of sales before which a process stands still for longer than the others wait for it. Then one sale may be
    in Prokip twice for a while. It is answered: one that leaves so late and is not answered, nobody would find."""


ORDINARY: Final = Scenario()
SCENARIOS: Final[dict[str, Scenario]] = {
    "ordinary": ORDINARY,
    "late messages": Scenario(
        Weather(broker_delays=0.5, crash=0.0001),
        skus=2,
        shopper_s=300.0,
        counter_s=4.0,
        strict=True,
        delay_s_max=150.0,
    ),
    "late answers": Scenario(
        Weather(broker_delays=0.5, erp_fails=0.5, crash=0.0001),
        skus=3,
        stock=(60,),
        connector=True,
        shopper_s=20.0,
        delay_s_max=150.0,
    ),
    "unanswered": Scenario(
        Weather(store_fails=0.5, crash=0.001, webhook_late=0.3),
        skus=1,
        stock=(60,),
        shopper_s=8.0,
        counter_s=20.0,
        strict=True,
    ),
    "lost news": Scenario(
        Weather(store_fails=0.3, webhook_late=0.3, webhook_lost=0.3),
        skus=1,
        stock=(5, 20),
        shopper_s=8.0,
        counter_s=30.0,
    ),
    "bursts": Scenario(Weather(crash=0.02, webhook_late=0.1), skus=2, stock=(60,), shopper_s=3.0),
    "sold and brought back": Scenario(
        Weather(store_throttles=0.7), skus=2, stock=(20, 60), shopper_s=20.0, counter_s=1e6, mirrored=True
    ),
    "late news": Scenario(
        Weather(webhook_late=0.9, webhook_lost=0.2), skus=2, stock=(2, 5), shopper_s=10.0, counter_s=20.0, strict=True
    ),
    "edited and sold": Scenario(
        Weather(edit=0.4, webhook_lost=0.7),
        stock=(20,),
        shopper_s=20.0,
        hints=1.0,
        corrected_by_max=2,
        rereads=False,
    ),
    "slow returns": Scenario(
        Weather(erp_fails=0.5), skus=1, stock=(60,), connector=True, shopper_s=12.0, returns_s=10.0
    ),
    "frozen processes": Scenario(
        Weather(erp_fails=0.6),
        skus=2,
        stock=(60,),
        connector=True,
        shopper_s=30.0,
        returns_s=0.0,
        replicas=5,
        frozen=0.2,
        attended=False,
    ),
}

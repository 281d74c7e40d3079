"""One history: a merchant's stores, shop counter and shoppers, and a system that is to keep them true."""

import asyncio
import hashlib
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final, Protocol

from pydantic import SecretStr

from prokip_shared.connections import (
    ConnectionRecord,
    ConnectorCredentials,
    ProkipAccount,
    ShopifyCredentials,
    SimpleCredentials,
    WooCredentials,
)
from tests.simulation.broker import Broker
from tests.simulation.chance import CALM, Chance, weather_of
from tests.simulation.database import EPOCH
from tests.simulation.erp import Erp
from tests.simulation.judge import Basis, Judge, Row, ShopRule
from tests.simulation.life import Life
from tests.simulation.loop import VirtualLoop
from tests.simulation.scenarios import ORDINARY, Scenario
from tests.simulation.seams import virtual
from tests.simulation.shoppers import Counter, Shopper
from tests.simulation.shops import Body, Courier, Shop

STORM_S: Final = 480.0
RECOVERY_S_MAX: Final = 1800.0
NAIVE_RECOVERY_S: Final = 600.0
LOOK_S: Final = 5.0
POWER_CUT_SHARE: Final = 0.5
OLD_ORDER_S: Final = 3600.0
POLL_S: Final = 60
BUSINESS: Final = 1
PLACE: Final = "LOC-1"
CONNECTOR_SHARE: Final = 0.6
"""Merchants with Prokip's own API, where a sale can be looked up; the others have the simple one."""
RULELESS_SHARE: Final = 0.5
RULED_SHOP_SHARE: Final = 0.7


class System(Protocol):
    """What keeps the stores true, or tries to."""

    def start(self) -> None: ...

    async def hear(self, shop: Shop, topic: str, body: Body) -> bool:
        """A webhook; True: answered 2xx."""
        ...

    def basis(self, shop: Shop, sku: str) -> Basis | None:
        """None where nothing is known of the write that is just arriving."""
        ...

    def parked(self) -> int: ...

    def at_rest(self) -> bool:
        """Nothing is on its way inside."""
        ...

    def check(self) -> list[str]:
        """What is wrong inside, once all is at rest."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    seed: int
    row: Row
    wrong: tuple[str, ...]
    log: tuple[str, ...]
    simulated_s: float
    crashes: int
    converged: bool

    @property
    def digest(self) -> str:
        """Two histories with one digest are the same, byte for byte."""
        return hashlib.sha256("\n".join(self.log).encode()).hexdigest()


class World:
    def __init__(
        self,
        seed: int,
        system: Callable[["World"], System],
        *,
        recovery_s_max: float = RECOVERY_S_MAX,
        scenario: Scenario = ORDINARY,
    ) -> None:
        """A system that heals needs no more time after the last fault than `recovery_s_max`."""
        self._recovery_s_max = recovery_s_max
        self.seed = seed
        self.scenario = scenario
        self.chance = Chance(seed)
        self.mishaps = self.chance.stream("mishaps")
        self.loop = VirtualLoop(self.chance.stream("ties"))
        self.weather = scenario.weather or weather_of(self.chance.stream("weather"))
        self.steady = self.weather.steady
        self.edited = self.weather.edit > 0
        self.calm = False
        self._converged = False
        self.connected = False
        self.crashes = 0
        self.lives: list[Life] = []
        self.hand_entries = False
        """Somebody entered returns in Prokip by hand: for a moment Prokip's number and ours speak of different things."""
        self._log: list[str] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.judge = Judge(self)
        self.courier = Courier(self)
        self.broker = Broker(self)
        self.system: System
        self._make(self.chance.stream("merchant"))
        self._system = system

    def _make(self, chance: Any) -> None:
        scenario = self.scenario
        skus = [f"SKU-{number}" for number in range(1, chance.randint(3, 7))][: scenario.skus]
        stock = {sku: chance.choice(scenario.stock) for sku in skus}
        drawn = chance.choice((0.0, 0.3, 1.0))
        self.hints = drawn if scenario.hints is None else scenario.hints
        connector = chance.random() < CONNECTOR_SHARE if scenario.connector is None else scenario.connector
        self.erp = Erp(self, stock, connector=connector, takes_returns=connector or chance.random() < 0.7)
        self.account = _account(connector=connector)
        self.shops = []
        for number in range(1, chance.randint(3, 5)):
            shopify = number == 1 or (number > 2 and chance.random() < 0.5)
            shown = {sku: chance.choice((units, chance.randint(0, 30))) for sku, units in stock.items()}
            shop = Shop(self, _record(number, shopify=shopify), shown, skew_s=chance.uniform(-90, 90))
            self.shops.append(shop)
        self.rules = _rules(self.chance.stream("rules"), self.shops)

    def note(self, what: str) -> None:
        self._log.append(f"{self.loop.time():10.4f} {what}")

    def _note_error(self, what: str) -> None:
        """The system under test logged an error: not wrong by itself, but worth reading."""
        self.note(f"error: {what}")

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = self.loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def run(self) -> Outcome:
        asyncio.set_event_loop(None)
        with virtual(self.loop, self.chance.stream("product"), self._note_error):
            try:
                self.loop.run_until_complete(self._live())
            finally:
                self._end()
        return Outcome(
            self.seed,
            self.judge.row,
            tuple(self.judge.wrong),
            tuple(self._log),
            self.loop.time(),
            self.crashes,
            self._converged,
        )

    async def _live(self) -> None:
        self.note(f"weather: {self.weather}")
        self._connect()
        self.system = self._system(self)
        self.system.start()
        for shop in self.shops:
            self.spawn(Shopper(self, shop).run())
        self.spawn(Counter(self).run())
        await asyncio.sleep(STORM_S)
        if not self.steady and self.chance.stream("power").random() < POWER_CUT_SHARE:
            self._cut_power()
        self.weather, self.calm = CALM, True
        self.note("calm")
        self._converged = await self._recover()
        self.judge.row.recovered_after_s = self.loop.time() - STORM_S
        if not self._converged:
            self.judge.wrong.append(f"not right {self._recovery_s_max:.0f} s after the last fault")
        self.judge.conclude()
        self.judge.wrong += self.system.check()
        self.note(f"row: {self.judge.row}")
        for wrong in self.judge.wrong:
            self.note(f"WRONG: {wrong}")

    def _cut_power(self) -> None:
        """The last fault: everything dies at once, with whatever it had in hand."""
        for life in [life for life in self.lives if life.alive]:
            life.die("a power cut")

    def _connect(self) -> None:
        """Stores are connected with orders in them that nobody is to count."""
        for shop in self.shops:
            for _ in range(2):
                sku = self.chance.stream(f"old orders {shop.connection_id}").choice(list(shop.stock))
                order = shop.place({sku: 1}, before_connection=True)
                if order is not None:
                    order.created_at -= timedelta(seconds=OLD_ORDER_S)
                    order.modified_at = order.created_at
            shop.record = replace(shop.record, connected_at=shop.clock())
        self.connected = True
        for sku in self.erp.base:
            self.judge.stock_changed(sku)

    async def _recover(self) -> bool:
        deadline_s = self.loop.time() + self._recovery_s_max
        while self.loop.time() < deadline_s:
            outside = self.judge.settled() and not self.courier.under_way
            if outside and self.system.at_rest() and not self.system.check():
                return True
            await asyncio.sleep(LOOK_S)
        return False

    def _end(self) -> None:
        """Whatever still runs is cut off; nothing it tries in its last moment reaches anything."""
        for life in self.lives:
            life.alive = False
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self.loop.run_until_complete(asyncio.wait(tasks))
        self.loop.close()


def _account(*, connector: bool) -> ProkipAccount:
    secret = SecretStr("secret")
    credentials: ConnectorCredentials | SimpleCredentials = SimpleCredentials(token=secret)
    if connector:
        credentials = ConnectorCredentials(client_id="1", client_secret=secret, username="u", password=secret)
    return ProkipAccount(
        business_id=BUSINESS,
        version=1,
        api_url="https://prokip.example",
        location_id=PLACE,
        interval_s=POLL_S,
        contact_id=1 if connector else None,
        timezone="Africa/Lagos" if connector else None,
        credentials=credentials,
    )


def _rules(chance: Any, shops: Sequence[Shop]) -> dict[int, ShopRule]:
    """Half of the merchants keep something back in some store, or show no more than so many."""
    if chance.random() < RULELESS_SHARE:
        return {}
    return {
        shop.connection_id: ShopRule(chance.choice((0, 1, 3)), chance.choice((None, None, 4, 10)))
        for shop in shops
        if chance.random() < RULED_SHOP_SHARE
    }


def _record(number: int, *, shopify: bool) -> ConnectionRecord:
    secret = SecretStr("secret")
    credentials: ShopifyCredentials | WooCredentials
    if shopify:
        credentials = ShopifyCredentials(access_token=secret, api_secret=secret)
    else:
        credentials = WooCredentials(consumer_key=secret, consumer_secret=secret, webhook_secret=secret)
    return ConnectionRecord(
        id=number,
        business_id=BUSINESS,
        platform=credentials.platform,
        store_key=f"shop-{number}",
        store_url=f"https://shop-{number}.example",
        store_name=f"Shop {number}",
        location_id=PLACE,
        place_ref="1" if shopify else None,
        sync_enabled=True,
        status="connected",
        connected_at=EPOCH,
        credentials=credentials,
    )

"""Prokip as the facts tell it: no idempotency, answers that do not come, a list that is paged through while it moves."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeVar

from prokip_shared.platforms.prokip import (
    InDoubt,
    RecordedSale,
    Refused,
    ReturnedItem,
    Sale,
    StockCheck,
    StockPage,
    Unavailable,
    Unsupported,
    Unusable,
)
from tests.simulation.life import Life
from tests.simulation.shops import land

if TYPE_CHECKING:
    from tests.simulation.world import World

T = TypeVar("T")

LATENCY_S: Final = (0.05, 2.0)
POST_TIMEOUT_S: Final = 30.0
PAGE_SKUS: Final = 3
DRIFTS_AFTER_S: Final = 150.0
"""A SKU that drift hides from the very first read counts as unknown to Prokip; see docs/simulation.md."""


@dataclass(slots=True)
class Sold:
    """One sale that Prokip holds."""

    sell_id: str
    reference: str
    units: dict[str, Decimal]
    returned: dict[str, Decimal] = field(default_factory=dict)

    def kept(self) -> dict[str, Decimal]:
        return {sku: units - self.returned.get(sku, Decimal(0)) for sku, units in self.units.items()}


class Erp:
    def __init__(self, world: "World", stock: dict[str, int], *, takes_returns: bool) -> None:
        self.world = world
        self.stock = {sku: Decimal(units) for sku, units in stock.items()}
        self.sales: dict[str, Sold] = {}
        self.takes_returns = takes_returns
        self.order = list(stock)
        """The order in which its list comes; nobody promised one."""
        self.base = dict(self.stock)
        """Stock as it would be without our sales."""
        self.bases: dict[str, set[Decimal]] = {sku: {units} for sku, units in self.base.items()}
        """Every base that there has ever been."""
        self.changes = dict.fromkeys(stock, 0)
        """What happened at the counter, by SKU; and how much of it some answer has told."""
        self.seen = dict.fromkeys(stock, 0)

    def counter(self, sku: str, units: int) -> None:
        """A sale over the counter, or goods that came in (negative)."""
        self.stock[sku] -= units
        self.base[sku] -= units
        self.bases[sku].add(self.base[sku])
        self.changes[sku] += 1
        self.world.note(f"prokip counter {sku} {-units:+d}: {self.stock[sku]}")
        self.world.judge.base_changed(sku)

    def sell(self, reference: str, units: Mapping[str, Decimal]) -> Sold:
        sold = Sold(str(len(self.sales) + 1), reference, dict(units))
        self.sales[sold.sell_id] = sold
        for sku, number in units.items():
            self.stock[sku] -= number
        self.world.note(f"prokip sells {_told(units)} for {reference} as {sold.sell_id}")
        return sold

    def take_back(self, sell_id: str, units: Mapping[str, Decimal]) -> None:
        sold = self.sales[sell_id]
        for sku, number in units.items():
            sold.returned[sku] = sold.returned.get(sku, Decimal(0)) + number
            self.stock[sku] += number
        self.world.note(f"prokip takes back {_told(units)} on {sell_id}")

    def page(self, first: int) -> StockPage | None:
        skus = self.order[first : first + PAGE_SKUS]
        return StockPage({sku: self.stock[sku] for sku in skus}) if skus else None


def _told(units: Mapping[str, Decimal]) -> str:
    return ", ".join(f"{sku} {number}" for sku, number in units.items())


class ErpLink:
    """Prokip as one process reaches it: the product's `ProkipClient` port, in the dialect that cannot look sales up."""

    lookup = None

    def __init__(self, erp: Erp, life: Life) -> None:
        self._erp = erp
        self._life = life

    async def stock_pages(self, location_id: str) -> AsyncIterator[StockPage]:
        first = 0
        while True:
            page = await self._read(first)
            if page is None:
                return
            yield page
            first += PAGE_SKUS

    async def record_sale(self, location_id: str, sale: Sale) -> RecordedSale:
        units = {item.sku: item.units for item in sale.items}
        sold = await self._post("sale", lambda: self._erp.sell(sale.reference, units))
        return RecordedSale(sold.sell_id)

    async def give_back(self, sell_id: str, items: Sequence[ReturnedItem]) -> None:
        if not self._erp.takes_returns:
            await self._life.pass_through("return")
            raise Unsupported("this Prokip takes no returns")
        units = {item.sku: item.units for item in items if item.units}
        await self._post("return", lambda: self._erp.take_back(sell_id, units))

    async def check(self, location_id: str) -> StockCheck:
        return StockCheck(len(self._erp.stock), None)

    async def _read(self, first: int) -> StockPage | None:
        await self._life.pass_through("stock page")
        world, weather, chance = self._erp.world, self._erp.world.weather, self._erp.world.mishaps
        if world.loop.time() > DRIFTS_AFTER_S and chance.random() < weather.erp_drifts:
            chance.shuffle(self._erp.order)
        await asyncio.sleep(chance.uniform(*LATENCY_S))
        page, changes = self._erp.page(first), dict(self._erp.changes)
        await asyncio.sleep(chance.uniform(*LATENCY_S))  # old already when it arrives
        await self._life.pass_through("stock page answered")
        if chance.random() < weather.erp_unavailable:
            raise Unavailable("too many requests", chance.choice((None, 5.0, 30.0)))
        if chance.random() < weather.erp_fails / 2:
            raise Unusable("an HTML page")
        if page is not None:
            self._erp.seen |= {sku: changes[sku] for sku in page.quantities}
        return page

    async def _post(self, what: str, effect: Callable[[], T]) -> T:
        await self._life.pass_through(what)
        world, weather, chance = self._erp.world, self._erp.world.weather, self._erp.world.mishaps
        if chance.random() < weather.erp_unavailable:
            raise Unavailable("too many requests", chance.choice((None, 5.0, 30.0)))
        if chance.random() < weather.erp_refuses:
            await asyncio.sleep(LATENCY_S[0])
            raise Refused("ERROR: NOT ALLOWED: Mismatch between sold and purchase quantity")
        answer: asyncio.Future[T] = world.loop.create_future()
        fails = chance.random() < weather.erp_fails
        if not fails or chance.random() < 0.5:
            world.loop.call_later(chance.uniform(*LATENCY_S), land, answer, effect)
        if fails:
            await asyncio.sleep(chance.choice((LATENCY_S[1], POST_TIMEOUT_S)))
            raise InDoubt("no answer in time")
        result = await answer
        await asyncio.sleep(chance.uniform(*LATENCY_S))
        await self._life.pass_through(f"{what} answered")
        return result

"""Prokip as the facts tell it: no idempotency, answers that do not come, a list that is paged through while it moves."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
FROZEN_S: Final = (85.0, 150.0)
LATE_S_MAX: Final = 20.0
"""How long after everybody stopped waiting Prokip may still carry a request out."""
PAGE_SKUS: Final = 3


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
    def __init__(self, world: "World", stock: dict[str, int], *, connector: bool, takes_returns: bool) -> None:
        """`connector`: Prokip's own API; else the simple one, which nobody can ask for a sale."""
        self.connector = connector
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
        self.world.judge.recorded(reference)
        return sold

    def take_back(self, sell_id: str, units: Mapping[str, Decimal]) -> None:
        sold = self.sales[sell_id]
        for sku, number in units.items():
            sold.returned[sku] = sold.returned.get(sku, Decimal(0)) + number
            self.stock[sku] += number
        self.world.note(f"prokip takes back {_told(units)} on {sell_id}")

    def take_back_to(self, sell_id: str, totals: Mapping[str, Decimal], read: Mapping[str, Decimal]) -> None:
        """As the connector does it: totals by line, and a quantity that was read before and is written back.

        What its own till did in between is not lost here, because nobody outside could prevent it; a sale of ours is.
        `read`: the stock without what the till did.
        """
        sold = self.sales[sell_id]
        for sku, total in totals.items():
            moved = total - sold.returned.get(sku, Decimal(0))
            sold.returned[sku] = total
            if moved:
                self.stock[sku] = self.base[sku] + read[sku] + moved
                self.world.note(f"prokip takes back {sku} {moved} on {sell_id}")

    def page(self, first: int) -> StockPage | None:
        skus = self.order[first : first + PAGE_SKUS]
        if not skus:
            return None
        numbers = sorted(self.stock)
        quantities = {sku: self.stock[sku] for sku in skus}
        return StockPage(quantities, rows_total=len(numbers), row_ids=[numbers.index(sku) for sku in skus])


def _line_id(sold: Sold, sku: str) -> str:
    return f"{sold.sell_id}-{sku}"


def _told(units: Mapping[str, Decimal]) -> str:
    return ", ".join(f"{sku} {number}" for sku, number in units.items())


class ErpLink:
    """Prokip as one process reaches it: the product's `ProkipClient` port in both dialects, and `SaleLookup`."""

    def __init__(self, erp: Erp, life: Life) -> None:
        self._erp = erp
        self._life = life
        self.lookup = self if erp.connector else None
        self.one_at_a_time = erp.connector

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
        return self._told(sold)

    async def give_back(self, sell_id: str, items: Sequence[ReturnedItem]) -> None:
        if not self._erp.takes_returns:
            await self._life.pass_through("return")
            raise Unsupported("this Prokip takes no returns")
        if self._erp.connector:
            await self._give_back_to(sell_id, items)
            return
        units = {item.sku: item.units for item in items if item.units}
        await self._post("return", lambda: self._erp.take_back(sell_id, units))

    async def _give_back_to(self, sell_id: str, items: Sequence[ReturnedItem]) -> None:
        """Between what it reads and what it writes, a sale of the same SKU is lost: nobody may send one then."""
        erp, returns_s = self._erp, self._erp.world.scenario.returns_s
        totals = {item.sku: item.returned_total for item in items}

        def begin() -> None:
            read = {sku: erp.stock[sku] - erp.base[sku] for sku in totals}
            in_s = erp.world.mishaps.random() * returns_s
            erp.world.loop.call_later(in_s, erp.take_back_to, sell_id, totals, read)

        await self._post("return", begin, work_s=returns_s)

    async def find_sales(self, location_id: str, sales: Sequence[Sale], *, whole: bool) -> Mapping[str, RecordedSale]:
        references = [sale.reference for sale in sales]
        found = await self._look(lambda: {reference: self._found(reference, whole=whole) for reference in references})
        return {reference: sale for reference, sale in found.items() if sale is not None}

    async def returned_units(self, sell_ids: Sequence[str]) -> Mapping[str, Mapping[str, Decimal]]:
        sold = [self._erp.sales[sell_id] for sell_id in sell_ids]
        return await self._look(
            lambda: {one.sell_id: {_line_id(one, sku): units for sku, units in one.returned.items()} for one in sold}
        )

    def _found(self, reference: str, *, whole: bool) -> RecordedSale | None:
        """Only who reads to the end of the list meets what is there twice."""
        found = [self._told(sold) for sold in self._erp.sales.values() if sold.reference == reference]
        return replace(found[-1], repeats=tuple(found[:-1]) if whole else ()) if found else None

    def _told(self, sold: Sold) -> RecordedSale:
        lines = {sku: _line_id(sold, sku) for sku in sold.units} if self._erp.connector else {}
        return RecordedSale(sold.sell_id, lines)

    async def _look(self, see: Callable[[], T]) -> T:
        await self._life.pass_through("look")
        weather, chance = self._erp.world.weather, self._erp.world.mishaps
        await asyncio.sleep(chance.uniform(*LATENCY_S))
        if chance.random() < weather.erp_unavailable:
            raise Unavailable("too many requests", chance.choice((None, 5.0, 30.0)))
        seen = see()
        await asyncio.sleep(chance.uniform(*LATENCY_S))
        await self._life.pass_through("look answered")
        return seen

    async def check(self, location_id: str) -> StockCheck:
        return StockCheck(len(self._erp.stock), None)

    async def _read(self, first: int) -> StockPage | None:
        await self._life.pass_through("stock page")
        weather, chance = self._erp.world.weather, self._erp.world.mishaps
        if chance.random() < weather.erp_drifts:
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

    async def _post(self, what: str, effect: Callable[[], T], *, work_s: float = 0.0) -> T:
        """`work_s`: how long the effect may still go on after it began."""
        await self._life.pass_through(what)
        world, weather, chance = self._erp.world, self._erp.world.weather, self._erp.world.mishaps
        frozen = what == "sale" and not world.calm and 0 < world.scenario.frozen > chance.random()
        if frozen:
            await asyncio.sleep(chance.uniform(*FROZEN_S))
        if chance.random() < weather.erp_unavailable:
            raise Unavailable("too many requests", chance.choice((None, 5.0, 30.0)))
        if chance.random() < weather.erp_refuses:
            await asyncio.sleep(LATENCY_S[0])
            raise Refused("ERROR: NOT ALLOWED: Mismatch between sold and purchase quantity")
        answer: asyncio.Future[T] = world.loop.create_future()
        fails = chance.random() < weather.erp_fails and not frozen
        if not fails or chance.random() < 0.5:
            late_s = chance.random() * LATE_S_MAX if fails and chance.random() < 0.3 else 0.0
            world.loop.call_later(late_s + chance.uniform(*LATENCY_S), land, answer, effect)
        if fails:
            await asyncio.sleep(chance.choice((LATENCY_S[1], POST_TIMEOUT_S)))
            raise InDoubt("no answer in time")
        result = await answer
        await asyncio.sleep(work_s + chance.uniform(*LATENCY_S))
        await self._life.pass_through(f"{what} answered")
        return result

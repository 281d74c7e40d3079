"""A Prokip that can be asked for what it holds, without HTTP: what a request ends with is said beforehand."""

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final, Literal

from prokip_shared.connections import ProkipAccount
from prokip_shared.platforms.prokip import (
    Goods,
    InDoubt,
    RecordedSale,
    Refused,
    ReturnedItem,
    Sale,
    StockCheck,
    StockPage,
    Unavailable,
)

Fate = Literal[
    "done",
    "answer_lost",  # done, and nobody hears of it
    "request_lost",  # never arrives
    "late",  # given up by who sent it; done when `finish_late` is called, and by itself where chance rules
    "held",  # done once `release` is called and answered once `answer` is, however long that takes
    "refused",
    "away",
]
CHANCES: Final[tuple[Fate, ...]] = ("answer_lost", "request_lost", "late", "refused", "away")


@dataclass
class Line:
    sku: str
    sold: Decimal
    returned: Decimal = Decimal(0)


@dataclass
class HeldSale:
    sell_id: str
    sale: Sale
    lines: dict[str, Line] = field(default_factory=dict)


@dataclass
class AskableProkip:
    """Stock, sales and returns with the connector's rules: nothing makes a sale unique, returns name totals."""

    stock: dict[str, Decimal]
    one_at_a_time: bool = True
    chance: random.Random | None = None
    """Draws a fate for requests to which none was given."""
    certain: bool = False
    """From now on every request ends well."""
    fates: deque[Fate] = field(default_factory=deque)
    sales: list[HeldSale] = field(default_factory=list)
    asked: list[Sale | Sequence[ReturnedItem]] = field(default_factory=list)
    """Every request that arrived or was lost, in order."""
    looks: int = 0
    sought: list[tuple[set[str], bool]] = field(default_factory=list)
    """References of each look for sales, and whether it was a whole one."""
    blind_looks: int = 0
    """So many looks fail before one sees."""
    asks_s: float | None = None
    """How long it asks those to wait that fail."""
    crossings: int = 0
    """Requests that began before the one before had ended."""
    _late: list[Callable[[], object]] = field(default_factory=list)
    _held: asyncio.Event = field(default_factory=asyncio.Event)
    _answered: asyncio.Event = field(default_factory=asyncio.Event)
    _under_way: int = 0

    @property
    def lookup(self) -> "AskableProkip":
        return self

    async def stock_pages(self, location_id: str) -> AsyncIterator[StockPage]:  # the port's
        ids = {sku: goods_of(sku) for sku in self.stock}
        yield StockPage(dict(self.stock), goods=ids)

    async def record_sale(self, location_id: str, sale: Sale) -> RecordedSale:  # the port's
        self.asked.append(sale)
        held = await self._meet_fate(lambda: self._sell(sale))
        return RecordedSale(held.sell_id, {line.sku: line_id for line_id, line in held.lines.items()})

    async def give_back(self, sell_id: str, items: Sequence[ReturnedItem]) -> None:
        self.asked.append(items)
        await self._meet_fate(lambda: self._take_back(sell_id, items))

    async def check(self, location_id: str) -> StockCheck:  # the port's
        return StockCheck(len(self.stock), None)

    async def find_sales(  # the port's
        self, location_id: str, sales: Sequence[Sale], *, whole: bool
    ) -> Mapping[str, RecordedSale]:
        self._look()
        self.sought.append(({sale.reference for sale in sales}, whole))
        found: dict[str, RecordedSale] = {}
        for held in self.sales:
            reference = held.sale.reference
            if not any(sale.reference == reference for sale in sales):
                continue
            one = RecordedSale(held.sell_id, {line.sku: line_id for line_id, line in held.lines.items()})
            first = found.get(reference)
            if first is None:
                found[reference] = one
            elif whole:
                found[reference] = replace(first, repeats=(*first.repeats, one))
        return found

    async def returned_units(self, sell_ids: Sequence[str]) -> Mapping[str, Mapping[str, Decimal]]:
        self._look()
        return {
            one.sell_id: {line_id: line.returned for line_id, line in one.lines.items() if line.returned}
            for one in self.sales
            if one.sell_id in sell_ids
        }

    def finish_late(self) -> None:
        """What was given up comes through after all."""
        while self._late:
            self._late.pop()()

    def release(self) -> None:
        self._held.set()

    def answer(self) -> None:
        self._answered.set()

    def recorded(self, sku: str) -> Decimal:
        lines = [line for held in self.sales for line in held.lines.values() if line.sku == sku]
        return sum((line.sold - line.returned for line in lines), Decimal(0))

    def references(self) -> list[str]:
        return [held.sale.reference for held in self.sales]

    def sales_asked(self) -> list[Sale]:
        return [one for one in self.asked if isinstance(one, Sale)]

    def returns_asked(self) -> list[Sequence[ReturnedItem]]:
        return [one for one in self.asked if not isinstance(one, Sale)]

    def _look(self) -> None:
        self.looks += 1
        if self.chance is not None and self._late:
            self.finish_late()
            raise Unavailable("busy with what came late")
        if self.blind_looks:
            self.blind_looks -= 1
            raise Unavailable("nobody at home", self.asks_s)

    async def _meet_fate(self, carry_out: "Callable[[], HeldSale]") -> HeldSale:
        self.crossings += self._under_way
        self._under_way += 1
        try:
            return await self._end(self._fate(), carry_out)
        finally:
            self._under_way -= 1

    def _fate(self) -> Fate:
        if self.fates:
            return self.fates.popleft()
        if self.chance is not None and not self.certain and self.chance.random() < 0.4:
            return self.chance.choice(CHANCES)
        return "done"

    async def _end(self, fate: Fate, carry_out: "Callable[[], HeldSale]") -> HeldSale:
        await asyncio.sleep(0)
        match fate:
            case "done":
                return carry_out()
            case "answer_lost":
                carry_out()
            case "late":
                self._late.append(carry_out)
            case "held":
                await self._held.wait()
                held = carry_out()
                await self._answered.wait()
                return held
            case "refused":
                raise Refused("NOT ALLOWED: Mismatch between sold and purchase quantity.")
            case "away":
                raise Unavailable("nobody at home")
            case "request_lost":
                pass
        raise InDoubt("Prokip did not answer.")

    def _sell(self, sale: Sale) -> HeldSale:
        number = len(self.sales) + 1
        lines = {f"{number}{row}": Line(item.sku, item.units) for row, item in enumerate(sale.items)}
        for item in sale.items:
            assert item.units > 0
            assert item.goods in {None, goods_of(item.sku)}
            self.stock[item.sku] -= item.units
        held = HeldSale(str(number), sale, lines)
        self.sales.append(held)
        return held

    def _take_back(self, sell_id: str, items: Sequence[ReturnedItem]) -> HeldSale:
        held = next(one for one in self.sales if one.sell_id == sell_id)
        named = {item.line_id for item in items}
        assert named.issuperset(line_id for line_id, line in held.lines.items() if line.returned)
        for item in items:
            line = held.lines[item.line_id or ""]
            assert line.sku == item.sku
            assert line.returned <= item.returned_total <= line.sold, "a total never falls and never exceeds the sale"
            self.stock[line.sku] += item.returned_total - line.returned
            line.returned = item.returned_total
        return held


def goods_of(sku: str) -> Goods:
    return Goods(1000 + ord(sku[0]), 2000 + ord(sku[0]))


@dataclass(frozen=True)
class AskableClients:
    prokip: AskableProkip

    def of(self, account: ProkipAccount) -> AskableProkip:  # one for all
        return self.prokip

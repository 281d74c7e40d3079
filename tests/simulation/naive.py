"""The two algorithms that most connectors are, in the same world, for contrast.

*Overwrite*: every poll writes Prokip's number into every store. *Delta*: every webhook is a number of units to subtract
from the other stores. Both tell Prokip of an order when its webhook comes, try again when that fails, and keep nothing.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Final

from typing_extensions import override

from prokip_shared.platforms.errors import StoreError
from prokip_shared.platforms.prokip import (
    NotAuthorised,
    ProkipError,
    Refused,
    ReturnedItem,
    Sale,
    SoldItem,
    Unsupported,
)
from prokip_shared.platforms.store import ItemKey, QuantityWrite
from tests.simulation.erp import ErpLink
from tests.simulation.judge import Basis
from tests.simulation.life import Life, Process
from tests.simulation.shops import Body, Shop, ShopLink

if TYPE_CHECKING:
    from tests.simulation.world import World

POLL_S: Final = 60.0
TRIES_MAX: Final = 5
RETRY_S: Final = 2.0
PLACE: Final = "LOC-1"


class Naive(ABC):
    """One process; what it has in memory when it dies is gone."""

    name: ClassVar[str]

    def __init__(self, world: "World") -> None:
        self._world = world
        self._process = Process(world, self.name, self._begin)
        self._busy = 0
        self._bases: dict[tuple[int, str], Basis] = {}
        self._polled_calm = 0

    def start(self) -> None:
        self._process.start()

    def _begin(self, life: Life) -> None:
        life.memory = {shop.connection_id: ShopLink(shop, life) for shop in self._world.shops}
        life.spawn(self._poll(life))

    async def hear(self, shop: Shop, topic: str, body: Body) -> bool:
        """Answers 200 and works on it: what is not durable is lost with the process."""
        life = self._process.life
        if life is None:
            return False
        if topic in {"orders/create", "order.created"}:
            life.spawn(self._guarded(self._ordered(life, shop, body)))
        elif body.get("cancelled_at") or body.get("status") == "cancelled":
            life.spawn(self._guarded(self._cancelled(life, shop, body)))
        return True

    async def _guarded(self, work: Any) -> None:
        self._busy += 1
        try:
            await work
        except (StoreError, ProkipError):
            return
        finally:
            self._busy -= 1

    async def _ordered(self, life: Life, shop: Shop, body: Body) -> None:
        units = _units(body)
        await self._spread(life, shop, {sku: -number for sku, number in units.items()})
        items = [SoldItem(sku, Decimal(number)) for sku, number in units.items()]
        sale = Sale(items, f"sync-{shop.connection_id}-{body['id']}-0", datetime.now(UTC))
        link = ErpLink(self._world.erp, life)
        for _ in range(TRIES_MAX):
            try:
                recorded = await link.record_sale(PLACE, sale)
            except (Refused, NotAuthorised, Unsupported):
                return
            except ProkipError:
                await asyncio.sleep(RETRY_S)  # and again, whatever became of the first
                continue
            life.memory[shop.connection_id, str(body["id"])] = recorded.sell_id
            return

    async def _cancelled(self, life: Life, shop: Shop, body: Body) -> None:
        units = _units(body)
        await self._spread(life, shop, units)
        sell_id = life.memory.get((shop.connection_id, str(body["id"])))
        if sell_id is None:
            return
        items = [ReturnedItem(sku, Decimal(number), Decimal(number)) for sku, number in units.items()]
        await ErpLink(self._world.erp, life).give_back(sell_id, items)

    @abstractmethod
    async def _spread(self, life: Life, shop: Shop, deltas: Mapping[str, int]) -> None:
        """Tells the other stores of an order."""

    async def _poll(self, life: Life) -> None:
        while True:
            try:
                quantities: dict[str, Decimal] = {}
                async for page in ErpLink(self._world.erp, life).stock_pages(PLACE):
                    quantities |= page.quantities
                known = {shop.connection_id: dict(shop.taken) for shop in self._world.shops}
                await self._polled(life, quantities, known)
                self._polled_calm += self._world.calm
            except (StoreError, ProkipError):
                pass
            await asyncio.sleep(POLL_S)

    @abstractmethod
    async def _polled(
        self, life: Life, quantities: Mapping[str, Decimal], known: Mapping[int, Mapping[str, int]]
    ) -> None:
        """Does something with what Prokip holds. `known` is for the judge alone."""

    async def _write(self, life: Life, shop: Shop, sku: str, quantity: int, known: int) -> None:
        self._bases[shop.connection_id, sku] = Basis(max(0, quantity), known, first=False)
        await life.memory[shop.connection_id].write(
            [QuantityWrite(_key(shop, sku), sku, max(0, quantity), None)], attempt_key=""
        )

    def basis(self, shop: Shop, sku: str) -> Basis | None:
        return self._bases.get((shop.connection_id, sku))

    def parked(self) -> int:
        return 0

    def at_rest(self) -> bool:
        return not self._busy and self._polled_calm >= 3

    def check(self) -> list[str]:
        return []


class Overwrite(Naive):
    name = "overwrite per poll"

    @override
    async def _spread(self, life: Life, shop: Shop, deltas: Mapping[str, int]) -> None:
        """The next poll will do."""

    @override
    async def _polled(
        self, life: Life, quantities: Mapping[str, Decimal], known: Mapping[int, Mapping[str, int]]
    ) -> None:
        told = self._world.judge.told_of()
        for shop in self._world.shops:
            for sku, quantity in quantities.items():
                recorded = sum(int(units.get(sku, 0)) for (key, _), units in told.items() if key == shop.connection_id)
                await self._write(life, shop, sku, int(quantity), recorded)


class Delta(Naive):
    name = "delta per webhook"

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._last: dict[str, Decimal] = {}
        self._own: dict[str, int] = {}

    @override
    async def _spread(self, life: Life, shop: Shop, deltas: Mapping[str, int]) -> None:
        for sku, units in deltas.items():
            self._own[sku] = self._own.get(sku, 0) + units
        for other in self._world.shops:
            if other is not shop:
                await self._add(life, other, deltas)

    async def _add(self, life: Life, shop: Shop, deltas: Mapping[str, int]) -> None:
        for sku, units in deltas.items():
            known = shop.taken[sku]
            levels = await life.memory[shop.connection_id].read_levels([_key(shop, sku)])
            shown = levels[_key(shop, sku)].quantity or 0
            await self._write(life, shop, sku, shown + units, known)

    @override
    async def _polled(
        self, life: Life, quantities: Mapping[str, Decimal], known: Mapping[int, Mapping[str, int]]
    ) -> None:
        """What changed in Prokip and is no order of ours; the first time, everything."""
        first = not self._last
        deltas: dict[str, int] = {}
        for sku, quantity in quantities.items():
            change = int(quantity - self._last.get(sku, quantity)) - self._own.pop(sku, 0)
            self._last[sku] = quantity
            if change:
                deltas[sku] = change
        for shop in self._world.shops:
            if first:
                for sku, quantity in quantities.items():
                    await self._write(life, shop, sku, int(quantity), shop.taken[sku])
            elif deltas:
                await self._add(life, shop, deltas)


def _units(body: Body) -> dict[str, int]:
    units: dict[str, int] = {}
    for line in body["line_items"]:
        units[line["sku"]] = units.get(line["sku"], 0) + line["quantity"]
    return units


def _key(shop: Shop, sku: str) -> ItemKey:
    return ItemKey(shop.items[sku], place_ref="1" if shop.platform == "shopify" else None)

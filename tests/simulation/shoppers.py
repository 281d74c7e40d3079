"""Those who buy, change their minds and give back; and those who buy at the counter."""

import asyncio
from typing import TYPE_CHECKING

from tests.simulation.shops import Order, Shop

if TYPE_CHECKING:
    from tests.simulation.world import World


class Shopper:
    """All of one store's, one after the other, at moments that no system has a say in."""

    def __init__(self, world: "World", shop: Shop) -> None:
        self._world = world
        self._shop = shop
        self._chance = world.chance.stream(f"shopper {shop.connection_id}")

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self._chance.expovariate(1 / self._world.scenario.shopper_s))
            if self._world.calm:
                return
            self._act()

    def _act(self) -> None:
        chance, shop = self._chance, self._shop
        if chance.random() < self._world.weather.edit:
            self._edit()
            return
        own = [order for order in shop.orders.values() if not order.before_connection]
        draw = chance.random()
        if draw < 0.60 or not own:
            self._buy()
        elif draw < 0.63:
            shop.touch(chance.choice(list(shop.orders.values())))
        else:
            self._change(chance.choice(own[-4:]))

    def _edit(self) -> None:
        chance, shop, most = self._chance, self._shop, self._world.scenario.corrected_by_max
        sku = chance.choice(list(shop.stock))
        quantity = chance.randint(0, 25) if most is None else max(0, shop.stock[sku] + chance.randint(-most, most))
        shop.edit_quantity(sku, quantity)

    def _buy(self) -> None:
        chance, shop = self._chance, self._shop
        skus = list(shop.stock)
        wanted = {chance.choice(skus): chance.randint(1, 3) for _ in range(chance.choice((1, 1, 1, 2)))}
        if shop.place(wanted) is not None and self._world.scenario.mirrored:
            for sku, units in wanted.items():
                self._world.erp.counter(sku, -units)

    def _change(self, order: Order) -> None:
        chance, shop = self._chance, self._shop
        if order.status == "cancelled":
            if shop.platform == "woocommerce":
                shop.sell_again(order)
            return
        held = [line for line in order.lines if line.taken]
        draw = chance.random()
        if draw < 0.4:
            shop.cancel(order)
        elif draw < 0.8 and held:
            line = chance.choice(held)
            shop.give_back(order, line, chance.randint(1, line.taken), restock=chance.random() < 0.8)
        elif draw < 0.9:
            shop.raise_line(order, chance.choice(order.lines), chance.randint(1, 2))
        else:
            shop.add_line(order, chance.choice(list(shop.stock)), 1)


class Counter:
    """The shop with Prokip's till, and the van that brings goods."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._chance = world.chance.stream("counter")

    async def run(self) -> None:
        chance, erp = self._chance, self._world.erp
        while True:
            await asyncio.sleep(chance.expovariate(1 / self._world.scenario.counter_s))
            if self._world.calm:
                return
            sku = chance.choice(list(erp.base))
            units = chance.randint(1, 3)
            if chance.random() < 0.35:
                erp.counter(sku, -chance.randint(1, 12))
            elif erp.stock[sku] >= units:
                erp.counter(sku, units)

"""A random but seeded history of a merchant's day, with books of its own to hold the system to.

The books know what each thing done must do to stock. They share nothing with the product, and nothing with the
simulated stores' own arithmetic, to which they are compared as well.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from prokip_sandbox import OutOfStock, ShopifyServer, WooCommerceStore, World, WorldSpec
from prokip_sandbox.shopify import Shop

UNITS_MAX: Final = 3
EDITED_UNITS_MAX: Final = 5
HAND_EDIT_MAX: Final = 60
TAKES_EDITS: Final = frozenset({"processing", "on-hold"})


@dataclass(slots=True)
class StoreClock:
    """The stores' clock runs ahead by a second with each thing done.

    A WooCommerce or Shopify order has no finer version than a second; two contents of one second that arrive swapped
    can only be told apart by asking the store.
    """

    ahead_s: int = 0

    def __call__(self) -> float:
        return time.time() + self.ahead_s


def world_with_clock(spec: WorldSpec, clock: Callable[[], float]) -> World:
    """The world of `spec` with stores that go by this clock."""
    world = World(spec)
    world.shopify = ShopifyServer(
        list(world.shopify.shops), limits=spec.shopify_limits, seed=spec.seed, clock=clock, retry_time_scale=0.001
    )
    world.woocommerce = [
        WooCommerceStore(store.name, seed=spec.seed + n, clock=clock) for n, store in enumerate(world.woocommerce)
    ]
    world.shopify.seed_goods(world.goods)
    for store in world.woocommerce:
        store.seed_goods(world.goods)
    return world


@dataclass(slots=True)
class Line:
    ordered: int
    held: int
    """What the store keeps taken for it."""
    refunded: int = 0
    restocked: int = 0


@dataclass(slots=True)
class Order:
    store: WooCommerceStore | Shop
    id: int
    lines: dict[str, Line]
    open: bool = True

    @property
    def held(self) -> Counter[str]:
        return Counter({sku: line.held for sku, line in self.lines.items() if line.held})


@dataclass(slots=True)
class History:
    """`step` does one thing in the world and writes it into the books."""

    world: World
    clock: StoreClock
    rng: random.Random
    start: Mapping[str, int]
    """What Prokip held of each SKU before."""
    orders: list[Order] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    delivered: Counter[str] = field(default_factory=Counter)
    """Units that came into Prokip, less those sold over its counter."""
    shared_by: dict[str, str] = field(default_factory=dict)
    """SKU of a variation without stock of its own -> the SKU that counts it."""

    def __post_init__(self) -> None:
        self.shared_by = {good.sku: good.family for good in self.world.goods if good.kind == "shared"}

    @property
    def stores(self) -> list[WooCommerceStore | Shop]:
        return [*self.world.woocommerce, *self.world.shopify.shops.values()]

    def truth(self, sku: str) -> int:
        """Start, less what online orders hold, less the counter's sales."""
        sold = sum(units for order in self.orders for name, units in self.by_stock(order).items() if name == sku)
        return self.start[sku] + self.delivered[sku] - sold

    def by_stock(self, order: Order) -> Counter[str]:
        """What an order holds, by the SKU that counts it."""
        held: Counter[str] = Counter()
        for sku, units in order.held.items():
            held[self.shared_by.get(sku, sku)] += units
        return held

    def step(self) -> str:
        self.clock.ahead_s += 1
        acts = (
            (40, self._buy),
            (9, self._cancel),
            (9, self._refund_and_restock),
            (5, self._refund_money),
            (10, self._edit),
            (3, self._move_on),
            (12, self._counter),
            (5, self._delivery),
            (7, self._hand_edit),
        )
        act = self.rng.choices([act for _, act in acts], [share for share, _ in acts])[0]
        did = act()
        self.done[did] += 1
        return did

    def _goods_of(self, store: WooCommerceStore | Shop) -> list[str]:
        own = [sku for sku in self.start if sku not in self.shared_by.values()]
        families = self.shared_by if isinstance(store, WooCommerceStore) else set(self.shared_by.values())
        return [*own, *families]

    def _buy(self) -> str:
        store = self.rng.choice(self.stores)
        chosen = self.rng.sample(self._goods_of(store), self.rng.choice((1, 1, 1, 2)))
        items = {sku: self.rng.randint(1, UNITS_MAX) for sku in chosen}
        try:
            if isinstance(store, WooCommerceStore):
                order_id = store.buy(items, payment_method=self.rng.choice(("cod", "bacs")))
            else:
                order_id = store.buy(items)
        except OutOfStock:
            return "out of stock"
        self.orders.append(Order(store, order_id, {sku: Line(units, units) for sku, units in items.items()}))
        return "sale"

    def _pick(self, fits: Callable[[Order], bool]) -> Order | None:
        found = [order for order in self.orders if order.open and fits(order)]
        return self.rng.choice(found) if found else None

    def _cancel(self) -> str:
        order = self._pick(lambda _order: True)
        if order is None:
            return "nothing to cancel"
        order.open = False
        if isinstance(order.store, WooCommerceStore):
            order.store.cancel(order.id)
            for line in order.lines.values():  # the store's own book: all that it still holds
                line.held = 0
            return "cancel"
        restock = self.rng.random() < 0.8
        order.store.cancel(order.id, restock=restock)
        for line in order.lines.values():
            line.held -= (line.ordered - line.refunded) if restock else 0
        return "cancel" if restock else "cancel without restock"

    def _refund_and_restock(self) -> str:
        return self._refund(restock=True)

    def _refund_money(self) -> str:
        return self._refund(restock=False)

    def _refund(self, *, restock: bool) -> str:
        order = self._pick(lambda order: any(line.refunded < line.ordered for line in order.lines.values()))
        if order is None:
            return "nothing to refund"
        sku = self.rng.choice([sku for sku, line in order.lines.items() if line.refunded < line.ordered])
        line = order.lines[sku]
        units = self.rng.randint(1, line.ordered - line.refunded)
        order.store.refund(order.id, {sku: units}, restock=restock)
        line.refunded += units
        if restock:
            line.restocked += units
            line.held -= units
        return "refund and restock" if restock else "refund of money"

    def _edit(self) -> str:
        """The merchant changes the quantity of a line, adds one, or takes one out; in WooCommerce only."""
        order = self._pick(
            lambda order: (
                isinstance(order.store, WooCommerceStore)
                and order.store.order(order.id).status in TAKES_EDITS
                and not any(line.refunded for line in order.lines.values())
            )
        )
        if order is None or not isinstance(order.store, WooCommerceStore):
            return "nothing to edit"
        store, draw = order.store, self.rng.random()
        if draw < 0.2:
            sku = self.rng.choice([sku for sku in self._goods_of(store) if sku not in order.lines] or [""])
            units = self.rng.randint(1, UNITS_MAX)
            store.orders.update(store.order(order.id), {"line_items": [{"sku": sku, "quantity": units}]})
            order.lines[sku] = Line(units, units)
            return "edit: a line more"
        sku = self.rng.choice(list(order.lines))
        rendered = store.order_json(order.id)["line_items"]
        line_id = next(item["id"] for item in rendered if item["sku"] == sku)
        units = 0 if draw < 0.35 and len(order.lines) > 1 else self.rng.randint(1, EDITED_UNITS_MAX)
        store.orders.update(store.order(order.id), {"line_items": [{"id": line_id, "quantity": units}]})
        if units:
            order.lines[sku] = Line(units, units)
            return "edit: another quantity"
        del order.lines[sku]
        return "edit: a line less"

    def _move_on(self) -> str:
        """Fulfilled, completed, or into the trash: all keep what the order holds."""
        order = self._pick(lambda _order: True)
        if order is None:
            return "nothing to move on"
        if not isinstance(order.store, WooCommerceStore):
            order.store.fulfil(order.id)
            return "fulfil"
        stored = order.store.order(order.id)
        if self.rng.random() < 0.3:
            order.open = False
            order.store.orders.trash(stored)
            return "trash"
        if stored.status not in TAKES_EDITS:
            return "nothing to move on"
        order.store.orders.update(stored, {"status": "completed"})
        return "complete"

    def _counter(self) -> str:
        sku, units = self.rng.choice(list(self.start)), self.rng.randint(1, UNITS_MAX)
        self.world.prokip.counter_sale({sku: units})
        self.delivered[sku] -= units
        return "counter sale"

    def _delivery(self) -> str:
        sku, units = self.rng.choice(list(self.start)), self.rng.randint(1, 10)
        self.world.prokip.set_stock(sku, self.world.prokip.stock(sku) + units)
        self.delivered[sku] += units
        return "delivery to Prokip"

    def _hand_edit(self) -> str:
        """Somebody types a number into a store's admin page: Prokip's number is to win."""
        store = self.rng.choice(self.stores)
        store.set_stock(self.rng.choice(list(self.start)), self.rng.randint(0, HAND_EDIT_MAX))
        return "hand edit in a store"

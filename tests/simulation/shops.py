"""Stores as the facts tell them: their stock, their orders, the webhooks they send (or not), and their API.

Shopify sets quantities only over a named one, all of a call or none. WooCommerce sets them one by one over whatever
is there. Both go by clocks of their own, which count whole seconds.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from prokip_shared.connections import ConnectionRecord
from prokip_shared.platforms import shopify_webhooks, woocommerce_webhooks
from prokip_shared.platforms.errors import Refused, StoreUnavailable, Throttled
from prokip_shared.platforms.store import (
    CatalogueItem,
    CataloguePage,
    ItemKey,
    Level,
    OrdersPage,
    QuantityWrite,
    WriteResult,
    chunks,
)
from store_push.stores import SHOPIFY_HABITS, WOOCOMMERCE_HABITS
from tests.simulation.database import EPOCH
from tests.simulation.life import Life

if TYPE_CHECKING:
    from tests.simulation.world import World

T = TypeVar("T")
Body = dict[str, Any]

LATENCY_S: Final = (0.02, 0.4)
TIMEOUT_S: Final = 20.0
LINE_S: Final = 0.01
"""WooCommerce writes the lines of a batch one after the other."""
SHOPIFY_DELAY_S: Final = (0.2, 3.0)
WOO_DELAY_S: Final = (0.5, 60.0)
"""WordPress sends webhooks when its cron is next woken."""
LATE_S_MAX: Final = 400.0
SHOPIFY_TRIES: Final = 8
SHOPIFY_RETRY_S: Final = 15.0
PAGE_ITEMS_MAX: Final = 4
HELD_STATUSES: Final = frozenset({"processing", "refunded"})


@dataclass(slots=True)
class Line:
    line_ref: int
    sku: str
    ordered: int
    taken: int
    restocked: int = 0


@dataclass(slots=True)
class Order:
    order_ref: int
    created_at: datetime
    modified_at: datetime
    status: str
    lines: list[Line]
    before_connection: bool
    baseline: dict[str, int] = field(default_factory=dict)
    most: dict[str, int] = field(default_factory=dict)
    """The most units that it has ever held, by SKU."""
    changes: int = 0
    """How often the shop changed it, the placing included."""
    heard: bool = False
    """Some webhook about it was answered 2xx."""

    @property
    def place(self) -> tuple[datetime, int]:
        """In the list of changed orders."""
        return self.modified_at, self.order_ref

    def taken(self) -> dict[str, int]:
        """Units by SKU."""
        units: dict[str, int] = {}
        for line in self.lines:
            units[line.sku] = units.get(line.sku, 0) + line.taken
        return units


class Shop:
    def __init__(
        self,
        world: "World",
        record: ConnectionRecord,
        stock: dict[str, int],
        *,
        skew_s: float,
    ) -> None:
        self.world = world
        self.record = record
        self.connection_id = record.id
        self.platform: Literal["shopify", "woocommerce"] = "shopify" if record.platform == "shopify" else "woocommerce"
        self.compare_and_set = self.platform == "shopify"
        self.skew = timedelta(seconds=skew_s)
        self.stock = dict(stock)
        self.items = {sku: str(1000 * record.id + number) for number, sku in enumerate(stock)}
        self.skus = {item: sku for sku, item in self.items.items()}
        self.orders: dict[int, Order] = {}
        self.taken = dict.fromkeys(stock, 0)
        """Units that orders since the connection hold, by SKU."""
        self.hidden: set[str] = set()
        """SKUs whose first number from us was written over sales that we had not been told of, or was found there."""
        self.brought_back: set[str] = set()
        """The same of cancellations and returns."""
        self.edited: set[str] = set()
        """SKUs whose quantity a person changed: from then on it does not tell sales alone."""
        self.keys: dict[str, dict[ItemKey, WriteResult]] = {}
        """What was answered under each idempotency key."""

    # the shop's own life

    def clock(self) -> datetime:
        """Whole seconds, as both platforms tell times."""
        return (EPOCH + self.skew + timedelta(seconds=self.world.loop.time())).replace(microsecond=0)

    def place(self, wanted: dict[str, int], *, before_connection: bool = False) -> Order | None:
        """A shopper orders; None where the store does not show enough."""
        if any(self.stock[sku] < units for sku, units in wanted.items()):
            return None
        number = len(self.orders) + 1
        lines = [Line(number * 10 + index, sku, units, 0) for index, (sku, units) in enumerate(wanted.items())]
        now = self.clock()
        order = Order(number, now, now, "processing", lines, before_connection)
        self.orders[number] = order
        for line in lines:
            self._take(order, line, line.ordered)
        if before_connection:
            order.baseline = order.taken()
        self._changed(order, "created")
        return order

    def touch(self, order: Order) -> None:
        """A change that takes and gives nothing: a note, an address."""
        self._changed(order, "touched")

    def cancel(self, order: Order) -> None:
        order.status = "cancelled"
        for line in order.lines:
            self._take(order, line, -line.taken)
        self._changed(order, "cancelled")

    def give_back(self, order: Order, line: Line, units: int, *, restock: bool) -> None:
        """A partial refund."""
        if restock:
            line.restocked += units
            self._take(order, line, -units)
        self._changed(order, "refunded")

    def sell_again(self, order: Order) -> bool:
        """WooCommerce takes a cancelled order up again. False where the store does not show enough."""
        if any(self.stock[line.sku] < line.ordered - line.restocked for line in order.lines):
            return False
        order.status = "processing"
        for line in order.lines:
            self._take(order, line, line.ordered - line.restocked)
        self._changed(order, "sold again")
        return True

    def add_line(self, order: Order, sku: str, units: int) -> bool:
        if self.stock[sku] < units:
            return False
        line = Line(order.order_ref * 10 + len(order.lines), sku, units, 0)
        order.lines.append(line)
        self._take(order, line, units)
        self._changed(order, "edited")
        return True

    def raise_line(self, order: Order, line: Line, units: int) -> bool:
        """A person adds to a line of the order. False where the store does not show enough."""
        if order.status == "cancelled" or self.stock[line.sku] < units:
            return False
        line.ordered += units
        self._take(order, line, units)
        self._changed(order, "raised")
        return True

    def edit_quantity(self, sku: str, quantity: int) -> None:
        """A person in the store's admin."""
        self.stock[sku] = quantity
        self.edited.add(sku)
        self.world.note(f"{self.name} {sku} edited to {quantity}")
        self._tell_level(sku)
        self.world.judge.stock_changed(sku)

    @property
    def name(self) -> str:
        return f"{self.platform} {self.connection_id}"

    def _take(self, order: Order, line: Line, units: int) -> None:
        if not units:
            return
        line.taken += units
        order.most[line.sku] = max(order.most.get(line.sku, 0), order.taken()[line.sku])
        self.stock[line.sku] -= units
        if not order.before_connection or order.baseline:
            self.taken[line.sku] += units
        self.world.judge.sold(self, line.sku, units)
        self._tell_level(line.sku)

    def _changed(self, order: Order, what: str) -> None:
        order.changes += 1
        order.modified_at = max(order.modified_at, self.clock())
        self.world.note(f"{self.name} order {order.order_ref} {what}: {order.taken()}")
        self.world.judge.order_changed(self, order)
        topic = self._order_topic(what)
        if self.platform == "shopify":
            body = self.body_of(order)
            self.world.courier.send(self, topic, lambda: body, order)  # the moment of the event
        else:
            self.world.courier.send(self, topic, lambda: self.body_of(order), order)  # the moment of delivery

    def _order_topic(self, what: str) -> str:
        if self.platform == "shopify":
            return {"created": "orders/create", "cancelled": "orders/cancelled"}.get(what, "orders/updated")
        return "order.created" if what == "created" else "order.updated"

    def _tell_level(self, sku: str) -> None:
        if self.world.mishaps.random() >= self.world.hints:
            return
        item = self.items[sku]
        if self.platform == "shopify":
            level = {"inventory_item_id": int(item), "location_id": 1, "available": self.stock[sku]}
            self.world.courier.send(self, shopify_webhooks.LEVEL_TOPIC, lambda: level, None)
        else:
            self.world.courier.send(
                self, "product.updated", lambda: {"id": int(item), "stock_quantity": self.stock[sku]}, None
            )

    # what it says about an order

    def body_of(self, order: Order) -> Body:
        return _shopify_body(order) if self.platform == "shopify" else _woocommerce_body(order)

    # its API

    def level(self, sku: str) -> Level:
        self.world.judge.looked_at(self, sku)
        return Level("own", self.stock[sku])

    def set_quantity(self, sku: str, quantity: int) -> None:
        before = self.stock[sku]
        self.stock[sku] = quantity
        self.world.judge.written(self, sku, before, quantity)
        self.world.note(f"{self.name} {sku} written {before} -> {quantity}")
        self._tell_level(sku)


def _shopify_body(order: Order) -> Body:
    refunds = [
        {"refund_line_items": [{"line_item_id": line.line_ref, "quantity": back, "restock_type": "return"}]}
        for line in order.lines
        if (back := line.ordered - line.taken)
    ]
    return {
        "id": order.order_ref,
        "name": f"#{order.order_ref}",
        "created_at": order.created_at.isoformat(),
        "updated_at": order.modified_at.isoformat(),
        "cancelled_at": order.modified_at.isoformat() if order.status == "cancelled" else None,
        "financial_status": "paid",
        "line_items": [
            {"id": line.line_ref, "sku": line.sku, "quantity": line.ordered, "price": "10.00"} for line in order.lines
        ],
        "refunds": refunds,
    }


def _woocommerce_body(order: Order) -> Body:
    """`_reduced_stock` is the store's own book; it goes when the order gives everything back."""
    held = order.status in HELD_STATUSES
    lines = []
    for line in order.lines:
        book = [{"key": woocommerce_webhooks.META_REDUCED, "value": str(line.taken)}] if held else []
        lines.append({"id": line.line_ref, "sku": line.sku, "quantity": line.ordered, "price": 10, "meta_data": book})
    return {
        "id": order.order_ref,
        "number": str(order.order_ref),
        "status": order.status,
        "date_created_gmt": order.created_at.replace(tzinfo=None).isoformat(),
        "date_modified_gmt": order.modified_at.replace(tzinfo=None).isoformat(),
        "line_items": lines,
    }


class Courier:
    """Carries webhooks from stores to whatever system is listening."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.under_way = 0
        self.accepted = 0

    def send(self, shop: Shop, topic: str, body: Callable[[], Body], order: Order | None) -> None:
        world, weather, chance = self._world, self._world.weather, self._world.mishaps
        if not world.connected:
            return
        kept = order is None and world.scenario.hints is not None
        if chance.random() < weather.webhook_lost and not kept:
            world.note(f"{shop.name} loses {topic}")
            return
        copies = 2 if chance.random() < weather.webhook_repeated else 1
        for _ in range(copies):
            delay_s = chance.uniform(*(SHOPIFY_DELAY_S if shop.platform == "shopify" else WOO_DELAY_S))
            if chance.random() < weather.webhook_late:
                delay_s = chance.random() * LATE_S_MAX
            self._later(delay_s, shop, topic, body, order, 1)

    def _later(
        self, delay_s: float, shop: Shop, topic: str, body: Callable[[], Body], order: Order | None, attempt: int
    ) -> None:
        self.under_way += 1
        self._world.loop.call_later(delay_s, self._begin, shop, topic, body, order, attempt)

    def _begin(self, shop: Shop, topic: str, body: Callable[[], Body], order: Order | None, attempt: int) -> None:
        self._world.spawn(self._deliver(shop, topic, body, order, attempt))

    async def _deliver(
        self, shop: Shop, topic: str, body: Callable[[], Body], order: Order | None, attempt: int
    ) -> None:
        accepted = await self._world.system.hear(shop, topic, body())
        self.under_way -= 1
        if accepted:
            self.accepted += 1
            if order is not None:
                order.heard = True
        elif shop.platform == "shopify" and attempt < SHOPIFY_TRIES:
            self._later(SHOPIFY_RETRY_S * attempt, shop, topic, body, order, attempt + 1)


def land(answer: asyncio.Future[T], effect: Callable[[], T]) -> None:
    """The request arrives and is carried out, whether or not anybody still waits for the answer."""
    result = effect()
    if not answer.done():
        answer.set_result(result)


class ShopLink:
    """A store's API as one process reaches it: the product's `Store` port."""

    def __init__(self, shop: Shop, life: Life) -> None:
        self._shop = shop
        self._life = life
        self.habits = SHOPIFY_HABITS if shop.compare_and_set else WOOCOMMERCE_HABITS

    def groups(self, keys: Sequence[ItemKey]) -> list[tuple[ItemKey, ...]]:
        return chunks(keys, PAGE_ITEMS_MAX)

    async def read_levels(self, keys: Sequence[ItemKey]) -> dict[ItemKey, Level]:
        shop = self._shop
        return await self._ask("levels", lambda: {key: shop.level(shop.skus[key.item_ref]) for key in keys})

    async def write(self, lines: Sequence[QuantityWrite], *, attempt_key: str) -> dict[ItemKey, WriteResult]:
        if self._shop.compare_and_set:
            return await self._ask("set", lambda: self._compare_and_set(lines, attempt_key))
        return await self._write_in_turn(lines)

    async def catalogue_page(self, cursor: str | None) -> CataloguePage:
        first = int(cursor or 0)
        shop = self._shop

        def page() -> CataloguePage:
            skus = list(shop.stock)[first : first + PAGE_ITEMS_MAX]
            items = tuple(CatalogueItem(self._key(sku), sku, Level("own", shop.stock[sku])) for sku in skus)
            more = first + PAGE_ITEMS_MAX < len(shop.stock)
            return CataloguePage(items, str(first + PAGE_ITEMS_MAX) if more else None)

        return await self._ask("catalogue", page)

    async def changed_orders(self, since: datetime, cursor: str | None) -> OrdersPage:
        """A cursor is a place in time, as both adapters have it: an order that changes meanwhile moves no other past it."""
        read = (shopify_webhooks if self._shop.platform == "shopify" else woocommerce_webhooks).read_order
        place = (since, 0)
        if cursor is not None:
            at, ref = cursor.split()
            place = (datetime.fromisoformat(at), int(ref))

        def page() -> OrdersPage:
            changed = sorted(
                (order for order in self._shop.orders.values() if order.place > place), key=lambda order: order.place
            )
            part = changed[:PAGE_ITEMS_MAX]
            more = len(changed) > PAGE_ITEMS_MAX
            snapshots = tuple(read(self._shop.body_of(order)) for order in part)
            following = f"{part[-1].modified_at.isoformat()} {part[-1].order_ref}" if more else None
            return OrdersPage(snapshots, (), following, self._shop.clock())

        return await self._ask("orders", page)

    async def items_of(self, product_refs: Sequence[str]) -> Sequence[CatalogueItem]:
        raise Refused("not_readable", f"the simulated shops tell of no products ({len(product_refs)} asked)")

    async def keep_webhooks(self, public_webhook_url: str) -> tuple[str, ...]:
        return ()

    def _key(self, sku: str) -> ItemKey:
        place = "1" if self._shop.platform == "shopify" else None
        return ItemKey(self._shop.items[sku], place_ref=place)

    def _compare_and_set(self, lines: Sequence[QuantityWrite], attempt_key: str) -> dict[ItemKey, WriteResult]:
        shop = self._shop
        known = shop.keys.get(attempt_key)
        if attempt_key and known is not None:
            return known
        stale = {
            line.key
            for line in lines
            if line.change_from is not None and shop.stock[shop.skus[line.key.item_ref]] != line.change_from
        }
        if stale:
            return {line.key: WriteResult("stale" if line.key in stale else "untouched") for line in lines}
        for line in lines:
            shop.set_quantity(shop.skus[line.key.item_ref], line.quantity)
        shop.keys[attempt_key] = results = {line.key: WriteResult("written", line.quantity) for line in lines}
        return results

    async def _write_in_turn(self, lines: Sequence[QuantityWrite]) -> dict[ItemKey, WriteResult]:
        """One line after the other, whether or not the caller is still there; a broken call breaks anywhere."""
        shop, chance = self._shop, self._shop.world.mishaps
        fails = await self._meet("batch")
        last = chance.randrange(len(lines) + 1) if fails else len(lines)
        begins_s = chance.uniform(*LATENCY_S)
        for number, line in enumerate(lines[:last]):
            sku = shop.skus[line.key.item_ref]
            shop.world.loop.call_later(begins_s + number * LINE_S, shop.set_quantity, sku, line.quantity)
        await asyncio.sleep(begins_s + len(lines) * LINE_S + chance.uniform(*LATENCY_S))
        await self._life.pass_through("batch answered")
        if fails:
            raise StoreUnavailable("the connection broke")
        return {line.key: WriteResult("written", line.quantity) for line in lines}

    async def _meet(self, what: str) -> bool:
        """Whether this call goes wrong. Raises Throttled."""
        await self._life.pass_through(what)
        world = self._shop.world
        if world.mishaps.random() < world.weather.store_throttles:
            await asyncio.sleep(LATENCY_S[0])
            raise Throttled("too many requests", retry_after_s=world.mishaps.choice((None, 0.0, 2.0, 30.0)))
        return world.mishaps.random() < world.weather.store_fails

    async def _ask(self, what: str, effect: Callable[[], T]) -> T:
        """A call that takes effect once, at some moment between its leaving and its answer, or not at all."""
        fails = await self._meet(what)
        world, chance = self._shop.world, self._shop.world.mishaps
        answer: asyncio.Future[T] = world.loop.create_future()
        if not fails or chance.random() < 0.5:
            world.loop.call_later(chance.uniform(*LATENCY_S), land, answer, effect)
        if fails:
            await asyncio.sleep(chance.choice((LATENCY_S[1], TIMEOUT_S)))
            raise StoreUnavailable("no usable answer")
        result = await answer
        await asyncio.sleep(chance.uniform(*LATENCY_S))
        await self._life.pass_through(f"{what} answered")
        return result

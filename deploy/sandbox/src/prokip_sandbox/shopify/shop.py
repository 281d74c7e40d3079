"""One simulated shop: its parts put together and its typed face for tests and shoppers."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from prokip_sandbox.catalogue import Good
from prokip_sandbox.courier import Courier
from prokip_sandbox.shopify.bodies import gone_product_body, level_body, order_body, product_body, refund_body
from prokip_sandbox.shopify.inventory import Inventory
from prokip_sandbox.shopify.model import (
    SCOPES,
    Item,
    Level,
    Location,
    Order,
    Product,
    Refund,
    ShopSite,
    ShopState,
)
from prokip_sandbox.shopify.operations import Operations
from prokip_sandbox.shopify.orders import Orders
from prokip_sandbox.shopify.products import Products
from prokip_sandbox.shopify.throttle import Bucket, Limits
from prokip_sandbox.shopify.views import Views
from prokip_sandbox.shopify.webhooks import WebhookOptions, Webhooks
from prokip_sandbox.values import Clock, made_up_key

FIRST_LOCATION_ID = 75_596_366_001


@dataclass(frozen=True, slots=True)
class ShopOptions:
    """`scopes`: what the app was granted. `limits`: the GraphQL cost bucket of this app and shop."""

    webhooks: WebhookOptions
    limits: Limits = field(default_factory=Limits)
    scopes: frozenset[str] = frozenset(SCOPES)


class Shop:
    """`domain` makes the access token, so it stays the same over restarts."""

    def __init__(
        self,
        domain: str,
        state: ShopState,
        locations: Iterable[str],
        options: ShopOptions,
        courier: Courier,
        rng: Random,
        clock: Clock,
    ) -> None:
        self.domain = domain
        self.access_token = made_up_key("shpat_", domain)
        self.bucket = Bucket(options.limits)
        self.state = state
        self.tells_products_of_stock = False
        """Whether a level that moves counts as a change of its product: some shops were seen to tell so, others not."""
        for n, name in enumerate(locations):
            self.state.locations[FIRST_LOCATION_ID + n] = Location(FIRST_LOCATION_ID + n, name, clock())
        site = ShopSite(domain, clock)
        self.inventory = Inventory(self.state, site, self._tell_level)
        self.orders = Orders(self.state, site, self.inventory, self._tell_order)
        self.webhooks = Webhooks(self.state, site, courier, options.webhooks, rng)
        views = Views(self.state, site, self.inventory)
        self.goods = Products(self.state, site, self.inventory, self._tell_product)
        self.operations = Operations(
            self.state, site, self.inventory, self.orders, self.webhooks, views, self.goods, options.scopes
        )

    def seed_goods(self, goods: Iterable[Good]) -> None:
        self.inventory.stock_on_load(goods)

    @property
    def location_ids(self) -> list[int]:
        return list(self.state.locations)

    def item(self, sku: str) -> Item:
        return self.inventory.find(sku)

    def stock(self, sku: str, location_id: int | None = None) -> int | None:
        """Available at one location, or at all together; None for goods that are not tracked."""
        item = self.item(sku)
        if not item.tracked:
            return None
        levels = [level for level in item.levels.values() if location_id in {None, level.location_id}]
        return sum(level.available for level in levels)

    def set_stock(self, sku: str, quantity: int, location_id: int | None = None) -> None:
        """A hand edit in the admin pages; tells the webhooks."""
        self.webhooks.new_action()
        level = self.inventory.level(self.item(sku), location_id or self.location_ids[0])
        level.is_active = True
        self.inventory.move(level, available=quantity - level.available)

    def add_goods(self, goods: Iterable[Good]) -> None:
        """New products in the admin pages; tells the webhooks."""
        known = set(self.state.products)
        self.inventory.stock_on_load(goods)
        for number in self.state.products.keys() - known:
            self.webhooks.new_action()
            self._tell_product("PRODUCTS_CREATE", self.state.products[number])

    def rename_sku(self, sku: str, new: str) -> None:
        """A hand edit in the admin pages; tells the webhooks."""
        self.webhooks.new_action()
        self.goods.rename_sku(self.product(sku), self.item(sku), new)

    def delete_product(self, sku: str) -> None:
        """The product that has a variant with this SKU, with all its variants; tells the webhooks."""
        self.webhooks.new_action()
        self.goods.delete(self.product(sku))

    def product(self, sku: str) -> Product:
        """That has a variant with this SKU."""
        return self.state.products[self.state.variants[self.item(sku).variant_id].product_id]

    @property
    def tells_orders(self) -> bool:
        """Somebody asked to be told of orders."""
        return any(one.topic.startswith("ORDERS_") for one in self.state.subscriptions.values())

    def buy(self, items: Mapping[str, int]) -> int:
        """A shopper's checkout: the order's id, or OutOfStock."""
        self.webhooks.new_action()
        return self.orders.checkout(items).id

    def cancel(self, order_id: int, *, restock: bool = True) -> None:
        self.webhooks.new_action()
        self.orders.cancel(self.order(order_id), restock=restock)

    def refund(
        self, order_id: int, items: Mapping[str, int], *, restock: bool = True, location_id: int | None = None
    ) -> None:
        """Refund quantities by SKU; what was fulfilled comes back as a return, the rest is cancelled."""
        self.webhooks.new_action()
        order = self.order(order_id)
        wanted = []
        for sku, quantity in items.items():
            line = next(line for line in order.lines if line.sku == sku)
            back: Literal["cancel", "return"] = "return" if line.fulfilled else "cancel"
            restock_type = back if restock else "no_restock"
            wanted.append(self.orders.refund_line(order, line.id, quantity, restock_type, location_id))
        self.orders.refund(order, wanted)

    def interleave_sets(self, act: Callable[[list[str]], None]) -> None:
        """Do something with the SKUs of a set after it was sent and before the shop looks at it."""
        self.inventory.before_set = act

    def fulfil(self, order_id: int) -> None:
        self.webhooks.new_action()
        self.orders.fulfil(self.order(order_id))

    def order(self, order_id: int) -> Order:
        return self.state.orders[order_id]

    def _tell_level(self, level: Level) -> None:
        self.webhooks.emit("INVENTORY_LEVELS_UPDATE", lambda: level_body(level))
        if self.tells_products_of_stock:
            variant = self.state.variants[self.state.items[level.item_id].variant_id]
            self._tell_product("PRODUCTS_UPDATE", self.state.products[variant.product_id])

    def _tell_product(self, topic: str, product: Product) -> None:
        self.webhooks.emit(
            topic,
            lambda: (
                product_body(product, self.state) if product.id in self.state.products else gone_product_body(product)
            ),
        )

    def _tell_order(self, topic: str, order: Order, refund: Refund | None) -> None:
        if refund is not None:
            self.webhooks.emit(topic, lambda: refund_body(order, refund, self.state))
        else:
            self.webhooks.emit(topic, lambda: order_body(order, self.state))

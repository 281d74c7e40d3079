"""One simulated WooCommerce store: its parts put together, its typed face for tests, and its control API."""

import dataclasses
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Literal

from aiohttp import web
from typing_extensions import override

from prokip_sandbox.catalogue import Good
from prokip_sandbox.courier import Courier, Disturbance
from prokip_sandbox.server import CONTROL_PREFIX, SandboxServer, from_fields
from prokip_sandbox.values import ApiError, Clock, OutOfStock, made_up_key, revive
from prokip_sandbox.woocommerce.approval import Approval
from prokip_sandbox.woocommerce.auth import ApiKey, Gatekeeper
from prokip_sandbox.woocommerce.catalogue import Catalogue
from prokip_sandbox.woocommerce.model import GrantedKey, Order, Product, Site, State, Webhook
from prokip_sandbox.woocommerce.orders import Orders, lines_of
from prokip_sandbox.woocommerce.render import Renderer
from prokip_sandbox.woocommerce.rest import RestApi
from prokip_sandbox.woocommerce.webhooks import TIMEOUT_S, Webhooks


class WooCommerceStore(SandboxServer):
    """One store, empty until `seed_goods`.

    `name` makes the credentials, so they stay the same over restarts. `queue_delay_s`: how long a webhook waits for the
    queue runner. `refuses_private_urls`: behave as WordPress does about loopback addresses and odd ports. Not
    `delivers_async`: webhooks are sent inside the request that causes them. `plain_callbacks`: let the approval page post
    keys without https, which the original refuses. `folder`: where WordPress is installed below the host, such as
    `/blog`.
    """

    title = "WooCommerce"

    def __init__(
        self,
        name: str = "woocommerce-1",
        *,
        seed: int = 0,
        clock: Clock = time.time,
        utc_offset_hours: int = 2,
        queue_delay_s: float = 0.0,
        webhook_timeout_s: float = TIMEOUT_S,
        behind_tls_proxy: bool = False,
        refuses_private_urls: bool = False,
        delivers_async: bool = True,
        monotonic: Clock = time.monotonic,
        plain_callbacks: bool = False,
        folder: str = "",
    ) -> None:
        super().__init__(seed=seed)
        self.name = name
        self.key = ApiKey(made_up_key("ck_", name), made_up_key("cs_", name))
        self.read_only_key = ApiKey(made_up_key("ck_", f"{name} read"), made_up_key("cs_", f"{name} read"), "read")
        site = Site(clock, utc_offset_hours)
        self.state = State()
        self.courier = Courier(self.rng, connect_timeout_s=None, total_timeout_s=webhook_timeout_s)
        self._gatekeeper = Gatekeeper((self.key, self.read_only_key), clock, behind_tls_proxy=behind_tls_proxy)
        self.catalogue = Catalogue(self.state, site, self._emit)
        self.orders = Orders(self.state, site, self.catalogue, self._emit)
        self._renderer = Renderer(self.state, site, self.catalogue)
        self.webhooks = Webhooks(
            self.state,
            site,
            self._renderer,
            self.courier,
            queue_delay_s=queue_delay_s,
            refuses_private_urls=refuses_private_urls,
            delivers_async=delivers_async,
            monotonic=monotonic,
        )
        self._folder = folder.rstrip("/")
        self.approval = Approval(
            self.state,
            home_url=lambda: self.home_url,
            add_key=self._grant_key,
            remove_key=self._withdraw_key,
            url_allowed=self.webhooks.allowed,
            plain_callbacks=plain_callbacks,
        )
        self._rest = RestApi(
            self.state, site, self._gatekeeper, self.catalogue, self.orders, self.webhooks, self._renderer
        )

    def seed_goods(self, goods: Iterable[Good]) -> None:
        self.catalogue.stock_on_load(goods)

    def stock(self, sku: str) -> int | None:
        """What the store holds; None for goods that it does not count. KeyError for an unknown SKU."""
        return self.catalogue.quantity(sku)

    def set_stock(self, sku: str, quantity: int) -> None:
        """A hand edit in the admin pages; tells the webhooks."""
        product = self._product(sku)
        self.catalogue.update(product, {"stock_quantity": quantity}, validated=True)

    def product(self, sku: str) -> Product:
        return self._product(sku)

    @property
    def tells_orders(self) -> bool:
        """Somebody asked to be told of orders."""
        return any(webhook.topic.startswith("order.") for webhook in self.state.webhooks.values())

    def buy(self, items: Mapping[str, int], *, payment_method: Literal["cod", "bacs"] = "cod") -> int:
        """A shopper's checkout: the order's id, or OutOfStock."""
        return self.orders.checkout(items, payment_method).id

    def cancel(self, order_id: int) -> None:
        self.orders.update(self.order(order_id), {"status": "cancelled"})

    def refund(self, order_id: int, items: Mapping[str, int], *, restock: bool = True) -> None:
        """Refund quantities by SKU."""
        order = self.order(order_id)
        skus = {line["id"]: line["sku"] for line in map(self._renderer.line, order.lines)}
        self.orders.refund(order, {"line_items": lines_of(order, skus, items), "api_restock": restock})

    def order(self, order_id: int) -> Order:
        return self.state.orders[order_id]

    def order_json(self, order_id: int) -> dict[str, Any]:
        """The order as the REST API and the webhooks show it."""
        return self._renderer.order(self.order(order_id))

    def webhook(self, webhook_id: int) -> Webhook:
        return self.state.webhooks[webhook_id]

    def interleave_deltas(self, act: Callable[[], Awaitable[None]]) -> None:
        """Do something between a request's reading of a quantity and its writing of `inventory_delta` more."""
        self._rest.between_read_and_write = act

    def add_key(self, key: ApiKey) -> None:
        self._gatekeeper.add(key)

    @property
    def home_url(self) -> str:
        """What a merchant types in."""
        return self.url + self._folder

    @property
    @override
    def state_name(self) -> str:
        return self.name

    @override
    async def start(self) -> None:
        self._renderer.home_url = self.home_url
        self.webhooks.start()

    @override
    async def stop(self) -> None:
        await self.webhooks.stop()

    @override
    async def settled(self, timeout_s: float = 10.0) -> None:
        await self.webhooks.settled(timeout_s)

    @override
    def snapshot(self) -> dict[str, Any]:
        return dataclasses.asdict(self.state)

    @override
    def restore(self, state: dict[str, Any]) -> None:
        loaded = revive(State, state)
        for field in dataclasses.fields(State):  # in place: the parts share this object
            setattr(self.state, field.name, getattr(loaded, field.name))
        self.catalogue.reindex()
        for key in self.state.granted_keys.values():
            self._grant_key(key)

    @override
    def describe(self) -> list[str]:
        return [f"REST API v3 under {self.home_url}/wp-json/wc/v3 of store {self.name}"]

    @override
    def add_routes(self, app: web.Application) -> None:
        self._rest.add_routes(app, self._folder)
        self.approval.add_routes(app, self._folder)
        control = app.router
        control.add_get(f"{CONTROL_PREFIX}/stock", self._control_stock)
        control.add_put(f"{CONTROL_PREFIX}/stock/{{sku}}", self._control_set_stock)
        control.add_post(f"{CONTROL_PREFIX}/goods", self._control_goods)
        control.add_post(f"{CONTROL_PREFIX}/orders", self._control_buy)
        control.add_get(f"{CONTROL_PREFIX}/orders/{{id}}", self._control_order)
        control.add_post(f"{CONTROL_PREFIX}/orders/{{id}}/cancel", self._control_cancel)
        control.add_post(f"{CONTROL_PREFIX}/orders/{{id}}/refund", self._control_refund)
        control.add_post(f"{CONTROL_PREFIX}/disturbances", self._control_disturb)
        control.add_delete(f"{CONTROL_PREFIX}/disturbances", self._control_calm)

    def _grant_key(self, key: GrantedKey) -> None:
        self.state.granted_keys[key.id] = key
        self._gatekeeper.add(ApiKey(key.consumer_key, key.consumer_secret, key.permissions))

    def _withdraw_key(self, key: GrantedKey) -> None:
        self.state.granted_keys.pop(key.id, None)
        self._gatekeeper.remove(key.consumer_key)

    def _emit(self, topic: str, resource_id: int) -> None:
        self.webhooks.emit(topic, resource_id)

    def _product(self, sku: str) -> Product:
        product = self.catalogue.by_sku(sku)
        if product is None:
            raise KeyError(sku)
        return product

    async def _control_stock(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {product.sku: self.stock(product.sku) for product in self.state.products.values() if product.sku}
        )

    async def _control_set_stock(self, request: web.Request) -> web.Response:
        fields = await request.json()
        try:
            self.set_stock(request.match_info["sku"], int(fields["quantity"]))
        except KeyError as error:
            raise ApiError(404, {"error": f"unknown {error}"}) from error
        return web.json_response({})

    async def _control_goods(self, request: web.Request) -> web.Response:
        self.seed_goods([from_fields(Good, fields) for fields in await request.json()])
        return web.json_response({"products": len(self.state.products)}, status=201)

    async def _control_buy(self, request: web.Request) -> web.Response:
        fields = await request.json()
        try:
            order_id = self.buy(fields["items"], payment_method=fields.get("payment_method", "cod"))
        except OutOfStock as error:
            raise ApiError(400, {"code": "woocommerce_rest_cart_invalid_quantity", "message": str(error)}) from error
        except KeyError as error:
            raise ApiError(404, {"error": f"unknown {error}"}) from error
        return web.json_response({"id": order_id}, status=201)

    async def _control_order(self, request: web.Request) -> web.Response:
        return web.json_response(self.order_json(self._known_order(request)))

    async def _control_cancel(self, request: web.Request) -> web.Response:
        self.cancel(self._known_order(request))
        return web.json_response({})

    async def _control_refund(self, request: web.Request) -> web.Response:
        fields = await request.json()
        self.refund(self._known_order(request), fields["items"], restock=fields.get("restock", True))
        return web.json_response({}, status=201)

    def _known_order(self, request: web.Request) -> int:
        text = request.match_info["id"]
        if not text.isdigit() or int(text) not in self.state.orders:
            raise ApiError(404, {"error": "unknown order"})
        return int(text)

    async def _control_disturb(self, request: web.Request) -> web.Response:
        self.courier.disturb(from_fields(Disturbance, await request.json()))
        return web.json_response({}, status=201)

    async def _control_calm(self, _request: web.Request) -> web.Response:
        self.courier.disturbances.clear()
        return web.json_response({})

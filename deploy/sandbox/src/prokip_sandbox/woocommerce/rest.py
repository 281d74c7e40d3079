"""The REST API v3 over HTTP: parse, one call, render."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from prokip_sandbox.values import ApiError
from prokip_sandbox.woocommerce.auth import Gatekeeper
from prokip_sandbox.woocommerce.catalogue import Catalogue, php_int
from prokip_sandbox.woocommerce.listing import ids, in_order, in_time_range, page_answer, select_fields
from prokip_sandbox.woocommerce.model import (
    VERSION,
    WORDPRESS_VERSION,
    Order,
    Product,
    Site,
    State,
    Webhook,
    invalid_parameter,
    woo_error,
)
from prokip_sandbox.woocommerce.orders import Orders, find_refund
from prokip_sandbox.woocommerce.render import Renderer
from prokip_sandbox.woocommerce.webhooks import Webhooks

ROOT = "/wp-json/wc/v3"
BATCH_ITEMS_MAX = 100
VARIATION_MESSAGE = (
    "To manipulate product variations you should use the /products/&lt;product_id&gt;/variations/&lt;id&gt; endpoint."
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ItemAction = Callable[[dict[str, Any]], dict[str, Any]]


class RestApi:
    def __init__(
        self,
        state: State,
        site: Site,
        gatekeeper: Gatekeeper,
        catalogue: Catalogue,
        orders: Orders,
        webhooks: Webhooks,
        renderer: Renderer,
    ) -> None:
        self._state = state
        self._site = site
        self._gatekeeper = gatekeeper
        self._catalogue = catalogue
        self._orders = orders
        self._webhooks = webhooks
        self._render = renderer
        self.between_read_and_write: Callable[[], Awaitable[None]] = _nothing

    def add_routes(self, app: web.Application, folder: str) -> None:
        """`folder` is where WordPress is installed below the host, empty at its root."""
        app.router.add_get(f"{folder}/wp-json", self._index)
        app.router.add_get(f"{folder}/wp-json/", self._index)
        for method, path, handler in (
            ("GET", "/system_status", self._system_status),
            ("GET", "/products", self._list_products),
            ("POST", "/products", self._create_product),
            ("POST", "/products/batch", self._batch_products),
            ("GET", "/products/{id}", self._get_product),
            ("PUT", "/products/{id}", self._put_product),
            ("DELETE", "/products/{id}", self._delete_product),
            ("GET", "/products/{id}/variations", self._list_variations),
            ("POST", "/products/{id}/variations", self._create_variation),
            ("POST", "/products/{id}/variations/batch", self._batch_variations),
            ("GET", "/products/{id}/variations/{variation_id}", self._get_variation),
            ("PUT", "/products/{id}/variations/{variation_id}", self._put_variation),
            ("GET", "/orders", self._list_orders),
            ("POST", "/orders", self._create_order),
            ("POST", "/orders/batch", self._batch_orders),
            ("GET", "/orders/{id}", self._get_order),
            ("PUT", "/orders/{id}", self._put_order),
            ("DELETE", "/orders/{id}", self._delete_order),
            ("POST", "/orders/{id}/notes", self._add_note),
            ("GET", "/orders/{id}/refunds", self._list_refunds),
            ("POST", "/orders/{id}/refunds", self._create_refund),
            ("DELETE", "/orders/{id}/refunds/{refund_id}", self._delete_refund),
            ("GET", "/webhooks", self._list_webhooks),
            ("POST", "/webhooks", self._create_webhook),
            ("GET", "/webhooks/{id}", self._get_webhook),
            ("PUT", "/webhooks/{id}", self._put_webhook),
            ("DELETE", "/webhooks/{id}", self._delete_webhook),
        ):
            app.router.add_route(method, folder + ROOT + path, self._guarded(handler))

    def _guarded(self, handler: Handler) -> Handler:
        async def checked(request: web.Request) -> web.StreamResponse:
            self._gatekeeper.check(request)
            response = await handler(request)
            await self._webhooks.deliver_within_request()
            return response

        return checked

    async def _index(self, _request: web.Request) -> web.Response:
        home_url = self._render.home_url
        name = f"Sandbox store {home_url.rpartition(':')[2]}"
        return web.json_response({"name": name, "url": home_url, "home": home_url, "namespaces": ["wc/v3", "wp/v2"]})

    async def _system_status(self, _request: web.Request) -> web.Response:
        environment = {
            "home_url": self._render.home_url,
            "site_url": self._render.home_url,
            "version": VERSION,
            "wp_version": WORDPRESS_VERSION,
            "default_timezone": "UTC",
        }
        return web.json_response(
            {"environment": environment, "settings": {"currency": "USD", "currency_symbol": "&#36;"}}
        )

    async def _list_products(self, request: web.Request) -> web.Response:
        query = request.query
        skus = {sku.strip() for sku in query.get("sku", "").split(",") if sku.strip()}
        if skus:  # the only list in which variations appear
            found = [product for sku in skus if (product := self._catalogue.by_sku(sku))]
        else:
            found = [product for product in self._state.products.values() if product.type != "variation"]
        status = query.get("status", "any")
        found = [p for p in found if (p.status != "trash" if status == "any" else p.status == status)]
        if "include" in query:
            included = set(ids(query, "include"))
            found = [product for product in found if product.id in included]
        if query.get("search"):
            found = [product for product in found if query["search"].lower() in product.name.lower()]
        if query.get("type"):
            found = [product for product in found if product.type == query["type"]]
        found = in_order(in_time_range(found, query, self._site.utc_offset_hours), query)
        return page_answer(request, found, self._render.product)

    async def _create_product(self, request: web.Request) -> web.Response:
        product = self._catalogue.create(await _fields(request), validated=True)
        return web.json_response(self._render.product(product), status=201)

    async def _get_product(self, request: web.Request) -> web.Response:
        product = self._product(request.match_info["id"])
        return web.json_response(select_fields(request.query, self._render.product(product)))

    async def _put_product(self, request: web.Request) -> web.Response:
        product = self._product(request.match_info["id"])
        if product.type == "variation":
            raise woo_error("woocommerce_rest_invalid_product_id", VARIATION_MESSAGE, 404)
        fields = await self._with_delta(product, await _fields(request))
        self._catalogue.update(product, fields, validated=True)
        return web.json_response(select_fields(request.query, self._render.product(product)))

    async def _with_delta(self, product: Product, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """WooCommerce reads the quantity, adds, and writes the sum: what happens meanwhile is written over."""
        if not product.manage_stock or "inventory_delta" not in fields or "stock_quantity" in fields:
            return fields
        wanted = (product.stock_quantity or 0) + php_int(fields["inventory_delta"])
        await self.between_read_and_write()
        return {name: value for name, value in fields.items() if name != "inventory_delta"} | {"stock_quantity": wanted}

    async def _delete_product(self, request: web.Request) -> web.Response:
        product = self._product(request.match_info["id"])
        answer = self._render.product(product)
        self._catalogue.delete(product, force=_is_true(request, "force"))
        return web.json_response(answer)

    async def _batch_products(self, request: web.Request) -> web.Response:
        return await self._batch(
            request,
            create=lambda item: self._render.product(self._catalogue.create(item, validated=False)),
            update=self._batch_update_product,
            delete=self._batch_delete_product,
        )

    def _batch_update_product(self, item: dict[str, Any]) -> dict[str, Any]:
        product = self._state.products.get(php_int(item.get("id")))
        if product is None:
            raise woo_error("woocommerce_rest_product_invalid_id", "Invalid ID.", 400)
        if product.type == "variation":
            raise woo_error("woocommerce_rest_invalid_product_id", VARIATION_MESSAGE, 404)
        self._catalogue.update(product, item, validated=False)
        return self._render.product(product)

    def _batch_delete_product(self, item: dict[str, Any]) -> dict[str, Any]:
        product = self._state.products.get(php_int(item.get("id")))
        if product is None:
            raise woo_error("woocommerce_rest_product_invalid_id", "Invalid ID.", 404)
        answer = self._render.product(product)
        self._catalogue.delete(product, force=True)
        return answer

    async def _list_variations(self, request: web.Request) -> web.Response:
        parent = self._product(request.match_info["id"])
        children = [child for i in parent.variation_ids if (child := self._catalogue.find(i))]
        found = in_order(in_time_range(children, request.query, self._site.utc_offset_hours), request.query)
        return page_answer(request, found, self._render.variation)

    async def _create_variation(self, request: web.Request) -> web.Response:
        parent = self._product(request.match_info["id"])
        variation = self._catalogue.create(await _fields(request), validated=True, parent=parent)
        return web.json_response(self._render.variation(variation), status=201)

    async def _get_variation(self, request: web.Request) -> web.Response:
        variation = self._variation(request.match_info["id"], request.match_info["variation_id"])
        return web.json_response(select_fields(request.query, self._render.variation(variation)))

    async def _put_variation(self, request: web.Request) -> web.Response:
        variation = self._variation(request.match_info["id"], request.match_info["variation_id"])
        self._catalogue.update(variation, await _fields(request), validated=True)
        return web.json_response(select_fields(request.query, self._render.variation(variation)))

    async def _batch_variations(self, request: web.Request) -> web.Response:
        parent = self._product(request.match_info["id"])

        def update(item: dict[str, Any]) -> dict[str, Any]:
            variation = self._variation(str(parent.id), str(php_int(item.get("id"))))
            self._catalogue.update(variation, item, validated=False)
            return self._render.variation(variation)

        def create(item: dict[str, Any]) -> dict[str, Any]:
            return self._render.variation(self._catalogue.create(item, validated=False, parent=parent))

        return await self._batch(request, create=create, update=update, delete=self._batch_delete_product)

    def _product(self, text: str) -> Product:
        product = self._state.products.get(php_int(text))
        if product is None:
            raise woo_error("woocommerce_rest_product_invalid_id", "Invalid ID.", 404)
        return product

    def _variation(self, parent_text: str, text: str) -> Product:
        variation = self._state.products.get(php_int(text))
        if variation is None or variation.parent_id != php_int(parent_text) or variation.type != "variation":
            raise woo_error("woocommerce_rest_product_variation_invalid_id", "Invalid ID.", 404)
        return variation

    async def _list_orders(self, request: web.Request) -> web.Response:
        query = request.query
        statuses = set(query.get("status", "any").split(","))
        shown_always = "any" in statuses
        found = [
            order
            for order in self._state.orders.values()
            if order.status in statuses or (shown_always and order.status != "trash")
        ]
        if "include" in query:
            included = set(ids(query, "include"))
            found = [order for order in found if order.id in included]
        found = in_order(in_time_range(found, query, self._site.utc_offset_hours), query)
        return page_answer(request, found, self._render.order)

    async def _create_order(self, request: web.Request) -> web.Response:
        order = self._orders.create(await _fields(request))
        return web.json_response(self._render.order(order), status=201)

    async def _batch_orders(self, request: web.Request) -> web.Response:
        def update(item: dict[str, Any]) -> dict[str, Any]:
            order = self._order(str(php_int(item.get("id"))))
            self._orders.update(order, item)
            return self._render.order(order)

        def delete(item: dict[str, Any]) -> dict[str, Any]:
            order = self._order(str(php_int(item.get("id"))))
            answer = self._render.order(order)
            self._orders.delete(order)
            return answer

        def create(item: dict[str, Any]) -> dict[str, Any]:
            return self._render.order(self._orders.create(item))

        return await self._batch(request, create=create, update=update, delete=delete)

    async def _get_order(self, request: web.Request) -> web.Response:
        order = self._order(request.match_info["id"])
        return web.json_response(select_fields(request.query, self._render.order(order)))

    async def _put_order(self, request: web.Request) -> web.Response:
        order = self._order(request.match_info["id"])
        self._orders.update(order, await _fields(request))
        return web.json_response(self._render.order(order))

    async def _delete_order(self, request: web.Request) -> web.Response:
        order = self._order(request.match_info["id"])
        if _is_true(request, "force"):
            answer = self._render.order(order)
            self._orders.delete(order)
        else:
            self._orders.trash(order)
            answer = self._render.order(order)
        return web.json_response(answer)

    async def _add_note(self, request: web.Request) -> web.Response:
        order = self._order(request.match_info["id"])
        order.notes.append(str((await _fields(request)).get("note") or ""))
        return web.json_response({"id": len(order.notes), "author": "system", "note": order.notes[-1]}, status=201)

    async def _list_refunds(self, request: web.Request) -> web.Response:
        order = self._order(request.match_info["id"])
        return web.json_response([self._render.refund(order, refund) for refund in order.refunds])

    async def _create_refund(self, request: web.Request) -> web.Response:
        order = self._order(request.match_info["id"])
        refund = self._orders.refund(order, await _fields(request))
        return web.json_response(self._render.refund(order, refund), status=201)

    async def _delete_refund(self, request: web.Request) -> web.Response:
        order = self._order(request.match_info["id"])
        refund = find_refund(order, php_int(request.match_info["refund_id"]))
        if refund is None:
            raise woo_error("woocommerce_rest_invalid_order_refund_id", "Invalid order refund ID.", 404)
        if not _is_true(request, "force"):
            raise woo_error("woocommerce_rest_trash_not_supported", "Refunds do not support trashing.", 501)
        answer = self._render.refund(order, refund)
        self._orders.delete_refund(order, refund)
        return web.json_response(answer)

    def _order(self, text: str) -> Order:
        order = self._orders.find(php_int(text))
        if order is None:
            raise woo_error("woocommerce_rest_shop_order_invalid_id", "Invalid ID.", 404)
        return order

    async def _list_webhooks(self, request: web.Request) -> web.Response:
        status = request.query.get("status", "all")
        found = [self._render.webhook(w) for w in self._state.webhooks.values() if status in {"all", w.status}]
        response = web.json_response(found[:BATCH_ITEMS_MAX])
        response.headers["X-WP-Total"] = str(len(found))
        response.headers["X-WP-TotalPages"] = "1"
        return response

    async def _create_webhook(self, request: web.Request) -> web.Response:
        webhook = await self._webhooks.create(await _fields(request))
        return web.json_response(self._render.webhook(webhook), status=201)

    async def _get_webhook(self, request: web.Request) -> web.Response:
        return web.json_response(self._render.webhook(self._webhook(request)))

    async def _put_webhook(self, request: web.Request) -> web.Response:
        webhook = self._webhook(request)
        await self._webhooks.update(webhook, await _fields(request))
        return web.json_response(self._render.webhook(webhook))

    async def _delete_webhook(self, request: web.Request) -> web.Response:
        webhook = self._webhook(request)
        if not _is_true(request, "force"):
            raise woo_error("woocommerce_rest_trash_not_supported", "Webhooks do not support trashing.", 501)
        del self._state.webhooks[webhook.id]
        return web.json_response(self._render.webhook(webhook))

    def _webhook(self, request: web.Request) -> Webhook:
        webhook = self._state.webhooks.get(php_int(request.match_info["id"]))
        if webhook is None:
            raise woo_error("woocommerce_rest_shop_webhook_invalid_id", "Invalid ID.", 404)
        return webhook

    async def _batch(
        self, request: web.Request, *, create: ItemAction, update: ItemAction, delete: ItemAction
    ) -> web.Response:
        """200 whatever the items; in the order sent; each item succeeds or fails alone."""
        fields = await _fields(request)
        groups = {name: list(fields.get(name) or ()) for name in ("create", "update", "delete")}
        if sum(map(len, groups.values())) > BATCH_ITEMS_MAX:
            raise woo_error(
                "woocommerce_rest_request_entity_too_large",
                f"Unable to accept more than {BATCH_ITEMS_MAX} items for this request.",
                413,
            )
        actions = {"create": create, "update": update, "delete": delete}
        answer: dict[str, Any] = {}
        for name, items in groups.items():
            if items:
                answer[name] = [_one(actions[name], i if isinstance(i, dict) else {"id": i}) for i in items]
        if "_fields" in request.query:  # measured: the writes happen, the answer is destroyed
            answer = {name: [] for name in answer}
        return web.json_response(answer)


async def _nothing() -> None:
    pass


def _one(action: ItemAction, item: dict[str, Any]) -> dict[str, Any]:
    try:
        return action(item)
    except ApiError as error:
        return {"id": item.get("id"), "error": error.body}


async def _fields(request: web.Request) -> Mapping[str, Any]:
    try:
        fields = json.loads(await request.read() or b"{}")
    except ValueError as error:
        raise woo_error("rest_invalid_json", "Invalid JSON body passed.", 400) from error
    if not isinstance(fields, dict):
        raise invalid_parameter("body", "The body is not an object.")
    return fields


def _is_true(request: web.Request, name: str) -> bool:
    return request.query.get(name, "") in {"true", "1"}

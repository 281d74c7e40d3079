"""The simulated Shopify: several shops under `/{shop-domain}/`, one app that is installed in all of them."""

import dataclasses
import hmac
import json
import time
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import resources
from typing import Any

from aiohttp import web
from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    build_schema,
    execute_sync,
    get_operation_ast,
    parse,
    validate,
)
from typing_extensions import override

from prokip_sandbox.catalogue import Good
from prokip_sandbox.courier import Courier, Disturbance
from prokip_sandbox.server import CALL_KIND, CONTROL_PREFIX, SandboxServer, from_fields
from prokip_sandbox.shopify.bodies import order_body
from prokip_sandbox.shopify.consent import OWN_APP, SANDBOX_APP, Consent
from prokip_sandbox.shopify.model import API_VERSIONS, SCOPES, ShopState
from prokip_sandbox.shopify.shop import Shop, ShopOptions
from prokip_sandbox.shopify.throttle import Limits, actual_cost, requested_cost
from prokip_sandbox.shopify.webhooks import CONNECT_TIMEOUT_S, TOTAL_TIMEOUT_S, WebhookOptions
from prokip_sandbox.shoppers import PLAIN_ORDERS, Shoppers
from prokip_sandbox.values import ApiError, Clock, OutOfStock, compact_json, revive

DOCUMENTS_KEPT_MAX = 256


@dataclasses.dataclass(frozen=True)
class Shopping:
    """Orders of one unit each of what the first of the shops sells, at a steady rate."""

    shops: list[str]
    orders_per_s: float
    seconds: float
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.shops or self.orders_per_s <= 0:
            raise ValueError("shopping takes a shop and a rate above zero")


class ShopifyServer(SandboxServer):
    """All shops share the app's secret, with which webhooks are signed; each has its own access token and bucket."""

    title = "Shopify"

    def __init__(
        self,
        shops: Iterable[str] = ("sandbox-1.myshopify.com",),
        *,
        locations: Iterable[str] = ("Main",),
        limits: Limits | None = None,
        scopes: Iterable[str] | None = None,
        retry_time_scale: float = 1.0,
        webhook_delay_s: float = 0.0,
        seed: int = 0,
        clock: Clock = time.time,
    ) -> None:
        super().__init__(seed=seed)
        self.api_secret = SANDBOX_APP.client_secret
        self.courier = Courier(self.rng, connect_timeout_s=CONNECT_TIMEOUT_S, total_timeout_s=TOTAL_TIMEOUT_S)
        granted = frozenset(SCOPES if scopes is None else scopes)
        domains = list(shops)
        self.app_access, self.own_app = dataclasses.replace(SANDBOX_APP), dataclasses.replace(OWN_APP)
        states = {domain: ShopState() for domain in domains}
        self.consent = Consent(self.app_access, self.own_app, states, clock, granted)
        webhooks = WebhookOptions(self.consent.signing_secret, retry_time_scale, webhook_delay_s)
        options = ShopOptions(webhooks, limits or Limits(), granted)
        places = tuple(locations)
        self.shops = {
            domain: Shop(domain, state, places, options, self.courier, self.rng, clock)
            for domain, state in states.items()
        }

    def shop(self, domain: str | None = None) -> Shop:
        """The named shop, or the first."""
        return self.shops[domain] if domain else next(iter(self.shops.values()))

    def shop_url(self, domain: str | None = None) -> str:
        return f"{self.url}/{self.shop(domain).domain}"

    def seed_goods(self, goods: Iterable[Good]) -> None:
        every = list(goods)
        for shop in self.shops.values():
            shop.seed_goods(every)

    @override
    async def stop(self) -> None:
        for shop in self.shops.values():
            await shop.webhooks.stop()
        await self.courier.close()

    @override
    async def settled(self, timeout_s: float = 10.0) -> None:
        for shop in self.shops.values():
            await shop.webhooks.settled(timeout_s)

    @override
    def snapshot(self) -> dict[str, Any]:
        return {domain: dataclasses.asdict(shop.state) for domain, shop in self.shops.items()}

    @override
    def restore(self, state: dict[str, Any]) -> None:
        for domain, fields in state.items():
            shop = self.shops.get(domain)
            if shop is None:
                continue
            loaded = revive(ShopState, fields)
            for field in dataclasses.fields(ShopState):  # in place: the parts share this object
                setattr(shop.state, field.name, getattr(loaded, field.name))
            shop.inventory.reindex()

    @override
    def describe(self) -> list[str]:
        return [
            f"{shop.domain}: POST {self.url}/{shop.domain}/admin/api/2026-10/graphql.json"
            for shop in self.shops.values()
        ]

    @override
    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/{shop}/admin/api/{version}/graphql.json", self._graphql)
        app.router.add_get("/{shop}/admin/oauth/authorize", self._consent_page)
        app.router.add_post("/{shop}/admin/oauth/access_token", self._grant)
        app.router.add_post(f"{CONTROL_PREFIX}/shopping", self._control_shopping)
        prefix = f"{CONTROL_PREFIX}/{{shop}}"
        app.router.add_post(f"{CONTROL_PREFIX}/disturbances", self._control_disturb)
        app.router.add_delete(f"{CONTROL_PREFIX}/disturbances", self._control_calm)
        app.router.add_get(f"{prefix}/stock", self._control_stock)
        app.router.add_put(f"{prefix}/stock/{{sku}}", self._control_set_stock)
        app.router.add_post(f"{prefix}/goods", self._control_goods)
        app.router.add_post(f"{prefix}/orders", self._control_buy)
        app.router.add_get(f"{prefix}/orders/{{id}}", self._control_order)
        app.router.add_post(f"{prefix}/orders/{{id}}/cancel", self._control_cancel)
        app.router.add_post(f"{prefix}/orders/{{id}}/fulfil", self._control_fulfil)
        app.router.add_post(f"{prefix}/orders/{{id}}/refund", self._control_refund)

    async def _graphql(self, request: web.Request) -> web.Response:
        shop = self.shops.get(request.match_info["shop"])
        if shop is None:
            raise ApiError(404, {"errors": "Not Found"})
        token = request.headers.get("X-Shopify-Access-Token", "")
        pasted = hmac.compare_digest(token.encode(), shop.access_token.encode())
        if not pasted and not self.consent.accepts(shop.domain, token):
            raise ApiError(
                401, {"errors": "[API] Invalid API key or access token (unrecognized login or wrong password)"}
            )
        try:
            asked = json.loads(await request.read())
            text, variables = str(asked["query"]), asked.get("variables") or {}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ApiError(400, {"errors": {"query": "Required parameter missing or invalid"}}) from error
        shop.webhooks.asking_client_id = self.consent.client_id_of(shop.domain, token)
        version = request.match_info["version"]
        response = web.Response(
            text=compact_json(self._answer(request, shop, text, variables, asked.get("operationName"))),
            content_type="application/json",
        )
        # an unsupported version falls forward to the oldest supported one
        response.headers["X-Shopify-API-Version"] = version if version in API_VERSIONS else API_VERSIONS[0]
        return response

    async def _consent_page(self, request: web.Request) -> web.Response:
        return self.consent.page(self._known_shop(request).domain, request.query)

    async def _grant(self, request: web.Request) -> web.Response:
        return await self.consent.grant(self._known_shop(request).domain, request)

    def _answer(
        self, request: web.Request, shop: Shop, text: str, variables: Mapping[str, Any], operation_name: str | None
    ) -> dict[str, Any]:
        document, errors = _parsed(text)
        operation = get_operation_ast(document, operation_name) if document else None
        if document is None or operation is None:
            return {"errors": errors or [{"message": "An operation name is required"}]}
        request[CALL_KIND] = _kind(operation)
        requested = requested_cost(document, operation, variables)
        most = shop.bucket.limits.query_points_max
        if requested > most:
            message = f"Query cost is {requested}, which exceeds the single query max cost limit ({most})."
            return {
                "errors": [
                    {
                        "message": message,
                        "extensions": {"code": "MAX_COST_EXCEEDED", "cost": requested, "maxCost": most},
                    }
                ]
            }
        if not shop.bucket.take(requested):
            error = {"message": "Throttled", "extensions": {"code": "THROTTLED"}}
            return {"errors": [error], "extensions": {"cost": _cost(shop, requested, None)}}
        result = execute_sync(
            _schema(), document, shop.operations.root, variable_values=dict(variables), operation_name=operation_name
        )
        spent = requested
        if request[CALL_KIND].startswith("query"):
            spent = min(requested, actual_cost(result.data))
            shop.bucket.give_back(requested - spent)
        answer: dict[str, Any] = {"data": result.data} if result.data is not None else {}
        if result.errors:
            answer["errors"] = [error.formatted for error in result.errors]
        return {**answer, "extensions": {"cost": _cost(shop, requested, spent)}}

    def _known_shop(self, request: web.Request) -> Shop:
        shop = self.shops.get(request.match_info["shop"])
        if shop is None:
            raise ApiError(404, {"error": "unknown shop"})
        return shop

    def _known_order(self, request: web.Request) -> tuple[Shop, int]:
        shop, text = self._known_shop(request), request.match_info["id"]
        if not text.isdigit() or int(text) not in shop.state.orders:
            raise ApiError(404, {"error": "unknown order"})
        return shop, int(text)

    async def _control_stock(self, request: web.Request) -> web.Response:
        shop = self._known_shop(request)
        return web.json_response({item.sku: shop.stock(item.sku) for item in shop.state.items.values() if item.sku})

    async def _control_set_stock(self, request: web.Request) -> web.Response:
        fields = await request.json()
        try:
            shop = self._known_shop(request)
            shop.set_stock(request.match_info["sku"], int(fields["quantity"]), fields.get("location_id"))
        except KeyError as error:
            raise ApiError(404, {"error": f"unknown {error}"}) from error
        return web.json_response({})

    async def _control_goods(self, request: web.Request) -> web.Response:
        self._known_shop(request).seed_goods([from_fields(Good, fields) for fields in await request.json()])
        return web.json_response({}, status=201)

    async def _control_buy(self, request: web.Request) -> web.Response:
        try:
            order_id = self._known_shop(request).buy((await request.json())["items"])
        except OutOfStock as error:
            raise ApiError(400, {"error": str(error)}) from error
        except KeyError as error:
            raise ApiError(404, {"error": f"unknown {error}"}) from error
        return web.json_response({"id": order_id}, status=201)

    async def _control_shopping(self, request: web.Request) -> web.Response:
        """Answers when the time is over. A request for each order would cost more than the order."""
        wanted = from_fields(Shopping, await request.json())
        try:
            shops = [self.shops[domain] for domain in wanted.shops]
        except KeyError as error:
            raise ApiError(404, {"error": f"unknown {error}"}) from error
        skus = [item.sku for item in shops[0].state.items.values() if item.sku]
        shoppers = Shoppers(shops, skus, habits=PLAIN_ORDERS, seed=wanted.seed)
        await shoppers.run_for(wanted.seconds, wanted.orders_per_s)
        return web.json_response({"orders": shoppers.done["order"]}, status=201)

    async def _control_order(self, request: web.Request) -> web.Response:
        shop, order_id = self._known_order(request)
        return web.json_response(order_body(shop.order(order_id), shop.state))

    async def _control_cancel(self, request: web.Request) -> web.Response:
        shop, order_id = self._known_order(request)
        fields = await request.json() if request.can_read_body else {}
        shop.cancel(order_id, restock=fields.get("restock", True))
        return web.json_response({})

    async def _control_fulfil(self, request: web.Request) -> web.Response:
        shop, order_id = self._known_order(request)
        shop.fulfil(order_id)
        return web.json_response({})

    async def _control_refund(self, request: web.Request) -> web.Response:
        shop, order_id = self._known_order(request)
        fields = await request.json()
        shop.refund(order_id, fields["items"], restock=fields.get("restock", True))
        return web.json_response({}, status=201)

    async def _control_disturb(self, request: web.Request) -> web.Response:
        self.courier.disturb(from_fields(Disturbance, await request.json()))
        return web.json_response({}, status=201)

    async def _control_calm(self, _request: web.Request) -> web.Response:
        self.courier.disturbances.clear()
        return web.json_response({})


@lru_cache(maxsize=1)
def _schema() -> GraphQLSchema:
    text = resources.files("prokip_sandbox.shopify").joinpath("schema.graphql").read_text()
    return build_schema(text)


@lru_cache(maxsize=DOCUMENTS_KEPT_MAX)
def _parsed(text: str) -> tuple[DocumentNode | None, list[dict[str, Any]]]:
    """The document, or the errors that it meets before it runs."""
    try:
        document = parse(text)
    except GraphQLError as error:
        return None, [dict(error.formatted)]
    errors = validate(_schema(), document)
    return (None, [dict(error.formatted) for error in errors]) if errors else (document, [])


def _kind(operation: OperationDefinitionNode) -> str:
    fields = [s.name.value for s in operation.selection_set.selections if isinstance(s, FieldNode)]
    return f"{operation.operation.value} {'+'.join(fields)}"


def _cost(shop: Shop, requested: int, actual: int | None) -> dict[str, Any]:
    return {
        "requestedQueryCost": requested,
        "actualQueryCost": actual,
        "throttleStatus": shop.bucket.status(),
    }

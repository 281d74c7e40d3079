"""The simulated Prokip: the simple dialect over HTTP, its typed face for tests, and its control API."""

import dataclasses
import hmac
import json
import math
import time
from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web
from typing_extensions import override

from prokip_sandbox.catalogue import Good, stock_by_sku
from prokip_sandbox.prokip.ledger import Item, Ledger, Policies, Sale, State
from prokip_sandbox.server import CONTROL_PREFIX, SandboxServer, from_fields
from prokip_sandbox.values import ApiError, Clock, made_up_key, revive


class ProkipServer(SandboxServer):
    """One Prokip business with the given locations, empty until `seed_goods`."""

    title = "Prokip"

    def __init__(
        self,
        name: str = "prokip",
        *,
        locations: Iterable[str] = ("LOC001",),
        policies: Policies | None = None,
        seed: int = 0,
        clock: Clock = time.time,
    ) -> None:
        super().__init__(seed=seed)
        self.name = name
        self.token = made_up_key("", f"{name} token")
        self.state = State({location_id: {} for location_id in locations})
        self.ledger = Ledger(self.state, clock, policies or Policies())

    @property
    def location_ids(self) -> list[str]:
        return list(self.state.stock)

    @property
    def sales(self) -> list[Sale]:
        """Every recorded sale, the counter's too: the HTTP API has no such list, assertions need one."""
        return self.state.sales

    def seed_goods(self, goods: Iterable[Good], location_id: str | None = None) -> None:
        """Hold these goods at one location, or at all."""
        stock: dict[str, float] = dict(stock_by_sku(goods))
        for one in [location_id] if location_id else self.location_ids:
            self.ledger.fill(one, stock)

    def stock(self, sku: str, location_id: str | None = None) -> float:
        """KeyError for an unknown SKU. Without a location: the first one."""
        return self.ledger.quantity(location_id or self.location_ids[0], sku)

    def set_stock(self, sku: str, quantity: float, location_id: str | None = None) -> None:
        """A delivery, a stock take: anything that changes a quantity without a sale."""
        self.ledger.fill(location_id or self.location_ids[0], {sku: quantity})

    def remove(self, sku: str, location_id: str | None = None) -> None:
        """Prokip no longer lists this SKU."""
        self.ledger.remove(location_id or self.location_ids[0], sku)

    def counter_sale(self, items: Mapping[str, float], location_id: str | None = None) -> Sale:
        """A sale over the shop's counter."""
        wanted = [Item(sku, quantity) for sku, quantity in items.items()]
        return self.ledger.sell(location_id or self.location_ids[0], wanted, reference=None, source="counter")

    def recorded(self, sku: str) -> float:
        """Units of a SKU that the API was told were sold, less those brought back."""
        return sum(
            item.quantity - (sale.returned.get(sku, 0) if n == 0 else 0)
            for sale in self.sales
            if sale.source == "api"
            for n, item in enumerate(i for i in sale.items if i.sku == sku)
        )

    @property
    @override
    def state_name(self) -> str:
        return self.name

    @override
    def snapshot(self) -> dict[str, Any]:
        return dataclasses.asdict(self.state)

    @override
    def restore(self, state: dict[str, Any]) -> None:
        loaded = revive(State, state)
        self.state.stock, self.state.sales = loaded.stock, loaded.sales

    @override
    def describe(self) -> list[str]:
        return [f"Simple dialect: GET {self.url}/inventory?locationId=, POST {self.url}/sells"]

    @override
    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/inventory", self._inventory)
        app.router.add_post("/sells", self._sell)
        app.router.add_post("/sells/{sell_id}/refund", self._refund)
        app.router.add_get(f"{CONTROL_PREFIX}/stock", self._control_stock)
        app.router.add_put(f"{CONTROL_PREFIX}/stock/{{location_id}}/{{sku}}", self._control_set_stock)
        app.router.add_delete(f"{CONTROL_PREFIX}/stock/{{location_id}}/{{sku}}", self._control_remove)
        app.router.add_post(f"{CONTROL_PREFIX}/goods", self._control_goods)
        app.router.add_get(f"{CONTROL_PREFIX}/sales", self._control_sales)
        app.router.add_post(f"{CONTROL_PREFIX}/counter-sales", self._control_counter_sale)
        app.router.add_put(f"{CONTROL_PREFIX}/policies", self._control_policies)

    async def _inventory(self, request: web.Request) -> web.Response:
        self._check_token(request)
        location_id = request.query.get("locationId")
        if not location_id:
            raise ApiError(400, {"error": "locationId is required"})
        return web.json_response(self.ledger.inventory(location_id))

    async def _sell(self, request: web.Request) -> web.Response:
        self._check_token(request)
        fields = await _object(request)
        reference = fields.get("reference")
        sale = self.ledger.sell(
            str(fields.get("locationId")),
            _items(fields),
            reference=str(reference) if reference is not None else None,
            source="api",
        )
        return web.json_response({"sell_id": sale.sell_id}, status=201)

    async def _refund(self, request: web.Request) -> web.Response:
        self._check_token(request)
        if not self.ledger.policies.serves_refunds:
            raise ApiError(404, {"error": "Not Found"})
        sale = self.ledger.refund(request.match_info["sell_id"], _items(await _object(request)))
        return web.json_response({"sell_id": sale.sell_id, "refunded": True}, status=201)

    def _check_token(self, request: web.Request) -> None:
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {self.token}".encode()):
            raise ApiError(401, {"message": "Unauthenticated."})

    async def _control_stock(self, _request: web.Request) -> web.Response:
        return web.json_response(self.state.stock)

    async def _control_set_stock(self, request: web.Request) -> web.Response:
        fields = await request.json()
        self.set_stock(request.match_info["sku"], fields["quantity"], request.match_info["location_id"])
        return web.json_response({})

    async def _control_remove(self, request: web.Request) -> web.Response:
        try:
            self.remove(request.match_info["sku"], request.match_info["location_id"])
        except KeyError as error:
            raise ApiError(404, {"error": f"unknown {error}"}) from error
        return web.json_response({})

    async def _control_goods(self, request: web.Request) -> web.Response:
        self.seed_goods([from_fields(Good, fields) for fields in await request.json()])
        return web.json_response({}, status=201)

    async def _control_sales(self, _request: web.Request) -> web.Response:
        return web.json_response([dataclasses.asdict(sale) for sale in self.sales])

    async def _control_counter_sale(self, request: web.Request) -> web.Response:
        fields = await request.json()
        sale = self.counter_sale(fields["items"], fields.get("location_id"))
        return web.json_response({"sell_id": sale.sell_id}, status=201)

    async def _control_policies(self, request: web.Request) -> web.Response:
        self.ledger.policies = from_fields(Policies, await request.json())
        return web.json_response(dataclasses.asdict(self.ledger.policies))


async def _object(request: web.Request) -> dict[str, Any]:
    try:
        fields = json.loads(await request.read())
    except ValueError as error:
        raise ApiError(400, {"error": "Invalid JSON"}) from error
    if not isinstance(fields, dict):
        raise ApiError(400, {"error": "The body is not an object"})
    return fields


def _items(fields: Mapping[str, Any]) -> list[Item]:
    items = fields.get("items")
    if not isinstance(items, list) or not items:
        raise ApiError(400, {"error": "Items array is required"})
    return [_item(item) for item in items]


def _item(fields: Any) -> Item:
    quantity = fields.get("quantity") if isinstance(fields, dict) else None
    if (
        isinstance(quantity, bool)
        or not isinstance(quantity, int | float)
        or not math.isfinite(quantity)
        or quantity <= 0
    ):
        raise ApiError(400, {"error": "Each item needs a sku and a quantity above 0"})
    if not isinstance(fields.get("sku"), str):
        raise ApiError(400, {"error": "Each item needs a sku and a quantity above 0"})
    return Item(fields["sku"], quantity)

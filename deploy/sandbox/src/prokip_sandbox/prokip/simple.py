"""The simple dialects: (b) as an early description of Prokip had it, (c) as an early mock had it.

No source shows that Prokip ever served either. What they leave open is in `Policies`: our assumption.
"""

import hmac
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from prokip_sandbox.faults import Handler, left_of
from prokip_sandbox.prokip.catalogue import Catalogue
from prokip_sandbox.prokip.fixed import as_number, to_fixed
from prokip_sandbox.prokip.ledger import Ledger, NewLine, NewSale
from prokip_sandbox.prokip.model import Line, Location, State, Transaction, Variation
from prokip_sandbox.values import ApiError

C_PREFIX = "/connector/api"


class Simple:
    def __init__(self, state: State, catalogue: Catalogue, ledger: Ledger, token: str) -> None:
        self._state = state
        self._catalogue = catalogue
        self._ledger = ledger
        self._token = token

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/inventory", self._inventory)
        app.router.add_post("/sells", self._sell)
        app.router.add_post("/sells/{sell_id}/refund", self._refund)
        app.router.add_get(f"{C_PREFIX}/inventory", self._in_c(self._inventory_c))
        app.router.add_post(f"{C_PREFIX}/sells", self._in_c(self._sell_c))
        app.router.add_get(f"{C_PREFIX}/sells/{{sell_id}}", self._in_c(self._show_c))
        app.router.add_post(f"{C_PREFIX}/sells/{{sell_id}}/refund", self._in_c(self._refund_c))

    def tracked(self, location: Location) -> dict[str, float]:
        """What this place holds, by SKU."""
        held = {}
        for variation_id, row in self._state.stock[location.id].items():
            variation = self._state.variations[variation_id]
            if not variation.is_deleted and self._state.products[variation.product_id].enable_stock:
                held[variation.sku] = as_number(row.quantity)
        return held

    async def _inventory(self, request: web.Request) -> web.Response:
        self._check_token(request)
        code = request.query.get("locationId")
        if not code:
            raise ApiError(400, {"error": "locationId is required"})
        rows = [{"sku": sku, "quantity": quantity} for sku, quantity in self.tracked(self._location(code)).items()]
        return web.json_response(left_of(request, rows))

    async def _sell(self, request: web.Request) -> web.Response:
        self._check_token(request)
        fields = await _object(request)
        reference = fields.get("reference")
        location = self._location(str(fields.get("locationId")))
        wanted = [(self._held(location, str(item["sku"])), item["quantity"]) for item in _items(fields, "sku", str)]
        sale = self._record(location, wanted, str(reference) if reference is not None else None)
        return web.json_response({"sell_id": sale.sell_id}, status=201)

    async def _refund(self, request: web.Request) -> web.Response:
        self._check_token(request)
        if not self._ledger.policies.serves_refunds:
            raise ApiError(404, {"error": "Not Found"})
        sale = self._sale(request.match_info["sell_id"])
        back = []
        for item in _items(await _object(request), "sku", str):
            line = next((one for one in sale.lines if self._sku(one) == item["sku"]), None)
            if line is None:
                raise ApiError(404, {"error": f"Sale {sale.sell_id} has no sku {item['sku']}"})
            back.append((line, item["quantity"]))
        self._give_back(sale, back)
        return web.json_response({"sell_id": sale.sell_id, "refunded": True}, status=201)

    async def _inventory_c(self, request: web.Request) -> web.Response:
        location = self._location_c(request.query.get("location_id"))
        rows = [
            {"sku": sku, "quantity": quantity, "location_id": location.id}
            for sku, quantity in self.tracked(location).items()
        ]
        return web.json_response({"success": True, "data": left_of(request, rows)})

    async def _sell_c(self, request: web.Request) -> web.Response:
        fields = await _object(request)
        location = self._location_c(fields.get("location_id"))
        try:
            items = _items(fields, "product_id", int)
        except ApiError as error:
            raise _invalid_c() from error
        wanted = [(self._variation_c(item), item["quantity"]) for item in items]
        sale = self._record(location, wanted, None)
        return web.json_response(
            {"success": True, "data": self._view_c(sale), "message": "Sale created successfully"}, status=201
        )

    async def _show_c(self, request: web.Request) -> web.Response:
        sale = self._sale_c(request.match_info["sell_id"])
        return web.json_response({"success": True, "data": self._view_c(sale)})

    async def _refund_c(self, request: web.Request) -> web.Response:
        sale = self._sale_c(request.match_info["sell_id"])
        try:
            items = _items(await _object(request), "product_id", int)
        except ApiError as error:
            raise _invalid_c() from error
        back = [
            (line, item["quantity"]) for item in items for line in sale.lines if line.product_id == item["product_id"]
        ]
        self._give_back(sale, back)
        return web.json_response({"success": True, "data": self._view_c(sale), "message": "Refund processed"})

    def _record(
        self, location: Location, wanted: Iterable[tuple[Variation, float]], reference: str | None
    ) -> Transaction:
        policies = self._ledger.policies
        lines = [NewLine(variation, to_fixed(quantity), variation.price) for variation, quantity in wanted]
        if reference is not None and policies.duplicates == "refuse":
            made = self._state.transactions.values()
            earlier = next((one for one in made if one.type == "sell" and one.reference == reference), None)
            if earlier is not None:
                raise ApiError(409, {"error": "Duplicate reference", "sell_id": earlier.sell_id})
        if policies.shortage == "refuse":
            for line in lines:
                if self._catalogue.row(location.id, line.variation.id).quantity < line.quantity:
                    raise ApiError(409, {"error": f"Insufficient stock of {line.variation.sku}"})
        walk_in = next(contact for contact in self._state.contacts if contact.is_default)
        return self._ledger.record(
            NewSale(location.id, walk_in.id, lines, "simple", reference=reference, invoice_no=reference), oversell=True
        )

    def _give_back(self, sale: Transaction, back: Iterable[tuple[Line, float]]) -> None:
        """A delta: a repeated call brings the units back again."""
        quantities: dict[int, int] = {}
        worth = 0
        for line, quantity in back:
            quantities[line.id] = quantities.get(line.id, line.returned) + to_fixed(quantity)
            worth += round(quantity * line.price_inc_tax)
        self._ledger.carry_out(self._ledger.plan_return(sale, quantities, total_before_tax=worth))

    def _held(self, location: Location, sku: str) -> Variation:
        variation = self._catalogue.find(sku)
        if variation is None or variation.id not in self._state.stock[location.id]:
            raise ApiError(404, {"error": f"Unknown sku {sku}"})
        return variation

    def _sku(self, line: Line) -> str:
        return self._state.variations[line.variation_id].sku

    def _location(self, code: str) -> Location:
        location = next((one for one in self._state.locations if one.code == code), None)
        if location is None:
            raise ApiError(404, {"error": f"Unknown location {code}"})
        return location

    def _sale(self, sell_id: str) -> Transaction:
        made = self._state.transactions.values()
        sale = next((one for one in made if one.type == "sell" and one.sell_id == sell_id), None)
        if sale is None:
            raise ApiError(404, {"error": f"Unknown sale {sell_id}"})
        return sale

    def _in_c(self, handler: Handler) -> Handler:
        async def run(request: web.Request) -> web.StreamResponse:
            if self._ledger.policies.simple_dialect != "c":
                raise ApiError(404, {"message": ""})
            if not self._has_token(request):
                raise ApiError(401, {"error": "Unauthorized", "message": "Unauthenticated."})
            return await handler(request)

        return run

    def _location_c(self, number: Any) -> Location:
        location = next((one for one in self._state.locations if str(number) in {str(one.id), one.code}), None)
        if location is None:
            raise ApiError(404, {"success": False, "error": "Location not found"})
        return location

    def _variation_c(self, item: Mapping[str, Any]) -> Variation:
        known = self._catalogue.variations_of(item["product_id"])
        wanted = item.get("variation_id") or (known[0].id if known else None)
        variation = next((one for one in known if one.id == wanted), None)
        if variation is None:
            raise ApiError(404, {"success": False, "error": "Product not found"})
        return variation

    def _sale_c(self, sell_id: str) -> Transaction:
        sale = next((one for one in self._state.transactions.values() if _sell_id_c(one) == sell_id), None)
        if sale is None or sale.type != "sell":
            raise ApiError(404, {"success": False, "error": "Sale not found"})
        return sale

    def _view_c(self, sale: Transaction) -> dict[str, Any]:
        sell_id = _sell_id_c(sale)
        return {
            "sell_id": sell_id,
            "transaction_id": sell_id.replace("SELL", "TXN"),
            "location_id": sale.location_id,
            "total_amount": as_number(sale.final_total),
            "status": "completed",
            "items": [
                {
                    "product_id": line.product_id,
                    "variation_id": line.variation_id,
                    "quantity": as_number(line.quantity),
                    "unit_price": as_number(line.unit_price),
                }
                for line in sale.lines
            ],
        }

    def _has_token(self, request: web.Request) -> bool:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {self._token}".encode())

    def _check_token(self, request: web.Request) -> None:
        if not self._has_token(request):
            raise ApiError(401, {"message": "Unauthenticated."})


def _sell_id_c(sale: Transaction) -> str:
    """The mock's numbers are milliseconds; the sale's own number keeps two of one moment apart."""
    return f"SELL-{int(sale.created_s * 1000) + sale.id}"


def _invalid_c() -> ApiError:
    return ApiError(400, {"success": False, "error": "Validation error", "message": "Items array is required"})


async def _object(request: web.Request) -> dict[str, Any]:
    try:
        fields = json.loads(await request.read())
    except ValueError as error:
        raise ApiError(400, {"error": "Invalid JSON"}) from error
    if not isinstance(fields, dict):
        raise ApiError(400, {"error": "The body is not an object"})
    return fields


def _items(fields: Mapping[str, Any], name: str, kind: type) -> list[dict[str, Any]]:
    """The items, each with `name` and a quantity above 0."""
    items = fields.get("items")
    if not isinstance(items, list) or not items:
        raise ApiError(400, {"error": "Items array is required"})
    if not all(isinstance(item, dict) and isinstance(item.get(name), kind) and _is_amount(item) for item in items):
        raise ApiError(400, {"error": f"Each item needs a {name} and a quantity above 0"})
    return items


def _is_amount(item: Mapping[str, Any]) -> bool:
    quantity = item.get("quantity")
    if isinstance(quantity, bool) or not isinstance(quantity, int | float):
        return False
    return math.isfinite(quantity) and quantity > 0

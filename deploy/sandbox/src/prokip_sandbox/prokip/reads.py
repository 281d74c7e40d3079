"""What the connector lets be read: the business, its contacts, its goods and their stock."""

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from aiohttp import web

from prokip_sandbox.prokip.catalogue import Catalogue, like
from prokip_sandbox.prokip.ledger import Ledger
from prokip_sandbox.prokip.listing import answer_list, answer_rows
from prokip_sandbox.prokip.model import BUSINESS_ID, Contact, Location, Product, State, StockRow, Variation
from prokip_sandbox.prokip.rows import Rows
from prokip_sandbox.values import ApiError, compact_json

T = TypeVar("T")
REPORT_PER_PAGE = 15


class Reads:
    def __init__(self, state: State, catalogue: Catalogue, ledger: Ledger, rows: Rows, rng: random.Random) -> None:
        self._state = state
        self._catalogue = catalogue
        self._ledger = ledger
        self._rows = rows
        self._rng = rng

    async def locations(self, _request: web.Request) -> web.Response:
        return answer_rows(self._ledger.erp, [self._rows.location(one) for one in self._active_locations()])

    async def business(self, _request: web.Request) -> web.Response:
        return web.json_response({"data": self._rows.business(self._active_locations())})

    async def contacts(self, request: web.Request) -> web.Response:
        if not self._ledger.erp.may_view_contacts:
            raise ApiError(403, {"message": "Unauthorized action."})
        wanted = request.query.get("type")
        named = like(request.query.get("name", ""))

        def is_shown(contact: Contact) -> bool:
            of_type = wanted not in {"customer", "supplier"} or contact.type in {wanted, "both"}
            return contact.business_id == BUSINESS_ID and of_type and named(contact.name)

        found = [contact for contact in self._state.contacts if is_shown(contact)]
        return answer_list(request, self._ledger.erp, found, lambda one: compact_json(self._rows.contact(one)))

    async def variations(self, request: web.Request) -> web.Response:
        only = _numbers(request.match_info.get("ids", ""))
        location_id = _number(request.query.get("location_id"))
        found = self._catalogue.select(
            ("variations", only, *_filters(request, "sku", "name", "product_id", "not_for_selling", "location_id")),
            lambda: self._choose_variations(request.query, only, location_id),
        )
        if self._ledger.policies.variation_order == "shuffled":
            found = self._shuffled(found)

        def render(variation_id: int) -> str:
            variation = self._state.variations[variation_id]
            return self._rows.variation(
                self._state.products[variation.product_id], variation, self._stock(variation_id, location_id)
            )

        return answer_list(request, self._ledger.erp, found, render)

    async def products(self, request: web.Request) -> web.Response:
        only = _numbers(request.match_info.get("ids", ""))
        location_id = _number(request.query.get("location_id"))
        found = self._catalogue.select(
            ("products", only, *_filters(request, "sku", "name", "location_id", "brand_id", "category_id")),
            lambda: self._choose_products(request.query, only, location_id),
        )

        def render(product_id: int) -> str:
            product = self._state.products[product_id]
            variations = [(one, self._stock(one.id, location_id)) for one in self._catalogue.variations_of(product_id)]
            return compact_json(self._rows.product(product, variations))

        return answer_list(request, self._ledger.erp, self._ordered(request.query, found), render)

    async def stock_report(self, request: web.Request) -> web.Response:
        """Ignores `per_page` and loses the filters from its links."""
        location_id = _number(request.query.get("location_id"))
        found: Sequence[Any] = self._catalogue.select(
            ("report", *_filters(request, "location_id", "product_id", "type", "active_state")),
            lambda: self._choose_report(request.query, location_id),
        )
        places = {location.id: location for location in self._state.locations}

        def render(pair: tuple[int, int]) -> str:
            variation = self._state.variations[pair[0]]
            row = self._state.stock[pair[1]][pair[0]] if pair[1] else None
            return compact_json(
                self._rows.stock_report(
                    self._state.products[variation.product_id], variation, places.get(pair[1]), row, self._sold(pair)
                )
            )

        return answer_list(request, self._ledger.erp, found, render, fixed_per_page=REPORT_PER_PAGE)

    def _active_locations(self) -> list[Location]:
        return [location for location in self._state.locations if location.is_active]

    def _stock(self, variation_id: int, location_id: int | None) -> dict[int, StockRow]:
        """The stock rows to show: a place that never had any has none."""
        return {
            place: rows[variation_id]
            for place, rows in self._state.stock.items()
            if variation_id in rows and location_id in {None, place}
        }

    def _choose_variations(
        self, query: Mapping[str, str], only: Sequence[int], location_id: int | None
    ) -> Sequence[int]:
        sku, name = like(query.get("sku", "")), like(query.get("name", ""))
        product_ids = _numbers(query.get("product_id", ""))
        for_selling = None if "not_for_selling" not in query else query["not_for_selling"] == "1"

        def is_shown(one: Variation) -> bool:
            product = self._state.products[one.product_id]
            return (
                not one.is_deleted
                and (not product_ids or product.id in product_ids)
                and for_selling in {None, product.not_for_selling}
                and _is_at(product, location_id)
                and sku(product.sku)
                and sku(one.sku)
                and name(product.name)
            )

        return [one.id for one in _among(self._state.variations, only) if is_shown(one)]

    def _choose_products(self, query: Mapping[str, str], only: Sequence[int], location_id: int | None) -> Sequence[int]:
        sku, name = like(query.get("sku", "")), like(query.get("name", ""))
        has_other_group = bool(query.get("brand_id") or query.get("category_id"))  # no goods here are in any

        def is_shown(product: Product) -> bool:
            return (
                not has_other_group
                and _is_at(product, location_id)
                and (sku(product.sku) or any(sku(one.sku) for one in self._catalogue.variations_of(product.id)))
                and name(product.name)
            )

        return [product.id for product in _among(self._state.products, only) if is_shown(product)]

    def _choose_report(self, query: Mapping[str, str], location_id: int | None) -> Sequence[Any]:
        """Pairs of variation and location; location 0 where a variation has no stock row and no location is asked."""
        product_id = _number(query.get("product_id"))
        state = query.get("active_state")
        pairs = []
        for one in self._state.variations.values():
            product = self._state.products[one.product_id]
            wrong_state = state in {"active", "inactive"} and product.is_inactive != (state == "inactive")
            if one.is_deleted or product_id not in {None, product.id} or wrong_state:
                continue
            if query.get("type") not in {None, "", product.type} or not _is_at(product, location_id):
                continue
            places = list(self._stock(one.id, location_id)) or ([] if location_id else [0])
            pairs += [(one.id, place) for place in places]
        return pairs

    def _sold(self, pair: tuple[int, int]) -> int | None:
        lines = [
            line
            for one in self._state.transactions.values()
            if one.type == "sell" and one.status == "final" and one.location_id == pair[1]
            for line in one.lines
            if line.variation_id == pair[0]
        ]
        return sum(line.quantity - line.returned for line in lines) if lines else None

    def _ordered(self, query: Mapping[str, str], found: Sequence[int]) -> Sequence[int]:
        """Without `order_by` no order is promised, so none is kept from one request to the next."""
        order_by, backwards = query.get("order_by"), query.get("order_direction") == "desc"
        if order_by == "newest":
            return sorted(found, reverse=backwards)
        if order_by == "product_name":
            return sorted(found, key=lambda one: self._state.products[one].name, reverse=backwards)
        return self._shuffled(found)

    def _shuffled(self, found: Sequence[int]) -> Sequence[int]:
        mixed = list(found)
        self._rng.shuffle(mixed)
        return mixed


def _among(rows: Mapping[int, T], only: Sequence[int]) -> Iterable[T]:
    """All rows, or those of the numbers asked for."""
    return (rows[number] for number in sorted(set(only)) if number in rows) if only else rows.values()


def _is_at(product: Product, location_id: int | None) -> bool:
    return location_id is None or product.location_ids is None or location_id in product.location_ids


def _filters(request: web.Request, *names: str) -> tuple[str | None, ...]:
    return tuple(request.query.get(name) for name in names)


def _number(text: str | None) -> int | None:
    """None for nothing, empty and 0; -1, which nothing has, for what is no number."""
    if not text:
        return None
    return (int(text) or None) if text.isdecimal() else -1


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(",") if part.strip().isdecimal())

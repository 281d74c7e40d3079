"""Stock and goods in the connector dialect, without I/O.

A product has one or more variations; stock is kept and sold by variation, whose id is never the product's by rule. The
SKU of a variation is its `sub_sku`; `sku` is the product's.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from prokip_shared.platforms.prokip import Goods, Refused, StockPage, Unusable
from prokip_shared.platforms.prokip_connector_wire import Request, is_off, paged, parse_id
from prokip_shared.platforms.prokip_http import parse_quantity, parse_sku

STABLE_ORDER: Final = {"order_by": "newest", "order_direction": "asc"}
"""The one order in which products do not move between pages: by id."""
NOT_TRACKED: Final = "Prokip does not track its stock"
INACTIVE: Final = "it is inactive in Prokip"
NO_STOCK_ROW: Final = "Prokip has no stock row for it at this location yet"


def variations_request(location: int, page: int) -> Request:
    return Request("GET", "/variation", paged(page, location_id=str(location)))


def stock_report_request(location: int, active_state: str, page: int) -> Request:
    """`active_state` is `active` or `inactive`. This list has 15 rows a page, whatever is asked for."""
    return Request(
        "GET",
        "/product-stock-report",
        {"location_id": str(location), "active_state": active_state, "page": str(page)},
    )


def variation_ids(rows: Iterable[Any]) -> set[int]:
    found = (parse_id(row.get("variation_id")) for row in rows if isinstance(row, dict))
    return {number for number in found if number is not None}


def stock_page(rows: Sequence[Any], location: int, inactive: Collection[int]) -> StockPage:
    """What one page of variations tells of a location. `inactive` are variation ids.

    The SKU of a variation is its `sub_sku`; `sku` is the product's. Raises Unusable where no row names a SKU.
    """
    quantities: dict[str, Decimal] = {}
    unusable: dict[str, str] = {}
    goods: dict[str, Goods] = {}
    left_alone: dict[str, str] = {}
    rows_without_sku = 0
    for row in rows:
        sku = parse_sku(row.get("sub_sku")) if isinstance(row, dict) else None
        if sku is None:
            rows_without_sku += 1
            continue
        if sku in goods or sku in unusable:
            unusable[sku] = "more than one variation has this SKU"
            continue
        ids = _goods_of(row)
        if ids is None:
            unusable[sku] = "the row does not name its product and variation"
            continue
        goods[sku] = ids
        match _told(row, location, inactive=ids.variation_id in inactive):
            case Decimal() as quantity:
                quantities[sku] = quantity
            case _LeftAlone(why):
                left_alone[sku] = why
            case _Defect(why):
                unusable[sku] = why
    if rows_without_sku == len(rows):
        raise Unusable("No row of Prokip's stock list names a SKU; is this the address of a Prokip API?")
    return StockPage(
        _without(quantities, unusable),
        unusable,
        rows_without_sku,
        _without(goods, unusable),
        _without(left_alone, unusable),
    )


def _goods_of(row: Mapping[str, Any]) -> Goods | None:
    product, variation = parse_id(row.get("product_id")), parse_id(row.get("variation_id"))
    return None if product is None or variation is None else Goods(product, variation)


@dataclass(frozen=True, slots=True)
class _LeftAlone:
    why: str


@dataclass(frozen=True, slots=True)
class _Defect:
    why: str


def _told(row: Mapping[str, Any], location: int, *, inactive: bool) -> Decimal | _LeftAlone | _Defect:
    """What a row tells of its variation at the location."""
    if is_off(row.get("enable_stock")):
        return _LeftAlone(NOT_TRACKED)
    if inactive:
        return _LeftAlone(INACTIVE)
    details = row.get("variation_location_details")
    if not isinstance(details, list):
        return _Defect("the row has no list of stock by location")
    here = [one for one in details if isinstance(one, dict) and parse_id(one.get("location_id")) == location]
    if len(here) > 1:
        return _Defect("more than one stock row for this location")
    if not here:
        return _LeftAlone(NO_STOCK_ROW)
    quantity = parse_quantity(here[0].get("qty_available"))
    return _Defect("the quantity is not a number") if quantity is None else quantity


def _without(told: Mapping[str, Any], unusable: Collection[str]) -> dict[str, Any]:
    return {sku: value for sku, value in told.items() if sku not in unusable}


def products_request(sku: str, page: int) -> Request:
    """Products whose SKU, or whose variations' SKU, is like the given one; which of them are meant is ours to tell.

    Not `/variation`, which wants the product's own SKU to be like it as well.
    """
    return Request("GET", "/product", paged(page, sku=sku) | STABLE_ORDER)


def goods_named(rows: Iterable[Any], sku: str) -> set[Goods]:
    """The variations with exactly this SKU. In this list a variation's id is called `id`."""
    found = set()
    for product in rows:
        for variation in _variations(product):
            ids = _goods_of({"product_id": product.get("id"), "variation_id": variation.get("id")})
            if ids is not None and parse_sku(variation.get("sub_sku")) == sku:
                found.add(ids)
    return found


def _variations(product: Any) -> Iterable[Mapping[str, Any]]:
    groups = product.get("product_variations") if isinstance(product, dict) else None
    for group in groups if isinstance(groups, list) else ():
        variations = group.get("variations") if isinstance(group, dict) else None
        yield from (one for one in variations or () if isinstance(one, dict))


def no_such_goods(sku: str) -> Refused:
    return Refused(f"Prokip has no product with the SKU {sku}.")


def ambiguous_goods(sku: str) -> Refused:
    return Refused(f"Prokip has more than one product with the SKU {sku}, so which one was sold cannot be told.")

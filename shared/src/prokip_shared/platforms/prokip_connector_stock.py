"""Stock and goods in the connector dialect, without I/O.

A product has one or more variations; stock is kept and sold by variation, whose id is never the product's by rule. The
SKU of a variation is its `sub_sku`; `sku` is the product's.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

import msgspec

from prokip_shared.platforms.prokip import Goods, Refused, StockPage, Unusable
from prokip_shared.platforms.prokip_connector_wire import Request, Rows, is_off, paged, parse_id, rows_of
from prokip_shared.platforms.prokip_http import Answer, parse_quantity, parse_sku

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


class Detail(msgspec.Struct, gc=False):
    """The stock of a variation at one location."""

    location_id: Any = None
    qty_available: Decimal | None = None


class Variation(msgspec.Struct, gc=False):
    """A row of the list of variations, as far as stock goes. Its values are the ERP's, so none has been checked."""

    sub_sku: Any = None
    product_id: Any = None
    variation_id: Any = None
    enable_stock: Any = None
    variation_location_details: list[Detail] | None = None


class _Meta(msgspec.Struct):
    current_page: Any = None
    last_page: Any = None
    total: Any = None


class _Variations(msgspec.Struct):
    """A page of variations in the form that nearly all ERPs give it."""

    data: list[Variation]
    meta: _Meta | None = None
    current_page: Any = None
    last_page: Any = None
    total: Any = None


_decode_variations: Final = msgspec.json.Decoder(_Variations).decode


def variations_of(answer: Answer) -> Rows:
    """A page of `Variation`s, with None for rows that are no objects. Raises as `rows_of`.

    Decoded straight into what is needed of it, in a fifth of the time; a page of which anything has another form than
    usual is read value by value.
    """
    try:
        found = _decode_variations(answer.body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        odd = rows_of(answer)
        return replace(odd, rows=[_variation(row) for row in odd.rows])
    meta = found.meta or found
    return Rows(found.data, parse_id(meta.current_page), parse_id(meta.last_page), parse_id(meta.total))


def _variation(row: Any) -> Variation | None:
    if not isinstance(row, dict):
        return None
    told = row.get("variation_location_details")
    details = (
        [Detail(one.get("location_id"), one.get("qty_available")) for one in told if isinstance(one, dict)]
        if isinstance(told, list)
        else None
    )
    return Variation(
        row.get("sub_sku"), row.get("product_id"), row.get("variation_id"), row.get("enable_stock"), details
    )


def stock_page(
    rows: Sequence[Variation | None], location: int, inactive: Collection[int], *, rows_total: int | None = None
) -> StockPage:
    """What one page of variations tells of a location. `inactive` are variation ids.

    The SKU of a variation is its `sub_sku`; `sku` is the product's. Raises Unusable where no row names a SKU.
    """
    quantities: dict[str, Decimal] = {}
    unusable: dict[str, str] = {}
    goods: dict[str, Goods] = {}
    left_alone: dict[str, str] = {}
    rows_without_sku = 0
    for row in rows:
        sku = None if row is None else parse_sku(row.sub_sku)
        if row is None or sku is None:
            rows_without_sku += 1
            continue
        if sku in goods or sku in unusable:
            unusable[sku] = "more than one variation has this SKU"
            continue
        ids = _goods_of(row.product_id, row.variation_id)
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
    row_ids = [number for row in rows if row is not None and (number := parse_id(row.variation_id)) is not None]
    if rows_without_sku == len(rows):
        raise Unusable("No row of Prokip's stock list names a SKU; is this the address of a Prokip API?")
    return StockPage(
        _without(quantities, unusable),
        unusable,
        rows_without_sku,
        _without(goods, unusable),
        _without(left_alone, unusable),
        rows_total,
        row_ids,
        len(rows) - len(row_ids),
    )


def _goods_of(product_id: Any, variation_id: Any) -> Goods | None:
    product, variation = parse_id(product_id), parse_id(variation_id)
    return None if product is None or variation is None else Goods(product, variation)


@dataclass(frozen=True, slots=True)
class _LeftAlone:
    why: str


@dataclass(frozen=True, slots=True)
class _Defect:
    why: str


def _told(row: Variation, location: int, *, inactive: bool) -> Decimal | _LeftAlone | _Defect:
    """What a row tells of its variation at the location."""
    if is_off(row.enable_stock):
        return _LeftAlone(NOT_TRACKED)
    if inactive:
        return _LeftAlone(INACTIVE)
    details = row.variation_location_details
    if details is None:
        return _Defect("the row has no list of stock by location")
    here = [one for one in details if parse_id(one.location_id) == location]
    if len(here) > 1:
        return _Defect("more than one stock row for this location")
    if not here:
        return _LeftAlone(NO_STOCK_ROW)
    quantity = parse_quantity(here[0].qty_available)
    return _Defect("the quantity is not a number") if quantity is None else quantity


def _without(told: Mapping[str, Any], unusable: Collection[str]) -> Mapping[str, Any]:
    if not unusable:
        return told
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
            ids = _goods_of(product.get("id"), variation.get("id"))
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

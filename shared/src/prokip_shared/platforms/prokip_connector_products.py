"""Products of the connector dialect with their names, prices and images, without I/O.

One product has one or more variations; in this list a variation's id is called `id`, and its SKU is its `sub_sku`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from prokip_shared.platforms.prokip_connector_stock import STABLE_ORDER
from prokip_shared.platforms.prokip_connector_wire import Request, is_off, is_on, paged, parse_id
from prokip_shared.platforms.prokip_http import parse_quantity, parse_sku
from prokip_shared.platforms.store import clean_name

PLACEHOLDER_IMAGE: Final = "/img/default.png"
"""What Prokip answers for a product without an image of its own."""
PLACEHOLDER_NAME: Final = "DUMMY"
"""What Prokip calls the one variation, and the one option, of a product that has none."""
IMAGE_CHARS_MAX: Final = 2000


@dataclass(frozen=True, slots=True)
class ProductVariation:
    variation_id: int
    sku: str | None
    name: str
    """Of the option's value; empty where the product has no options."""
    price: Decimal | None
    """Tax included, as it is sold over the counter."""


@dataclass(frozen=True, slots=True)
class Product:
    product_id: int
    name: str
    sku: str | None
    """The product's own; the variations have theirs."""
    tracked: bool
    """Prokip counts its stock."""
    inactive: bool
    for_sale: bool
    image_url: str | None
    option: str
    """What its variations differ in; empty where it has one."""
    variations: tuple[ProductVariation, ...]


def products_page_request(page: int) -> Request:
    """In the one order in which products do not move between pages."""
    return Request("GET", "/product", paged(page) | STABLE_ORDER)


def products_of(rows: Iterable[Any]) -> list[Product]:
    """Rows that name no product are left out."""
    return [product for row in rows if isinstance(row, Mapping) and (product := _product(row)) is not None]


def _product(row: Mapping[str, Any]) -> Product | None:
    product_id = parse_id(row.get("id"))
    groups = row.get("product_variations")
    if product_id is None or not isinstance(groups, list):
        return None
    found = [group for group in groups if isinstance(group, Mapping)]
    single = str(row.get("type")) != "variable"
    several = len({_named(group.get("name")) for group in found}) > 1
    return Product(
        product_id=product_id,
        name=clean_name(str(row.get("name") or "")),
        sku=parse_sku(row.get("sku")),
        tracked=not is_off(row.get("enable_stock")),
        inactive=is_on(row.get("is_inactive")),
        for_sale=not is_on(row.get("not_for_selling")),
        image_url=_image(row.get("image_url")),
        option="" if single else ("" if several or not found else _named(found[0].get("name"))) or "Option",
        variations=tuple(
            variation
            for group in found
            for one in group.get("variations") or ()
            if isinstance(one, Mapping)
            and (variation := _variation(one, "" if single else _option_value(group, one, several=several))) is not None
        ),
    )


def _option_value(group: Mapping[str, Any], row: Mapping[str, Any], *, several: bool) -> str:
    """A variation belongs to one group ("Size") and is one value of it ("L"); groups are never crossed. Where a product
    has several the value names its own, since stores want one kind of option from every variant.
    """
    option, value = _named(group.get("name")), _named(row.get("name"))
    return f"{option}: {value}" if several and option and value else value


def _variation(row: Mapping[str, Any], name: str) -> ProductVariation | None:
    variation_id = parse_id(row.get("id"))
    if variation_id is None:
        return None
    price = parse_quantity(row.get("sell_price_inc_tax"))
    return ProductVariation(
        variation_id=variation_id,
        sku=parse_sku(row.get("sub_sku")),
        name=name,
        price=parse_quantity(row.get("default_sell_price")) if price is None else price,
    )


def _named(value: Any) -> str:
    name = clean_name(str(value or ""))
    return "" if name == PLACEHOLDER_NAME else name


def _image(value: Any) -> str | None:
    if not isinstance(value, str) or not value.startswith(("https://", "http://")) or len(value) > IMAGE_CHARS_MAX:
        return None
    return None if value.endswith(PLACEHOLDER_IMAGE) else value

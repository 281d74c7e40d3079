"""WooCommerce webhooks and REST orders as order snapshots; rules measured on WooCommerce 9.9.5.

https://woocommerce.github.io/woocommerce-rest-api-docs/#webhooks
"""

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, TypedDict
from urllib.parse import urlsplit

from prokip_shared.messages import OrderSnapshot
from prokip_shared.platforms.webhooks import (
    LevelHint,
    Meaning,
    Nothing,
    OrderFields,
    OrderSeen,
    ProductFields,
    ProductSeen,
    UnusableWebhook,
    item_fields,
    keep_list,
    keep_scalars,
    line_fields,
    one_of_each,
    product_fields,
    read_label,
    read_list,
    read_moment,
    read_object,
    read_price,
    read_quantity,
    read_reference,
    read_sku,
)

HEADER_SOURCE: Final = "X-WC-Webhook-Source"
HEADER_TOPIC: Final = "X-WC-Webhook-Topic"
HEADER_SIGNATURE: Final = "X-WC-Webhook-Signature"
PING_PREFIX: Final = b"webhook_id="
"""A new webhook is tried with this form body, unsigned and without any X-WC header."""

ORDER_TOPICS: Final = frozenset({"order.created", "order.updated", "order.restored"})
LEVEL_TOPICS: Final = frozenset({"product.created", "product.updated", "product.restored"})
PRODUCT_GONE_TOPIC: Final = "product.deleted"
"""May carry an order's id, which no product has: the two share one row of numbers."""
SILENT_TOPICS: Final = frozenset({"order.deleted"})
"""Trash keeps the stock taken."""
TOPICS: Final = ORDER_TOPICS | LEVEL_TOPICS | SILENT_TOPICS | {PRODUCT_GONE_TOPIC}

META_REDUCED: Final = "_reduced_stock"
META_RESTOCKED: Final = "_restock_refunded_items"
HOLDING_STATUSES: Final = frozenset({"processing", "on-hold", "completed", "refunded"})
"""Where WooCommerce takes stock when it manages it; `refunded` gives nothing back by itself."""

NONE_HELD: Final = Decimal(0)


class MetaBody(TypedDict, total=False):
    key: Any
    value: Any


class LineBody(TypedDict, total=False):
    id: Any
    sku: Any
    quantity: Any
    price: Any
    meta_data: list[MetaBody]


class Body(TypedDict, total=False):
    """What is looked at in a body, for a decoder that need not build the rest; a body may be of any other form."""

    id: Any
    number: Any
    status: Any
    date_created_gmt: Any
    date_modified_gmt: Any
    code: Any
    stock_quantity: Any
    type: Any
    parent_id: Any
    sku: Any
    manage_stock: Any
    variations: list[Any]
    line_items: list[LineBody]


_ORDER_FIELDS: Final = ("id", "number", "status", "date_created_gmt", "date_modified_gmt", "code")
_PRODUCT_FIELDS: Final = ("stock_quantity", "type", "parent_id", "sku", "manage_stock")
_LINE_FIELDS: Final = ("id", "sku", "quantity", "price")


DEFAULT_PORTS: Final = {"http": 80, "https": 443}
SOURCE_CHARS_MAX: Final = 500
SOURCES_CACHED_MAX: Final = 4096


@lru_cache(maxsize=SOURCES_CACHED_MAX)
def store_key_of(source: str) -> str:
    """The source header's home URL (with trailing slash) in the form of a store key (without).

    Lower-case scheme and host, default port left out; empty for what is no address.
    """
    try:
        parts = urlsplit(source[:SOURCE_CHARS_MAX].strip())
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    place = host if port is None or port == DEFAULT_PORTS[parts.scheme] else f"{host}:{port}"
    return f"{parts.scheme}://{place}{parts.path.rstrip('/')}"


def read_webhook(topic: str, payload: Any) -> Meaning:
    """Raises UnusableWebhook."""
    if topic in ORDER_TOPICS:
        return OrderSeen(read_fields(payload))
    if topic in LEVEL_TOPICS:
        product = _resource(payload)
        quantity = product.get("stock_quantity")
        return LevelHint(
            item_ref=read_reference(product.get("id"), "the product's id"),
            place_ref=None,
            quantity=None if quantity is None else read_quantity(quantity, "stock_quantity"),
            product=_product(product) if "type" in product else None,
        )
    if topic == PRODUCT_GONE_TOPIC:
        return ProductSeen(product_fields(read_reference(_resource(payload).get("id"), "the product's id"), 0))
    return Nothing(f"topic {topic} does not move stock")


def read_order(payload: Any) -> OrderSnapshot:
    """A webhook's or the REST API's order; both have one form. Raises UnusableWebhook."""
    return OrderSnapshot.model_validate(read_fields(payload))


def read_fields(payload: Any) -> OrderFields:
    """As `read_order`, ready to be encoded."""
    order = _resource(payload)
    order_ref = read_reference(order.get("id"), "the order's id")
    status = read_label(order.get("status"), "")
    if not status:
        raise UnusableWebhook("the order has no status")
    created_at = read_moment(order.get("date_created_gmt"), "date_created_gmt")
    modified_at = read_moment(order.get("date_modified_gmt"), "date_modified_gmt") or created_at
    if modified_at is None:
        raise UnusableWebhook("the order names no time of its version")
    return {
        "order_ref": order_ref,
        "order_number": read_label(order.get("number"), order_ref),
        "status": status,
        "created_at": created_at,
        "modified_at": modified_at,
        "lines": _lines(read_list(order.get("line_items"), "line_items"), status),
        "partial": False,
    }


def project(payload: Any) -> dict[str, Any]:
    """The fields that `read_webhook` looks at, in the store's own form: all that is ever kept of a body."""
    kept = keep_scalars(payload, (*_ORDER_FIELDS, *_PRODUCT_FIELDS))
    if isinstance(payload, dict) and "variations" in payload:
        kept["variations"] = [one for one in keep_list(payload["variations"]) if isinstance(one, int)]
    if isinstance(payload, dict) and "line_items" in payload:
        kept["line_items"] = [_project_line(line) for line in keep_list(payload["line_items"])]
    return kept


def _project_line(line: Any) -> dict[str, Any]:
    kept = keep_scalars(line, _LINE_FIELDS)
    if isinstance(line, dict):
        kept["meta_data"] = [
            keep_scalars(entry, ("key", "value"))
            for entry in keep_list(line.get("meta_data"))
            if isinstance(entry, dict) and entry.get("key") in (META_REDUCED, META_RESTOCKED)
        ]
    return kept


def _resource(payload: Any) -> Mapping[str, Any]:
    """The body's object, unless WooCommerce signed and sent its own error instead of one deleted meanwhile."""
    resource = read_object(payload, "the body")
    if "id" not in resource and "code" in resource:
        raise UnusableWebhook(f"the store sent the error {read_label(resource['code'], 'unknown')} instead")
    return resource


def _product(body: Mapping[str, Any]) -> ProductFields:
    """A variation comes in a body of its own, with its parent's id; a product with variations is an item itself only
    where it holds their stock.
    """
    ref = read_reference(body.get("id"), "the product's id")
    counted = body.get("manage_stock")
    item = item_fields(ref, body.get("sku"), tracked=counted if isinstance(counted, bool) else None)
    if body["type"] == "variation":
        return product_fields(read_reference(body.get("parent_id"), "the variation's parent"), None, [item])
    if body["type"] != "variable":
        return product_fields(ref, 1, [item])
    own = [item] if counted is True else []
    return product_fields(ref, len(own) + len(read_list(body.get("variations"), "variations")), own)


def _lines(items: list[Any], status: str) -> list[OrderFields]:
    """Each line with the units the store still holds as sold.

    `_reduced_stock` is the store's own book, below zero after a refund of more than was sold. An order that has it
    on some lines has simply not taken stock for the others; one without any is judged by its status.
    """
    lines = [(item := read_object(raw, "a line"), _stock_meta(item)) for raw in items]
    booked = any(reduced is not None for _, (reduced, _) in lines)
    holds = not booked and status in HOLDING_STATUSES
    return one_of_each([_line(item, reduced, restocked, holds=holds) for item, (reduced, restocked) in lines])


def _line(item: Mapping[str, Any], reduced: Decimal | None, restocked: Decimal, *, holds: bool) -> OrderFields:
    ordered = read_quantity(item.get("quantity"), "a line's quantity")
    by_status = ordered - restocked if holds else NONE_HELD
    return line_fields(
        line_ref=read_reference(item.get("id"), "a line's id"),
        sku=read_sku(item.get("sku"), "a line's sku"),
        ordered=ordered,
        taken=by_status if reduced is None else reduced,
        unit_price=read_price(item.get("price")),
    )


def _stock_meta(item: Mapping[str, Any]) -> tuple[Decimal | None, Decimal]:
    """(what the store holds taken, what refunds put back), from the line's meta data."""
    reduced: Decimal | None = None
    restocked = NONE_HELD
    entries = item.get("meta_data")
    for entry in entries if isinstance(entries, list) else ():
        key = entry.get("key") if isinstance(entry, dict) else None
        if key == META_REDUCED:
            reduced = read_quantity(entry.get("value"), META_REDUCED)
        elif key == META_RESTOCKED:
            restocked = read_quantity(entry.get("value"), META_RESTOCKED)
    return reduced, restocked

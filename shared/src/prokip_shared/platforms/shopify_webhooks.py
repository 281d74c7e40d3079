"""Shopify webhooks as order snapshots, and as hints of levels and products.

https://shopify.dev/docs/api/webhooks
"""

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, TypedDict

from prokip_shared.messages import OrderSnapshot
from prokip_shared.platforms.webhooks import (
    LevelHint,
    Meaning,
    Nothing,
    OrderFields,
    OrderSeen,
    ProductFields,
    ProductSeen,
    Uninstalled,
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
    read_word,
)

HEADER_SHOP: Final = "X-Shopify-Shop-Domain"
HEADER_TOPIC: Final = "X-Shopify-Topic"
HEADER_SIGNATURE: Final = "X-Shopify-Hmac-Sha256"
HEADER_TEST: Final = "X-Shopify-Test"
"""Set on the admin's test notifications, which are signed with a key that no app holds."""

ORDER_TOPICS: Final = frozenset(
    {
        "orders/create",
        "orders/updated",
        "orders/cancelled",
        "orders/paid",
        "orders/fulfilled",
        "orders/partially_fulfilled",
    }
)
LEVEL_TOPIC: Final = "inventory_levels/update"
PRODUCT_TOPICS: Final = frozenset({"products/create", "products/update"})
PRODUCT_GONE_TOPIC: Final = "products/delete"
UNINSTALLED_TOPIC: Final = "app/uninstalled"
REDACT_TOPIC: Final = "shop/redact"
"""Two days after an app was removed: erase what is kept of the shop."""
COMPLIANCE_TOPICS: Final = frozenset({"customers/data_request", "customers/redact", REDACT_TOPIC})
"""Told by an app's own setup, not by a shop's subscriptions, and signed with that app's secret also when the shop has
left. https://shopify.dev/docs/apps/build/compliance/privacy-law-compliance
"""
SILENT_TOPICS: Final = frozenset(
    {
        # No orders: a refund and an edit name only an order's id. orders/updated follows both, with the whole
        # order, so reading these would only ask the store for what it is about to tell.
        "refunds/create",
        "orders/edited",
        # Carries an id alone; deleting an order gives no stock back, and a level that moves is told by itself.
        "orders/delete",
    }
)
TOPICS: Final = (
    ORDER_TOPICS
    | PRODUCT_TOPICS
    | SILENT_TOPICS
    | COMPLIANCE_TOPICS
    | {LEVEL_TOPIC, PRODUCT_GONE_TOPIC, UNINSTALLED_TOPIC}
)

RESTOCKING: Final = frozenset({"return", "cancel", "legacy_restock"})
"""`no_restock` refunds leave the stock as it is. https://shopify.dev/docs/api/admin-rest/latest/resources/refund"""


class LineBody(TypedDict, total=False):
    id: Any
    sku: Any
    quantity: Any
    price: Any


class RefundLineBody(TypedDict, total=False):
    line_item_id: Any
    quantity: Any
    restock_type: Any


class RefundBody(TypedDict, total=False):
    refund_line_items: list[RefundLineBody]


class VariantBody(TypedDict, total=False):
    sku: Any
    inventory_item_id: Any
    inventory_management: Any


class Body(TypedDict, total=False):
    """What is looked at in a body, for a decoder that need not build the rest; a body may be of any other form."""

    id: Any
    name: Any
    created_at: Any
    updated_at: Any
    cancelled_at: Any
    financial_status: Any
    inventory_item_id: Any
    location_id: Any
    available: Any
    line_items: list[LineBody]
    refunds: list[RefundBody]
    shop_domain: Any
    variants: list[VariantBody]
    variant_gids: list[Any]


_ORDER_FIELDS: Final = ("id", "name", "created_at", "updated_at", "cancelled_at", "financial_status")
_LEVEL_FIELDS: Final = ("inventory_item_id", "location_id", "available")
_LINE_FIELDS: Final = ("id", "sku", "quantity", "price")
_REFUND_LINE_FIELDS: Final = ("line_item_id", "quantity", "restock_type")
_VARIANT_FIELDS: Final = ("sku", "inventory_item_id", "inventory_management")


def read_webhook(topic: str, payload: Any) -> Meaning:
    """Raises UnusableWebhook."""
    if topic in ORDER_TOPICS:
        return OrderSeen(read_fields(payload))
    if topic == LEVEL_TOPIC:
        return _read_level(payload)
    if topic in PRODUCT_TOPICS:
        return ProductSeen(_read_product(payload))
    if topic == PRODUCT_GONE_TOPIC:
        return ProductSeen(product_fields(_product_ref(payload), 0))
    if topic == UNINSTALLED_TOPIC:
        return Uninstalled("the app was uninstalled in Shopify")
    return Nothing(f"topic {topic} does not move stock")


def read_order(payload: Any) -> OrderSnapshot:
    """Raises UnusableWebhook."""
    return OrderSnapshot.model_validate(read_fields(payload))


def read_fields(payload: Any) -> OrderFields:
    """As `read_order`, ready to be encoded."""
    order = read_object(payload, "the body")
    order_ref = read_reference(order.get("id"), "the order's id")
    modified_at = read_moment(order.get("updated_at"), "updated_at")
    if modified_at is None:
        raise UnusableWebhook("the order names no time of its version")
    restocked = _restocked(order.get("refunds"))
    items = read_list(order.get("line_items"), "line_items")
    return {
        "order_ref": order_ref,
        "order_number": read_label(order.get("name"), order_ref),
        "status": "cancelled" if order.get("cancelled_at") else read_label(order.get("financial_status"), "unknown"),
        "created_at": read_moment(order.get("created_at"), "created_at"),
        "modified_at": modified_at,
        "lines": one_of_each([_line(read_object(raw, "a line"), restocked) for raw in items]),
        "partial": False,
    }


def project(payload: Any) -> dict[str, Any]:
    """The fields that `read_webhook` looks at, in Shopify's own form: all that is ever kept of a body."""
    kept = keep_scalars(payload, (*_ORDER_FIELDS, *_LEVEL_FIELDS))
    if not isinstance(payload, dict):
        return kept
    if "line_items" in payload:
        kept["line_items"] = [keep_scalars(line, _LINE_FIELDS) for line in keep_list(payload["line_items"])]
    if "refunds" in payload:
        kept["refunds"] = [
            {"refund_line_items": [keep_scalars(line, _REFUND_LINE_FIELDS) for line in _refund_lines(refund)]}
            for refund in keep_list(payload["refunds"])
        ]
    if "variants" in payload:
        kept["variants"] = [keep_scalars(variant, _VARIANT_FIELDS) for variant in keep_list(payload["variants"])]
    return kept


def _read_level(payload: Any) -> LevelHint:
    level = read_object(payload, "the body")
    available = level.get("available")
    return LevelHint(
        item_ref=read_reference(level.get("inventory_item_id"), "inventory_item_id"),
        place_ref=read_reference(level.get("location_id"), "location_id"),
        quantity=None if available is None else read_quantity(available, "available"),
    )


def _product_ref(payload: Any) -> str:
    return read_reference(read_object(payload, "the body").get("id"), "the product's id")


def _read_product(payload: Any) -> ProductFields:
    """`variants` holds the first hundred, `variant_gids` names them all."""
    ref = _product_ref(payload)
    variants, all_of_them = payload.get("variants"), payload.get("variant_gids")
    told = [] if variants is None else read_list(variants, "variants")
    items = [_item(variant) for raw in told if (variant := read_object(raw, "a variant")).get("inventory_item_id")]
    return product_fields(ref, len(all_of_them) if isinstance(all_of_them, list) else None, items)


def _item(variant: Mapping[str, Any]) -> ProductFields:
    """`inventory_management` names who counts a variant; nobody does where it is null."""
    return item_fields(
        read_reference(variant["inventory_item_id"], "a variant's inventory_item_id"),
        variant.get("sku"),
        tracked=variant["inventory_management"] is not None if "inventory_management" in variant else None,
    )


def _line(item: Mapping[str, Any], restocked: Mapping[str, Decimal]) -> OrderFields:
    line_ref = read_reference(item.get("id"), "a line's id")
    ordered = read_quantity(item.get("quantity"), "a line's quantity")
    return line_fields(
        line_ref=line_ref,
        sku=read_sku(item.get("sku"), "a line's sku"),
        ordered=ordered,
        taken=max(ordered - restocked.get(line_ref, Decimal(0)), Decimal(0)),
        unit_price=read_price(item.get("price")),
    )


def _restocked(refunds: Any) -> Mapping[str, Decimal]:
    """Units put back, by line id: an order carries the whole history of its refunds."""
    units: defaultdict[str, Decimal] = defaultdict(Decimal)
    for refund in read_list(refunds, "refunds") if refunds is not None else ():
        for raw in _refund_lines(read_object(refund, "a refund")):
            line = read_object(raw, "a refund's line")
            if read_word(line.get("restock_type"), "a refund's restock_type") in RESTOCKING:
                quantity = read_quantity(line.get("quantity"), "a refund's quantity")
                units[read_reference(line.get("line_item_id"), "a refund's line_item_id")] += quantity
    return units


def _refund_lines(refund: Any) -> list[Any]:
    return keep_list(refund.get("refund_line_items")) if isinstance(refund, dict) else []

"""Webhook bodies: the REST resource at the document's root, in the shape of API version 2026-07's examples."""

from typing import Any

from prokip_sandbox.shopify.model import (
    Item,
    Level,
    LineItem,
    Order,
    Product,
    Refund,
    RefundLine,
    ShopState,
    Variant,
    gid,
)
from prokip_sandbox.shopify.orders import financial_status, fulfillment_status, line_of
from prokip_sandbox.values import iso_seconds, money

OFFSET_HOURS = -5
VARIANTS_IN_FULL_MAX = 100


def iso_local(timestamp_s: float) -> str:
    return f"{iso_seconds(timestamp_s, offset_hours=OFFSET_HOURS)}{OFFSET_HOURS:+03d}:00"


def level_body(level: Level) -> dict[str, Any]:
    return {
        "inventory_item_id": level.item_id,
        "location_id": level.location_id,
        "available": level.available,
        "updated_at": iso_local(level.updated_s),
        "admin_graphql_api_id": level.gid,
    }


def gone_product_body(product: Product) -> dict[str, Any]:
    return {"id": product.id}


def product_body(product: Product, state: ShopState) -> dict[str, Any]:
    """Without what only a shop window shows. Of many variants the first hundred come in full, all by their ids."""
    variants = [state.variants[number] for number in product.variant_ids[:VARIANTS_IN_FULL_MAX]]
    return {
        "id": product.id,
        "admin_graphql_api_id": gid("Product", product.id),
        "title": product.title,
        "status": product.status.lower(),
        "created_at": iso_local(product.created_s),
        "updated_at": iso_local(product.updated_s),
        "variants": [_variant(variant, state.items[variant.item_id]) for variant in variants],
        "variant_gids": [
            {
                "admin_graphql_api_id": gid("ProductVariant", number),
                "updated_at": iso_local(state.items[state.variants[number].item_id].updated_s),
            }
            for number in product.variant_ids
        ],
    }


def _variant(variant: Variant, item: Item) -> dict[str, Any]:
    return {
        "id": variant.id,
        "admin_graphql_api_id": gid("ProductVariant", variant.id),
        "product_id": variant.product_id,
        "title": variant.title,
        "price": money(variant.price_cents),
        "position": variant.position,
        "inventory_policy": variant.policy.lower(),
        "inventory_management": "shopify" if item.tracked else None,
        "inventory_item_id": item.id,
        "inventory_quantity": sum(level.available for level in item.levels.values()),
        "sku": item.sku,
        "created_at": iso_local(item.created_s),
        "updated_at": iso_local(item.updated_s),
    }


def refund_body(order: Order, refund: Refund, state: ShopState) -> dict[str, Any]:
    return {
        "id": refund.id,
        "admin_graphql_api_id": gid("Refund", refund.id),
        "order_id": order.id,
        "created_at": iso_local(refund.created_s),
        "processed_at": iso_local(refund.created_s),
        "note": refund.note or None,
        "user_id": None,
        "restock": any(line.location_id for line in refund.lines),
        "return": None,
        "duties": [],
        "additional_fees": [],
        "order_adjustments": [],
        "refund_shipping_lines": [],
        "transactions": [],
        "total_duties_set": _money_set(0),
        "total_additional_fees_set": _money_set(0),
        "refund_line_items": [_refund_line(order, line, state) for line in refund.lines],
    }


def order_body(order: Order, state: ShopState) -> dict[str, Any]:
    total, current = order.total_cents, order.current_cents
    created = iso_local(order.created_s)
    return {
        **_NO_VALUES,
        "id": order.id,
        "admin_graphql_api_id": gid("Order", order.id),
        "cancel_reason": order.cancel_reason,
        "cancelled_at": iso_local(order.cancelled_s) if order.cancelled_s is not None else None,
        "confirmed": True,
        "created_at": created,
        "processed_at": created,
        "updated_at": iso_local(order.updated_s),
        "currency": "USD",
        "presentment_currency": "USD",
        "current_subtotal_price": money(current),
        "current_total_price": money(current),
        "current_total_tax": "0.00",
        "current_total_discounts": "0.00",
        "current_subtotal_price_set": _money_set(current),
        "current_total_price_set": _money_set(current),
        "email": "shopper@example.test",
        "contact_email": "shopper@example.test",
        "financial_status": financial_status(order),
        "fulfillment_status": fulfillment_status(order),
        "name": f"#{order.number}",
        "number": order.number - 1000,
        "order_number": order.number,
        "source_name": "web",
        "subtotal_price": money(total),
        "subtotal_price_set": _money_set(total),
        "total_line_items_price": money(total),
        "total_price": money(total),
        "total_price_set": _money_set(total),
        "total_outstanding": "0.00",
        "total_tax": "0.00",
        "total_discounts": "0.00",
        "line_items": [_line_item(line, state) for line in order.lines],
        "refunds": [refund_body(order, refund, state) for refund in order.refunds],
    }


_NO_VALUES: dict[str, Any] = {
    **dict.fromkeys(
        (
            "app_id",
            "browser_ip",
            "cart_token",
            "checkout_id",
            "checkout_token",
            "client_details",
            "closed_at",
            "confirmation_number",
            "customer",
            "customer_locale",
            "billing_address",
            "device_id",
            "landing_site",
            "location_id",
            "note",
            "payment_terms",
            "phone",
            "po_number",
            "reference",
            "referring_site",
            "shipping_address",
            "source_identifier",
            "source_url",
            "user_id",
        )
    ),
    **dict.fromkeys(
        (
            "buyer_accepts_marketing",
            "duties_included",
            "estimated_taxes",
            "tax_exempt",
            "taxes_included",
            "test",
        ),
        False,
    ),
    "tags": "",
    "total_weight": 0,
    "discount_applications": [],
    "discount_codes": [],
    "fulfillments": [],
    "note_attributes": [],
    "payment_gateway_names": [],
    "returns": [],
    "shipping_lines": [],
    "tax_lines": [],
    "line_item_groups": [],
}


def _line_item(line: LineItem, state: ShopState) -> dict[str, Any]:
    variant = state.variants.get(line.variant_id)
    tracked = variant is not None and state.items[variant.item_id].tracked
    status = None
    if line.fulfilled:
        status = "partial" if line.unfulfilled else "fulfilled"
    return {
        "id": line.id,
        "admin_graphql_api_id": gid("LineItem", line.id),
        "attributed_staffs": [],
        "current_quantity": line.current_quantity,
        "fulfillable_quantity": line.unfulfilled,
        "fulfillment_service": "manual",
        "fulfillment_status": status,
        "gift_card": False,
        "grams": 0,
        "name": line.title,
        "price": money(line.price_cents),
        "price_set": _money_set(line.price_cents),
        "product_exists": variant is not None,
        "product_id": variant.product_id if variant else None,
        "properties": [],
        "quantity": line.quantity,
        "requires_shipping": True,
        "sales_line_item_group_id": None,
        "sku": line.sku or None,
        "taxable": True,
        "title": line.title,
        "total_discount": "0.00",
        "total_discount_set": _money_set(0),
        "variant_id": line.variant_id if variant else None,
        "variant_inventory_management": "shopify" if tracked else None,
        "variant_title": None,
        "vendor": None,
        "tax_lines": [],
        "duties": [],
        "discount_allocations": [],
    }


def _refund_line(order: Order, refund_line: RefundLine, state: ShopState) -> dict[str, Any]:
    line = line_of(order, refund_line.line_id)
    cents = line.price_cents * refund_line.quantity
    return {
        "id": refund_line.id,
        "line_item_id": line.id,
        "location_id": refund_line.location_id,
        "quantity": refund_line.quantity,
        "restock_type": refund_line.restock_type,
        "subtotal": cents / 100,
        "subtotal_set": _money_set(cents),
        "total_tax": 0.0,
        "total_tax_set": _money_set(0),
        "line_item": _line_item(line, state),
    }


def _money_set(cents: int) -> dict[str, Any]:
    amount = {"amount": money(cents), "currency_code": "USD"}
    return {"shop_money": amount, "presentment_money": amount}

"""The GraphQL objects of one shop: plain dictionaries whose callable members are fields with arguments or behind a link.

graphql-core's default resolver calls a callable member with `(info, **arguments)` and reads `__typename` for interfaces.
"""

from collections.abc import Callable
from typing import Any

from prokip_sandbox.shopify.inventory import Inventory
from prokip_sandbox.shopify.model import (
    API_VERSION,
    Item,
    Level,
    LineItem,
    Location,
    Order,
    Product,
    Refund,
    RefundLine,
    ShopSite,
    ShopState,
    Subscription,
    Variant,
    gid,
    number_of,
)
from prokip_sandbox.shopify.orders import financial_status, fulfillment_status, line_of
from prokip_sandbox.shopify.products import handle_of
from prokip_sandbox.shopify.search import page
from prokip_sandbox.values import iso_zulu, money

Json = dict[str, Any]


class Views:
    def __init__(self, state: ShopState, site: ShopSite, inventory: Inventory) -> None:
        self._state = state
        self._site = site
        self._inventory = inventory

    def node(self, global_id: str) -> Json | None:
        """Any object that a gid may name here."""
        kind = global_id.removeprefix("gid://shopify/").partition("/")[0]
        if kind == "InventoryLevel":
            return self.level_by_gid(global_id)
        if kind == "Refund":
            return self._refund_by_number(number_of(global_id, kind))
        tables: dict[str, tuple[dict[int, Any], Callable[[Any], Json]]] = {
            "InventoryItem": (self._state.items, self.item),
            "ProductVariant": (self._state.variants, self.variant),
            "Product": (self._state.products, self.product),
            "Location": (self._state.locations, self.location),
            "Order": (self._state.orders, self.order),
            "WebhookSubscription": (self._state.subscriptions, self.subscription),
        }
        table, view = tables.get(kind, ({}, self.item))
        found = table.get(number_of(global_id, kind))
        return None if found is None else view(found)

    def level_by_gid(self, global_id: str) -> Json | None:
        _, _, item_number = global_id.partition("?inventory_item_id=")
        item = self._state.items.get(int(item_number)) if item_number.isdigit() else None
        found = [level for level in item.levels.values() if level.gid == global_id] if item else []
        return self.level(found[0]) if found else None

    def _refund_by_number(self, number: int) -> Json | None:
        found = ((order, one) for order in self._state.orders.values() for one in order.refunds if one.id == number)
        order, refund = next(found, (None, None))
        return None if order is None or refund is None else self.refund(order, refund)

    def location(self, location: Location) -> Json:
        created = iso_zulu(location.created_s)
        return {
            "__typename": "Location",
            "id": gid("Location", location.id),
            "legacyResourceId": str(location.id),
            "name": location.name,
            "isActive": location.is_active,
            "isFulfillmentService": False,
            "fulfillsOnlineOrders": location.is_active,
            "shipsInventory": location.is_active,
            "hasActiveInventory": any(location.id in item.levels for item in self._state.items.values()),
            "createdAt": created,
            "updatedAt": created,
        }

    def product(self, product: Product) -> Json:
        variants = [self._state.variants[i] for i in product.variant_ids]
        items = [self._state.items[variant.item_id] for variant in variants]
        return {
            "__typename": "Product",
            "id": gid("Product", product.id),
            "legacyResourceId": str(product.id),
            "title": product.title,
            "handle": handle_of(product),
            "vendor": "Sandbox",
            "productType": "",
            "status": product.status,
            "mediaCount": {"count": len(product.images), "precision": "EXACT"},
            "totalInventory": sum(map(_total_available, items)),
            "tracksInventory": any(item.tracked for item in items),
            "hasOnlyDefaultVariant": len(variants) == 1,
            "createdAt": iso_zulu(product.created_s),
            "updatedAt": iso_zulu(product.updated_s),
            "variants": lambda _info, **arguments: page(
                variants, arguments, lambda v: (v.position, v.id), self.variant
            ),
        }

    def variant(self, variant: Variant) -> Json:
        item = self._state.items[variant.item_id]
        product = self._state.products[variant.product_id]
        available = _total_available(item)
        return {
            "__typename": "ProductVariant",
            "id": gid("ProductVariant", variant.id),
            "legacyResourceId": str(variant.id),
            "sku": item.sku or None,
            "title": variant.title,
            "displayName": f"{product.title} - {variant.title}",
            "barcode": None,
            "price": money(variant.price_cents),
            "compareAtPrice": None,
            "position": variant.position,
            "inventoryQuantity": available,
            "sellableOnlineQuantity": max(available, 0),
            "inventoryPolicy": variant.policy,
            "availableForSale": available > 0 or variant.policy == "CONTINUE" or not item.tracked,
            "taxable": True,
            "inventoryItem": lambda _info: self.item(item),
            "product": lambda _info: self.product(product),
            "createdAt": iso_zulu(item.created_s),
            "updatedAt": iso_zulu(item.updated_s),
        }

    def item(self, item: Item) -> Json:
        variant = self._state.variants[item.variant_id]
        return {
            "__typename": "InventoryItem",
            "id": gid("InventoryItem", item.id),
            "legacyResourceId": str(item.id),
            "sku": item.sku or None,
            "tracked": item.tracked,
            "requiresShipping": True,
            "duplicateSkuCount": self._inventory.same_sku_count(item),
            "createdAt": iso_zulu(item.created_s),
            "updatedAt": iso_zulu(item.updated_s),
            "variant": lambda _info: self.variant(variant),
            "variants": lambda _info, **arguments: page([variant], arguments, lambda v: (v.id, v.id), self.variant),
            "inventoryLevel": lambda _info, **arguments: self._level_at(item, arguments),
            "inventoryLevels": lambda _info, **arguments: self._levels(item, arguments),
        }

    def level(self, level: Level) -> Json:
        item = self._state.items[level.item_id]
        location = self._state.locations[level.location_id]
        updated = iso_zulu(level.updated_s)
        return {
            "__typename": "InventoryLevel",
            "id": level.gid,
            "isActive": level.is_active,
            "canDeactivate": level.committed == 0,
            "item": lambda _info: self.item(item),
            "location": lambda _info: self.location(location),
            "quantities": lambda _info, names: [_quantity(level, name, updated) for name in names],
            "createdAt": iso_zulu(item.created_s),
            "updatedAt": updated,
        }

    def adjustment_group(self, group: Json) -> Json:
        return {
            "__typename": "InventoryAdjustmentGroup",
            "id": group["id"],
            "createdAt": iso_zulu(group["at_s"]),
            "reason": group["reason"],
            "referenceDocumentUri": group["referenceDocumentUri"],
            "changes": lambda _info, **arguments: [
                self._change(change)
                for change in group["changes"]
                if change["name"] in (arguments.get("quantityNames") or (change["name"],))
            ],
        }

    def order(self, order: Order) -> Json:
        cancelled = iso_zulu(order.cancelled_s) if order.cancelled_s is not None else None
        return {
            "__typename": "Order",
            "id": gid("Order", order.id),
            "legacyResourceId": str(order.id),
            "name": f"#{order.number}",
            "number": order.number,
            "test": False,
            "confirmed": True,
            "closed": False,
            "sourceName": "web",
            "cancelReason": order.cancel_reason.upper() if order.cancel_reason else None,
            "cancelledAt": cancelled,
            "closedAt": None,
            "createdAt": iso_zulu(order.created_s),
            "processedAt": iso_zulu(order.created_s),
            "updatedAt": iso_zulu(order.updated_s),
            "displayFinancialStatus": financial_status(order).upper(),
            "displayFulfillmentStatus": _DISPLAYED_FULFILLMENT[fulfillment_status(order)],
            "currentSubtotalLineItemsQuantity": sum(line.current_quantity for line in order.lines),
            "subtotalLineItemsQuantity": sum(line.quantity for line in order.lines),
            "lineItems": lambda _info, **arguments: page(
                order.lines, arguments, lambda line: (line.id, line.id), self.line_item
            ),
            "refunds": lambda _info, **arguments: [
                self.refund(order, refund) for refund in order.refunds[: arguments.get("first")]
            ],
            "fulfillmentOrders": lambda _info, **arguments: page(
                _sold_at(order), arguments, lambda place: (place, place), lambda place: self._fulfillment(order, place)
            ),
        }

    def line_item(self, line: LineItem) -> Json:
        variant = self._state.variants.get(line.variant_id)
        return {
            "__typename": "LineItem",
            "id": gid("LineItem", line.id),
            "name": line.title,
            "title": line.title,
            "sku": line.sku or None,
            "quantity": line.quantity,
            "currentQuantity": line.current_quantity,
            "originalUnitPriceSet": _money_bag(line.price_cents),
            "refundableQuantity": line.current_quantity,
            "unfulfilledQuantity": line.unfulfilled,
            "requiresShipping": True,
            "restockable": line.location_id is not None,
            "variant": lambda _info: self.variant(variant) if variant else None,
            "product": lambda _info: self.product(self._state.products[variant.product_id]) if variant else None,
        }

    def refund(self, order: Order, refund: Refund) -> Json:
        created = iso_zulu(refund.created_s)
        return {
            "__typename": "Refund",
            "id": gid("Refund", refund.id),
            "legacyResourceId": str(refund.id),
            "note": refund.note or None,
            "order": lambda _info: self.order(order),
            "createdAt": created,
            "processedAt": created,
            "updatedAt": created,
            "refundLineItems": lambda _info, **arguments: page(
                refund.lines, arguments, lambda line: (line.id, line.id), lambda line: self._refund_line(order, line)
            ),
        }

    def subscription(self, subscription: Subscription) -> Json:
        return {
            "__typename": "WebhookSubscription",
            "id": gid("WebhookSubscription", subscription.id),
            "legacyResourceId": str(subscription.id),
            "apiVersion": {"displayName": API_VERSION, "handle": API_VERSION, "supported": True},
            "topic": subscription.topic,
            "uri": subscription.uri,
            "callbackUrl": subscription.uri,
            "endpoint": {"__typename": "WebhookHttpEndpoint", "callbackUrl": subscription.uri},
            "format": "JSON",
            "filter": subscription.filter,
            "includeFields": subscription.include_fields,
            "metafieldNamespaces": [],
            "name": subscription.name,
            "createdAt": iso_zulu(subscription.created_s),
            "updatedAt": iso_zulu(subscription.updated_s),
        }

    def _level_at(self, item: Item, arguments: Json) -> Json | None:
        level = item.levels.get(number_of(arguments["locationId"], "Location"))
        if level is None or not (level.is_active or arguments["includeInactive"]):
            return None
        return self.level(level)

    def _levels(self, item: Item, arguments: Json) -> Json:
        shown = [level for level in item.levels.values() if level.is_active or arguments["includeInactive"]]
        return page(shown, arguments, lambda level: (level.location_id, level.location_id), self.level)

    def _change(self, change: Json) -> Json:
        item, location = self._state.items[change["item_id"]], self._state.locations[change["location_id"]]
        return {
            "name": change["name"],
            "delta": change["delta"],
            "quantityAfterChange": change["after"],
            "ledgerDocumentUri": None,
            "item": lambda _info: self.item(item),
            "location": lambda _info: self.location(location),
        }

    def _refund_line(self, order: Order, refund_line: RefundLine) -> Json:
        location = self._state.locations.get(refund_line.location_id or 0)
        return {
            "id": gid("RefundLineItem", refund_line.id),
            "quantity": refund_line.quantity,
            "restockType": refund_line.restock_type.upper(),
            "restocked": location is not None,
            "location": lambda _info: self.location(location) if location else None,
            "lineItem": lambda _info: self.line_item(line_of(order, refund_line.line_id)),
        }

    def _fulfillment(self, order: Order, location_id: int) -> Json:
        location = self._state.locations[location_id]
        return {
            "id": gid("FulfillmentOrder", order.id + location_id),
            "assignedLocation": {"name": location.name, "location": lambda _info: self.location(location)},
        }


_DISPLAYED_FULFILLMENT = {None: "UNFULFILLED", "partial": "PARTIALLY_FULFILLED", "fulfilled": "FULFILLED"}


def _total_available(item: Item) -> int:
    return sum(level.available for level in item.levels.values() if level.is_active)


def _money_bag(cents: int) -> Json:
    amount = {"amount": money(cents), "currencyCode": "USD"}
    return {"shopMoney": amount, "presentmentMoney": amount}


def _sold_at(order: Order) -> list[int]:
    return sorted({line.location_id for line in order.lines if line.location_id is not None})


def _quantity(level: Level, name: str, updated: str) -> Json:
    quantity = {
        "available": level.available,
        "committed": level.committed,
        "on_hand": level.available + level.committed,
    }.get(name, 0)
    return {
        "id": f"gid://shopify/InventoryQuantity/{level.item_id}-{name}",
        "name": name,
        "quantity": quantity,
        "updatedAt": updated,
    }

"""The root fields of the GraphQL API: what each query and mutation does to one shop."""

from collections.abc import Callable, Mapping
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo
from graphql.execution import get_directive_values

from prokip_sandbox.shopify.inventory import Inventory
from prokip_sandbox.shopify.model import (
    Item,
    Order,
    Product,
    ShopSite,
    ShopState,
    Subscription,
    Variant,
    gid,
    number_of,
)
from prokip_sandbox.shopify.orders import Orders
from prokip_sandbox.shopify.products import Products
from prokip_sandbox.shopify.search import matching, page
from prokip_sandbox.shopify.views import Views
from prokip_sandbox.shopify.webhooks import Webhooks
from prokip_sandbox.values import iso_zulu

ARRAY_ITEMS_MAX = 250
REQUIRED_SCOPE = {
    "locations": "read_locations",
    "products": "read_products",
    "productVariants": "read_products",
    "productVariantsCount": "read_products",
    "inventoryItems": "read_inventory",
    "inventorySetQuantities": "write_inventory",
    "inventoryActivate": "write_inventory",
    "inventoryItemUpdate": "write_inventory",
    "productSet": "write_products",
    "productUpdate": "write_products",
    "productVariantsBulkUpdate": "write_products",
    "orders": "read_orders",
    "order": "read_orders",
    "refund": "read_orders",
    "orderCancel": "write_orders",
    "refundCreate": "write_orders",
}

Json = dict[str, Any]
Field = Callable[..., Any]


class Operations:
    def __init__(
        self,
        state: ShopState,
        site: ShopSite,
        inventory: Inventory,
        orders: Orders,
        webhooks: Webhooks,
        views: Views,
        goods: Products,
        scopes: frozenset[str],
    ) -> None:
        self._state = state
        self._site = site
        self._inventory = inventory
        self._orders = orders
        self._webhooks = webhooks
        self._views = views
        self._goods = goods
        self.scopes = scopes
        self.root: dict[str, Field] = {name: self._allowed(name, field) for name, field in self._fields().items()}

    def _fields(self) -> dict[str, Field]:
        state, views = self._state, self._views
        return {
            "shop": lambda _info: self._shop(),
            "currentAppInstallation": lambda _info: self._installation(),
            "node": lambda _info, id: views.node(id),  # noqa: A006 - the schema names it so
            "nodes": lambda _info, ids: self._nodes(ids),
            "location": lambda _info, id: views.node(id),  # noqa: A006
            "locations": lambda _info, **arguments: self._locations(arguments),
            "product": lambda _info, id: views.node(id),  # noqa: A006
            "products": lambda _info, **arguments: self._products(arguments),
            "productVariant": lambda _info, id: views.node(id),  # noqa: A006
            "productVariants": lambda _info, **arguments: self._variants(arguments),
            "productVariantsCount": lambda _info, **arguments: self._count_variants(arguments),
            "inventoryItem": lambda _info, id: views.node(id),  # noqa: A006
            "inventoryItems": lambda _info, **arguments: page(
                matching(state.items.values(), arguments.get("query"), _ITEM_SEARCH), arguments, _by_id, views.item
            ),
            "inventoryLevel": lambda _info, id: views.level_by_gid(id),  # noqa: A006
            "order": lambda _info, id: views.node(id),  # noqa: A006
            "refund": lambda _info, id: views.node(id),  # noqa: A006
            "orders": lambda _info, **arguments: self._order_page(arguments),
            "webhookSubscription": lambda _info, id: views.node(id),  # noqa: A006
            "webhookSubscriptions": lambda _info, **arguments: self._subscriptions(arguments),
            "inventorySetQuantities": self._set_quantities,
            "inventoryActivate": self._activate,
            "inventoryItemUpdate": lambda _info, **arguments: self._update_item(arguments),
            "productSet": lambda _info, **arguments: self._set_product(arguments),
            "productUpdate": lambda _info, **arguments: self._update_product(arguments),
            "productVariantsBulkUpdate": lambda _info, **arguments: self._update_variants(arguments),
            "orderCancel": lambda _info, **arguments: self._cancel(arguments),
            "refundCreate": self._create_refund,
            "webhookSubscriptionCreate": lambda _info, **arguments: self._subscribe(arguments),
            "webhookSubscriptionUpdate": lambda _info, **arguments: self._update_subscription(arguments),
            "webhookSubscriptionDelete": lambda _info, **arguments: self._unsubscribe(arguments),
        }

    def _allowed(self, name: str, field: Field) -> Field:
        scope = REQUIRED_SCOPE.get(name)
        if scope is None or scope in self.scopes or scope.replace("read_", "write_") in self.scopes:
            return field

        def denied(_info: GraphQLResolveInfo[Any], **_arguments: Any) -> None:
            message = f"Access denied for {name} field. Required access: `{scope}` access scope."
            raise GraphQLError(
                message, extensions={"code": "ACCESS_DENIED", "requiredAccess": f"`{scope}` access scope."}
            )

        return denied

    def _shop(self) -> Json:
        now = iso_zulu(self._site.clock())
        return {
            "__typename": "Shop",
            "id": gid("Shop", 1),
            "name": f"Sandbox {self._site.domain.partition('.')[0]}",
            "email": "owner@example.test",
            "contactEmail": "owner@example.test",
            "myshopifyDomain": self._site.domain,
            "url": f"https://{self._site.domain}",
            "ianaTimezone": "America/New_York",
            "timezoneOffsetMinutes": -300,
            "currencyCode": "USD",
            "plan": {"partnerDevelopment": True, "publicDisplayName": "Sandbox", "shopifyPlus": False},
            "createdAt": now,
            "updatedAt": now,
        }

    def _installation(self) -> Json:
        scopes = [{"handle": scope, "description": scope.replace("_", " ")} for scope in sorted(self.scopes)]
        return {"id": gid("AppInstallation", 1), "accessScopes": scopes}

    def _nodes(self, ids: list[str]) -> list[Json | None]:
        _check_array(ids, ["nodes", "ids"])
        return [self._views.node(one) for one in ids]

    def _locations(self, arguments: Json) -> Json:
        shown = [one for one in self._state.locations.values() if one.is_active or arguments["includeInactive"]]
        by_name = arguments["sortKey"] == "NAME"
        return page(shown, arguments, lambda one: (one.name if by_name else one.id, one.id), self._views.location)

    def _products(self, arguments: Json) -> Json:
        getters: dict[str, Callable[[Product], Any]] = {
            "id": lambda product: product.id,
            "title": lambda product: product.title,
            "updated_at": lambda product: product.updated_s,
        }
        rows = matching(self._state.products.values(), arguments.get("query"), getters)
        return page(rows, arguments, _by_id, self._views.product)

    def _variants(self, arguments: Json) -> Json:
        items = self._state.items
        getters: dict[str, Callable[[Variant], Any]] = {
            "id": lambda variant: variant.id,
            "product_id": lambda variant: variant.product_id,
            "sku": lambda variant: items[variant.item_id].sku,
            "updated_at": lambda variant: items[variant.item_id].updated_s,
        }
        rows = matching(self._state.variants.values(), arguments.get("query"), getters)
        by_sku = arguments["sortKey"] == "SKU"
        return page(rows, arguments, lambda v: (items[v.item_id].sku if by_sku else v.id, v.id), self._views.variant)

    def _count_variants(self, arguments: Json) -> Json:
        count, limit = len(self._state.variants), arguments.get("limit")
        if limit is not None and count > limit:
            return {"count": limit, "precision": "AT_LEAST"}
        return {"count": count, "precision": "EXACT"}

    def _order_page(self, arguments: Json) -> Json:
        rows = matching(self._state.orders.values(), arguments.get("query"), _ORDER_SEARCH)
        by_update = arguments["sortKey"] == "UPDATED_AT"
        return page(
            rows,
            arguments,
            lambda order: (int(order.updated_s if by_update else order.created_s), order.id),
            self._views.order,
        )

    def _subscriptions_of_app(self) -> list[Subscription]:
        """An app sees its own only."""
        asking = self._webhooks.asking_client_id
        return [one for one in self._state.subscriptions.values() if one.client_id == asking]

    def _subscriptions(self, arguments: Json) -> Json:
        topics, uri = arguments.get("topics"), arguments.get("uri") or arguments.get("callbackUrl")
        rows = [
            one
            for one in self._subscriptions_of_app()
            if (not topics or one.topic in topics) and (not uri or one.uri == uri)
        ]
        return page(rows, arguments, _by_id, self._views.subscription)

    def _set_quantities(self, info: GraphQLResolveInfo[Any], **arguments: Any) -> Json:
        fields = arguments["input"]
        key = _idempotency_key(info)
        _check_array(fields["quantities"], ["input", "quantities"])
        if any("changeFromQuantity" not in line for line in fields["quantities"]):
            raise GraphQLError(
                "InventoryQuantityInput must include the following argument: changeFromQuantity",
                extensions={"code": "INVALID_FIELD_ARGUMENTS"},
            )
        self._webhooks.new_action()
        result = self._inventory.once(
            key, "inventorySetQuantities", fields, lambda: self._inventory.set_quantities(fields)
        )
        group = result["group"]
        return {
            "inventoryAdjustmentGroup": self._views.adjustment_group(group) if group else None,
            "userErrors": result["errors"],
        }

    def _activate(self, info: GraphQLResolveInfo[Any], **arguments: Any) -> Json:
        key = _idempotency_key(info)
        self._webhooks.new_action()
        result = self._inventory.once(key, "inventoryActivate", arguments, lambda: self._inventory.activate(arguments))
        if result["errors"]:
            return {"inventoryLevel": None, "userErrors": result["errors"]}
        level = self._state.items[result["item_id"]].levels[result["location_id"]]
        return {"inventoryLevel": self._views.level(level), "userErrors": []}

    def _update_item(self, arguments: Json) -> Json:
        item = self._state.items.get(number_of(arguments["id"], "InventoryItem"))
        if item is None:
            return {"inventoryItem": None, "userErrors": [_user_error(["id"], "Inventory item does not exist")]}
        self._inventory.update_item(item, arguments["input"])
        return {"inventoryItem": self._views.item(item), "userErrors": []}

    def _set_product(self, arguments: Json) -> Json:
        fields = arguments["input"]
        _check_array(fields.get("variants") or [], ["input", "variants"])
        self._webhooks.new_action()
        result = self._goods.set(arguments.get("identifier"), fields)
        return {"product": self._shown(result.get("product")), "userErrors": result["errors"]}

    def _update_product(self, arguments: Json) -> Json:
        self._webhooks.new_action()
        result = self._goods.update(arguments.get("product") or {}, arguments.get("media") or [])
        return {"product": self._shown(result.get("product")), "userErrors": result["errors"]}

    def _update_variants(self, arguments: Json) -> Json:
        _check_array(arguments["variants"], ["variants"])
        self._webhooks.new_action()
        result = self._goods.update_variants(arguments["productId"], arguments["variants"])
        variants = [self._views.variant(variant) for variant in result.get("variants", ())]
        return {
            "product": self._shown(result.get("product")),
            "productVariants": variants,
            "userErrors": result["errors"],
        }

    def _shown(self, product: Product | None) -> Json | None:
        return None if product is None else self._views.product(product)

    def _cancel(self, arguments: Json) -> Json:
        order = self._state.orders.get(number_of(arguments["orderId"], "Order"))
        if order is None:
            code, message = "NOT_FOUND", "Order does not exist"
        elif order.cancelled_s is not None:
            code, message = "INVALID", "Order has already been cancelled"
        else:
            self._webhooks.new_action()
            self._orders.cancel(order, restock=arguments["restock"], reason=arguments["reason"].lower())
            job = {"id": gid("Job", order.id), "done": True}
            return {"job": job, "orderCancelUserErrors": [], "userErrors": []}
        error = {"code": code, **_user_error(["orderId"], message)}
        return {"job": None, "orderCancelUserErrors": [error], "userErrors": [error]}

    def _create_refund(self, info: GraphQLResolveInfo[Any], **arguments: Any) -> Json:
        fields = arguments["input"]
        key = _idempotency_key(info)
        self._webhooks.new_action()
        result = self._inventory.once(key, "refundCreate", fields, lambda: self._refund(fields))
        if result["errors"]:
            return {"order": None, "refund": None, "userErrors": result["errors"]}
        order = self._state.orders[result["order_id"]]
        refund = next(one for one in order.refunds if one.id == result["refund_id"])
        return {"order": self._views.order(order), "refund": self._views.refund(order, refund), "userErrors": []}

    def _refund(self, fields: Mapping[str, Any]) -> Json:
        order = self._state.orders.get(number_of(fields["orderId"], "Order"))
        if order is None:
            return {"errors": [_user_error(["orderId"], "Order does not exist")]}
        lines = []
        for n, one in enumerate(fields.get("refundLineItems") or ()):
            line = next((x for x in order.lines if x.id == number_of(one["lineItemId"], "LineItem")), None)
            restock_type = (one.get("restockType") or "NO_RESTOCK").lower()
            if line is None or not 0 < one["quantity"] <= line.current_quantity:
                return {
                    "errors": [
                        _user_error(
                            ["refundLineItems", str(n)], "Quantity cannot refund more items than were purchased"
                        )
                    ]
                }
            if restock_type == "legacy_restock":
                return {"errors": [_user_error(["refundLineItems", str(n)], "Restock type is invalid")]}
            place = number_of(one["locationId"], "Location") if one.get("locationId") else None
            lines.append(self._orders.refund_line(order, line.id, one["quantity"], restock_type, place))
        refund = self._orders.refund(order, lines, fields.get("note") or "")
        return {"errors": [], "order_id": order.id, "refund_id": refund.id}

    def _subscribe(self, arguments: Json) -> Json:
        fields = arguments["webhookSubscription"]
        uri = str(fields.get("uri") or fields.get("callbackUrl") or "")
        error = self._uri_error(uri, arguments["topic"], fields)
        if error:
            return {"webhookSubscription": None, "userErrors": [_user_error(["webhookSubscription", "uri"], error)]}
        now_s = self._site.clock()
        subscription = Subscription(
            self._state.next_id(), arguments["topic"], uri, now_s, now_s, client_id=self._webhooks.asking_client_id
        )
        _apply(subscription, fields)
        self._state.subscriptions[subscription.id] = subscription
        return {"webhookSubscription": self._views.subscription(subscription), "userErrors": []}

    def _update_subscription(self, arguments: Json) -> Json:
        subscription = self._state.subscriptions.get(number_of(arguments["id"], "WebhookSubscription"))
        if subscription is None:
            error = _user_error(["id"], "Webhook subscription does not exist")
            return {"webhookSubscription": None, "userErrors": [error]}
        fields = arguments["webhookSubscription"]
        subscription.uri = str(fields.get("uri") or fields.get("callbackUrl") or subscription.uri)
        _apply(subscription, fields)
        subscription.updated_s = self._site.clock()
        return {"webhookSubscription": self._views.subscription(subscription), "userErrors": []}

    def _unsubscribe(self, arguments: Json) -> Json:
        subscription_id = number_of(arguments["id"], "WebhookSubscription")
        if self._state.subscriptions.pop(subscription_id, None) is None:
            error = _user_error(["id"], "Webhook subscription does not exist")
            return {"deletedWebhookSubscriptionId": None, "userErrors": [error]}
        return {"deletedWebhookSubscriptionId": arguments["id"], "userErrors": []}

    def _uri_error(self, uri: str, topic: str, fields: Mapping[str, Any]) -> str:
        if not uri.startswith(("https://", "http://")):
            return "Address is invalid"
        wanted = (topic, uri, fields.get("filter"))
        if any((one.topic, one.uri, one.filter) == wanted for one in self._subscriptions_of_app()):
            return "Address for this topic has already been taken"
        return ""


_ITEM_SEARCH: dict[str, Callable[[Item], Any]] = {
    "id": lambda item: item.id,
    "sku": lambda item: item.sku,
    "updated_at": lambda item: item.updated_s,
}
_ORDER_SEARCH: dict[str, Callable[[Order], Any]] = {
    "id": lambda order: order.id,
    "name": lambda order: order.number,
    "created_at": lambda order: order.created_s,
    "processed_at": lambda order: order.created_s,
    "updated_at": lambda order: order.updated_s,
}


def _by_id(row: Any) -> tuple[int, int]:
    return row.id, row.id


def _apply(subscription: Subscription, fields: Mapping[str, Any]) -> None:
    subscription.include_fields = list(fields.get("includeFields") or subscription.include_fields)
    subscription.filter = fields.get("filter") or subscription.filter
    subscription.name = fields.get("name") or subscription.name


def _user_error(path: list[str], message: str) -> Json:
    return {"field": path, "message": message}


def _idempotency_key(info: GraphQLResolveInfo[Any]) -> str:
    """The key of the required `@idempotent(key:)`; schema validation cannot see that it is missing."""
    directive = info.schema.get_directive("idempotent")
    values = get_directive_values(directive, info.field_nodes[0], info.variable_values) if directive else None
    if values is None:
        message = "The @idempotent directive is required for this mutation but was not provided."
        raise GraphQLError(message, extensions={"code": "BAD_REQUEST"})
    key = str(values["key"])
    if not key.strip():
        raise GraphQLError("The idempotency key must not be blank.", extensions={"code": "BAD_REQUEST"})
    return key


def _check_array(values: list[Any], path: list[str]) -> None:
    if len(values) > ARRAY_ITEMS_MAX:
        message = f"The input array size of {len(values)} is greater than the maximum allowed of {ARRAY_ITEMS_MAX}."
        raise GraphQLError(message, extensions={"code": "MAX_INPUT_SIZE_EXCEEDED", "path": path})

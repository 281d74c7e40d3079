"""Shopify's Admin GraphQL API as values: documents, ids, errors and costs, decided without I/O."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any, Final

from prokip_shared.platforms.errors import (
    DETAIL_CHARS_MAX,
    NeedsReauthorisation,
    Refused,
    StoreError,
    StoreUnavailable,
    Throttled,
)
from prokip_shared.platforms.store import (
    CatalogueItem,
    ItemKey,
    Level,
    QuantityWrite,
    QueryPoints,
    WriteOutcome,
    WriteResult,
    clean_name,
)

API_VERSION: Final = "2026-10"
SET_LINES_MAX: Final = 250
"""https://shopify.dev/docs/api/usage/limits: arrays hold at most 250 items."""
READ_ITEMS_MAX: Final = 100
"""Keeps a read's cost well below the 1,000 points that one query may cost."""
SCOPES_NEEDED: Final = ("read_products", "read_inventory", "write_inventory", "read_locations", "read_orders")

SCOPES_ASKED: Final = (*SCOPES_NEEDED, "write_products")
"""What consent is asked for: making products is a wish, the rest is needed."""

ORDER_FIELDS: Final = (
    "id",
    "name",
    "created_at",
    "updated_at",
    "cancelled_at",
    "financial_status",
    "fulfillment_status",
    "line_items.id",
    "line_items.sku",
    "line_items.price",
    "line_items.quantity",
    "line_items.current_quantity",
    "refunds.id",
    "refunds.refund_line_items",
)
LEVEL_FIELDS: Final = ("inventory_item_id", "location_id", "available", "updated_at")
PRODUCT_FIELDS: Final = (
    "id",
    "updated_at",
    "variants.sku",
    "variants.inventory_item_id",
    "variants.inventory_management",
    "variant_gids.admin_graphql_api_id",
)
WEBHOOKS: Final[Mapping[str, tuple[str, ...]]] = {
    "ORDERS_CREATE": ORDER_FIELDS,
    "ORDERS_UPDATED": ORDER_FIELDS,
    "ORDERS_CANCELLED": ORDER_FIELDS,
    "INVENTORY_LEVELS_UPDATE": LEVEL_FIELDS,
    "PRODUCTS_CREATE": PRODUCT_FIELDS,
    "PRODUCTS_UPDATE": PRODUCT_FIELDS,
    "PRODUCTS_DELETE": ("id", "updated_at"),
    "APP_UNINSTALLED": ("id", "myshopify_domain", "updated_at"),
}
"""Topic to fields: no personal data, and always `updated_at`, without which bodies that look alike are dropped.

https://shopify.dev/docs/apps/build/webhooks/customize/modify-payloads
"""

DEFAULT_VARIANT: Final = "Default Title"
"""How Shopify calls the one variant of a product without options."""

THROTTLED_CODE: Final = "THROTTLED"
DENIED_CODES: Final = frozenset({"ACCESS_DENIED", "UNAUTHORIZED", "FORBIDDEN"})
SERVER_CODES: Final = frozenset({"INTERNAL_SERVER_ERROR", "TIMEOUT", "SERVICE_UNAVAILABLE"})

STALE_CODES: Final = frozenset({"CHANGE_FROM_QUANTITY_STALE", "COMPARE_QUANTITY_STALE"})
RETRY_SAME_KEY_CODES: Final = frozenset({"IDEMPOTENCY_CONCURRENT_REQUEST"})
RETRY_NEW_KEY_CODES: Final = frozenset({"IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED", "IDEMPOTENCY_KEY_PARAMETER_MISMATCH"})
OUTCOMES: Final[Mapping[str, WriteOutcome]] = {
    **dict.fromkeys(STALE_CODES, "stale"),
    "INVALID_INVENTORY_ITEM": "gone",
    "ITEM_NOT_STOCKED_AT_LOCATION": "not_tracked",
}
"""Every other code refuses the line for good: invalid location, quantity, name or reason, bundle parents."""


@cache
def document(name: str) -> str:
    """The GraphQL document of `graphql/<name>.graphql`."""
    return (resources.files("prokip_shared.platforms") / "graphql" / f"{name}.graphql").read_text(encoding="utf-8")


def item_gid(key: ItemKey) -> str:
    return f"gid://shopify/InventoryItem/{key.item_ref}"


def product_gid(product_ref: str) -> str:
    return f"gid://shopify/Product/{product_ref}"


def location_gid(place_ref: str) -> str:
    return f"gid://shopify/Location/{place_ref}"


def digits(gid: str) -> str:
    """`gid://shopify/Location/12?x=1` to `12`."""
    return gid.rpartition("/")[2].partition("?")[0]


# errors


def failure_of_errors(body: Any) -> StoreError | None:
    """What a GraphQL answer (HTTP 200) says went wrong as a whole; None when there is data to look at."""
    if not isinstance(body, Mapping):
        return StoreUnavailable("answered something that is no GraphQL answer")
    errors = body.get("errors")
    if not errors:
        return None if isinstance(body.get("data"), Mapping) else StoreUnavailable("answered without data")
    first = errors[0] if isinstance(errors, Sequence) and not isinstance(errors, str) else {"message": str(errors)}
    codes = _codes(errors)
    message = str(first.get("message", "") if isinstance(first, Mapping) else first)[:DETAIL_CHARS_MAX]
    if THROTTLED_CODE in codes or message == "Throttled":
        return Throttled(message, retry_after_s=_wait_of(body))
    if codes & DENIED_CODES:
        return NeedsReauthorisation(message)
    if codes & SERVER_CODES or message.startswith("Internal error"):
        return StoreUnavailable(message)
    return Refused(next(iter(sorted(codes)), "graphql_error"), message)


def _codes(errors: Any) -> set[str]:
    """Both places in which Shopify puts a code: extensions.code, and extensions.problems' sibling `code`."""
    if not isinstance(errors, Sequence) or isinstance(errors, str):
        return set()
    found = set()
    for error in errors:
        extensions = error.get("extensions") if isinstance(error, Mapping) else None
        if isinstance(extensions, Mapping) and extensions.get("code"):
            found.add(str(extensions["code"]))
    return found


# cost


@dataclass(frozen=True, slots=True)
class Budget(QueryPoints):
    """The shop's bucket of query points at one moment, as `throttleStatus` told it."""

    def held(self, *, age_s: float) -> float:
        return min(self.maximum_points, self.available_points + age_s * self.restored_points_per_s)

    def wait_s(self, points: float, *, age_s: float) -> float:
        """How long until the bucket holds `points`; 0 when it does, and never for more than it can ever hold."""
        missing = min(points, self.maximum_points) - self.held(age_s=age_s)
        return missing / self.restored_points_per_s if missing > 0 else 0.0


def budget_of(body: Any) -> Budget | None:
    """None where an answer tells no cost or no usable one."""
    extensions = body.get("extensions") if isinstance(body, Mapping) else None
    cost = extensions.get("cost") if isinstance(extensions, Mapping) else None
    status = cost.get("throttleStatus") if isinstance(cost, Mapping) else None
    if not isinstance(cost, Mapping) or not isinstance(status, Mapping):
        return None
    try:
        budget = Budget(
            available_points=float(status["currentlyAvailable"]),
            restored_points_per_s=float(status["restoreRate"]),
            maximum_points=float(status["maximumAvailable"]),
            asked_points=float(cost.get("requestedQueryCost") or 0),
        )
    except (KeyError, TypeError, ValueError):
        return None
    return budget if budget.restored_points_per_s > 0 else None


def _wait_of(body: Any) -> float | None:
    budget = budget_of(body)
    return None if budget is None else budget.wait_s(budget.asked_points, age_s=0)


# levels and catalogue


def level_of(item: Mapping[str, Any]) -> Level:
    if not item.get("tracked"):
        return Level("untracked", None)
    level = item.get("inventoryLevel")
    if not isinstance(level, Mapping):
        return Level("inactive", None)
    quantities = level.get("quantities") or [{"quantity": 0}]
    return Level("own" if level.get("isActive") else "inactive", int(quantities[0]["quantity"]))


def levels_of(keys: Sequence[ItemKey], nodes: Sequence[Mapping[str, Any] | None]) -> dict[ItemKey, Level]:
    """The asked items; those that the shop answers with null are gone."""
    found = {digits(str(node["id"])): level_of(node) for node in nodes if node and "id" in node}
    return {key: found.get(key.item_ref, Level("gone", None)) for key in keys}


def catalogue_item(variant: Mapping[str, Any], place_ref: str) -> CatalogueItem:
    item = variant["inventoryItem"]
    return CatalogueItem(
        key=ItemKey(digits(str(item["id"])), place_ref=place_ref),
        sku=str(variant.get("sku") or "").strip() or None,
        level=level_of(item),
        name=clean_name(str(variant["displayName"]).removesuffix(f" - {DEFAULT_VARIANT}")),
        product_ref=digits(str(variant["product"]["id"])),
        variant_ref=digits(str(variant["id"])),
        price=Decimal(str(variant["price"])),
    )


def exact_count(count: Any) -> int | None:
    """None where the shop does not tell, or tells no more than a lower bound."""
    if not isinstance(count, Mapping) or count.get("precision") != "EXACT":
        return None
    return int(count["count"])


# writes


def set_variables(lines: Sequence[QuantityWrite], attempt_key: str) -> dict[str, Any]:
    """`changeFromQuantity` is always there: Shopify refuses a line without it, though the schema lets it be left out.

    https://shopify.dev/docs/apps/build/orders-fulfillment/inventory-management-apps/manage-quantities-states
    """
    return {
        "key": attempt_key,
        "quantities": [
            {
                "inventoryItemId": item_gid(line.key),
                "locationId": location_gid(line.key.place_ref or ""),
                "quantity": line.quantity,
                "changeFromQuantity": line.change_from,
            }
            for line in lines
        ],
    }


@dataclass(frozen=True, slots=True)
class SetAnswer:
    results: Mapping[ItemKey, WriteResult]
    retry: bool = False
    """True: nothing is decided yet, ask again."""
    new_key: bool = False
    """With `retry`: Shopify wants another idempotency key."""


def set_answer(lines: Sequence[QuantityWrite], payload: Any) -> SetAnswer:
    """What became of each line. Shopify tells no results by line, so one failed line leaves its neighbours untouched.

    Raises StoreUnavailable where the answer is none.
    """
    if not isinstance(payload, Mapping):
        raise StoreUnavailable("answered without the mutation's payload")
    errors = [error for error in payload.get("userErrors") or () if isinstance(error, Mapping)]
    if not errors:
        return SetAnswer({line.key: WriteResult("written", line.quantity) for line in lines})
    codes = {str(error.get("code")) for error in errors}
    if codes & RETRY_NEW_KEY_CODES:
        return SetAnswer({}, retry=True, new_key=True)
    if codes & RETRY_SAME_KEY_CODES:
        return SetAnswer({}, retry=True)
    results: dict[ItemKey, WriteResult] = {}
    for error in errors:
        failed = WriteResult(
            OUTCOMES.get(str(error.get("code")), "refused"),
            detail=f"{error.get('code')}: {error.get('message', '')}"[:DETAIL_CHARS_MAX],
        )
        index = _line_index(error.get("field"), len(lines))
        for line in lines if index is None else (lines[index],):
            results[line.key] = failed
    return SetAnswer({line.key: results.get(line.key, WriteResult("untouched")) for line in lines})


def _line_index(field: Any, count: int) -> int | None:
    """`["input", "quantities", "3", "changeFromQuantity"]` to 3; None where the error names no line."""
    if not isinstance(field, Sequence) or isinstance(field, str):
        return None
    numbers = [int(part) for part in field if str(part).isdigit()]
    return numbers[0] if numbers and numbers[0] < count else None


# orders


def orders_search(since: datetime) -> str:
    """https://shopify.dev/docs/api/usage/search-syntax"""
    return f"updated_at:>='{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}'"


def order_body(
    order: Mapping[str, Any], lines: Iterable[Mapping[str, Any]], refund_lines: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """An order of the GraphQL API in the form that its webhooks have, so that one rule reads both."""
    returned = [
        {
            "line_item_id": digits(str(line["lineItem"]["id"])),
            "quantity": line["quantity"],
            "restock_type": str(line["restockType"]).lower(),
        }
        for line in refund_lines
    ]
    return {
        "id": digits(str(order["id"])),
        "name": order["name"],
        "created_at": order["createdAt"],
        "updated_at": order["updatedAt"],
        "cancelled_at": order["cancelledAt"],
        "financial_status": str(order["displayFinancialStatus"] or "").lower(),
        "line_items": [
            {
                "id": digits(str(line["id"])),
                "sku": line["sku"],
                "quantity": line["quantity"],
                "price": line["originalUnitPriceSet"]["shopMoney"]["amount"],
            }
            for line in lines
        ],
        "refunds": [{"refund_line_items": returned}],
    }

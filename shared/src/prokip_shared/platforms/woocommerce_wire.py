"""WooCommerce's REST API v3 as values: what an answer means, decided without I/O.

https://woocommerce.github.io/woocommerce-rest-api-docs/ ; behaviour of batches measured on WooCommerce 9.9.5.
"""

import html
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any, Final
from urllib.parse import urlsplit

from prokip_shared.platforms.errors import StoreUnavailable
from prokip_shared.platforms.signatures import fingerprint
from prokip_shared.platforms.store import CatalogueItem, ItemKey, Level, QuantityWrite, WriteResult, clean_name

PAGE_ITEMS_MAX: Final = 100
BATCH_LINES_MAX: Final = 100
WEBHOOK_TOPICS: Final = (
    "order.created",
    "order.updated",
    "order.deleted",
    "order.restored",
    "product.created",
    "product.updated",
    "product.deleted",
    "product.restored",
)
CATALOGUE_FIELDS: Final = "id,type,name,sku,manage_stock,stock_quantity,regular_price,attributes"
LEVEL_FIELDS: Final = "id,manage_stock,stock_quantity"
ORDER_FIELDS: Final = "id,number,status,date_created_gmt,date_modified_gmt,line_items"
ORDER_LISTS: Final = ("any", "trash")
"""`any` leaves trashed orders out, which hold their stock all the same."""
SECOND: Final = timedelta(seconds=1)
GONE_CODES: Final = frozenset(
    {
        "woocommerce_rest_product_invalid_id",
        "woocommerce_rest_product_variation_invalid_id",
        "woocommerce_rest_invalid_product_id",
        "woocommerce_rest_invalid_variation_id",
    }
)


def store_key(home_url: str) -> str:
    """A home URL in the form in which two of them are compared: lower-case host, no default port, no slash at the end.

    Raises StoreUnavailable for what is no address.
    """
    try:
        parts = urlsplit(home_url.strip())
        number = parts.port
    except ValueError:
        raise StoreUnavailable("calls itself by something that is no address") from None
    host = (parts.hostname or "").lower()
    default_port = {"http": 80, "https": 443}.get(parts.scheme.lower())
    port = "" if number in {None, default_port} else f":{number}"
    return f"{parts.scheme.lower()}://{host}{port}{parts.path.rstrip('/')}"


def error_words(body: Any) -> tuple[str, str]:
    """The code and message of an error answer, empty where the body is none."""
    if not isinstance(body, Mapping):
        return "", ""
    return str(body.get("code") or ""), html.unescape(str(body.get("message") or ""))


def level_of(product: Mapping[str, Any]) -> Level:
    managed = product.get("manage_stock")
    quantity = product.get("stock_quantity")
    if managed == "parent":
        return Level("parent", None)
    if managed is not True:
        return Level("untracked", None)
    if isinstance(quantity, float):
        quantity = int(quantity) if isfinite(quantity) else None
    return Level("own", quantity if isinstance(quantity, int) else 0)


def catalogue_product(product: Mapping[str, Any]) -> CatalogueItem:
    return CatalogueItem(
        ItemKey(str(product["id"])),
        _sku(product),
        level_of(product),
        name=clean_name(html.unescape(str(product.get("name") or ""))),
        product_ref=str(product["id"]),
        price=price_of(product),
    )


def catalogue_variation(variation: Mapping[str, Any], parent: CatalogueItem) -> CatalogueItem:
    """A variation without a SKU of its own shows its parent's; that is no SKU of this variation.

    https://github.com/woocommerce/woocommerce: WC_Product_Variation::get_sku() falls back to the parent's.
    """
    own = _sku(variation)
    level = level_of(variation)
    return CatalogueItem(
        key=ItemKey(str(variation["id"]), parent_ref=parent.key.item_ref),
        sku=None if own == parent.sku else own,
        level=level,
        parent_sku=parent.sku if level.state == "parent" and parent.level.state == "own" else None,
        name=clean_name(" - ".join([parent.name, *_options(variation)])),
        product_ref=parent.key.item_ref,
        price=price_of(variation),
    )


def _options(variation: Mapping[str, Any]) -> list[str]:
    attributes = variation.get("attributes") or ()
    named = [str(one.get("option") or "") for one in attributes if isinstance(one, Mapping)]
    return [html.unescape(option) for option in named if option]


def price_of(product: Mapping[str, Any]) -> Decimal | None:
    """The regular price; a text, empty where there is none (a variable product has its variations')."""
    try:
        price = Decimal(str(product.get("regular_price") or ""))
    except InvalidOperation:
        return None
    return price if price.is_finite() else None


def _sku(product: Mapping[str, Any]) -> str | None:
    return str(product.get("sku") or "").strip() or None


def levels_of(keys: Sequence[ItemKey], products: Sequence[Mapping[str, Any]]) -> dict[ItemKey, Level]:
    """The asked items; those that the store did not return are gone."""
    found = {str(product.get("id")): level_of(product) for product in products}
    return {key: found.get(key.item_ref, Level("gone", None)) for key in keys}


def batch_body(lines: Sequence[QuantityWrite]) -> dict[str, list[dict[str, int]]]:
    """Integers only: a batch does not validate, and turned "abc" into 0 when it was measured."""
    return {"update": [{"id": int(line.key.item_ref), "stock_quantity": line.quantity} for line in lines]}


def batch_results(lines: Sequence[QuantityWrite], body: Any) -> dict[ItemKey, WriteResult]:
    """Item by item: a batch answers 200 whatever became of its items, in the order in which they were sent.

    Raises StoreUnavailable where the answer does not fit the request: what was written is then unknown.
    """
    items = body.get("update") if isinstance(body, Mapping) else None
    if not isinstance(items, Sequence) or len(items) != len(lines):
        raise StoreUnavailable("the answer to a batch does not name its items")
    return {line.key: _item_result(line, item) for line, item in zip(lines, items, strict=True)}


def _item_result(line: QuantityWrite, item: Any) -> WriteResult:
    if not isinstance(item, Mapping):
        raise StoreUnavailable("the answer to a batch holds something that is no item")
    if "error" in item:
        code, message = error_words(item["error"])
        return WriteResult("gone" if code in GONE_CODES else "refused", detail=f"{code}: {message}")
    if str(item.get("id")) != line.key.item_ref:
        raise StoreUnavailable("the answer to a batch names another item than was sent")
    level = level_of(item)
    if level.state != "own":
        return WriteResult("not_tracked", detail="the store does not manage this item's stock and ignored the quantity")
    if level.quantity != line.quantity:
        return WriteResult("refused", level.quantity, "the store answered another quantity than was written")
    return WriteResult("written", level.quantity)


# webhooks


def webhook_name(topic: str, secret: str) -> str:
    """Tells which secret a webhook was made with, because WooCommerce never does."""
    return f"prokip-sync {topic} {fingerprint(secret)}"


def webhooks_wrong(rows: Sequence[Mapping[str, Any]], secret: str) -> tuple[str, ...]:
    """The topics that are not told by exactly one active webhook that signs with this secret."""

    def fits(row: Mapping[str, Any]) -> bool:
        return row.get("status") == "active" and row.get("name") == webhook_name(str(row.get("topic")), secret)

    active = Counter(str(row.get("topic")) for row in rows if fits(row))
    idle = {str(row.get("topic")) for row in rows if not fits(row)}
    return tuple(topic for topic in WEBHOOK_TOPICS if active[topic] != 1 or topic in idle)


# orders


@dataclass(frozen=True, slots=True)
class OrdersCursor:
    """Where a listing of changed orders goes on: by the time of the last one seen, not by a page's number.

    An order that changes, or is deleted, while the pages are read moves the others from page to page; a time does not.
    """

    status: str
    after: datetime
    """Exclusive, as `modified_after` is."""
    page: int = 1
    """Above 1 only where more orders than a page holds changed in one second."""

    @classmethod
    def begin(cls, since: datetime) -> "OrdersCursor":
        """The store's times have a resolution of one second, and `modified_after` leaves its own second out."""
        return cls(ORDER_LISTS[0], since.astimezone(UTC).replace(microsecond=0) - SECOND)

    @classmethod
    def parse(cls, text: str) -> "OrdersCursor":
        status, after, page = text.split("|")
        return cls(status, datetime.fromisoformat(after), int(page))

    def text(self) -> str:
        return f"{self.status}|{self.after.isoformat()}|{self.page}"

    def query(self) -> list[tuple[str, str]]:
        return [
            ("status", self.status),
            ("modified_after", self.after.replace(tzinfo=None).isoformat()),
            ("dates_are_gmt", "true"),
            ("orderby", "modified"),
            ("order", "asc"),
            ("_fields", ORDER_FIELDS),
        ]

    def following(self, rows: Sequence[Mapping[str, Any]], since: datetime) -> "OrdersCursor | None":
        """What to ask next after a page of rows; None when every list has been seen."""
        if len(rows) == PAGE_ITEMS_MAX:
            last = _modified_at(rows[-1]) - SECOND
            return OrdersCursor(self.status, last) if last > self.after else replace(self, page=self.page + 1)
        left = ORDER_LISTS[ORDER_LISTS.index(self.status) + 1 :]
        return replace(self.begin(since), status=left[0]) if left else None


def _modified_at(order: Mapping[str, Any]) -> datetime:
    """Raises StoreUnavailable where a row is no order."""
    try:
        return datetime.fromisoformat(str(order["date_modified_gmt"])).replace(tzinfo=UTC)
    except (KeyError, ValueError):
        raise StoreUnavailable("answered an order that names no time of its version") from None

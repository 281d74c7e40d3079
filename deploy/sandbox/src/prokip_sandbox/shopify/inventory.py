"""Stock of one shop, without HTTP: compare-and-set writes, idempotency keys, and what sales and restocks move.

https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/inventorySetQuantities
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from prokip_sandbox.catalogue import Good, families
from prokip_sandbox.shopify.model import Item, Level, Product, Remembered, ShopSite, ShopState, Variant, gid, number_of

QUANTITY_MAX = 1_000_000_000
QUANTITY_MIN = -1_000_000_000
KEY_LIFETIME_S = 24 * 3600
KEYS_KEPT_MAX = 50_000
REASONS = frozenset(
    {
        "correction",
        "cycle_count_available",
        "damaged",
        "movement_canceled",
        "movement_created",
        "movement_received",
        "movement_updated",
        "other",
        "promotion",
        "quality_control",
        "received",
        "reservation_created",
        "reservation_deleted",
        "reservation_updated",
        "restock",
        "safety_stock",
        "shrinkage",
    }
)

TellLevel = Callable[[Level], None]  # a level has changed


class Inventory:
    def __init__(self, state: ShopState, site: ShopSite, tell: TellLevel) -> None:
        self._state = state
        self._site = site
        self._tell = tell
        self._items_by_sku: dict[str, list[int]] = {}
        self.before_set: Callable[[list[str]], None] = lambda _skus: None
        self.reindex()

    def reindex(self) -> None:
        self._items_by_sku = {}
        for item in self._state.items.values():
            self._items_by_sku.setdefault(item.sku, []).append(item.id)

    def stock_on_load(self, goods: Iterable[Good]) -> None:
        """Fill the shop without telling the webhooks. All units lie at the first location, the others hold none.

        Shopify has no stock shared by variations: such a family is one product with the family's SKU.
        """
        now_s = self._site.clock()
        for family in families(goods).values():
            product = Product(self._state.next_id(), family[0].name.rsplit(" - ", 1)[0], now_s, now_s)
            self._state.products[product.id] = product
            for good in family[:1] if family[0].kind == "shared" else family:
                self._add_variant(product, good, now_s)
        self.reindex()

    def find(self, sku: str) -> Item:
        """The first item of this SKU; KeyError for an unknown one."""
        return self._state.items[self._items_by_sku[sku][0]]

    def same_sku_count(self, item: Item) -> int:
        """How many other items carry the same SKU."""
        return len(self._items_by_sku.get(item.sku, ())) - 1 if item.sku else 0

    def level(self, item: Item, location_id: int) -> Level:
        """The level, made (inactive) when the item was never stocked there."""
        level = item.levels.get(location_id)
        if level is None:
            level = Level(item.id, location_id, 0, self._site.clock(), is_active=False)
            item.levels[location_id] = level
        return level

    def move(self, level: Level, *, available: int = 0, committed: int = 0) -> None:
        """Change by these amounts and tell the webhooks."""
        level.available += available
        level.committed += committed
        level.updated_s = self._site.clock()
        self._tell(level)

    def location_for_sale(self, item: Item, quantity: int) -> int | None:
        """The first active location that has enough; None when no one has."""
        for location in self._state.locations.values():
            level = item.levels.get(location.id)
            if location.is_active and level and level.is_active and level.available >= quantity:
                return location.id
        return None

    def set_quantities(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """All lines or none. The outcome is plain data, so that it can be remembered: `errors` and `group`."""
        self.before_set([self._named(line)[0].sku for line in fields["quantities"]])
        errors = self._set_errors(fields)
        if errors:
            return {"errors": errors, "group": None}
        changes = []
        for line in fields["quantities"]:
            item, location_id = self._named(line)
            level = self.level(item, location_id)
            held = level.available if fields["name"] == "available" else level.available + level.committed
            delta = line["quantity"] - held
            if delta:
                self.move(level, available=delta)
                changes += [
                    _change(name, delta, item.id, location_id, after)
                    for name, after in (
                        ("available", level.available),
                        ("on_hand", level.available + level.committed),
                    )
                ]
        if not changes:
            return {"errors": [], "group": None}
        group = {
            "id": gid("InventoryAdjustmentGroup", self._state.next_id()),
            "at_s": self._site.clock(),
            "reason": fields["reason"],
            "referenceDocumentUri": fields.get("referenceDocumentUri"),
            "changes": changes,
        }
        return {"errors": [], "group": group}

    def activate(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        item, location_id = self._named(fields)
        if item.id == 0:
            return _plain_error(["inventoryItemId"], "The inventory item could not be found.")
        if location_id not in self._state.locations:
            return _plain_error(["locationId"], "The location could not be found.")
        level = item.levels.get(location_id)
        given = fields.get("available") if fields.get("available") is not None else fields.get("onHand")
        if level is not None and level.is_active and given is not None:
            return _plain_error(["available"], "Not allowed to set available quantity when the item is already active.")
        level = self.level(item, location_id)
        level.is_active = True
        if given is not None:  # without it an inactive level keeps its old quantities
            self.move(level, available=int(given) - level.available)
        return {"errors": [], "item_id": item.id, "location_id": location_id}

    def update_item(self, item: Item, fields: Mapping[str, Any]) -> None:
        if fields.get("tracked") is not None:
            item.tracked = bool(fields["tracked"])
        if fields.get("sku") is not None:
            item.sku = str(fields["sku"])
            self.reindex()
        item.updated_s = self._site.clock()

    def once(
        self, key: str, operation: str, fields: Mapping[str, Any], perform: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        """Perform under an idempotency key: remembered for 24 hours with the fingerprint of its parameters.

        https://shopify.dev/docs/api/usage/idempotent-requests
        """
        now_s = self._site.clock()
        fingerprint = _fingerprint(operation, fields)
        earlier = self._state.remembered.get(key)
        if earlier is not None and now_s - earlier.at_s < KEY_LIFETIME_S:
            if earlier.fingerprint != fingerprint:
                return _idempotency_error(
                    "KEY_PARAMETER_MISMATCH",
                    "The same idempotency key cannot be used with different operation parameters.",
                )
            if earlier.result is None:
                return _idempotency_error(
                    "CONCURRENT_REQUEST", "This request is currently in progress, please try again."
                )
            if earlier.failed:
                return _idempotency_error(
                    "PREVIOUS_ATTEMPT_FAILED",
                    "A previous request with this idempotency key failed. Retry with a new idempotency key.",
                )
            return earlier.result
        result = perform()
        self._forget_old_keys(now_s)
        self._state.remembered[key] = Remembered(fingerprint, now_s, result, failed=bool(result["errors"]))
        return result

    def pretend_in_progress(self, key: str, operation: str, fields: Mapping[str, Any]) -> None:
        """Make the next request with this key meet one that has not ended."""
        fingerprint = _fingerprint(operation, fields)
        self._state.remembered[key] = Remembered(fingerprint, self._site.clock(), None)

    def _forget_old_keys(self, now_s: float) -> None:
        remembered = self._state.remembered
        if len(remembered) >= KEYS_KEPT_MAX:
            for key in [key for key, one in remembered.items() if now_s - one.at_s >= KEY_LIFETIME_S]:
                del remembered[key]

    def _set_errors(self, fields: Mapping[str, Any]) -> list[dict[str, Any]]:
        name = fields["name"]
        if name not in {"available", "on_hand"}:
            return [
                _error("INVALID_NAME", ["input", "name"], "The quantity name must be either 'available' or 'on_hand'.")
            ]
        if fields["reason"] not in REASONS:
            return [_error("INVALID_REASON", ["input", "reason"], "The specified reason is invalid.")]
        document = fields.get("referenceDocumentUri")
        if document is not None and not re.match(r"[a-z][a-z0-9+.-]*://\S+$", document):
            path = ["input", "referenceDocumentUri"]
            return [_error("INVALID_REFERENCE_DOCUMENT", path, "The specified reference document is invalid.")]
        errors: list[dict[str, Any]] = []
        seen: set[tuple[str, str]] = set()
        for n, line in enumerate(fields["quantities"]):
            pair = (line["inventoryItemId"], line["locationId"])
            fault = _DUPLICATE if pair in seen else self._line_fault(name, line)
            seen.add(pair)
            if fault is not None:
                code, field_name, message = fault
                path = ["input", "quantities", str(n)] + ([field_name] if field_name else [])
                errors.append(_error(code, path, message))
        return errors

    def _line_fault(self, name: str, line: Mapping[str, Any]) -> tuple[str, str, str] | None:
        item, location_id = self._named(line)
        if item.id == 0:
            return "INVALID_INVENTORY_ITEM", "inventoryItemId", "The specified inventory item could not be found."
        if location_id not in self._state.locations:
            return "INVALID_LOCATION", "locationId", "The specified location could not be found."
        fault = _quantity_fault(name, line["quantity"])
        if fault is not None:
            return fault
        level = item.levels.get(location_id)
        available, committed = (level.available, level.committed) if level else (0, 0)
        held = available if name == "available" else available + committed
        expected = line["changeFromQuantity"]
        if expected is not None and expected != held:
            message = "The changeFromQuantity value does not match persisted value."
            return "CHANGE_FROM_QUANTITY_STALE", "changeFromQuantity", message
        return None

    def _named(self, fields: Mapping[str, Any]) -> tuple[Item, int]:
        """The item and location id of an input; an item with id 0 stands for none."""
        item = self._state.items.get(number_of(fields["inventoryItemId"], "InventoryItem"))
        return item or _NO_ITEM, number_of(fields["locationId"], "Location")

    def _add_variant(self, product: Product, good: Good, now_s: float) -> None:
        variant_id, item_id = self._state.next_id(), self._state.next_id()
        title = good.option if good.kind == "variation" else "Default Title"
        position = len(product.variant_ids) + 1
        self._state.variants[variant_id] = Variant(variant_id, product.id, item_id, title, good.price_cents, position)
        product.variant_ids.append(variant_id)
        sku = good.family if good.kind == "shared" else good.sku
        item = Item(item_id, variant_id, sku, now_s, now_s, tracked=good.kind != "unmanaged")
        for n, location_id in enumerate(self._state.locations):
            item.levels[location_id] = Level(item_id, location_id, 0 if n else good.quantity, now_s)
        self._state.items[item_id] = item


_NO_ITEM = Item(0, 0, "", 0, 0)
_DUPLICATE = (
    "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR",
    "",
    "The combination of inventoryItemId and locationId must be unique.",
)


def _fingerprint(operation: str, fields: Mapping[str, Any]) -> str:
    return f"{operation}:{json.dumps(fields, sort_keys=True)}"


def _quantity_fault(name: str, quantity: int) -> tuple[str, str, str] | None:
    if quantity > QUANTITY_MAX:
        return "INVALID_QUANTITY_TOO_HIGH", "quantity", "The total quantity can't be higher than 1,000,000,000."
    if quantity < QUANTITY_MIN:
        return "INVALID_QUANTITY_TOO_LOW", "quantity", "The total quantity can't be lower than -1,000,000,000."
    if name == "on_hand" and quantity < 0:
        return "INVALID_QUANTITY_NEGATIVE", "quantity", "The quantity can't be negative."
    return None


def _change(name: str, delta: int, item_id: int, location_id: int, after: int) -> dict[str, Any]:
    return {"name": name, "delta": delta, "item_id": item_id, "location_id": location_id, "after": after}


def _error(code: str, path: list[str], message: str) -> dict[str, Any]:
    return {"code": code, "field": path, "message": message}


def _plain_error(path: list[str], message: str) -> dict[str, Any]:
    return {"errors": [{"field": path, "message": message}]}


def _idempotency_error(code: str, message: str) -> dict[str, Any]:
    return {"errors": [_error(f"IDEMPOTENCY_{code}", [], message)], "group": None}

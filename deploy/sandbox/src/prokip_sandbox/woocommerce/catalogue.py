"""Products and their stock, without HTTP: who may change a quantity, and what that tells the webhooks."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from prokip_sandbox.catalogue import Good, families
from prokip_sandbox.woocommerce.model import Product, Site, State, invalid_parameter, woo_error

STATUSES = frozenset({"draft", "pending", "private", "publish"})

Emit = Callable[[str, int], None]  # topic, id of the resource


class Catalogue:
    def __init__(self, state: State, site: Site, emit: Emit) -> None:
        self._state = state
        self._site = site
        self._emit = emit
        self._by_sku: dict[str, int] = {}
        self.reindex()

    def reindex(self) -> None:
        self._by_sku = {product.sku: product.id for product in self._state.products.values() if product.sku}

    def stock_on_load(self, goods: Iterable[Good]) -> None:
        """Fill the catalogue without telling the webhooks, as if the goods had always been there."""
        for family in families(goods).values():
            first = family[0]
            if not first.family:
                self._add(first.name, first.sku, first.price_cents, first.quantity, managed=first.kind != "unmanaged")
                continue
            shared = first.kind == "shared"
            parent = self._add(
                first.name.rsplit(" - ", 1)[0], first.family, first.price_cents, first.quantity, managed=shared
            )
            parent.type = "variable"
            for good in family:
                self._add_variation(parent, good, managed=not shared)

    def find(self, product_id: int) -> Product | None:
        return self._state.products.get(product_id)

    def by_sku(self, sku: str) -> Product | None:
        return self._state.products.get(self._by_sku.get(sku, 0))

    def stock_holder(self, product: Product) -> Product | None:
        """The product whose quantity a sale of this one moves; None when nobody counts."""
        if product.manage_stock:
            return product
        parent = self._state.products.get(product.parent_id)
        return parent if parent is not None and parent.manage_stock else None

    def quantity(self, sku: str) -> int | None:
        product = self.by_sku(sku)
        if product is None:
            raise KeyError(sku)
        holder = self.stock_holder(product)
        return holder.stock_quantity if holder else None

    def move(self, holder: Product, delta: int) -> None:
        """A sale or a restock: atomic on the store's own quantity. The caller tells the webhooks, in its own order."""
        holder.stock_quantity = (holder.stock_quantity or 0) + delta
        holder.modified_s = self._site.clock()

    def update(self, product: Product, fields: Mapping[str, Any], *, validated: bool) -> None:
        """A PUT (validated) or one item of a batch (not validated: PHP's casts decide)."""
        if validated:
            _validate(fields)
        sku = fields.get("sku")
        if sku is not None and sku != product.sku:
            self._rename_sku(product, str(sku))
        if fields.get("name") is not None:
            product.name = str(fields["name"])
        if fields.get("regular_price") is not None:
            product.price_cents = round(float(fields["regular_price"] or 0) * 100)
        self._describe(product, fields)
        if isinstance(fields.get("manage_stock"), bool):
            product.manage_stock = fields["manage_stock"]
            product.stock_quantity = (product.stock_quantity or 0) if product.manage_stock else None
        if product.manage_stock and "stock_quantity" in fields:
            product.stock_quantity = php_int(fields["stock_quantity"])
        elif product.manage_stock and "inventory_delta" in fields:
            product.stock_quantity = (product.stock_quantity or 0) + php_int(fields["inventory_delta"])
        product.modified_s = self._site.clock()
        self._emit("product.updated", product.id)

    def create(self, fields: Mapping[str, Any], *, validated: bool, parent: Product | None = None) -> Product:
        if validated:
            _validate(fields)
        sku = str(fields.get("sku") or "")
        self._refuse_taken_sku(sku, 0)
        product = self._add(str(fields.get("name") or ""), sku, 0, 0, managed=bool(fields.get("manage_stock")))
        product.type = "variation" if parent else ("variable" if fields.get("type") == "variable" else "simple")
        if parent is not None:
            product.parent_id = parent.id
            product.name = product.name or parent.name
            parent.variation_ids.append(product.id)
        product.price_cents = round(float(fields.get("regular_price") or 0) * 100)
        self._describe(product, fields)
        if product.manage_stock:
            product.stock_quantity = php_int(fields.get("stock_quantity"))
        self._emit("product.created", product.id)
        return product

    def _describe(self, product: Product, fields: Mapping[str, Any]) -> None:
        """What a shop shows besides price and stock. The images that are sent replace those that were there."""
        if fields.get("status") in STATUSES:
            product.status = fields["status"]
        if isinstance(fields.get("images"), list):
            product.images = [str(image["src"]) for image in fields["images"] if image.get("src")]
        for one in fields.get("meta_data") or ():
            product.meta[str(one["key"])] = str(one["value"])
        if product.type == "variation" and fields.get("attributes"):
            product.option = str(fields["attributes"][0].get("option") or "")

    def delete(self, product: Product, *, force: bool) -> None:
        """Trash tells the webhooks; deleting what is in the trash tells nobody."""
        was_trashed = product.status == "trash"
        if force:
            del self._state.products[product.id]
            if self._by_sku.get(product.sku) == product.id:
                del self._by_sku[product.sku]
        elif was_trashed:
            raise woo_error("woocommerce_rest_already_trashed", "The product has already been deleted.", 410)
        else:
            product.status = "trash"
            product.modified_s = self._site.clock()
        if not was_trashed:
            self._emit("product.deleted", product.id)

    def _add(self, name: str, sku: str, price_cents: int, quantity: int, *, managed: bool) -> Product:
        now_s = self._site.clock()
        product = Product(
            id=self._state.next_post_id(),
            name=name,
            sku=sku,
            type="simple",
            price_cents=price_cents,
            created_s=now_s,
            modified_s=now_s,
            manage_stock=managed,
            stock_quantity=quantity if managed else None,
        )
        self._state.products[product.id] = product
        if sku:
            self._by_sku[sku] = product.id
        return product

    def _add_variation(self, parent: Product, good: Good, *, managed: bool) -> None:
        variation = self._add(good.name, good.sku, good.price_cents, good.quantity, managed=managed)
        variation.type = "variation"
        variation.parent_id = parent.id
        variation.option = good.option
        parent.variation_ids.append(variation.id)

    def _rename_sku(self, product: Product, sku: str) -> None:
        self._refuse_taken_sku(sku, product.id)
        self._by_sku.pop(product.sku, None)
        product.sku = sku
        if sku:
            self._by_sku[sku] = product.id

    def _refuse_taken_sku(self, sku: str, product_id: int) -> None:
        holder_id = self._by_sku.get(sku, product_id) if sku else product_id
        if holder_id != product_id:
            unique_sku = f"{sku}-1"
            raise woo_error(
                "product_invalid_sku",
                "Invalid or duplicated SKU.",
                400,
                resource_id=holder_id,
                unique_sku=unique_sku,
            )


def php_int(value: Any) -> int:
    """PHP's `intval`: the leading number of a text, truncated; 0 for what has none."""
    if isinstance(value, int | float):
        return int(value)
    leading = re.match(r"\s*[+-]?\d+", value) if isinstance(value, str) else None
    return int(leading.group()) if leading else 0


def _validate(fields: Mapping[str, Any]) -> None:
    for name in ("stock_quantity", "inventory_delta"):
        if name in fields and not _is_integer(fields[name]):
            raise invalid_parameter(name, f"{name} is not of type integer.")
    if "status" in fields and fields["status"] not in STATUSES:
        raise invalid_parameter("status", f"status is not one of {', '.join(sorted(STATUSES))}.")
    if "regular_price" in fields and not isinstance(fields["regular_price"], str):
        raise invalid_parameter("regular_price", "regular_price is not of type string.")
    for image in fields.get("images") or ():
        if not str(image.get("src", "")).startswith(("https://", "http://")):
            raise woo_error("woocommerce_product_image_upload_error", "Error getting remote image.", 400)
    if "manage_stock" in fields and not isinstance(fields["manage_stock"], bool):
        raise invalid_parameter("manage_stock", "manage_stock is not of type boolean.")


def _is_integer(value: Any) -> bool:
    """WordPress's rule: null and a whole number in any form pass."""
    if value is None:
        return True
    if isinstance(value, bool):
        return False
    if isinstance(value, str):
        return re.fullmatch(r"\s*[+-]?\d+(\.0*)?\s*", value) is not None
    return isinstance(value, int | float) and float(value).is_integer()

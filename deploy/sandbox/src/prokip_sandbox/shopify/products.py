"""Products of one shop made and changed by an app, without HTTP.

https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/productSet
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from prokip_sandbox.shopify.inventory import Inventory
from prokip_sandbox.shopify.model import Item, Product, ShopSite, ShopState, Variant, number_of

Json = dict[str, Any]
DEFAULT_TITLE = "Default Title"
VARIANTS_MAX = 2048
TellProduct = Callable[[str, Product], None]  # the topic and what it is about


class Products:
    def __init__(self, state: ShopState, site: ShopSite, inventory: Inventory, tell: TellProduct) -> None:
        self._state = state
        self._site = site
        self._inventory = inventory
        self._tell = tell

    def set(self, identifier: Mapping[str, Any] | None, fields: Mapping[str, Any]) -> Json:
        """Creates what the identifier does not find, updates what it does; the variants that are named replace all."""
        product = self._identified(identifier)
        if isinstance(product, dict):
            return {"product": None, "errors": [product]}
        errors = self._set_errors(product, fields)
        if errors:
            return {"product": None, "errors": errors}
        topic = "PRODUCTS_UPDATE"
        if product is None:
            topic = "PRODUCTS_CREATE"
            now_s = self._site.clock()
            product = Product(self._state.next_id(), str(fields["title"]), now_s, now_s)
            product.handle = str((identifier or {}).get("handle") or fields.get("handle") or "") or handle_of(product)
            self._state.products[product.id] = product
        self._describe(product, fields)
        if fields.get("variants") is not None or not product.variant_ids:
            self._replace_variants(product, fields.get("variants") or [{"optionValues": []}])
        self._inventory.reindex()
        self._tell(topic, product)
        return {"product": product, "errors": []}

    def update(self, fields: Mapping[str, Any], media: Sequence[Mapping[str, Any]]) -> Json:
        product = self._state.products.get(number_of(str(fields.get("id") or ""), "Product"))
        if product is None:
            return {"product": None, "errors": [_plain(["id"], "Product does not exist")]}
        if "title" in fields and not str(fields["title"] or "").strip():
            return {"product": None, "errors": [_plain(["title"], "Title can't be blank")]}
        unfit = [one for one in media if not _is_address(one.get("originalSource"))]
        if unfit:
            return {"product": None, "errors": [_plain(["media"], "Image URL is invalid")]}
        self._describe(product, fields)
        product.images += [str(one["originalSource"]) for one in media]
        self._tell("PRODUCTS_UPDATE", product)
        return {"product": product, "errors": []}

    def update_variants(self, product_id: str, inputs: Sequence[Mapping[str, Any]]) -> Json:
        """All of them or none."""
        product = self._state.products.get(number_of(product_id, "Product"))
        if product is None:
            return {"errors": [_error("PRODUCT_DOES_NOT_EXIST", ["productId"], "Product does not exist")]}
        errors = []
        variants = []
        for n, one in enumerate(inputs):
            variant = self._state.variants.get(number_of(str(one.get("id") or ""), "ProductVariant"))
            if one.get("id") is None:
                errors.append(_error("PRODUCT_VARIANT_ID_MISSING", ["variants", str(n), "id"], "Variant id is missing"))
            elif variant is None or variant.product_id != product.id:
                message = "Product variant does not exist"
                errors.append(_error("PRODUCT_VARIANT_DOES_NOT_EXIST", ["variants", str(n), "id"], message))
            elif one.get("inventoryQuantities"):
                message = "Inventory quantities can only be provided during create."
                code = "NO_INVENTORY_QUANTITIES_ON_VARIANTS_UPDATE"
                errors.append(_error(code, ["variants", str(n), "inventoryQuantities"], message))
            elif _cents(one.get("price", "0")) < 0:
                message = "Price must be greater than or equal to 0"
                errors.append(_error("GREATER_THAN_OR_EQUAL_TO", ["variants", str(n), "price"], message))
            else:
                variants.append((variant, one))
        if errors:
            return {"errors": errors}
        for variant, one in variants:
            if one.get("price") is not None:
                variant.price_cents = _cents(one["price"])
        product.updated_s = self._site.clock()
        self._tell("PRODUCTS_UPDATE", product)
        return {"product": product, "variants": [variant for variant, _ in variants], "errors": []}

    def delete(self, product: Product) -> None:
        """Told with the product's id alone."""
        del self._state.products[product.id]
        for number in product.variant_ids:
            del self._state.items[self._state.variants.pop(number).item_id]
        self._inventory.reindex()
        self._tell("PRODUCTS_DELETE", product)

    def rename_sku(self, product: Product, item: Item, sku: str) -> None:
        item.sku = sku
        item.updated_s = product.updated_s = self._site.clock()
        self._inventory.reindex()
        self._tell("PRODUCTS_UPDATE", product)

    def _identified(self, identifier: Mapping[str, Any] | None) -> Product | Json | None:
        """The product; None where one is to be made; an error where the identifier must name one and does not."""
        if not identifier:
            return None
        if "handle" in identifier:
            wanted = str(identifier["handle"])
            return next((one for one in self._state.products.values() if handle_of(one) == wanted), None)
        found = self._state.products.get(number_of(str(identifier.get("id") or ""), "Product"))
        return found or _error("NOT_FOUND", ["input", "id"], "Product does not exist")

    def _set_errors(self, product: Product | None, fields: Mapping[str, Any]) -> list[Json]:
        errors = []
        blank = not str(fields.get("title") or "").strip()
        if blank and (product is None or "title" in fields):
            errors.append(_error("INVALID_INPUT", ["input", "title"], "Title can't be blank"))
        variants = fields.get("variants") or ()
        if len(variants) > VARIANTS_MAX:
            errors.append(_error("VARIANTS_OVER_LIMIT", ["input", "variants"], "Too many variants"))
        names = {str(option.get("name")) for option in fields.get("productOptions") or ()}
        if variants and not names:
            message = "Product options input is required when updating variants"
            errors.append(_error("PRODUCT_OPTIONS_INPUT_MISSING", ["input", "productOptions"], message))
        errors += _option_errors(variants, names)
        for n, variant in enumerate(variants):
            if _cents(variant.get("price") or "0") < 0:
                message = "Price must be greater than or equal to 0"
                errors.append(_error("INVALID_VARIANT", ["input", "variants", str(n), "price"], message))
            for level in variant.get("inventoryQuantities") or ():
                if number_of(level["locationId"], "Location") not in self._state.locations:
                    path = ["input", "variants", str(n), "inventoryQuantities"]
                    errors.append(_error("INVALID_INPUT", path, "Location does not exist"))
        for n, file in enumerate(fields.get("files") or ()):
            if not _is_address(file.get("originalSource")):
                errors.append(_error("INVALID_INPUT", ["input", "files", str(n)], "Image URL is invalid"))
        return errors

    def _describe(self, product: Product, fields: Mapping[str, Any]) -> None:
        product.title = str(fields.get("title") or product.title)
        product.status = str(fields.get("status") or product.status)
        if fields.get("files") is not None:
            product.images = [str(file["originalSource"]) for file in fields["files"]]
        product.updated_s = self._site.clock()

    def _replace_variants(self, product: Product, inputs: Sequence[Mapping[str, Any]]) -> None:
        """Those with the same options stay what they are; the others go."""
        known = {self._state.variants[i].title: self._state.variants[i] for i in product.variant_ids}
        kept: list[int] = []
        for position, fields in enumerate(inputs, start=1):
            title = " / ".join(str(value["name"]) for value in fields["optionValues"]) or DEFAULT_TITLE
            variant = known.pop(title, None) or self._new_variant(product, title)
            variant.position = position
            if fields.get("price") is not None:
                variant.price_cents = _cents(fields["price"])
            self._set_item(self._state.items[variant.item_id], fields)
            kept.append(variant.id)
        for gone in known.values():
            del self._state.items[gone.item_id]
            del self._state.variants[gone.id]
        product.variant_ids = kept

    def _new_variant(self, product: Product, title: str) -> Variant:
        now_s = self._site.clock()
        variant = Variant(self._state.next_id(), product.id, self._state.next_id(), title, 0, 0)
        self._state.variants[variant.id] = variant
        self._state.items[variant.item_id] = Item(variant.item_id, variant.id, "", now_s, now_s, tracked=False)
        return variant

    def _set_item(self, item: Item, fields: Mapping[str, Any]) -> None:
        details = fields.get("inventoryItem") or {}
        sku = details.get("sku", fields.get("sku"))
        item.sku = item.sku if sku is None else str(sku)
        item.tracked = bool(details.get("tracked", item.tracked))
        for one in fields.get("inventoryQuantities") or ():
            level = self._inventory.level(item, number_of(one["locationId"], "Location"))
            level.is_active = True
            self._inventory.move(level, available=one["quantity"] - level.available)


def handle_of(product: Product) -> str:
    return product.handle or re.sub(r"[^a-z0-9]+", "-", product.title.lower()).strip("-")


def _option_errors(variants: Sequence[Mapping[str, Any]], names: set[str]) -> list[Json]:
    errors = []
    seen = set()
    for n, variant in enumerate(variants):
        path = ["input", "variants", str(n)]
        values = variant["optionValues"]
        if names and {str(value.get("optionName")) for value in values} != names:
            errors.append(_error("INVALID_VARIANT", path, "Option does not exist"))
        key = tuple(str(value.get("name")) for value in values)
        if key in seen:
            message = f"The variant '{' / '.join(key)}' already exists."
            errors.append(_error("INVALID_VARIANT", path, message))
        seen.add(key)
    return errors


def _cents(price: Any) -> int:
    return round(float(price) * 100)


def _is_address(source: Any) -> bool:
    return str(source or "").startswith(("https://", "http://"))


def _error(code: str, path: list[str], message: str) -> Json:
    return {"code": code, "field": path, "message": message}


def _plain(path: list[str], message: str) -> Json:
    return {"field": path, "message": message}

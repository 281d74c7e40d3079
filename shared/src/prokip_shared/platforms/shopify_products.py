"""Making and changing products of a Shopify shop."""

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from prokip_shared.platforms import shopify_wire as wire
from prokip_shared.platforms.errors import Refused
from prokip_shared.platforms.shopify import ShopifyClient, refuse_user_errors
from prokip_shared.platforms.store_products import FoundVariant, NewProduct, PriceKey

SEARCH_SKUS_MAX: Final = 20
HANDLE_CHARS_MAX: Final = 80
MADE_FOR: Final = re.compile(r"-prokip-(\d+)$")
GONE_MESSAGE: Final = "Product does not exist"


class ShopifyProducts(ShopifyClient):
    """A `ProductStore`. Needs the scope write_products."""

    async def find_variants(self, skus: Sequence[str]) -> list[FoundVariant]:
        found = []
        for start in range(0, len(skus), SEARCH_SKUS_MAX):
            part = skus[start : start + SEARCH_SKUS_MAX]
            _, data = await self._ask("variants_by_sku", {"search": sku_search(part)})
            found += found_variants(data["productVariants"]["nodes"], part)
        return found

    async def create_product(self, product: NewProduct) -> str:
        """By its handle: a second call finds the product of the first."""
        _, data = await self._ask("product_set", product_set_variables(product, self._place()))
        return wire.digits(str(refuse_user_errors(data, "productSet")["product"]["id"]))

    async def prices(self, product_ref: str, keys: Sequence[PriceKey]) -> dict[str, Decimal | None]:
        del product_ref
        refs = {_variant_gid(key): key.key.item_ref for key in keys}
        _, data = await self._ask("variant_prices", {"ids": list(refs)})
        return {refs[str(node["id"])]: Decimal(str(node["price"])) for node in data["nodes"] if node}

    async def write_prices(self, product_ref: str, prices: Sequence[tuple[PriceKey, Decimal | None]]) -> None:
        variants = [{"id": _variant_gid(key), "price": str(price)} for key, price in prices if price is not None]
        for start in range(0, len(variants), wire.SET_LINES_MAX):
            part = variants[start : start + wire.SET_LINES_MAX]
            _, data = await self._ask("set_prices", {"product": wire.product_gid(product_ref), "variants": part})
            refuse_user_errors(data, "productVariantsBulkUpdate")

    async def add_image(self, product_ref: str, image_url: str) -> None:
        """Shopify keeps a copy under an address of its own, so a product that has an image already is left alone."""
        _, data = await self._ask("product_media", {"id": wire.product_gid(product_ref)})
        product = data["product"]
        if product is None:
            raise Refused("gone", GONE_MESSAGE)
        if (product["mediaCount"] or {}).get("count"):
            return
        media = [{"originalSource": image_url, "mediaContentType": "IMAGE"}]
        _, data = await self._ask("product_update", {"product": {"id": wire.product_gid(product_ref)}, "media": media})
        refuse_user_errors(data, "productUpdate")

    async def withdraw(self, product_ref: str) -> bool:
        fields = {"id": wire.product_gid(product_ref), "status": "DRAFT"}
        _, data = await self._ask("product_update", {"product": fields, "media": []})
        try:
            refuse_user_errors(data, "productUpdate")
        except Refused as error:
            if GONE_MESSAGE in error.detail:
                return False
            raise
        return True


def sku_search(skus: Iterable[str]) -> str:
    """Quoted, because a SKU may hold anything; what it finds is compared again, because a search is no equality.

    https://shopify.dev/docs/api/usage/search-syntax
    """
    return " OR ".join(f"sku:{_quoted(sku)}" for sku in skus)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def found_variants(nodes: Iterable[Mapping[str, Any]], skus: Sequence[str]) -> list[FoundVariant]:
    found = []
    for node in nodes:
        sku = str(node.get("sku") or "").strip()
        made_for = MADE_FOR.search(str(node["product"]["handle"]))
        if sku in skus:
            ref = wire.digits(str(node["product"]["id"]))
            found.append(FoundVariant(sku, ref, made_for.group(1) if made_for else None))
    return found


def handle_of(product: NewProduct) -> str:
    """Readable, since it is in the shop's addresses, and always the same for one product of Prokip."""
    name = re.sub(r"[^a-z0-9]+", "-", product.name.lower()).strip("-")[:HANDLE_CHARS_MAX].strip("-")
    return f"{name or 'product'}-prokip-{product.made_for}"


def product_set_variables(product: NewProduct, place_ref: str) -> dict[str, Any]:
    """Each variant is stocked, with 0, at the connection's location: else nothing could be written there later."""
    option = product.option or "Title"
    values = [variant.option or wire.DEFAULT_VARIANT for variant in product.variants]
    images = [] if product.image_url is None else [{"originalSource": product.image_url, "contentType": "IMAGE"}]
    handle = handle_of(product)
    fields = {
        "title": product.name,
        "handle": handle,
        "status": "ACTIVE" if product.published else "DRAFT",
        "productOptions": [{"name": option, "position": 1, "values": [{"name": value} for value in values]}],
        "files": images,
        "variants": [
            {
                "optionValues": [{"optionName": option, "name": value}],
                "price": str(variant.price),
                "inventoryItem": {"sku": variant.sku, "tracked": True},
                "inventoryQuantities": [
                    {"locationId": wire.location_gid(place_ref), "name": "available", "quantity": 0}
                ],
            }
            for variant, value in zip(product.variants, values, strict=True)
        ],
    }
    return {"identifier": {"handle": handle}, "input": fields}


def _variant_gid(key: PriceKey) -> str:
    return f"gid://shopify/ProductVariant/{key.variant_ref}"

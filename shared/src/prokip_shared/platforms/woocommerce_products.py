"""Making and changing products of a WooCommerce store."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from prokip_shared.platforms import woocommerce_wire as wire
from prokip_shared.platforms.errors import Refused, StoreUnavailable
from prokip_shared.platforms.store import ItemKey
from prokip_shared.platforms.store_products import FoundVariant, NewProduct, NewVariant, PriceKey
from prokip_shared.platforms.woocommerce import WooClient

MADE_FOR_KEY: Final = "_prokip_product"
FIND_FIELDS: Final = "id,type,parent_id,sku,meta_data"
PRICE_FIELDS: Final = "id,regular_price"
SKUS_MAX: Final = 50


class WooProducts(WooClient):
    """A `ProductStore`."""

    async def find_variants(self, skus: Sequence[str]) -> list[FoundVariant]:
        """The store lists products of every status but the trash, and variations among them, when it is asked by SKU.

        A SKU with a comma would be two for the store; it is found by what is left of it, and compared here.
        """
        found = []
        for start in range(0, len(skus), SKUS_MAX):
            part = skus[start : start + SKUS_MAX]
            found += found_variants(await self._with_skus(part), part)
        return found

    async def create_product(self, product: NewProduct) -> str:
        """Found by what we wrote on it: a second call ends what the first began."""
        if not product.option:
            found = await self.find_variants([product.variants[0].sku])
            ours = next((one for one in found if one.made_for == product.made_for), None)
            return ours.product_ref if ours else str((await self._post("/products", simple_body(product))).json()["id"])
        return await self._create_variable(product)

    async def _create_variable(self, product: NewProduct) -> str:
        skus = [variant.sku for variant in product.variants]
        found = await self.find_variants([*skus, product.sku] if product.sku else skus)
        ours = next((one.product_ref for one in found if one.made_for == product.made_for), None)
        ref = ours or str((await self._post("/products", variable_body(product))).json()["id"])
        there = {one.sku for one in found if one.product_ref == ref}
        missing = [variant for variant in product.variants if variant.sku not in there]
        for start in range(0, len(missing), wire.BATCH_LINES_MAX):
            part = missing[start : start + wire.BATCH_LINES_MAX]
            bodies = [variation_body(product, variant) for variant in part]
            answer = await self._post(f"/products/{ref}/variations/batch", {"create": bodies})
            refuse_failed_items(answer.json(), "create", len(part))
        return ref

    async def prices(self, product_ref: str, keys: Sequence[PriceKey]) -> dict[str, Decimal | None]:
        found: dict[str, Decimal | None] = {}
        for group in self.groups([one.key for one in keys]):
            path = "/products" if group[0].parent_ref is None else f"/products/{product_ref}/variations"
            query = [("include", ",".join(key.item_ref for key in group)), ("_fields", PRICE_FIELDS)]
            found |= {str(row["id"]): wire.price_of(row) for row in await self._all(path, query)}
        return found

    async def write_prices(self, product_ref: str, prices: Sequence[tuple[PriceKey, Decimal | None]]) -> None:
        del product_ref
        told = {key.key: price for key, price in prices}
        for group in self.groups(list(told)):
            parent_ref = group[0].parent_ref
            path = "/products/batch" if parent_ref is None else f"/products/{parent_ref}/variations/batch"
            answer = await self._post(path, {"update": [_price_body(key, told[key]) for key in group]})
            refuse_failed_items(answer.json(), "update", len(group))

    async def add_image(self, product_ref: str, image_url: str) -> None:
        """The store keeps a copy under an address of its own, so a product that has an image already is left alone."""
        product = (await self._get(f"/products/{product_ref}", [("_fields", "id,images")])).json()
        if not product.get("images"):
            await self._put(f"/products/{product_ref}", {"images": [{"src": image_url}]})

    async def withdraw(self, product_ref: str) -> bool:
        try:
            await self._put(f"/products/{product_ref}", {"status": "draft"})
        except Refused as error:
            if error.code in wire.GONE_CODES:
                return False
            raise
        return True

    async def _with_skus(self, skus: Sequence[str]) -> list[Mapping[str, Any]]:
        query = [("sku", ",".join(skus)), ("status", "any"), ("orderby", "id"), ("_fields", FIND_FIELDS)]
        return await self._all("/products", query)


def found_variants(rows: Iterable[Mapping[str, Any]], skus: Sequence[str]) -> list[FoundVariant]:
    found = []
    for row in rows:
        sku = str(row.get("sku") or "").strip()
        if sku in skus:
            ref = str(row.get("parent_id") or row["id"])
            found.append(FoundVariant(sku, ref, _made_for(row)))
    return found


def _made_for(row: Mapping[str, Any]) -> str | None:
    for one in row.get("meta_data") or ():
        if isinstance(one, Mapping) and one.get("key") == MADE_FOR_KEY:
            return str(one.get("value"))
    return None


def simple_body(product: NewProduct) -> dict[str, Any]:
    (variant,) = product.variants
    return {**_common_body(product), "type": "simple", **_stock_body(variant)}


def variable_body(product: NewProduct) -> dict[str, Any]:
    attribute = {
        "name": product.option,
        "visible": True,
        "variation": True,
        "options": [variant.option for variant in product.variants],
    }
    body = {**_common_body(product), "type": "variable", "attributes": [attribute]}
    return body if product.sku is None else {**body, "sku": product.sku}


def variation_body(product: NewProduct, variant: NewVariant) -> dict[str, Any]:
    return {
        **_stock_body(variant),
        "attributes": [{"name": product.option, "option": variant.option}],
        "meta_data": [{"key": MADE_FOR_KEY, "value": product.made_for}],
    }


def _common_body(product: NewProduct) -> dict[str, Any]:
    return {
        "name": product.name,
        "status": "publish" if product.published else "draft",
        "images": [] if product.image_url is None else [{"src": product.image_url}],
        "meta_data": [{"key": MADE_FOR_KEY, "value": product.made_for}],
    }


def _stock_body(variant: NewVariant) -> dict[str, Any]:
    return {"sku": variant.sku, "regular_price": str(variant.price), "manage_stock": True, "stock_quantity": 0}


def _price_body(key: ItemKey, price: Decimal | None) -> dict[str, Any]:
    return {"id": int(key.item_ref), "regular_price": "" if price is None else str(price)}


def refuse_failed_items(body: Any, action: str, count: int) -> None:
    """A batch answers 200 whatever became of its items. Raises Refused with the first item's own words."""
    items = body.get(action) if isinstance(body, Mapping) else None
    if not isinstance(items, list) or len(items) != count:
        raise StoreUnavailable("the answer to a batch does not name its items")
    for item in items:
        if isinstance(item, Mapping) and "error" in item:
            code, message = wire.error_words(item["error"])
            raise Refused(code, message)

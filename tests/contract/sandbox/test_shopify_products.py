"""Making and changing products by the Admin GraphQL API 2026-10.

https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/productSet
"""

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from prokip_sandbox import Good
from tests.contract.sandbox.conftest import GraphqlClient, Receiver

OpenShop = Callable[..., contextlib.AbstractAsyncContextManager[GraphqlClient]]

SET = """
mutation Set($identifier: ProductSetIdentifiers, $input: ProductSetInput!) {
  productSet(identifier: $identifier, input: $input) {
    product { id handle status variants(first: 10) { nodes { id sku price } } }
    userErrors { code field message }
  }
}
"""
PRICES = """
mutation Prices($product: ID!, $variants: [ProductVariantsBulkInput!]!) {
  productVariantsBulkUpdate(productId: $product, variants: $variants) {
    productVariants { price }
    userErrors { code field message }
  }
}
"""
UPDATE = """
mutation Update($product: ProductUpdateInput!, $media: [CreateMediaInput!]) {
  productUpdate(product: $product, media: $media) {
    product { status mediaCount { count } }
    userErrors { field message }
  }
}
"""


def variant(value: str, sku: str, price: str = "5.00", **more: Any) -> dict[str, Any]:
    item = {"sku": sku, "tracked": True}
    return {"optionValues": [{"optionName": "Size", "name": value}], "price": price, "inventoryItem": item, **more}


def shirt(*variants: dict[str, Any], **more: Any) -> dict[str, Any]:
    values = [{"name": one["optionValues"][0]["name"]} for one in variants]
    options = [{"name": "Size", "position": 1, "values": values}]
    return {"title": "Shirt", "productOptions": options, "variants": list(variants), **more}


async def set_product(client: GraphqlClient, fields: dict[str, Any], handle: str = "shirt-1") -> dict[str, Any]:
    answer = await client.call(SET, identifier={"handle": handle}, input=fields)
    found: dict[str, Any] = answer.body["data"]["productSet"]
    return found


def codes(answer: dict[str, Any]) -> list[str | None]:
    return [error.get("code") for error in answer["userErrors"]]


async def test_a_handle_makes_a_product_once_and_names_it_afterwards(open_shop: OpenShop) -> None:
    async with open_shop() as client:
        first = await set_product(client, shirt(variant("S", "S-S"), variant("M", "S-M"), status="DRAFT"))
        again = await set_product(client, shirt(variant("S", "S-S", "6.00"), variant("M", "S-M")))
        assert first["product"]["id"] == again["product"]["id"]
        assert again["product"]["status"] == "DRAFT"  # what is left out stays
        before, after = (
            {one["sku"]: one["id"] for one in found["product"]["variants"]["nodes"]} for found in (first, again)
        )
        assert before == after
        fewer = await set_product(client, shirt(variant("S", "S-S")))
        assert [one["sku"] for one in fewer["product"]["variants"]["nodes"]] == ["S-S"]  # lists are replaced


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        (shirt(variant("S", "A"), title=" "), "INVALID_INPUT"),
        (shirt(variant("S", "A"), variant("S", "B")), "INVALID_VARIANT"),
        (shirt(variant("S", "A", "-1.00")), "INVALID_VARIANT"),
        ({"title": "Shirt", "variants": [variant("S", "A")]}, "PRODUCT_OPTIONS_INPUT_MISSING"),
        (shirt(variant("S", "A"), files=[{"originalSource": "shirt.png", "contentType": "IMAGE"}]), "INVALID_INPUT"),
    ],
)
async def test_what_does_not_fit_makes_nothing(open_shop: OpenShop, fields: dict[str, Any], code: str) -> None:
    async with open_shop() as client:
        before = len(client.shop.state.products)
        answer = await set_product(client, fields)
        assert codes(answer) == [code]
        assert answer["product"] is None
        assert len(client.shop.state.products) == before


async def test_prices_are_written_all_or_none_and_never_quantities(open_shop: OpenShop) -> None:
    async with open_shop() as client:
        made = (await set_product(client, shirt(variant("S", "S-S"), variant("M", "S-M"))))["product"]
        ids = [one["id"] for one in made["variants"]["nodes"]]

        async def write(*variants: dict[str, Any], product: str = made["id"]) -> dict[str, Any]:
            answer = await client.call(PRICES, product=product, variants=list(variants))
            found: dict[str, Any] = answer.body["data"]["productVariantsBulkUpdate"]
            return found

        assert codes(await write({"id": ids[0], "price": "9.00"}, {"id": "gid://shopify/ProductVariant/1"})) == [
            "PRODUCT_VARIANT_DOES_NOT_EXIST"
        ]
        assert codes(await write({"price": "9.00"})) == ["PRODUCT_VARIANT_ID_MISSING"]
        assert codes(await write({"id": ids[0]}, product="gid://shopify/Product/1")) == ["PRODUCT_DOES_NOT_EXIST"]
        quantities = [{"availableQuantity": 1, "locationId": "gid://shopify/Location/1"}]
        refused = await write({"id": ids[0], "inventoryQuantities": quantities})
        assert codes(refused) == ["NO_INVENTORY_QUANTITIES_ON_VARIANTS_UPDATE"]
        sizes = [client.shop.state.variants[int(one.rpartition("/")[2])] for one in ids]
        assert [one.price_cents for one in sizes] == [500, 500]
        assert (await write({"id": ids[0], "price": "9.00"}))["productVariants"] == [{"price": "9.00"}]


async def test_a_product_becomes_a_draft_and_gets_an_image(open_shop: OpenShop) -> None:
    async with open_shop() as client:
        made = (await set_product(client, shirt(variant("S", "S-S"))))["product"]
        media = [{"originalSource": "https://img.example.test/a.png", "mediaContentType": "IMAGE"}]
        answer = await client.call(UPDATE, product={"id": made["id"], "status": "DRAFT"}, media=media)
        assert answer.body["data"]["productUpdate"]["product"] == {"status": "DRAFT", "mediaCount": {"count": 1}}
        gone = await client.call(UPDATE, product={"id": "gid://shopify/Product/1"}, media=[])
        assert gone.body["data"]["productUpdate"]["userErrors"] == [
            {"field": ["id"], "message": "Product does not exist"}
        ]


async def test_what_is_done_in_the_catalogue_is_told_with_all_its_variants(
    shopify: GraphqlClient, receiver: Receiver
) -> None:
    await shopify.subscribe(receiver.url, "PRODUCTS_CREATE", "PRODUCTS_UPDATE", "PRODUCTS_DELETE")
    shop = shopify.shop
    shop.add_goods([Good(f"BIG-{n}", f"Big - {n}", 100, 1, "variation", "BIG", str(n)) for n in range(120)])
    await shopify.server.settled()
    shop.rename_sku("BIG-0", "SMALL")
    await shopify.server.settled()
    product = shop.product("SMALL")
    shop.set_stock("SMALL", 9)  # no change of the product, unless a shop is one that says so
    shop.delete_product("SMALL")
    await shopify.server.settled()
    created, updated, deleted = receiver.drain()
    assert [one.topic for one in (created, updated, deleted)] == [
        "products/create",
        "products/update",
        "products/delete",
    ]
    assert (len(updated.json["variants"]), len(updated.json["variant_gids"])) == (100, 120)
    first = updated.json["variants"][0]
    assert (first["sku"], first["inventory_management"]) == ("SMALL", "shopify")
    assert deleted.json == {"id": product.id}


async def test_some_shops_say_that_a_product_changed_when_its_stock_did(
    shopify: GraphqlClient, receiver: Receiver
) -> None:
    await shopify.subscribe(receiver.url, "PRODUCTS_UPDATE")
    shopify.shop.tells_products_of_stock = True
    shopify.shop.set_stock("SKU-0001", 9)
    await shopify.server.settled()
    (told,) = receiver.drain()
    assert told.json["variants"][0]["inventory_quantity"] == 9

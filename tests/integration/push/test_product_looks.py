"""Products of which a store's webhooks tell something new are looked at one by one, soon."""

import json
from typing import Any, Final

from prokip_sandbox import Fault, Good, ShopifyServer, WooCommerceStore
from prokip_sandbox.shopify.bodies import gone_product_body, product_body
from prokip_sandbox.shopify.model import Product
from prokip_shared.messages import Message, ProductHint, ProductHintedV1, utc_now
from prokip_shared.platforms import shopify_webhooks, woocommerce_webhooks
from prokip_shared.platforms.webhooks import LevelHint, ProductSeen
from tests.integration.push.test_catalogues import states
from tests.integration.push.test_pushing import shopify_with, woo_with
from tests.integration.push.world import PushWorld, open_world, unlimited
from tests.support.eventually import eventually

FAMILY: Final = [Good(f"TEE-{size}", f"Tee - {size}", 100, 10, "variation", "TEE", size) for size in "SML"]


def hinted(world: PushWorld, connection_id: int, fields: dict[str, Any]) -> Message:
    return ProductHintedV1(
        business_id=world.business_id,
        connection_id=connection_id,
        product=ProductHint.model_validate(fields),
        observed_at=utc_now(),
    )


async def tell(world: PushWorld, connection_id: int, shopify: ShopifyServer, product: Product) -> None:
    """As webhook-ingest would say what the shop sends."""
    state = shopify.shop().state
    gone = product.id not in state.products
    topic, body = (
        ("products/delete", gone_product_body(product)) if gone else ("products/update", product_body(product, state))
    )
    meaning = shopify_webhooks.read_webhook(topic, body)
    assert isinstance(meaning, ProductSeen)
    await world.say(hinted(world, connection_id, meaning.fields))


async def until_state(world: PushWorld, connection_id: int, wanted: dict[str | None, str]) -> None:
    async def so() -> bool:
        found = await states(world, connection_id)
        return all(found.get(sku) == state for sku, state in wanted.items())

    await eventually(so, what=f"{wanted}")


def counted(server: ShopifyServer | WooCommerceStore, *, path: str = "", body: str = "") -> Fault:
    """Disturbs nothing; its `met` counts the questions that fit."""
    return server.faults.add(Fault("slow", path=path, body=body, hold_s=0, times=None))


async def test_a_product_that_is_made_renamed_and_removed_in_a_shop_is_followed_at_once(database_url: str) -> None:
    shopify = shopify_with(2)
    async with shopify.serve(), open_world(database_url, shopify) as world:
        connection = await world.connect_shop(shopify)
        shop = shopify.shop()
        await world.tell_stock({"LATE": 7, "LATER": 8, "SKU-0001": 3})
        shop.add_goods([Good("LATE", "Late", 100, 50)])
        late = shop.product("LATE")
        await tell(world, connection, shopify, late)
        await world.until(lambda: shop.stock("LATE") == 7, "found and written")
        shop.rename_sku("LATE", "LATER")
        await tell(world, connection, shopify, late)
        await world.until(lambda: shop.stock("LATER") == 8, "renamed and written")
        shop.delete_product("LATER")
        await tell(world, connection, shopify, late)
        await until_state(world, connection, {"LATER": "gone", "SKU-0001": "matched"})


async def test_a_second_item_with_a_sku_makes_both_ambiguous_and_its_end_makes_the_first_one_good(
    database_url: str,
) -> None:
    shopify = shopify_with(1)
    async with shopify.serve(), open_world(database_url, shopify) as world:
        connection = await world.connect_shop(shopify)
        shop = shopify.shop()
        shop.add_goods([Good("OTHER", "Other", 100, 50)])
        other = shop.product("OTHER")
        shop.rename_sku("OTHER", "SKU-0001")
        await tell(world, connection, shopify, other)
        await until_state(world, connection, {"SKU-0001": "duplicate_sku"})
        shop.goods.delete(other)
        await tell(world, connection, shopify, other)

        async def one_is_matched() -> bool:
            _, page = await world.ask(f"/internal/listings?connection={connection}&limit=200")
            return sorted(item["state"] for item in page["items"]) == ["gone", "matched"]

        await eventually(one_is_matched, what="the one that is left is matched")
        await world.tell_stock({"SKU-0001": 4})
        await world.until(lambda: shop.stock("SKU-0001") == 4, "written")


async def test_what_our_own_writes_make_a_shop_tell_asks_it_nothing(database_url: str) -> None:
    shopify = ShopifyServer(limits=unlimited())
    shopify.seed_goods(FAMILY)
    async with shopify.serve(), open_world(database_url, shopify) as world:
        connection = await world.connect_shop(shopify)
        shop = shopify.shop()
        tee = shop.product("TEE-S")
        looks = counted(shopify, body="ProductItems")
        for quantity in (4, 5, 6):
            await world.tell_stock({"TEE-S": quantity})
            await world.until_settled(connection)
            assert shop.stock("TEE-S") == quantity
            await tell(world, connection, shopify, tee)
        shop.rename_sku("TEE-M", "TEE-MEDIUM")
        await tell(world, connection, shopify, tee)
        await until_state(world, connection, {"TEE-MEDIUM": "matched"})
        assert looks.met == 1


async def test_a_large_product_of_which_a_webhook_names_a_part_is_counted(database_url: str) -> None:
    shopify = ShopifyServer(limits=unlimited())
    shopify.seed_goods([Good(f"BIG-{n:03}", f"Big - {n}", 100, 1, "variation", "BIG", str(n)) for n in range(120)])
    async with shopify.serve(), open_world(database_url, shopify) as world:
        connection = await world.connect_shop(shopify)
        shop = shopify.shop()
        big = shop.product("BIG-000")
        del shop.state.items[shop.state.variants.pop(big.variant_ids.pop()).item_id]
        await tell(world, connection, shopify, big)
        await until_state(world, connection, {"BIG-119": "gone", "BIG-000": "matched", "BIG-118": "matched"})


async def test_a_shop_that_fails_is_asked_again(database_url: str) -> None:
    shopify = shopify_with(1)
    async with shopify.serve(), open_world(database_url, shopify) as world:
        connection = await world.connect_shop(shopify)
        shop = shopify.shop()
        shopify.faults.add(Fault("status", body="ProductItems", status=500))
        shop.rename_sku("SKU-0001", "NEW")
        await tell(world, connection, shopify, shop.product("NEW"))
        await until_state(world, connection, {"NEW": "matched"})


async def test_where_very_many_products_changed_the_whole_catalogue_is_read(database_url: str) -> None:
    shopify = shopify_with(130)
    async with shopify.serve(), open_world(database_url, shopify, CATALOGUE_HINT_PAUSE_S="0.1") as world:
        connection = await world.connect_shop(shopify)
        shop = shopify.shop()
        products = list(shop.state.products.values())
        for number in range(1, 131):
            shop.rename_sku(f"SKU-{number:04}", f"NEW-{number:04}")
        hints = []
        for product in products:
            meaning = shopify_webhooks.read_webhook("products/update", product_body(product, shop.state))
            assert isinstance(meaning, ProductSeen)
            hints.append(hinted(world, connection, meaning.fields))
        await world.say(*hints)
        await until_state(world, connection, {"NEW-0001": "matched", "NEW-0130": "matched"})


async def test_a_variation_that_is_made_renamed_or_trashed_in_woocommerce_is_followed(database_url: str) -> None:
    woo = WooCommerceStore()
    woo.seed_goods(FAMILY)
    async with woo.serve(), open_world(database_url) as world:
        connection = await world.connect_woo(woo)
        tee = woo.product("TEE-S")
        woo.catalogue.update(tee, {"sku": "TEE-SMALL"}, validated=False)
        await tell_woo(world, connection, woo, "product.updated", tee.id)
        await until_state(world, connection, {"TEE-SMALL": "matched", "TEE-M": "matched"})
        parent = woo.state.products[tee.parent_id]
        new = {"sku": "TEE-XL", "manage_stock": True, "stock_quantity": 3}
        woo.catalogue.create(new, validated=False, parent=parent)
        await tell_woo(world, connection, woo, "product.updated", parent.id)
        await until_state(world, connection, {"TEE-XL": "matched"})
        woo.catalogue.delete(parent, force=False)
        await tell_woo(world, connection, woo, "product.deleted", parent.id)
        await until_state(world, connection, {"TEE-XL": "gone", "TEE-SMALL": "gone"})


async def test_what_a_woocommerce_store_tells_after_each_write_asks_it_nothing(database_url: str) -> None:
    woo = woo_with(1)
    woo.seed_goods(FAMILY)
    async with woo.serve(), open_world(database_url) as world:
        connection = await world.connect_woo(woo)
        simple, tee = woo.product("SKU-0001"), woo.product("TEE-S")
        looks = counted(woo, path=r"/products\?include=.*name")
        for one in (simple.id, tee.id, tee.parent_id):
            await tell_woo(world, connection, woo, "product.updated", one)
        woo.catalogue.update(simple, {"sku": "RENAMED"}, validated=False)
        await tell_woo(world, connection, woo, "product.updated", simple.id)
        await until_state(world, connection, {"RENAMED": "matched"})
        assert looks.met == 1


async def tell_woo(world: PushWorld, connection_id: int, woo: WooCommerceStore, topic: str, product_id: int) -> None:
    meaning = woocommerce_webhooks.read_webhook(topic, json.loads(woo.webhooks.body_of(topic, product_id)))
    assert isinstance(meaning, LevelHint | ProductSeen)
    fields = meaning.product if isinstance(meaning, LevelHint) else meaning.fields
    assert fields is not None
    await world.say(hinted(world, connection_id, fields))

from prokip_sandbox import ShopifyServer, WooCommerceStore
from tests.integration.push.world import open_world, simple_goods


async def test_a_change_reaches_a_woocommerce_and_a_shopify_store(database_url: str) -> None:
    woo, shopify = WooCommerceStore(), ShopifyServer()
    woo.seed_goods(simple_goods(3, 100))
    shopify.seed_goods(simple_goods(3, 100))
    async with woo.serve(), shopify.serve(), open_world(database_url, shopify) as world:
        await world.connect_woo(woo)
        await world.connect_shop(shopify)
        await world.tell_stock({"SKU-0001": 98, "SKU-0002": 0})
        await world.until(lambda: woo.stock("SKU-0001") == shopify.shop().stock("SKU-0001") == 98, "98 shown")
        await world.until(lambda: woo.stock("SKU-0002") == shopify.shop().stock("SKU-0002") == 0, "0 shown")
        assert woo.stock("SKU-0003") == shopify.shop().stock("SKU-0003") == 100

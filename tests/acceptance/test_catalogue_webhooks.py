"""What merchants change in a store's catalogue counts within seconds, long before the regular reading."""

from prokip_sandbox import Fault, WorldSpec
from tests.support.eventually import eventually
from tests.support.market import Market, open_market
from tests.support.postgres import fetch_value

SPEC = WorldSpec(woocommerce_stores=1, shopify_shops=1, goods=4, quantity=100, simple_only=True)


async def test_a_sku_that_is_renamed_in_a_store_and_back_is_followed_and_our_own_writes_never_loop(
    database_url: str,
) -> None:
    async with open_market(database_url, "postgres", SPEC) as market:
        (woo,), (shop,) = market.world.woocommerce, market.world.shopify.shops.values()
        shop.tells_products_of_stock = True  # so that each of our writes says that its product changed
        looks = market.world.shopify.faults.add(Fault("slow", body="ProductItems", times=None, hold_s=0))
        there, here, other = market.world.skus[:3]
        await eventually(lambda: catalogues_at_rest(database_url), what="what connecting asks for has been read")
        shop.rename_sku(there, "NEW-NAME")
        await until_kind(market, "shopify", "NEW-NAME", "only_in_store")
        woo.catalogue.update(woo.product(here), {"sku": "OTHER-NAME"}, validated=True)
        await until_kind(market, "woocommerce", "OTHER-NAME", "only_in_store")
        woo.buy({there: 3, other: 2})
        shop.buy({here: 4})
        await market.expect(other, 98)
        await market.expect_available(there, 97)
        await market.expect_available(here, 96)
        assert (shop.stock("NEW-NAME"), woo.stock("OTHER-NAME")) == (100, 100)
        shop.rename_sku("NEW-NAME", there)
        woo.catalogue.update(woo.product("OTHER-NAME"), {"sku": here}, validated=True)
        await market.expect(there, 97)
        await market.expect(here, 96)
        await market.world.settled()
        assert looks.met == 2


async def until_kind(market: Market, platform: str, sku: str, kind: str) -> None:
    page = await market.house.operator.call("GET", "/api/v1/connections")
    (store,) = [one for one in page["items"] if one["platform"] == platform]

    async def so() -> bool:
        path = f"/api/v1/connections/{store['id']}/catalogue/items?search={sku}"
        return [item["kind"] for item in (await market.house.operator.call("GET", path))["items"]] == [kind]

    await eventually(so, what=f"{sku} is {kind} at {platform}")


async def catalogues_at_rest(database_url: str) -> bool:
    """Each has been read since it was last wanted: a reading that comes later would see a rename before any look."""
    return bool(
        await fetch_value(
            database_url,
            "SELECT count(*) = 2 AND bool_and(cursor IS NULL AND coalesce(tried_at >= wanted_at, false))"
            " FROM push.catalogue_read",
        )
    )

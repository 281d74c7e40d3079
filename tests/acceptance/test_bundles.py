"""Two stores sell a bundle and its parts one by one, take some back and call some off: every number is explained."""

from typing import Any, Final

from prokip_sandbox import Good, WorldSpec
from prokip_sandbox.prokip.fixed import as_text
from prokip_sandbox.world import World
from tests.support.eventually import eventually
from tests.support.market import Market, open_market

SPEC: Final = WorldSpec(woocommerce_stores=1, shopify_shops=1, goods=3, quantity=100, simple_only=True)
BOX: Final = Good("BOX", "Box of two and one", 2000, 7)
"""What the stores call it, and show before anybody says what it is made of."""


async def expect_bundle(market: Market, quantity: int) -> None:
    async def equal() -> bool:
        found = {"ledger": await market.available(BOX.sku), "stores": market.shown(BOX.sku)}
        assert found["ledger"] == quantity, found
        assert market.shown(BOX.sku) == [quantity, quantity], found
        return True

    await eventually(equal, what=f"there are {quantity} bundles everywhere")


async def expect(market: Market, cup: int, pot: int, box: int) -> None:
    first, second, _ = market.world.skus
    await market.expect(first, cup)
    await market.expect(second, pot)
    await expect_bundle(market, box)


async def test_stores_sell_a_bundle_and_its_parts_one_by_one(database_url: str, broker_url: str) -> None:
    world = World(SPEC)
    cup, pot, _ = world.skus
    world.shopify.seed_goods([BOX])
    world.woocommerce[0].seed_goods([BOX])
    settings = {"CONNECTOR_REQUEST_INTERVAL_S": "0"}
    async with open_market(
        database_url, broker_url, SPEC, world=world, dialect="connector", settings=settings
    ) as market:
        call = market.house.operator.call
        (shop,), (woo,) = world.shopify.shops.values(), world.woocommerce
        assert market.shown(BOX.sku) == [7, 7]  # Prokip does not know it: nothing is written
        parts = [{"sku": cup, "quantity": 2}, {"sku": pot, "quantity": 1}]
        await call("PUT", "/api/v1/bundles", {"sku": BOX.sku, "parts": parts})
        await expect(market, cup=100, pot=100, box=50)

        bought = shop.buy({BOX.sku: 3})
        await expect(market, cup=94, pot=97, box=47)
        mixed = woo.buy({BOX.sku: 1, cup: 2})
        await expect(market, cup=90, pot=96, box=45)
        woo.buy({pot: 60})
        await expect(market, cup=90, pot=36, box=36)
        shop.refund(bought, {BOX.sku: 1})
        await expect(market, cup=92, pot=37, box=37)
        woo.cancel(mixed)
        await expect(market, cup=96, pot=38, box=38)
        await _prokip_was_told_the_parts_at_the_bundles_price(market, cup, pot)
        await _every_number_is_explained(market, cup, pot)
        await _a_store_that_keeps_some_back_keeps_back_bundles(market)
        await call("DELETE", f"/api/v1/bundles/{BOX.sku}")
        world.prokip.counter_sale({pot: 8})
        await call("POST", "/sync/manual")
        await market.expect(pot, 30)
        assert market.shown(BOX.sku) == [38, 30]  # nobody's business any more
        (store, _) = (await call("GET", "/api/v1/connections"))["items"]
        page = await call("GET", f"/api/v1/connections/{store['id']}/catalogue/items?search={BOX.sku}")
        assert [(item["kind"], item["available"]) for item in page["items"]] == [("only_in_store", None)]


async def _prokip_was_told_the_parts_at_the_bundles_price(market: Market, cup: str, pot: str) -> None:
    sale = market.world.prokip.sales[0]
    assert {item.sku: item.quantity for item in sale.items} == {cup: 6, pot: 3}
    told = next(one for one in market.world.prokip.state.transactions.values() if one.type == "sell")
    assert as_text(told.final_total) == "60.0000"
    page = await market.house.operator.call("GET", "/api/v1/sales")
    assert {item["sku"] for item in page["items"]} == {BOX.sku, cup, pot}  # as the customers bought


async def _every_number_is_explained(market: Market, cup: str, pot: str) -> None:
    call = market.house.operator.call
    box: dict[str, Any] = await call("GET", f"/api/v1/stock/explanation?sku={BOX.sku}")
    assert (box["state"], box["available"], box["addsUp"]) == ("bundle", "38", True)
    assert [(part["sku"], part["makes"], part["least"]) for part in box["madeOf"]] == [
        (cup, "48", False),
        (pot, "38", True),
    ]
    for sku, units in ((cup, "4"), (pot, "2")):
        told = await call("GET", f"/api/v1/stock/explanation?sku={sku}")
        assert (told["addsUp"], told["bundleUnits"]) == (True, units)
        assert f"As part of bundles: {units} of them." in told["sentence"]
    listings = (await call("GET", f"/api/v1/stock/listings?sku={BOX.sku}"))["items"]
    assert [(listing["target"], listing["believed"]) for listing in listings] == [("38", "38"), ("38", "38")]
    for store in (await call("GET", "/api/v1/connections"))["items"]:
        path = f"/api/v1/connections/{store['id']}/catalogue/items?search={BOX.sku}"
        (item,) = (await call("GET", path))["items"]
        assert item["kind"] == "matched"
        assert item["why"] == "Written to: it shows how many of the bundle BOX its parts make."


async def _a_store_that_keeps_some_back_keeps_back_bundles(market: Market) -> None:
    call = market.house.operator.call
    stores = (await call("GET", "/api/v1/connections"))["items"]
    (shopify,) = [store for store in stores if store["platform"] == "shopify"]
    await call("PUT", f"/api/v1/connections/{shopify['id']}/rules/skus", {"sku": BOX.sku, "buffer": "8"})

    async def kept_back() -> bool:
        return market.shown(BOX.sku) == [38, 30]

    await eventually(kept_back, what="one store keeps eight bundles back")

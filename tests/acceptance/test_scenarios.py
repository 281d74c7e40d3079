"""The earlier system's three scenarios, in its own words, on both buses."""

from decimal import Decimal

from prokip_sandbox.world import WorldSpec
from tests.support.eventually import eventually
from tests.support.market import open_market

TWO_STORES = WorldSpec(woocommerce_stores=1, shopify_shops=1, goods=3, quantity=100, simple_only=True)


async def test_scenario_1_first_time_setup_and_connection(database_url: str, broker_url: str) -> None:
    async with open_market(database_url, broker_url, TWO_STORES, connect=False) as market:
        operator, session, url = market.house.operator, market.house.session, market.house.url("gateway")
        # Step 1: user registration, then login
        account = {"username": "admin", "password": "secure123"}
        async with session.post(f"{url}/auth/register", json=account) as answer:
            assert (answer.status, await answer.json()) == (201, {"message": "User registered successfully"})
        async with session.post(f"{url}/auth/login", json=account) as answer:
            assert answer.status == 200
            assert (await answer.json())["token"]
        # Step 2: configure the Prokip API
        known = market.world.connections()
        prokip = known["prokip"]
        body = {"token": prokip["token"], "apiUrl": prokip["apiUrl"], "locationId": prokip["locationIds"][0]}
        assert await operator.call("POST", "/setup/prokip", body) == {"message": "Prokip configured successfully"}
        # Step 3: connect the stores
        store = known["woocommerce"][0]
        answer_body = await operator.call("POST", "/connections/woocommerce", store)
        assert answer_body["message"] == "WooCommerce store connected successfully"
        shop = known["shopify"]["shops"][0]
        await operator.call(
            "POST",
            "/connections/shopify",
            {"shop": shop["shop"], "accessToken": shop["accessToken"], "apiSecret": known["shopify"]["apiSecret"]},
        )
        connections = await operator.call("GET", "/connections")
        assert {item["platform"] for item in connections} == {"shopify", "woocommerce"}
        # Result: connected, synced, and every product of the store is matched
        assert await operator.call("POST", "/sync/manual") == {"message": "Sync completed successfully"}
        for sku in market.world.skus:
            await market.expect(sku, 100)
        matched = await operator.call("POST", "/api/pull", {"platform": "shopify"})
        assert {item["sku"]: item["status"] for item in matched} == dict.fromkeys(market.world.skus, "matched")


async def test_scenario_2_a_sale_of_2_takes_100_to_98(database_url: str, broker_url: str) -> None:
    async with open_market(database_url, broker_url, TWO_STORES) as market:
        shirt = market.world.skus[0]
        await market.expect(shirt, 100)
        (shop,) = market.world.shopify.shops.values()
        order_id = shop.buy({shirt: 2})
        await market.expect(shirt, 98)
        sales = await market.house.operator.call("GET", "/api/v1/sales")
        (sale,) = [item for item in sales["items"] if item["orderRef"] == str(order_id)]
        assert (sale["sku"], Decimal(sale["units"])) == (shirt, Decimal(2))

        async def recorded() -> bool:
            page = await market.house.operator.call("GET", "/api/v1/sales")
            return all(item["prokipState"] == "recorded" and item["prokipSellId"] for item in page["items"])

        await eventually(recorded, what="the sale has its Prokip id")
        (told,) = market.world.prokip.sales
        assert [(item.sku, item.quantity) for item in told.items] == [(shirt, 2)]


async def test_scenario_3_two_stores_share_100(database_url: str, broker_url: str) -> None:
    async with open_market(database_url, broker_url, TWO_STORES) as market:
        shirt = market.world.skus[0]
        (shop,) = market.world.shopify.shops.values()
        (woocommerce,) = market.world.woocommerce
        bought = shop.buy({shirt: 2})
        await market.expect(shirt, 98)
        woocommerce.buy({shirt: 3})
        await market.expect(shirt, 95)
        shop.refund(bought, {shirt: 1})
        await market.expect(shirt, 96)
        explanation = await market.house.operator.call("GET", f"/api/v1/stock/explanation?sku={shirt}")
        told = Decimal(explanation["prokipQuantity"]) + Decimal(explanation["recorded"]) - Decimal(explanation["taken"])
        assert Decimal(explanation["available"]) == told == 96


async def test_a_change_in_prokip_reaches_every_store(database_url: str, broker_url: str) -> None:
    async with open_market(database_url, broker_url, TWO_STORES) as market:
        shirt, trousers, _hat = market.world.skus
        market.world.prokip.counter_sale({shirt: 7})
        market.world.prokip.set_stock(trousers, 0)
        await market.house.operator.call("POST", "/sync/manual")
        await market.expect(shirt, 93)
        await market.expect(trousers, 0)

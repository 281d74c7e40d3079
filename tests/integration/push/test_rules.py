"""Rules of stores and SKUs as the service carries them out, and differences that it asks about."""

import random
from decimal import Decimal
from typing import Any

import asyncpg

from prokip_shared.database import migrate
from prokip_shared.messages import DriftFoundV1, StockChangedV1, StockItem
from store_push.domain.rules import Pushing, SkuRule, StoreRule, shown_of
from tests.integration.push.test_pushing import shopify_with, woo_with
from tests.integration.push.world import LOCATION, PushWorld, open_world
from tests.support.eventually import eventually

WHO = {"changed_by": "ada"}
NO_RULE: dict[str, Any] = {"buffer": "0", "shown_max": None, "locations": "own", "differences": "prokip_wins"}
NO_SKU_RULE: dict[str, Any] = {"buffer": None, "shown_max": None, "push": "on"}


async def change(world: PushWorld, connection: int, **rule: Any) -> Any:
    status, told = await world.post(f"/internal/connections/{connection}/rules", {**NO_RULE, **rule, **WHO})
    assert status == 200, told
    return told


async def change_sku(world: PushWorld, connection: int, sku: str, **rule: Any) -> None:
    body = {"sku": sku, **NO_SKU_RULE, **rule, **WHO}
    status, told = await world.post(f"/internal/connections/{connection}/rules/skus", body)
    assert status == 200, told


async def tell_at(world: PushWorld, location_id: str, sku: str, available: int | None, revision: int) -> None:
    item = StockItem(
        sku=sku,
        available=None if available is None else Decimal(available),
        revision=revision,
        taken={},
        correlation_id=f"{location_id}-{revision}",
    )
    await world.say(StockChangedV1(business_id=world.business_id, location_id=location_id, items=(item,)))


async def test_a_buffer_and_a_maximum_are_taken_off_what_is_shown(database_url: str) -> None:
    shopify, woo = shopify_with(3), woo_with(3)
    async with shopify.serve(), woo.serve(), open_world(database_url, shopify) as world:
        shop, other = await world.connect_shop(shopify), await world.connect_woo(woo)
        await world.tell_stock({"SKU-0001": 20, "SKU-0002": 6, "SKU-0003": 2})
        await world.until_settled(shop, other)
        await change(world, shop, buffer="3", shown_max=10)
        await world.until(
            lambda: [shopify.shop().stock(f"SKU-000{n}") for n in (1, 2, 3)] == [10, 3, 0], "the shop shows less"
        )
        assert [woo.stock(f"SKU-000{n}") for n in (1, 2, 3)] == [20, 6, 2]
        await change_sku(world, shop, "SKU-0001", buffer="0", shown_max=15)
        await world.until(lambda: shopify.shop().stock("SKU-0001") == 15, "a SKU has rules of its own")
        await world.tell_stock({"SKU-0002": 9})
        await world.until(lambda: shopify.shop().stock("SKU-0002") == 6, "what is told later follows the rule")
        _, page = await world.ask("/internal/listings-of-sku?sku=SKU-0002")
        told = page["items"][0]
        assert (told["available"], told["buffer"], told["shown_max"], told["target"]) == ("9", "3", 10, 6)
        _, changes = await world.ask(f"/internal/connections/{shop}/rules/changes")
        assert [(row["sku"], row["changed_by"]) for row in changes["items"]] == [("SKU-0001", "ada"), (None, "ada")]
        assert changes["items"][1]["after"]["buffer"] == "3"


async def test_only_listings_whose_number_changes_become_due(database_url: str) -> None:
    shopify = shopify_with(4)
    async with shopify.serve(), open_world(database_url, shopify) as world:
        shop = await world.connect_shop(shopify)
        await world.tell_stock({"SKU-0001": 20, "SKU-0002": 6, "SKU-0003": 2})
        await world.until_settled(shop)
        written = await world.fetch_value("SELECT count(*) FROM push.push")
        await change(world, shop, shown_max=10)
        await world.until(lambda: shopify.shop().stock("SKU-0001") == 10, "one shows less")
        await world.until_settled(shop)
        assert await world.fetch_value("SELECT count(*) FROM push.push") == written + 1


async def test_what_is_never_written_is_left_alone_and_begins_anew(database_url: str) -> None:
    shopify = shopify_with(1)
    async with shopify.serve(), open_world(database_url, shopify) as world:
        shop = await world.connect_shop(shopify)
        await world.tell_stock({"SKU-0001": 8})
        await world.until_settled(shop)
        await change_sku(world, shop, "SKU-0001", push="never")
        shopify.shop().set_stock("SKU-0001", 55)
        await world.tell_stock({"SKU-0001": 7})
        await world.until_settled(shop)
        assert (await world.listing(shop, "SKU-0001"))["target"] is None
        assert shopify.shop().stock("SKU-0001") == 55
        await change_sku(world, shop, "SKU-0001")
        await world.until(lambda: shopify.shop().stock("SKU-0001") == 7, "written over whatever it shows")
        await world.until_settled(shop)
        assert not world.heard_of(DriftFoundV1)


async def test_one_unified_stock_is_the_sum_of_all_locations(database_url: str) -> None:
    shopify = shopify_with(2)
    async with shopify.serve(), open_world(database_url, shopify) as world:
        shop = await world.connect_shop(shopify)
        await tell_at(world, LOCATION, "SKU-0001", 4, 1)
        await tell_at(world, "L2", "SKU-0001", 5, 1)
        await tell_at(world, "L2", "SKU-0002", 3, 1)
        await world.until(lambda: shopify.shop().stock("SKU-0001") == 4, "its own location's")
        await change(world, shop, locations="all")
        await world.until(lambda: shopify.shop().stock("SKU-0001") == 9, "the sum")
        await world.until(lambda: shopify.shop().stock("SKU-0002") == 3, "also what its own location does not have")
        await tell_at(world, "L2", "SKU-0001", 1, 2)
        await world.until(lambda: shopify.shop().stock("SKU-0001") == 5, "what changes elsewhere")
        await tell_at(world, "L2", "SKU-0001", 50, 1)  # older
        await tell_at(world, LOCATION, "SKU-0001", 2, 2)
        await world.until(lambda: shopify.shop().stock("SKU-0001") == 3, "the newest of each")
        _, page = await world.ask(f"/internal/listings-of-sku?sku=SKU-0001&location={LOCATION}")
        assert page["items"][0]["places"] == {LOCATION: "2", "L2": "1"}
        await change(world, shop)
        await world.until(lambda: shopify.shop().stock("SKU-0001") == 2, "its own again")


async def test_nobody_is_asked_about_an_item_that_is_gone_or_sells_another_sku(database_url: str) -> None:
    shopify = shopify_with(2)
    async with shopify.serve(), open_world(database_url, shopify, CATALOGUE_INTERVAL_S="1") as world:
        shop = await world.connect_shop(shopify)
        await world.tell_stock({"SKU-0001": 20, "SKU-0002": 20})
        await world.until_settled(shop)
        await change(world, shop, differences="ask")
        for sku in ("SKU-0001", "SKU-0002"):
            shopify.shop().set_stock(sku, 5)
        await world.tell_stock({"SKU-0001": 18, "SKU-0002": 18})

        async def states() -> list[str]:
            _, page = await world.ask("/internal/differences")
            return sorted(row["state"] for row in page["items"])

        async def asked() -> bool:
            return await states() == ["open", "open"]

        async def explained() -> bool:
            return await states() == ["explained", "explained"]

        await eventually(asked, what="both are asked about")
        shopify.shop().delete_product("SKU-0001")
        shopify.shop().rename_sku("SKU-0002", "OTHER")
        await eventually(explained, what="nobody is asked any more")


async def test_a_difference_is_asked_about_and_not_written_until_somebody_decides(database_url: str) -> None:
    shopify = shopify_with(2)
    async with shopify.serve(), open_world(database_url, shopify) as world:
        shop = await world.connect_shop(shopify)
        await world.tell_stock({"SKU-0001": 20, "SKU-0002": 20})
        await world.until_settled(shop)
        await change(world, shop, differences="ask")
        shopify.shop().set_stock("SKU-0001", 5)
        shopify.shop().set_stock("SKU-0002", 30)
        await world.tell_stock({"SKU-0001": 18, "SKU-0002": 18})

        async def asked() -> bool:
            _, page = await world.ask("/internal/differences?state=open")
            return len(page["items"]) == 2

        await eventually(asked, what="both are asked about")
        _, page = await world.ask("/internal/differences")
        second, first = sorted(page["items"], key=lambda row: -row["shown"])
        assert (first["sku"], first["cause"].partition(":")[0]) in {
            ("SKU-0001", "edited in the store"), ("SKU-0001", "missed webhook"),
        }  # fmt: skip
        shown = [shopify.shop().stock("SKU-0001"), shopify.shop().stock("SKU-0002")]
        await world.tell_stock({"SKU-0001": 17, "SKU-0002": 17})
        await world.until_settled(shop)
        assert [shopify.shop().stock("SKU-0001"), shopify.shop().stock("SKU-0002")] == shown, "held"
        assert not world.heard_of(DriftFoundV1)

        push, leave = {"decision": "push", **WHO}, {"decision": "leave", **WHO}
        assert (await world.post(f"/internal/differences/{first['id']}", push))[0] == 200
        await world.until(lambda: shopify.shop().stock("SKU-0001") == 17, "Prokip's number")
        assert (await world.post(f"/internal/differences/{second['id']}", leave))[0] == 200
        assert (await world.post(f"/internal/differences/{second['id']}", leave))[0] == 409
        assert (await world.post(f"/internal/differences/{second['id']}", push, business_id=99))[0] == 404
        await world.tell_stock({"SKU-0002": 16})
        await world.until_settled(shop)
        assert shopify.shop().stock("SKU-0002") == shown[1]
        await change(world, shop)  # Prokip wins again: nobody is asked any more
        await world.until(lambda: shopify.shop().stock("SKU-0002") == 16, "judged as everywhere else")


async def test_values_that_are_none_are_refused(database_url: str) -> None:
    shopify = shopify_with(1)
    async with shopify.serve(), open_world(database_url, shopify) as world:
        shop = await world.connect_shop(shopify)
        path = f"/internal/connections/{shop}/rules"
        for bad in ({"buffer": "-1"}, {"buffer": "NaN"}, {"shown_max": -1}, {"locations": "some"}, {"more": 1}):
            status, problem = await world.post(path, {**NO_RULE, **WHO, **bad})
            assert (status, problem["code"]) == (422, "invalid_input"), bad
        status, problem = await world.post("/internal/connections/999/rules", {**NO_RULE, **WHO})
        assert (status, problem["code"]) == (409, "store_not_followed")
        status, _ = await world.post(path, {**NO_RULE, **WHO}, business_id=world.business_id + 1)
        assert status == 409


async def test_the_rules_are_the_same_in_sql(database_url: str) -> None:
    await migrate(database_url, schema="push", package="store_push")
    chance = random.Random(17)
    connection = await asyncpg.connect(database_url)
    try:
        for _ in range(300):
            available = chance.choice((None, Decimal(chance.randint(-500, 2000)) / 8, Decimal("1e12")))
            buffer = chance.choice((Decimal(0), Decimal(chance.randint(0, 80)) / 4))
            shown_max = chance.choice((None, chance.randint(0, 40)))
            push: Pushing = chance.choice(("on", "on", "paused", "never"))
            expected = shown_of(available, StoreRule(buffer, shown_max), SkuRule(push=push))
            found = await connection.fetchval("SELECT push.shown($1, $2, $3, $4)", available, buffer, shown_max, push)
            assert found == expected
    finally:
        await connection.close()

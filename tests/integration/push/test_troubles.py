import time
from decimal import Decimal
from typing import Literal

import pytest

from prokip_sandbox import ApiKey, Fault
from prokip_shared.messages import ConnectionHealthChangedV1, DriftFoundV1, LevelHintedV1, utc_now
from tests.integration.push.test_pushing import SET, WOO_BATCH, asked_by_pushes, shopify_with, woo_with
from tests.integration.push.world import open_world


async def test_a_stale_compare_and_set_is_read_and_what_stays_unexplained_is_drift(database_url: str) -> None:
    shopify = shopify_with(2)
    async with shopify.serve(), open_world(database_url, shopify) as world:
        shop = await world.connect_shop(shopify)
        await world.tell_stock({"SKU-0001": 100, "SKU-0002": 100})
        await world.until_settled(shop)
        shopify.shop().set_stock("SKU-0001", 90)  # by hand, in the store's admin
        await world.tell_stock({"SKU-0001": 98, "SKU-0002": 98})
        await world.until(lambda: shopify.shop().stock("SKU-0002") == 98, "the neighbour is written at once")
        await world.until(lambda: shopify.shop().stock("SKU-0001") == 98, "Prokip wins in the end")
        await world.until(lambda: len(world.heard_of(DriftFoundV1)) == 1, "drift told")
        found = world.heard_of(DriftFoundV1)[0]
        assert (found.sku, int(found.expected), int(found.shown)) == ("SKU-0001", 98, 88)
        assert found.cause.startswith("edited in the store")


async def test_a_write_whose_answer_got_lost_is_not_done_twice(database_url: str) -> None:
    woo, shopify = woo_with(1), shopify_with(1)
    async with woo.serve(), shopify.serve(), open_world(database_url, shopify) as world:
        connections = [await world.connect_woo(woo), await world.connect_shop(shopify)]
        await world.tell_stock({"SKU-0001": 100})
        await world.until_settled(*connections)
        woo.faults.add(Fault("reset_after", path="batch"))
        shopify.faults.add(Fault("reset_after", body="inventorySetQuantities"))
        await world.tell_stock({"SKU-0001": 95})
        await world.until_settled(*connections)
        assert [woo.stock("SKU-0001"), shopify.shop().stock("SKU-0001")] == [95, 95]
        assert woo.calls.counts[WOO_BATCH] == 1
        assert shopify.calls.counts[SET] == 2
        assert len(shopify.shop().state.remembered) == 1  # the second was answered from the first one's idempotency key
        outcomes = await world.fetch_value("SELECT array_agg(DISTINCT outcome) FROM push.push")
        assert "unanswered" in outcomes
        assert not world.heard_of(DriftFoundV1)


@pytest.mark.parametrize("kind", ["truncated", "wrong_type", "status"])
async def test_an_answer_that_is_none_is_made_up_for(
    database_url: str, kind: Literal["truncated", "wrong_type"]
) -> None:
    woo = woo_with(1)
    async with woo.serve(), open_world(database_url) as world:
        connection = await world.connect_woo(woo)
        woo.faults.add(Fault(kind, path="batch"))
        await world.tell_stock({"SKU-0001": 80})
        await world.until_settled(connection)
        assert woo.stock("SKU-0001") == 80
        assert (await world.listing(connection, "SKU-0001"))["confirmed"] == 80


async def test_retry_after_is_kept(database_url: str) -> None:
    woo = woo_with(1)
    async with woo.serve(), open_world(database_url) as world:
        await world.connect_woo(woo)
        woo.faults.add(Fault("rate_limit", path="/products", retry_after_s=1.5))
        began_s = time.monotonic()
        await world.tell_stock({"SKU-0001": 50})
        await world.until(lambda: woo.stock("SKU-0001") == 50, "written")
        assert time.monotonic() - began_s >= 1.5
        await world.until(lambda: len(world.heard_of(ConnectionHealthChangedV1)) == 2, "told twice")
        assert [change.health for change in world.heard_of(ConnectionHealthChangedV1)] == ["throttled", "healthy"]


async def test_a_throttled_graphql_answer_is_tried_again_later(database_url: str) -> None:
    shopify = shopify_with(1)
    async with shopify.serve(), open_world(database_url, shopify) as world:
        await world.connect_shop(shopify)
        shopify.faults.add(Fault("throttled", body="inventorySetQuantities"))
        await world.tell_stock({"SKU-0001": 50})
        await world.until(lambda: shopify.shop().stock("SKU-0001") == 50, "written")
        await world.until(lambda: len(world.heard_of(ConnectionHealthChangedV1)) == 2, "told twice")
        assert [change.health for change in world.heard_of(ConnectionHealthChangedV1)] == ["throttled", "healthy"]


async def test_one_bad_item_in_a_batch_is_refused_and_its_neighbours_are_written(database_url: str) -> None:
    woo = woo_with(3)
    async with woo.serve(), open_world(database_url) as world:
        connection = await world.connect_woo(woo)
        slow = woo.faults.add(Fault("slow", path="batch", hold_s=0.3))
        await world.tell_stock({"SKU-0001": 10, "SKU-0002": 20, "SKU-0003": 30})
        await world.until(lambda: slow.met == 1, "read is over, write under way")
        woo.catalogue.delete(woo.product("SKU-0002"), force=True)
        woo.catalogue.update(woo.product("SKU-0003"), {"manage_stock": False}, validated=True)
        await world.until_settled(connection)
        assert woo.stock("SKU-0001") == 10
        states = [(await world.listing(connection, f"SKU-000{n}"))["state"] for n in (1, 2, 3)]
        assert states == ["matched", "gone", "not_tracked"]
        await world.until(lambda: world.outcomes(connection, "SKU-0002") == ["refused"], "refusal told")


async def test_refused_credentials_are_told_apart_and_tried_again_when_they_are_new(database_url: str) -> None:
    woo = woo_with(1)
    async with woo.serve(), open_world(database_url) as world:
        connection = await world.connect_woo(woo)
        woo.add_key(ApiKey(woo.key.consumer_key, "cs_rotated"))
        await world.tell_stock({"SKU-0001": 50})
        await world.until(lambda: len(world.heard_of(ConnectionHealthChangedV1)) == 1, "told")
        assert world.heard_of(ConnectionHealthChangedV1)[0].health == "needs_reauthorisation"
        woo.add_key(woo.key)
        await world.tell_change(connection, "updated")
        await world.until(lambda: woo.stock("SKU-0001") == 50, "written")


async def test_the_echo_of_our_own_write_costs_no_call(database_url: str) -> None:
    woo = woo_with(1)
    async with woo.serve(), open_world(database_url) as world:
        connection = await world.connect_woo(woo)
        await world.tell_stock({"SKU-0001": 50})
        await world.until_settled(connection)
        woo.calls.reset()
        await world.say(_hint(world.business_id, connection, str(woo.product("SKU-0001").id), 50))
        await world.tell_stock({"SKU-0001": 49})
        await world.until_settled(connection)
        assert woo.calls.counts["GET /wp-json/wc/v3/products"] == 1  # the one before the write
        assert (await world.listing(connection, "SKU-0001"))["hints"] == 0


async def test_a_hint_that_nothing_explains_is_looked_at_and_put_right(database_url: str) -> None:
    shopify = shopify_with(1)
    async with shopify.serve(), open_world(database_url, shopify) as world:
        shop = await world.connect_shop(shopify)
        await world.tell_stock({"SKU-0001": 100})
        await world.until_settled(shop)
        shopify.shop().set_stock("SKU-0001", 70)
        item = str(shopify.shop().item("SKU-0001").id)
        await world.say(_hint(world.business_id, shop, item, 70, str(shopify.shop().location_ids[0])))
        await world.until(lambda: shopify.shop().stock("SKU-0001") == 100, "put right")
        await world.until(lambda: len(world.heard_of(DriftFoundV1)) == 1, "drift told")


async def test_a_hint_whose_order_arrives_in_time_is_dropped_without_a_call(database_url: str) -> None:
    shopify = shopify_with(1)
    async with shopify.serve(), open_world(database_url, shopify) as world:
        shop = await world.connect_shop(shopify)
        await world.tell_stock({"SKU-0001": 100})
        await world.until_settled(shop)
        shopify.shop().buy({"SKU-0001": 3})
        shopify.calls.reset()
        item = str(shopify.shop().item("SKU-0001").id)
        await world.say(_hint(world.business_id, shop, item, 97, str(shopify.shop().location_ids[0])))
        await world.tell_stock({"SKU-0001": 97}, taken={shop: 3})
        await world.until_settled(shop)
        assert not asked_by_pushes(shopify)


def _hint(
    business_id: int, connection_id: int, item_ref: str, quantity: int, place_ref: str | None = None
) -> LevelHintedV1:
    return LevelHintedV1(
        business_id=business_id,
        connection_id=connection_id,
        item_ref=item_ref,
        place_ref=place_ref,
        quantity=Decimal(quantity),
        observed_at=utc_now(),
    )

"""Sweeps and looks beside pushes: what they leave alone, what they find, and what they tell of a store's health."""

from datetime import UTC, datetime
from typing import Any

import asyncpg

from prokip_sandbox import Fault
from prokip_shared.messages import ConnectionHealthChangedV1
from store_push.storage.looks import LookStorage
from tests.integration.push.test_pushing import shopify_with, woo_with
from tests.integration.push.test_sweeping import ask_for_sweep, first_sweep
from tests.integration.push.world import PushWorld, open_world
from tests.support.eventually import eventually

SELDOM: Any = {"SWEEP_INTERVAL_S": "86400", "CATALOGUE_INTERVAL_S": "86400"}


async def upkeep(world: PushWorld, connection: int) -> dict[str, Any]:
    status, body = await world.ask(f"/internal/connections/{connection}/upkeep")
    assert status == 200
    found: dict[str, Any] = body
    return found


async def test_an_edit_that_no_webhook_told_is_seen_by_a_look(database_url: str) -> None:
    """Nothing else would: no webhook is registered, the catalogue is not read again, no write is due."""
    woo = woo_with(3, 100)
    async with woo.serve(), open_world(database_url, **SELDOM, LOOK_INTERVAL_S="1") as world:
        connection = await world.connect_woo(woo)
        await world.tell_stock({"SKU-0001": 100, "SKU-0002": 100, "SKU-0003": 100})
        await world.until_settled(connection)
        woo.set_stock("SKU-0002", 64)
        await world.until(lambda: woo.stock("SKU-0002") == 100, "the edit is written over")
        state = await upkeep(world, connection)
        assert state["levels_looked_at"] is not None
        assert state["levels_error"] is None


async def test_the_most_sold_and_longest_unseen_are_looked_at_first(database_url: str) -> None:
    woo = woo_with(4)
    async with woo.serve(), open_world(database_url, **SELDOM, LOOK_INTERVAL_S="86400") as world:
        connection = await world.connect_woo(woo)
        await world.tell_stock({f"SKU-{n:04d}": 100 for n in range(1, 5)})
        await world.until_settled(connection)
        for sku, sold, seen in (("SKU-0001", 1, None), ("SKU-0002", 9, None), ("SKU-0003", 9, 1)):
            await world.execute(
                "UPDATE push.listing SET target_taken = $2, confirmed_at = NULL,"
                " looked_at = now() - $3 * interval '1 hour' WHERE sku = $1",
                sku, sold, seen,
            )  # fmt: skip
        database = await asyncpg.connect(database_url)
        try:
            found = await LookStorage().listings(database, connection, unseen_s=60, listings_max=3)
        finally:
            await database.close()
        by_id = {(await world.listing(connection, f"SKU-{n:04d}"))["id"]: n for n in range(1, 5)}
        assert [by_id[one.listing_id] for one in found] == [2, 3, 1], "the fourth was confirmed a moment ago"


async def test_half_of_a_shops_points_is_left_alone(database_url: str) -> None:
    """A sweep that is wanted waits while the bucket is low, and a push goes all the same."""
    shopify = shopify_with(1, 100)
    async with shopify.serve(), open_world(database_url, shopify, **SELDOM) as world:
        connection = await world.connect_shop(shopify)
        await world.tell_stock({"SKU-0001": 100})
        await world.until_settled(connection)
        first = await first_sweep(world, connection)
        await world.execute(
            "UPDATE push.budget SET points_available = 900, points_maximum = 2000, points_restored_per_s = 0.001,"
            " points_asked = 10, measured_at = now()"
        )
        await ask_for_sweep(world, connection)
        await world.tell_stock({"SKU-0001": 90})
        await world.until(lambda: shopify.shop().stock("SKU-0001") == 90, "pushed although the bucket is low")
        state = await upkeep(world, connection)
        assert state["swept_at"] == first["swept_at"]
        await world.execute("UPDATE push.budget SET points_available = 2000")

        async def swept() -> bool:
            return bool((await upkeep(world, connection))["swept_at"] > first["swept_at"])

        await eventually(swept, what="swept when there is room")


async def test_a_store_that_asks_for_a_rest_gets_one_from_the_background(database_url: str) -> None:
    woo = woo_with(1)
    async with woo.serve(), open_world(database_url, **SELDOM) as world:
        connection = await world.connect_woo(woo)
        await first_sweep(world, connection)
        woo.faults.add(Fault("rate_limit", path=r"/orders\?", retry_after_s=120))
        await ask_for_sweep(world, connection)

        async def held() -> bool:
            until = (await upkeep(world, connection))["held_until"]
            return until is not None and (datetime.fromisoformat(until) - datetime.now(UTC)).total_seconds() > 60

        await eventually(held, what="the wish is kept for all replicas")


async def test_a_store_without_pushes_fails_and_recovers_by_its_sweeps(database_url: str) -> None:
    woo = woo_with(1)
    async with woo.serve(), open_world(database_url, SWEEP_INTERVAL_S="1") as world:
        connection = await world.connect_woo(woo)
        await first_sweep(world, connection)
        fault = woo.faults.add(Fault("status", status=500, times=None))
        await world.until(lambda: states(world) == ["failing"], "failing")
        woo.faults.rules.remove(fault)
        await world.until(lambda: states(world) == ["failing", "healthy"], "healthy again")
        assert (await upkeep(world, connection))["consecutive_failures"] == 0


def states(world: PushWorld) -> list[str]:
    return [message.health for message in world.heard_of(ConnectionHealthChangedV1)]


async def test_another_business_is_told_nothing(database_url: str) -> None:
    async with open_world(database_url) as world:
        connection = await world.connect_custom("http://127.0.0.1:9/stock", "secret")
        assert (await world.ask(f"/internal/connections/{connection}/upkeep"))[0] == 200
        assert (await world.ask(f"/internal/connections/{connection}/upkeep", world.business_id + 1))[0] == 404

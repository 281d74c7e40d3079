"""What a store is to show for the first time: small plans go by themselves, large ones wait for a person."""

from typing import Any
from uuid import uuid4

from prokip_shared.messages import RoundPart, SyncCompletedV1, SyncRequestedV1
from tests.integration.push.test_pushing import shopify_with, woo_with
from tests.integration.push.world import PushWorld, open_world
from tests.support.eventually import eventually

GUARDED = {"FIRST_CHANGED_SHARE_MAX": "0.5", "FIRST_ZEROED_SHARE_MAX": "0.2"}


async def plan(world: PushWorld, connection_id: int) -> dict[str, Any]:
    status, found = await world.ask(f"/internal/stores/{connection_id}/first-quantities")
    assert status == 200, found
    assert isinstance(found, dict)
    return found


async def until_state(world: PushWorld, connection_id: int, state: str) -> dict[str, Any]:
    async def reached() -> dict[str, Any] | None:
        found = await plan(world, connection_id)
        return found if found["state"] == state else None

    found = await eventually(reached, what=f"plan is {state}")
    assert found is not None
    return found


def told(count: int, quantity: int) -> dict[str, int | None]:
    return {f"SKU-{n:04d}": quantity for n in range(1, count + 1)}


async def test_a_small_change_goes_by_itself(database_url: str) -> None:
    woo = woo_with(25)
    async with woo.serve(), open_world(database_url, **GUARDED) as world:
        connection = await world.connect_woo(woo)
        assert (await plan(world, connection))["state"] == "waiting"
        await world.tell_stock({**told(25, 100), "SKU-0001": 7})
        await until_state(world, connection, "passed")
        await world.until(lambda: woo.stock("SKU-0001") == 7, "written")


async def test_a_large_change_waits_is_looked_at_refused_and_released(database_url: str) -> None:
    shopify = shopify_with(25)
    async with shopify.serve(), open_world(database_url, shopify, **GUARDED) as world:
        shop = await world.connect_shop(shopify)
        await world.tell_stock(told(25, 0))
        held = await until_state(world, shop, "held")
        assert (held["listings"], held["changed"], held["zeroed"]) == (25, 25, 25)
        assert held["reason"] == "25 of 25 listings would fall to zero and 25 of 25 listings would change."
        path = f"/internal/stores/{shop}/first-quantities"
        _, page = await world.ask(f"{path}/changes?limit=20")
        _, rest = await world.ask(f"{path}/changes?limit=20&after={page['next']}")
        changes = page["items"] + rest["items"]
        assert len(changes) == 25
        assert (changes[0]["sku"], changes[0]["shows"], changes[0]["target"]) == ("SKU-0001", "100", 0)
        assert [one["connection_id"] for one in (await world.ask("/internal/first-quantities"))[1]["items"]] == [shop]

        assert await world.post(f"{path}/refuse") == (200, {"state": "refused"})
        status, answer = await world.post(f"{path}/refuse")
        assert (status, answer["code"]) == (409, "plan_not_in_this_state")
        assert (await world.post(f"{path}/release", business_id=world.business_id + 1))[0] == 404
        assert all(shopify.shop().stock(sku) == 100 for sku in told(25, 0))
        assert await world.post(f"{path}/release") == (200, {"state": "released"})
        await world.until(lambda: all(shopify.shop().stock(sku) == 0 for sku in told(25, 0)), "written")


async def test_a_plan_that_has_become_small_goes_when_somebody_looks_again(database_url: str) -> None:
    woo = woo_with(25)
    async with woo.serve(), open_world(database_url, **GUARDED) as world:
        connection = await world.connect_woo(woo)
        await world.tell_stock(told(25, 1))
        await until_state(world, connection, "held")
        await world.tell_stock({**told(25, 100), "SKU-0002": 3})
        await world.post(f"/internal/stores/{connection}/first-quantities/reconsider")
        await until_state(world, connection, "passed")
        await world.until(lambda: woo.stock("SKU-0002") == 3, "written")


async def test_a_round_does_not_wait_for_a_decision(database_url: str) -> None:
    woo = woo_with(25)
    async with woo.serve(), open_world(database_url, **GUARDED) as world:
        connection = await world.connect_woo(woo)
        await world.tell_stock(told(25, 0))
        await until_state(world, connection, "held")
        round_id = uuid4()
        await world.say(SyncRequestedV1(business_id=world.business_id, round_id=round_id, connection_id=None))
        whole = RoundPart(round_id=round_id, connection_id=None, part=1, parts=1)
        await world.tell_stock({"SKU-0001": 1}, round_part=whole)
        await world.until(lambda: bool(world.heard_of(SyncCompletedV1)), "round over")
        (ended,) = world.heard_of(SyncCompletedV1)
        assert [(one.state, one.detail) for one in ended.connections] == [
            ("paused", "its first quantities wait for a decision")
        ]

import json
from typing import Any

import pytest

from prokip_shared.messages import OrderObservedV1
from tests.integration.ingest.world import Listener, World, order_body
from tests.unit.webhooks.recorded import woo_delivery


@pytest.fixture
def broker_url() -> str:
    return "postgres"


async def parked(world: World, business_id: int) -> list[dict[str, Any]]:
    async with world.session.get(f"{world.ingest.url}/internal/parked", headers=world.token(business_id)) as response:
        assert response.status == 200
        found: list[dict[str, Any]] = (await response.json())["parked"]
        return found


async def replay(world: World, business_id: int, which: str) -> tuple[int, dict[str, Any]]:
    async with world.session.post(
        f"{world.ingest.url}/internal/parked/{which}", headers=world.token(business_id)
    ) as response:
        return response.status, await response.json()


async def test_the_stores_own_error_is_parked_once_and_counted(world: World, listener: Listener) -> None:
    error = woo_delivery("order.created-body-is-404-error").body
    for _ in range(3):
        response = await world.woo(error, "order.created")
        assert (response.status, await response.json()) == (200, {"status": "parked"})
    business_id = world.stores["woocommerce"].business_id
    (row,) = await parked(world, business_id)
    assert row["reason"] == "the store sent the error woocommerce_rest_shop_order_invalid_id instead"
    assert (row["queue"], row["type"]) == ("ingest.woocommerce", "order.created")
    assert json.loads(row["body"]) == {"code": "woocommerce_rest_shop_order_invalid_id"}
    assert [row["seen"] for row in await world.fetch("SELECT seen FROM ingest.parked")] == [3]
    assert listener.heard == []


async def test_a_replay_that_still_cannot_be_read_stays_parked_with_the_reason(world: World) -> None:
    await world.woo(order_body(1, status=None))
    business_id = world.stores["woocommerce"].business_id
    (row,) = await parked(world, business_id)
    status, problem = await replay(world, business_id, f"{row['id']}/replay")
    assert (status, problem["code"], problem["detail"]) == (409, "still_unusable", "the order has no status")
    assert [row["attempts"] for row in await parked(world, business_id)] == [1]
    assert await replay(world, business_id, "replay") == (200, {"replayed": 0})


async def test_a_replay_that_can_be_read_now_is_said_and_leaves(world: World, listener: Listener) -> None:
    await world.woo(order_body(1, status=None))
    await world.woo(order_body(2, status=None))
    # As if a newer version of this service could read them.
    await world.fetch('UPDATE ingest.parked SET body = replace(body, \'"status": null\', \'"status": "processing"\')')
    business_id = world.stores["woocommerce"].business_id
    row = (await parked(world, business_id))[0]
    assert await replay(world, business_id, f"{row['id']}/replay") == (200, {"replayed": 1})
    assert await replay(world, business_id, "replay") == (200, {"replayed": 1})
    messages = await listener.wait_for(2)
    assert {message.order.order_ref for message in messages if isinstance(message, OrderObservedV1)} == {"1", "2"}
    assert await parked(world, business_id) == []
    assert (await replay(world, business_id, f"{row['id']}/replay"))[0] == 404


async def test_another_business_sees_and_replays_nothing(world: World) -> None:
    await world.woo(order_body(1, status=None))
    business_id = world.stores["woocommerce"].business_id
    (row,) = await parked(world, business_id)
    assert await parked(world, business_id + 1) == []
    assert (await replay(world, business_id + 1, f"{row['id']}/replay"))[0] == 404
    assert await replay(world, business_id + 1, "replay") == (200, {"replayed": 0})
    assert len(await parked(world, business_id)) == 1


async def test_without_an_internal_token_nothing_is_told(world: World) -> None:
    for method, path in (("GET", "/internal/parked"), ("POST", "/internal/parked/replay")):
        async with world.session.request(method, world.ingest.url + path) as response:
            assert response.status == 401


async def test_a_store_that_was_disconnected_meanwhile_has_no_one_to_speak_for(world: World) -> None:
    await world.custom(b'{"orderId": "1", "sku": "a", "quantity": 1, "status": "lost"}')
    store = world.stores["custom"]
    (row,) = await parked(world, store.business_id)
    await world.fetch("UPDATE ingest.parked SET connection_id = 4711")
    status, problem = await replay(world, store.business_id, f"{row['id']}/replay")
    assert (status, problem["detail"]) == (409, "the store is not connected any more")

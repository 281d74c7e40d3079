"""What a hub must survive of WooCommerce's webhooks; each was reproduced on WooCommerce 9.9.5."""

import asyncio
import json

import aiohttp
import pytest

from prokip_sandbox import Disturbance, WooCommerceStore, make_goods
from tests.contract.sandbox.conftest import WEBHOOK_SECRET, Receiver, WooClient, signature

TOLERATED = 6


async def test_each_delivery_is_signed_over_its_raw_body(woo: WooClient, receiver: Receiver) -> None:
    await woo.subscribe(receiver.url)
    receiver.drain()
    woo.store.buy({"SKU-0001": 1})
    await woo.store.settled()
    received = receiver.drain()
    assert len(received) == 3
    assert all(d.headers["X-WC-Webhook-Signature"] == signature(WEBHOOK_SECRET, d.body) for d in received)


async def test_the_delivery_id_is_shared_by_orders_of_the_same_second(
    session: aiohttp.ClientSession, receiver: Receiver
) -> None:
    store = WooCommerceStore(behind_tls_proxy=True, clock=lambda: 1_795_351_927.5)
    store.seed_goods(make_goods(20))
    async with store.serve():
        await WooClient(session, store).subscribe(receiver.url, "order.created")
        receiver.drain()
        for _ in range(5):
            store.buy({"SKU-0001": 1})
        await store.settled()
    received = receiver.drain()
    assert len({d.json["id"] for d in received}) == 5
    assert len({d.headers["X-WC-Webhook-Delivery-ID"] for d in received}) == 1


async def test_the_body_is_built_at_delivery_and_waiting_deliveries_are_coalesced(
    woo: WooClient, receiver: Receiver
) -> None:
    await woo.subscribe(receiver.url)
    receiver.drain()
    woo.store.webhooks.hold()
    created = await woo.post("/orders", {"status": "processing", "line_items": [{"sku": "SKU-0001", "quantity": 1}]})
    for status in ("on-hold", "completed", "cancelled"):
        await woo.put(f"/orders/{created.body['id']}", {"status": status})
    woo.store.webhooks.release()
    await woo.store.settled()
    received = receiver.drain()
    assert [d.topic for d in received] == ["order.created", "order.updated", "product.updated"]
    assert received[0].json["status"] == "cancelled"


async def test_an_order_trashed_before_delivery_arrives_as_created_with_status_trash(
    woo: WooClient, receiver: Receiver
) -> None:
    await woo.subscribe(receiver.url, "order.created", "order.deleted")
    receiver.drain()
    woo.store.webhooks.hold()
    created = await woo.post("/orders", {"line_items": [{"sku": "SKU-0001", "quantity": 1}]})
    await woo.delete(f"/orders/{created.body['id']}")
    woo.store.webhooks.release()
    await woo.store.settled()
    first, second = receiver.drain()
    assert (first.topic, first.json["status"]) == ("order.created", "trash")
    assert (second.topic, second.json) == ("order.deleted", {"id": created.body["id"]})


async def test_an_order_gone_before_delivery_arrives_as_a_signed_error_body(woo: WooClient, receiver: Receiver) -> None:
    await woo.subscribe(receiver.url, "order.created")
    receiver.drain()
    woo.store.webhooks.hold()
    created = await woo.post("/orders", {"line_items": [{"sku": "SKU-0001", "quantity": 1}]})
    await woo.delete(f"/orders/{created.body['id']}?force=true")
    woo.store.webhooks.release()
    await woo.store.settled()
    (delivery,) = receiver.drain()
    expected = '{"code":"woocommerce_rest_shop_order_invalid_id","message":"Invalid ID.","data":{"status":404}}'
    assert delivery.body.decode() == expected
    assert delivery.headers["X-WC-Webhook-Signature"] == signature(WEBHOOK_SECRET, delivery.body)


@pytest.mark.parametrize(
    ("status", "counts_as_success"),
    [(201, True), (204, True), (301, True), (302, True), (303, False), (404, False), (410, False), (500, False)],
)
async def test_a_delivery_is_never_retried_and_only_some_answers_count_as_success(
    woo: WooClient, receiver: Receiver, status: int, counts_as_success: bool
) -> None:
    await woo.subscribe(receiver.url, "order.created")
    receiver.drain()
    receiver.status = status
    woo.store.buy({"SKU-0001": 1})
    await woo.store.settled()
    assert receiver.topics() == ["order.created"]
    assert woo.store.webhook(1).failure_count == (0 if counts_as_success else 1)


async def test_the_seventh_failure_in_a_row_disables_a_webhook_and_activating_keeps_the_count(
    woo: WooClient, receiver: Receiver
) -> None:
    await woo.subscribe(receiver.url, "order.created")
    receiver.status = 500
    for _ in range(TOLERATED):
        woo.store.buy({"SKU-0001": 1})
    await woo.store.settled()
    assert (await woo.get("/webhooks/1")).body["status"] == "active"
    woo.store.buy({"SKU-0001": 1})
    await woo.store.settled()
    assert (await woo.get("/webhooks/1")).body["status"] == "disabled"
    receiver.drain()
    woo.store.buy({"SKU-0001": 1})
    await woo.store.settled()
    assert receiver.drain() == []

    assert (await woo.put("/webhooks/1", {"status": "active"})).body["status"] == "active"
    woo.store.buy({"SKU-0001": 1})
    await woo.store.settled()
    assert (await woo.get("/webhooks/1")).body["status"] == "disabled"


async def test_a_success_resets_the_failure_count(woo: WooClient, receiver: Receiver) -> None:
    await woo.subscribe(receiver.url, "order.created")
    receiver.status = 500
    for _ in range(TOLERATED):
        woo.store.buy({"SKU-0001": 1})
    await woo.store.settled()
    receiver.status = 200
    woo.store.buy({"SKU-0001": 1})
    await woo.store.settled()
    assert woo.store.webhook(1).failure_count == 0


async def test_a_receiver_that_never_answers_got_the_request_and_counts_as_failure(
    woo: WooClient, receiver: Receiver
) -> None:
    await woo.subscribe(receiver.url, "order.created")
    receiver.drain()
    receiver.delay_s = 5.0
    woo.store.buy({"SKU-0001": 1})
    await woo.store.settled()
    receiver.delay_s = 0.0
    assert receiver.topics() == ["order.created"]
    assert woo.store.webhook(1).failure_count == 1


async def test_deliveries_of_one_store_are_serial(woo: WooClient, receiver: Receiver) -> None:
    await woo.subscribe(receiver.url, "order.created")
    receiver.delay_s = 0.05
    began = asyncio.get_running_loop().time()
    for _ in range(3):
        woo.store.buy({"SKU-0001": 1})
    await woo.store.settled()
    assert asyncio.get_running_loop().time() - began >= 3 * receiver.delay_s


async def test_wordpress_refuses_loopback_addresses_yet_creates_the_webhook(
    session: aiohttp.ClientSession, receiver: Receiver
) -> None:
    store = WooCommerceStore(behind_tls_proxy=True, refuses_private_urls=True)
    store.seed_goods(make_goods(20))
    async with store.serve():
        await WooClient(session, store).subscribe(receiver.url, "order.created")
        store.buy({"SKU-0001": 1})
        await store.settled()
        assert store.webhook(1).failure_count == 1
    assert receiver.drain() == []


async def test_every_write_comes_back_as_an_echo_even_without_a_change(woo: WooClient, receiver: Receiver) -> None:
    await woo.subscribe(receiver.url, "product.updated")
    receiver.drain()
    product_id = woo.store.product("SKU-0001").id
    await woo.post("/products/batch", {"update": [{"id": product_id}]})
    await woo.store.settled()
    assert receiver.topics() == ["product.updated"]


async def test_two_webhooks_of_one_topic_and_address_deliver_each_event_twice(
    woo: WooClient, receiver: Receiver
) -> None:
    await woo.subscribe(receiver.url, "order.created", "order.created")
    receiver.drain()
    woo.store.buy({"SKU-0001": 1})
    await woo.store.settled()
    assert [d.headers["X-WC-Webhook-ID"] for d in receiver.drain()] == ["1", "2"]


async def test_webhook_rest_hides_the_secret_and_has_its_own_refusals(woo: WooClient, receiver: Receiver) -> None:
    await woo.subscribe(receiver.url, "order.created")
    shown = (await woo.get("/webhooks/1")).body
    assert not {"secret", "failure_count"} & set(shown)
    assert (await woo.post("/webhooks", {"topic": "order.eaten", "delivery_url": receiver.url})).status == 400
    assert (await woo.post("/webhooks", {"topic": "order.created", "delivery_url": "nowhere"})).status == 400
    assert (await woo.delete("/webhooks/1")).status == 501
    assert (await woo.delete("/webhooks/1?force=true")).status == 200
    assert (await woo.get("/webhooks")).body == []


async def test_the_ping_is_part_of_the_creation_and_its_answer_is_ignored(woo: WooClient, receiver: Receiver) -> None:
    receiver.status = 500
    await woo.subscribe(receiver.url, "order.created")
    (ping,) = receiver.drain()
    assert not [name for name in ping.headers if name.startswith("X-WC")]
    assert woo.store.webhook(1).failure_count == 0
    await woo.put("/webhooks/1", {"delivery_url": f"{receiver.url}/new"})
    assert receiver.topics() == ["ping"]


async def test_webhooks_can_be_lost_repeated_delayed_and_swapped(woo: WooClient, receiver: Receiver) -> None:
    await woo.subscribe(receiver.url, "order.created")
    receiver.drain()

    async def ids_received(*disturbances: Disturbance) -> list[int]:
        for disturbance in disturbances:
            woo.store.courier.disturb(disturbance)
        bought = [woo.store.buy({"SKU-0001": 1}) for _ in range(2)]
        await woo.store.settled()
        return [json.loads(d.body)["id"] - bought[0] for d in receiver.drain()]

    assert await ids_received(Disturbance("drop")) == [1]
    assert await ids_received(Disturbance("duplicate")) == [0, 0, 1]
    assert await ids_received(Disturbance("delay", delay_s=0.05)) == [1, 0]
    assert await ids_received(Disturbance("reorder", delay_s=5.0)) == [1, 0]
    assert await ids_received(Disturbance("drop", match="product.updated", times=None)) == [0, 1]

import asyncio
import gzip
import json
from decimal import Decimal
from typing import Any

import pytest

from prokip_shared.messages import (
    ConnectionUninstalledV1,
    LevelHintedV1,
    OrderObservedV1,
    ProductHint,
    ProductHintedV1,
)
from prokip_shared.platforms.signatures import sign
from tests.integration.ingest.world import (
    CUSTOM_STORE,
    SHOP,
    Listener,
    World,
    connect_store,
    ingest_world,
    order_body,
    woo_credentials,
)
from tests.support.eventually import eventually
from tests.unit.webhooks.recorded import DATA, WOO_STORE, shopify_payload, woo_delivery, woo_steps

SALE = json.dumps({"orderId": "12345", "sku": "shirt1", "quantity": 2, "status": "completed"}).encode()


@pytest.fixture
def broker_url() -> str:
    """What a store is answered does not depend on the broker; test_durability.py runs on both."""
    return "postgres"


async def test_a_recorded_order_is_accepted_and_said_without_a_change(world: World, listener: Listener) -> None:
    delivery = woo_delivery("order.created")
    headers = {name: value for name, value in delivery.headers.items() if name not in {"Host", "Content-Length"}}
    async with world.session.post(
        f"{world.ingest.url}/connections/webhook/woocommerce",
        data=delivery.body,
        headers=headers | {"X-Correlation-Id": "recorded-1"},
    ) as response:
        assert (response.status, await response.json()) == (200, {"status": "accepted"})
    (message,) = await listener.wait_for(1)
    assert isinstance(message, OrderObservedV1)
    store = world.stores["woocommerce"]
    assert (message.business_id, message.connection_id, message.location_id) == (store.business_id, store.id, "L1")
    assert (message.source, message.predates_connection, message.correlation_id) == ("webhook", False, "recorded-1")
    assert message.order.order_ref == "177"
    assert [(line.sku, line.taken) for line in message.order.lines] == [("SKU-0001", Decimal(2))]


async def test_every_recorded_woocommerce_delivery_is_answered_200(world: World, listener: Listener) -> None:
    deliveries = [delivery for step in woo_steps() for delivery in step.deliveries]
    for delivery in deliveries:
        response = await world.post(
            "/connections/webhook/woocommerce",
            delivery.body,
            **{name.replace("-", "_"): value for name, value in delivery.headers.items() if name.startswith("X-WC")},
        )
        assert response.status == 200
    said = sum(delivery.topic != "order.deleted" for delivery in deliveries)
    assert len(await listener.wait_for(said)) == said


async def test_a_shopify_order_a_level_and_an_uninstall_are_said(world: World, listener: Listener) -> None:
    order = json.dumps(shopify_payload("order_rest_2026-07_partially_refunded")).encode()
    level = (DATA / "shopify" / "webhook_inventory_levels_update.real.jsonl").read_bytes().splitlines()[0]
    assert (await world.shopify(order)).status == 200
    assert (await world.shopify(level, "inventory_levels/update")).status == 200
    assert (await world.shopify(b'{"id": 1}', "app/uninstalled")).status == 200
    found = {type(message): message for message in await listener.wait_for(3)}
    seen, hint = found[OrderObservedV1], found[LevelHintedV1]
    assert isinstance(seen, OrderObservedV1)
    assert isinstance(hint, LevelHintedV1)
    assert seen.predates_connection
    assert [line.taken for line in seen.order.lines] == [Decimal(0), Decimal(1), Decimal(0)]
    assert (hint.item_ref, hint.place_ref, hint.quantity) == ("48513488879793", "75596366001", Decimal(0))
    assert found[ConnectionUninstalledV1].business_id == world.stores["shopify"].business_id


async def test_a_shopify_product_is_said_with_its_items_and_without_its_texts(world: World, listener: Listener) -> None:
    product = shopify_payload("product_rest_2026-07")
    assert (await world.shopify(json.dumps(product).encode(), "products/update")).status == 200
    assert (await world.shopify(b'{"id": 632910392}', "products/delete")).status == 200
    changed, gone = await listener.wait_for(2)
    assert isinstance(changed, ProductHintedV1)
    assert isinstance(gone, ProductHintedV1)
    assert changed.connection_id == gone.connection_id == world.stores["shopify"].id
    assert [item.sku for item in changed.product.items] == [variant["sku"] for variant in product["variants"]]
    assert gone.product == ProductHint(product_ref="632910392", items_count=0, items=())


async def test_a_custom_stores_sale_is_said_as_one_line_of_its_order(world: World, listener: Listener) -> None:
    assert (await world.custom(SALE)).status == 200
    (message,) = await listener.wait_for(1)
    assert isinstance(message, OrderObservedV1)
    assert message.order.partial
    assert message.order.lines[0].line_ref == "shirt1#sold"


async def test_an_unsigned_sale_is_refused(world: World, listener: Listener) -> None:
    path = f"/webhook/{CUSTOM_STORE}"
    assert (await world.post(path, SALE)).status == 401
    assert listener.heard == []


async def test_the_sandbox_finds_an_unsigned_sales_store_by_its_path(
    listener: Listener, broker_url: str, database_url: str
) -> None:
    async with ingest_world(database_url, broker_url, ALLOW_UNSIGNED_CUSTOM="true") as sandbox:
        assert (await sandbox.post(f"/webhook/{CUSTOM_STORE}", SALE)).status == 200
        assert (await sandbox.post("/webhook/nobody", SALE)).status == 404
        assert (await sandbox.custom(SALE, secret="wrong")).status == 401
    assert len(await listener.wait_for(1)) == 1


async def test_a_bad_signature_is_refused_and_says_nothing(world: World, listener: Listener) -> None:
    response = await world.woo(order_body(), secret="stolen")
    assert response.status == 401
    assert response.content_type == "application/problem+json"
    assert (await response.json())["code"] == "bad_signature"
    assert (await world.shopify(b"{}", "customers/redact", secret="stolen")).status == 401
    assert (await world.custom(SALE, secret="stolen")).status == 401
    unsigned = await world.post("/connections/webhook/shopify", b"{}", X_Shopify_Shop_Domain=SHOP)
    assert unsigned.status == 401
    assert listener.heard == []


async def test_a_test_notification_of_shopifys_admin_is_told_apart(world: World) -> None:
    response = await world.shopify(b"{}", "inventory_levels/update", secret="shopifys own", X_Shopify_Test="true")
    assert (response.status, (await response.json())["code"]) == (401, "test_notification")


async def test_an_unknown_store_is_refused_until_it_is_connected(world: World, listener: Listener) -> None:
    body = order_body()
    headers = {
        "X_WC_Webhook_Source": "https://new.example.test/shop/",
        "X_WC_Webhook_Topic": "order.updated",
        "X_WC_Webhook_Signature": sign(body, "whsec-local-0123456789"),
    }
    path = "/connections/webhook/woocommerce"
    response = await world.post(path, body, **headers)
    assert (response.status, (await response.json())["code"]) == (404, "unknown_store")
    await connect_store(world.database_url, "woocommerce", "https://new.example.test/shop", woo_credentials())

    async def known() -> bool:
        return (await world.post(path, body, **headers)).status == 200

    await eventually(known, what="the new store is known")
    await listener.wait_for(1)


@pytest.mark.parametrize("path", ["/connections/webhook/woocommerce", "/connections/webhook/shopify", "/webhook/none"])
async def test_a_webhook_that_names_no_store_is_of_no_store(world: World, path: str) -> None:
    assert (await world.post(path, b"{}")).status == 404


async def test_a_disconnected_store_is_unknown_and_a_paused_one_is_heard(world: World, listener: Listener) -> None:
    await world.fetch("UPDATE gateway.connection SET sync_enabled = false WHERE platform = 'shopify'")
    await world.fetch(
        "UPDATE gateway.connection SET status = 'disconnected', credentials = NULL WHERE platform = 'woocommerce'"
    )

    async def gone() -> bool:
        return (await world.woo(order_body())).status == 404

    await eventually(gone, what="the disconnected store is unknown")
    assert (await world.shopify(b'{"id": 1}', "app/uninstalled")).status == 200


async def test_pings_unknown_topics_and_compliance_requests_are_answered_and_say_nothing(
    world: World, listener: Listener
) -> None:
    ping = await world.post(
        "/connections/webhook/woocommerce", b"webhook_id=1", Content_Type="application/x-www-form-urlencoded"
    )
    assert ping.status == 200
    assert (await world.woo(b'{"id": 1}', "coupon.created")).status == 200
    assert (await world.woo(b'{"id": 188}', "order.deleted")).status == 200
    for topic in ("customers/data_request", "customers/redact", "shop/redact", "refunds/create", "themes/publish"):
        assert (await world.shopify(b'{"customer": {"email": "zebulon@example.test"}}', topic)).status == 200
    assert (await world.woo(order_body())).status == 200
    assert len(await listener.wait_for(1)) == 1
    assert await world.fetch("SELECT 1 FROM ingest.parked") == []


@pytest.mark.parametrize("length_told", [True, False])
async def test_a_body_above_the_limit_is_refused_however_it_is_sent(world: World, *, length_told: bool) -> None:
    async def chunks() -> Any:
        for _ in range(30):
            yield b" " * 1000

    data = b" " * 30_000 if length_told else chunks()
    async with world.session.post(
        f"{world.ingest.url}/connections/webhook/shopify",
        data=data,
        headers={"Content-Type": "application/json", "X-Shopify-Shop-Domain": SHOP},
    ) as response:
        assert (response.status, (await response.json())["code"]) == (413, "body_too_large")


async def test_a_chunked_body_within_the_limit_is_taken(world: World, listener: Listener) -> None:
    body = order_body()

    async def chunks() -> Any:
        for start in range(0, len(body), 100):
            yield body[start : start + 100]

    async with world.session.post(
        f"{world.ingest.url}/connections/webhook/woocommerce",
        data=chunks(),
        headers={
            "Content-Type": "application/json",
            "X-WC-Webhook-Source": WOO_STORE,
            "X-WC-Webhook-Topic": "order.created",
            "X-WC-Webhook-Signature": sign(body, "whsec-local-0123456789"),
        },
    ) as response:
        assert response.status == 200
    assert await listener.order_refs(1) == ["7"]


async def test_a_body_that_does_not_come_is_given_up(broker_url: str, database_url: str) -> None:
    async with ingest_world(database_url, broker_url, BODY_TIMEOUT_S="0.3") as world:
        port = int(world.ingest.url.rsplit(":", 1)[1])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"POST /connections/webhook/shopify HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 100\r\n\r\n{"
        )
        status_line = await asyncio.wait_for(reader.readline(), 30)
        assert status_line.startswith(b"HTTP/1.1 408")
        writer.close()


async def test_broken_json_is_refused_only_when_the_store_signed_it(world: World) -> None:
    response = await world.woo(b'{"id": 1')
    assert (response.status, (await response.json())["code"]) == (400, "broken_json")
    assert (await world.woo(b'{"id": 1', secret="stolen")).status == 401
    assert (await world.shopify(b"[" * 10_000)).status == 400


async def test_a_wrong_method_is_told_the_right_one(world: World) -> None:
    for path in ("/connections/webhook/shopify", "/connections/webhook/woocommerce", "/webhook/mine"):
        async with world.session.get(world.ingest.url + path) as response:
            assert (response.status, response.headers["Allow"]) == (405, "POST")
            assert response.content_type == "application/problem+json"


@pytest.mark.parametrize("content_type", ["text/xml", "multipart/form-data", "text/plain"])
async def test_another_type_than_json_is_not_taken(world: World, content_type: str) -> None:
    response = await world.shopify(b"{}", Content_Type=content_type)
    assert (response.status, (await response.json())["code"]) == (415, "unsupported_media_type")


async def test_a_compressed_body_is_not_taken(world: World) -> None:
    response = await world.shopify(gzip.compress(b"{}"), Content_Encoding="gzip")
    assert (response.status, (await response.json())["code"]) == (415, "unsupported_media_type")


async def test_a_form_that_is_no_ping_is_not_taken(world: World) -> None:
    response = await world.post(
        "/connections/webhook/woocommerce", b"order_id=1", Content_Type="application/x-www-form-urlencoded"
    )
    assert response.status == 415


async def test_outcomes_are_counted_by_store_and_topic(world: World, listener: Listener) -> None:
    await world.woo(order_body())
    await world.woo(order_body(), secret="stolen")
    await world.woo(b"{}", "made.up.by.a.stranger")
    store = world.stores["woocommerce"]
    async with world.session.get(f"{world.ingest.url}/metrics") as response:
        text = await response.text()
    for topic, outcome in (("order.updated", "accepted"), ("order.updated", "bad_signature"), ("other", "ignored")):
        series = (
            f'prokip_ingest_webhooks_total{{business_id="{store.business_id}",connection_id="{store.id}",'
            f'outcome="{outcome}",platform="woocommerce",topic="{topic}"}}'
        )
        assert series in text

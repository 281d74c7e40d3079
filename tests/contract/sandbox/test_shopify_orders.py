"""What sales, refunds and cancellations do to stock, and the webhooks that tell of it.

https://shopify.dev/docs/apps/build/webhooks ; https://shopify.dev/docs/api/admin-rest/latest/resources/refund
"""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from prokip_sandbox import OutOfStock
from tests.contract.sandbox.conftest import GraphqlClient, Receiver, signature

OpenShop = Callable[..., contextlib.AbstractAsyncContextManager[GraphqlClient]]

EXAMPLES = Path(__file__).parents[2] / "data" / "shopify"
TOPICS = ("ORDERS_CREATE", "ORDERS_UPDATED", "ORDERS_CANCELLED", "REFUNDS_CREATE", "INVENTORY_LEVELS_UPDATE")


def levels(client: GraphqlClient, sku: str) -> tuple[int, int]:
    level = client.shop.item(sku).levels[client.shop.location_ids[0]]
    return level.available, level.committed


async def test_a_sale_moves_units_from_available_to_committed_and_fulfilment_takes_them_away(
    shopify: GraphqlClient,
) -> None:
    order_id = shopify.shop.buy({"SKU-0001": 3})
    assert levels(shopify, "SKU-0001") == (97, 3)
    shopify.shop.fulfil(order_id)
    assert levels(shopify, "SKU-0001") == (97, 0)


async def test_a_sale_needs_one_location_that_has_enough(shopify: GraphqlClient) -> None:
    with pytest.raises(OutOfStock):
        shopify.shop.buy({"SKU-0001": 101})
    shopify.shop.state.variants[shopify.shop.item("SKU-0001").variant_id].policy = "CONTINUE"
    shopify.shop.buy({"SKU-0001": 101})
    assert levels(shopify, "SKU-0001") == (-1, 101)


async def test_untracked_goods_sell_without_stock(shopify: GraphqlClient) -> None:
    order_id = shopify.shop.buy({"FREE-001": 3})
    assert shopify.shop.order(order_id).lines[0].location_id is None


async def test_shopping_places_plain_orders_in_the_named_shops(
    shopify: GraphqlClient, session: aiohttp.ClientSession
) -> None:
    address = f"{shopify.server.url}/_sandbox/shopping"
    wanted = {"shops": [shopify.shop.domain], "orders_per_s": 1000, "seconds": 0.02}
    async with session.post(address, json=wanted) as answer:
        placed = (await answer.json())["orders"]
    orders = shopify.shop.state.orders.values()
    assert len(orders) == placed > 0
    assert all(line.quantity == 1 for order in orders for line in order.lines)
    for wrong, status in (({"orders_per_s": 0}, 400), ({"shops": []}, 400), ({"shops": ["nobody"]}, 404)):
        async with session.post(address, json=wanted | wrong) as answer:
            assert answer.status == status


@pytest.mark.parametrize(
    ("restock", "left", "restock_type"), [(True, (98, 2), "cancel"), (False, (97, 2), "no_restock")]
)
async def test_a_refund_before_fulfilment_cancels_units(
    shopify: GraphqlClient, receiver: Receiver, restock: bool, left: tuple[int, int], restock_type: str
) -> None:
    await shopify.subscribe(receiver.url, "REFUNDS_CREATE")
    order_id = shopify.shop.buy({"SKU-0001": 3})
    shopify.shop.refund(order_id, {"SKU-0001": 1}, restock=restock)
    await shopify.server.settled()
    assert levels(shopify, "SKU-0001") == left
    (refund,) = receiver.drain()
    (line,) = refund.json["refund_line_items"]
    assert (line["quantity"], line["restock_type"]) == (1, restock_type)
    assert line["location_id"] == (shopify.shop.location_ids[0] if restock else None)
    assert refund.json["order_id"] == order_id


async def test_a_refund_after_fulfilment_is_a_return_and_may_come_back_elsewhere(shopify: GraphqlClient) -> None:
    order_id = shopify.shop.buy({"SKU-0001": 3})
    shopify.shop.fulfil(order_id)
    back = shopify.shop.location_ids[1]
    shopify.shop.refund(order_id, {"SKU-0001": 2}, location_id=back)
    assert shopify.shop.order(order_id).refunds[0].lines[0].restock_type == "return"
    assert (levels(shopify, "SKU-0001"), shopify.shop.stock("SKU-0001", back)) == ((97, 0), 2)


async def test_a_cancellation_gives_back_what_is_not_yet_refunded(shopify: GraphqlClient, receiver: Receiver) -> None:
    order_id = shopify.shop.buy({"SKU-0001": 3, "SKU-0002": 1})
    shopify.shop.refund(order_id, {"SKU-0001": 1})
    await shopify.subscribe(receiver.url, *TOPICS)
    shopify.shop.cancel(order_id)
    await shopify.server.settled()
    assert levels(shopify, "SKU-0001") == levels(shopify, "SKU-0002") == (100, 0)
    received = {one.topic: one for one in receiver.drain()}
    assert set(received) == {"orders/cancelled", "orders/updated", "refunds/create", "inventory_levels/update"}
    order = received["orders/cancelled"].json
    assert order["cancelled_at"]
    assert [line["current_quantity"] for line in order["line_items"]] == [0, 0]
    assert [line["quantity"] for line in order["line_items"]] == [3, 1]
    assert [r["restock_type"] for refund in order["refunds"] for r in refund["refund_line_items"]] == ["cancel"] * 3


async def test_a_cancellation_without_restock_keeps_available(shopify: GraphqlClient) -> None:
    order_id = shopify.shop.buy({"SKU-0001": 3})
    shopify.shop.cancel(order_id, restock=False)
    assert levels(shopify, "SKU-0001") == (97, 0)


async def test_orders_can_be_cancelled_and_refunded_over_the_api(shopify: GraphqlClient) -> None:
    order_id = shopify.shop.buy({"SKU-0001": 3})
    line_id = shopify.shop.order(order_id).lines[0].id
    refund = """mutation ($input: RefundInput!) { refundCreate(input: $input) @idempotent(key: "refund") {
        refund { refundLineItems(first: 5) { nodes { quantity restockType restocked location { id } } } } userErrors { message } } }"""
    fields = {
        "orderId": f"gid://shopify/Order/{order_id}",
        "refundLineItems": [
            {"lineItemId": f"gid://shopify/LineItem/{line_id}", "quantity": 1, "restockType": "CANCEL"}
        ],
    }
    for _ in range(2):
        answer = (await shopify.call(refund, input=fields)).body["data"]["refundCreate"]
        (line,) = answer["refund"]["refundLineItems"]["nodes"]
        assert (line["quantity"], line["restockType"], line["restocked"]) == (1, "CANCEL", True)
    assert levels(shopify, "SKU-0001") == (98, 2)
    cancel = """mutation ($id: ID!) { orderCancel(orderId: $id, reason: CUSTOMER, restock: true) {
        job { done } orderCancelUserErrors { code message } } }"""
    answer = (await shopify.call(cancel, id=f"gid://shopify/Order/{order_id}")).body["data"]["orderCancel"]
    assert answer == {"job": {"done": True}, "orderCancelUserErrors": []}
    again = (await shopify.call(cancel, id=f"gid://shopify/Order/{order_id}")).body["data"]["orderCancel"]
    assert again["orderCancelUserErrors"][0]["code"] == "INVALID"


async def test_orders_are_swept_by_update_time(open_shop: OpenShop) -> None:
    now = [1_795_351_927.0]
    async with open_shop(clock=lambda: now[0]) as client:
        orders = []
        for _ in range(3):
            orders.append(client.shop.buy({"SKU-0001": 1}))
            now[0] += 10
        client.shop.cancel(orders[0])
        query = """query ($search: String, $after: String) {
            orders(first: 2, after: $after, query: $search, sortKey: UPDATED_AT) {
              nodes { legacyResourceId cancelledAt updatedAt lineItems(first: 5) { nodes { sku quantity currentQuantity } }
                refunds { refundLineItems(first: 5) { nodes { quantity restockType lineItem { id } } } }
                fulfillmentOrders(first: 1) { nodes { assignedLocation { location { id } } } } }
              pageInfo { hasNextPage endCursor } } }"""
        search = "updated_at:>='2026-11-22T12:52:17Z'"
        first = (await client.call(query, search=search)).body["data"]["orders"]
        second = (await client.call(query, search=search, after=first["pageInfo"]["endCursor"])).body["data"]["orders"]
        nodes = first["nodes"] + second["nodes"]
        assert [int(node["legacyResourceId"]) for node in nodes] == [orders[1], orders[2], orders[0]]
        assert (first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == (True, False)
        assert nodes[2]["cancelledAt"] == "2026-11-22T12:52:37Z"
        assert nodes[2]["refunds"][0]["refundLineItems"]["nodes"][0]["restockType"] == "CANCEL"


async def test_webhooks_carry_the_documented_headers_and_are_signed_with_the_apps_secret(
    shopify: GraphqlClient, receiver: Receiver
) -> None:
    await shopify.subscribe(receiver.url, *TOPICS)
    shopify.shop.buy({"SKU-0001": 1})
    await shopify.server.settled()
    received = receiver.drain()
    assert {one.topic for one in received} == {"orders/create", "orders/updated", "inventory_levels/update"}
    for one in received:
        assert one.headers["X-Shopify-Hmac-Sha256"] == signature(shopify.server.api_secret, one.body)
        assert one.headers["X-Shopify-Shop-Domain"] == "sandbox-1.myshopify.com"
        assert one.headers["X-Shopify-API-Version"] == "2026-10"
        assert one.headers["X-Shopify-Triggered-At"].endswith("Z")
    assert len({one.headers["X-Shopify-Webhook-Id"] for one in received}) == 3
    assert len({one.headers["X-Shopify-Event-Id"] for one in received}) == 1


@pytest.mark.parametrize("example", ["paid_new", "cancelled_refunded"])
async def test_an_order_body_has_the_fields_of_the_published_example(
    shopify: GraphqlClient, receiver: Receiver, example: str
) -> None:
    published = json.loads((EXAMPLES / f"order_rest_2026-07_{example}.json").read_text())
    await shopify.subscribe(receiver.url, "ORDERS_UPDATED")
    order_id = shopify.shop.buy({"SKU-0001": 1})
    shopify.shop.cancel(order_id)
    await shopify.server.settled()
    body = next(one.json for one in receiver.drain() if one.json["cancelled_at"])
    used = {"id", "updated_at", "cancelled_at", "line_items", "refunds", "financial_status", "name", "location_id"}
    assert used <= set(published) & set(body)
    assert set(published["line_items"][0]) - set(body["line_items"][0]) <= {"sales_line_item_group_id"}
    for refund in published["refunds"][:1]:
        assert set(refund) - set(body["refunds"][0]) == set()
        assert set(refund["refund_line_items"][0]) - set(body["refunds"][0]["refund_line_items"][0]) == set()


async def test_a_level_body_has_the_fields_of_a_real_delivery_and_is_built_when_it_is_sent(
    open_shop: OpenShop, receiver: Receiver
) -> None:
    real = json.loads((EXAMPLES / "webhook_inventory_levels_update.real.jsonl").read_text().splitlines()[0])
    async with open_shop(webhook_delay_s=0.05) as client:
        await client.subscribe(receiver.url, "INVENTORY_LEVELS_UPDATE")
        client.shop.set_stock("SKU-0001", 10)
        client.shop.set_stock("SKU-0001", 0)
        await client.server.settled()
    bodies = [one.json for one in receiver.drain()]
    assert [body["available"] for body in bodies] == [0, 0]
    assert list(bodies[0]) == list(real)
    assert bodies[0]["admin_graphql_api_id"] == client.shop.item("SKU-0001").levels[client.shop.location_ids[0]].gid


async def test_a_failed_delivery_is_tried_eight_times_more_with_one_id_then_the_subscription_is_gone(
    open_shop: OpenShop, receiver: Receiver
) -> None:
    async with open_shop(retry_time_scale=0.0) as client:
        await client.subscribe(receiver.url, "ORDERS_CREATE")
        receiver.status = 302
        client.shop.buy({"SKU-0001": 1})
        await client.server.settled()
        attempts = receiver.drain()
        assert len(attempts) == 9
        assert len({one.headers["X-Shopify-Webhook-Id"] for one in attempts}) == 1
        assert len({one.body for one in attempts}) == 1
        answer = await client.call("{ webhookSubscriptions(first: 5) { nodes { id } } }")
        assert answer.body["data"]["webhookSubscriptions"]["nodes"] == []


async def test_subscriptions_are_listed_changed_and_deleted(shopify: GraphqlClient, receiver: Receiver) -> None:
    await shopify.subscribe(receiver.url, "ORDERS_CREATE")
    listing = (
        "{ webhookSubscriptions(first: 5, topics: [ORDERS_CREATE]) { nodes { id topic uri apiVersion { handle } } } }"
    )
    (node,) = (await shopify.call(listing)).body["data"]["webhookSubscriptions"]["nodes"]
    assert (node["uri"], node["apiVersion"]["handle"]) == (receiver.url, "2026-10")
    create = """mutation ($uri: String) { webhookSubscriptionCreate(topic: ORDERS_CREATE, webhookSubscription: {uri: $uri}) {
        userErrors { message } } }"""
    taken = (await shopify.call(create, uri=receiver.url)).body["data"]["webhookSubscriptionCreate"]["userErrors"]
    assert taken == [{"message": "Address for this topic has already been taken"}]
    update = """mutation ($id: ID!, $input: WebhookSubscriptionInput!) {
        webhookSubscriptionUpdate(id: $id, webhookSubscription: $input) { webhookSubscription { includeFields } } }"""
    await shopify.call(update, id=node["id"], input={"includeFields": ["id", "updated_at", "line_items.sku"]})
    shopify.shop.buy({"SKU-0001": 1})
    await shopify.server.settled()
    (only,) = receiver.drain()
    assert set(only.json) == {"id", "updated_at", "line_items"}
    assert only.json["line_items"] == [{"sku": "SKU-0001"}]
    delete = "mutation ($id: ID!) { webhookSubscriptionDelete(id: $id) { deletedWebhookSubscriptionId } }"
    gone: dict[str, Any] = (await shopify.call(delete, id=node["id"])).body["data"]["webhookSubscriptionDelete"]
    assert gone["deletedWebhookSubscriptionId"] == node["id"]
    shopify.shop.buy({"SKU-0001": 1})
    await shopify.server.settled()
    assert receiver.drain() == []

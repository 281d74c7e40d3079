"""Fourteen surprises that a hub must survive, each reproduced on WooCommerce 9.9.5 (WordPress 6.9, HPOS on).

One check for each, in the words of those who measured it, so that a store that stops behaving so is noticed. The product
is held to them elsewhere: tests/unit/webhooks, tests/integration/{ingest,push}, tests/acceptance.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp
import pytest

from prokip_sandbox import Fault, Good, WooCommerceStore
from prokip_sandbox.server import eventually
from tests.contract.sandbox.conftest import Receiver, WooClient, basic
from tests.contract.sandbox.test_woocommerce_auth import code_of, oauth_url

Check = Callable[["Shop"], Awaitable[None]]
SURPRISES: Final[dict[int, tuple[str, Check]]] = {}
SOLD: Final = {"status": "processing", "line_items": [{"sku": "SKU-0001", "quantity": 1}]}
GOODS: Final = [Good(f"SKU-{n:04d}", f"Simple {n:04d}", 1000, 100) for n in range(1, 101)]
NOON_S: Final = 1_795_351_927.0


def surprise(number: int, text: str) -> Callable[[Check], Check]:
    def note(check: Check) -> Check:
        SURPRISES[number] = (text, check)
        return check

    return note


class HandTime:
    """The time of the store and of its queue runner; it stands still until it is moved."""

    def __init__(self) -> None:
        self.now_s = NOON_S

    def __call__(self) -> float:
        return self.now_s


class Shop:
    """A store with a hundred goods, and somebody who takes its webhooks."""

    def __init__(self, session: aiohttp.ClientSession, receiver: Receiver) -> None:
        self.session = session
        self.receiver = receiver
        self.clock = HandTime()

    @asynccontextmanager
    async def open(self, **options: Any) -> AsyncIterator[WooClient]:
        told: dict[str, Any] = {
            "behind_tls_proxy": True,
            "clock": self.clock,
            "monotonic": self.clock,
            "webhook_timeout_s": 1.0,
        }
        store = WooCommerceStore(**(told | options))
        store.seed_goods(GOODS)
        async with store.serve():
            yield WooClient(self.session, store)

    @asynccontextmanager
    async def subscribed(self, *topics: str, **options: Any) -> AsyncIterator[WooClient]:
        async with self.open(**options) as woo:
            await woo.subscribe(self.receiver.url, *topics)
            self.receiver.drain()
            yield woo


@pytest.mark.parametrize("number", range(1, 15))
async def test_the_sandbox_surprises_as_woocommerce_does(
    number: int, session: aiohttp.ClientSession, receiver: Receiver
) -> None:
    text, check = SURPRISES[number]
    assert text
    await check(Shop(session, receiver))


@surprise(1, "X-WC-Webhook-Delivery-ID is not unique: 5 orders in one queue run, 11 deliveries, 3 distinct ids")
async def delivery_ids(shop: Shop) -> None:
    async with shop.subscribed("order.created", "order.updated", "product.updated") as woo:
        woo.store.webhooks.hold()
        for _ in range(5):
            await woo.post("/orders", SOLD)
        woo.store.webhooks.release()
        await woo.store.settled()
        received = shop.receiver.drain()
        created = {one.headers["X-WC-Webhook-Delivery-ID"] for one in received if one.topic == "order.created"}
        assert (len(received), len({one.headers["X-WC-Webhook-Delivery-ID"] for one in received})) == (11, 3)
        assert len(created) == 1


@surprise(2, "the payload is built at delivery, pending deliveries of one (webhook, id) are coalesced")
async def built_at_delivery(shop: Shop) -> None:
    async with shop.subscribed() as woo:
        woo.store.webhooks.hold()
        order = (await woo.post("/orders", SOLD)).body["id"]
        for status in ("on-hold", "completed", "cancelled"):
            await woo.put(f"/orders/{order}", {"status": status})
        trashed = (await woo.post("/orders", {"line_items": []})).body["id"]
        await woo.delete(f"/orders/{trashed}")
        woo.store.webhooks.release()
        await woo.store.settled()
        received = shop.receiver.drain()
        of_first = [one for one in received if one.topic == "product.updated" or one.json["id"] == order]
        assert [one.topic for one in of_first] == ["order.created", "order.updated", "product.updated"]
        assert of_first[0].json["status"] == "cancelled"
        of_second = next(one for one in received if one.topic == "order.created" and one.json["id"] == trashed)
        assert of_second.json["status"] == "trash"


@surprise(
    3, "created and force-deleted before delivery: a signed order.created whose body is the REST error, without id"
)
async def error_as_body(shop: Shop) -> None:
    async with shop.subscribed("order.created") as woo:
        woo.store.webhooks.hold()
        order = (await woo.post("/orders", SOLD)).body["id"]
        await woo.delete(f"/orders/{order}?force=true")
        woo.store.webhooks.release()
        await woo.store.settled()
        (delivery,) = shop.receiver.drain()
        assert "X-WC-Webhook-Signature" in delivery.headers
        assert delivery.json["code"] == "woocommerce_rest_shop_order_invalid_id"
        assert "id" not in delivery.json


@surprise(4, "order.updated may come before order.created (storefront), and order.created twice (a draft by REST)")
async def order_of_topics(shop: Shop) -> None:
    async with shop.subscribed("order.created", "order.updated") as woo:
        woo.store.buy({"SKU-0001": 1})
        await woo.store.settled()
        topics = shop.receiver.topics()
        assert topics[0] == "order.updated"
        assert topics[-1] == "order.created"
        draft = (await woo.post("/orders", SOLD | {"status": "checkout-draft"})).body["id"]
        await woo.store.settled()
        await woo.put(f"/orders/{draft}", {"status": "processing"})
        await woo.store.settled()
        assert shop.receiver.topics() == ["order.created", "order.updated", "order.created"]


@surprise(
    5,
    "no retry, ever; 201, 204, 301, 302 are success; disabled at the 7th failure in a row; PUT active keeps the count",
)
async def never_again(shop: Shop) -> None:
    async with shop.subscribed("order.created") as woo:
        store, receiver = woo.store, shop.receiver

        async def sell(status: int, times: int = 1) -> int:
            receiver.status = status
            for _ in range(times):
                store.buy({"SKU-0001": 1})
                await store.settled()
            return len(receiver.drain())

        for failure in (303, 404, 410, 500):
            assert (await sell(failure), store.webhook(1).failure_count) == (1, 1)
            success = {303: 201, 404: 204, 410: 301, 500: 302}[failure]
            assert (await sell(success), store.webhook(1).failure_count) == (1, 0)
        assert await sell(500, times=6) == 6
        shown = (await woo.get("/webhooks/1")).body
        assert (shown["status"], "failure_count" in shown) == ("active", False)
        assert await sell(500) == 1
        assert (await woo.get("/webhooks/1")).body["status"] == "disabled"
        assert await sell(200) == 0
        await woo.put("/webhooks/1", {"status": "active"})
        assert await sell(500) == 1
        assert (await woo.get("/webhooks/1")).body["status"] == "disabled"


@surprise(
    6,
    "serial deliveries, 3 a run of a consumer that takes 5 s; a silent one costs the time-out; sync mode adds the time",
)
async def slow_consumers(shop: Shop) -> None:
    async def take_5_s(_request: object) -> None:
        shop.clock.now_s += 5

    async with shop.subscribed("order.created") as woo:
        woo.store.webhooks.hold()
        for _ in range(7):
            woo.store.buy({"SKU-0001": 1})
        shop.receiver.on_take = take_5_s
        runs = woo.store.webhooks.runs
        woo.store.webhooks.release()
        await woo.store.settled()
        assert (len(shop.receiver.drain()), woo.store.webhooks.runs - runs) == (7, 3)
        shop.receiver.on_take = None
        shop.receiver.delay_s = 5.0
        woo.store.buy({"SKU-0001": 1})
        await woo.store.settled()
        shop.receiver.delay_s = 0.0
        assert (shop.receiver.topics(), woo.store.webhook(1).failure_count) == (["order.created"], 1)
    async with shop.subscribed("order.created", "order.updated", "product.updated", delivers_async=False) as woo:
        await woo.post("/orders", SOLD)
        assert shop.receiver.topics() == ["order.created", "order.updated", "product.updated"]


@surprise(7, "WordPress refuses private hosts and odd ports: created, active, no ping, every delivery fails and counts")
async def private_addresses(shop: Shop) -> None:
    async with shop.open(refuses_private_urls=True) as woo:
        for url in (shop.receiver.url, "https://hooks.example:8443/x"):
            fields = {"topic": "order.created", "delivery_url": url, "secret": "s"}
            answer = await woo.post("/webhooks", fields)
            assert (answer.status, answer.body["status"]) == (201, "active")
        woo.store.buy({"SKU-0001": 1})
        await woo.store.settled()
        assert shop.receiver.drain() == []
        assert [woo.store.webhook(number).failure_count for number in (1, 2)] == [1, 1]


@surprise(8, "every write of a hub comes back as product.updated, also of the same value: 100 items, 100 deliveries")
async def echoes(shop: Shop) -> None:
    async with shop.subscribed("product.updated") as woo:
        items = [{"id": woo.store.product(good.sku).id, "stock_quantity": 100} for good in GOODS]
        assert (await woo.post("/products/batch", {"update": items})).status == 200
        await woo.store.settled()
        received = shop.receiver.drain()
        assert len({one.json["id"] for one in received}) == len(received) == 100


@surprise(9, "inventory_delta reads, adds and writes; sales are atomic; an absolute PUT simply overwrites")
async def lost_updates(shop: Shop) -> None:
    async with shop.open() as woo:
        product = woo.store.product("SKU-0001").id

        async def sell_meanwhile() -> None:
            woo.store.buy({"SKU-0001": 3})

        woo.store.interleave_deltas(sell_meanwhile)
        await woo.put(f"/products/{product}", {"inventory_delta": -1})
        assert woo.store.stock("SKU-0001") == 99, "the three that were sold meanwhile are back"
        await asyncio.gather(*(woo.post("/orders", SOLD) for _ in range(20)))
        assert woo.store.stock("SKU-0001") == 79
        await woo.put(f"/products/{product}", {"stock_quantity": 100})
        assert woo.store.stock("SKU-0001") == 100


@surprise(
    10, 'a batch does not validate: "abc" is 0, 3.7 is 3, null is 0, below zero is taken; unmanaged goods are ignored'
)
async def unvalidated(shop: Shop) -> None:
    async with shop.open() as woo:
        woo.store.seed_goods([Good("NOSTOCK-1", "No stock", 1000, 0, "unmanaged")])
        product, uncounted = (woo.store.product(sku).id for sku in ("SKU-0001", "NOSTOCK-1"))
        for sent, kept in (("abc", 0), (3.7, 3), (None, 0), (-4, -4)):
            answer = await woo.post("/products/batch", {"update": [{"id": product, "stock_quantity": sent}]})
            assert (answer.status, answer.body["update"][0]["stock_quantity"]) == (200, kept)
        for sent in ("abc", 3.7):
            assert (await woo.put(f"/products/{product}", {"stock_quantity": sent})).status == 400
        assert (await woo.put(f"/products/{product}", {"stock_quantity": None})).body["stock_quantity"] == 0
        assert (await woo.put(f"/products/{product}", {"stock_quantity": "55"})).body["stock_quantity"] == 55
        answer = await woo.put(f"/products/{uncounted}", {"stock_quantity": 5})
        assert (answer.status, answer.body["stock_quantity"]) == (200, None)


@surprise(
    11, "a client that gives up during a batch of 100: all are applied; no idempotency key, a repeated POST sells twice"
)
async def no_way_back(shop: Shop) -> None:
    async with shop.open() as woo:
        items = [{"id": woo.store.product(good.sku).id, "stock_quantity": 7} for good in GOODS]
        slow = woo.store.faults.add(Fault("slow", path="/products/batch", hold_s=0.1))
        asking = asyncio.create_task(woo.post("/products/batch", {"update": items}))
        await eventually(lambda: slow.met == 1, 30)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await eventually(lambda: woo.store.stock("SKU-0100") == 7, 30)
        assert {woo.store.stock(good.sku) for good in GOODS} == {7}
        first, second = await woo.post("/orders", SOLD), await woo.post("/orders", SOLD)
        assert first.body["id"] != second.body["id"]
        assert woo.store.stock("SKU-0001") == 5


@surprise(
    12,
    "modified_after is exclusive at 1 s, trash is listed apart, refunds and sales move the time, pages of 100 at most",
)
async def reconciliation(shop: Shop) -> None:
    async with shop.open() as woo:
        shop.clock.now_s += 10
        order = woo.store.buy({"SKU-0001": 1})

        async def changed_since(second: int, what: str = "orders", more: str = "") -> list[int]:
            at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(NOON_S + second))
            path = f"/{what}?modified_after={at}&dates_are_gmt=true{more}"
            return [one["id"] for one in (await woo.get(path)).body]

        assert (await changed_since(10), await changed_since(9)) == ([], [order])
        assert await changed_since(5, "products") == [woo.store.product("SKU-0001").id]
        shop.clock.now_s += 10
        await woo.post(f"/orders/{order}/refunds", {"amount": "1.00"})
        assert await changed_since(15) == [order]
        later = woo.store.buy({"SKU-0002": 1})
        shop.clock.now_s += 10
        woo.store.orders.update(woo.store.order(order), {"status": "completed"})
        assert await changed_since(15, more="&orderby=modified&order=asc") == [later, order]
        await woo.delete(f"/orders/{later}")
        assert [one["id"] for one in (await woo.get("/orders?status=any")).body] == [order]
        assert [one["id"] for one in (await woo.get("/orders")).body] == [order]
        assert [one["id"] for one in (await woo.get("/orders?status=trash")).body] == [later]
        named = (await woo.get("/products?sku=SKU-0001,SKU-0003&_fields=id,sku,stock_quantity")).body
        assert sorted(one["sku"] for one in named) == ["SKU-0001", "SKU-0003"]
        assert set(named[0]) == {"id", "sku", "stock_quantity"}
        assert (await woo.get("/products?per_page=101")).status == 400


@surprise(
    13, "401 for a wrong secret, an unknown key, no key and a read-only key that writes; keys in the query over https"
)
async def keys(shop: Shop) -> None:
    async with shop.open() as woo:
        key, readers = woo.store.key, woo.store.read_only_key
        url = f"{woo.store.url}/wp-json/wc/v3/products"
        wrong = {"Authorization": basic(key.consumer_key, "cs_wrong")}
        unknown = {"Authorization": basic("ck_unknown", "cs_wrong")}
        reader = {"Authorization": basic(readers.consumer_key, readers.consumer_secret)}
        refused, not_seen = "woocommerce_rest_authentication_error", "woocommerce_rest_cannot_view"
        assert await code_of(shop.session, "GET", url, wrong) == (401, refused)
        assert await code_of(shop.session, "GET", url, unknown) == (401, not_seen)
        assert await code_of(shop.session, "GET", url) == (401, not_seen)
        assert (await code_of(shop.session, "POST", url, reader))[0] == 401
        query = f"?consumer_key={key.consumer_key}&consumer_secret={key.consumer_secret}"
        assert await code_of(shop.session, "GET", url + query) == (200, "")
        assert {len(part) for part in (key.consumer_key, key.consumer_secret)} == {43}
    async with shop.open(behind_tls_proxy=False, clock=time.time) as woo:
        key = woo.store.key
        url = f"{woo.store.url}/wp-json/wc/v3/products"
        good = {"Authorization": basic(key.consumer_key, key.consumer_secret)}
        assert (await code_of(shop.session, "GET", url, good))[0] == 401
        assert await code_of(shop.session, "GET", oauth_url("GET", url, key.consumer_key, key.consumer_secret)) == (
            200,
            "",
        )


@surprise(14, "webhooks: DELETE needs force=true (else 501), an unknown topic is 400, the address is not tried")
async def webhook_rest(shop: Shop) -> None:
    async with shop.open() as woo:
        fields = {"topic": "order.created", "delivery_url": "http://127.0.0.1:9/nobody", "secret": "s"}
        assert (await woo.post("/webhooks", fields)).status == 201
        assert (await woo.post("/webhooks", fields | {"topic": "order.eaten"})).status == 400
        assert (await woo.delete("/webhooks/1")).status == 501
        assert (await woo.delete("/webhooks/1?force=true")).status == 200

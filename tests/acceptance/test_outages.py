"""What fails around the services, and what must be right while it lasts and after it has ended."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import uuid4

import asyncpg
import pytest

from prokip_sandbox import Disturbance, Fault, Shop, WooCommerceStore, WorldSpec
from prokip_sandbox.faults import FaultKind
from prokip_sandbox.server import SandboxServer
from prokip_shared.bus.port import Bundle
from tests.contract.bus.harness import member
from tests.support.eventually import eventually
from tests.support.history import StoreClock, world_with_clock
from tests.support.market import Market, open_market
from tests.support.postgres import fetch_value
from tests.support.rabbitmq import RabbitNode

ONE_OF_EACH: Final = WorldSpec(woocommerce_stores=1, shopify_shops=1, goods=4, quantity=100, simple_only=True)
TWO_OF_EACH: Final = WorldSpec(woocommerce_stores=2, shopify_shops=2, goods=4, quantity=100, simple_only=True)
QUICK: Final = {
    "SETTLE_S": "0.2",
    "DRIFT_AFTER_S": "1",
    "POST_TIMEOUT_S": "2",
    "PUSH_TIMEOUT_S": "2",
}
HOLD_S: Final = 3.0


async def sales_in(market: Market, state: str) -> list[Any]:
    page = await market.house.operator.call("GET", f"/api/v1/prokip/sales?state={state}")
    items: list[Any] = page["items"]
    return items


@pytest.mark.parametrize(
    ("kind", "stored"),
    [("timeout_after", True), ("reset_after", True), ("truncated", True), ("wrong_type", True), ("status", False)],
)
async def test_a_sale_without_a_clear_answer_is_in_doubt_until_an_operator_settles_it(
    database_url: str, kind: FaultKind, stored: bool
) -> None:
    async with open_market(database_url, "postgres", ONE_OF_EACH, settings=QUICK) as market:
        operator, prokip, sku = market.house.operator, market.world.prokip, market.world.skus[0]
        prokip.faults.add(Fault(kind, path="/sells", hold_s=HOLD_S))
        market.world.woocommerce[0].buy({sku: 2})

        async def in_doubt() -> Any:
            found = await sales_in(market, "in_doubt")
            return found[0] if found else None

        sale = await eventually(in_doubt, what="the sale is in doubt")
        market.world.shopify.shop().buy({sku: 3})  # others go on meanwhile

        async def shown() -> bool:
            assert market.shown(sku) == [95, 95]
            assert await market.available(sku) == 95
            return True

        await eventually(shown, what="stores are right while Prokip's answer is in doubt")
        await operator.call("POST", "/sync/manual")
        assert await market.available(sku) == 95, "a reading of Prokip must not guess about a sale in doubt"
        assert market.shown(sku) == [95, 95]
        before = len([one for one in prokip.sales if one.source == "api"])
        assert before == 1 + stored
        body = {"recorded": stored} | ({"prokipSellId": prokip.sales[0].sell_id} if stored else {})
        await operator.call("POST", f"/api/v1/prokip/sales/{sale['id']}/settle", body)
        await market.expect(sku, 95)
        await operator.call("POST", "/sync/manual")
        await market.expect(sku, 95)
        told = sorted(item.quantity for one in prokip.sales for item in one.items)
        assert told == [2, 3]
        assert not await sales_in(market, "in_doubt")


@pytest.mark.parametrize("kind", ["status", "truncated", "wrong_type", "reset_before", "empty list"])
async def test_a_reading_of_prokip_that_fails_or_is_empty_changes_nothing(database_url: str, kind: str) -> None:
    async with open_market(database_url, "postgres", ONE_OF_EACH, settings=QUICK | {"SYNC_TIMEOUT_S": "10"}) as market:
        operator, prokip = market.house.operator, market.world.prokip
        market.world.woocommerce[0].buy({market.world.skus[0]: 1})
        await market.expect(market.world.skus[0], 99)
        if kind == "empty list":
            prokip.faults.add(Fault("empty_list", path="/inventory", times=None))
        else:
            prokip.faults.add(Fault(kind, path="/inventory", times=None))  # type: ignore[arg-type]  # a table of kinds
        answered = prokip.calls.counts["GET /inventory"]
        async with market.house.session.post(
            f"{market.house.url('gateway')}/sync/manual", headers=operator._headers
        ) as answer:
            assert answer.status in {200, 502, 504}, await answer.text()
            assert "Traceback" not in await answer.text()
        assert prokip.calls.counts["GET /inventory"] > answered
        for number, sku in enumerate(market.world.skus):
            assert await market.available(sku) == 100 - (number == 0)
            assert market.shown(sku) == [100 - (number == 0)] * 2
        prokip.faults.clear()
        prokip.counter_sale({market.world.skus[1]: 4})
        await operator.call("POST", "/sync/manual")
        await market.expect(market.world.skus[1], 96)


STORE_TROUBLES: Final[dict[str, Fault]] = {
    "500": Fault("status", times=None),
    "a redirect": Fault("status", status=302, times=None),
    "429": Fault("rate_limit", retry_after_s=1, times=None),
    "nothing": Fault("timeout_before", hold_s=HOLD_S, times=None),
    "garbage": Fault("wrong_type", times=None),
    "half a body": Fault("truncated", times=None),
}


@pytest.mark.parametrize("platform", ["woocommerce", "shopify"])
@pytest.mark.parametrize("trouble", STORE_TROUBLES)
async def test_a_store_that_fails_delays_no_other_and_is_right_after_it_recovers(
    database_url: str, platform: str, trouble: str
) -> None:
    async with open_market(database_url, "postgres", TWO_OF_EACH, settings=QUICK) as market:
        world, sku = market.world, market.world.skus[0]
        woo, shop = world.woocommerce[1], world.shopify.shop("sandbox-2.myshopify.com")
        server: SandboxServer = world.woocommerce[0] if platform == "woocommerce" else world.shopify
        failing: WooCommerceStore | Shop = world.woocommerce[0]
        if platform == "shopify":
            failing = world.shopify.shop()
        fault = server.faults.add(_copy(STORE_TROUBLES[trouble]))
        fault.path = "wp-json" if platform == "woocommerce" else "sandbox-1"
        woo.buy({sku: 1})
        shop.buy({sku: 2})
        failing.buy({sku: 3})  # it still sells, and tells
        every: list[WooCommerceStore | Shop] = [*world.woocommerce, *world.shopify.shops.values()]
        healthy = [one for one in every if one is not failing]

        async def others_are_right() -> bool:
            assert [one.stock(sku) for one in healthy] == [94, 94, 94]
            assert await market.available(sku) == world.prokip.stock(sku) == 94
            return True

        await eventually(others_are_right, what="the other stores are right")

        async def known_to_fail() -> bool:
            page = await market.house.operator.call("GET", "/api/v1/connections")
            return sorted(item["health"] == "healthy" for item in page["items"]) == [False, True, True, True]

        await eventually(known_to_fail, what="the trouble is shown")
        server.faults.clear()
        await market.expect(sku, 94, timeout_s=40)


def _copy(fault: Fault) -> Fault:
    return Fault(fault.kind, times=None, status=fault.status, retry_after_s=fault.retry_after_s, hold_s=fault.hold_s)


@pytest.mark.rabbitmq
async def test_rabbitmq_killed_in_the_middle_of_sales_loses_none(
    database_url: str, amqp_url: str, rabbit_node: RabbitNode
) -> None:
    async with open_market(database_url, amqp_url, TWO_OF_EACH, settings=QUICK) as market:
        world = market.world
        await rabbit_node.settle()
        async with _selling(market) as sold:
            await _reach(sold, 10)
            await asyncio.to_thread(rabbit_node.kill)
            await _reach(sold, 25)
            spooled = await fetch_value(database_url, "SELECT count(*) FROM ingest.spool")
            assert spooled > 0, "what stores tell meanwhile is kept in Postgres"
            await asyncio.to_thread(rabbit_node.start)
            await _reach(sold, 40)
        await world.settled(timeout_s=30)
        sent = [
            one for courier in (world.shopify.courier, *(s.courier for s in world.woocommerce)) for one in courier.sent
        ]
        assert {one.status for one in sent} == {200}
        await _expect_all_sold(market, sold, timeout_s=60)
        assert await fetch_value(database_url, "SELECT count(*) FROM ingest.spool") == 0


async def test_postgres_connections_cut_in_the_middle_of_sales_lose_none(database_url: str, broker_url: str) -> None:
    clock = StoreClock()
    world = world_with_clock(TWO_OF_EACH, clock)  # its Shopify tries again soon
    async with open_market(database_url, broker_url, TWO_OF_EACH, world=world, settings=QUICK) as market:
        admin = await asyncpg.connect(database_url)
        try:
            async with _selling(market, shopify_only=True) as sold:
                for cut in range(1, 6):
                    await _reach(sold, cut * 8)
                    await admin.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    )
        finally:
            await admin.close()
        await world.settled(timeout_s=60)
        refused = [one.topic for one in world.shopify.courier.sent if one.status != 200]
        settling = asyncio.create_task(_settle_doubts(market))
        try:
            await _expect_all_sold(market, sold, timeout_s=75)
        except AssertionError as error:
            states = {state: len(await sales_in(market, state)) for state in ("due", "posting", "in_doubt", "refused")}
            orders = await fetch_value(database_url, "SELECT count(*) FROM inventory.orders")
            error.add_note(
                f"orders in the ledger: {orders} of {sum(sold.values())}; sales: {states}; refused: {refused}"
            )
            raise
        finally:
            settling.cancel()
            await asyncio.gather(settling, return_exceptions=True)


async def _settle_doubts(market: Market) -> None:
    """The operator looks into Prokip for each sale in doubt: a commit whose answer was cut off leaves some."""
    while True:
        for sale in await sales_in(market, "in_doubt"):
            reference = f"sync-{sale['connectionId']}-{sale['orderRef']}-"  # two shops may have the same order number
            found = [one.sell_id for one in market.world.prokip.sales if (one.reference or "").startswith(reference)]
            body = {"recorded": bool(found)} | ({"prokipSellId": found[0]} if found else {})
            await market.house.operator.call("POST", f"/api/v1/prokip/sales/{sale['id']}/settle", body)
        await asyncio.sleep(0.2)


async def test_an_order_that_comes_after_its_sale_was_called_drift_puts_the_store_right(
    database_url: str, broker_url: str
) -> None:
    """Our door was shut for longer than differences stay unexplained."""
    async with open_market(database_url, broker_url, TWO_OF_EACH, settings=QUICK) as market:
        world, sku = market.world, market.world.skus[0]
        for courier in (world.shopify.courier, *(store.courier for store in world.woocommerce)):
            courier.disturb(Disturbance("delay", times=None, delay_s=HOLD_S))
        for store in world.storefronts:
            store.buy({sku: 2})
        world.prokip.counter_sale({sku: 1})
        await market.house.operator.call("POST", "/sync/manual")
        await world.settled(timeout_s=30)
        await market.expect(sku, 91)


async def test_a_poison_message_is_parked_beside_good_ones_seen_and_replayed(
    database_url: str, broker_url: str
) -> None:
    async with open_market(database_url, broker_url, ONE_OF_EACH, settings=QUICK) as market:
        operator, sku = market.house.operator, market.world.skus[0]
        business = (await operator.call("GET", "/api/v1/session"))["business"]["id"]
        poison = json.dumps([{"type": "order.observed.v1", "business_id": business, "order": "none"}]).encode()
        async with member(database_url, broker_url, service="stranger") as stranger:
            market.world.woocommerce[0].buy({sku: 1})
            await stranger.ready()
            await stranger.send(Bundle(uuid4(), "order.observed.v1", poison, 1))
            market.world.shopify.shop().buy({sku: 2})
        await market.expect(sku, 97)

        async def parked() -> Any:
            page = await operator.call("GET", "/api/v1/parked")
            return page["items"]

        (found,) = await eventually(parked, what="the poison is shown")
        assert (found["service"], found["type"]) == ("inventory", "order.observed.v1")
        await operator.call("POST", f"/api/v1/parked/inventory/{found['id']}/replay")

        async def parked_again() -> bool:
            items = await parked()
            return [item["id"] for item in items] not in ([], [found["id"]])

        await eventually(parked_again, what="replayed poison is parked anew")
        market.world.shopify.shop().buy({sku: 1})
        await market.expect(sku, 96)


@asynccontextmanager
async def _selling(market: Market, *, shopify_only: bool = False) -> AsyncIterator[dict[str, int]]:
    """Sells without pause while the block runs; units by SKU."""
    sold = dict.fromkeys(market.world.skus, 0)
    stores = market.world.storefronts[len(market.world.woocommerce) if shopify_only else 0 :]

    async def sell() -> None:
        number = 0
        while True:
            sku = market.world.skus[number % len(market.world.skus)]
            stores[number % len(stores)].buy({sku: 1})
            sold[sku] += 1
            number += 1
            await asyncio.sleep(0.05)

    task = asyncio.create_task(sell())
    try:
        yield sold
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _reach(sold: dict[str, int], units: int) -> None:
    async def enough() -> bool:
        return sum(sold.values()) >= units

    await eventually(enough, what=f"{units} sales")


async def _expect_all_sold(market: Market, sold: dict[str, int], *, timeout_s: float) -> None:
    for sku, units in sold.items():
        await market.expect(sku, 100 - units, timeout_s=timeout_s)
    told = sum(item.quantity for one in market.world.prokip.sales for item in one.items)
    assert told == sum(sold.values())

"""A whole shop on Prokip's own API while it times out, fails and logs us out, and its counter sells the same goods.

`CONNECTOR_ORDERS` sets the number of orders: a few in every test run, thousands by hand.
"""

import asyncio
import os
import random
import re
import time
from collections import Counter, defaultdict
from decimal import Decimal
from typing import Any, Final

import pytest

from prokip_sandbox import Fault, Shop, WooCommerceStore, WorldSpec
from tests.acceptance.test_truth import REFERENCE
from tests.support.eventually import eventually
from tests.support.market import Market, open_market

ORDERS: Final = int(os.environ.get("CONNECTOR_ORDERS", "24"))
ORDERS_A_SECOND: Final = 20
RECORDED_TIMEOUT_S: Final = 90.0 + ORDERS
UNITS_MAX: Final = 3
GOODS: Final = 12
WORLD: Final = WorldSpec(woocommerce_stores=2, shopify_shops=1, goods=GOODS, quantity=20 + ORDERS * UNITS_MAX)
ENVIRON: Final = {
    "POST_TIMEOUT_S": "0.5",
    "POSTING_MARGIN_S": "1",
    "DOUBT_GRACE_S": "1",
    "FIRST_LOOK_S": "0.1",
    "DOUBT_LOOK_INTERVAL_S": "0.5",
    "CONNECTOR_REQUEST_INTERVAL_S": "0",
    "CONNECTOR_FAILURES_MAX": "50",
    "RETRY_BASE_S": "0.1",
    "RETRY_CAP_S": "2",
}
FAULTS: Final = (
    Fault("timeout_after", method="POST", path="/sell$", hold_s=1.5, probability=0.2, times=None),
    Fault("status", path="/connector/api/", status=500, probability=0.05, times=None),
    Fault("revoke_token", path="/connector/api/", probability=0.01, times=None),
)


async def sell(market: Market, rng: random.Random) -> tuple[Counter[str], int]:
    """All orders of the stores, and between them the counter's; what each SKU was sold in all, and the orders."""
    world = market.world
    stores: list[WooCommerceStore | Shop] = [*world.woocommerce, *world.shopify.shops.values()]
    skus = [good.sku for good in world.goods if good.kind == "simple"]
    sold: Counter[str] = Counter()
    for number in range(ORDERS):
        items = {sku: rng.randint(1, UNITS_MAX) for sku in rng.sample(skus, rng.choice((1, 1, 2)))}
        rng.choice(stores).buy(items)
        sold.update(items)
        if number % 4 == 0:
            over_the_counter = {rng.choice(skus): 1}
            world.prokip.counter_sale(over_the_counter)
            sold.update(over_the_counter)
        await asyncio.sleep(1 / ORDERS_A_SECOND)
    return sold, ORDERS


def told_orders(market: Market) -> tuple[dict[tuple[str, str], Counter[str]], int]:
    """What Prokip holds of each online order, and how many references it holds twice."""
    told: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    references: Counter[str] = Counter()
    for sale in market.world.prokip.sales:
        if sale.source == "counter":
            continue
        match: re.Match[str] | None = REFERENCE.fullmatch(sale.reference or "")
        assert match is not None, sale
        references[match.string] += 1
        for item in sale.items:
            told[match["connection_id"], match["order_ref"]][item.sku] += int(item.quantity)
    return dict(told), sum(count - 1 for count in references.values())


async def unrecorded(market: Market) -> dict[str, int]:
    states = ("due", "posting", "in_doubt", "refused")
    pages = {
        state: await market.house.operator.call("GET", f"/api/v1/prokip/sales?state={state}&limit=200")
        for state in states
    }
    return {state: len(page["items"]) for state, page in pages.items() if page["items"]}


@pytest.mark.timeout(RECORDED_TIMEOUT_S * 2)
async def test_every_order_is_in_prokip_once_whatever_prokip_does(database_url: str, broker_url: str) -> None:
    async with open_market(database_url, broker_url, WORLD, dialect="connector", settings=ENVIRON) as market:
        prokip, rng = market.world.prokip, random.Random(1)
        start = {good.sku: int(prokip.stock(good.sku)) for good in market.world.goods if good.kind == "simple"}
        for fault in FAULTS:
            prokip.faults.add(fault)
        began_s = time.monotonic()
        sold, orders = await sell(market, rng)
        await market.world.settled(timeout_s=60)

        async def all_recorded() -> bool:
            waiting = await unrecorded(market)
            told, _ = told_orders(market)
            assert not waiting, waiting
            assert len(told) == orders, len(told)
            return True

        await eventually(all_recorded, timeout_s=RECORDED_TIMEOUT_S, what="every order is recorded")
        recorded_s = time.monotonic() - began_s
        met = {fault.kind: fault.met for fault in FAULTS}
        prokip.faults.clear()
        _, doubled = told_orders(market)
        assert not doubled

        await market.house.operator.call("POST", "/sync/manual")

        async def one_truth() -> bool:
            rows = (await market.house.operator.call("GET", "/api/v1/stock?limit=200"))["items"]
            ledger = {row["sku"]: Decimal(row["available"] or "NaN") for row in rows}
            wrong: dict[str, Any] = {}
            for sku, before in start.items():
                found = {"ledger": ledger[sku], "prokip": prokip.stock(sku), "stores": set(market.shown(sku))}
                if found != {
                    "ledger": before - sold[sku],
                    "prokip": before - sold[sku],
                    "stores": {before - sold[sku]},
                }:
                    wrong[sku] = (before - sold[sku], found)
            assert not wrong, wrong
            return True

        await eventually(one_truth, timeout_s=60, what="ledger, Prokip and stores agree")
        print(  # noqa: T201  # the row that every fault run shows
            f"orders {orders}, recorded once {orders}, lost 0, duplicated {doubled}, faults met {met},"
            f" all recorded after {recorded_s:.0f} s"
        )

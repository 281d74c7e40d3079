"""Webhooks that a store loses: every sale is found by the next sweep, and the meter says how many there were."""

from functools import partial
from typing import Any

from prokip_sandbox import Disturbance, WorldSpec
from prokip_sandbox.courier import Courier
from tests.support.eventually import eventually
from tests.support.market import Market, open_market

SPEC = WorldSpec(woocommerce_stores=1, shopify_shops=1, goods=4, quantity=1_000, simple_only=True)
SALES = 60
LOST = 0.05
SLACK_POINTS = 0.5


async def test_lost_webhooks_are_made_up_for_by_a_sweep_and_counted(database_url: str) -> None:
    async with open_market(database_url, "postgres", SPEC, SWEEP_INTERVAL_S="2", SWEEP_PAUSE_S_MIN="0.5") as market:
        (woo,), (shop,) = market.world.woocommerce, market.world.shopify.shops.values()

        async def sell(first: int, last: int, lost: float) -> None:
            for courier in couriers(market):
                courier.disturbances.clear()
                courier.disturb(Disturbance("drop", match="order", times=None, probability=lost, whole=True))
            for number in range(first, last):
                sku = market.world.skus[number % len(market.world.skus)]
                woo.buy({sku: 1})
                shop.buy({sku: 1})
            await market.world.settled()

        await sell(0, 1, lost=1.0)  # so that the test never passes without any
        await sell(1, SALES, lost=LOST)
        for sku in market.world.skus:
            await market.expect(sku, 1_000 - 2 * SALES // len(market.world.skus))
        for platform, courier in zip(("woocommerce", "shopify"), couriers(market), strict=True):
            await eventually(partial(meter_fits, market, platform, courier), what=f"the meter of {platform}")
            await looked_after(market, platform)


def couriers(market: Market) -> list[Courier]:
    return [market.world.woocommerce[0].courier, market.world.shopify.courier]


async def meter_fits(market: Market, platform: str, courier: Courier) -> bool:
    """What the store says that it dropped, to the half of a point; it says so of whole versions of orders."""
    month = (await ask(market, platform, "webhooks"))["month"]
    dropped, versions = len(courier.dropped), len(courier.told)
    assert dropped > 0
    assert month["missed"] == dropped, (month, courier.dropped)
    assert month["changes"] == versions == SALES
    assert abs(month["missedPercent"] - 100 * dropped / versions) <= SLACK_POINTS
    return (month["duplicates"], month["outOfOrder"]) == (0, 0)


async def looked_after(market: Market, platform: str) -> None:
    care = await ask(market, platform, "upkeep")
    assert care["health"] == "healthy"
    assert care["sweeps"]["completeAt"] is not None
    assert care["sweeps"]["error"] is None
    assert care["sweeps"]["behindS"] < 30
    assert care["budget"]["kind"] == {"woocommerce": "time", "shopify": "points"}[platform]


async def ask(market: Market, platform: str, what: str) -> dict[str, Any]:
    page = await market.house.operator.call("GET", "/api/v1/connections")
    (store,) = [one for one in page["items"] if one["platform"] == platform]
    answer: dict[str, Any] = await market.house.operator.call("GET", f"/api/v1/connections/{store['id']}/{what}")
    return answer

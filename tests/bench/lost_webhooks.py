"""5 % of a store's webhooks are lost: what one sweep finds, and what the gap meter says.

The sandbox drops all webhooks about 5 % of the orders and says of which. Then every store is swept once.
"""

import asyncio
import time
from pathlib import Path
from typing import Any, Final

from prokip_onebox.operator import Operator
from prokip_sandbox import Disturbance
from prokip_sandbox.courier import Courier
from prokip_sandbox.shopify import Limits
from prokip_sandbox.world import World, WorldSpec
from tests.bench.figures import Figure
from tests.bench.system import open_system
from tests.support.eventually import eventually

ORDERS: Final = 1_000
"""In each of the two stores."""
SKUS: Final = 20
QUANTITY: Final = 10_000
LOST: Final = 0.05
SLACK_POINTS: Final = 0.5
ORDERS_AT_A_TIME: Final = 20
FOUND_S_MAX: Final = 60.0


async def run(database_url: str, broker_url: str, folder: Path) -> list[Figure]:
    spec = WorldSpec(
        woocommerce_stores=1,
        shopify_shops=1,
        goods=SKUS,
        quantity=QUANTITY,
        simple_only=True,
        shopify_limits=Limits(unlimited=True),
    )
    async with open_system(database_url, broker_url, spec, folder) as system:
        world, operator = system.world, system.operator
        couriers = {"woocommerce": world.woocommerce[0].courier, "shopify": world.shopify.courier}
        for courier in couriers.values():
            courier.disturb(Disturbance("drop", match="order", times=None, probability=LOST, whole=True))
        await _sell(world)
        connections = {item["platform"]: item for item in (await operator.call("GET", "/api/v1/connections"))["items"]}
        began_s = time.monotonic()
        await operator.call("POST", "/api/v1/sync")
        found = await _all_right(operator, world)
        took_s = time.monotonic() - began_s
        figures = []
        for platform, courier in couriers.items():
            figures.append(await _figure(operator, platform, connections[platform]["id"], courier, found, took_s))
    return figures


async def _sell(world: World) -> None:
    (woo,), (shop,) = world.woocommerce, world.shopify.shops.values()
    for number in range(ORDERS):
        sku = world.skus[number % len(world.skus)]
        woo.buy({sku: 1})
        shop.buy({sku: 1})
        if number % ORDERS_AT_A_TIME == 0:
            await asyncio.sleep(0.1)
    await world.settled(timeout_s=60)


async def _all_right(operator: Operator, world: World) -> bool:
    """Every sale is counted and shown everywhere; False when that is not so in time."""
    left = QUANTITY - 2 * ORDERS // len(world.skus)
    (woo,), (shop,) = world.woocommerce, world.shopify.shops.values()

    async def so() -> bool:
        rows = (await operator.call("GET", f"/api/v1/stock?limit={SKUS}"))["items"]
        counted = all(float(row["available"]) == left for row in rows)
        return counted and all(woo.stock(sku) == shop.stock(sku) == left for sku in world.skus)

    try:
        await eventually(so, timeout_s=FOUND_S_MAX, what="every sale is counted")
    except AssertionError:
        return False
    return True


async def _figure(
    operator: Operator, platform: str, connection_id: int, courier: Courier, found: bool, took_s: float
) -> Figure:
    month: dict[str, Any] = (await operator.call("GET", f"/api/v1/connections/{connection_id}/webhooks"))["month"]
    dropped = 100 * len(courier.dropped) / len(courier.told)
    shown = month["missedPercent"] or 0.0
    return Figure(
        f"{platform}: {len(courier.dropped)} of {len(courier.told)} orders told by no webhook",
        shown,
        "% missed by the meter",
        round(dropped, 2),
        "% dropped, as the sandbox says",
        f"all found by one sweep, meter within {SLACK_POINTS} points",
        found and abs(shown - dropped) <= SLACK_POINTS,
        {
            "late %": month["latePercent"] or 0.0,
            "duplicate %": month["duplicatesPercent"] or 0.0,
            "out of order %": month["outOfOrderPercent"] or 0.0,
            "s from asking for the sweep to every store right": round(took_s, 1),
        },
    )

"""How many writes, and reads just before them, 1,000 changed SKUs cost in one Shopify and one WooCommerce store."""

from contextlib import suppress
from pathlib import Path
from typing import Final

from prokip_onebox.operator import Operator, OperatorError
from prokip_sandbox.shopify import Limits
from prokip_sandbox.world import WorldSpec
from tests.bench.figures import Figure
from tests.bench.system import open_system

SKUS: Final = 1000
SHOPIFY_WRITES: Final = 4
WOOCOMMERCE_WRITES: Final = 10
WOOCOMMERCE_READS: Final = 10


async def _take_over(operator: Operator) -> None:
    """A read that changes every SKU is held until somebody has looked at it."""
    with suppress(OperatorError):
        await operator.call("POST", "/sync/manual")
    held = (await operator.call("GET", "/api/v1/prokip/reads?state=held"))["items"]
    for read in held:
        await operator.call("POST", f"/api/v1/prokip/reads/{read['id']}/release")
    await operator.call("POST", "/sync/manual")


async def run(database_url: str, broker_url: str, folder: Path) -> list[Figure]:
    spec = WorldSpec(
        woocommerce_stores=1,
        shopify_shops=1,
        goods=SKUS,
        simple_only=True,
        shopify_limits=Limits(unlimited=True),
    )
    async with open_system(database_url, broker_url, spec, folder) as system:
        world = system.world
        (woocommerce,) = world.woocommerce
        for server in world.servers:
            server.calls.reset()
        for sku in world.skus:
            world.prokip.set_stock(sku, 55)
        await _take_over(system.operator)
        wrong = [sku for sku in world.skus if woocommerce.stock(sku) != 55]
        wrong += [sku for sku in world.skus for shop in world.shopify.shops.values() if shop.stock(sku) != 55]
        shopify_writes = sum(n for kind, n in world.shopify.calls.counts.items() if "inventorySetQuantities" in kind)
        woocommerce_reads = sum(call.method == "GET" and "include=" in call.path for call in woocommerce.calls.latest)
        woocommerce_writes = sum(n for kind, n in woocommerce.calls.counts.items() if "batch" in kind)
    return [
        Figure(
            f"{platform} {what} for {SKUS} changed SKUs",
            calls,
            "calls",
            goal,
            f"calls, {SKUS} SKUs in the largest batches that the platform takes",
            f"no more than {goal}, every SKU right",
            calls <= goal and not wrong,
            {"SKUs wrong afterwards": len(wrong)},
        )
        for platform, what, calls, goal in (
            ("Shopify", "writes", shopify_writes, SHOPIFY_WRITES),
            ("WooCommerce", "writes", woocommerce_writes, WOOCOMMERCE_WRITES),
            ("WooCommerce", "reads just before them", woocommerce_reads, WOOCOMMERCE_READS),
        )
    ]

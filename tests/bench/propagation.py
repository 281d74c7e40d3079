"""From a sale that webhook-ingest accepted to the last of ten stores that shows the new quantity."""

import asyncio
import contextlib
import json
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean, median
from typing import Any, Final

from aiohttp import web

from prokip_onebox.tracking import FinishedSale, SaleTracker
from prokip_sandbox.shopify import Limits
from prokip_sandbox.world import World, WorldSpec
from prokip_shared.bus import Subscription, open_bus
from prokip_shared.database import Connection, open_pool
from prokip_shared.messages import ListingPushedV1, Message, SaleDueV1
from prokip_shared.runtime import ServiceContext
from tests.bench.figures import Figure, percentile
from tests.bench.system import System, open_system
from tests.support.eventually import eventually

STORES: Final = 10
SKUS: Final = 1000
ORDERS_PER_S: Final = 100
DURATION_S: Final = 30
WARM_UP_S: Final = 3
DRAIN_S: Final = 10
P50_GOAL_MS: Final = 150
P99_GOAL_MS: Final = 500


class Witness:
    """Reads the same messages as the gateway's live view and times each sale."""

    def __init__(self, listed: dict[int, frozenset[str]], store_keys: dict[int, str]) -> None:
        self.tracker = SaleTracker(listed)
        self._store_keys = store_keys
        self.accepted: dict[str, datetime] = {}
        self.finished: list[FinishedSale] = []

    async def sales(self, _connection: Connection, batch: Sequence[SaleDueV1]) -> Sequence[Message]:
        for sale in batch:
            key = f"{self._store_keys[sale.connection_id]}/{sale.order_ref}"
            # The sale may be told a moment before the store has read its 200.
            accepted = self.accepted.setdefault(key, datetime.now(UTC))
            wanted = {line.sku: line.stock_revision for line in sale.lines}
            done = self.tracker.sale(sale.connection_id, "", sale.order_ref, sale.order_number, accepted, wanted)
            if done is not None:
                self.finished.append(done)
        return ()

    async def pushes(self, _connection: Connection, batch: Sequence[ListingPushedV1]) -> Sequence[Message]:
        for push in batch:
            shown = [(line.sku, line.revision) for line in push.listings if line.outcome in {"written", "already"}]
            self.finished.extend(self.tracker.pushed(push.connection_id, push.pushed_at, shown))
        return ()


def _note_acceptance(world: World, accepted: dict[str, datetime]) -> None:
    """Each store's courier is timed: an order counts as accepted when its first webhook was answered 200."""
    for courier in [*(store.courier for store in world.woocommerce), world.shopify.courier]:
        post = courier.post

        async def timed(topic: str, url: str, headers: Any, body: bytes, post: Any = post) -> int | None:
            status: int | None = await post(topic, url, headers, body)
            if status == 200 and topic.startswith("order"):
                order = json.loads(body)
                if "line_items" in order:
                    sender = dict(headers)
                    store = sender.get("X-Shopify-Shop-Domain") or sender["X-WC-Webhook-Source"].rstrip("/")
                    accepted.setdefault(f"{store}/{order['id']}", datetime.now(UTC))
            return status

        setattr(courier, "post", timed)  # noqa: B010  # a stopwatch around the real method, which mypy would not let be replaced


async def _shop(world: World, skus: Sequence[str], seconds: float, rng: random.Random) -> int:
    """A steady rate over all stores; a late order is made up for."""
    began, sold = time.monotonic(), 0
    while (elapsed := time.monotonic() - began) < seconds:
        for _order in range(int(elapsed * ORDERS_PER_S) - sold):
            rng.choice(world.storefronts).buy({rng.choice(skus): 1})
            sold += 1
        await asyncio.sleep(0.005)
    return sold


async def _all_finished(witness: Witness, sales: int) -> None:
    """Returns when all are, or when DRAIN_S are over: the figure then tells how many are missing."""

    async def enough() -> bool:
        return len(witness.finished) >= sales

    with contextlib.suppress(AssertionError):
        await eventually(enough, timeout_s=DRAIN_S)


@asynccontextmanager
async def _witness(system: System, database_url: str, broker_url: str) -> AsyncIterator[Witness]:
    connections = (await system.operator.call("GET", "/api/v1/connections"))["items"]
    witness = Witness(
        {item["id"]: await system.operator.listed_skus(item["id"]) for item in connections},
        {item["id"]: item["storeKey"] for item in connections},
    )
    async with bench_context("bench") as context:
        pool = await context.stack.enter_async_context(
            await open_pool(database_url, service="bench", connections_max=4)
        )
        bus = await open_bus(context, BusAt(database_url, broker_url), pool, schema="bench")
        bus.consume(Subscription("bench", SaleDueV1), witness.sales)
        bus.consume(Subscription("bench", ListingPushedV1), witness.pushes)
        yield witness


class BusAt:
    def __init__(self, database_url: str, broker_url: str) -> None:
        self.database_url = database_url
        self.broker_url = broker_url


@asynccontextmanager
async def bench_context(name: str) -> AsyncIterator[ServiceContext]:
    """What a bus needs of a service, without one around it."""
    async with AsyncExitStack() as stack:
        context = ServiceContext(name, web.Application(), stack)
        try:
            yield context
        finally:
            await context.drain()
            await context.end_side_tasks()


async def run(database_url: str, broker_url: str, folder: Path) -> list[Figure]:
    spec = WorldSpec(
        woocommerce_stores=0,  # one takes 30 ms an item and tells each write in a row: it cannot follow 100 SKUs a second
        shopify_shops=STORES,
        goods=SKUS,
        quantity=100_000,
        simple_only=True,
        shopify_limits=Limits(unlimited=True),
    )
    async with (
        open_system(database_url, broker_url, spec, folder) as system,
        _witness(system, database_url, broker_url) as witness,
    ):
        _note_acceptance(system.world, witness.accepted)
        rng = random.Random(20261122)
        await _shop(system.world, system.world.skus, WARM_UP_S, rng)
        for server in system.world.servers:
            server.calls.reset()
        warm = len(witness.accepted)
        sold = await _shop(system.world, system.world.skus, DURATION_S, rng)
        await _all_finished(witness, warm + sold)
        calls = [call for server in system.world.servers for call in server.calls.latest if call.method != "GET"]
        store_ms = mean(call.took_ms for call in calls)
        took = [sale.took_ms for sale in witness.finished[warm:]]
    p50, p99 = median(took), percentile(took, 0.99)
    return [
        Figure(
            f"sale accepted → all {STORES} stores confirmed, {ORDERS_PER_S} orders/s",
            p50,
            "ms p50",
            store_ms,
            "ms, a store's own mean answer time",
            f"p50 under {P50_GOAL_MS} ms, p99 under {P99_GOAL_MS} ms, none missing",
            p50 < P50_GOAL_MS and p99 < P99_GOAL_MS and len(took) >= sold,
            {"p99 ms": round(p99, 1), "max ms": max(took), "sales": sold, "confirmed everywhere": len(took)},
        )
    ]

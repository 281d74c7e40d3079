"""From a sale that webhook-ingest accepted to the last of ten stores that shows the new quantity.

The stores are Shopify shops in a process of their own. A WooCommerce store takes 30 ms for an item and tells each write
in a row (measured on 9.9.5), so none can follow 100 changed SKUs a second.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from statistics import mean, median
from typing import Any, Final

from aiohttp import ClientSession
from pydantic import TypeAdapter

from prokip_onebox.merchant import connect_world
from prokip_onebox.operator import Operator
from prokip_onebox.tracking import FinishedSale, SaleTracker
from prokip_shared.bus import BatchHandler, Subscription, open_bus
from prokip_shared.bus.port import M
from prokip_shared.database import Connection, open_pool
from prokip_shared.messages import ListingPushedV1, Message, OrderObservedV1, SaleDueV1, utc_now
from tests.bench.figures import Figure, percentile
from tests.bench.hops import hops_ms
from tests.bench.processor import used_s
from tests.bench.system import open_services, open_world_process
from tests.support.bus_host import BusAt, bench_context
from tests.support.eventually import eventually

STORES: Final = 10
SKUS: Final = 1000
QUANTITY: Final = 100_000
ORDERS_PER_S: Final = 100
DURATION_S: Final = 30
WARM_UP_S: Final = 3
DRAIN_S: Final = 10
WITNESS_PACE_S: Final = 0.5
WITNESS_PREFETCH_BUNDLES: Final = 500
WITNESSED: Final = (OrderObservedV1, SaleDueV1, ListingPushedV1)
P50_GOAL_MS: Final = 150
P99_GOAL_MS: Final = 500


class Witness:
    """Keeps the messages that the services hear, and reads afterwards when each sale was where.

    Afterwards, because what the witness takes of the machine is not to be measured.
    """

    def __init__(self, listed: dict[int, frozenset[str]]) -> None:
        self.tracker = SaleTracker(listed)
        self.accepted: dict[tuple[int, str], datetime] = {}
        self.finished: list[FinishedSale] = []
        self._kept: dict[type[Message], list[bytes]] = {message: [] for message in WITNESSED}
        self._early: list[SaleDueV1] = []

    def keep(self, message: type[Message]) -> BatchHandler[bytes]:
        """A handler of unread bundles."""

        async def handle(_connection: Connection, bodies: Sequence[bytes]) -> Sequence[Message]:
            self._kept[message].extend(bodies)
            return ()

        return handle

    def catch_up(self) -> None:
        """Reads what was kept: sales by the time at which their webhook was taken in, pushes by their own."""
        for order in self._read(OrderObservedV1):
            self.accepted.setdefault((order.connection_id, order.order.order_ref), order.observed_at)
        sales = [*self._early, *self._read(SaleDueV1)]
        self._early = [sale for sale in sales if (sale.connection_id, sale.order_ref) not in self.accepted]
        events: list[tuple[datetime, SaleDueV1 | ListingPushedV1]] = [
            (self.accepted[sale.connection_id, sale.order_ref], sale)
            for sale in sales
            if (sale.connection_id, sale.order_ref) in self.accepted
        ]
        events += [(push.pushed_at, push) for push in self._read(ListingPushedV1)]
        for at, event in sorted(events, key=itemgetter(0)):
            self.finished.extend(self._begun(event, at) if isinstance(event, SaleDueV1) else self._pushed(event))

    def _read(self, message: type[M]) -> list[M]:
        bodies, self._kept[message] = self._kept[message], []
        adapter = TypeAdapter(list[message])  # type: ignore[valid-type]  # built at run time
        return [one for body in bodies for one in adapter.validate_json(body)]

    def _begun(self, sale: SaleDueV1, accepted: datetime) -> Sequence[FinishedSale]:
        wanted = {line.sku: line.stock_revision for line in sale.lines}
        done = self.tracker.sale(sale.connection_id, sale.order_ref, sale.order_number, accepted, wanted)
        return () if done is None else (done,)

    def _pushed(self, push: ListingPushedV1) -> Sequence[FinishedSale]:
        shown = [(line.sku, line.revision) for line in push.listings if line.outcome in {"written", "already"}]
        return self.tracker.pushed(push.connection_id, push.pushed_at, shown)


class Shoppers:
    """Has the simulated shops sell at a steady rate, and asks them how long a write takes them."""

    def __init__(
        self, session: ClientSession, shopify_url: str, shops: Sequence[str], *, orders_per_s: float = ORDERS_PER_S
    ) -> None:
        self._session = session
        self._url = f"{shopify_url}/_sandbox"
        self._shops = shops
        self._orders_per_s = orders_per_s
        self._seed = 20261122

    async def shop(self, seconds: float) -> int:
        """How many orders were placed."""
        self._seed += 1
        wanted = {
            "shops": list(self._shops),
            "orders_per_s": self._orders_per_s,
            "seconds": seconds,
            "seed": self._seed,
        }
        async with self._session.post(f"{self._url}/shopping", json=wanted) as answer:
            answer.raise_for_status()
            return int((await answer.json())["orders"])

    async def store_ms(self) -> float:
        """A shop's own mean time for a write, by its latest calls."""
        async with self._session.get(f"{self._url}/calls") as answer:
            latest = (await answer.json())["latest"]
        return mean(float(call["took_ms"]) for call in latest if "inventorySetQuantities" in call["kind"])


async def all_finished(witness: Witness, sales: int) -> None:
    """Returns when all are, or when DRAIN_S are over: the figure then tells how many are missing."""

    async def enough() -> bool:
        await asyncio.sleep(WITNESS_PACE_S * 2)  # the last sales are not to be slowed down by reading the others
        witness.catch_up()
        return len(witness.finished) >= sales

    with contextlib.suppress(AssertionError):
        await eventually(enough, timeout_s=DRAIN_S)


@asynccontextmanager
async def open_witness(
    operator: Operator, database_url: str, broker_url: str, *, watched: Collection[str] | None = None
) -> AsyncIterator[Witness]:
    """`watched`: the store keys that a sale has to reach; all by default."""
    connections = (await operator.call("GET", "/api/v1/connections"))["items"]
    wanted = [item for item in connections if watched is None or item["storeKey"] in watched]
    witness = Witness({item["id"]: await operator.listed_skus(item["id"]) for item in wanted})
    async with bench_context("bench") as context:
        pool = await context.stack.enter_async_context(
            await open_pool(database_url, service="bench", connections_max=4)
        )
        bus = await open_bus(context, BusAt(database_url, broker_url), pool, schema="bench")
        for message in WITNESSED:
            bus.consume(_seldom(message), witness.keep(message), read=lambda body: [body])

        async def hears() -> bool:
            return not await context.problems()

        await eventually(hears, what="the witness's queues")
        yield witness


def _seldom(message: type[Message]) -> Subscription[Message]:
    return Subscription("bench", message, pace_s=WITNESS_PACE_S, prefetch_bundles=WITNESS_PREFETCH_BUNDLES)


async def run(database_url: str, broker_url: str, folder: Path) -> list[Figure]:
    options = (
        "--shopify",
        str(STORES),
        "--goods",
        str(SKUS),
        "--quantity",
        str(QUANTITY),
        "--simple-only",
        "--unlimited",
    )
    async with (
        open_world_process(folder, *options) as world,
        open_services(database_url, broker_url, folder, shopify_url=shopify_url_of(world)) as operator,
    ):
        await connect_world(operator, world, lambda _line: None)
        await operator.call("POST", "/sync/manual")
        async with open_witness(operator, database_url, broker_url) as witness, ClientSession() as session:
            shops = [shop["shop"] for shop in world["shopify"]["shops"]]
            shoppers = Shoppers(session, shopify_url_of(world), shops)
            warm = await shoppers.shop(WARM_UP_S)
            await all_finished(witness, warm)
            began, counted_before, used_before = utc_now(), len(witness.finished), used_s(folder.parent)
            sold = await shoppers.shop(DURATION_S)
            used = used_s(folder.parent) - used_before
            await all_finished(witness, counted_before + sold)
            took = [sale.took_ms for sale in witness.finished[counted_before:]]
            hops = await hops_ms(database_url, witness.accepted, began)
            store_ms = await shoppers.store_ms()
    cpu_ms = {name: seconds / sold * 1000 for name, seconds in used.most_common()}
    return [_figure(took, sold, store_ms, cpu_ms, hops)]


def shopify_url_of(world: Mapping[str, Any]) -> str:
    return str(world["shopify"]["urlTemplate"]).removesuffix("/{shop}")


def _figure(
    took: Sequence[int], sold: int, store_ms: float, cpu_ms: Mapping[str, float], hops: Mapping[str, float]
) -> Figure:
    p50, p99 = median(took), percentile(took, 0.99)
    return Figure(
        f"sale accepted → all {STORES} stores confirmed, {ORDERS_PER_S} orders/s",
        p50,
        "ms p50",
        store_ms,
        "ms, a store's own mean time for a write",
        f"p50 under {P50_GOAL_MS} ms, p99 under {P99_GOAL_MS} ms, none missing",
        p50 < P50_GOAL_MS and p99 < P99_GOAL_MS and len(took) >= sold,
        {
            "p99 ms": round(p99, 1),
            "max ms": max(took),
            "sales": sold,
            "confirmed everywhere": len(took),
            "p50 ms of each hop": ", ".join(f"{name} {ms:.0f}" for name, ms in hops.items()),
            "CPU ms an order": ", ".join(f"{name} {used:.2f}" for name, used in cpu_ms.items()),
            "in all": sum(cpu_ms.values()),
        },
    )

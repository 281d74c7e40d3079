"""The statement that every page costs looks its SKUs up one by one, however large the catalogue is."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import asyncpg

from prokip_shared.database import load_queries, migrate

SKUS = 20_000
PAGE = [f"SKU-{number}" for number in range(1000)]
LARGE = {"sku_snapshot", "goods", "read_change", "left_alone"}


def scans(node: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if "Relation Name" in node:
        yield node["Relation Name"], node["Node Type"]
    for child in node.get("Plans", []):
        yield from scans(child)


async def test_a_page_never_reads_a_whole_table(database_url: str) -> None:
    await migrate(database_url, schema="prokip", package="prokip_poller")
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("INSERT INTO prokip.location (business_id, location_id) VALUES (1, 'L')")
        read_id = await connection.fetchval(
            "INSERT INTO prokip.stock_read (business_id, location_id, sequence, state)"
            " VALUES (1, 'L', 1, 'reading') RETURNING read_id"
        )
        for insert in (
            "INSERT INTO prokip.sku_snapshot SELECT 1, 'L', 'SKU-' || n, 1, 0, 1 FROM generate_series(1, $1) AS n",
            "INSERT INTO prokip.goods SELECT 1, 'SKU-' || n, n, n FROM generate_series(1, $1) AS n",
            "INSERT INTO prokip.left_alone SELECT 1, 'L', 'GONE-' || n, 'inactive' FROM generate_series(1, $1) AS n",
            "INSERT INTO prokip.read_change SELECT read_id, 1, 'SKU-' || n, 1, 0, 2, 0"  # noqa: ISC004  # one statement
            " FROM prokip.stock_read, generate_series(1, $1) AS n",
        ):
            await connection.execute(insert, SKUS)
        await connection.execute("ANALYZE prokip.sku_snapshot, prokip.goods, prokip.left_alone, prokip.read_change")
        sql = load_queries("prokip_poller", "reads.sql")["look_at_page"]
        ids = list(range(len(PAGE)))
        quantities = [Decimal(1)] * len(PAGE)
        arguments: tuple[Any, ...] = (1, "L", read_id, PAGE, quantities, [None] * len(PAGE), ids, ids, [], 0)
        plan = json.loads(await connection.fetchval(f"EXPLAIN (FORMAT JSON) {sql}", *arguments))[0]["Plan"]
        found = [(relation, kind) for relation, kind in scans(plan) if relation in LARGE]
        assert {relation for relation, _ in found} == LARGE
        assert all(kind in {"Index Scan", "Index Only Scan"} for _, kind in found), json.dumps(plan, indent=1)
    finally:
        await connection.close()

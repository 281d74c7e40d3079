"""The statement that every page costs looks its SKUs up by their keys, however large the catalogue is."""

import json
from collections.abc import Iterator
from typing import Any

import asyncpg

from prokip_shared.arrays import array_literal
from prokip_shared.database import load_queries, migrate

SKUS = 20_000
PAGE = [f"SKU-{number}" for number in range(1000)]
BY_KEY = {"Index Scan", "Index Only Scan", "Bitmap Heap Scan"}
TYPES = "(bigint, text, bigint, text, text, text, text, text, text[], bigint)"
LARGE = {"sku_snapshot", "goods", "read_change", "left_alone"}


def scans(node: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if "Relation Name" in node:
        yield node["Relation Name"], node["Node Type"]
    for child in node.get("Plans", []):
        yield from scans(child)


async def test_a_page_never_reads_a_whole_table(database_url: str) -> None:
    """Neither with a plan for its SKUs nor with the one that Postgres makes once for all pages."""
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
        ids = array_literal(range(len(PAGE)))
        arguments: tuple[Any, ...] = (
            1,
            "L",
            read_id,
            array_literal(PAGE),
            array_literal(["1"] * len(PAGE)),
            "{}",
            ids,
            ids,
            [],
            0,
        )
        await connection.execute(f"SET plan_cache_mode = force_generic_plan; PREPARE page {TYPES} AS {sql}")
        plans = [
            await connection.fetchval(f"EXPLAIN (FORMAT JSON) {sql}", *arguments),
            await connection.fetchval(
                "EXPLAIN (FORMAT JSON) EXECUTE page (1, 'L', 1, '{A}', '{1}', '{}', '{}', '{}', '{}', 0)"
            ),
        ]
        for plan in plans:
            found = [(relation, kind) for relation, kind in scans(json.loads(plan)[0]["Plan"]) if relation in LARGE]
            assert {relation for relation, _ in found} == LARGE
            assert all(kind in BY_KEY for _, kind in found), plan
            assert "Nested Loop" not in plan, plan
    finally:
        await connection.close()

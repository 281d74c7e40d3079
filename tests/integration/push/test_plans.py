"""The hot statements stay on their indexes when a store is large."""

import json
from collections.abc import AsyncIterator

import asyncpg
import pytest

from prokip_shared.database import Connection, load_queries, migrate
from store_push.app import SERVICE

CONNECTIONS = 20
LISTINGS_EACH = 2_000


@pytest.fixture
async def large(database_url: str) -> AsyncIterator[Connection]:
    await migrate(database_url, schema=SERVICE.schema, package=SERVICE.package)
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "INSERT INTO push.connection_work (connection_id, business_id, platform, location_id, writable, active)"
        " SELECT n, 1, 'shopify', 'L1', true, true FROM generate_series(1, $1) n",
        CONNECTIONS,
    )
    await connection.execute(
        "INSERT INTO push.listing (business_id, connection_id, location_id, item_ref, sku, state, target, due_at)"
        " SELECT 1, c, 'L1', i::text, 'SKU-' || i, 'matched', 5, CASE WHEN i <= 10 THEN now() END"
        " FROM generate_series(1, $1) c, generate_series(1, $2) i",
        CONNECTIONS,
        LISTINGS_EACH,
    )
    await connection.execute("ANALYZE push.listing, push.connection_work")
    yield connection
    await connection.close()


async def _plan(connection: Connection, file: str, name: str, arguments: str) -> tuple[str, float]:
    """The plan as text, and how many rows of the largest scan were looked at."""
    sql = load_queries("store_push", file)[name]
    types = {"due_listings": "bigint, bigint", "due_connections": ""}[name]
    await connection.execute(f"PREPARE hot{f' ({types})' if types else ''} AS {sql}")
    explained = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE hot{arguments}")
    await connection.execute("DEALLOCATE hot")
    plan = json.loads(explained)[0]["Plan"]
    return json.dumps(plan, indent=1), _most_rows(plan)


def _most_rows(node: dict[str, object]) -> float:
    children = node.get("Plans", [])
    assert isinstance(children, list)
    looked_at = float(str(node.get("Actual Rows", 0))) + float(str(node.get("Rows Removed by Filter", 0)))
    own = looked_at if "Relation Name" in node else 0.0
    return max([own, *(_most_rows(child) for child in children)])


async def test_what_is_due_is_found_without_looking_at_what_is_not(large: Connection) -> None:
    plan, rows = await _plan(large, "work.sql", "due_listings", "(1, 1000)")
    assert "listing_due_idx" in plan, plan
    assert rows <= 20, plan


async def test_one_wake_up_costs_one_index_probe_a_connection(large: Connection) -> None:
    plan, rows = await _plan(large, "work.sql", "due_connections", "")
    assert "listing_due_idx" in plan, plan
    assert rows <= CONNECTIONS, plan

"""What is the Postgres adapter's own, and the tables that every service has."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import uuid4

import asyncpg
import pytest

from prokip_shared.bus.postgres import migrate_postgres_bus
from prokip_shared.bus.storage import BusTables, ParkedRow, migrate_service_tables
from prokip_shared.database import Pool, load_queries, open_pool
from tests.contract.bus.harness import (
    DRIFT,
    FAST,
    Member,
    Recorder,
    all_applied,
    drifts,
    make_applied_table,
    member,
    single,
)
from tests.support.eventually import eventually


async def test_many_replicas_may_migrate_at_once(empty_database_url: str) -> None:
    rounds = await asyncio.gather(
        *(migrate_postgres_bus(empty_database_url) for _ in range(4)),
        *(migrate_service_tables(empty_database_url, schema="inventory") for _ in range(4)),
        *(migrate_service_tables(empty_database_url, schema="push") for _ in range(4)),
    )
    tables = ["0001_initial.sql", "0002_outbox_uncompressed.sql"]
    assert sorted(rounds) == [[]] * 9 + [tables] * 2 + [["0001_initial.sql", "0002_taken_by.sql"]]


async def test_a_taker_that_says_nothing_loses_its_bundles_and_one_that_works_keeps_them(database_url: str) -> None:
    release = asyncio.Event()

    limits = replace(FAST, lease_s=0.3)
    async with member(database_url, "postgres", limits=limits) as one:
        await make_applied_table(one.pool)
        one.bus.consume(DRIFT, Recorder(before=release.wait))
        await one.ready()
        await one.send(*(single(message) for message in drifts(3)))
        first = await eventually(lambda: leased_until(one), what="a lease")
        assert first is not None

        async def extended() -> bool:
            now = await leased_until(one)
            return now is not None and now > first + timedelta(seconds=0.4)

        await eventually(extended, what="an extended lease")
        assert await one.pool.fetchval("SELECT max(deliveries) FROM bus.message") == 1
        release.set()
        await all_applied(one.pool, drifts(3))

        async def settled() -> bool:
            return bool(await one.pool.fetchval("SELECT count(*) = 0 FROM bus.message"))

        await eventually(settled)


@pytest.mark.parametrize(("method", "statement"), [("fetch", "take"), ("execute", "settle")])
async def test_bundles_of_a_take_or_settle_that_was_cut_off_come_again_long_before_their_lease_ends(
    database_url: str, monkeypatch: pytest.MonkeyPatch, method: str, statement: str
) -> None:
    """A take was committed and its answer lost; a settle was lost before it was committed."""
    text = load_queries("prokip_shared", "bus_postgres.sql")[statement]
    ask = getattr(asyncpg.Pool, method)
    cuts = 0

    async def cut_once(pool: Pool, asked: str, *arguments: Any) -> Any:
        nonlocal cuts
        if asked != text or cuts:
            return await ask(pool, asked, *arguments)
        if statement == "take" and not await ask(pool, asked, *arguments):
            return []
        cuts += 1
        raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")

    monkeypatch.setattr(asyncpg.Pool, method, cut_once)
    async with member(database_url, "postgres", limits=replace(FAST, lease_s=3600.0)) as one:
        await make_applied_table(one.pool)
        one.bus.consume(DRIFT, Recorder())
        await one.ready()
        await one.send(*(single(message) for message in drifts(3)))

        async def settled() -> bool:
            return cuts == 1 and bool(await one.pool.fetchval("SELECT count(*) = 0 FROM bus.message"))

        await eventually(settled, what="nothing is left in the queue")
        await all_applied(one.pool, drifts(3))


async def leased_until(one: Member) -> datetime | None:
    return cast(
        "datetime | None",
        await one.pool.fetchval("SELECT min(leased_until) FROM bus.message WHERE leased_until > now()"),
    )


async def test_a_notification_wakes_a_taker_long_before_it_would_look_by_itself(database_url: str) -> None:
    limits = replace(FAST, poll_interval_s=3600.0)
    async with member(database_url, "postgres", limits=limits) as one:
        await make_applied_table(one.pool)
        one.bus.consume(DRIFT, Recorder())
        await one.ready()
        for number in range(5):
            await one.bus.publisher.publish([drifts(5)[number]])
            await all_applied(one.pool, drifts(number + 1), timeout_s=5)


async def test_taking_reads_only_what_it_takes_however_long_the_other_queues_are(database_url: str) -> None:
    await migrate_postgres_bus(database_url)
    pool = await open_pool(database_url, service="test", connections_max=1)
    async with pool, pool.acquire() as connection:
        await connection.execute(
            "INSERT INTO bus.message (queue, bundle_id, type, body, messages, attempts)"
            " SELECT CASE WHEN n <= 40000 THEN 'long' ELSE 'short' END, gen_random_uuid(), 't', '[]', 1, 0 FROM generate_series(1, 50000) AS n"
        )
        await connection.execute("ANALYZE bus.message")
        take = load_queries("prokip_shared", "bus_postgres.sql")["take"]
        transaction = connection.transaction()
        await transaction.start()
        plan = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {take}", "short", 100, 30.0, uuid4())
        await transaction.rollback()
    assert "message_pkey" in plan, plan
    assert all(node.get("Node Type") != "Seq Scan" for node in nodes_of(json.loads(plan)[0]["Plan"])), plan
    rows = [node["Actual Rows"] for node in nodes_of(json.loads(plan)[0]["Plan"])]
    assert max(rows) <= 100, plan


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes_of(child)


async def test_the_inbox_and_replayed_messages_are_forgotten_after_their_retention(database_url: str) -> None:
    async with member(database_url, "postgres", limits=replace(FAST, prune_interval_s=0.05)) as one:
        tables = BusTables("inventory")
        old = datetime.now(UTC) - timedelta(hours=FAST.inbox_retention_h + 1)
        async with one.pool.acquire() as connection:
            rows = [ParkedRow(uuid4(), 1, "t", "{}", "why", 1) for _ in range(3)]
            await tables.park(connection, "q", rows)
            await connection.execute("UPDATE inventory.parked SET replayed_at = $1 WHERE id = $2", old, rows[0].id)
            await connection.execute("UPDATE inventory.parked SET parked_at = $1 WHERE id = $2", old, rows[1].id)
            young, aged = uuid4(), uuid4()
            await tables.remember(connection, "q", [young, aged])
            await connection.execute("UPDATE inventory.inbox SET seen_at = $1 WHERE bundle_id = $2", old, aged)

        async def pruned() -> bool:
            return await one.count("inbox") == 1 and await one.count("parked") == 2

        await eventually(pruned)
        assert {row["id"] for row in await one.parked()} == {rows[1].id, rows[2].id}  # waiting ones never go

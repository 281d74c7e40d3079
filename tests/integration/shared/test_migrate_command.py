import os
import sys
from asyncio import create_subprocess_exec
from asyncio.subprocess import PIPE, STDOUT

import asyncpg


async def test_migrate_makes_every_schema_that_the_services_use_and_repeats_without_a_change(
    empty_database_url: str,
) -> None:
    environ = {"PATH": os.environ["PATH"], "DATABASE_URL": empty_database_url}
    outputs = []
    for _time in range(2):
        process = await create_subprocess_exec(
            sys.executable, "-m", "prokip_onebox", "migrate", env=environ, stdout=PIPE, stderr=STDOUT
        )
        outputs.append((await process.communicate())[0].decode())
        assert process.returncode == 0, outputs[-1]
    assert outputs[0].count("applied 0001") >= 6
    assert not outputs[1]
    database = await asyncpg.connect(empty_database_url)
    try:
        tables = {
            row["name"] for row in await database.fetch("SELECT schemaname || '.' || tablename AS name FROM pg_tables")
        }
    finally:
        await database.close()
    assert {
        "inventory.stock",
        "inventory.outbox",
        "push.listing",
        "push.inbox",
        "prokip.parked",
        "bus.message",
    } <= tables
    assert {"gateway.connection", "ingest.spool"} <= tables
    assert "ingest.outbox" not in tables


async def test_migrate_without_an_address_names_the_variable() -> None:
    process = await create_subprocess_exec(
        sys.executable, "-m", "prokip_onebox", "migrate", env={"PATH": os.environ["PATH"]}, stdout=PIPE, stderr=STDOUT
    )
    out = (await process.communicate())[0].decode()
    assert process.returncode == 2
    assert out.startswith("DATABASE_URL: is not set")

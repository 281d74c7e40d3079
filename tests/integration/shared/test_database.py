import asyncio

import asyncpg

from prokip_shared.database import migrate


async def test_replicas_that_start_together_migrate_once(empty_database_url: str) -> None:
    applied = await asyncio.gather(
        *(migrate(empty_database_url, schema="gateway", package="gateway") for _replica in range(4))
    )
    assert sum("0001_initial.sql" in names for names in applied) == 1
    connection = await asyncpg.connect(empty_database_url)
    try:
        recorded = await connection.fetchval(
            "SELECT count(*) FROM public.prokip_migration WHERE name = '0001_initial.sql'"
        )
        assert recorded == 1
    finally:
        await connection.close()

"""Postgres for services: one pool each, SQL from named files, and migrations that replicas may run at once."""

import asyncio
import re
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Final, TypeAlias

import asyncpg

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:
    Connection = asyncpg.Connection
    Pool = asyncpg.Pool

QUERY_NAME: Final = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)
MIGRATION_NAME: Final = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")
MIGRATION_LOCK_KEY: Final = 0x50524F4B  # "PROK"; one key for all services, so that schemas are made one after the other
COMMAND_TIMEOUT_S: Final = 30.0
POOL_CLOSE_TIMEOUT_S: Final = 2.0
DATABASE_TROUBLE: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""Everything that a statement can fail with, for tasks that try again whatever it was.

InternalClientError belongs to it: asyncpg raises that for a statement on a connection that is just being cut.
"""


class MigrationError(Exception):
    """The database and this code disagree about the migrations; the message names the first one that differs."""


def load_queries(package: str, file: str) -> Mapping[str, str]:
    """The statements of `<package>/sql/<file>`, by name.

    A statement starts at its `-- name: what_it_does` line and ends at the next; the comment lines below the name
    say what it is for. Raises ValueError for a file without names or with a name used twice.
    """
    text = (resources.files(package) / "sql" / file).read_text(encoding="utf-8")
    parts = QUERY_NAME.split(text)
    names, bodies = parts[1::2], parts[2::2]
    if not names or len(set(names)) != len(names):
        raise ValueError(f"{package}/sql/{file}: every statement needs a name of its own")
    return {name: body.strip() for name, body in zip(names, bodies, strict=True)}


async def open_pool(database_url: str, *, service: str, connections_max: int, connections_min: int = 1) -> Pool:
    """A pool whose connections name the service, so that `pg_stat_activity` tells who does what."""
    return await asyncpg.create_pool(
        database_url,
        min_size=connections_min,
        max_size=connections_max,
        command_timeout=COMMAND_TIMEOUT_S,
        server_settings={"application_name": f"prokip-{service}", "timezone": "UTC"},
        reset=_leave_as_it_is,
    )


async def _leave_as_it_is(_connection: Connection) -> None:
    """Instead of the four statements by which asyncpg undoes, at each release, what a session has set or listens to.

    Nobody sets anything beyond a transaction here, and listeners have connections of their own. A transaction that
    was left open is rolled back all the same.
    """


async def close_pool(pool: Pool) -> None:
    """Ends a pool in bounded time: a server that hangs would otherwise keep the process from ending."""
    try:
        async with asyncio.timeout(POOL_CLOSE_TIMEOUT_S):
            await pool.close()
    except TimeoutError:
        pool.terminate()


async def database_problem(pool: Pool) -> str | None:
    """For readiness: None when Postgres answers; raises what asyncpg raises when it does not."""
    await pool.fetchval(load_queries("prokip_shared", "migrations.sql")["ping"])
    return None


async def migrate(
    database_url: str, *, schema: str, package: str, migrations: str = "sql/migrations", ledger: str | None = None
) -> list[str]:
    """Brings one schema up to date and returns the names of the migrations that it applied.

    Each file runs in its own transaction under one advisory lock, so any number of replicas may start at once, and
    finds the schema's name in the setting `prokip.schema`. `ledger` is the name under which they are recorded, for a
    second set of migrations in one schema; without it that is the schema's name.
    Raises MigrationError if the database holds a migration that this code does not have (newer code ran here).
    """
    folder = resources.files(package).joinpath(*migrations.split("/"))
    files = sorted((f for f in folder.iterdir() if MIGRATION_NAME.match(f.name)), key=lambda f: f.name)
    queries = load_queries("prokip_shared", "migrations.sql")
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(queries["lock_migrations"], MIGRATION_LOCK_KEY)
        await connection.execute(queries["create_migration_table"])
        rows = await connection.fetch(queries["applied_migrations"], ledger or schema)
        return await _apply(connection, schema, ledger or schema, files, {str(row["name"]) for row in rows})
    finally:
        await connection.close()


async def _apply(
    connection: "asyncpg.Connection[asyncpg.Record]",
    schema: str,
    ledger: str,
    files: list[Traversable],
    applied: set[str],
) -> list[str]:
    unknown = applied - {file.name for file in files}
    if unknown:
        raise MigrationError(f"schema {ledger} has migration {min(unknown)}, which this version does not know")
    queries = load_queries("prokip_shared", "migrations.sql")
    done = []
    for file in files:
        if file.name in applied:
            continue
        async with connection.transaction():
            await connection.execute(queries["name_schema"], schema)
            await connection.execute(file.read_text(encoding="utf-8"))
            await connection.execute(queries["record_migration"], ledger, file.name)
        done.append(file.name)
    return done

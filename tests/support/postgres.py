"""A fresh database for each test, on one embedded server for the session (or on TEST_DATABASE_URL).

Databases are copied from one that was migrated once: bringing five schemas up to date takes longer than most tests.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

from prokip_onebox.postgres import SETTINGS, embedded_postgres
from prokip_shared.runtime import migrate_service
from tests.support.house import SERVICE_MODULES, definition
from tests.support.scratch import scratch_folder

UNSAFE: Final = "fsync = off\nfull_page_writes = off\nmax_wal_size = 128MB\n"
"""No test cuts the machine's power, and what a server wrote survives its own death without them. The log stays small."""

FILE_COPY_SINCE: Final = 15
"""https://www.postgresql.org/docs/15/sql-createdatabase.html: the first version that can be told how to copy."""


@dataclass(frozen=True, slots=True)
class Address:
    database_url: str
    broker_url: str = "postgres"


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given
        return
    with (
        scratch_folder("prokip-postgres-") as folder,
        embedded_postgres(folder / "data", SETTINGS + UNSAFE) as url,
    ):
        yield url


@pytest.fixture(scope="session")
def migrated_database(postgres_url: str) -> Iterator[str]:
    """The name of a database with every service's tables in it; nobody else connects to it, so it can be copied."""
    name = f"test_template_{uuid4().hex}"
    asyncio.run(_run_admin(postgres_url, f'CREATE DATABASE "{name}"'))
    try:
        asyncio.run(_migrate_all(database_of(postgres_url, name)))
        yield name
    finally:
        asyncio.run(_run_admin(postgres_url, f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture
async def database_url(postgres_url: str, migrated_database: str) -> AsyncIterator[str]:
    """With the tables of every service, and no row in them."""
    async with _database(postgres_url, f' TEMPLATE "{migrated_database}"', by_files=True) as url:
        yield url


@pytest.fixture(scope="module")
def module_database_url(postgres_url: str, migrated_database: str) -> Iterator[str]:
    """One for the tests of a module, who only read what they filled it with."""
    name = f"test_{uuid4().hex}"
    asyncio.run(_run_admin(postgres_url, f'CREATE DATABASE "{name}" TEMPLATE "{migrated_database}"'))
    try:
        yield database_of(postgres_url, name)
    finally:
        asyncio.run(_run_admin(postgres_url, f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture
async def empty_database_url(postgres_url: str) -> AsyncIterator[str]:
    """For what must work before anything was migrated."""
    async with _database(postgres_url) as url:
        yield url


@asynccontextmanager
async def _database(postgres_url: str, options: str = "", *, by_files: bool = False) -> AsyncIterator[str]:
    """`by_files`: copied without the log, which is quicker where files are in memory; older servers know nothing else."""
    name = f"test_{uuid4().hex}"
    admin = await asyncpg.connect(postgres_url)
    strategy = " STRATEGY FILE_COPY" if by_files and admin.get_server_version().major >= FILE_COPY_SINCE else ""
    await admin.execute(f'CREATE DATABASE "{name}"{options}{strategy}')
    try:
        yield database_of(postgres_url, name)
    finally:
        await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        await admin.close()


def database_of(postgres_url: str, name: str) -> str:
    return urlunsplit(urlsplit(postgres_url)._replace(path=f"/{name}"))


async def fetch_value(database_url: str, query: str, *arguments: Any) -> Any:
    """One value, over a connection of its own."""
    database = await asyncpg.connect(database_url)
    try:
        return await database.fetchval(query, *arguments)
    finally:
        await database.close()


async def _migrate_all(database_url: str) -> None:
    for module in SERVICE_MODULES:
        await migrate_service(definition(module), Address(database_url))


async def _run_admin(postgres_url: str, statement: str) -> None:
    admin = await asyncpg.connect(postgres_url)
    try:
        await admin.execute(statement)
    finally:
        await admin.close()

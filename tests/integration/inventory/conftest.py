from collections.abc import AsyncIterator

import asyncpg
import pytest

from inventory.app import SERVICE
from prokip_shared.database import Pool, migrate


@pytest.fixture
async def ledger_url(database_url: str) -> str:
    """A database with the ledger's tables and nothing in them."""
    await migrate(database_url, schema=SERVICE.schema, package=SERVICE.package)
    return database_url


@pytest.fixture
async def pool(ledger_url: str) -> AsyncIterator[Pool]:
    async with asyncpg.create_pool(ledger_url, min_size=1, max_size=8) as pool:
        yield pool

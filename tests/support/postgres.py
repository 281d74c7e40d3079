"""A fresh database for each test, on one embedded server for the session (or on TEST_DATABASE_URL)."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

from prokip_onebox.postgres import embedded_postgres


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given
        return
    with TemporaryDirectory(prefix="prokip-postgres-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the server runs as its own user when the tests run as root
        with embedded_postgres(folder / "data") as url:
            yield url


@pytest.fixture
async def database_url(postgres_url: str) -> AsyncIterator[str]:
    """An empty database; services migrate it when they start."""
    name = f"test_{uuid4().hex}"
    admin = await asyncpg.connect(postgres_url)
    await admin.execute(f'CREATE DATABASE "{name}"')
    try:
        parts = urlsplit(postgres_url)
        yield urlunsplit(parts._replace(path=f"/{name}"))
    finally:
        await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        await admin.close()

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, DummyCookieJar

from tests.integration.gateway.client import Gateway, open_gateway
from tests.support.settings import JWT_SECRET, service_environ


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    async with ClientSession(cookie_jar=DummyCookieJar()) as session:
        yield session


@pytest.fixture
def environ(database_url: str) -> dict[str, str]:
    """A test changes it before it opens the gateway."""
    return service_environ(
        database_url,
        JWT_SECRET=JWT_SECRET,
        BCRYPT_ROUNDS="4",
        PUBLIC_WEBHOOK_URL="http://127.0.0.1:9",
        UPSTREAM_TIMEOUT_S="2",
    )


@pytest.fixture
async def gateway(environ: dict[str, str], http: ClientSession) -> AsyncIterator[Gateway]:
    async with open_gateway(environ, http) as opened:
        yield opened

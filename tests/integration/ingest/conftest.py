from collections.abc import AsyncIterator

import pytest

from tests.integration.ingest.world import Listener, World, ingest_world, listening


@pytest.fixture
async def listener(broker_url: str, database_url: str) -> AsyncIterator[Listener]:
    async with listening(broker_url, database_url) as found:
        yield found


@pytest.fixture
async def world(listener: Listener, broker_url: str, database_url: str) -> AsyncIterator[World]:
    async with ingest_world(database_url, broker_url, BODY_BYTES_MAX="20000", UNKNOWN_STORE_PAUSE_S="0.05") as opened:
        yield opened

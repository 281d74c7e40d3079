from collections.abc import AsyncIterator

import pytest

from prokip_sandbox.prokip import ProkipServer
from tests.integration.poller.world import PollerWorld, goods, open_world


@pytest.fixture
async def prokip() -> AsyncIterator[ProkipServer]:
    """A Prokip with 100 each of A, B and C."""
    server = ProkipServer()
    server.seed_goods(goods(100, "A", "B", "C"))
    async with server.serve():
        yield server


@pytest.fixture
async def world(database_url: str, prokip: ProkipServer) -> AsyncIterator[PollerWorld]:
    async with open_world(database_url, prokip) as world:
        yield world

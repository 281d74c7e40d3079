"""What a bus needs of a service, for tests and benchmarks that have none around it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from aiohttp import web

from prokip_shared.runtime import ServiceContext


class BusAt:
    def __init__(self, database_url: str, broker_url: str) -> None:
        self.database_url = database_url
        self.broker_url = broker_url


@asynccontextmanager
async def bench_context(name: str) -> AsyncIterator[ServiceContext]:
    """What a bus needs of a service, without one around it."""
    async with AsyncExitStack() as stack:
        context = ServiceContext(name, web.Application(), stack)
        try:
            yield context
        finally:
            await context.drain()
            await context.end_side_tasks()

"""The rest of the house, as far as the gateway meets it on the bus."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aiohttp import web

from prokip_shared.bus import Bus, Subscription, open_bus
from prokip_shared.database import Connection, open_pool
from prokip_shared.messages import ConnectionChangedV1, Message, SyncRequestedV1
from prokip_shared.runtime import ServiceContext
from tests.support.eventually import eventually

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class BusSettings:
    broker_url: str
    database_url: str


@dataclass(slots=True)
class Neighbours:
    bus: Bus
    heard: list[Message] = field(default_factory=list)

    async def say(self, *messages: Message) -> None:
        await self.bus.publisher.publish(messages)

    async def hear(self, kind: type[M], number: int = 1) -> list[M]:
        """Waits until so many messages of one kind have come."""

        async def come() -> list[M]:
            found = [message for message in self.heard if isinstance(message, kind)]
            return found if len(found) >= number else []

        return await eventually(come, what=f"{number} {kind.__name__}")


@asynccontextmanager
async def open_neighbours(database_url: str) -> AsyncIterator[Neighbours]:
    async with AsyncExitStack() as stack:
        context = ServiceContext("neighbours", web.Application(), stack)
        pool = await stack.enter_async_context(await open_pool(database_url, service="neighbours", connections_max=4))
        neighbours = Neighbours(await open_bus(context, BusSettings("postgres", database_url), pool, "neighbours"))

        async def note(_connection: Connection, messages: Sequence[Any]) -> Sequence[Message]:
            neighbours.heard.extend(messages)
            return ()

        neighbours.bus.consume(Subscription("neighbours", ConnectionChangedV1), note)
        neighbours.bus.consume(Subscription("neighbours", SyncRequestedV1), note)

        async def ready() -> bool:
            return not await context.problems()

        await eventually(ready, what="neighbours ready")
        try:
            yield neighbours
        finally:
            await context.drain()
            await context.end_side_tasks()

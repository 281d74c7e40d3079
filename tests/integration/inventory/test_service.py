"""The whole service on either bus: from a message to the messages that follow from it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest
from aiohttp import ClientSession

from prokip_shared.bus import Bus, Subscription, open_bus
from prokip_shared.database import Connection, Pool, open_pool
from prokip_shared.messages import (
    Message,
    OrderObservedV1,
    ProkipObservedV1,
    SaleDueV1,
    StockChangedV1,
    StockOversoldV1,
)
from prokip_shared.security.tokens import InternalTokens
from tests.integration.inventory.books import unbalanced_skus
from tests.support.bus_host import BusAt, bench_context
from tests.support.eventually import eventually
from tests.support.house import open_service
from tests.support.settings import INTERNAL_SECRET, service_environ
from tests.unit.inventory.world import BUSINESS, line, reading, seen


class Neighbours:
    """What the other services hear, and their way to speak."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.heard: list[Message] = []
        for message in (StockChangedV1, SaleDueV1, StockOversoldV1):
            bus.consume(Subscription("push", message), self._hear)

    async def _hear(self, _connection: Connection, batch: Sequence[Message]) -> Sequence[Message]:
        self.heard.extend(batch)
        return ()

    async def say(self, *messages: Message) -> None:
        await self._bus.publisher.publish(messages)

    def available(self, sku: str) -> Decimal | None:
        """By the newest word about the SKU."""
        items = [item for m in self.heard if isinstance(m, StockChangedV1) for item in m.items if item.sku == sku]
        return max(items, key=lambda item: item.revision).available if items else None

    async def hear_available(self, sku: str, quantity: int) -> None:
        async def so() -> bool:
            return self.available(sku) == quantity

        await eventually(so, what=f"{quantity} of {sku}")


@pytest.fixture
async def neighbours(ledger_url: str, broker_url: str) -> AsyncIterator[Neighbours]:
    async with open_neighbours(ledger_url, broker_url) as neighbours, running_ledger(ledger_url, broker_url):
        yield neighbours


@asynccontextmanager
async def open_neighbours(ledger_url: str, broker_url: str) -> AsyncIterator[Neighbours]:
    async with bench_context("neighbours") as context:
        pool = await context.stack.enter_async_context(
            await open_pool(ledger_url, service="neighbours", connections_max=4)
        )
        bus = await open_bus(context, BusAt(ledger_url, broker_url), pool, schema="neighbours")

        async def connected() -> bool:
            return not await context.problems()

        await eventually(connected, what="the neighbours are connected")
        yield Neighbours(bus)


@asynccontextmanager
async def running_ledger(ledger_url: str, broker_url: str) -> AsyncIterator[str]:
    """The service, ready: its queues are there."""
    async with (
        open_service("inventory", service_environ(ledger_url, broker_url)) as service,
        ClientSession() as session,
    ):

        async def ready() -> bool:
            async with session.get(f"{service.url}/health/ready") as response:
                return response.status == 200

        await eventually(ready, what="inventory ready")
        yield service.url


async def test_a_sale_travels_from_its_message_to_the_messages_about_it(neighbours: Neighbours) -> None:
    await neighbours.say(reading(1, {"A": 100}))
    await neighbours.hear_available("A", 100)
    order = seen("1", 1, line("l", "A", 2))
    await neighbours.say(order)
    await neighbours.hear_available("A", 98)

    async def due() -> list[SaleDueV1]:
        return [message for message in neighbours.heard if isinstance(message, SaleDueV1)]

    (sale,) = await eventually(due)
    assert sale.correlation_id == order.correlation_id
    (item,) = [i for m in neighbours.heard if isinstance(m, StockChangedV1) for i in m.items if i.available == 98]
    assert (item.revision, item.correlation_id) == (sale.lines[0].stock_revision, order.correlation_id)
    assert item.taken == {1: Decimal(2)}


async def test_a_flood_in_any_order_and_twice_ends_with_the_books_in_balance(
    pool: Pool, neighbours: Neighbours
) -> None:
    await neighbours.say(reading(1, {"A": 1000, "B": 1000}))
    await neighbours.hear_available("B", 1000)
    history = [
        seen(str(order), version, line("l", "A", version), line("m", "B", 1))
        for version in (3, 1, 2, 3, 1)
        for order in range(60)
    ]
    for start in range(0, len(history), 40):
        await neighbours.say(*history[start : start + 40])
    await neighbours.hear_available("A", 1000 - 3 * 60)
    await neighbours.hear_available("B", 1000 - 60)
    assert await unbalanced_skus(pool) == []


async def test_a_poison_order_is_parked_and_its_neighbours_are_applied(
    ledger_url: str, broker_url: str, pool: Pool
) -> None:
    async with (
        open_neighbours(ledger_url, broker_url) as neighbours,
        running_ledger(ledger_url, broker_url) as url,
        ClientSession() as session,
    ):
        await neighbours.say(reading(1, {"A": 100}))
        await neighbours.hear_available("A", 100)
        await neighbours.say(
            seen("1", 1, line("l", "A", 1)), seen("2", 1, line("l", "A", "1e15")), seen("3", 1, line("l", "A", 1))
        )
        await neighbours.hear_available("A", 98)
        headers = {"Authorization": f"Bearer {InternalTokens(INTERNAL_SECRET).mint(BUSINESS)}"}

        async def parked() -> list[dict[str, str]]:
            async with session.get(f"{url}/internal/parked", headers=headers) as response:
                found: list[dict[str, str]] = (await response.json())["parked"]
                return found

        (row,) = await eventually(parked)
        assert "beyond" in row["reason"]
    assert await unbalanced_skus(pool) == []


async def test_two_replicas_share_the_work(ledger_url: str, broker_url: str, pool: Pool) -> None:
    async with (
        open_neighbours(ledger_url, broker_url) as neighbours,
        running_ledger(ledger_url, broker_url),
        running_ledger(ledger_url, broker_url),
    ):
        await neighbours.say(reading(1, {"A": 1000}))
        await neighbours.hear_available("A", 1000)
        for number in range(60):
            order = seen(str(number), 1, line("l", "A", 1))
            await neighbours.say(order, order)
            await neighbours.say(order)
        await neighbours.hear_available("A", 940)
    assert await unbalanced_skus(pool) == []


async def test_what_is_said_while_the_service_is_away_is_applied_when_it_is_back(
    ledger_url: str, broker_url: str, pool: Pool
) -> None:
    async with open_neighbours(ledger_url, broker_url) as neighbours:
        async with running_ledger(ledger_url, broker_url):
            await neighbours.say(reading(1, {"A": 10}))
            await neighbours.hear_available("A", 10)
        messages: tuple[OrderObservedV1 | ProkipObservedV1, ...] = (
            seen("1", 1, line("l", "A", 3)),
            reading(2, {"A": 20}),
        )
        await neighbours.say(*messages)
        async with running_ledger(ledger_url, broker_url):
            await neighbours.hear_available("A", 17)
    assert await unbalanced_skus(pool) == []

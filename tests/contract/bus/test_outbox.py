"""Conformance of every adapter: what is said through the outbox and in groups."""

import asyncio
from collections.abc import Sequence

import pytest

from prokip_shared.bus import BusUnavailable, Subscription, Unroutable
from prokip_shared.database import Connection
from prokip_shared.messages import DriftFoundV1, Message, StockOversoldV1
from tests.contract.bus.harness import (
    DRIFT,
    Member,
    Recorder,
    all_applied,
    applied,
    drift,
    drifts,
    make_applied_table,
    member,
    oversold,
)
from tests.support.eventually import eventually


async def outbox_is_empty(one: Member) -> bool:
    return await one.count("outbox") == 0


async def test_what_a_handler_says_goes_out_after_its_commit(database_url: str, broker_url: str) -> None:
    async def oversell(_connection: Connection, batch: Sequence[DriftFoundV1]) -> Sequence[Message]:
        return [oversold(message.sku) for message in batch]

    async with member(database_url, broker_url) as one, member(database_url, broker_url, "gateway") as other:
        heard: list[str] = []

        async def hear(_connection: Connection, batch: Sequence[StockOversoldV1]) -> Sequence[Message]:
            heard.extend(message.sku for message in batch)
            return ()

        one.bus.consume(DRIFT, oversell)
        other.bus.consume(Subscription("gateway", StockOversoldV1), hear)
        await one.ready()
        await other.ready()
        await one.bus.publisher.publish(drifts(50))

        async def all_heard() -> bool:
            return len(heard) >= 50

        await eventually(all_heard)
        await eventually(lambda: outbox_is_empty(one))
        assert sorted(heard) == sorted(message.sku for message in drifts(50))


async def test_a_transaction_that_fails_says_nothing(database_url: str, broker_url: str) -> None:
    async with member(database_url, broker_url) as one:
        await make_applied_table(one.pool)
        one.bus.consume(DRIFT, Recorder())
        await one.ready()

        async def change_ones_mind() -> None:
            async with one.bus.outbox.transaction() as transaction:
                transaction.say(drift(1))
                raise RuntimeError("changed my mind")

        with pytest.raises(RuntimeError, match="changed my mind"):
            await change_ones_mind()
        assert await one.count("outbox") == 0
        async with one.bus.outbox.transaction() as transaction:
            transaction.say(drift(2), drift(3))
        await all_applied(one.pool, [drift(2), drift(3)])


async def test_the_relay_sends_what_the_fast_path_never_got(database_url: str, broker_url: str) -> None:
    async with member(database_url, broker_url) as one:
        await make_applied_table(one.pool)
        one.bus.consume(DRIFT, Recorder())
        await one.ready()
        async with one.pool.acquire() as connection, connection.transaction():
            await one.bus.outbox.write(connection, drifts(5))
        await all_applied(one.pool, drifts(5))
        await eventually(lambda: outbox_is_empty(one))


async def test_what_nobody_takes_yet_waits_and_does_not_stand_in_the_way(database_url: str, broker_url: str) -> None:
    async with member(database_url, broker_url) as one:
        await make_applied_table(one.pool)
        one.bus.consume(DRIFT, Recorder())
        await one.ready()
        async with one.bus.outbox.transaction() as transaction:
            transaction.say(oversold(), drift(1))
        await all_applied(one.pool, [drift(1)])

        async def only_the_unheard_waits() -> bool:
            return await one.count("outbox") == 1

        await eventually(only_the_unheard_waits)
        heard = asyncio.Event()

        async def hear(_connection: Connection, _batch: Sequence[StockOversoldV1]) -> Sequence[Message]:
            heard.set()
            return ()

        one.bus.consume(Subscription("inventory", StockOversoldV1), hear)
        await asyncio.wait_for(heard.wait(), 30)
        await eventually(lambda: outbox_is_empty(one))


async def test_publishes_that_arrive_together_share_bundles(database_url: str, broker_url: str) -> None:
    async with member(database_url, broker_url) as one:
        await make_applied_table(one.pool)
        one.bus.consume(DRIFT, Recorder())
        await one.ready()
        group = one.bus.group_publisher()
        await asyncio.gather(*(group.publish_one(message) for message in drifts(1000)))
        await all_applied(one.pool, drifts(1000))
        assert await one.count("inbox") <= 10


async def test_a_group_that_no_queue_takes_fails_for_each_of_its_callers(database_url: str, broker_url: str) -> None:
    async with member(database_url, broker_url) as one:
        await one.ready()
        group = one.bus.group_publisher()
        outcomes = await asyncio.gather(*(group.publish_one(drift(n)) for n in range(5)), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [Unroutable] * 5


async def test_a_caller_that_goes_away_does_not_take_its_group_with_it(database_url: str, broker_url: str) -> None:
    async with member(database_url, broker_url) as one:
        await make_applied_table(one.pool)
        one.bus.consume(DRIFT, Recorder())
        await one.ready()
        group = one.bus.group_publisher()
        tasks = [asyncio.create_task(group.publish_one(message)) for message in drifts(10)]
        await asyncio.sleep(0)  # they have joined the group; nothing has been sent
        tasks[3].cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(outcomes.pop(3), asyncio.CancelledError)
        assert outcomes == [None] * 9
        await eventually(lambda: are_applied(one, 10))


async def are_applied(one: Member, count: int) -> bool:
    return len(await applied(one.pool)) == count


async def test_a_full_group_publisher_refuses_at_once(database_url: str, broker_url: str) -> None:
    async with member(database_url, broker_url) as one:
        await make_applied_table(one.pool)
        one.bus.consume(DRIFT, Recorder())
        await one.ready()
        group = one.bus.group_publisher(waiting_messages_max=3)
        outcomes = await asyncio.gather(*(group.publish_one(drift(n)) for n in range(5)), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [type(None)] * 3 + [BusUnavailable] * 2
        await all_applied(one.pool, drifts(3))

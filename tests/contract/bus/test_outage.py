"""Conformance of every adapter: the server goes away and comes back."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import asyncpg
import pytest

from prokip_shared.bus import BusUnavailable, Unroutable
from prokip_shared.bus.failures import Verdict, verdict_of
from tests.contract.bus.harness import (
    DRIFT,
    FAST,
    Member,
    Recorder,
    all_applied,
    applied,
    drift,
    drifts,
    make_applied_table,
    member,
)
from tests.support.eventually import eventually
from tests.support.rabbitmq import RabbitNode

Outage = Callable[[], Coroutine[Any, Any, None]]


@pytest.fixture
def outage(request: pytest.FixtureRequest, broker_url: str, database_url: str) -> Outage:
    """Takes the broker away from under every connection and, for RabbitMQ, starts it again."""
    if broker_url == "postgres":
        return lambda: cut_database_connections(database_url)
    node: RabbitNode = request.getfixturevalue("rabbit_node")

    async def restart() -> None:
        await node.settle()
        await asyncio.to_thread(node.kill)
        await asyncio.to_thread(node.start)

    return restart


async def cut_database_connections(database_url: str) -> None:
    admin = await asyncpg.connect(database_url)
    try:
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    finally:
        await admin.close()


async def publish_until_it_works(one: Member, number: int) -> None:
    async def published() -> bool:
        try:
            await one.bus.publisher.publish([drift(number)])
        except BusUnavailable:
            return False
        return True

    await eventually(published)


async def test_after_the_server_went_away_and_came_back_everything_goes_on_by_itself(
    database_url: str, broker_url: str, outage: Outage
) -> None:
    async with member(database_url, broker_url) as one:
        await make_applied_table(one.pool)
        recorder = Recorder()
        one.bus.consume(DRIFT, recorder)
        await one.ready()
        await one.bus.publisher.publish(drifts(5))
        await eventually(lambda: recorder.has(5))
        await outage()
        await one.ready()
        await publish_until_it_works(one, 5)
        await eventually(lambda: recorder.has(6))
        assert set(recorder.skus) == {f"sku-{number}" for number in range(6)}


async def test_what_is_said_during_the_outage_arrives_after_it(
    database_url: str, broker_url: str, outage: Outage
) -> None:
    async with member(database_url, broker_url) as one:
        await make_applied_table(one.pool)
        one.bus.consume(DRIFT, Recorder())
        await one.ready()
        going = asyncio.create_task(outage())
        for number in range(20):
            await say_through_outbox(one, number)
        await going
        # A commit whose answer was cut off may have happened, and was then said twice: at least once is the promise.
        await eventually(lambda: all_arrived(one, 20), timeout_s=40)
        await eventually(lambda: outbox_is_empty(one))


async def all_arrived(one: Member, count: int) -> bool:
    return set(await applied(one.pool)) == {message.sku for message in drifts(count)}


async def say_through_outbox(one: Member, number: int) -> None:
    async def committed() -> bool:
        try:
            async with one.bus.outbox.transaction() as transaction:
                transaction.say(drift(number))
        except Exception as error:
            if verdict_of(error) is not Verdict.HOLD:
                raise
            return False  # the transaction was cut
        return True

    await eventually(committed)


async def outbox_is_empty(one: Member) -> bool:
    return await one.count("outbox") == 0


async def test_confirmed_messages_survive_a_kill_of_the_broker(
    database_url: str, amqp_url: str, rabbit_node: RabbitNode
) -> None:
    async with member(database_url, amqp_url) as early:
        await make_applied_table(early.pool)
        early.bus.consume(DRIFT, Recorder())
        await early.ready()
    async with member(database_url, amqp_url) as one:
        await one.ready()
        await one.bus.publisher.publish(drifts(50))
        await rabbit_node.settle()
        await asyncio.to_thread(rabbit_node.kill)
        with pytest.raises(BusUnavailable):
            await one.bus.publisher.publish([drift(99)])
        await eventually(lambda: is_not_ready(one))
        await asyncio.to_thread(rabbit_node.start)
        one.bus.consume(DRIFT, Recorder())
        await all_applied(one.pool, drifts(50), timeout_s=30)


async def is_not_ready(one: Member) -> bool:
    return await one.problem() is not None


async def test_a_frozen_broker_makes_one_publisher_wait_and_the_others_fail_at_once(
    database_url: str, amqp_url: str, rabbit_node: RabbitNode
) -> None:
    async with member(database_url, amqp_url) as one:
        await make_applied_table(one.pool)
        one.bus.consume(DRIFT, Recorder())
        await one.ready()
        rabbit_node.freeze()
        try:
            with pytest.raises(BusUnavailable):
                await one.bus.publisher.publish([drift(1)])
            async with asyncio.timeout(FAST.publish_timeout_s):  # not one of them waits until its time is over
                for _ in range(10):
                    with pytest.raises(BusUnavailable):
                        await one.bus.publisher.publish([drift(1)])
        finally:
            rabbit_node.thaw()
        await one.ready()
        await publish_until_it_works(one, 1)


async def test_a_deleted_queue_is_declared_and_consumed_again(
    database_url: str, amqp_url: str, rabbit_node: RabbitNode
) -> None:
    async with member(database_url, amqp_url) as one:
        await make_applied_table(one.pool)
        one.bus.consume(DRIFT, Recorder())
        await one.ready()
        host = amqp_url.rpartition("/")[2]
        await asyncio.to_thread(rabbit_node.control, "delete_queue", DRIFT.queue, "-p", host)

        await eventually(lambda: went_through(one))


async def went_through(one: Member) -> bool:
    try:
        await one.bus.publisher.publish([drift(1)])
    except (BusUnavailable, Unroutable):
        return False  # the queue is not back yet
    return "sku-1" in await applied(one.pool)

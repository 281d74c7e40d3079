"""What is the RabbitMQ adapter's own."""

import asyncio

import aio_pika

from prokip_shared.bus import BusUnavailable
from prokip_shared.bus.rabbitmq import DEAD_SUFFIX, EVENTS_EXCHANGE, queue_arguments
from tests.contract.bus.harness import (
    DRIFT,
    FAST,
    Recorder,
    all_applied,
    applied,
    drift,
    make_applied_table,
    member,
    single,
)
from tests.support.eventually import eventually
from tests.support.rabbitmq import RabbitNode


async def test_a_message_from_another_hand_is_taken_or_parked_but_stops_nothing(
    database_url: str, amqp_url: str
) -> None:
    async with member(database_url, amqp_url) as one:
        await make_applied_table(one.pool)
        one.bus.consume(DRIFT, Recorder())
        await one.ready()
        connection = await aio_pika.connect(amqp_url)
        async with connection, connection.channel() as channel:
            events = await channel.get_exchange(EVENTS_EXCHANGE)
            good = b"[" + drift(1).model_dump_json().encode() + b"]"
            await events.publish(aio_pika.Message(good, message_id="no uuid"), DRIFT.topic)
            await events.publish(aio_pika.Message(good, message_id="no uuid", headers={"count": "x"}), DRIFT.topic)
            await events.publish(aio_pika.Message(b"hello"), DRIFT.topic)

        async def taken() -> bool:
            return await applied(one.pool) == ["sku-1"] and len(await one.parked(0)) == 1

        await eventually(taken)


async def test_a_connection_that_an_operator_closes_is_made_again(
    database_url: str, amqp_url: str, rabbit_node: RabbitNode
) -> None:
    async with member(database_url, amqp_url) as one:
        await make_applied_table(one.pool)
        one.bus.consume(DRIFT, Recorder())
        await one.ready()
        await asyncio.to_thread(rabbit_node.control, "close_all_connections", "-p", amqp_url.rpartition("/")[2], "test")
        await one.ready()

        async def published() -> bool:
            try:
                await one.bus.publisher.publish([drift(1)])
            except BusUnavailable:
                return False  # until the publishing link is back too
            return True

        await eventually(published)
        await all_applied(one.pool, [drift(1)])


async def test_a_queue_that_is_full_refuses_and_keeps_what_it_has(database_url: str, amqp_url: str) -> None:
    connection = await aio_pika.connect(amqp_url)
    async with connection, connection.channel() as channel:
        arguments = queue_arguments(DRIFT.queue, FAST) | {"x-max-length": 1}
        queue = await channel.declare_queue(DRIFT.queue, durable=True, arguments=arguments)
        events = await channel.declare_exchange(EVENTS_EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)
        await queue.bind(events, DRIFT.topic)
    async with member(database_url, amqp_url) as one:
        await one.ready()

        async def refused() -> bool:
            report = await one.send(single(drift(1)))
            return report.problem == "refused by the broker: the queue is full"

        await eventually(refused)


async def test_a_queue_declared_otherwise_keeps_the_service_unready_and_says_why(
    database_url: str, amqp_url: str
) -> None:
    connection = await aio_pika.connect(amqp_url)
    async with connection, connection.channel() as channel:
        await channel.declare_queue(DRIFT.queue, durable=True)
    async with member(database_url, amqp_url) as one:
        one.bus.consume(DRIFT, Recorder())

        async def says_why() -> bool:
            return "PRECONDITION_FAILED" in (await one.problem() or "")

        await eventually(says_why)


async def test_every_queue_has_a_dead_letter_queue_of_its_own(database_url: str, amqp_url: str) -> None:
    async with member(database_url, amqp_url) as one:
        await make_applied_table(one.pool)
        one.bus.consume(DRIFT, Recorder())
        await one.ready()
        connection = await aio_pika.connect(amqp_url)
        async with connection, connection.channel() as channel:
            dead = await channel.get_queue(DRIFT.queue + DEAD_SUFFIX)
            assert dead.declaration_result.consumer_count == 1

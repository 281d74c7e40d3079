"""Conformance of every adapter: who gets what, how much of it, and what a publisher learns."""

import asyncio
from collections.abc import Sequence

import pytest

from prokip_shared.bus import Subscription, Unroutable
from prokip_shared.bus.topology import Binding
from prokip_shared.database import Connection
from prokip_shared.messages import DriftFoundV1, Message, StockOversoldV1
from tests.contract.bus.harness import (
    DRIFT,
    Member,
    Recorder,
    all_applied,
    drift,
    drifts,
    make_applied_table,
    member,
    oversold,
    single,
)
from tests.support.eventually import eventually


async def nothing(_connection: Connection, _batch: Sequence[Message]) -> Sequence[Message]:
    return ()


async def test_every_subscribed_service_gets_its_own_copy(database_url: str, broker_url: str) -> None:
    async with member(database_url, broker_url) as one, member(database_url, broker_url, "gateway") as other:
        await make_applied_table(one.pool)
        seen_by_one, seen_by_other = Recorder(), Recorder()
        one.bus.consume(DRIFT, seen_by_one)
        other.bus.consume(Subscription("gateway", DriftFoundV1), seen_by_other)
        await one.ready()
        await other.ready()
        await one.bus.publisher.publish(drifts(3))
        await eventually(lambda: seen_by_one.has(3))
        await eventually(lambda: seen_by_other.has(3))
        assert seen_by_one.skus == seen_by_other.skus == ["sku-0", "sku-1", "sku-2"]


async def test_a_queue_takes_only_the_type_it_is_bound_to(database_url: str, broker_url: str) -> None:
    async with member(database_url, broker_url) as one:
        await make_applied_table(one.pool)
        recorder = Recorder()
        one.bus.consume(DRIFT, recorder)
        one.bus.consume(Subscription("inventory", StockOversoldV1), nothing)
        await one.ready()
        await one.bus.publisher.publish([oversold(), drift(1), oversold()])
        await eventually(lambda: recorder.has(1))
        await one.drain()
        assert recorder.skus == ["sku-1"]
        assert await one.parked() == []


async def test_competing_consumers_share_a_queue_without_sharing_a_message(database_url: str, broker_url: str) -> None:
    """Both hold a message at the same moment, so neither can have all."""
    subscription = Subscription("inventory", DriftFoundV1, batch_messages_max=1, prefetch_bundles=1)
    both_hold = asyncio.Barrier(2)
    met: set[str] = set()

    def handler_of(name: str) -> Recorder:
        async def meet_once() -> None:
            if name not in met:
                met.add(name)
                await both_hold.wait()

        return Recorder(before=meet_once)

    async with member(database_url, broker_url) as one, member(database_url, broker_url) as other:
        await make_applied_table(one.pool)
        of_one, of_other = handler_of("one"), handler_of("other")
        one.bus.consume(subscription, of_one)
        other.bus.consume(subscription, of_other)
        await one.ready()
        await other.ready()
        messages = drifts(30)
        await one.send(*(single(message) for message in messages))
        await all_applied(one.pool, messages)
        assert of_one.skus
        assert of_other.skus


async def test_what_waits_is_taken_in_batches_up_to_the_limit(database_url: str, broker_url: str) -> None:
    subscription = Subscription("inventory", DriftFoundV1, batch_messages_max=20)
    all_sent = asyncio.Event()

    async with member(database_url, broker_url) as one:
        await make_applied_table(one.pool)
        recorder = Recorder(before=all_sent.wait)
        one.bus.consume(subscription, recorder)
        await one.ready()
        messages = drifts(100)
        await one.send(*(single(message) for message in messages))
        all_sent.set()
        await all_applied(one.pool, messages)
        sizes = [len(batch) for batch in recorder.batches]
        assert max(sizes) <= 20
        assert len(sizes) < 50


async def test_a_bundle_above_the_batch_limit_is_one_batch(database_url: str, broker_url: str) -> None:
    subscription = Subscription("inventory", DriftFoundV1, batch_messages_max=5)
    async with member(database_url, broker_url) as one:
        await make_applied_table(one.pool)
        recorder = Recorder()
        one.bus.consume(subscription, recorder)
        await one.ready()
        await one.bus.publisher.publish(drifts(12))
        await eventually(lambda: recorder.has(12))
        assert [len(batch) for batch in recorder.batches] == [12]


async def test_one_consumer_holds_no_more_bundles_than_its_prefetch(database_url: str, broker_url: str) -> None:
    subscription = Subscription("inventory", DriftFoundV1, batch_messages_max=1, prefetch_bundles=2)
    release = asyncio.Event()

    async with member(database_url, broker_url) as slow, member(database_url, broker_url) as quick:
        await make_applied_table(slow.pool)
        stuck, recorder = Recorder(before=release.wait), Recorder()
        slow.bus.consume(subscription, stuck)
        await slow.ready()
        await slow.send(*(single(message) for message in drifts(6)))
        quick.bus.consume(subscription, recorder)
        await eventually(lambda: recorder.has(4), what="all but the prefetch of the slow one")
        release.set()
        await all_applied(slow.pool, drifts(6))


async def test_several_batches_run_at_a_time_where_the_subscription_says_so(database_url: str, broker_url: str) -> None:
    subscription = Subscription("inventory", DriftFoundV1, batch_messages_max=1, concurrency=3)
    together = asyncio.Barrier(3)

    async def meet(_connection: Connection, _batch: Sequence[DriftFoundV1]) -> Sequence[Message]:
        await together.wait()
        return ()

    async with member(database_url, broker_url) as one:
        one.bus.consume(subscription, meet)
        await one.ready()
        await one.send(*(single(message) for message in drifts(3)))

        async def all_seen() -> bool:
            return await one.count("inbox") == 3

        await eventually(all_seen)


async def test_a_message_that_no_queue_takes_is_refused(database_url: str, broker_url: str) -> None:
    async with member(database_url, broker_url) as one:
        await one.ready()
        with pytest.raises(Unroutable):
            await one.bus.publisher.publish([drift(1)])


async def test_of_several_bundles_only_the_unroutable_ones_are_reported(database_url: str, broker_url: str) -> None:
    async with member(database_url, broker_url) as one:
        await make_applied_table(one.pool)
        one.bus.consume(DRIFT, Recorder())
        await one.ready()
        unroutable, routable = single(oversold()), single(drift(1))
        report = await one.send(unroutable, routable)
        assert report.confirmed == {routable.bundle_id}
        assert report.unroutable == {unroutable.bundle_id}
        assert report.problem is None


async def test_a_bundle_that_comes_again_is_not_applied_again(database_url: str, broker_url: str) -> None:
    async with member(database_url, broker_url) as one:
        await make_applied_table(one.pool)
        one.bus.consume(DRIFT, Recorder())
        await one.ready()
        bundle = single(drift(1))
        await one.send(bundle)
        await one.send(bundle)
        await one.send(bundle, single(drift(2)))
        await all_applied(one.pool, [drift(1), drift(2)])


async def test_many_messages_survive_the_trip_unchanged(database_url: str, broker_url: str) -> None:
    async with member(database_url, broker_url) as one:
        received: list[DriftFoundV1] = []

        async def keep(_connection: Connection, batch: Sequence[DriftFoundV1]) -> Sequence[Message]:
            received.extend(batch)
            return ()

        one.bus.consume(DRIFT, keep)
        await one.ready()
        sent = [message.model_copy(update={"cause": "ü\n\"']," * 50}) for message in drifts(1200)]
        await one.bus.publisher.publish(sent)

        async def all_are_here() -> bool:
            return len(received) == len(sent)

        await eventually(all_are_here)
        assert sorted(received, key=lambda m: m.message_id) == sorted(sent, key=lambda m: m.message_id)


async def test_draining_ends_the_batch_in_hand_and_gives_back_the_rest(database_url: str, broker_url: str) -> None:
    subscription = Subscription("inventory", DriftFoundV1, batch_messages_max=1, prefetch_bundles=10)
    started, release = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        started.set()
        await release.wait()

    async with member(database_url, broker_url) as leaving, member(database_url, broker_url) as staying:
        await make_applied_table(leaving.pool)
        slow, recorder = Recorder(before=wait), Recorder()
        leaving.bus.consume(subscription, slow)
        await leaving.ready()
        await leaving.send(*(single(message) for message in drifts(5)))
        await started.wait()
        draining = asyncio.create_task(leaving.drain())
        staying.bus.consume(subscription, recorder)
        await eventually(lambda: recorder.has(4), what="the rest at the other member")
        assert not draining.done()
        release.set()
        await asyncio.wait_for(draining, 30)
        assert slow.skus == ["sku-0"]
        await all_applied(leaving.pool, drifts(5))


async def test_the_number_of_statements_does_not_depend_on_the_size_of_the_batch(
    database_url: str, broker_url: str
) -> None:
    statements: dict[int, list[str]] = {}

    async with member(database_url, broker_url) as one:

        async def say_one_each(connection: Connection, batch: Sequence[StockOversoldV1]) -> Sequence[Message]:
            issued = statements.setdefault(len(batch), [])
            connection.add_query_logger(lambda record: issued.append(record.query))
            return [drift(number) for number, _ in enumerate(batch)]

        one.bus.consume(Subscription("inventory", StockOversoldV1), say_one_each)
        await one.ready()
        await one.send(single(oversold()))
        await eventually(lambda: has_committed(one, 1))
        await one.bus.publisher.publish([oversold()] * 200)
        await eventually(lambda: has_committed(one, 2))
        # What follows in the same transaction, but for the driver's own look at new types.
        of_one, of_many = (
            [query for query in statements[messages] if "inventory." in query or query == "COMMIT;"][:2]
            for messages in (1, 200)
        )
        assert of_one == of_many
        assert "INSERT INTO inventory.outbox" in of_one[0]
        assert of_one[1] == "COMMIT;"


async def has_committed(one: Member, bundles: int) -> bool:
    return await one.count("inbox") == bundles


async def test_what_is_said_before_a_known_listener_has_ever_started_waits_for_it(
    database_url: str, broker_url: str
) -> None:
    """Another service hears the topic already, so the broker would not even say that a listener is missing."""
    late = Subscription("gateway", DriftFoundV1)
    known = (Binding(late.queue, late.topic),)
    async with member(database_url, broker_url, queues=known) as one:
        await make_applied_table(one.pool)
        one.bus.consume(DRIFT, nothing)
        await one.ready()
        await one.bus.publisher.publish(drifts(2))
        async with member(database_url, broker_url, "gateway") as other:
            recorder = Recorder()
            other.bus.consume(late, recorder)
            await eventually(lambda: recorder.has(2))
            assert recorder.skus == ["sku-0", "sku-1"]

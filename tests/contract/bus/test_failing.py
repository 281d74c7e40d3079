"""Conformance of every adapter: messages that fail, infrastructure that fails, and what is parked."""

from collections import Counter
from collections.abc import Sequence
from uuid import uuid4

import asyncpg
import pytest

from prokip_shared.bus import PermanentFailure, Subscription, TransientFailure, metrics
from prokip_shared.bus.bundles import encode
from prokip_shared.bus.consumer import RACES_AT_ONCE_MAX
from prokip_shared.bus.port import Bundle
from prokip_shared.database import Connection
from prokip_shared.messages import DriftFoundV1, Message
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
    note_applied,
)
from tests.support.eventually import eventually


class Failing:
    """Raises for a batch that holds one of the named SKUs, as often as told."""

    def __init__(self, error: Exception, skus: set[str], times: int = 1_000_000) -> None:
        self.error = error
        self.bad = skus
        self.times = times
        self.alone: Counter[str] = Counter()
        """How often each bad SKU was tried by itself."""

    async def __call__(self, connection: Connection, batch: Sequence[DriftFoundV1]) -> Sequence[Message]:
        await note_applied(connection, batch)
        for message in batch:
            if message.sku in self.bad and self.alone[message.sku] < self.times:
                self.alone[message.sku] += len(batch) == 1
                raise self.error
        return ()


async def test_a_permanent_failure_is_parked_at_once_and_its_neighbours_go_through(
    database_url: str, broker_url: str
) -> None:
    async with member(database_url, broker_url) as one:
        await make_applied_table(one.pool)
        failing = Failing(PermanentFailure("no such store"), {"sku-3", "sku-70"})
        one.bus.consume(DRIFT, failing)
        await one.ready()
        messages = drifts(100)
        await one.bus.publisher.publish(messages)
        await all_applied(one.pool, [message for message in messages if message.sku not in failing.bad])
        await eventually(lambda: parked_are(one, 2))
        rows = await one.parked()
        assert {DriftFoundV1.model_validate_json(row["body"]) for row in rows} == {messages[3], messages[70]}
        assert {row["reason"] for row in rows} == {"PermanentFailure: no such store"}
        assert {row["queue"] for row in rows} == {"inventory.drift.found.v1"}
        assert failing.alone == {"sku-3": 1, "sku-70": 1}


async def test_a_lost_race_is_run_again_at_once_and_only_a_long_row_of_them_is_held(
    database_url: str, broker_url: str
) -> None:
    async with member(database_url, broker_url) as one:
        await make_applied_table(one.pool)
        failing = Failing(asyncpg.SerializationError("another replica was first"), {"sku-0"}, times=RACES_AT_ONCE_MAX)
        one.bus.consume(DRIFT, failing)
        await one.ready()
        before = held_batches()
        await one.bus.publisher.publish([drift(0)])
        await all_applied(one.pool, [drift(0)])
        assert held_batches() == before
        failing.bad, failing.times = {"sku-1"}, RACES_AT_ONCE_MAX + 1
        await one.bus.publisher.publish([drift(1)])
        await all_applied(one.pool, drifts(2))
        assert held_batches() == before + 1


def held_batches() -> float:
    return sum(
        sample.value
        for metric in metrics.HELD.collect()
        for sample in metric.samples
        if sample.name.endswith("_total") and sample.labels["queue"] == DRIFT.queue
    )


async def parked_are(one: Member, count: int) -> bool:
    return len(await one.parked()) == count


@pytest.mark.parametrize("error", [TransientFailure("busy"), ValueError("unforeseen")])
async def test_a_transient_or_unknown_failure_comes_again_until_it_goes_through(
    database_url: str, broker_url: str, error: Exception
) -> None:
    async with member(database_url, broker_url) as one:
        await make_applied_table(one.pool)
        failing = Failing(error, {"sku-1"}, times=3)
        one.bus.consume(DRIFT, failing)
        await one.ready()
        await one.bus.publisher.publish(drifts(10))
        await all_applied(one.pool, drifts(10))
        assert failing.alone["sku-1"] == 3
        assert await one.parked() == []


async def test_used_up_attempts_end_in_the_parked_table_with_the_last_reason(
    database_url: str, broker_url: str
) -> None:
    async with member(database_url, broker_url) as one:
        await make_applied_table(one.pool)
        failing = Failing(TransientFailure("still busy"), {"sku-1"})
        one.bus.consume(Subscription("inventory", DriftFoundV1, attempts_max=3), failing)
        await one.ready()
        await one.bus.publisher.publish(drifts(4))
        await eventually(lambda: parked_are(one, 1))
        [row] = await one.parked()
        assert row["attempts"] == 3
        assert row["reason"] == "failed 3 times, at last with TransientFailure: still busy"
        assert failing.alone["sku-1"] == 3
        await all_applied(one.pool, [drift(0), drift(2), drift(3)])


async def test_infrastructure_that_fails_is_waited_out_with_the_batch_in_hand(
    database_url: str, broker_url: str
) -> None:
    failures: list[Exception] = [ConnectionResetError("gone"), TimeoutError("slow"), ConnectionResetError("gone again")]

    async def fail_at_first() -> None:
        if failures:
            raise failures.pop()

    async with member(database_url, broker_url) as one:
        await make_applied_table(one.pool)
        recorder = Recorder(before=fail_at_first)
        one.bus.consume(DRIFT, recorder)
        await one.ready()
        await one.bus.publisher.publish(drifts(5))
        await all_applied(one.pool, drifts(5))
        assert recorder.batches == [[f"sku-{number}" for number in range(5)]]  # never taken apart
        assert await one.parked() == []


async def test_elements_that_cannot_be_read_are_parked_as_they_came(database_url: str, broker_url: str) -> None:
    good, newer = encode(drift(1)), encode(drift(2)).replace(b"{", b'{"added_later": [1], ', 1)
    odd = b'{"type": "drift.found.v1",  "business_id": 7, "sku": ""}'
    body = b"[" + b",".join([good, odd, newer, b'"no object"']) + b"]"
    async with member(database_url, broker_url) as one:
        await make_applied_table(one.pool)
        one.bus.consume(DRIFT, Recorder())
        await one.ready()
        await one.send(Bundle(uuid4(), "drift.found.v1", body, 4))
        await all_applied(one.pool, [drift(1), drift(2)])
        [of_business_7] = await one.parked(7)
        [of_nobody] = await one.parked(0)
        assert of_business_7["body"] == odd.decode()
        assert of_business_7["reason"].startswith("undecodable: ")
        assert of_nobody["body"] == '"no object"'


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b"{", "{"),
        (b"[1, 2", "[1, 2"),
        (b"\xff\xfe", "\\xff\\xfe"),
        (b'["\\u0000"]x', '["\\u0000"]x'),
        (b"\x00", "\\x00"),
        (b"[" * 100_000, "[" * 100_000),
    ],
    ids=["object", "cut off", "no UTF-8", "more after it", "NUL", "deep"],
)
async def test_a_body_that_is_no_array_is_parked_whole(
    database_url: str, broker_url: str, body: bytes, kept: str
) -> None:
    async with member(database_url, broker_url) as one:
        await make_applied_table(one.pool)
        one.bus.consume(DRIFT, Recorder())
        await one.ready()
        await one.send(Bundle(uuid4(), "drift.found.v1", body, 1), Bundle(uuid4(), "drift.found.v1", b"[]", 0))
        await one.bus.publisher.publish([drift(1)])
        await all_applied(one.pool, [drift(1)])

        async def is_parked() -> bool:
            return [row["body"] for row in await one.parked(0)] == [kept]

        await eventually(is_parked)


async def test_a_type_that_the_queue_does_not_take_is_parked(database_url: str, broker_url: str) -> None:
    async with member(database_url, broker_url) as one:
        await make_applied_table(one.pool)
        one.bus.consume(DRIFT, Recorder())
        await one.ready()
        body = b"[" + encode(drift(1)) + b"]"
        await one.send(Bundle(uuid4(), "drift.found.v9", body, 1, queue=DRIFT.queue))
        await eventually(lambda: parked_are(one, 1))
        [row] = await one.parked()
        assert row["reason"] == "unknown type 'drift.found.v9'; this queue takes drift.found.v1"
        assert await applied(one.pool) == []


async def test_a_replayed_message_goes_through_once_its_cause_is_gone(database_url: str, broker_url: str) -> None:
    async with member(database_url, broker_url) as one:
        await make_applied_table(one.pool)
        failing = Failing(PermanentFailure("no such store"), {"sku-0", "sku-1"})
        one.bus.consume(DRIFT, failing)
        await one.ready()
        await one.bus.publisher.publish(drifts(3))
        await eventually(lambda: parked_are(one, 2))
        [first, second] = await one.parked()
        assert await one.bus.parked.replay(2, first["id"]) is False  # another business
        failing.bad = set()
        assert await one.bus.parked.replay(1, first["id"]) is True
        assert await one.bus.parked.replay(1, first["id"]) is False
        assert await one.bus.parked.replay_all(1) == 1
        await all_applied(one.pool, drifts(3))
        assert await one.parked() == []
        assert second["id"] != first["id"]


async def test_a_replayed_message_that_fails_again_is_parked_again(database_url: str, broker_url: str) -> None:
    async with member(database_url, broker_url) as one:
        await make_applied_table(one.pool)
        one.bus.consume(DRIFT, Failing(PermanentFailure("for ever"), {"sku-0"}))
        await one.ready()
        await one.bus.publisher.publish(drifts(1))
        await eventually(lambda: parked_are(one, 1))
        [before] = await one.parked()
        await one.bus.parked.replay(1, before["id"])

        async def parked_anew() -> bool:
            return [row["id"] for row in await one.parked()] not in ([], [before["id"]])

        await eventually(parked_anew)

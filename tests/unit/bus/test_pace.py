"""Who waits for company, and who does not; with pauses so long that a test which met one would not end."""

import asyncio
from collections import deque
from collections.abc import Sequence
from uuid import uuid4

import pytest
from typing_extensions import override

from prokip_shared.bus import BusLimits, BusUnavailable, GroupPublisher, Subscription
from prokip_shared.bus.group import CROWD_MESSAGES
from prokip_shared.bus.pace import PacedIntake
from prokip_shared.bus.port import Bundle, Delivery, Intake, SendReport
from prokip_shared.messages import DriftFoundV1

FOR_EVER_S = 3600.0
TURNS = 20
PACED = Subscription("push", DriftFoundV1, batch_messages_max=10, prefetch_bundles=8, pace_s=FOR_EVER_S)


async def a_few_turns() -> None:
    """Whatever can happen without waiting for time has happened."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


class Waiting(Intake):
    """A queue whose bundles are all taken at once."""

    def __init__(self) -> None:
        self.bundles: deque[Delivery] = deque()

    def put(self, messages: int = 1) -> None:
        self.bundles.append(Delivery(Bundle(uuid4(), PACED.topic, b"[]", messages), None))

    @override
    async def take(self, messages_max: int) -> list[Delivery]:
        taken = list(self.bundles)
        self.bundles.clear()
        return taken

    @override
    async def settle(self, deliveries: Sequence[Delivery]) -> None:
        """Nothing is kept here."""

    @override
    async def release(self, deliveries: Sequence[Delivery]) -> None:
        self.bundles.extend(deliveries)

    @override
    async def stop(self) -> None:
        self.bundles.clear()


async def test_the_first_bundle_is_taken_at_once_and_those_that_follow_soon_come_together() -> None:
    intake, stopped = Waiting(), asyncio.Event()
    paced = PacedIntake(intake, PACED, stopped)
    intake.put()
    assert len(await paced.take()) == 1
    intake.put()
    following = asyncio.create_task(paced.take())
    await a_few_turns()
    intake.put()
    assert not following.done()
    stopped.set()  # a service that ends does not rest
    assert len(await following) == 2


@pytest.mark.parametrize(("bundles", "messages"), [(1, 5), (4, 1)], ids=["messages", "bundles"])
async def test_after_half_a_batch_nobody_rests(bundles: int, messages: int) -> None:
    intake = Waiting()
    paced = PacedIntake(intake, PACED, asyncio.Event())
    for _ in range(2):
        for _ in range(bundles):
            intake.put(messages)
        assert len(await paced.take()) == bundles


async def test_workers_of_one_queue_rest_together() -> None:
    intake, stopped = Waiting(), asyncio.Event()
    paced = PacedIntake(intake, PACED, stopped)
    intake.put()
    await paced.take()
    workers = [asyncio.create_task(paced.take()) for _ in range(3)]
    intake.put()
    await a_few_turns()
    assert not any(worker.done() for worker in workers)
    stopped.set()
    assert sum(len(taken) for taken in await asyncio.gather(*workers)) == 1


class Confirming:
    """Takes every bundle, or says nothing at all."""

    def __init__(self, *, answers: bool = True) -> None:
        self.sizes: list[int] = []
        self._answers = answers

    async def send(self, bundles: Sequence[Bundle]) -> SendReport:
        self.sizes += [bundle.messages for bundle in bundles]
        if not self._answers:
            await asyncio.Event().wait()
        return SendReport(frozenset(bundle.bundle_id for bundle in bundles))


async def test_a_paced_type_gathers_and_another_does_not() -> None:
    sender = Confirming()
    group = GroupPublisher(sender, BusLimits(), pace_s={"hint": FOR_EVER_S})
    await group.publish_encoded("hint", b"{}")
    for _ in range(3):
        await group.publish_encoded("order", b"{}")
    waiting = [asyncio.create_task(group.publish_encoded("hint", b"{}")) for _ in range(3)]
    await a_few_turns()
    assert sender.sizes == [1, 1, 1, 1]
    for one in waiting:
        one.cancel()


async def test_a_crowd_of_a_paced_type_waits_for_nobody() -> None:
    sender = Confirming()
    group = GroupPublisher(sender, BusLimits(), pace_s={"order": FOR_EVER_S})
    await group.publish_encoded("order", b"{}")
    for _ in range(2):
        await asyncio.gather(*(group.publish_encoded("order", b"{}") for _ in range(CROWD_MESSAGES)))
    few = [asyncio.create_task(group.publish_encoded("order", b"{}")) for _ in range(CROWD_MESSAGES - 1)]
    await a_few_turns()
    assert sender.sizes == [1, CROWD_MESSAGES, CROWD_MESSAGES]
    await asyncio.gather(group.publish_encoded("order", b"{}"), *few)
    assert sender.sizes[3:] == [CROWD_MESSAGES]


async def test_nobody_waits_for_a_sender_that_hangs() -> None:
    group = GroupPublisher(Confirming(answers=False), BusLimits(), wait_timeout_s=0.01)
    with pytest.raises(BusUnavailable):
        await group.publish_encoded("order", b"{}")
    with pytest.raises(BusUnavailable):  # nor behind the one that waits
        await group.publish_encoded("order", b"{}")

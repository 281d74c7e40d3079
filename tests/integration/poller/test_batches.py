"""What happens together shares transactions, and nothing that goes wrong with one order reaches another."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from typing import Any, Final

import pytest

from prokip_poller.domain.requests import Return
from prokip_poller.domain.telling import OrderKey
from prokip_poller.recording import Posting, UnderWay, _answered
from prokip_poller.settling import Answer, End, Settling
from prokip_sandbox.prokip import ProkipServer
from tests.integration.poller.askable import AskableClients, AskableProkip
from tests.integration.poller.world import PollerWorld, open_world, sale_due
from tests.support.eventually import eventually

ORDERS: Final = 6


@pytest.fixture
def askable(monkeypatch: pytest.MonkeyPatch) -> AskableProkip:
    askable = AskableProkip({"A": Decimal(100)}, one_at_a_time=False)
    monkeypatch.setattr("prokip_poller.app.HttpProkipClients", lambda *_, **__: AskableClients(askable))
    return askable


@pytest.fixture
async def world(database_url: str, prokip: ProkipServer, askable: AskableProkip) -> AsyncIterator[PollerWorld]:
    assert askable.lookup is askable
    async with open_world(
        database_url,
        prokip,
        POST_TIMEOUT_S="0.4",
        POSTING_MARGIN_S="2",  # a busy machine still sends all orders in time
        FIRST_LOOK_S="0.05",
        DOUBT_LOOK_INTERVAL_S="0.02",
        DOUBT_GRACE_S="0.2",
    ) as opened:
        yield opened


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
    """The orders of each transaction that stored answers."""
    stored: list[set[str]] = []
    end = Settling.end_answered

    async def note(settling: Settling, ends: Sequence[End]) -> None:
        await end(settling, ends)
        stored.append({one.key.order_ref for one in ends})

    monkeypatch.setattr(Settling, "end_answered", note)
    return stored


async def sell(world: PollerWorld) -> set[str]:
    orders = {f"{number}" for number in range(ORDERS)}
    world.revisions |= dict.fromkeys(orders, 1)
    await world.say(*[sale_due(world.business_id, order_ref, {"A": 1}, 1) for order_ref in sorted(orders)])
    return orders


async def test_answers_that_come_together_are_stored_together(
    world: PollerWorld, askable: AskableProkip, stored: list[set[str]]
) -> None:
    askable.fates += ["held"] * ORDERS
    orders = await sell(world)
    await world.until(lambda: len(askable.asked) == ORDERS, "all are sent")
    askable.release()
    askable.answer()
    for order_ref in orders:
        await world.until_state(order_ref, "recorded")
    assert stored == [orders]
    assert askable.recorded("A") == ORDERS


async def test_each_kind_of_end_counts_for_its_own_order(world: PollerWorld, askable: AskableProkip) -> None:
    askable.fates += ["held", "refused", "answer_lost", "request_lost", "held", "done"]
    askable.release()
    askable.answer()
    orders = await sell(world)

    async def ended() -> list[dict[str, Any]]:
        records = [await world.record(order_ref) or {} for order_ref in sorted(orders)]
        assert Counter(record.get("state") for record in records) == {"recorded": ORDERS - 1, "refused": 1}, records
        return records

    records = await eventually(ended, what="each order has its end")
    (refused,) = [record for record in records if record["state"] == "refused"]
    assert "Mismatch" in refused["detail"]
    assert askable.recorded("A") == ORDERS - 1
    assert len({record["prokip_sell_id"] for record in records}) == ORDERS


async def test_an_end_that_cannot_be_stored_keeps_no_other(
    monkeypatch: pytest.MonkeyPatch, world: PollerWorld, askable: AskableProkip
) -> None:
    end, broken = Settling.end_answered, ["3"]

    async def break_one(settling: Settling, ends: Sequence[End]) -> None:
        if any(one.key.order_ref in broken for one in ends):
            if len(ends) == 1:
                broken.clear()
            raise ValueError("one order of these cannot be stored")
        await end(settling, ends)

    monkeypatch.setattr(Settling, "end_answered", break_one)
    askable.fates += ["held"] * ORDERS
    orders = await sell(world)
    await world.until(lambda: len(askable.asked) == ORDERS, "all are sent")
    askable.release()
    askable.answer()
    for order_ref in orders:
        record = await world.until_state(order_ref, "recorded")
        assert (record["postings"][-1]["looks"] > 0) is (order_ref == "3"), "it was in doubt, and was found"
    assert len(askable.asked) == askable.recorded("A") == ORDERS


async def test_two_answers_to_one_order_are_stored_one_after_the_other() -> None:
    """One was given up and sent again, and then both are heard of."""

    async def answer(words: str) -> Answer:
        return Answer("recorded", words)

    async with asyncio.TaskGroup() as requests:
        under_way: UnderWay = {
            requests.create_task(answer(words)): Posting(
                number, OrderKey(1, 7, order), "L", "refund", Return("S", ()), ""
            )
            for number, order, words in ((1, "x", "first"), (2, "y", "other"), (3, "x", "second"))
        }
    assert [(one.posting_id, one.answer.words) for one in await _answered(under_way)] == [(1, "first"), (2, "other")]
    assert [(one.posting_id, one.answer.words) for one in await _answered(under_way)] == [(3, "second")]
    assert not under_way

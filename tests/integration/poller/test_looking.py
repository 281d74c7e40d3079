"""What is in doubt is looked up before anything is sent again, and every sale exists once."""

import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, Final

import pytest

from prokip_poller.recording import Posting, Recorder
from prokip_poller.settling import Answer, End
from prokip_poller.storage.polls import LocationKey
from prokip_sandbox.prokip import ProkipServer
from prokip_shared.messages import ProkipObservedV1
from tests.integration.poller.askable import AskableClients, AskableProkip, Fate, goods_of
from tests.integration.poller.world import PollerWorld, open_poller, open_world
from tests.support.eventually import eventually

D = Decimal
SKUS: Final = ("A", "B", "C")
SOON: Final = {
    "POST_TIMEOUT_S": "0.4",
    "POSTING_MARGIN_S": "1",
    "DOUBT_GRACE_S": "0.2",
    "FIRST_LOOK_S": "0.05",
    "DOUBT_LOOK_INTERVAL_S": "0.02",
    "REFUSED_RETRY_S": "0.1",
}
"""A request that Prokip does not show counts as not recorded after the first three together."""
PATIENT: Final = SOON | {"DOUBT_GRACE_S": "600", "RETRY_CAP_S": "0.2"}
"""It never counts as not recorded by itself."""


@asynccontextmanager
async def open_asked(
    database_url: str, prokip: ProkipServer, quick: Mapping[str, str] = SOON
) -> AsyncIterator[PollerWorld]:
    async with open_world(database_url, prokip, configured=True, **quick) as world:
        yield world


@pytest.fixture
def askable(monkeypatch: pytest.MonkeyPatch) -> AskableProkip:
    askable = AskableProkip(dict.fromkeys(SKUS, D(100)))
    monkeypatch.setattr("prokip_poller.app.HttpProkipClients", lambda *_, **__: AskableClients(askable))
    return askable


@pytest.fixture
async def asked(database_url: str, prokip: ProkipServer, askable: AskableProkip) -> AsyncIterator[PollerWorld]:
    assert askable.lookup is askable
    async with open_asked(database_url, prokip) as world:
        yield world


@pytest.fixture
async def patient(database_url: str, prokip: ProkipServer, askable: AskableProkip) -> AsyncIterator[PollerWorld]:
    assert askable.lookup is askable
    async with open_asked(database_url, prokip, PATIENT) as world:
        yield world


def sent(record: dict[str, Any]) -> list[dict[str, Any]]:
    """The requests that left; a slow machine may have been too late for others."""
    return [posting for posting in record["postings"] if posting["outcome"] != "not_sent"]


def outcomes(record: dict[str, Any]) -> list[str]:
    return [posting["outcome"] for posting in sent(record)]


async def test_a_sale_whose_answer_was_lost_is_found_with_its_ids(asked: PollerWorld, askable: AskableProkip) -> None:
    askable.fates.append("answer_lost")
    await asked.due("1001", {"A": 2, "B": 1})
    record = await asked.until_state("1001", "recorded")
    assert record["prokip_sell_id"] == "1"
    assert sent(record)[0]["looks"] == 1
    await asked.due("1001", {"A": 1, "B": 1})
    await asked.until_state("1001", "recorded")
    assert [(item.sku, item.returned_total, item.line_id) for item in askable.returns_asked()[0]] == [("A", D(1), "10")]
    assert len(askable.sales) == 1


async def test_a_sale_that_never_arrived_is_sent_again_under_its_reference(
    asked: PollerWorld, askable: AskableProkip
) -> None:
    askable.fates.append("request_lost")
    await asked.due("1001", {"A": 2})
    record = await asked.until_state("1001", "recorded")
    assert outcomes(record) == ["not_recorded", "recorded"]
    assert len({sale.reference for sale in askable.sales_asked()}) == 1
    assert askable.recorded("A") == 2


async def test_a_sale_that_prokip_finishes_late_is_waited_for(patient: PollerWorld, askable: AskableProkip) -> None:
    askable.fates.append("late")
    await patient.due("1001", {"A": 2})
    await patient.until(lambda: askable.looks >= 2, "looked twice")
    askable.finish_late()
    await patient.until_state("1001", "recorded")
    assert len(askable.sales_asked()) == 1


@pytest.mark.parametrize("units", [2, 3])
async def test_a_newer_state_waits_for_the_look_and_is_then_told_as_far_as_it_differs(
    asked: PollerWorld, askable: AskableProkip, units: int
) -> None:
    askable.fates += ["request_lost", "answer_lost"]
    await asked.due("1001", {"A": 2})
    await asked.until(lambda: len(askable.asked) == 1, "sent")
    await asked.due("1001", {"A": units})
    await asked.until_state("1001", "recorded")
    first, second = (sale.reference for sale in askable.sales_asked())
    assert (first == second) is (units == 2), "one sale has one reference, two have two"
    assert askable.recorded("A") == units


async def test_a_look_that_fails_proves_nothing(asked: PollerWorld, askable: AskableProkip) -> None:
    askable.fates.append("answer_lost")
    askable.blind_looks = 4
    await asked.due("1001", {"A": 2})
    record = await asked.until_state("1001", "recorded")
    assert sent(record)[0]["looks"] == 5
    assert len(askable.sales_asked()) == 1


async def test_a_doubt_shows_when_it_is_looked_up_and_what_was_seen(
    patient: PollerWorld, askable: AskableProkip
) -> None:
    askable.fates.append("request_lost")
    await patient.due("1001", {"A": 2})
    await patient.until_state("1001", "in_doubt")

    async def seen() -> dict[str, Any]:
        found = await patient.record("1001")
        assert found is not None
        assert "shows no sale sync-7-1001-1-" in found["look_words"]
        return found

    record = await eventually(seen, what="a look told")
    assert record["looks"] >= 1
    assert record["next_look_at"] is not None
    await patient.due("other", {"A": 1})
    await patient.until_state("other", "recorded")
    assert await patient.act("1001", "settle", {"outcome": "not_recorded"}) == (200, {"state": "due"})
    await patient.until_state("1001", "recorded")
    assert (await patient.record("1001") or {})["next_look_at"] is None
    assert askable.recorded("A") == 3


async def test_an_operator_cannot_settle_two_requests_with_one_sale(
    patient: PollerWorld, askable: AskableProkip
) -> None:
    await patient.due("1001", {"A": 2})
    await patient.until_state("1001", "recorded")
    askable.fates.append("request_lost")
    await patient.due("1001", {"A": 3})
    await patient.until_state("1001", "in_doubt")
    status, problem = await patient.act("1001", "settle", {"outcome": "recorded", "sell_id": "1"})
    assert (status, "another request" in problem["detail"]) == (409, True)


async def test_a_sku_in_doubt_is_told_once_it_is_settled(patient: PollerWorld, askable: AskableProkip) -> None:
    await patient.read()
    askable.fates.append("late")
    askable.blind_looks = 2
    await patient.due("1001", {"A": 2})
    await patient.until_state("1001", "in_doubt")
    askable.finish_late()
    await patient.until_state("1001", "recorded")
    await patient.read()
    assert patient.told_pairs()["A"] == (D(98), D(2))


@pytest.mark.parametrize("fate", ["answer_lost", "request_lost", "late"])
async def test_a_return_in_doubt_is_looked_up_by_its_total(
    database_url: str, prokip: ProkipServer, askable: AskableProkip, fate: Fate
) -> None:
    async with open_asked(database_url, prokip, SOON if fate == "request_lost" else PATIENT) as asked:
        await see_return_settled(asked, askable, fate)


async def see_return_settled(asked: PollerWorld, askable: AskableProkip, fate: Fate) -> None:
    await asked.due("1001", {"A": 3, "B": 2})
    await asked.until_state("1001", "recorded")
    await asked.due("1001", {"A": 3, "B": 1})
    await asked.until_state("1001", "recorded")
    askable.fates.append(fate)
    await asked.due("1001", {"A": 1, "B": 1})
    await asked.until(lambda: len(askable.returns_asked()) == 2, "return sent")
    askable.finish_late()
    await asked.until_state("1001", "recorded")
    totals = [{item.sku: item.returned_total for item in items} for items in askable.returns_asked()]
    assert totals[1] == {"A": 2, "B": 1}, "every line that units ever went back on is named"
    assert totals[2:] == ([totals[1]] if fate == "request_lost" else [])
    assert (askable.recorded("A"), askable.recorded("B")) == (D(1), D(1))


async def test_more_fewer_cancelled_and_sold_again(asked: PollerWorld, askable: AskableProkip) -> None:
    for units, sales in ((2, 1), (5, 2), (4, 2), (0, 2), (5, 3)):
        await asked.due("1001", {"A": units})
        await asked.until_state("1001", "recorded")
        assert askable.recorded("A") == units
        assert len(askable.sales) == sales
    assert len(set(askable.references())) == 3
    assert askable.stock["A"] == 95


async def test_a_refund_delivered_three_times_goes_back_once(asked: PollerWorld, askable: AskableProkip) -> None:
    await asked.due("1001", {"A": 3})
    await asked.until_state("1001", "recorded")
    askable.fates.append("answer_lost")
    for _ in range(3):
        await asked.due("1001", {"A": 2}, revision=2)
    await asked.until_state("1001", "recorded")
    await asked.due("1001", {"A": 2}, revision=2)
    await asked.due("later", {"B": 1})
    await asked.until_state("later", "recorded")
    assert askable.recorded("A") == 2
    assert len(askable.returns_asked()) == 1


async def test_ids_and_prices_go_along_once_a_read_has_named_them(asked: PollerWorld, askable: AskableProkip) -> None:
    await asked.pool.execute(
        "INSERT INTO prokip.goods (business_id, sku, product_id, variation_id) VALUES ($1, 'A', $2, $3)"
        " ON CONFLICT DO NOTHING",
        asked.business_id,
        goods_of("A").product_id,
        goods_of("A").variation_id,
    )
    await asked.due("1001", {"A": 1})
    await asked.until_state("1001", "recorded")
    assert askable.sales[0].sale.items[0].goods == goods_of("A")


async def test_one_request_at_a_time_for_a_location_over_all_replicas(
    database_url: str, prokip: ProkipServer, askable: AskableProkip
) -> None:
    async with open_asked(database_url, prokip) as world, open_poller(database_url, **SOON):
        for number in range(12):
            await world.due(f"{number}", {"A": 1})
        for number in range(12):
            await world.until_state(f"{number}", "recorded")
    assert askable.recorded("A") == 12
    assert askable.crossings == 0


async def test_a_return_waits_while_prokip_may_be_at_the_same_goods(
    patient: PollerWorld, askable: AskableProkip
) -> None:
    await patient.due("back", {"A": 2})
    await patient.until_state("back", "recorded")
    askable.fates.append("late")
    await patient.due("doubt", {"A": 1})
    await patient.until_state("doubt", "in_doubt")
    await patient.due("back", {"A": 0})
    await patient.due("other", {"A": 1, "B": 1})
    await patient.until_state("other", "recorded")
    assert not askable.returns_asked(), "a sale takes its units off at once, a return writes what it has read"
    assert "earlier request" in (await patient.until_state("back", "due"))["detail"]
    askable.finish_late()
    await patient.until_state("doubt", "recorded")
    await patient.until_state("back", "recorded")
    assert askable.recorded("A") == 2


async def test_a_sale_that_came_through_after_all_is_found_beside_its_repeat_and_one_goes_back(
    asked: PollerWorld, askable: AskableProkip
) -> None:
    """The first request arrives when nobody waits for it any more, and then the answer to the second is lost."""
    askable.fates += ["late", "answer_lost"]
    await asked.due("1001", {"A": 2})
    await asked.until(lambda: len(askable.sales) == 1, "given up, looked for and sent again")
    askable.finish_late()

    async def once() -> bool:
        return askable.recorded("A") == 2 and (await asked.until_state("1001", "recorded"))["state"] == "recorded"

    await eventually(once, what="one of the two went back")


async def test_a_sale_that_was_counted_before_is_no_proof_of_another_one(
    asked: PollerWorld, askable: AskableProkip
) -> None:
    await asked.due("1001", {"A": 1})
    await asked.until_state("1001", "recorded")
    await asked.pool.execute(
        "INSERT INTO prokip.sale_posting (business_id, connection_id, order_ref, location_id, revision, kind, reference,"
        " units, outcome, process, expires_at, sold_at, findable, next_look_at)"
        " SELECT business_id, connection_id, order_ref, location_id, revision, kind, reference, units, 'in_doubt',"
        " process, expires_at, sold_at, findable, now() FROM prokip.sale_posting"
    )
    await asked.pool.execute("UPDATE prokip.sale SET state = 'in_doubt'")
    record = await asked.until_state("1001", "recorded")
    assert outcomes(record) == ["recorded", "not_recorded"]
    assert askable.recorded("A") == 1
    await asked.read()
    assert asked.told_pairs()["A"] == (D(99), D(1))


async def test_an_answer_that_comes_after_all_looks_undoes_what_was_sold_twice(
    database_url: str, prokip: ProkipServer, askable: AskableProkip
) -> None:
    async with open_asked(database_url, prokip) as world, open_poller(database_url, **SOON):
        askable.fates.append("held")
        await world.due("1001", {"A": 2})
        await world.until(lambda: len(askable.sales) == 1, "given up, looked for and sent again")
        await world.until_state("1001", "recorded")
        askable.release()
        askable.answer()
        await world.until(lambda: len(askable.sales) == 2, "the first one came through after all")

        async def gone_back() -> bool:
            return askable.recorded("A") == 2 and (await world.until_state("1001", "recorded"))["state"] == "recorded"

        await eventually(gone_back, what="the second one went back")
        await world.read()
        assert world.told_pairs()["A"] == (D(98), D(2))


@pytest.mark.parametrize("kind", ["sale", "return"])
async def test_an_answer_that_comes_after_its_effect_was_found_counts_nothing_twice(
    database_url: str, prokip: ProkipServer, askable: AskableProkip, kind: str
) -> None:
    async with open_asked(database_url, prokip) as world:
        async with open_poller(database_url, **SOON):
            if kind == "return":
                await world.due("1001", {"A": 5})
                await world.until_state("1001", "recorded")
            before = len(askable.asked)
            askable.fates += ["held", "request_lost"]
            await world.due("1001", {"A": 2})
            await world.until(lambda: len(askable.asked) >= before + 2, "looked for, sent again")
            askable.release()
            await world.until_state("1001", "recorded")
            asked = len(askable.asked)
            askable.answer()
        await world.poller.aclose()  # which waits until every answer is stored
        counted = await world.pool.fetchval("SELECT sum(sold - returned) FROM prokip.told_line WHERE sku = 'A'")
        assert counted == await world.pool.fetchval("SELECT units FROM prokip.recorded_counter WHERE sku = 'A'") == 2
        assert askable.recorded("A") == 2
        assert len(askable.asked) == asked


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_whatever_gets_lost_every_order_is_in_prokip_once(
    database_url: str, prokip: ProkipServer, askable: AskableProkip, seed: int
) -> None:
    chance = random.Random(seed)
    askable.chance = chance
    orders: dict[str, dict[str, int]] = {}
    async with open_asked(database_url, prokip) as world, open_poller(database_url, **SOON):
        for step in range(40):
            order_ref = f"{chance.randint(1, 12)}"
            units = {sku: chance.randint(0, 3) for sku in chance.sample(SKUS, 2)}
            orders[order_ref] = dict.fromkeys(orders.get(order_ref, {}), 0) | units
            await world.due(order_ref, orders[order_ref])
            if step % 5 == 0:
                askable.blind_looks = chance.randint(0, 3)
                await world.ask_for_round()
        askable.certain = True
        for order_ref in orders:
            await world.until_state(order_ref, "recorded")

        async def told() -> bool:
            await world.read()
            pairs = world.told_pairs()
            return all(sum(pairs[sku]) == D(100) for sku in SKUS)

        await eventually(told, what="Q + R is what was there before any order")
        for sku in SKUS:
            taken = sum(order.get(sku, 0) for order in orders.values())
            assert askable.recorded(sku) == taken
            assert askable.stock[sku] == 100 - taken
        for message in world.heard_of(ProkipObservedV1):
            for item in message.items:
                assert item.quantity + item.recorded == D(100), "neither doubts nor refusals disturb what is told"
    assert askable.crossings == 0


@pytest.mark.parametrize("dies", ["before it is sent", "before the answer is stored", "while Prokip is at it"])
@pytest.mark.parametrize("kind", ["sale", "return"])
async def test_a_process_that_dies_around_a_request_leaves_a_doubt_that_is_looked_up(
    monkeypatch: pytest.MonkeyPatch, asked: PollerWorld, askable: AskableProkip, dies: str, kind: str
) -> None:
    """What a kill leaves in the database and in Prokip, at each await between commit, request and answer."""
    await asked.due("1001", {"A": 2})
    await asked.until_state("1001", "recorded")
    send, store, deaths = Recorder._send, Recorder._store, [dies]

    async def die_at_it(recorder: Recorder, client: AskableProkip, posting: Posting) -> Answer:
        if deaths == ["before it is sent"]:
            return Answer("recorded", "nobody hears of this")
        if deaths == ["while Prokip is at it"]:
            askable.fates.append("answer_lost")
        return await send(recorder, client, posting)

    async def die_before_storing(recorder: Recorder, place: LocationKey, ends: Sequence[End]) -> None:
        if deaths:
            deaths.pop()
        else:
            await store(recorder, place, ends)

    monkeypatch.setattr(Recorder, "_send", die_at_it)
    monkeypatch.setattr(Recorder, "_store", die_before_storing)
    units = 5 if kind == "sale" else 1
    await asked.due("1001", {"A": units})
    record = await asked.until_state("1001", "recorded")
    assert askable.recorded("A") == units
    assert outcomes(record)[1:] == (["not_recorded", "recorded"] if dies == "before it is sent" else ["recorded"])
    await asked.read()
    assert asked.told_pairs()["A"] == (D(100 - units), D(units))


async def test_one_look_answers_every_doubt_and_reads_to_the_end_only_for_what_is_absent(
    asked: PollerWorld, askable: AskableProkip
) -> None:
    await asked.poller.aclose()
    await asked.start_poller(**SOON | {"FIRST_LOOK_S": "600"})
    askable.fates += ["answer_lost"] * 5
    askable.fates.append("request_lost")
    for number in range(6):
        await asked.due(f"{number}", {"A": 1})
    for number in range(6):
        await asked.until_state(f"{number}", "in_doubt")
    await asked.poller.aclose()
    await asked.pool.execute("UPDATE prokip.sale_posting SET next_look_at = now(), expires_at = now() - interval '1 h'")
    await asked.start_poller(**SOON)
    for number in range(6):
        await asked.until_state(f"{number}", "recorded")
    (near, near_whole), (far, far_whole) = askable.sought
    assert (len(near), near_whole) == (6, False)
    assert (len(far), far_whole) == (1, True), "what was found once, and asked for once, needs no more pages"
    assert askable.recorded("A") == 6


async def test_a_look_whose_process_dies_is_taken_over(asked: PollerWorld, askable: AskableProkip) -> None:
    askable.fates.append("answer_lost")
    askable.blind_looks = 1000
    await asked.due("1001", {"A": 2})
    await asked.until(lambda: askable.looks >= 1, "looked")
    await asked.poller.aclose()
    await asked.pool.execute("UPDATE prokip.sale_posting SET looking_until = now() + interval '0.3 s'")
    askable.blind_looks = 0
    await asked.start_poller(**SOON)
    await asked.until_state("1001", "recorded")
    assert len(askable.sales_asked()) == 1


async def test_new_settings_are_looked_with_at_once(patient: PollerWorld, askable: AskableProkip) -> None:
    askable.fates.append("answer_lost")
    askable.blind_looks, askable.asks_s = 1, 3600
    await patient.due("1001", {"A": 2})
    await patient.until(lambda: askable.looks == 1, "looked")

    async def told_to_wait() -> bool:
        return "could not be asked" in (await patient.until_state("1001", "in_doubt"))["look_words"]

    await eventually(told_to_wait, what="told to wait")
    await patient.configure()
    await patient.until_state("1001", "recorded")

"""Every sale reaches Prokip once, or stands where an operator sees it."""

from decimal import Decimal

from prokip_sandbox.faults import Fault
from prokip_sandbox.prokip import ProkipServer
from prokip_shared.messages import SaleRecordedV1
from tests.integration.poller.world import PollerWorld, open_poller, open_world, sale_due


def said(world: PollerWorld, order_ref: str) -> list[tuple[int, str, str | None]]:
    return [
        (one.revision, one.state, one.prokip_sell_id)
        for one in world.heard_of(SaleRecordedV1)
        if one.order_ref == order_ref
    ]


async def test_a_due_sale_is_recorded_and_its_number_told(world: PollerWorld) -> None:
    await world.due("1001", {"A": 2, "B": 1})
    record = await world.until_state("1001", "recorded")
    assert world.prokip.recorded("A") == 2
    assert world.prokip.stock("B") == 99
    await world.until(lambda: bool(said(world, "1001")), "sale.recorded heard")
    assert said(world, "1001") == [(1, "recorded", record["prokip_sell_id"])]
    assert (world.prokip.sales[0].reference or "").startswith("sync-7-1001-1-")


async def test_duplicates_and_late_older_states_are_told_once(world: PollerWorld) -> None:
    states = [sale_due(world.business_id, "1001", {"A": units}, units) for units in (1, 2, 3)]
    await world.say(states[2], states[0], states[2], states[1])
    await world.until_state("1001", "recorded", revision=3)
    await world.say(*states)
    await world.due("later", {"B": 1})
    await world.until_state("later", "recorded")
    assert world.prokip.recorded("A") == 3
    assert (await world.until_state("1001", "recorded", revision=3))["revision"] == 3


async def test_more_units_less_units_a_cancel_and_a_sale_after_it(world: PollerWorld) -> None:
    for units, sales in ((2, 1), (5, 2), (4, 2), (0, 2), (3, 3)):
        await world.due("1001", {"A": units})
        await world.until_state("1001", "recorded")
        assert world.prokip.recorded("A") == units
        assert len(world.prokip.sales) == sales
    assert world.prokip.stock("A") == 97


async def test_decimal_units_are_told_exactly(world: PollerWorld) -> None:
    await world.due("1001", {"A": 0.7})
    await world.until_state("1001", "recorded")
    await world.due("1001", {"A": 0.4})
    await world.until_state("1001", "recorded")
    assert world.prokip.sales[0].items[0].quantity == 0.7
    assert world.prokip.sales[0].returned == {"A": 0.3}


async def test_a_sale_whose_answer_never_came_is_in_doubt_and_never_sent_again(
    database_url: str, prokip: ProkipServer
) -> None:
    prokip.faults.add(Fault("timeout_after", method="POST", hold_s=3))
    async with open_world(database_url, prokip, POST_TIMEOUT_S="1") as world:
        await world.due("1001", {"A": 2})
        record = await world.until_state("1001", "in_doubt")
        assert "did not answer within 1 s" in record["detail"]
        assert (await world.act("1001", "retry"))[0] == 409
        await world.due("1001", {"A": 3})
        await world.due("other", {"A": 1})
        await world.until_state("other", "recorded")
        assert (await world.until_state("1001", "in_doubt"))["postings"][0]["outcome"] == "in_doubt"
        assert [(sale.reference or "").split("-")[2] for sale in prokip.sales] == ["1001", "other"]


async def test_an_operator_settles_a_doubt_either_way_and_saying_it_twice_changes_nothing(world: PollerWorld) -> None:
    world.prokip.faults.add(Fault("reset_after", method="POST"))
    await world.due("done", {"A": 2})
    await world.until_state("done", "in_doubt")
    sell_id = world.prokip.sales[0].sell_id
    for _ in range(2):
        assert await world.act("done", "settle", {"outcome": "recorded", "sell_id": sell_id}) == (
            200,
            {"state": "recorded"},
        )
    assert (await world.act("done", "settle", {"outcome": "not_recorded"}))[0] == 409
    world.prokip.faults.add(Fault("reset_before", method="POST"))
    await world.due("not-done", {"A": 4})
    await world.until_state("not-done", "in_doubt")
    assert (await world.act("not-done", "settle", {"outcome": "not_recorded"}))[0] == 200
    await world.until_state("not-done", "recorded")
    assert (await world.act("not-done", "settle", {"outcome": "not_recorded"}))[0] == 200
    await world.due("done", {"A": 1})
    await world.until_state("done", "recorded")
    assert world.prokip.recorded("A") == 1 + 4
    assert len(world.prokip.sales) == 2


async def test_a_doubt_settled_by_its_request_is_not_taken_for_a_later_one(world: PollerWorld) -> None:
    world.prokip.faults.add(Fault("reset_before", method="POST", times=2))
    await world.due("1001", {"A": 2})
    first = (await world.until_state("1001", "in_doubt"))["postings"][0]["posting_id"]
    _, page = await world.ask("GET", "/internal/sale-records")
    assert [(one["doubt_posting_id"], one["revision"]) for one in page["sale_records"]] == [(first, 1)]
    body = {"outcome": "not_recorded", "posting_id": first}
    assert (await world.act("1001", "settle", body))[0] == 200
    await world.until_state("1001", "in_doubt")
    assert (await world.act("1001", "settle", body))[0] == 200
    record = await world.until_state("1001", "in_doubt")
    assert record["postings"][1]["outcome"] == "in_doubt"
    assert record["doubt_posting_id"] == record["postings"][1]["posting_id"] != first


async def test_a_sale_recorded_without_its_id_gets_its_returns_by_hand(world: PollerWorld) -> None:
    world.prokip.faults.add(Fault("reset_after", method="POST"))
    await world.due("1001", {"A": 2})
    await world.until_state("1001", "in_doubt")
    assert (await world.act("1001", "settle", {"outcome": "recorded"}))[0] == 200
    await world.due("1001", {"A": 0})
    assert "not known" in (await world.until_state("1001", "return_unsupported"))["detail"]


async def test_returns_that_prokip_does_not_take_wait_for_a_person(world: PollerWorld) -> None:
    world.prokip.ledger.policies.serves_refunds = False
    await world.due("1001", {"A": 3, "B": 1})
    await world.until_state("1001", "recorded")
    await world.due("1001", {"A": 1, "B": 1, "C": 1})
    await world.until_state("1001", "return_unsupported")
    assert world.prokip.recorded("C") == 1, "a return that is not taken must not hold back a sale"
    assert (await world.act("1001", "returns-entered", {"revision": 1}))[0] == 409
    world.prokip.set_stock("A", 99)  # what the person types in
    for _ in range(2):
        assert await world.act("1001", "returns-entered", {"revision": 2}) == (200, {"state": "recorded"})
    await world.read()
    assert world.told_pairs()["A"] == (Decimal(99), Decimal(1))
    await world.until(lambda: said(world, "1001")[-1][1] == "recorded", "told the end")
    assert [state for _, state, _ in said(world, "1001")] == ["recorded", "return_unsupported", "recorded"]


async def test_a_refused_sale_keeps_prokips_words_and_holds_up_nobody(world: PollerWorld) -> None:
    await world.due("bad", {"UNKNOWN": 1})
    await world.due("good", {"A": 1})
    assert "Unknown sku UNKNOWN" in (await world.until_state("bad", "refused"))["detail"]
    await world.until_state("good", "recorded")
    assert (await world.location())["sales"] == {"refused": 1}
    world.prokip.set_stock("UNKNOWN", 5)
    assert await world.act("bad", "retry") == (200, {"state": "due"})
    await world.until_state("bad", "recorded")


async def test_a_refused_sale_is_tried_again_slowly_by_itself(database_url: str, prokip: ProkipServer) -> None:
    async with open_world(database_url, prokip, REFUSED_RETRY_S="0.1") as world:
        await world.due("bad", {"UNKNOWN": 1})
        await world.until_state("bad", "refused")
        prokip.set_stock("UNKNOWN", 5)
        await world.until_state("bad", "recorded")


async def test_a_newer_state_of_a_refused_sale_is_tried_at_once(world: PollerWorld) -> None:
    await world.due("1001", {"UNKNOWN": 1, "A": 1})
    await world.until_state("1001", "refused")
    await world.due("1001", {"UNKNOWN": 0, "A": 1})
    await world.until_state("1001", "recorded")
    assert world.prokip.recorded("A") == 1


async def test_a_cancel_of_a_sale_that_was_never_taken_needs_no_request(world: PollerWorld) -> None:
    await world.due("1001", {"UNKNOWN": 1})
    await world.until_state("1001", "refused")
    posts = world.posts()
    await world.due("1001", {"UNKNOWN": 0})
    await world.until_state("1001", "recorded")
    assert world.posts() == posts


async def test_sales_wait_visibly_until_prokip_is_set_up(database_url: str, prokip: ProkipServer) -> None:
    async with open_world(database_url, prokip, configured=False) as world:
        await world.due("1001", {"A": 1})
        await world.until_state("1001", "due")
        _, body = await world.ask("GET", "/internal/prokip")
        assert body["configured"] is False
        assert body["locations"][0]["sales"] == {"due": 1}
        await world.configure()
        await world.until_state("1001", "recorded")


async def test_a_token_that_is_not_accepted_sends_nothing_twice_and_new_settings_help_at_once(
    world: PollerWorld,
) -> None:
    await world.configure(token="revoked")
    await world.until_health("not_authorised")
    for number in range(6):
        await world.due(f"{number}", {"A": 1})
    await world.until_state("5", "due")
    await world.configure()
    for number in range(6):
        await world.until_state(f"{number}", "recorded")
    assert world.prokip.recorded("A") == 6


async def test_a_prokip_that_is_away_gets_its_sales_when_it_is_back(world: PollerWorld) -> None:
    await world.read()
    await world.configure(api_url="http://127.0.0.1:1")
    await world.until_health("unavailable")
    await world.due("1001", {"A": 2})
    await world.until_state("1001", "due")
    await world.configure()
    await world.until_state("1001", "recorded")
    assert world.prokip.recorded("A") == 2


async def test_a_throttled_prokip_is_left_alone_for_as_long_as_it_asks(world: PollerWorld) -> None:
    world.prokip.faults.add(Fault("rate_limit", method="POST", retry_after_s=1.0))
    await world.due("1001", {"A": 1})
    await world.until_health("throttled")
    posts = world.posts()
    await world.due("1002", {"A": 1})
    await world.until_state("1002", "due")
    assert world.posts() == posts
    await world.until_state("1001", "recorded")
    await world.until_state("1002", "recorded")
    assert world.prokip.recorded("A") == 2


async def test_a_return_in_doubt_is_settled_like_a_sale(world: PollerWorld) -> None:
    await world.due("1001", {"A": 3})
    await world.until_state("1001", "recorded")
    world.prokip.faults.add(Fault("reset_after", method="POST", path="refund"))
    await world.due("1001", {"A": 1})
    await world.until_state("1001", "in_doubt")
    assert await world.act("1001", "settle", {"outcome": "recorded"}) == (200, {"state": "recorded"})
    assert world.prokip.recorded("A") == 1


async def test_a_draining_service_waits_for_the_answer_of_what_it_sent(database_url: str, prokip: ProkipServer) -> None:
    prokip.faults.add(Fault("slow", method="POST", hold_s=0.4))
    async with open_world(database_url, prokip) as world:
        async with open_poller(database_url):
            await world.due("1001", {"A": 1})
            await world.until_state("1001", "posting")
        await world.until_state("1001", "recorded")


async def test_replicas_share_the_sales_and_tell_each_once(database_url: str, prokip: ProkipServer) -> None:
    async with open_world(database_url, prokip) as world, open_poller(database_url):
        for number in range(40):
            await world.due(f"{number}", {"A": 1})
        for number in range(40):
            await world.until_state(f"{number}", "recorded")
        assert prokip.recorded("A") == 40
        assert len(prokip.sales) == 40


async def test_another_business_sees_and_settles_nothing(world: PollerWorld) -> None:
    world.prokip.faults.add(Fault("reset_after", method="POST"))
    await world.due("1001", {"A": 1})
    await world.until_state("1001", "in_doubt")
    stranger = world.business_id + 1
    path = "/internal/sales/7/1001"
    assert (await world.ask("GET", path, business_id=stranger))[0] == 404
    assert (await world.ask("POST", f"{path}/settle", {"outcome": "recorded"}, business_id=stranger))[0] == 404
    assert (await world.ask("GET", "/internal/sale-records", business_id=stranger))[1]["sale_records"] == []
    assert (await world.ask("GET", "/internal/prokip", business_id=stranger))[1]["locations"] == []
    assert (await world.until_state("1001", "in_doubt"))["state"] == "in_doubt"


async def test_sale_records_are_listed_by_state_and_page(world: PollerWorld) -> None:
    for number in range(5):
        await world.due(f"{number}", {"A": 1})
        await world.until_state(f"{number}", "recorded")
    await world.due("bad", {"UNKNOWN": 1})
    await world.until_state("bad", "refused")
    _, refused = await world.ask("GET", "/internal/sale-records?state=refused")
    assert [one["order_ref"] for one in refused["sale_records"]] == ["bad"]
    seen: list[str] = []
    after = ""
    while True:
        _, page = await world.ask("GET", f"/internal/sale-records?limit=2&after={after}")
        seen += [one["order_ref"] for one in page["sale_records"]]
        after = page["next"]
        if after is None:
            break
    assert seen == ["bad", "4", "3", "2", "1", "0"]
    for query in ("state=lost", "limit=0", "limit=x", "after=x"):
        assert (await world.ask("GET", f"/internal/sale-records?{query}"))[0] == 400

"""Reads that would change too much: held, released, refused, undone."""

from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from typing import Any

import pytest

from prokip_sandbox.faults import Fault
from prokip_sandbox.prokip import ProkipServer
from prokip_shared.messages import ProkipObservedV1, SyncCompletedV1
from tests.integration.poller.world import PollerWorld, fetch_value, goods, open_poller, open_world
from tests.support.eventually import eventually

D = Decimal
SKUS = tuple(f"S{number:02d}" for number in range(40))


@pytest.fixture
async def prokip() -> AsyncIterator[ProkipServer]:
    """A Prokip with 10 each of 40 SKUs."""
    server = ProkipServer()
    server.seed_goods(goods(10, *SKUS))
    async with server.serve():
        yield server


@pytest.fixture
async def world(database_url: str, prokip: ProkipServer) -> AsyncIterator[PollerWorld]:
    async with open_world(database_url, prokip) as world:
        await world.until(lambda: bool(world.heard_of(ProkipObservedV1)), "first read told")
        yield world


def set_all(world: PollerWorld, quantity: int, skus: tuple[str, ...] = SKUS) -> None:
    for sku in skus:
        world.prokip.set_stock(sku, quantity)


async def failed_round(world: PollerWorld) -> SyncCompletedV1:
    round_id = await world.ask_for_round()

    def found() -> list[SyncCompletedV1]:
        return [one for one in world.heard_of(SyncCompletedV1) if one.round_id == round_id]

    await world.until(lambda: bool(found()), "round failed")
    return found()[0]


async def reads(world: PollerWorld, state: str = "") -> list[dict[str, Any]]:
    status, body = await world.ask("GET", f"/internal/prokip/reads?state={state}")
    assert status == 200, body
    found: list[dict[str, Any]] = body["reads"]
    return found


async def held(world: PollerWorld) -> dict[str, Any]:
    (one,) = await reads(world, "held")
    return one


async def decide(world: PollerWorld, read: Mapping[str, Any], decision: str) -> tuple[int, Any]:
    return await world.ask("POST", f"/internal/prokip/reads/{read['id']}/{decision}")


def bases(world: PollerWorld) -> dict[str, Decimal]:
    return {sku: sum(pair, D(0)) for sku, pair in world.told_pairs().items()}


async def until_base(world: PollerWorld, base: int, skus: tuple[str, ...] = SKUS) -> None:
    await world.until(lambda: all(bases(world)[sku] == base for sku in skus), f"base {base} told")


async def test_a_read_that_would_zero_the_catalogue_is_held_and_shown(world: PollerWorld) -> None:
    set_all(world, 0)
    failed = await failed_round(world)
    assert failed.detail == (
        "What Prokip says of LOC001 is held until somebody looks at it:"
        " 40 of 40 SKUs would fall to zero and 40 of 40 SKUs would change."
    )
    assert set(bases(world).values()) == {D(10)}, "nothing was told"
    read = await held(world)
    assert (read["rules"], read["zeroed_skus"], read["known_skus"]) == (["zeroed", "changed"], 40, 40)
    changes = f"/internal/prokip/reads/{read['id']}/changes?limit=2"
    _, page = await world.ask("GET", changes)
    status, page = await world.ask("GET", f"{changes}&after={page['next']}")
    assert (status, [change["sku"] for change in page["changes"]]) == (200, ["S02", "S03"])
    assert page["changes"][0] == {
        "sku": "S02",
        "before_quantity": "10",
        "before_recorded": "0",
        "after_quantity": "0",
        "after_recorded": "0",
    }
    location = await world.location()
    assert (location["held_read_id"], location["health"], location["skus"]) == (read["id"], "healthy", 40)


async def test_an_empty_list_holds_nothing_and_changes_nothing(world: PollerWorld) -> None:
    for sku in SKUS:
        world.prokip.remove(sku)
    assert "empty stock list" in (await failed_round(world)).detail
    assert await reads(world, "held") == []
    assert len(world.heard_of(ProkipObservedV1)) == 1


async def test_half_a_list_is_held_and_once_released_is_what_the_next_one_is_compared_with(world: PollerWorld) -> None:
    for sku in SKUS[:25]:
        world.prokip.remove(sku)
    world.prokip.set_stock("S39", 7)
    assert "Only 15 of 40 SKUs are in Prokip's answer" in (await failed_round(world)).detail
    assert bases(world)["S39"] == 10
    assert (await decide(world, await held(world), "release"))[0] == 200
    await until_base(world, 7, ("S39",))
    await world.read()
    assert await reads(world, "held") == []
    assert bases(world)["S00"] == 10, "missing is not zero"


async def test_while_a_read_is_held_its_other_skus_and_all_sales_go_on(world: PollerWorld) -> None:
    set_all(world, 0, SKUS[:30])
    await failed_round(world)
    await world.due("1001", {"S39": 2, "S00": 1})
    await world.until_state("1001", "recorded")
    await failed_round(world)
    await world.until(lambda: world.told_pairs()["S39"] == (D(8), D(2)), "the sale of a SKU that is not held")
    assert world.told_pairs()["S00"] == (D(10), D(0))
    assert len(await reads(world, "held")) == 1


async def test_the_same_again_leaves_the_held_read_and_something_else_replaces_it(world: PollerWorld) -> None:
    set_all(world, 0)
    await failed_round(world)
    first = await held(world)
    await failed_round(world)
    assert (await held(world))["id"] == first["id"]
    world.prokip.set_stock("S00", 3)
    await failed_round(world)
    second = await held(world)
    assert second["id"] != first["id"]
    status, problem = await decide(world, first, "release")
    assert (status, problem["code"]) == (409, "read_not_in_this_state")
    assert "has replaced it" in problem["detail"]
    assert (await decide(world, second, "release"))[0] == 200
    await until_base(world, 0, SKUS[1:])
    assert bases(world)["S00"] == 3


async def test_skus_that_are_being_sold_do_not_let_a_held_read_through(world: PollerWorld) -> None:
    set_all(world, 0, SKUS[:21])
    await failed_round(world)
    read = await held(world)
    world.prokip.faults.add(Fault("reset_after", method="POST"))
    await world.due("1001", dict.fromkeys(SKUS[:14], 1))
    await world.until_state("1001", "in_doubt")
    await failed_round(world)
    assert (await held(world))["id"] == read["id"]
    assert set(bases(world).values()) == {D(10)}


async def test_a_read_that_is_fine_again_ends_the_hold_by_itself(world: PollerWorld) -> None:
    set_all(world, 0)
    await failed_round(world)
    read = await held(world)
    set_all(world, 10)
    await world.read()
    assert await reads(world, "held") == []
    status, problem = await decide(world, read, "release")
    assert status == 409
    assert "fine again" in problem["detail"]


async def test_what_is_released_is_told_and_is_right_whatever_was_sold_meanwhile(world: PollerWorld) -> None:
    set_all(world, 5)
    await failed_round(world)
    await world.due("1001", {"S00": 2})
    await world.until_state("1001", "recorded")
    status, decided = await decide(world, await held(world), "release")
    assert (status, decided) == (200, {"state": "released", "skus": 40})
    await until_base(world, 5)
    assert (await decide(world, (await reads(world))[0], "release"))[0] == 409


async def test_what_is_refused_is_not_offered_again_until_it_moves(world: PollerWorld) -> None:
    set_all(world, 0)
    await failed_round(world)
    assert await decide(world, await held(world), "refuse") == (200, {"state": "refused", "skus": 40})
    await world.due("1001", {"S00": 2})
    await world.until_state("1001", "recorded")
    (part,) = await world.read()
    assert part.items == ()
    assert (await world.location())["held_back_skus"] == 40
    _, page = await world.ask("GET", "/internal/prokip/held-back?limit=1")
    assert page["held_back"][0] | {"read_id": 0} == {
        "location_id": "LOC001",
        "sku": "S00",
        "base": "0",
        "told_base": "10",
        "read_id": 0,
    }
    world.prokip.set_stock("S01", 4)
    await world.read()
    assert bases(world)["S01"] == 4
    assert (await world.location())["held_back_skus"] == 39


async def test_a_refusal_taken_back_is_offered_again(world: PollerWorld) -> None:
    set_all(world, 0)
    await failed_round(world)
    read = await held(world)
    await decide(world, read, "refuse")
    assert (await decide(world, read, "reconsider"))[0] == 200
    await failed_round(world)
    again = await held(world)
    assert again["id"] != read["id"]
    assert (await decide(world, read, "reconsider"))[0] == 409


async def test_an_applied_read_is_undone_in_bases_and_does_not_come_back_by_itself(world: PollerWorld) -> None:
    set_all(world, 5, SKUS[:15])
    await world.read()
    await until_base(world, 5, SKUS[:15])
    read = (await reads(world, "applied"))[0]
    await world.due("1001", {"S00": 2})
    await world.until_state("1001", "recorded")
    world.prokip.set_stock("S01", 9)
    await world.read()
    assert await decide(world, read, "undo") == (200, {"state": "undone", "skus": 14})
    undone = (SKUS[0], *SKUS[2:15])
    await until_base(world, 10, undone)
    assert world.told_pairs()["S00"] == (D(8), D(2)), "what Prokip would show, with the sales since"
    assert bases(world)["S01"] == 9, "a later read has changed it"
    (part,) = await world.read()
    assert part.items == ()
    assert (await world.location())["held_back_skus"] == 14
    assert (await decide(world, read, "undo"))[0] == 409
    world.prokip.counter_sale({"S02": 1})
    await world.read()
    assert bases(world)["S02"] == 4, "Prokip's base moved, so it is the truth again"


async def test_a_read_that_told_only_new_skus_cannot_be_undone(world: PollerWorld) -> None:
    status, problem = await decide(world, (await reads(world))[-1], "undo")
    assert status == 409
    assert "Nothing is left to undo" in problem["detail"]


async def test_a_decision_is_newer_than_a_read_under_way(database_url: str, world: PollerWorld) -> None:
    set_all(world, 0)
    await failed_round(world)
    read = await held(world)
    world.prokip.faults.add(Fault("slow", method="GET", hold_s=0.5))
    calls = world.prokip.calls.counts["GET /inventory"]
    await world.configure()
    await world.until(lambda: world.prokip.calls.counts["GET /inventory"] > calls, "read under way")
    assert (await decide(world, read, "release"))[0] == 200
    await until_base(world, 0)
    await world.read()
    assert await reads(world, "held") == []


async def test_replicas_hold_one_read_and_one_decision_counts(database_url: str, world: PollerWorld) -> None:
    async with open_poller(database_url):
        set_all(world, 0)
        for _ in range(3):
            await failed_round(world)
        read = await held(world)
        assert (await decide(world, read, "refuse"))[0] == 200
        assert (await decide(world, read, "release"))[0] == 409
        (part,) = await world.read()
        assert part.items == ()


async def test_another_business_cannot_see_or_decide(world: PollerWorld) -> None:
    set_all(world, 0)
    await failed_round(world)
    read = await held(world)
    stranger = world.business_id + 1
    for method, path in (
        ("GET", "changes"),
        ("POST", "release"),
        ("POST", "refuse"),
        ("POST", "undo"),
        ("POST", "reconsider"),
    ):
        status, problem = await world.ask(method, f"/internal/prokip/reads/{read['id']}/{path}", business_id=stranger)
        assert (status, problem["code"]) == (404, "read_not_found"), path
    for path in ("reads", "held-back", "left-alone"):
        status, page = await world.ask("GET", f"/internal/prokip/{path}", business_id=stranger)
        assert (status, page["next"], *[rows for key, rows in page.items() if key != "next"]) == (200, None, [])


COUNT_WRITES = """
-- Of the outbox only what is said: rows of the first read may still be on their way out.
CREATE TABLE written (name text);
CREATE FUNCTION note_write() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO public.written VALUES (TG_TABLE_NAME); RETURN NULL; END $$;
DO $$
DECLARE name text;
BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'prokip' LOOP
        EXECUTE format(
            'CREATE TRIGGER note_write AFTER %s ON prokip.%I FOR EACH ROW EXECUTE FUNCTION note_write()',
            CASE name WHEN 'outbox' THEN 'INSERT' ELSE 'INSERT OR UPDATE OR DELETE' END, name
        );
    END LOOP;
END $$
"""


async def test_a_read_that_finds_nothing_new_writes_its_location_and_publishes_nothing(world: PollerWorld) -> None:
    await world.pool.execute(COUNT_WRITES)
    before = (await world.location())["sequence"]
    await world.pool.execute("UPDATE prokip.location SET next_poll_at = now()")

    async def read_again() -> bool:
        location = await world.location()
        assert location["last_read_at"] is not None
        return bool(location["sequence"] == before + 1 and location["next_read_at"] > location["last_read_at"])

    await eventually(read_again, what="second read")
    assert await fetch_value(world.database_url, "SELECT array_agg(DISTINCT name) FROM written") == ["location"]
    assert len(world.heard_of(ProkipObservedV1)) == 1

"""What a read tells, and to whom."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web

from prokip_sandbox.faults import Fault
from prokip_sandbox.prokip import ProkipServer
from prokip_shared.messages import ProkipObservedV1, SyncCompletedV1
from tests.integration.poller.world import (
    LOCATION,
    STORE,
    PollerWorld,
    fetch_value,
    goods,
    open_poller,
    open_world,
)
from tests.support.eventually import eventually

D = Decimal


async def first_read(world: PollerWorld) -> None:
    await world.until(lambda: bool(world.heard_of(ProkipObservedV1)), "first read told")


async def test_the_first_read_tells_everything_and_says_that_it_is_complete(world: PollerWorld) -> None:
    await first_read(world)
    (message,) = world.heard_of(ProkipObservedV1)
    assert [(item.sku, item.quantity, item.recorded) for item in message.items] == [
        ("A", D(100), D(0)),
        ("B", D(100), D(0)),
        ("C", D(100), D(0)),
    ]
    assert message.first_read_complete
    assert (message.location_id, message.sequence, message.round) == (LOCATION, 1, None)
    location = await world.until_health("healthy")
    assert (location["skus"], location["first_read_complete"], location["left_out"]) == (3, True, [])


async def test_later_only_what_changed_is_told(world: PollerWorld) -> None:
    await first_read(world)
    world.prokip.counter_sale({"B": 1.5})
    world.prokip.set_stock("C", -2)
    (part,) = await world.read()
    assert [(item.sku, item.quantity) for item in part.items] == [("B", D("98.5")), ("C", D(-2))]
    assert part.sequence == 2


async def test_our_own_sale_is_told_as_a_pair_whose_sum_stays(world: PollerWorld) -> None:
    await first_read(world)
    await world.due("1001", {"A": 2})
    await world.until_state("1001", "recorded")
    (part,) = await world.read()
    assert [(item.sku, item.quantity, item.recorded) for item in part.items] == [("A", D(98), D(2))]


async def test_a_read_that_finds_nothing_new_says_nothing_and_writes_no_row_but_the_cursor(world: PollerWorld) -> None:
    await first_read(world)
    rows = "SELECT array_agg(xmin::text ORDER BY sku) FROM prokip.sku_snapshot"
    before = await fetch_value(world.database_url, rows)
    await world.configure()  # reads again at once, without a round

    async def read_again() -> bool:
        return bool((await world.location())["sequence"] == 2 and (await world.location())["health"] == "healthy")

    await eventually(read_again, what="second read")
    assert await fetch_value(world.database_url, rows) == before

    async def nothing_to_say() -> bool:
        """The row of the first read may stand a moment longer than it takes to be sent."""
        return bool(await fetch_value(world.database_url, "SELECT count(*) FROM prokip.outbox") == 0)

    await eventually(nothing_to_say, what="the outbox is empty")
    assert len(world.heard_of(ProkipObservedV1)) == 1


async def test_a_round_gets_a_part_even_if_nothing_changed_and_every_round_is_whole(world: PollerWorld) -> None:
    await first_read(world)
    world.prokip.counter_sale({"A": 1})
    one = await world.read()
    two = await world.read()
    assert [len(part.items) for part in (*one, *two)] == [1, 0]
    assert two[0].round is not None
    assert (two[0].round.part, two[0].round.parts) == (1, 1)


async def test_a_large_catalogue_travels_in_parts_of_bounded_size(database_url: str) -> None:
    prokip = ProkipServer()
    prokip.seed_goods(goods(5, *(f"SKU-{number:04d}" for number in range(1201))))
    async with prokip.serve(), open_world(database_url, prokip) as world:
        await world.until(lambda: len(world.heard_of(ProkipObservedV1)) == 3, "three parts")
        assert [len(part.items) for part in world.heard_of(ProkipObservedV1)] == [500, 500, 201]
        for number in range(600):
            prokip.set_stock(f"SKU-{number:04d}", 6)
        parts = await world.read()
        assert [part.round and (part.round.part, part.round.parts) for part in parts] == [(1, 2), (2, 2)]


async def test_what_is_more_than_memory_may_hold_is_told_by_the_relay(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prokip_poller.outcomes.BUNDLES_HELD_MAX", 1)
    prokip = ProkipServer()
    prokip.seed_goods(goods(5, *(f"SKU-{number:04d}" for number in range(1201))))
    async with prokip.serve(), open_world(database_url, prokip) as world:
        await world.until(lambda: len(world.heard_of(ProkipObservedV1)) == 3, "three parts")
        assert {len(part.items) for part in world.heard_of(ProkipObservedV1)} == {500, 201}


async def test_a_missing_sku_is_not_zero(world: PollerWorld) -> None:
    await first_read(world)
    world.prokip.remove("B")
    (part,) = await world.read()
    assert part.items == ()
    assert (await world.location())["skus_missing"] == 1


async def test_an_empty_list_changes_nothing_and_is_shown(world: PollerWorld) -> None:
    await first_read(world)
    for sku in ("A", "B", "C"):
        world.prokip.remove(sku)
    round_id = await world.ask_for_round()
    await world.until(lambda: bool(world.heard_of(SyncCompletedV1)), "round failed")
    (failed,) = world.heard_of(SyncCompletedV1)
    assert (failed.round_id, failed.state) == (round_id, "failed")
    assert "empty stock list" in failed.detail
    assert (await world.until_health("unusable"))["skus"] == 3
    assert len(world.heard_of(ProkipObservedV1)) == 1


async def test_garbage_half_answers_and_errors_change_nothing(world: PollerWorld) -> None:
    await first_read(world)
    for kind, health in (
        ("wrong_type", "unusable"),
        ("truncated", "unusable"),
        ("status", "unavailable"),
        ("reset_before", "unavailable"),
    ):
        world.prokip.faults.add(Fault(kind, method="GET", times=None))  # type: ignore[arg-type]  # from the table above
        heard = len(world.heard_of(SyncCompletedV1))
        await world.ask_for_round()
        await world.until(lambda heard=heard: len(world.heard_of(SyncCompletedV1)) > heard, kind)  # type: ignore[misc]  # mypy and defaults
        await world.until_health(health)
        world.prokip.faults.clear()
        await world.until_health("healthy")
    assert len(world.heard_of(ProkipObservedV1)) == 1


async def test_a_round_without_settings_fails_in_plain_words(database_url: str, prokip: ProkipServer) -> None:
    async with open_world(database_url, prokip, configured=False) as world:
        await world.ask_for_round()
        await world.until(lambda: bool(world.heard_of(SyncCompletedV1)), "round failed")
        assert world.heard_of(SyncCompletedV1)[0].detail == "Prokip is not set up for this business yet."


async def test_an_unknown_location_is_told_in_prokips_words(world: PollerWorld) -> None:
    await first_read(world)
    await world.configure(location="LOC404")

    async def refused() -> bool:
        return (await world.location("LOC404")).get("health") == "refused"

    await eventually(refused, what="refused")
    assert "Unknown location LOC404" in (await world.location("LOC404"))["reason"]


async def test_rows_that_contradict_each_other_are_left_out_and_listed(database_url: str) -> None:
    rows: list[Mapping[str, Any]] = [
        {"sku": "A", "quantity": "3"},
        {"sku": "A", "quantity": "4"},
        {"sku": "B", "quantity": "2.5000"},
        {"quantity": 1},
    ]

    async def inventory(_request: web.Request) -> web.Response:
        return web.json_response({"data": rows})

    app = web.Application()
    app.router.add_get("/inventory", inventory)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    prokip = ProkipServer()
    prokip.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with open_world(database_url, prokip) as world:
            await first_read(world)
            (message,) = world.heard_of(ProkipObservedV1)
            assert [(item.sku, item.quantity) for item in message.items] == [("B", D("2.5"))]
            assert not message.first_read_complete, "A is known to Prokip and must not count as unknown"
            location = await world.location()
            assert location["left_out"] == [{"sku": "A", "reason": "unusable", "reads": 1}]
            assert location["rows_without_sku"] == 1
            del rows[0]
            (part,) = await world.read()
            assert part.first_read_complete
            assert {item.sku for item in part.items} == {"A", "B"}, "all of it, not only what is new"
            rows[0] = {"sku": "A", "quantity": "5"}
            (later,) = await world.read()
            assert (later.first_read_complete, [item.sku for item in later.items]) == (False, ["A"])
    finally:
        await runner.cleanup()


async def test_a_sku_in_doubt_is_left_out_until_it_is_settled(world: PollerWorld) -> None:
    await first_read(world)
    world.prokip.faults.add(Fault("reset_after", method="POST"))
    await world.due("1001", {"A": 2})
    await world.until_state("1001", "in_doubt")
    assert (await world.read())[0].items == ()
    assert (await world.location())["left_out"] == [{"sku": "A", "reason": "in_doubt", "reads": 1}]
    await world.act("1001", "settle", {"outcome": "recorded"})
    await world.until(lambda: world.told_pairs()["A"] == (D(98), D(2)), "pair told after the doubt")


async def test_a_sku_being_posted_is_left_out_and_read_again_soon_without_being_asked(world: PollerWorld) -> None:
    await first_read(world)
    world.prokip.faults.add(Fault("slow", method="POST", hold_s=0.3))
    await world.due("1001", {"A": 2})
    await world.until_state("1001", "posting")
    assert (await world.read())[0].items == ()
    await world.until(lambda: world.told_pairs()["A"] == (D(98), D(2)), "pair told by an early read")


async def test_a_busy_sku_is_read_in_a_moment_of_quiet(database_url: str, prokip: ProkipServer) -> None:
    """Every request takes 50 ms and every read 150 ms, so without quiet no read would ever see A at rest."""
    prokip.faults.add(Fault("slow", method="POST", times=None, hold_s=0.05))
    prokip.faults.add(Fault("slow", method="GET", times=None, hold_s=0.15))
    async with open_world(database_url, prokip, POSTING_CONCURRENCY="2") as world:
        for number in range(150):
            await world.due(f"{number}", {"A": 1})
        await world.ask_for_round()

        async def told_while_busy() -> bool:
            waiting = (await world.location()).get("sales", {}).get("due", 0)
            assert world.told_pairs().get("A", (D(100), D(0)))[1] > 0
            return bool(waiting > 10)

        await eventually(told_while_busy, what="A told while sales still wait")
        quantity, recorded = world.told_pairs()["A"]
        assert quantity + recorded == 100


async def test_replicas_read_a_location_one_at_a_time(database_url: str, prokip: ProkipServer) -> None:
    prokip.faults.add(Fault("slow", method="GET", times=None, hold_s=0.1))
    async with open_world(database_url, prokip) as world, open_poller(database_url), open_poller(database_url):
        await first_read(world)
        for _ in range(4):
            await world.read()
        sequences = [message.sequence for message in world.heard_of(ProkipObservedV1)]
        assert sequences == sorted(set(sequences))
        assert len(sequences) == prokip.calls.counts["GET /inventory"]


async def test_a_read_whose_process_died_is_taken_over_when_its_lease_is_over(world: PollerWorld) -> None:
    await first_read(world)
    await world.pool.execute(
        "UPDATE prokip.location SET reader = gen_random_uuid(), reader_until = now() + interval '0.3 s'"
    )
    (part,) = await world.read()
    assert part.sequence == 2


async def connect_kiosk(world: PollerWorld, location_id: str) -> None:
    """A store that sells from another location than the account's."""
    await world.pool.execute(
        "INSERT INTO gateway.connection (id, business_id, platform, store_key, store_url, store_name, location_id,"
        " status, connected_at, credentials) OVERRIDING SYSTEM VALUE"
        " VALUES ($1, $2, 'custom', 'kiosk', 'http://kiosk', 'Kiosk', $3, 'connected', now(), $4)",
        STORE,
        world.business_id,
        location_id,
        world.sealed_custom_credentials("kiosk"),
    )


async def test_the_locations_of_connected_stores_are_read_as_well(database_url: str) -> None:
    prokip = ProkipServer(locations=("LOC001", "LOC002"))
    prokip.seed_goods(goods(5, "A"))
    async with prokip.serve(), open_world(database_url, prokip) as world:
        await first_read(world)
        await connect_kiosk(world, "LOC002")
        await world.until(lambda: len(world.heard_of(ProkipObservedV1)) == 2, "second location read")
        assert {message.location_id for message in world.heard_of(ProkipObservedV1)} == {"LOC001", "LOC002"}
        parts = await world.read()
        assert [part.round and (part.location_id, part.round.part, part.round.parts) for part in parts] == [
            ("LOC001", 1, 2),
            ("LOC002", 2, 2),
        ]
        round_id = await world.ask_for_round(STORE)
        await world.until(
            lambda: any(one.round and one.round.round_id == round_id for one in world.heard_of(ProkipObservedV1)),
            "the store's own round",
        )
        assert world.heard_of(ProkipObservedV1)[-1].location_id == "LOC002"


async def test_a_round_waits_for_a_location_that_must_wait_without_hammering_the_others(database_url: str) -> None:
    prokip = ProkipServer(locations=("LOC001", "LOC002"))
    prokip.seed_goods(goods(5, "A"))
    async with prokip.serve(), open_world(database_url, prokip) as world:
        await first_read(world)
        prokip.faults.add(Fault("rate_limit", path="LOC002", retry_after_s=1))
        await connect_kiosk(world, "LOC002")

        async def throttled() -> bool:
            return (await world.location("LOC002")).get("health") == "throttled"

        await eventually(throttled, what="throttled")
        parts = await world.read()
        assert {part.location_id for part in parts} == {"LOC001", "LOC002"}
        reads = [call.path for call in prokip.calls.latest if "LOC001" in call.path]
        assert len(reads) <= 3

from uuid import UUID, uuid4

import asyncpg

from prokip_sandbox import Fault
from prokip_shared.messages import RoundPart, SyncCompletedV1, SyncRequestedV1
from tests.integration.push.test_pushing import shopify_with, woo_with
from tests.integration.push.world import PushWorld, open_world, woo_credentials
from tests.support.eventually import eventually


def part(round_id: UUID, number: int, parts: int) -> RoundPart:
    return RoundPart(round_id=round_id, connection_id=None, part=number, parts=parts)


async def ended(world: PushWorld) -> SyncCompletedV1:
    await world.until(lambda: bool(world.heard_of(SyncCompletedV1)), "round ended")
    return world.heard_of(SyncCompletedV1)[0]


async def test_a_round_ends_when_all_its_parts_are_shown_by_all_stores(database_url: str) -> None:
    woo, shopify = woo_with(2), shopify_with(2)
    async with woo.serve(), shopify.serve(), open_world(database_url, shopify) as world:
        connections = [await world.connect_woo(woo), await world.connect_shop(shopify)]
        round_id = uuid4()
        await world.tell_stock({"SKU-0001": 11}, round_part=part(round_id, 1, 2))
        await world.say(SyncRequestedV1(business_id=world.business_id, round_id=round_id, connection_id=None))
        await world.until(lambda: woo.stock("SKU-0001") == 11, "first part written")
        assert not world.heard_of(SyncCompletedV1)
        await world.tell_stock({"SKU-0002": 22}, round_part=part(round_id, 2, 2))
        completed = await ended(world)
        assert (completed.round_id, completed.state) == (round_id, "completed")
        assert [(entry.connection_id, entry.state, entry.listings) for entry in completed.connections] == [
            (connection, "confirmed", 2) for connection in connections
        ]
        assert [woo.stock("SKU-0002"), shopify.shop().stock("SKU-0002")] == [22, 22]


async def test_a_round_without_changes_ends_at_once(database_url: str) -> None:
    woo = woo_with(1)
    async with woo.serve(), open_world(database_url) as world:
        await world.connect_woo(woo)
        round_id = uuid4()
        await world.say(SyncRequestedV1(business_id=world.business_id, round_id=round_id, connection_id=None))
        await world.tell_stock({}, round_part=part(round_id, 1, 1))
        assert (await ended(world)).state == "completed"


async def test_a_round_that_overtakes_the_news_of_its_connection_waits_for_its_catalogue(database_url: str) -> None:
    woo = woo_with(1)
    async with woo.serve(), open_world(database_url) as world:
        connection = await world.add_connection("woocommerce", woo.url, woo.url, woo_credentials(woo))
        round_id = uuid4()
        await world.say(SyncRequestedV1(business_id=world.business_id, round_id=round_id, connection_id=connection))
        await world.tell_stock({"SKU-0001": 9}, round_part=part(round_id, 1, 1))
        completed = await ended(world)
        assert [(entry.connection_id, entry.state) for entry in completed.connections] == [(connection, "confirmed")]
        assert woo.stock("SKU-0001") == 9


async def test_a_round_names_the_store_that_fails_and_the_one_that_is_paused(database_url: str) -> None:
    failing, paused, well = woo_with(1, name="failing"), woo_with(1, name="paused"), woo_with(1, name="well")
    async with failing.serve(), paused.serve(), well.serve(), open_world(database_url) as world:
        ids = [await world.connect_woo(store) for store in (failing, paused, well)]
        await world.execute("UPDATE gateway.connection SET sync_enabled = false WHERE id = $1", ids[1])
        await world.tell_change(ids[1], "paused")
        failing.faults.add(Fault("status", status=500, times=None))
        round_id = uuid4()
        await world.say(SyncRequestedV1(business_id=world.business_id, round_id=round_id, connection_id=None))
        await world.tell_stock({"SKU-0001": 9}, round_part=part(round_id, 1, 1))
        completed = await ended(world)
        assert completed.state == "completed"
        assert [entry.state for entry in completed.connections] == ["failing", "paused", "confirmed"]
        assert completed.connections[0].detail
        assert well.stock("SKU-0001") == 9


async def test_a_round_that_prokip_never_answers_fails_in_time(database_url: str) -> None:
    woo = woo_with(1)
    async with woo.serve(), open_world(database_url, ROUND_TIMEOUT_S="0.5") as world:
        await world.connect_woo(woo)
        await world.say(SyncRequestedV1(business_id=world.business_id, round_id=uuid4(), connection_id=None))
        failed = await ended(world)
        assert failed.state == "failed"
        assert failed.detail == "Prokip's stock did not arrive within 0.5 s"


async def waiting_for_locks(world: PushWorld) -> int:
    """How many statements of this database wait for a lock."""
    return int(
        await world.fetch_value(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
    )


async def test_asking_for_a_round_waits_for_nobody_who_reads_a_catalogue(database_url: str) -> None:
    """The reader waits for a batch of stock news, and that for the round's row: Postgres would not see the circle, part
    of which is inside the reader's process.
    """
    woo = woo_with(1)
    async with woo.serve(), open_world(database_url, CATALOGUE_INTERVAL_S="86400") as world:
        connection = await world.connect_woo(woo)
        news = await asyncpg.connect(database_url)
        try:
            async with news.transaction():
                await news.execute(
                    "SELECT pg_advisory_xact_lock(hashtextextended('push.listing', $1::bigint))", world.business_id
                )
                await world.post(f"/internal/stores/{connection}/catalogue/read")

                async def reader_waits() -> bool:
                    return await waiting_for_locks(world) == 1

                await eventually(reader_waits, what="the reader waits for the stock news")
                round_id = uuid4()
                await world.say(SyncRequestedV1(business_id=world.business_id, round_id=round_id, connection_id=None))

                async def known() -> bool:
                    found = await news.fetchval("SELECT count(*) FROM push.round WHERE round_id = $1", round_id)
                    assert found, await news.fetch(
                        "SELECT pg_blocking_pids(pid), query FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                    )
                    return True

                await eventually(known, what="the round is known while the reader waits")
        finally:
            await news.close()
        await world.tell_stock({"SKU-0001": 5}, round_part=part(round_id, 1, 1))
        assert (await ended(world)).state == "completed"
        assert woo.stock("SKU-0001") == 5


async def test_a_round_that_waits_for_a_silent_store_keeps_no_news_from_the_others(database_url: str) -> None:
    silent, woo = woo_with(1, name="silent"), woo_with(1, name="well")
    async with woo.serve(), open_world(database_url, PUSH_TIMEOUT_S="8") as world, silent.serve():
        await world.connect_woo(silent)
        await world.connect_woo(woo)
        hold = silent.faults.add(Fault("timeout_before", path="/products", times=None))
        await world.tell_stock({"SKU-0001": 7})
        await world.until(lambda: hold.met > 0 and woo.stock("SKU-0001") == 7, "one is silent, the other is written")
        round_id = uuid4()
        await world.say(SyncRequestedV1(business_id=world.business_id, round_id=round_id, connection_id=None))

        async def round_waits() -> bool:
            return await waiting_for_locks(world) == 1

        await eventually(round_waits, what="the round waits for the push")
        await world.tell_stock({"SKU-0001": 5}, round_part=part(round_id, 1, 1))
        await world.until(lambda: woo.stock("SKU-0001") == 5, "the other store is written")
        assert await round_waits(), "and the round still waits"

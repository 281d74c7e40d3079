"""Orders that no webhook told: found, told once each, whatever the store does meanwhile. No webhook is registered here."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from prokip_sandbox import Fault, WooCommerceStore
from prokip_sandbox.shopify.bodies import order_body
from prokip_shared.database import migrate, open_pool
from prokip_shared.messages import (
    CountedOrder,
    DriftFoundV1,
    OrderObservedV1,
    OrdersCountedV1,
    OrderSnapshot,
    StockItem,
)
from prokip_shared.platforms.shopify_webhooks import read_order as read_shopify_order
from store_push.storage.connections import ConnectionStorage, KnownConnection
from store_push.storage.looks import LookStorage
from store_push.storage.sweeps import SweepStorage
from store_push.storage.waiting import begin_waiting
from tests.integration.push.test_pushing import shopify_with, woo_with
from tests.integration.push.world import LOCATION, PushWorld, open_world
from tests.support.eventually import eventually


def newest(world: PushWorld, connection: int) -> dict[str, OrderSnapshot]:
    """The last word on each order."""
    told = [message for message in world.heard_of(OrderObservedV1) if message.connection_id == connection]
    assert {message.source for message in told} <= {"sweep"}
    return {message.order.order_ref: message.order for message in told}


def held(orders: dict[str, OrderSnapshot]) -> Decimal:
    return sum((line.taken for order in orders.values() for line in order.lines), Decimal(0))


async def swept(world: PushWorld, connection: int) -> dict[str, Any]:
    _, body = await world.ask("/internal/connections")
    found: dict[str, Any] = next(one for one in body["items"] if one["connection_id"] == connection)
    return found


async def first_sweep(world: PushWorld, connection: int) -> dict[str, Any]:
    async def done() -> dict[str, Any] | None:
        state = await swept(world, connection)
        return state if state["swept_at"] is not None else None

    state = await eventually(done, what="first sweep")
    assert state is not None
    return state


async def ask_for_sweep(world: PushWorld, connection: int) -> None:
    await world.execute(
        "WITH wanted AS (UPDATE push.connection_work SET sweep_wanted_at = now() WHERE connection_id = $1 RETURNING 1)"
        " SELECT pg_notify('prokip_push_sweep', '') FROM wanted",
        connection,
    )


async def test_a_woocommerce_order_that_no_webhook_told_is_found_with_what_the_store_holds(database_url: str) -> None:
    woo = woo_with(2)
    async with woo.serve(), open_world(database_url, SWEEP_INTERVAL_S="1") as world:
        connection = await world.connect_woo(woo)
        kept, refunded, trashed = (woo.buy({"SKU-0001": 5}) for _ in range(3))
        woo.refund(refunded, {"SKU-0001": 2})
        woo.orders.trash(woo.order(trashed))
        wanted = {str(kept): ("processing", 5), str(refunded): ("processing", 3), str(trashed): ("trash", 5)}

        async def found() -> bool:
            orders = newest(world, connection)
            return {ref: (order.status, int(order.lines[0].taken)) for ref, order in orders.items()} == wanted

        await eventually(found, what="all orders told")
        state = await swept(world, connection)
        assert (state["sweep_error"], state["swept_unreadable"]) == (None, 0)


async def test_a_shopify_order_is_read_as_its_webhook_would_be(database_url: str) -> None:
    """With more lines than a page of orders carries, a restocking and a plain refund, and a cancelled neighbour."""
    shopify = shopify_with(30)
    async with shopify.serve(), open_world(database_url, shopify, SWEEP_INTERVAL_S="1") as world:
        connection = await world.connect_shop(shopify)
        shop = shopify.shop()
        long = shop.buy({f"SKU-{n:04d}": 3 for n in range(1, 31)})
        shop.refund(long, {"SKU-0001": 2, "SKU-0030": 1})
        shop.refund(long, {"SKU-0002": 1}, restock=False)
        gone = shop.buy({"SKU-0003": 4})
        shop.cancel(gone, restock=True)
        wanted = {str(ref): read_shopify_order(order_body(shop.order(ref), shop.state)) for ref in (long, gone)}

        async def found() -> bool:
            return newest(world, connection) == wanted

        await eventually(found, what="orders as their webhooks tell them")
        assert held(newest(world, connection)) == 30 * 3 - 3


@pytest.mark.parametrize("orders", [230])
async def test_more_orders_than_a_page_holds_are_all_told(database_url: str, orders: int) -> None:
    woo = woo_with(1, 1000)
    async with woo.serve(), open_world(database_url, SWEEP_INTERVAL_S="1") as world:
        connection = await world.connect_woo(woo)
        refs = {str(woo.buy({"SKU-0001": 1})) for _ in range(orders)}

        async def found() -> bool:
            return newest(world, connection).keys() == refs

        await eventually(found, what="every order told")


async def test_a_difference_asks_for_a_sweep_and_an_order_explains_it(database_url: str) -> None:
    """The sale lowers the store, no webhook comes, and nothing is called drift although the time for it is over."""
    shopify = shopify_with(1, 100)
    async with shopify.serve(), open_world(database_url, shopify, SWEEP_INTERVAL_S="86400") as world:
        connection = await world.connect_shop(shopify)
        await world.tell_stock({"SKU-0001": 100})
        await world.until_settled(connection)
        first = await first_sweep(world, connection)
        order = shopify.shop().buy({"SKU-0001": 7})
        await world.tell_stock({"SKU-0001": 90})

        async def told() -> bool:
            return str(order) in newest(world, connection)

        await eventually(told, what="the order was told")

        async def over() -> bool:
            """What a sweep finds is told before it is over."""
            return bool(first["swept_at"] < (await swept(world, connection))["swept_at"])

        await eventually(over, what="the sweep is over")
        await world.tell_stock({"SKU-0001": 83}, {connection: 7})
        await world.until_settled(connection)
        assert shopify.shop().stock("SKU-0001") == 83
        assert not world.heard_of(DriftFoundV1)


async def test_a_difference_is_not_judged_before_the_ledger_has_counted_what_was_swept(database_url: str) -> None:
    """It takes its time, and answers with the quantities, whose own message is still on its way."""
    shopify = shopify_with(1, 100)
    async with shopify.serve(), open_world(database_url, shopify, SWEEP_INTERVAL_S="86400") as world:
        connection = await world.connect_shop(shopify)
        await world.tell_stock({"SKU-0001": 100})
        await world.until_settled(connection)
        await first_sweep(world, connection)
        world.counts_sweeps = False
        order = shopify.shop().buy({"SKU-0001": 7})
        await world.tell_stock({"SKU-0001": 90})

        async def looked_at_again() -> bool:
            """Long after the sweep, and when it would be drift."""
            found = await world.fetch_value(
                "SELECT count(*) FROM push.push p JOIN push.sweep s USING (connection_id)"
                " JOIN push.listing l ON l.id = p.listing_id WHERE p.outcome = 'conflict'"
                " AND s.complete_from > l.gap_since AND p.at > s.complete_at + interval '0.3 s'"
                " AND p.at > l.gap_since + interval '0.6 s'"
            )
            return bool(found)

        await eventually(looked_at_again, what="the difference was looked at after the sweep")
        assert not world.heard_of(DriftFoundV1)
        told = [one for one in world.heard_of(OrderObservedV1) if one.order.order_ref == str(order)]
        world.counts_sweeps = True
        world.revisions += 1
        taken = {connection: Decimal(7)}
        item = StockItem(
            sku="SKU-0001", available=Decimal(83), revision=world.revisions, taken=taken, correlation_id="late"
        )
        await world.say(*[world.counted(one, item) for one in told])
        await world.until_settled(connection)
        assert (shopify.shop().stock("SKU-0001"), (await world.listing(connection, "SKU-0001"))["gap"]) == (83, None)
        assert await world.fetch_value("SELECT count(*) FROM push.swept_order") == 0
        assert not world.heard_of(DriftFoundV1)


async def test_the_ledgers_answer_asks_for_the_look_at_a_difference_that_waited_for_it(database_url: str) -> None:
    shopify = shopify_with(1, 100)
    async with shopify.serve(), open_world(database_url, shopify, SWEEP_INTERVAL_S="86400") as world:
        connection = await world.connect_shop(shopify)
        await world.tell_stock({"SKU-0001": 100})
        await world.until_settled(connection)
        await world.execute(
            "UPDATE push.listing SET gap = -7, gap_taken = 0, gap_since = now(), must_read = true,"
            " due_at = now() + interval '1 hour'"
        )
        at = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
        await world.execute(
            "INSERT INTO push.swept_order (connection_id, order_ref, told_at) VALUES ($1, '7', $2)", connection, at
        )
        orders = (CountedOrder(order_ref="7", observed_at=at),)
        await world.say(
            OrdersCountedV1(
                business_id=world.business_id, connection_id=connection, location_id=LOCATION, orders=orders, items=()
            )
        )
        await world.until_settled(connection)
        assert (await world.listing(connection, "SKU-0001"))["gap"] is None


async def test_a_store_that_fails_is_asked_again_later_and_goes_on_where_it_was(database_url: str) -> None:
    woo = woo_with(1, 1000)
    async with woo.serve(), open_world(database_url, SWEEP_INTERVAL_S="86400") as world:
        connection = await world.connect_woo(woo)

        await first_sweep(world, connection)
        refs = {str(woo.buy({"SKU-0001": 1})) for _ in range(150)}
        woo.faults.add(Fault("status", path=r"/orders\?", times=None, skip=1, status=503))
        await ask_for_sweep(world, connection)

        async def failed() -> bool:
            return "503" in ((await swept(world, connection))["sweep_error"] or "")

        await eventually(failed, what="failure noted")
        await world.until(lambda: len(newest(world, connection)) == 100, "the first page told")
        woo.faults.clear()

        async def found() -> bool:
            state = await swept(world, connection)
            return state["sweep_error"] is None and newest(world, connection).keys() == refs

        await eventually(found, what="the rest told")


async def test_a_paused_store_is_swept_because_it_goes_on_selling(database_url: str) -> None:
    woo = woo_with(1)
    async with woo.serve(), open_world(database_url, SWEEP_INTERVAL_S="1") as world:
        connection = await world.connect_woo(woo)
        await world.execute("UPDATE gateway.connection SET sync_enabled = false")
        await world.tell_change(connection, "paused")
        order = woo.buy({"SKU-0001": 1})

        async def found() -> bool:
            return str(order) in newest(world, connection)

        await eventually(found, what="order told")


async def test_an_order_from_before_the_connection_is_told_as_a_baseline(database_url: str) -> None:
    woo: WooCommerceStore = woo_with(1)
    async with woo.serve(), open_world(database_url, SWEEP_INTERVAL_S="1") as world:
        order = woo.buy({"SKU-0001": 1})
        connection = await world.connect_woo(woo)
        await world.execute("UPDATE push.sweep SET connected_at = $1", datetime(2100, 1, 1, tzinfo=UTC))
        await ask_for_sweep(world, connection)

        async def baseline() -> bool:
            return any(
                message.predates_connection and message.order.order_ref == str(order)
                for message in world.heard_of(OrderObservedV1)
            )

        await eventually(baseline, what="told as a baseline")


async def test_who_sweeps_or_looks_is_alone_and_keeps_no_old_rows_alive(database_url: str) -> None:
    """It may last minutes: with a number its transaction would keep what has changed since in all of the database."""
    await migrate(database_url, schema="push", package="store_push")
    sweeps, looks = SweepStorage(), LookStorage()
    async with (
        await open_pool(database_url, service="test", connections_max=2) as pool,
        pool.acquire() as one,
        pool.acquire() as other,
    ):
        store = KnownConnection(1, 1, "shopify", "main", "7", writable=True, active=True)
        await ConnectionStorage().save(one, [store])
        await sweeps.start(one, {1: datetime(2026, 11, 1, tzinfo=UTC)})
        await one.execute("INSERT INTO push.level_look (connection_id, due_at) VALUES (1, now())")
        async with one.transaction():
            assert await sweeps.claim(one, pause_s_min=0) is not None
            assert await looks.claim(one) is not None
            await begin_waiting(one)
            kept = await other.fetchrow(
                "SELECT backend_xid, backend_xmin FROM pg_stat_activity WHERE pid = $1", one.get_server_pid()
            )
            assert dict(kept or {}) == {"backend_xid": None, "backend_xmin": None}
            assert await sweeps.claim(other, pause_s_min=0) is None
            assert await looks.claim(other) is None
        assert await sweeps.claim(other, pause_s_min=0) is not None
        assert await looks.claim(other) is not None

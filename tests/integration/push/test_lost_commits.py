"""A store was written, and what it answered was never stored. Then its own orders bring the old number back."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, Literal

import pytest

from prokip_sandbox import Shop, WooCommerceStore
from prokip_shared.messages import DriftFoundV1, OrderObservedV1
from tests.integration.push.test_pushing import shopify_with, woo_with
from tests.integration.push.world import PushWorld, open_world
from tests.support.eventually import eventually

LOSE = """
CREATE FUNCTION push.lose() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_terminate_backend(pg_backend_pid());
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER lose AFTER INSERT ON push.push DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION push.lose();
"""
PATIENT: Final[Any] = {"SETTLE_S": "1", "DRIFT_AFTER_S": "20", "SWEEP_INTERVAL_S": "5"}


@asynccontextmanager
async def commits_lost(world: PushWorld) -> AsyncIterator[None]:
    """Every transaction that has something to tell of a push loses its connection while it commits."""
    await world.execute(LOSE)
    yield
    await world.execute("DROP TRIGGER lose ON push.push")


@asynccontextmanager
async def one_store(
    database_url: str, platform: Literal["shopify", "woocommerce"]
) -> AsyncIterator[tuple[PushWorld, int, Shop | WooCommerceStore]]:
    async with AsyncExitStack() as stack:
        if platform == "shopify":
            shopify = shopify_with(2)
            await stack.enter_async_context(shopify.serve())
            world = await stack.enter_async_context(open_world(database_url, shopify, **PATIENT))
            yield world, await world.connect_shop(shopify), shopify.shop()
        else:
            woo = woo_with(2)
            await stack.enter_async_context(woo.serve())
            world = await stack.enter_async_context(open_world(database_url, **PATIENT))
            yield world, await world.connect_woo(woo), woo


@pytest.mark.parametrize("platform", ["shopify", "woocommerce"])
async def test_an_order_that_brings_back_the_old_number_after_a_lost_commit_is_counted(
    database_url: str, platform: Literal["shopify", "woocommerce"]
) -> None:
    """SKU-0001 is lowered and a cancellation raises it again; SKU-0002 is raised and a sale lowers it again."""
    async with one_store(database_url, platform) as (world, connection, store):
        old = store.buy({"SKU-0001": 5})
        await world.tell_stock({"SKU-0001": 95}, {connection: 5})
        await world.tell_stock({"SKU-0002": 100})
        await world.until_settled(connection)
        async with commits_lost(world):
            await world.tell_stock({"SKU-0001": 90}, {connection: 5})
            await world.tell_stock({"SKU-0002": 105})
            await world.until(lambda: [store.stock("SKU-0001"), store.stock("SKU-0002")] == [90, 105], "written")
            store.cancel(old)
            new = store.buy({"SKU-0002": 5})
            assert [store.stock("SKU-0001"), store.stock("SKU-0002")] == [95, 100]

        def told() -> bool:
            orders = [message.order for message in world.heard_of(OrderObservedV1)]
            states = {(order.order_ref, sum(line.taken for line in order.lines)) for order in orders}
            return {(str(old), 0), (str(new), 5)} <= states

        await world.until(told, "both orders were told")
        await world.tell_stock({"SKU-0001": 95}, {connection: 0})
        await world.tell_stock({"SKU-0002": 100}, {connection: 5})
        await world.until_settled(connection)
        assert [store.stock("SKU-0001"), store.stock("SKU-0002")] == [95, 100]
        assert [(await world.listing(connection, sku))["confirmed"] for sku in ("SKU-0001", "SKU-0002")] == [95, 100]
        assert await world.fetch_value("SELECT count(*) FROM push.intent") == 0
        assert not world.heard_of(DriftFoundV1)


@pytest.mark.parametrize("platform", ["shopify", "woocommerce"])
async def test_a_write_whose_commit_was_lost_is_found_and_not_done_twice(
    database_url: str, platform: Literal["shopify", "woocommerce"]
) -> None:
    async with one_store(database_url, platform) as (world, connection, store):
        await world.tell_stock({"SKU-0001": 100})
        await world.until_settled(connection)
        async with commits_lost(world):
            await world.tell_stock({"SKU-0001": 90})
            await world.until(lambda: store.stock("SKU-0001") == 90, "written")
            assert await world.fetch_value("SELECT count(*) FROM push.intent") == 1

            async def lost() -> bool:
                killed = "SELECT sessions_killed > 0 FROM pg_stat_database WHERE datname = current_database()"
                return bool(await world.fetch_value(killed))

            await eventually(lost, what="the commit is lost")
        await world.until_settled(connection)
        assert store.stock("SKU-0001") == 90
        assert await world.fetch_value("SELECT count(*) FROM push.push WHERE outcome = 'written' AND sent = 90") == 0
        assert not world.heard_of(DriftFoundV1)

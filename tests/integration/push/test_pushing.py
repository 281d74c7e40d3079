import asyncio
import base64
import hashlib
import hmac
import json
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from functools import partial

import asyncpg
from pydantic import SecretStr

from prokip_sandbox import Fault, ShopifyServer, WooCommerceStore
from prokip_shared.connections import CustomCredentials
from prokip_shared.database import migrate, open_pool
from prokip_shared.messages import ConnectionHealthChangedV1, utc_now
from prokip_shared.platforms.signatures import sign
from store_push.domain.health import Health
from store_push.storage.background import BackgroundStorage
from store_push.storage.connections import ConnectionStorage, KnownConnection
from store_push.storage.work import WorkStorage
from tests.integration.push.world import notified, open_world, simple_goods, unlimited
from tests.support.eventually import eventually

WOO_BATCH = "POST /wp-json/wc/v3/products/batch"
SET = "mutation inventorySetQuantities"


def woo_with(count: int, quantity: int = 100, name: str = "woocommerce-1") -> WooCommerceStore:
    store = WooCommerceStore(name)
    store.seed_goods(simple_goods(count, quantity))
    return store


def shopify_with(count: int, quantity: int = 100) -> ShopifyServer:
    shopify = ShopifyServer(limits=unlimited())
    shopify.seed_goods(simple_goods(count, quantity))
    return shopify


def asked_by_pushes(shopify: ShopifyServer) -> dict[str, int]:
    """Without the care of webhooks, sweeps and readings, which come when they come."""
    background = ("webhook", "orders", "productVariants")
    return {kind: count for kind, count in shopify.calls.counts.items() if not any(one in kind for one in background)}


async def test_a_change_reaches_a_woocommerce_and_a_shopify_store(database_url: str) -> None:
    woo, shopify = woo_with(3), shopify_with(3)
    async with woo.serve(), shopify.serve(), open_world(database_url, shopify) as world:
        await world.connect_woo(woo)
        await world.connect_shop(shopify)
        await world.tell_stock({"SKU-0001": 98, "SKU-0002": 0})
        await world.until(lambda: woo.stock("SKU-0001") == shopify.shop().stock("SKU-0001") == 98, "98 shown")
        await world.until(lambda: woo.stock("SKU-0002") == shopify.shop().stock("SKU-0002") == 0, "0 shown")
        assert woo.stock("SKU-0003") == shopify.shop().stock("SKU-0003") == 100


async def test_the_store_that_sold_is_confirmed_without_a_write(database_url: str) -> None:
    shopify = shopify_with(1)
    async with shopify.serve(), open_world(database_url, shopify) as world:
        shop = await world.connect_shop(shopify)
        await world.tell_stock({"SKU-0001": 100})
        await world.until_settled(shop)
        shopify.shop().buy({"SKU-0001": 2})
        shopify.calls.reset()
        await world.tell_stock({"SKU-0001": 98}, taken={shop: 2})
        await world.until_settled(shop)
        assert not asked_by_pushes(shopify)
        assert (await world.listing(shop, "SKU-0001"))["confirmed"] == 98


async def test_a_sale_that_is_still_on_its_way_to_us_is_not_written_over(database_url: str) -> None:
    shopify = shopify_with(1)
    async with shopify.serve(), open_world(database_url, shopify, DRIFT_AFTER_S="30") as world:
        shop = await world.connect_shop(shopify)
        await world.tell_stock({"SKU-0001": 100})
        await world.until_settled(shop)
        shopify.shop().buy({"SKU-0001": 2})  # its webhook has not arrived
        await world.tell_stock({"SKU-0001": 95})  # another store sold 5
        await world.until(lambda: shopify.shop().stock("SKU-0001") == 93, "both sales shown")
        await world.tell_stock({"SKU-0001": 93}, taken={shop: 2})
        await world.until_settled(shop)
        assert shopify.shop().stock("SKU-0001") == 93
        assert await world.fetch_value("SELECT count(*) FROM push.drift") == 0


async def test_a_sale_between_read_and_write_of_a_woocommerce_store_is_found_and_put_right(database_url: str) -> None:
    woo = woo_with(1)
    async with woo.serve(), open_world(database_url, DRIFT_AFTER_S="60") as world:
        connection = await world.connect_woo(woo)
        await world.tell_stock({"SKU-0001": 100})
        await world.until_settled(connection)
        slow = woo.faults.add(Fault("slow", path="batch", hold_s=0.3))
        await world.tell_stock({"SKU-0001": 95})
        await world.until(lambda: slow.met == 1, "write under way")
        woo.buy({"SKU-0001": 2})
        await world.until(lambda: woo.stock("SKU-0001") == 95, "the sale was written over")
        await world.tell_stock({"SKU-0001": 93}, taken={connection: 2})
        await world.until(lambda: woo.stock("SKU-0001") == 93, "put right")
        assert await world.fetch_value("SELECT count(*) FROM push.drift") == 0


async def test_a_custom_store_is_told_its_quantities_signed(database_url: str) -> None:
    async with notified() as (url, posted), open_world(database_url) as world:
        await world.tell_stock({"SKU-0001": 7})
        await world.connect_custom(url, "kiosk-secret")
        await world.until(lambda: len(posted) >= 1, "the first delivery")
        await world.tell_stock({"SKU-0002": -1})
        await world.until(lambda: len(posted) >= 2, "two deliveries")
        told: dict[str, int] = {}
        for headers, body in posted:
            digest = hmac.new(b"kiosk-secret", body, hashlib.sha256).digest()
            assert headers["X-Prokip-Signature"] == base64.b64encode(digest).decode()
            assert headers["X-Prokip-Store"] == "kiosk"
            told |= {line["sku"]: line["quantity"] for line in json.loads(body)["quantities"]}
        assert told == {"SKU-0001": 7, "SKU-0002": 0}


async def test_a_custom_store_whose_secret_rotates_is_told_with_both_signatures(database_url: str) -> None:
    async with notified() as (url, posted), open_world(database_url) as world:
        credentials = CustomCredentials(
            webhook_secret=SecretStr("new"),
            notify_url=url,
            previous_secret=SecretStr("old"),
            previous_until=datetime.now(UTC) + timedelta(hours=1),
        )
        await world.tell_stock({"SKU-0001": 7})
        await world.connect("custom", "kiosk", url, credentials)
        await world.until(lambda: len(posted) >= 1, "the first delivery")
        headers, body = posted[0]
        assert headers["X-Prokip-Signature"] == sign(body, "new")
        assert headers["X-Prokip-Signature-Previous"] == sign(body, "old")


async def test_a_paused_store_is_not_written_and_gets_the_latest_on_resume(database_url: str) -> None:
    woo = woo_with(1)
    async with woo.serve(), open_world(database_url) as world:
        connection = await world.connect_woo(woo)
        await world.execute("UPDATE gateway.connection SET sync_enabled = false")
        await world.tell_change(connection, "paused")

        async def paused() -> bool:
            return not await world.fetch_value("SELECT active FROM push.connection_work")

        await eventually(paused, what="pause followed")
        await world.tell_stock({"SKU-0001": 60})
        await world.tell_stock({"SKU-0001": 50})

        async def due() -> bool:
            return bool(await world.fetch_value("SELECT due_at IS NOT NULL AND target = 50 FROM push.listing"))

        await eventually(due, what="listing due")
        assert woo.stock("SKU-0001") == 100
        await world.execute("UPDATE gateway.connection SET sync_enabled = true")
        await world.tell_change(connection, "resumed")
        await world.until(lambda: woo.stock("SKU-0001") == 50, "latest written")
        assert woo.calls.counts[WOO_BATCH] == 1


async def test_a_disconnected_store_is_left_alone_and_its_stock_kept(database_url: str) -> None:
    woo = woo_with(1)
    async with woo.serve(), open_world(database_url) as world:
        connection = await world.connect_woo(woo)
        await world.execute("UPDATE gateway.connection SET status = 'disconnected', credentials = NULL")
        await world.tell_change(connection, "disconnected")

        async def gone() -> bool:
            return bool(await world.fetch_value("SELECT count(*) FROM push.listing") == 0)

        await eventually(gone, what="listings forgotten")
        await world.tell_stock({"SKU-0001": 1})

        async def known() -> bool:
            return bool(await world.fetch_value("SELECT count(*) FROM push.stock_target") == 1)

        await eventually(known, what="target kept")
        assert woo.stock("SKU-0001") == 100


async def test_a_thousand_changed_skus_cost_four_shopify_and_ten_woocommerce_writes(database_url: str) -> None:
    woo, shopify = woo_with(1000), shopify_with(1000)
    async with woo.serve(), shopify.serve(), open_world(database_url, shopify) as world:
        connections = [await world.connect_woo(woo), await world.connect_shop(shopify)]
        skus = [f"SKU-{n:04d}" for n in range(1, 1001)]
        await world.tell_stock(dict.fromkeys(skus, 100))
        await world.until_settled(*connections)
        woo.calls.reset()
        shopify.calls.reset()
        await world.tell_stock(dict.fromkeys(skus, 42))
        await world.until_settled(*connections)
        assert {woo.stock(sku) for sku in skus} == {shopify.shop().stock(sku) for sku in skus} == {42}
        assert woo.calls.counts[WOO_BATCH] <= 10
        assert woo.calls.counts["GET /wp-json/wc/v3/products"] <= 10
        assert asked_by_pushes(shopify) == {SET: 4}


async def test_fifty_changes_of_one_sku_are_far_fewer_writes_and_the_last_one_wins(database_url: str) -> None:
    shopify = shopify_with(1)
    async with shopify.serve(), open_world(database_url, shopify, PUSH_LINGER_MS="100") as world:
        shop = await world.connect_shop(shopify)
        await world.tell_stock({"SKU-0001": 100})
        await world.until_settled(shop)
        shopify.calls.reset()
        for left in range(99, 49, -1):
            await world.tell_stock({"SKU-0001": left})
        await world.until(lambda: shopify.shop().stock("SKU-0001") == 50, "last one shown")
        assert shopify.calls.counts[SET] <= 10


async def test_an_older_revision_never_undoes_a_newer_one(database_url: str) -> None:
    woo = woo_with(1)
    async with woo.serve(), open_world(database_url) as world:
        connection = await world.connect_woo(woo)
        world.revisions = 10
        await world.tell_stock({"SKU-0001": 40})
        await world.until(lambda: woo.stock("SKU-0001") == 40, "newer shown")
        world.revisions = 5
        await world.tell_stock({"SKU-0001": 90})
        world.revisions = 20
        await world.tell_stock({"SKU-0001": 39})
        await world.until(lambda: woo.stock("SKU-0001") == 39, "newest shown")
        await world.until_settled(connection)
        assert woo.calls.counts[WOO_BATCH] == 2


async def test_skus_that_fall_to_zero_are_written_first(database_url: str) -> None:
    woo = woo_with(150)
    async with woo.serve(), open_world(database_url) as world:
        connection = await world.connect_woo(woo)
        await world.execute("UPDATE gateway.connection SET sync_enabled = false")
        await world.tell_change(connection, "paused")
        await world.tell_stock({f"SKU-{n:04d}": 50 for n in range(1, 150)})
        await world.tell_stock({"SKU-0150": 0})

        async def due() -> bool:
            due = await world.fetch_value("SELECT count(*) FROM push.listing WHERE due_at IS NOT NULL")
            return bool(due == 150)

        await eventually(due, what="all due")
        woo.faults.add(Fault("status", path="batch", skip=1, times=None))
        await world.execute("UPDATE gateway.connection SET sync_enabled = true")
        await world.tell_change(connection, "resumed")
        await world.until(lambda: woo.calls.counts[WOO_BATCH] >= 2, "second batch failed")
        assert woo.stock("SKU-0150") == 0


async def test_a_push_that_dies_between_the_stores_answer_and_its_commit_is_made_good(database_url: str) -> None:
    woo, shopify = woo_with(1), shopify_with(1)
    async with woo.serve(), shopify.serve(), open_world(database_url, shopify) as world:
        connections = [await world.connect_woo(woo), await world.connect_shop(shopify)]
        await world.tell_stock({"SKU-0001": 100})
        await world.until_settled(*connections)
        blocker = await asyncpg.connect(database_url)
        try:
            async with blocker.transaction():  # nothing can be recorded while this is open
                await world.tell_stock({"SKU-0001": 98})
                await world.until(lambda: len(world.heard) > 0, "listening")

                async def marked() -> bool:
                    return await world.fetch_value("SELECT bool_and(target = 98) FROM push.listing") is True

                await eventually(marked, what="marked due")
                await blocker.execute("LOCK TABLE push.push IN ACCESS EXCLUSIVE MODE")
                await world.until(lambda: woo.stock("SKU-0001") == shopify.shop().stock("SKU-0001") == 98, "written")
                await blocker.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name = 'prokip-store-push-claims' AND datname = current_database()"
                )
        finally:
            await blocker.close()
        await world.until_settled(*connections)
        assert [woo.stock("SKU-0001"), shopify.shop().stock("SKU-0001")] == [98, 98]
        for connection in connections:
            assert (await world.listing(connection, "SKU-0001"))["confirmed"] == 98
        await world.tell_stock({"SKU-0001": 97})
        await world.until(lambda: woo.stock("SKU-0001") == shopify.shop().stock("SKU-0001") == 97, "97 shown")


async def test_stores_that_hang_do_not_delay_another_and_are_caught_up_later(database_url: str) -> None:
    down, well = [woo_with(1, name=f"down-{n}") for n in range(3)], woo_with(1, name="well")
    async with AsyncExitStack() as stack:
        for store in (*down, well):
            await stack.enter_async_context(store.serve())
        world = await stack.enter_async_context(
            open_world(database_url, PUSH_WORKERS="4", PUSH_FAILING_WORKERS_MAX="1", PUSH_TIMEOUT_S="3")
        )
        failing = {await world.connect_woo(store) for store in down}
        healthy = await world.connect_woo(well)
        await world.tell_stock({"SKU-0001": 100})
        await world.until_settled(*failing, healthy)
        for store in down:
            store.faults.add(Fault("timeout_before", times=None))
        for left in (99, 98, 97, 96):
            await world.tell_stock({"SKU-0001": left})
            shown = partial(_shows, well, left)
            await world.until(shown, f"{left} shown", timeout_s=2.7)  # before any store that hangs is given up
        await world.until(lambda: len(world.heard_of(ConnectionHealthChangedV1)) == 3, "told that three fail")
        assert {change.connection_id for change in world.heard_of(ConnectionHealthChangedV1)} == failing
        for store in down:
            store.faults.clear()
        await world.until(lambda: all(_shows(store, 96) for store in down), "caught up")
        await world.until(lambda: len(world.heard_of(ConnectionHealthChangedV1)) == 6, "told that they are well")


async def test_who_pushes_is_alone_and_keeps_no_old_rows_alive(database_url: str) -> None:
    """A store may not answer for PUSH_TIMEOUT_S; with a number the claim would keep what changes in all of the database."""
    await migrate(database_url, schema="push", package="store_push")
    work, connections, background = WorkStorage(), ConnectionStorage(), BackgroundStorage()
    async with (
        await open_pool(database_url, service="test", connections_max=2) as pool,
        pool.acquire() as one,
        pool.acquire() as other,
    ):
        await connections.save(one, [KnownConnection(1, 1, "shopify", "main", "7", writable=True, active=True)])
        async with one.transaction():
            assert await work.claim(one, 1) is not None
            assert await work.claim(other, 1) is None
            assert await background.health_of(other, 1) is None, "the push finds out itself"
            forgiving = asyncio.create_task(connections.forgive(other, [1]))
            waits = partial(
                one.fetchval, "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid())"
            )
            await eventually(waits, what="who forgives waits for the push")
            await work.record_attempt(one, 1, Health("failing", utc_now(), "down", 3), pause_s=60, pushed=False)
        await forgiving
        claim = await work.claim(other, 1)
        assert claim is not None, "tried at once, though the push failed meanwhile"
        assert (claim.health.state, claim.health.consecutive_failures) == ("failing", 0)


async def test_a_store_that_does_not_answer_keeps_no_old_rows_alive(database_url: str) -> None:
    shopify = shopify_with(1)
    async with shopify.serve(), open_world(database_url, shopify) as world:
        shop = await world.connect_shop(shopify)
        await world.tell_stock({"SKU-0001": 100})
        await world.until_settled(shop)
        silent = shopify.faults.add(Fault("timeout_before", body="inventorySetQuantities"))
        await world.tell_stock({"SKU-0001": 99})
        await world.until(lambda: silent.met == 1, "the write is under way")
        holder = await world.fetch_row(
            "SELECT state, backend_xid, backend_xmin FROM pg_stat_activity JOIN pg_locks k USING (pid)"
            " WHERE k.locktype = 'advisory'"
            " AND k.classid::bigint << 32 | k.objid::bigint = hashtextextended('push.work', $1)",
            shop,
        )
        assert dict(holder or {}) == {"state": "idle in transaction", "backend_xid": None, "backend_xmin": None}
        await world.until_settled(shop)
        assert shopify.shop().stock("SKU-0001") == 99


def _shows(store: WooCommerceStore, quantity: int) -> bool:
    return store.stock("SKU-0001") == quantity

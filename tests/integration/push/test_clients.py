"""The store clients against the simulated stores: what the gateway needs for connecting."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import ClientSession
from pydantic import SecretStr

from prokip_sandbox import Fault, Limits, Shop, ShopifyServer, WooCommerceStore, make_goods
from prokip_shared.http import open_client
from prokip_shared.platforms import shopify_wire, woocommerce_wire
from prokip_shared.platforms.errors import NeedsReauthorisation, StoreUnavailable, Throttled
from prokip_shared.platforms.exchange import ExchangeLimits
from prokip_shared.platforms.shopify import ShopifyClient
from prokip_shared.platforms.store import ItemKey, QuantityWrite
from prokip_shared.platforms.woocommerce import WooClient
from tests.integration.push.world import simple_goods, unlimited
from tests.support.certificates import self_signed

HOOKS = "https://hub.example.test/connections/webhook"


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with open_client(allowed_private_hosts=["127.0.0.1"], timeout_s=5) as session:
        yield session


def woo_client(
    session: ClientSession, store: WooCommerceStore, *, secret: str | None = None, limits: ExchangeLimits | None = None
) -> WooClient:
    return WooClient(
        session,
        store_url=f"{store.url}/",
        consumer_key=SecretStr(store.key.consumer_key),
        consumer_secret=SecretStr(secret or store.key.consumer_secret),
        limits=limits,
    )


def shop_client(session: ClientSession, shopify: ShopifyServer, *, token: str | None = None) -> ShopifyClient:
    return ShopifyClient(
        session,
        base_url=shopify.shop_url(),
        access_token=SecretStr(token or shopify.shop().access_token),
        place_ref=str(shopify.shop().location_ids[0]),
    )


def topics(shop: Shop) -> list[str]:
    return sorted(subscription.topic for subscription in shop.state.subscriptions.values())


async def test_a_woocommerce_store_is_checked_over_plain_http_by_oauth(session: ClientSession) -> None:
    async with WooCommerceStore().serve() as store:
        check = await woo_client(session, store).check()
        assert check.store_key == store.url
        assert check.store_name
        assert check.problems == ()
        assert check.store_clock is not None
        assert abs(check.store_clock - datetime.now(UTC)) < timedelta(seconds=5)


async def test_a_woocommerce_store_behind_https_is_asked_with_basic_auth(session: ClientSession) -> None:
    client = WooClient(
        session, store_url="https://shop.example.test", consumer_key=SecretStr("ck"), consumer_secret=SecretStr("cs")
    )
    assert client._basic() == "Basic Y2s6Y3M="


@pytest.mark.parametrize("tls", [False, True], ids=["plain http, OAuth 1.0a", "https, self-signed, Basic"])
async def test_a_store_in_a_subfolder_is_checked_and_written_to(tmp_path: Path, tls: bool) -> None:
    store = WooCommerceStore(folder="/shops/blue")
    store.seed_goods(make_goods(2, simple_only=True))
    async with (
        store.serve(tls=self_signed(tmp_path) if tls else None),
        open_client(
            allowed_private_hosts=["127.0.0.1"], allowed_self_signed_hosts=["127.0.0.1"] * tls, timeout_s=5
        ) as session,
    ):
        key = store.key
        client = WooClient(
            session,
            store_url=f"{store.home_url}/",
            consumer_key=SecretStr(key.consumer_key),
            consumer_secret=SecretStr(key.consumer_secret),
        )
        checked = await client.check()
        assert (checked.store_key, checked.problems) == (store.home_url, ())
        page = await client.catalogue_page(None)
        line = QuantityWrite(page.items[0].key, page.items[0].sku or "", 7, None)
        assert (await client.write([line], attempt_key="a"))[line.key].outcome == "written"
        assert store.stock(line.sku) == 7


async def test_a_self_signed_store_is_refused_unless_it_is_allowed(tmp_path: Path, session: ClientSession) -> None:
    async with WooCommerceStore().serve(tls=self_signed(tmp_path)) as store:
        with pytest.raises(StoreUnavailable, match=r"cannot be reached: .*certificate"):
            await woo_client(session, store).check()


async def test_read_only_keys_are_told_before_anything_is_written(session: ClientSession) -> None:
    async with WooCommerceStore().serve() as store:
        client = WooClient(
            session,
            store_url=store.url,
            consumer_key=SecretStr(store.read_only_key.consumer_key),
            consumer_secret=SecretStr(store.read_only_key.consumer_secret),
        )
        assert (await client.check()).problems == (
            "The API key may not write. Create one with Read/Write permissions.",
        )


async def test_wrong_woocommerce_keys_are_no_outage(session: ClientSession) -> None:
    async with WooCommerceStore().serve() as store:
        with pytest.raises(NeedsReauthorisation, match="woocommerce_rest"):
            await woo_client(session, store, secret="cs_wrong").check()


async def test_an_address_that_is_no_store_is_told_so(session: ClientSession) -> None:
    async with ShopifyServer().serve() as other:
        client = WooClient(session, store_url=other.url, consumer_key=SecretStr("ck"), consumer_secret=SecretStr("cs"))
        with pytest.raises(StoreUnavailable, match="404"):
            await client.check()


async def test_woocommerce_webhooks_are_made_once_however_often_it_is_asked(session: ClientSession) -> None:
    async with WooCommerceStore().serve() as store:
        client = woo_client(session, store)
        await client.create_webhooks(delivery_url="https://other.example.test/", secret=SecretStr("theirs"))
        first = await client.create_webhooks(delivery_url=f"{HOOKS}/woocommerce", secret=SecretStr("one"))
        second = await client.create_webhooks(delivery_url=f"{HOOKS}/woocommerce", secret=SecretStr("two"))
        ours = [hook for hook in store.state.webhooks.values() if hook.delivery_url.startswith(HOOKS)]
        assert {str(hook.id) for hook in ours} == set(second)
        assert not set(first) & set(second)
        assert sorted(hook.topic for hook in ours) == sorted(woocommerce_wire.WEBHOOK_TOPICS)
        assert {hook.secret for hook in ours} == {"two"}
        assert await client.delete_webhooks(delivery_url=f"{HOOKS}/woocommerce") == len(ours)
        assert await client.delete_webhooks(delivery_url=f"{HOOKS}/woocommerce") == 0
        assert len(store.state.webhooks) == len(woocommerce_wire.WEBHOOK_TOPICS)  # the other address's


async def test_a_shop_is_checked_with_its_scopes_and_locations(session: ClientSession) -> None:
    async with ShopifyServer(locations=("Main", "Cellar")).serve() as shopify:
        check = await shop_client(session, shopify).check()
        assert (check.store_key, check.problems) == (shopify.shop().domain, ())
        locations = await shop_client(session, shopify).locations()
        assert [(place.name, place.active) for place in locations] == [("Cellar", True), ("Main", True)]
        assert {place.place_ref for place in locations} == {str(place) for place in shopify.shop().location_ids}


async def test_missing_scopes_are_named(session: ClientSession) -> None:
    async with ShopifyServer(scopes=("read_products", "write_inventory", "read_locations")).serve() as shopify:
        check = await shop_client(session, shopify).check()
        assert check.problems == ("The token lacks these access scopes: read_orders.",)


async def test_a_wrong_token_is_no_outage(session: ClientSession) -> None:
    async with ShopifyServer().serve() as shopify:
        with pytest.raises(NeedsReauthorisation, match="Invalid API key or access token"):
            await shop_client(session, shopify, token="shpat_wrong").check()


async def test_shopify_subscriptions_that_fit_are_kept_and_others_replaced(session: ClientSession) -> None:
    async with ShopifyServer().serve() as shopify:
        client = shop_client(session, shopify)
        first = await client.create_webhooks(delivery_url=f"{HOOKS}/shopify")
        assert await client.create_webhooks(delivery_url=f"{HOOKS}/shopify") == first
        assert topics(shopify.shop()) == sorted(shopify_wire.WEBHOOKS)
        damaged = next(iter(shopify.shop().state.subscriptions.values()))
        damaged.include_fields = ["id"]
        second = await client.create_webhooks(delivery_url=f"{HOOKS}/shopify")
        assert len(set(first) & set(second)) == len(shopify_wire.WEBHOOKS) - 1
        assert topics(shopify.shop()) == sorted(shopify_wire.WEBHOOKS)
        assert await client.delete_webhooks(delivery_url=f"{HOOKS}/shopify") == len(shopify_wire.WEBHOOKS)
        assert topics(shopify.shop()) == []


async def test_a_shops_budget_is_waited_for_and_a_long_wait_is_the_callers(session: ClientSession) -> None:
    limits = Limits(bucket_points=600, restore_points_per_s=400)
    async with ShopifyServer(limits=limits).serve() as shopify:
        shopify.seed_goods(simple_goods(1, 5))
        client = shop_client(session, shopify)
        await client.catalogue_page(None)
        for _ in range(3):
            await client.catalogue_page(None)  # waits instead of being throttled
    async with ShopifyServer(limits=replace(limits, restore_points_per_s=1)).serve() as shopify:
        shopify.seed_goods(simple_goods(1, 5))
        shopify.shop().bucket.drain()
        with pytest.raises(Throttled):
            await shop_client(session, shopify).catalogue_page(None)


async def test_a_redirect_is_not_followed(session: ClientSession) -> None:
    async with WooCommerceStore().serve() as store:
        store.faults.add(Fault("status", status=302))
        with pytest.raises(StoreUnavailable, match="redirects"):
            await woo_client(session, store).check()


async def test_an_answer_that_is_too_long_or_too_late_is_given_up(session: ClientSession) -> None:
    async with WooCommerceStore().serve() as store:
        store.seed_goods(simple_goods(100, 5))
        with pytest.raises(StoreUnavailable, match="more than 2000 bytes"):
            await woo_client(session, store, limits=ExchangeLimits(answer_bytes_max=2_000)).catalogue_page(None)
        store.faults.add(Fault("timeout_before", hold_s=5))
        with pytest.raises(StoreUnavailable, match=r"did not answer within 0\.5 s"):
            await woo_client(session, store, limits=ExchangeLimits(timeout_s=0.5)).catalogue_page(None)


async def test_a_shopify_write_that_is_in_progress_elsewhere_is_asked_again_with_the_same_key(
    session: ClientSession,
) -> None:
    async with ShopifyServer(limits=unlimited()).serve() as shopify:
        shopify.seed_goods(simple_goods(2, 100))
        shop = shopify.shop()
        keys = [
            ItemKey(str(shop.item(sku).id), place_ref=str(shop.location_ids[0])) for sku in ("SKU-0001", "SKU-0002")
        ]
        client = shop_client(session, shopify)
        shopify.faults.add(Fault("timeout_after", body="inventorySetQuantities", hold_s=0.1))
        lines = [QuantityWrite(keys[0], "SKU-0001", 90, 100), QuantityWrite(keys[1], "SKU-0002", 80, 100)]
        results = await client.write(lines, attempt_key="attempt-1")
        assert {result.outcome for result in results.values()} == {"written"}
        assert (shop.stock("SKU-0001"), shop.stock("SKU-0002")) == (90, 80)
        assert list(shop.state.remembered) == ["attempt-1"]
        stale = [QuantityWrite(keys[0], "SKU-0001", 85, 100), QuantityWrite(keys[1], "SKU-0002", 75, 80)]
        results = await client.write(stale, attempt_key="attempt-2")
        assert [results[key].outcome for key in keys] == ["stale", "untouched"]
        assert (shop.stock("SKU-0001"), shop.stock("SKU-0002")) == (90, 80)

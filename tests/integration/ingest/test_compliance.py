"""Shopify's compliance webhooks: also for shops that have left, whose own secret is gone."""

import asyncpg
import pytest

from prokip_shared.messages import ConnectionRedactedV1
from tests.integration.ingest.world import SHOP, Listener, World, ingest_world
from tests.support.eventually import eventually

APP_SECRET = "the app's own secret"
OLDER_SECRET = "the app's older secret"
REDACT = f'{{"shop_id": 954889, "shop_domain": "{SHOP}"}}'.encode()
NOBODY = b'{"shop_id": 954889, "shop_domain": "nobody.myshopify.com"}'


async def disconnect(database_url: str) -> None:
    """As the gateway does."""
    admin = await asyncpg.connect(database_url)
    try:
        await admin.execute(
            "UPDATE gateway.connection SET status = 'disconnected', credentials = NULL, disconnected_at = now()"
            " WHERE platform = 'shopify'"
        )
    finally:
        await admin.close()


@pytest.mark.parametrize("secret", [APP_SECRET, OLDER_SECRET])
async def test_a_shop_that_left_is_redacted_by_the_apps_secret(
    listener: Listener, broker_url: str, database_url: str, secret: str
) -> None:
    secrets = {"SHOPIFY_CLIENT_SECRET": APP_SECRET, "SHOPIFY_CLIENT_SECRET_PREVIOUS": OLDER_SECRET}
    async with ingest_world(database_url, broker_url, **secrets) as world:
        assert (await world.shopify(b'{"id": "unusable"}')).status == 200
        assert len(await world.fetch("SELECT FROM ingest.parked")) == 1
        await disconnect(database_url)
        await until_unknown(world)
        answer = await world.shopify(REDACT, "shop/redact", secret)
        assert answer.status == 200
        (message,) = await listener.wait_for(1)
        store = world.stores["shopify"]
        assert isinstance(message, ConnectionRedactedV1)
        assert (message.business_id, message.connection_id) == (store.business_id, store.id)
        assert await world.fetch("SELECT FROM ingest.parked") == []
        for topic in ("customers/redact", "customers/data_request", "shop/redact"):
            assert (await world.shopify(REDACT, topic, "forged")).status == 401
            assert (await world.shopify(NOBODY, topic, secret)).status == 200
        assert (await world.shopify(b"{}", "orders/updated", secret)).status == 404
        assert len(listener.heard) == 1


async def test_a_shop_that_is_still_known_signs_its_redaction_itself(world: World, listener: Listener) -> None:
    assert (await world.shopify(REDACT, "shop/redact", "forged")).status == 401
    assert (await world.shopify(REDACT, "shop/redact")).status == 200
    (message,) = await listener.wait_for(1)
    assert isinstance(message, ConnectionRedactedV1)


async def test_without_an_app_nobody_can_speak_for_a_shop_that_left(world: World, database_url: str) -> None:
    await disconnect(database_url)
    await until_unknown(world)
    assert (await world.shopify(REDACT, "shop/redact")).status == 404


async def until_unknown(world: World) -> None:
    async def unknown() -> bool:
        return (await world.shopify(b"{}")).status == 404

    await eventually(unknown, what="the directory has heard of the end")

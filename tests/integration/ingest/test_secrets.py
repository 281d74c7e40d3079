"""While a secret rotates both are accepted, on every platform, and the last use of each is known."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from prokip_shared.connections import Credentials
from prokip_shared.messages import Platform
from prokip_shared.platforms.signatures import fingerprint, sign
from tests.integration.ingest.world import (
    CUSTOM_SECRET,
    Listener,
    World,
    connect_store,
    custom_credentials,
    order_body,
    shopify_credentials,
    woo_credentials,
)

SALE = b'{"orderId":"1001","sku":"SKU-1","quantity":2,"status":"completed"}'
ROTATING: Mapping[Platform, tuple[Credentials, str, str, Mapping[str, str], bytes]] = {
    "custom": (custom_credentials(), "webhook_secret", "/webhook/custom", {"X-Prokip-Store": "rotating"}, SALE),
    "woocommerce": (
        woo_credentials(),
        "webhook_secret",
        "/connections/webhook/woocommerce",
        {"X-WC-Webhook-Source": "https://rotating.example/", "X-WC-Webhook-Topic": "order.updated"},
        order_body(),
    ),
    "shopify": (
        shopify_credentials(),
        "api_secret",
        "/connections/webhook/shopify",
        {"X-Shopify-Shop-Domain": "rotating.myshopify.com", "X-Shopify-Topic": "shop/redact"},
        b'{"shop_id":1}',
    ),
}
KEYS: Mapping[Platform, str] = {
    "custom": "rotating",
    "woocommerce": "https://rotating.example",
    "shopify": "rotating.myshopify.com",
}
SIGNED_IN: Mapping[Platform, str] = {
    "custom": "X-Prokip-Signature",
    "woocommerce": "X-WC-Webhook-Signature",
    "shopify": "X-Shopify-Hmac-Sha256",
}


@pytest.mark.parametrize("platform", ["custom", "woocommerce", "shopify"])
@pytest.mark.parametrize(("ends_in_h", "old_status"), [(1, 200), (-1, 401)], ids=["within the overlap", "after it"])
async def test_the_old_secret_counts_as_long_as_it_was_stated(
    world: World, listener: Listener, platform: Platform, ends_in_h: int, old_status: int
) -> None:
    credentials, name, path, headers, body = ROTATING[platform]
    until = datetime.now(UTC) + timedelta(hours=ends_in_h)
    rotated = credentials.model_copy(
        update={name: SecretStr("new"), "previous_secret": SecretStr("old"), "previous_until": until}
    )
    store = await connect_store(world.database_url, platform, KEYS[platform], rotated)

    async def post(secret: str) -> int:
        named = {key.replace("-", "_"): value for key, value in headers.items()}
        signed = {SIGNED_IN[platform].replace("-", "_"): sign(body, secret)}
        return (await world.post(path, body, **named, **signed)).status

    assert [await post(secret) for secret in ("new", "old", "other")] == [200, old_status, 401]
    told = await uses(world, store.business_id)
    wanted = {fingerprint("new"), fingerprint("old")} if old_status == 200 else {fingerprint("new")}
    assert {one["fingerprint"] for one in told if one["connection_id"] == store.id} == wanted


async def uses(world: World, business_id: int) -> list[dict[str, Any]]:
    async with world.session.get(world.ingest.url + "/internal/secrets", headers=world.token(business_id)) as answer:
        assert answer.status == 200
        items: list[dict[str, Any]] = (await answer.json())["items"]
        return items


async def test_uses_are_told_to_the_stores_own_business_alone(world: World, listener: Listener) -> None:
    assert (await world.custom(SALE)).status == 200
    store = world.stores["custom"]
    (use,) = [one for one in await uses(world, store.business_id) if one["connection_id"] == store.id]
    assert use["fingerprint"] == fingerprint(CUSTOM_SECRET)
    assert await uses(world, store.business_id + 1_000) == []
    async with world.session.get(world.ingest.url + "/internal/secrets") as answer:
        assert answer.status == 401
    assert [row["connection_id"] for row in await world.fetch("SELECT * FROM ingest.secret_use")] == [store.id]

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from pydantic import SecretStr

from prokip_shared.bus.bundles import encode
from prokip_shared.connections import ConnectionRecord, CustomCredentials, ShopifyCredentials
from prokip_shared.messages import MESSAGE_TYPES, Message, OrderObservedV1
from prokip_shared.platforms import shopify_webhooks
from prokip_shared.platforms.webhooks import (
    LevelHint,
    Meaning,
    Nothing,
    OrderFields,
    OrderSeen,
    ProductSeen,
    Uninstalled,
    item_fields,
    product_fields,
)
from prokip_shared.platforms.woocommerce_webhooks import read_webhook, store_key_of
from tests.unit.webhooks.recorded import shopify_payload, woo_steps
from webhook_ingest.domain.events import event_of

CONNECTED_AT = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
SHOP = ConnectionRecord(
    id=7,
    business_id=3,
    platform="shopify",
    store_key="north.myshopify.com",
    store_url="https://north.myshopify.com",
    store_name="North",
    location_id="L1",
    place_ref="5",
    sync_enabled=True,
    status="connected",
    connected_at=CONNECTED_AT,
    credentials=ShopifyCredentials(access_token=SecretStr("token"), api_secret=SecretStr("signs")),
)


TOLD = product_fields("5", 2, [item_fields("9", "TEE", tracked=True), item_fields("8", None, tracked=None)])


def said(meaning: Meaning) -> Message | None:
    """Held to the validated class: it reads the event, and writes the same bytes."""
    event = event_of(
        meaning,
        SHOP,
        topic="orders/updated",
        message_id=str(UUID(int=1, version=4)),
        observed_at=CONNECTED_AT + timedelta(hours=1, microseconds=5),
        correlation_id="correlation",
    )
    if event is None:
        return None
    message = MESSAGE_TYPES[event.type].model_validate_json(event.encoded)
    assert encode(message) == event.encoded
    return message


def seen(created_at: str | None) -> OrderObservedV1:
    fields: OrderFields = {
        "order_ref": "1",
        "order_number": "1",
        "status": "paid",
        "created_at": created_at,
        "modified_at": "2026-11-22T12:00:00Z",
        "lines": [],
        "partial": False,
    }
    message = said(OrderSeen(fields))
    assert isinstance(message, OrderObservedV1)
    return message


def test_an_order_made_before_the_store_was_connected_is_a_baseline() -> None:
    assert seen("2026-11-22T11:59:59Z").predates_connection
    assert not seen("2026-11-22T12:00:00Z").predates_connection
    assert not seen(None).predates_connection


@pytest.mark.parametrize(
    "meaning",
    [
        LevelHint("9", "5", Decimal(2)),
        LevelHint("9", None, None),
        Uninstalled("gone"),
        LevelHint("9", None, None, TOLD),
        ProductSeen(TOLD),
    ],
)
def test_a_hint_and_an_uninstall_name_the_connection(meaning: Meaning) -> None:
    message = said(meaning)
    assert message is not None
    assert (message.business_id, message.model_dump()["connection_id"]) == (3, 7)


def test_what_says_nothing_is_not_said() -> None:
    assert said(Nothing("why")) is None


def test_every_recorded_delivery_is_said_as_the_validated_class_would_say_it() -> None:
    messages = [said(read_webhook(one.topic, one.json)) for step in woo_steps() for one in step.deliveries]
    assert sum(isinstance(message, OrderObservedV1) for message in messages) > 70


@pytest.mark.parametrize("name", ["paid_new", "partially_refunded", "cancelled_refunded"])
def test_published_shopify_orders_are_said_as_the_validated_class_would_say_them(name: str) -> None:
    payload = shopify_payload(f"order_rest_2026-07_{name}")
    assert isinstance(said(shopify_webhooks.read_webhook("orders/updated", payload)), OrderObservedV1)


def test_each_platform_signs_with_its_own_secret() -> None:
    assert SHOP.credentials.valid_secrets(CONNECTED_AT) == ("signs",)
    kiosk = replace(SHOP, platform="custom", credentials=CustomCredentials(webhook_secret=SecretStr("kiosk")))
    assert kiosk.credentials.valid_secrets(CONNECTED_AT) == ("kiosk",)


def test_the_secret_before_stays_valid_until_its_end_and_not_at_it() -> None:
    until = CONNECTED_AT + timedelta(hours=1)
    rotated = CustomCredentials(webhook_secret=SecretStr("new"), previous_secret=SecretStr("old"), previous_until=until)
    assert rotated.valid_secrets(until - timedelta(microseconds=1)) == ("new", "old")
    assert rotated.valid_secrets(until) == ("new",)


@pytest.mark.parametrize(
    ("source", "key"),
    [
        ("https://Shop.Example/", "https://shop.example"),
        ("https://shop.example:443/blog/", "https://shop.example/blog"),
        ("http://127.0.0.1:8443/", "http://127.0.0.1:8443"),
        ("https://[::1]:9/", "https://[::1]:9"),
        ("ftp://shop.example/", ""),
        ("shop.example", ""),
        ("https://shop.example:port/", ""),
        ("", ""),
    ],
)
def test_a_stores_home_address_becomes_its_key(source: str, key: str) -> None:
    assert store_key_of(source) == key

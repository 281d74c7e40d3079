import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from prokip_shared.platforms.shopify_webhooks import ORDER_TOPICS, TOPICS, project, read_order, read_webhook
from prokip_shared.platforms.webhooks import (
    LevelHint,
    Nothing,
    OrderSeen,
    ProductSeen,
    Uninstalled,
    UnusableWebhook,
    item_fields,
    product_fields,
)
from tests.unit.webhooks.recorded import DATA, shopify_payload


def order(**changes: Any) -> dict[str, Any]:
    return {
        "id": 820982911946154508,
        "name": "#1001",
        "created_at": "2026-11-22T12:00:00+02:00",
        "updated_at": "2026-11-22T12:00:05+02:00",
        "cancelled_at": None,
        "financial_status": "paid",
        "line_items": [{"id": 11, "sku": "SHIRT", "quantity": 5, "current_quantity": 1, "price": "9.99"}],
        "refunds": [],
    } | changes


def refund(quantity: object, restock_type: str, line_ref: object = 11) -> dict[str, Any]:
    return {"refund_line_items": [{"line_item_id": line_ref, "quantity": quantity, "restock_type": restock_type}]}


def taken(**changes: Any) -> list[Decimal]:
    return [line.taken for line in read_order(order(**changes)).lines]


def test_an_order_becomes_a_snapshot_whose_version_is_its_update_time_in_utc() -> None:
    snapshot = read_order(order())
    assert snapshot.order_ref == "820982911946154508"
    assert snapshot.order_number == "#1001"
    assert snapshot.status == "paid"
    assert snapshot.created_at == datetime(2026, 11, 22, 10, 0, 0, tzinfo=UTC)
    assert snapshot.modified_at == datetime(2026, 11, 22, 10, 0, 5, tzinfo=UTC)
    assert snapshot.lines[0].unit_price == Decimal("9.99")
    assert not snapshot.partial


@pytest.mark.parametrize(
    ("name", "units"),
    [
        ("order_rest_2026-07_paid_new", [1, 1, 2]),
        ("order_rest_2026-07_partially_refunded", [0, 1, 0]),
        ("order_rest_2026-07_cancelled_refunded", [1, 1, 1]),
    ],
)
def test_published_orders_hold_what_was_ordered_less_what_refunds_put_back(name: str, units: list[int]) -> None:
    assert [line.taken for line in read_order(shopify_payload(name)).lines] == units


def test_the_order_of_the_webhook_reference_is_read() -> None:
    meaning = read_webhook("orders/create", shopify_payload("webhook_orders_create.docs_excerpt"))
    assert isinstance(meaning, OrderSeen)
    assert [(line.sku, line.taken) for line in meaning.order.lines] == [("SKU2006-001", Decimal(1))]
    assert meaning.order.created_at is None


@pytest.mark.parametrize("restock_type", ["return", "cancel", "legacy_restock"])
def test_a_restocking_refund_gives_units_back(restock_type: str) -> None:
    assert taken(refunds=[refund(2, restock_type)]) == [3]


def test_a_refund_without_restock_gives_nothing_back_whatever_the_current_quantity_says() -> None:
    assert taken(refunds=[refund(2, "no_restock")]) == [5]


def test_refunds_of_one_line_add_up_and_never_go_below_nothing() -> None:
    assert taken(refunds=[refund(2, "return"), refund("1", "cancel"), refund(1, "no_restock")]) == [2]
    assert taken(refunds=[refund(9, "return")]) == [0]


def test_a_refund_of_a_line_that_is_gone_changes_no_other() -> None:
    assert taken(refunds=[refund(2, "return", line_ref=99)]) == [5]


def test_an_order_without_refunds_field_holds_all() -> None:
    assert taken(refunds=None) == [5]


def test_a_cancelled_order_says_so() -> None:
    assert read_order(order(cancelled_at="2026-11-22T12:00:05+02:00")).status == "cancelled"


@pytest.mark.parametrize("topic", sorted(ORDER_TOPICS))
def test_every_order_topic_carries_the_whole_order(topic: str) -> None:
    assert isinstance(read_webhook(topic, order()), OrderSeen)


def test_real_level_webhooks_are_hints_at_item_and_place() -> None:
    lines = (DATA / "shopify" / "webhook_inventory_levels_update.real.jsonl").read_text(encoding="utf-8").splitlines()
    meanings = [read_webhook("inventory_levels/update", json.loads(line)) for line in lines]
    assert meanings == [LevelHint("48513488879793", "75596366001", Decimal(0))] * 2


def test_a_level_without_number_is_still_a_hint() -> None:
    payload = shopify_payload("webhook_inventory_levels_update.test_notification")
    assert read_webhook("inventory_levels/update", payload) == LevelHint("271878346596884015", "53716844710", None)


def product(**changes: Any) -> dict[str, Any]:
    variants = [
        {"id": 1, "sku": "TEE-S", "inventory_item_id": 11, "inventory_management": "shopify"},
        {"id": 2, "sku": "", "inventory_item_id": 12, "inventory_management": None},
        {"id": 3, "sku": " TEE-L "},
    ]
    gids = [{"admin_graphql_api_id": f"gid://shopify/ProductVariant/{number}"} for number in (1, 2, 3)]
    return {"id": 5, "updated_at": "2026-11-22T12:00:05Z", "variants": variants, "variant_gids": gids} | changes


@pytest.mark.parametrize("topic", ["products/create", "products/update"])
def test_a_product_tells_what_it_has_and_how_many(topic: str) -> None:
    told = [item_fields("11", "TEE-S", tracked=True), item_fields("12", None, tracked=False)]
    assert read_webhook(topic, product()) == ProductSeen(product_fields("5", 3, told))
    assert read_webhook(topic, {"id": 5}) == ProductSeen(product_fields("5", None))
    many = read_webhook(topic, product(variants=[], variant_gids=[{}] * 2048))
    assert many == ProductSeen(product_fields("5", 2048))


def test_the_published_product_is_read_and_what_is_kept_of_it_reads_the_same() -> None:
    payload = shopify_payload("product_rest_2026-07")
    meaning = read_webhook("products/update", payload)
    assert isinstance(meaning, ProductSeen)
    assert [item["sku"] for item in meaning.fields["items"]] == [one["sku"] for one in payload["variants"]]
    assert read_webhook("products/update", project(payload)) == meaning


def test_a_product_that_was_removed_has_no_items() -> None:
    assert read_webhook("products/delete", {"id": 5}) == ProductSeen(product_fields("5", 0))


@pytest.mark.parametrize(
    "changes",
    [{"id": None}, {"variants": "many"}, {"variants": [3]}, {"variants": [{"sku": [], "inventory_item_id": 1}]}],
)
def test_a_product_that_would_have_to_be_guessed_is_unusable(changes: dict[str, Any]) -> None:
    with pytest.raises(UnusableWebhook):
        read_webhook("products/update", product(**changes))


def test_an_uninstalled_app_is_told() -> None:
    assert isinstance(read_webhook("app/uninstalled", {"id": 1, "email": "owner@example.test"}), Uninstalled)


@pytest.mark.parametrize(
    ("topic", "name"),
    [
        ("refunds/create", "refund_rest_2026-07_restocked"),
        ("refunds/create", "refund_rest_2026-07_no_restock"),
        ("refunds/create", "webhook_refunds_create.docs_excerpt"),
        ("customers/data_request", "webhook_customers_data_request"),
        ("customers/redact", "webhook_customers_redact"),
        ("shop/redact", "webhook_shop_redact"),
    ],
)
def test_topics_without_an_order_mean_nothing(topic: str, name: str) -> None:
    assert isinstance(read_webhook(topic, shopify_payload(name)), Nothing)
    assert topic in TOPICS


def test_an_edit_names_only_an_order_and_means_nothing() -> None:
    edit = {"order_edit": {"order_id": 1, "line_items": {"additions": [], "removals": []}}}
    assert isinstance(read_webhook("orders/edited", edit), Nothing)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"updated_at": None},
        {"updated_at": "soon"},
        {"line_items": None},
        {"line_items": [None]},
        {"line_items": [{"id": 11, "quantity": "many"}]},
        {"refunds": "none"},
        {"refunds": [refund("many", "return")]},
        {"refunds": [refund(1, "return", line_ref=None)]},
    ],
)
def test_what_would_have_to_be_guessed_is_unusable(changes: dict[str, Any]) -> None:
    with pytest.raises(UnusableWebhook):
        read_order(order(**changes))


@pytest.mark.parametrize("name", [path.stem for path in sorted((DATA / "shopify").glob("order_rest_*.json"))])
def test_the_projection_reads_the_same_and_holds_no_personal_data(name: str) -> None:
    payload = shopify_payload(name)
    kept = project(payload)
    assert read_order(kept) == read_order(payload)
    text = json.dumps(kept)
    assert not any(word in text for word in ("email", "address", "Norman", "phone", "Chestnut"))

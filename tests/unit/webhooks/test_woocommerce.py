from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from prokip_shared.messages import OrderSnapshot
from prokip_shared.platforms.webhooks import (
    LevelHint,
    Nothing,
    OrderSeen,
    ProductSeen,
    UnusableWebhook,
    item_fields,
    product_fields,
)
from prokip_shared.platforms.woocommerce_webhooks import TOPICS, project, read_order, read_webhook
from tests.unit.webhooks.recorded import woo_delivery, woo_steps

CHANGED_WITHOUT_AN_ORDER = {
    # Products edited by the merchant, and an order purged without any webhook: no order explains the difference.
    "Q1 PUT product stock 100->90",
    "Q3 PUT stock 0",
    "Q4 PUT variation stock 100->90",
    "Q8 PUT inventory_delta -3",
    'Q9 PUT string "55"',
    "Q10 PUT null",
    "Q11 PUT negative -4",
}
PARENT_OF = {"VARP-01-S": "VARP-01", "VARP-01-M": "VARP-01"}


def order(**changes: Any) -> dict[str, Any]:
    line = {"id": 1, "sku": "SHIRT", "quantity": 5, "price": 10, "meta_data": []}
    return {
        "id": 7,
        "number": "7",
        "status": "processing",
        "date_created_gmt": "2026-11-22T12:00:00",
        "date_modified_gmt": "2026-11-22T12:00:05",
        "line_items": [line],
    } | changes


def line(quantity: object = 5, *, ref: int = 1, sku: object = "SHIRT", **meta: object) -> dict[str, Any]:
    entries = [{"id": 1, "key": key, "value": value} for key, value in meta.items()]
    return {"id": ref, "sku": sku, "quantity": quantity, "price": 10, "meta_data": entries}


def taken(**changes: Any) -> list[Decimal]:
    return [item.taken for item in read_order(order(**changes)).lines]


def test_a_recorded_order_becomes_the_snapshot_of_its_stock_relevant_state() -> None:
    delivery = woo_delivery("order.created")
    meaning = read_webhook(delivery.topic, delivery.json)
    assert isinstance(meaning, OrderSeen)
    assert meaning.order.model_dump() == {
        "order_ref": "177",
        "order_number": "177",
        "status": "processing",
        "created_at": datetime(2026, 11, 22, 12, 52, 6, tzinfo=UTC),
        "modified_at": datetime(2026, 11, 22, 12, 52, 6, tzinfo=UTC),
        "lines": (
            {
                "line_ref": "1",
                "sku": "SKU-0001",
                "ordered": Decimal(2),
                "taken": Decimal(2),
                "unit_price": Decimal(10),
            },
        ),
        "partial": False,
    }


def test_every_recorded_delivery_means_what_its_topic_says() -> None:
    for step in woo_steps():
        for delivery in step.deliveries:
            meaning = read_webhook(delivery.topic, delivery.json)
            if delivery.topic == "product.deleted":
                assert meaning == ProductSeen({"product_ref": str(delivery.json["id"]), "items_count": 0, "items": []})
            elif delivery.topic == "order.deleted":
                assert isinstance(meaning, Nothing)
            elif delivery.topic.startswith("order."):
                assert isinstance(meaning, OrderSeen)
            else:
                assert isinstance(meaning, LevelHint)


def test_the_taken_units_of_all_orders_explain_each_recorded_change_of_the_stores_own_stock() -> None:
    orders: dict[str, OrderSnapshot] = {}
    explained = 0
    for step in woo_steps():
        before = _units_by_sku(orders)
        for delivery in step.deliveries:
            meaning = read_webhook(delivery.topic, delivery.json)
            if isinstance(meaning, OrderSeen):
                orders[meaning.order.order_ref] = meaning.order
        after = _units_by_sku(orders)
        for sku, stock in step.before.items():
            left = step.after.get(sku)
            if stock is None or left is None or step.name in CHANGED_WITHOUT_AN_ORDER:
                continue
            moved = sum(
                (after[key] - before[key] for key in after if key == sku or _shares_stock(key, sku)), Decimal(0)
            )
            if sku == "No sku":
                moved = after[None] - before[None]
            assert left - stock == -moved, f"{step.name}: {sku}"
            explained += 1
    assert explained >= 70


def _units_by_sku(orders: dict[str, OrderSnapshot]) -> defaultdict[str | None, Decimal]:
    units: defaultdict[str | None, Decimal] = defaultdict(Decimal)
    for snapshot in orders.values():
        for item in snapshot.lines:
            units[item.sku] += item.taken
    return units


def _shares_stock(sold: str | None, sku: str) -> bool:
    """A parent's stock is shown by all its variations; selling one lowers every one of them."""
    return sold is not None and sold != sku and PARENT_OF.get(sold) in {sku, PARENT_OF.get(sku)} - {None}


def test_what_the_store_holds_taken_is_believed_over_status_and_quantity() -> None:
    assert taken(line_items=[line(5, _reduced_stock="4", _restock_refunded_items="1")]) == [4]
    assert taken(status="failed", line_items=[line(5, _reduced_stock="5")]) == [5]
    assert taken(status="cancelled", line_items=[line(5, _reduced_stock=3)]) == [3]


def test_a_refund_of_more_than_was_sold_leaves_the_store_with_less_than_nothing_taken() -> None:
    assert taken(line_items=[line(5, _reduced_stock="-4", _restock_refunded_items="9")]) == [-4]


def test_a_line_without_book_beside_one_with_it_holds_nothing() -> None:
    assert taken(line_items=[line(5, _reduced_stock="5"), line(2, ref=2)]) == [5, 0]


@pytest.mark.parametrize("status", ["processing", "on-hold", "completed", "refunded"])
def test_without_any_book_a_holding_status_takes_the_quantity_less_what_was_put_back(status: str) -> None:
    assert taken(status=status) == [5]
    assert taken(status=status, line_items=[line(5, _restock_refunded_items="2")]) == [3]


@pytest.mark.parametrize("status", ["pending", "cancelled", "failed", "checkout-draft", "trash", "auto-draft", "quote"])
def test_without_any_book_every_other_status_takes_nothing(status: str) -> None:
    assert taken(status=status) == [0]


def test_the_stores_own_error_sent_as_an_order_is_unusable_and_named() -> None:
    delivery = woo_delivery("order.created-body-is-404-error")
    with pytest.raises(UnusableWebhook, match="woocommerce_rest_shop_order_invalid_id"):
        read_webhook(delivery.topic, delivery.json)


@pytest.mark.parametrize("sku", [None, "", "  "])
def test_a_line_without_sku_keeps_its_units_and_names_none(sku: object) -> None:
    (found,) = read_order(order(line_items=[line(2, sku=sku, _reduced_stock="2")])).lines
    assert (found.sku, found.taken) == (None, Decimal(2))


def test_a_line_of_a_deleted_product_is_read_like_any_other() -> None:
    gone = line(2, sku=None, _reduced_stock="2") | {"product_id": 0, "variation_id": 0, "name": ""}
    (found,) = read_order(order(line_items=[gone])).lines
    assert (found.sku, found.ordered, found.taken) == (None, Decimal(2), Decimal(2))


@pytest.mark.parametrize(
    ("told", "read"),
    [("3", "3"), (1.5, "1.5"), ("0.25", "0.25"), (0.1 + 0.2, "0.3"), (1.0, "1"), ("1e3", "1000"), (-2, "-2")],
)
def test_quantities_are_exact_decimals_however_they_are_written(told: object, read: str) -> None:
    assert read_order(order(line_items=[line(told)])).lines[0].ordered == Decimal(read)


@pytest.mark.parametrize("told", [None, "", "abc", True, [], {}, 10**30, "1e40", "nan", "inf", float("nan"), "9" * 99])
def test_a_quantity_that_is_no_plausible_number_makes_the_order_unusable(told: object) -> None:
    with pytest.raises(UnusableWebhook):
        read_order(order(line_items=[line(told)]))


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"id": 0},
        {"id": True},
        {"status": ""},
        {"status": None},
        {"line_items": None},
        {"line_items": {}},
        {"line_items": ["x"]},
        {"line_items": [line(1), line(2)]},
        {"line_items": [line(1, sku="a\0b")]},
        {"line_items": [line(1, sku="x" * 256)]},
        {"line_items": [line(1, _reduced_stock="lots")]},
        {"date_modified_gmt": "yesterday"},
        {"date_modified_gmt": 1795352347},
        {"date_modified_gmt": None, "date_created_gmt": None},
    ],
)
def test_what_would_have_to_be_guessed_is_unusable(changes: dict[str, Any]) -> None:
    with pytest.raises(UnusableWebhook):
        read_order(order(**changes))


@pytest.mark.parametrize("payload", [None, [], "x", 5, {}, {"line_items": []}])
def test_a_body_that_is_no_order_is_unusable(payload: object) -> None:
    with pytest.raises(UnusableWebhook):
        read_webhook("order.updated", payload)


def test_an_order_that_lost_all_its_lines_has_none() -> None:
    assert read_order(order(line_items=[])).lines == ()


def test_times_without_zone_are_utc_and_ids_beyond_two_to_the_53_stay_exact() -> None:
    snapshot = read_order(order(id=820982911946154508))
    assert snapshot.order_ref == "820982911946154508"
    assert snapshot.modified_at == datetime(2026, 11, 22, 12, 0, 5, tzinfo=UTC)


def test_an_order_never_modified_has_the_time_of_its_creation_as_version() -> None:
    snapshot = read_order(order(date_modified_gmt=None))
    assert snapshot.modified_at == snapshot.created_at


def test_a_price_that_cannot_be_read_does_not_spoil_the_order() -> None:
    bad = line() | {"price": "free"}
    assert read_order(order(line_items=[bad])).lines[0].unit_price is None


def test_a_variations_stock_change_hints_at_the_variation() -> None:
    delivery = woo_delivery("product.updated-variation")
    meaning = read_webhook(delivery.topic, delivery.json)
    parent, sku = str(delivery.json["parent_id"]), delivery.json["sku"]
    told = product_fields(parent, None, [item_fields("161", sku, tracked=True)])
    assert meaning == LevelHint("161", None, Decimal(98), told)


def test_a_product_without_managed_stock_hints_without_a_number() -> None:
    assert read_webhook("product.updated", {"id": 5, "stock_quantity": None}) == LevelHint("5", None, None)


def test_a_deleted_order_says_nothing_about_stock() -> None:
    delivery = woo_delivery("order.deleted")
    assert isinstance(read_webhook(delivery.topic, delivery.json), Nothing)
    assert delivery.topic in TOPICS


def test_a_deleted_product_has_no_items_and_may_be_an_order() -> None:
    delivery = woo_delivery("product.deleted-carrying-an-order-id")
    assert read_webhook(delivery.topic, delivery.json) == ProductSeen(product_fields(str(delivery.json["id"]), 0))
    assert delivery.topic in TOPICS


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            {"id": 7, "type": "simple", "sku": " MUG ", "manage_stock": True},
            product_fields("7", 1, [item_fields("7", "MUG", tracked=True)]),
        ),
        (
            {"id": 7, "type": "variation", "parent_id": 5, "sku": "", "manage_stock": "parent"},
            product_fields("5", None, [item_fields("7", None, tracked=None)]),
        ),
        (
            {"id": 5, "type": "variable", "sku": "TEE", "manage_stock": False, "variations": [7, 8]},
            product_fields("5", 2),
        ),
        (
            {"id": 5, "type": "variable", "sku": "TEE", "manage_stock": True, "variations": [7, 8]},
            product_fields("5", 3, [item_fields("5", "TEE", tracked=True)]),
        ),
    ],
)
def test_a_product_tells_of_the_items_that_the_catalogue_makes_of_it(body: dict[str, Any], told: Any) -> None:
    meaning = read_webhook("product.updated", body)
    assert isinstance(meaning, LevelHint)
    assert meaning.product == told


def test_an_unknown_topic_means_nothing() -> None:
    assert isinstance(read_webhook("coupon.created", {"id": 1}), Nothing)


def test_the_projection_reads_the_same_and_holds_no_personal_data() -> None:
    for step in woo_steps():
        for delivery in step.deliveries:
            kept = project(delivery.json)
            assert read_webhook(delivery.topic, kept) == read_webhook(delivery.topic, delivery.json)
            assert not {"billing", "shipping", "order_key", "customer_note", "payment_url"} & kept.keys()
            assert "example.test" not in str(kept)


def test_the_projection_leaves_other_meta_data_behind() -> None:
    engraved = line(1, _reduced_stock="1", engraving="for Ann") | {"name": "Ring for Ann"}
    assert "Ann" not in str(project(order(line_items=[engraved], customer_note="Ann")))

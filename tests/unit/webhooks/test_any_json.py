"""Whatever JSON a store signs, the readers answer with a meaning or with UnusableWebhook, and with nothing else."""

import copy
import json
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic_core import from_json, to_json

from prokip_shared.platforms import custom_webhooks, shopify_webhooks, woocommerce_webhooks
from prokip_shared.platforms.webhooks import OrderSeen, UnusableWebhook
from tests.unit.webhooks.recorded import shopify_payload, woo_delivery

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**60, max_value=10**400)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["", "0", "1e400", "-0", "2026-11-22T12:00:00", "0001-01-01T00:00:00+14:00", "x" * 300, "\0"])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
PLATFORMS = [
    (woocommerce_webhooks, "order.updated", woo_delivery("order.updated-with-refund").json),
    (woocommerce_webhooks, "product.updated", woo_delivery("product.updated").json),
    (shopify_webhooks, "orders/updated", shopify_payload("order_rest_2026-07_partially_refunded")),
    (
        shopify_webhooks,
        "inventory_levels/update",
        shopify_payload("webhook_inventory_levels_update.test_notification"),
    ),
    (shopify_webhooks, "products/update", shopify_payload("product_rest_2026-07")),
    (custom_webhooks, "order", {"orderId": "1", "sku": "a", "quantity": 1, "status": "completed"}),
]


def paths(value: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [prefix, *(path for key, inner in entries for path in paths(inner, (*prefix, key)))]


def replaced(payload: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    changed = copy.deepcopy(payload)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return changed


def read(module: ModuleType, topic: str, payload: Any) -> None:
    kept = module.project(payload)
    json.dumps(kept)
    try:
        meaning = module.read_webhook(topic, payload)
    except UnusableWebhook:
        return
    if isinstance(meaning, OrderSeen):
        assert meaning.order.model_dump_json().encode() == to_json(meaning.fields)


@pytest.mark.parametrize(("module", "topic", "_example"), PLATFORMS)
@given(payload=JSON)
@settings(max_examples=150, deadline=None)
def test_arbitrary_json_is_read_or_unusable(module: ModuleType, topic: str, _example: Any, payload: Any) -> None:
    read(module, topic, payload)


@pytest.mark.parametrize(("module", "topic", "example"), PLATFORMS)
@given(data=st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_real_body_with_one_value_replaced_is_read_or_unusable(
    module: ModuleType, topic: str, example: Any, data: st.DataObject
) -> None:
    path = data.draw(st.sampled_from(paths(example)))
    read(module, topic, replaced(example, path, data.draw(JSON)))


@pytest.mark.parametrize(("module", "topic", "example"), PLATFORMS)
@pytest.mark.parametrize("value", [[], {}, [[]], None, True], ids=repr)
def test_no_value_can_be_of_a_kind_that_breaks_a_reader(
    module: ModuleType, topic: str, example: Any, value: Any
) -> None:
    for path in paths(example):
        read(module, topic, replaced(example, path, value))


@pytest.mark.parametrize("restock_type", [[], {}, 1, True])
def test_a_refund_that_does_not_say_what_became_of_the_goods_is_unusable(restock_type: Any) -> None:
    order = shopify_payload("order_rest_2026-07_partially_refunded")
    order["refunds"][0]["refund_line_items"][0]["restock_type"] = restock_type
    with pytest.raises(UnusableWebhook, match="restock_type"):
        shopify_webhooks.read_order(order)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, '{"id": "\\ud800"}', '{"id": NaN}', "", "\xff"])
def test_the_json_reader_of_the_hot_path_refuses_what_is_no_json(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        from_json(text.encode("latin-1"), allow_inf_nan=False)

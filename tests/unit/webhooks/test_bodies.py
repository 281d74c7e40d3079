"""The door builds of a body what is looked at and nothing else; whatever is sent, that changes nothing of the outcome."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic_core import from_json

from prokip_shared.platforms.webhooks import Meaning, UnusableWebhook
from prokip_shared.web.problems import Problem
from tests.unit.webhooks.recorded import shopify_payload, woo_steps
from tests.unit.webhooks.test_any_json import JSON, paths, replaced
from webhook_ingest.domain.dialects import CUSTOM, SHOPIFY, WOOCOMMERCE, Dialect
from webhook_ingest.handlers.webhooks import parse

RECORDED: list[tuple[Dialect, str, Any]] = [
    *((WOOCOMMERCE, one.topic, one.json) for step in woo_steps() for one in step.deliveries[:2]),
    (SHOPIFY, "orders/updated", shopify_payload("order_rest_2026-07_partially_refunded")),
    (SHOPIFY, "inventory_levels/update", shopify_payload("webhook_inventory_levels_update.test_notification")),
    (CUSTOM, "order", {"orderId": "1", "sku": "a", "quantity": 1, "status": "completed"}),
]


def outcome(dialect: Dialect, topic: str, payload: Any) -> tuple[Meaning | str, dict[str, Any]]:
    kept = dialect.project(payload)
    try:
        return dialect.read(topic, payload), kept
    except UnusableWebhook as unusable:
        return str(unusable), kept


def assert_same(dialect: Dialect, topic: str, body: bytes) -> None:
    whole = from_json(body, allow_inf_nan=False)
    assert repr(outcome(dialect, topic, parse(body, dialect))) == repr(outcome(dialect, topic, whole))


@pytest.mark.parametrize(("dialect", "topic", "payload"), RECORDED)
def test_recorded_bodies_mean_the_same(dialect: Dialect, topic: str, payload: Any) -> None:
    assert_same(dialect, topic, json.dumps(payload).encode())
    assert len(dialect.decoder.decode(json.dumps(payload))) <= len(payload)


@pytest.mark.parametrize(("dialect", "topic", "payload"), RECORDED[-5:])
@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_body_with_one_value_replaced_means_the_same(
    dialect: Dialect, topic: str, payload: Any, data: st.DataObject
) -> None:
    path = data.draw(st.sampled_from(paths(payload)))
    body = json.dumps(replaced(payload, path, data.draw(JSON))).encode()
    try:
        from_json(body, allow_inf_nan=False)
    except ValueError:
        return  # what is no JSON in the eyes of one reader may be skipped unread by the other
    assert_same(dialect, topic, body)


BROKEN = [
    b"[" * 100_000,
    b'{"status":' * 100_000,
    b'{"line_items": [{"sku": "\\ud800"}], "sku": "\\ud800"}',
    b'{"unread": NaN}',
    b"",
    b"\xff",
    b'{"unread": "\xff"}',
]


@pytest.mark.parametrize("dialect", [CUSTOM, SHOPIFY, WOOCOMMERCE])
@pytest.mark.parametrize("body", BROKEN)
def test_what_is_no_json_is_refused(dialect: Dialect, body: bytes) -> None:
    with pytest.raises(Problem) as refused:
        parse(body, dialect)
    assert refused.value.code == "broken_json"

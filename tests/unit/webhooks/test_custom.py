from decimal import Decimal
from typing import Any

import pytest

from prokip_shared.platforms.custom_webhooks import project, read_order, read_webhook
from prokip_shared.platforms.webhooks import OrderSeen, UnusableWebhook


def body(**changes: Any) -> dict[str, Any]:
    return {"orderId": "12345", "sku": "shirt1", "quantity": 2, "status": "completed"} | changes


def test_a_completed_sale_is_the_sold_line_of_its_order() -> None:
    meaning = read_webhook("order", body())
    assert isinstance(meaning, OrderSeen)
    (line,) = meaning.order.lines
    assert (line.line_ref, line.sku, line.ordered, line.taken) == ("shirt1#sold", "shirt1", Decimal(2), Decimal(2))
    assert meaning.order.partial
    assert meaning.order.modified_at is None


def test_a_refund_is_a_line_of_its_own_that_gives_units_back() -> None:
    (line,) = read_order(body(status="refunded", quantity="1")).lines
    assert (line.line_ref, line.ordered, line.taken) == ("shirt1#returned", Decimal(0), Decimal(-1))


def test_an_order_id_may_be_a_number() -> None:
    assert read_order(body(orderId=12345)).order_ref == "12345"


def test_a_quantity_of_nothing_is_a_state_too() -> None:
    assert read_order(body(quantity=0)).lines[0].taken == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"orderId": None},
        {"orderId": ""},
        {"sku": None},
        {"sku": ""},
        {"quantity": -1},
        {"quantity": None},
        {"status": "pending"},
        {"status": None},
        {"status": ["completed"]},
    ],
)
def test_what_would_have_to_be_guessed_is_unusable(changes: dict[str, Any]) -> None:
    with pytest.raises(UnusableWebhook):
        read_order(body(**changes))


def test_the_projection_reads_the_same_and_holds_nothing_else() -> None:
    told = body(customer="Ann", email="ann@example.test")
    assert project(told) == body()

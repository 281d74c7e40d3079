"""What is asked of the connector about sales and returns, and what its answers mean."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from prokip_shared.platforms.prokip import (
    Goods,
    InDoubt,
    NotAuthorised,
    ProkipError,
    Refused,
    ReturnedItem,
    Sale,
    SoldItem,
    Unavailable,
    Unusable,
)
from prokip_shared.platforms.prokip_connector_sales import (
    HeldSell,
    check_return,
    grouped_by_days,
    held_sell,
    one_sell_request,
    recorded_sell,
    returned_totals,
    sell_request,
    sell_return_request,
    sells_request,
)
from prokip_shared.platforms.prokip_connector_wire import Request, raise_unless_answered, says_unauthenticated
from tests.unit.platforms.connector_bodies import answer, envelope, line, sell

D = Decimal
LAGOS = ZoneInfo("Africa/Lagos")
LATE = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
GOODS = {"A": Goods(51, 101), "B": Goods(52, 102)}
READ, WRITE = Request("GET", "/sell"), Request("POST", "/sell")
MISMATCH = "ERROR: NOT ALLOWED: Mismatch between sold and purchase quantity. Product: Tea SKU: A Quantity: 2"


def test_a_sale_is_one_sell_in_the_businesss_own_time() -> None:
    items = [SoldItem("A", D(2), D("9.50")), SoldItem("B", D("0.5"))]
    request = sell_request(3, Sale(items, "sync-7-1001-1", LATE), GOODS, contact_id=8, timezone=LAGOS)
    assert (request.method, request.path, request.writes) == ("POST", "/sell", True)
    assert request.body == {
        "sells": [
            {
                "location_id": 3,
                "contact_id": 8,
                "transaction_date": "2026-11-21 00:30:00",
                "invoice_no": "sync-7-1001-1",
                "source": "prokip-sync",
                "status": "final",
                "products": [
                    {"product_id": 51, "variation_id": 101, "quantity": 2, "unit_price": 9.5},
                    {"product_id": 52, "variation_id": 102, "quantity": 0.5},
                ],
            }
        ]
    }


@pytest.mark.parametrize("units", ["0", "-1"])
def test_a_sale_of_nothing_or_less_is_never_sent(units: str) -> None:
    with pytest.raises(Refused):
        sell_request(3, Sale([SoldItem("A", D(units))], "r", LATE), GOODS, contact_id=8, timezone=LAGOS)


@pytest.mark.parametrize(
    "body",
    [
        [sell(41, "r", line(91, 101), line(92, 102))],
        {"data": [sell(41, "r", line(91, 101), line(92, 102))]},
        {"success": True, "message": "", "data": [sell(41, "r", line(91, 101), line(92, 102))]},
        {"data": sell(41, "r", line(91, 101), line(92, 102))},
    ],
)
def test_a_sale_is_recorded_where_its_integer_id_came_back(body: Any) -> None:
    found = recorded_sell(answer(body))
    assert (found.id, found.invoice_no) == (41, "r")
    assert found.line_ids(GOODS) == {"A": "91", "B": "92"}


def test_lines_that_are_not_told_are_not_invented() -> None:
    bare = sell(41, "r")
    del bare["sell_lines"]
    assert recorded_sell(answer([bare])).line_ids(GOODS) == {}


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (MISMATCH, "less purchased stock"),
        ("No query results for model [App\\Contact] 1", "the customer"),
        ("No query results for model [App\\BusinessLocation] 9", "business location"),
        ("No query results for model [App\\Variation] 9", "one of the products"),
        ('Attempt to read property "sell_price_inc_tax" on null', "one of the products"),
        ("Trying to get property 'sell_price_inc_tax' of non-object", "one of the products"),
        ("No products added", "No products added"),
        ("Invalid form data", "Invalid form data"),
        ("Quantité insuffisante", "Quantité insuffisante"),
    ],
)
@pytest.mark.parametrize("wrap", [lambda one: [one], lambda one: {"data": [one]}, lambda one: one])
def test_a_200_with_an_error_inside_is_refused_in_prokips_words(message: str, why: str, wrap: Any) -> None:
    with pytest.raises(Refused) as caught:
        recorded_sell(answer(wrap(envelope(message))))
    assert why in caught.value.words
    assert caught.value.words.endswith(message)


@pytest.mark.parametrize(
    "body", [{"success": False, "message": "Invalid form data"}, {"error": {"message": "Invalid form data"}}]
)
def test_other_forms_of_saying_no_are_refused_too(body: Any) -> None:
    with pytest.raises(Refused, match="Invalid form data"):
        recorded_sell(answer(body))


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        None,
        "ok",
        b"",
        b"<html>",
        b'[{"id": 4',
        [{}],
        [{"id": "41"}],
        [{"id": True}],
        [{"id": None}],
        [sell(41, "r"), sell(42, "r")],
        [{"headers": {}, "original": {}, "exception": None}],
        [sell(41, "r") | envelope("half done")],
    ],
)
def test_whatever_is_neither_a_sale_nor_a_refusal_is_in_doubt(body: Any) -> None:
    with pytest.raises(InDoubt):
        recorded_sell(answer(body))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, NotAuthorised),
        (403, NotAuthorised),
        (404, Refused),
        (405, Refused),
        (422, Refused),
        (429, Unavailable),
        (301, Refused),
        (308, Refused),
        (302, InDoubt),
        (303, InDoubt),
        (408, InDoubt),
        (500, InDoubt),
        (502, InDoubt),
        (503, InDoubt),
    ],
)
def test_a_status_tells_whether_a_sale_certainly_did_not_happen(status: int, kind: type[ProkipError]) -> None:
    with pytest.raises(kind):
        raise_unless_answered(WRITE, answer(b"<html><title>Server Error</title>", status, Location="https://x/"))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, NotAuthorised),
        (403, NotAuthorised),
        (404, Refused),
        (302, Unusable),
        (429, Unavailable),
        (500, Unavailable),
    ],
)
def test_a_read_is_never_in_doubt(status: int, kind: type[ProkipError]) -> None:
    with pytest.raises(kind):
        raise_unless_answered(READ, answer({"message": "Unauthorized action."}, status))


def test_a_half_answer_is_no_answer() -> None:
    with pytest.raises(InDoubt):
        raise_unless_answered(WRITE, answer([sell(1, "r")], complete=False))
    with pytest.raises(Unusable):
        raise_unless_answered(READ, answer([sell(1, "r")], complete=False))


def test_the_wait_that_prokip_asks_for_is_kept() -> None:
    with pytest.raises(Unavailable) as caught:
        raise_unless_answered(WRITE, answer({"message": "Too Many Attempts."}, 429, Retry_After="17"))
    assert caught.value.retry_after_s == 17


def test_a_token_that_is_not_accepted_may_lead_to_the_login_page() -> None:
    assert says_unauthenticated(answer({"message": "Unauthenticated."}, 401))
    assert says_unauthenticated(answer(b"", 302, Location="https://erp.example/login"))
    assert not says_unauthenticated(answer(b"", 302, Location="https://erp.example/home"))
    assert not says_unauthenticated(answer([sell(1, "r")]))


def test_a_sale_is_looked_for_by_tag_and_day_with_a_day_on_both_sides() -> None:
    (group,) = grouped_by_days([Sale([], "r", LATE)], LAGOS)
    assert sells_request(3, group.days, 2).query == {
        "source": "prokip-sync",
        "location_id": "3",
        "start_date": "2026-11-20",
        "end_date": "2026-11-22",
        "order_by_date": "desc",
        "per_page": "100",
        "page": "2",
    }


def test_a_row_that_is_no_sale_is_not_taken_for_one() -> None:
    assert held_sell(sell(41, "CN1", type="sell_return")) is None
    assert held_sell({"id": "41"}) is None
    assert held_sell("x") is None
    assert one_sell_request("41").path == "/sell/41"
    with pytest.raises(Refused):
        one_sell_request("SELL-1")


def held(*lines: dict[str, Any]) -> HeldSell:
    found = held_sell(sell(41, "r", *lines))
    assert found is not None
    return found


def back(sku: str, units: str, total: str, line_id: str | None) -> ReturnedItem:
    return ReturnedItem(sku, D(units), returned_total=D(total), line_id=line_id)


def test_a_return_names_every_line_with_all_that_has_gone_back() -> None:
    sale = held(line(91, 101, "1.0000"), line(92, 102), line(93, 103, "0.5000"))
    totals = returned_totals(sale, [back("A", "1", "2", "91"), back("B", "0.5", "0.5", None)], {"B": "92"})
    assert totals == {91: D(2), 92: D("0.5"), 93: D("0.5")}
    assert sell_return_request(sale, totals).body == {
        "transaction_id": 41,
        "products": [
            {"sell_line_id": 91, "quantity": 2, "unit_price_inc_tax": 10},
            {"sell_line_id": 92, "quantity": 0.5, "unit_price_inc_tax": 10},
            {"sell_line_id": 93, "quantity": 0.5, "unit_price_inc_tax": 10},
        ],
    }


def test_units_that_a_person_put_back_in_prokip_are_never_taken_out_again() -> None:
    assert returned_totals(held(line(91, 101, "2.0000")), [back("A", "1", "1", "91")], {}) == {91: D(2)}


def test_a_line_that_the_sale_has_not_is_refused_before_prokip_ignores_it() -> None:
    with pytest.raises(Refused, match="no line for A"):
        returned_totals(held(line(91, 101)), [back("A", "1", "1", "99")], {})
    with pytest.raises(Refused):
        returned_totals(held(line(91, 101)), [back("A", "1", "1", None)], {})


@pytest.mark.parametrize("status", [200, 201])
def test_a_return_is_done_where_its_id_came_back(status: int) -> None:
    check_return(answer({"id": 55, "type": "sell_return", "invoice_no": "CN2026/0001", "return_parent_id": 41}, status))
    check_return(answer({"data": {"id": 55}}, status))


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (envelope("No query results for model [App\\Transaction] 9"), Refused),
        ({"error": {"message": "bad"}}, Refused),
        ({"success": False, "msg": "bad"}, Refused),
        ({}, InDoubt),
        (b"<html>", InDoubt),
        ([], InDoubt),
    ],
)
def test_a_return_without_an_id_is_refused_or_in_doubt(body: Any, kind: type[ProkipError]) -> None:
    with pytest.raises(kind):
        check_return(answer(body))

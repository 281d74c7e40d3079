"""What answers of the simple dialect mean."""

from decimal import Decimal

import pytest

from prokip_shared.platforms.prokip import InDoubt, NotAuthorised, Refused, Unavailable, Unsupported, Unusable
from prokip_shared.platforms.prokip_http import Answer, parse_quantity, retry_after_s, words_of
from prokip_shared.platforms.prokip_simple import check_refund, parse_sell_id, parse_stock

D = Decimal


def answer(status: int, body: bytes = b"", *, complete: bool = True, **headers: str) -> Answer:
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body, complete)


@pytest.mark.parametrize(
    "body",
    [
        b'[{"sku": "A", "quantity": 3}, {"sku": "B", "quantity": "-2.50"}]',
        b'{"data": [{"sku": "A", "quantity": 3.0}, {"sku": "B", "quantity": -2.5, "location_id": 1}]}',
        b'{"success": true, "data": [{"sku": "A", "quantity": "3"}, {"sku": "B", "quantity": "-2.5000"}]}',
    ],
)
def test_stock_is_read_from_a_root_list_or_one_under_data(body: bytes) -> None:
    assert parse_stock(body).quantities == {"A": D(3), "B": D("-2.5")}


def test_a_sku_that_is_a_number_is_its_digits() -> None:
    assert parse_stock(b'[{"sku": 4711, "quantity": 1}]').quantities == {"4711": D(1)}


def test_rows_that_contradict_or_hold_no_number_are_unusable_and_not_zero() -> None:
    page = parse_stock(
        b'[{"sku":"A","quantity":1},{"sku":"A","quantity":1},{"sku":"B","quantity":null},{"sku":"C","quantity":2},{}]'
    )
    assert page.quantities == {"C": D(2)}
    assert set(page.unusable) == {"A", "B"}
    assert page.rows_without_sku == 1


@pytest.mark.parametrize(
    "body", [b"[]", b'{"data": []}', b"{}", b'"x"', b"null", b"<html>", b"[NaN]", b"[{}]", b"\xff"]
)
def test_an_empty_list_or_no_list_is_an_error_and_not_an_empty_shop(body: bytes) -> None:
    with pytest.raises(Unusable):
        parse_stock(body)


def test_a_body_nested_beyond_reason_is_unusable() -> None:
    with pytest.raises(Unusable):
        parse_stock(b"[" * 200_000)


@pytest.mark.parametrize("value", [True, None, "", "abc", "NaN", "Infinity", "1e400", [], {}])
def test_what_is_no_number_is_no_quantity(value: object) -> None:
    assert parse_quantity(value) is None


@pytest.mark.parametrize(
    ("body", "sell_id"),
    [
        (b'{"sell_id": "SELL-1"}', "SELL-1"),
        (b'{"sell_id": 17}', "17"),
        (b'{"success": true, "data": {"sell_id": "SELL-9", "total": 1}}', "SELL-9"),
    ],
)
@pytest.mark.parametrize("status", [200, 201])
def test_a_sale_is_recorded_when_an_id_comes_back(status: int, body: bytes, sell_id: str) -> None:
    assert parse_sell_id(answer(status, body)) == sell_id


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (answer(200, b"{}"), InDoubt),
        (answer(200, b'{"sell_id": true}'), InDoubt),
        (answer(200, b'{"sell_id": ""}'), InDoubt),
        (answer(200, b"<html>"), InDoubt),
        (answer(201, b'{"sell_', complete=False), InDoubt),
        (answer(500, b"<html>"), InDoubt),
        (answer(503), InDoubt),
        (answer(408), InDoubt),
        (answer(302, Location="/login"), InDoubt),
        (answer(308, Location="https://other"), Refused),
        (answer(400), Refused),
        (answer(404), Refused),
        (answer(422), Refused),
        (answer(401), NotAuthorised),
        (answer(403), NotAuthorised),
        (answer(429), Unavailable),
    ],
)
def test_only_an_id_is_success_and_only_a_clear_no_is_a_no(given: Answer, error: type[Exception]) -> None:
    with pytest.raises(error):
        parse_sell_id(given)


def test_a_wait_that_prokip_asks_for_is_kept() -> None:
    with pytest.raises(Unavailable) as caught:
        parse_sell_id(answer(429, Retry_After="7"))
    assert caught.value.retry_after_s == 7
    assert retry_after_s({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0
    assert retry_after_s({"Retry-After": "soon"}) is None


@pytest.mark.parametrize("status", [404, 405])
def test_a_prokip_without_refunds_says_unsupported(status: int) -> None:
    with pytest.raises(Unsupported):
        check_refund(answer(status))


def test_any_body_of_an_accepted_refund_will_do() -> None:
    check_refund(answer(201, b""))


def test_prokips_own_words_reach_the_operator() -> None:
    assert words_of(answer(400, b'{"success": false, "error": "Not enough stock"}')) == "Not enough stock"
    assert words_of(answer(400, b'{"error": {"message": "No such SKU"}}')) == "No such SKU"
    assert words_of(answer(500, b"<h1>\n Oops </h1>")) == "<h1> Oops </h1>"
    page = b"<!doctype html><html><head><title>\n Server Error</title></head><body>long</body></html>"
    assert words_of(answer(500, page)) == "Server Error"
    assert words_of(answer(500)) == "(no words)"
    assert len(words_of(answer(500, b"x" * 9999))) == 500

"""What the connector's answers tell of stock and goods."""

import json
from collections.abc import Collection
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from prokip_shared.platforms.prokip import Goods, Refused, StockPage, Unusable
from prokip_shared.platforms.prokip_connector_stock import (
    INACTIVE,
    NO_STOCK_ROW,
    NOT_TRACKED,
    goods_named,
    products_request,
    stock_page,
    variations_of,
    variations_request,
)
from prokip_shared.platforms.prokip_connector_wire import location_number, rows_of
from tests.unit.platforms.connector_bodies import answer, meta, variation

D = Decimal
ROWS = [variation("A", 101, (3, "20.0000"))]
NO_ROW = "no row"
"""One of these makes a page be read value by value."""


def told(rows: list[Any], inactive: Collection[int] = ()) -> StockPage:
    """What a page tells of location 3, in whichever of the two ways it is read."""
    pages = [
        stock_page(variations_of(answer(body)).rows, 3, inactive)
        for body in ({"data": rows}, {"data": [*rows, NO_ROW]})
    ]
    usual, one_by_one = pages
    assert replace(one_by_one, rows_without_sku=one_by_one.rows_without_sku - 1) == usual
    return usual


@pytest.mark.parametrize(
    ("body", "last_page"),
    [
        (ROWS, None),
        ({"data": ROWS}, None),
        ({"data": ROWS, "links": {"next": "x"}, "meta": meta(1, 4)}, 4),
        ({"success": True, "message": "ok", "data": ROWS, "meta": meta(1, 4), "links": {}}, 4),
        ({"success": True, "data": {"data": ROWS, "meta": meta(1, 4)}}, 4),
        ({"current_page": 1, "data": ROWS, "last_page": 4, "per_page": 100}, 4),
    ],
)
def test_lists_of_both_generations_and_of_forks_are_one(body: Any, last_page: int | None) -> None:
    found = rows_of(answer(body))
    assert (list(found.rows), found.last_page) == (ROWS, last_page)
    assert found.is_last(1) == (last_page is None)
    assert found.is_last(4)
    variations = variations_of(answer(body))
    assert (variations.page, variations.last_page) == (found.page, last_page)
    assert stock_page(variations.rows, 3, ()).quantities == {"A": D(20)}


def test_an_empty_page_is_the_last_one() -> None:
    assert rows_of(answer({"data": [], "meta": meta(2, 9)})).is_last(2)


@pytest.mark.parametrize("body", [{}, "x", None, 3, b"<html>", b"", b'{"data": [', {"data": {"id": 1}}])
def test_what_is_no_list_is_unusable(body: Any) -> None:
    for read in (rows_of, variations_of):
        with pytest.raises(Unusable):
            read(answer(body))


def test_a_list_that_is_refused_inside_a_200_is_refused_in_its_words() -> None:
    for body in ({"success": False, "message": "No access"}, {"error": {"message": "No access"}}):
        for read in (rows_of, variations_of):
            with pytest.raises(Refused, match="No access"):
                read(answer(body))


def test_the_quantity_is_that_of_exactly_this_location() -> None:
    page = told(
        [
            variation("A", 101, (3, "20.0000"), (33, "7.0000")),
            variation("B", 102, (33, "7.0000"), ("3", "-1.5000")),
            variation("C", 103, (3, 0)),
        ]
    )
    assert page.quantities == {"A": D(20), "B": D("-1.5"), "C": D(0)}
    assert page.goods["A"] == Goods(product_id=51, variation_id=101)
    assert (dict(page.unusable), dict(page.left_alone), page.rows_without_sku) == ({}, {}, 0)


def test_goods_that_prokip_tells_no_quantity_for_are_left_alone_and_not_zero() -> None:
    page = told(
        [
            variation("SERVICE", 101, (3, "0.0000"), enable_stock=0),
            variation("SERVICE-2", 102, enable_stock="0"),
            variation("OLD", 103, (3, "5.0000")),
            variation("ELSEWHERE", 104, (4, "5.0000")),
            variation("A", 105, (3, "5.0000")),
        ],
        {103},
    )
    assert page.quantities == {"A": D(5)}
    assert page.left_alone == {
        "SERVICE": NOT_TRACKED,
        "SERVICE-2": NOT_TRACKED,
        "OLD": INACTIVE,
        "ELSEWHERE": NO_STOCK_ROW,
    }
    assert set(page.goods) == {"SERVICE", "SERVICE-2", "OLD", "ELSEWHERE", "A"}


def test_rows_that_cannot_be_used_say_why_and_give_no_ids() -> None:
    page = told(
        [
            variation("TWICE", 101, (3, "5.0000")),
            variation("TWICE", 102, (3, "5.0000")),
            variation("TWO-ROWS", 103, (3, "5.0000"), (3, "6.0000")),
            variation("NO-LIST", 105, variation_location_details=None),
            variation("NO-ID", 106, (3, "1.0000"), variation_id=None),
            variation(None, 107, (3, "1.0000")),
            variation("", 108, (3, "1.0000")),
            variation("A", 109, (3, "1.0000")),
        ]
    )
    assert page.quantities == {"A": D(1)}
    assert set(page.unusable) == {"TWICE", "TWO-ROWS", "NO-LIST", "NO-ID"}
    assert set(page.goods) == {"A"}
    assert page.rows_without_sku == 2


def test_a_page_without_any_sku_is_no_stock_list() -> None:
    with pytest.raises(Unusable):
        stock_page(variations_of(answer([{"id": 1}, NO_ROW])).rows, 3, ())


def test_skus_are_exact_and_a_number_is_its_digits() -> None:
    page = told([variation(sku, 101 + n, (3, "1.0000")) for n, sku in enumerate(("ab1", "AB1", "AB1 ", 4711))])
    assert set(page.quantities) == {"ab1", "AB1", "AB1 ", "4711"}


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [
        ("20.0000", D(20)),
        ("-0.5", D("-0.5")),
        (7, D(7)),
        (b"1.10", D("1.10")),
        (b"12345678901.0001", D("12345678901.0001")),
        ("1e3", D(1000)),
        ("NaN", None),
        ("Infinity", None),
        ("1" * 40, None),
        ("many", None),
        ("", None),
        (None, None),
        (True, None),
        ([], None),
    ],
)
def test_a_quantity_is_exact_or_none(quantity: Any, expected: Decimal | None) -> None:
    literal = quantity if isinstance(quantity, bytes) else json.dumps(quantity).encode()
    body = json.dumps([variation("A", 101, (3, "HERE"))]).encode().replace(b'"HERE"', literal)
    page = stock_page(variations_of(answer(body)).rows, 3, ())
    assert (page.quantities.get("A"), "A" in page.unusable) == (expected, expected is None)


@pytest.mark.parametrize("enable_stock", [0, "0", False, "false"])
def test_stock_that_is_switched_off_in_any_way_is_left_alone(enable_stock: Any) -> None:
    assert told([variation("A", 101, (3, "1.0000"), enable_stock=enable_stock)]).left_alone == {"A": NOT_TRACKED}


@pytest.mark.parametrize("number", [True, 101.0, -101, 0, "x", {}])
def test_an_id_is_a_positive_whole_number(number: Any) -> None:
    assert told([variation("A", 101, (3, "1.0000"), product_id=number)]).unusable.keys() == {"A"}


def product(number: int, *variations: tuple[int, str]) -> dict[str, Any]:
    rows = [
        {"id": one, "product_id": number, "sub_sku": sku, "variation_location_details": []} for one, sku in variations
    ]
    return {"id": number, "sku": "T", "product_variations": [{"id": 9, "variations": rows}], "enable_stock": 1}


def test_goods_are_found_by_the_exact_sku_although_prokip_answers_what_is_like_it() -> None:
    rows = [product(1, (11, "T-1"), (12, "T-10")), product(2, (13, "XT-1")), {"id": 3}, "no row"]
    assert goods_named(rows, "T-1") == {Goods(product_id=1, variation_id=11)}
    assert goods_named(rows, "T") == set()
    assert goods_named([*rows, product(4, (14, "T-1"))], "T-1") == {Goods(1, 11), Goods(4, 14)}


def test_requests_are_paged_and_products_have_the_one_stable_order() -> None:
    assert variations_request(3, 2).query == {"location_id": "3", "per_page": "100", "page": "2"}
    assert products_request("A&B", 1).query == {
        "sku": "A&B",
        "per_page": "100",
        "page": "1",
        "order_by": "newest",
        "order_direction": "asc",
    }


@pytest.mark.parametrize("wrong", ["BL0001", "", "0", "-1", "1.0", "²"])
def test_a_location_is_a_number(wrong: str) -> None:
    assert location_number("3") == 3
    with pytest.raises(Refused):
        location_number(wrong)

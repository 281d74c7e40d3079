from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.numbers import plain_number
from gateway.domain.operations import (
    SaleKey,
    explain_in_words,
    explain_listing,
    fits_search,
    listing_status,
    summarise_parked,
)
from gateway.domain.rounds import RoundReport, round_failure


@given(st.integers(0, 2**63 - 1), st.text(min_size=1, max_size=64).filter(lambda text: text.isprintable()))
def test_any_order_can_be_named_in_a_path(connection_id: int, order_ref: str) -> None:
    key = SaleKey(connection_id, order_ref)
    assert SaleKey.decode(key.encode()) == key
    assert key.encode().replace("-", "").replace("_", "").isalnum()


@given(st.text(max_size=50))
def test_what_names_no_order_is_none(text: str) -> None:
    found = SaleKey.decode(text)
    assert found is None or found.order_ref


@pytest.mark.parametrize(
    ("value", "text"),
    [("96", "96"), ("96.500", "96.5"), ("1E+3", "1000"), ("-0", "0"), ("0.0000", "0"), ("-3.10", "-3.1")],
)
def test_equal_quantities_are_equal_strings(value: str, text: str) -> None:
    assert plain_number(Decimal(value)) == text


@pytest.mark.parametrize(
    ("body", "summary"),
    [
        ('{"order_ref": "17", "sku": "SHIRT"}', "t: order 17, SKU SHIRT"),
        ('{"order": {"order_ref": "17"}, "connection_id": 3}', "t: order 17, store 3"),
        ('[{"sku": "SHIRT"}]', "t: SKU SHIRT"),
        ("\\xff\\x00", "t"),
        ("[1, 2]", "t"),
        ("{}", "t"),
    ],
)
def test_a_parked_message_says_what_it_is_about(body: str, summary: str) -> None:
    assert summarise_parked("t", body) == summary


def test_a_quantity_is_explained_as_a_sum() -> None:
    told: dict[str, Any] = {"sku": "SHIRT", "quantity": "98", "recorded": "2", "taken": "4", "balance": "96"}
    told |= {"open_units": "0", "bundle_units": "0", "made_of": []}
    assert explain_in_words(told).endswith("98 + 2 - 4 = 96.")
    assert explain_in_words(told | {"open_units": "2"}).endswith("Not settled with Prokip yet: 2 of them.")
    assert explain_in_words(told | {"bundle_units": "3"}).endswith("As part of bundles: 3 of them.")
    assert "not told" in explain_in_words(told | {"quantity": None})


def test_a_bundle_is_explained_part_by_part() -> None:
    parts = [
        {"sku": "CUP", "quantity": "2", "available": "7", "makes": "3", "least": True},
        {"sku": "POT", "quantity": "1", "available": "9", "makes": "9", "least": False},
    ]
    told = {"sku": "BOX", "available": "3", "quantity": None, "made_of": parts}
    assert explain_in_words(told) == (
        "BOX is a bundle: 7 of CUP at 2 each make 3; 9 of POT at 1 each make 9. The least counts, which is CUP: 3."
    )
    parts[1] |= {"available": None, "makes": None, "least": True}
    parts[0]["least"] = False
    assert explain_in_words(told).endswith("Prokip has told no quantity of its part POT: nothing is pushed.")


LISTING = {
    "state": "matched", "reason": "", "available": "5", "target": 5, "believed": "5", "gap": None,
    "push": "on", "buffer": "0", "shown_max": None, "places": None, "held_since": None, "bundle": False,
}  # fmt: skip


@pytest.mark.parametrize(
    ("differs", "sentence"),
    [
        ({}, "It should show 5, and does."),
        ({"believed": "7.0"}, "It should show 5 and shows 7."),
        ({"believed": None}, "It should show 5; what it shows is not known yet."),
        ({"gap": 2}, "It should show 5; it showed 2 more than is explained, and is looked at again."),
        ({"gap": -2}, "It should show 5; it showed 2 less than is explained, and is looked at again."),
        (
            {"available": "-1.5", "target": 0, "believed": "0"},
            "It should show 0 (of -1.5 available: whole units, and none that are not there), and does.",
        ),
        ({"target": None, "available": None}, "Nothing is written to it until Prokip tells a quantity."),
        (
            {"target": None, "available": None, "bundle": True},
            "Nothing is written to it until Prokip tells a quantity of each of its parts.",
        ),
        ({"state": "no_sku", "reason": "no SKU there"}, "Nothing is written to it: no SKU there."),
        ({"state": "gone"}, "Nothing is written to it: gone."),
        (
            {"buffer": "2", "target": 3, "believed": "3"},
            "It should show 3 (5 less 2 kept back = 3), and does.",
        ),
        (
            {"available": "20", "buffer": "2.5", "shown_max": 10, "target": 10, "believed": "10"},
            "It should show 10 (20 less 2.5 kept back = 17.5; whole units, and none that are not there; at most 10), and does.",
        ),
        (
            {"places": {"L1": "2", "L2": "3", "L3": None}},
            "It should show 5 (2 at L1 + 3 at L2 = 5 at all locations), and does.",
        ),
        ({"shown_max": 9}, "It should show 5, and does."),
        ({"push": "never", "target": None}, "Nothing is written to it: a rule says that it is never written."),
        (
            {"gap": "0"},
            "It should show 5; what it showed is not told by any order yet, so it is looked at until the store's orders are read.",
        ),
        (
            {"held_since": "2026-11-25T10:00:00+00:00"},
            "It should show 5; it is not written until somebody decides about its difference.",
        ),
    ],
)
def test_a_listing_is_explained_in_a_sentence(differs: dict[str, object], sentence: str) -> None:
    assert explain_listing(LISTING | differs) == sentence


def test_only_a_store_that_fails_fails_a_round() -> None:
    stores = [
        {"connection_id": 1, "state": "confirmed", "detail": ""},
        {"connection_id": 2, "state": "paused", "detail": "paused"},
    ]
    assert round_failure(RoundReport("completed", "", stores), {}) is None
    failing = {"connection_id": 3, "state": "failing", "detail": ""}
    told = round_failure(RoundReport("completed", "", [*stores, failing]), {3: "Corner Shop"})
    assert told == "Corner Shop: does not take the quantities."
    assert round_failure(RoundReport("failed", "", stores), {}) == "Prokip could not be read."


@pytest.mark.parametrize(
    ("state", "target", "status"),
    [("matched", "3", "matched"), ("matched", None, "not_in_prokip"), ("no_sku", None, "no_sku")],
)
def test_the_earlier_match_status_tells_what_prokip_does_not_hold(state: str, target: str | None, status: str) -> None:
    assert listing_status({"state": state, "target": target}) == status


def test_a_search_fits_parts_in_any_case() -> None:
    assert fits_search(" shi ", ("#1001", None, "SHIRT"))
    assert fits_search("", ())
    assert not fits_search("hat", ("#1001", None, "SHIRT"))

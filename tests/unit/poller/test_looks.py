"""Looking up what is in doubt: what a look proves, and when the next one is."""

from decimal import Decimal

import pytest

from prokip_poller.domain.looks import Found, LookPolicy, OpenDoubt, must_read_all, must_wait, return_found
from prokip_poller.domain.sales import GiveBack, RecordSale, Step
from prokip_shared.platforms.prokip import ReturnedItem

D = Decimal
POLICY = LookPolicy(first_s=2, cap_s=60, grace_s=120)


def test_looks_come_at_doubling_distances_up_to_a_cap() -> None:
    delays = [POLICY.next_s(looks, final_in_s=999, found="not_there") for looks in (1, 2, 3, 4, 5, 99)]
    assert delays == [4, 8, 16, 32, 60, 60]


def test_the_last_look_comes_as_soon_as_its_word_counts() -> None:
    assert POLICY.next_s(3, final_in_s=5, found="not_there") == 5
    assert POLICY.next_s(3, final_in_s=-1, found="not_there") == 0


def test_one_that_failed_waits_on_and_never_less_than_prokip_asked_for() -> None:
    assert POLICY.next_s(3, final_in_s=-1, found="failed") == 16
    assert POLICY.next_s(1, final_in_s=5, found="failed", asked_s=30) == 30


@pytest.mark.parametrize(
    ("returned", "found"),
    [({"10": D(2)}, "recorded"), ({"10": D(3)}, "recorded"), ({"10": D(1)}, "not_there"), ({}, "not_there")],
)
def test_a_return_is_there_once_its_lines_show_their_totals(returned: dict[str, Decimal], found: Found) -> None:
    items = [ReturnedItem("A", D(1), D(2), "10"), ReturnedItem("B", D(0), D(1), "11")]
    assert return_found(items, returned) == found


def test_a_return_on_a_line_without_an_id_cannot_be_told() -> None:
    assert return_found([ReturnedItem("A", D(1), D(2), None)], {"10": D(2)}) == "unclear"
    assert (
        return_found([ReturnedItem("A", D(1), D(2), "10"), ReturnedItem("B", D(0), D(1))], {"10": D(2)}) == "recorded"
    )


@pytest.mark.parametrize(
    ("found", "final_in_s", "asked_before", "all_of_it"),
    [
        ("recorded", 9.0, False, False),
        ("recorded", -1.0, False, False),
        ("not_there", 9.0, False, False),
        ("not_there", 0.0, False, True),
        ("recorded", 9.0, True, True),
        ("not_there", 9.0, True, True),
    ],
)
def test_only_what_is_absent_for_good_or_may_be_there_twice_is_read_for_to_the_end(
    found: Found, final_in_s: float, asked_before: bool, all_of_it: bool
) -> None:
    assert must_read_all(found, final_in_s=final_in_s, asked_before=asked_before) is all_of_it


@pytest.mark.parametrize(
    ("step", "doubt", "waits"),
    [
        (RecordSale({"A": D(1)}), OpenDoubt("sell", "A"), False),
        (RecordSale({"A": D(1)}), OpenDoubt("refund", "A"), True),
        (GiveBack(1, "S", {"A": D(1)}), OpenDoubt("sell", "A"), True),
        (GiveBack(1, "S", {"A": D(1)}), OpenDoubt("sell", "B"), False),
    ],
)
def test_nothing_crosses_a_return_of_the_same_goods(step: Step, doubt: OpenDoubt, waits: bool) -> None:
    assert must_wait(step, [doubt]) is waits

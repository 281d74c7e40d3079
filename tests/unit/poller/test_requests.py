"""What is asked of Prokip for a step, and the names under which sales are found again."""

import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prokip_poller.domain.requests import (
    DueLine,
    Return,
    due_units,
    reference_of,
    return_request,
    sale_request,
    unit_prices,
)
from prokip_poller.domain.sales import GiveBack, RecordSale, Sell, ToldLine, apply_step, steps_left
from prokip_shared.platforms.prokip import Goods, ReturnedItem, Sale, SoldItem

D = Decimal
SOLD_AT = datetime(2026, 11, 22, 10, tzinfo=UTC)
UNITS = st.decimals(min_value=0, max_value=4, places=1)
DUE = st.dictionaries(st.sampled_from(["A", "B", "C"]), UNITS, max_size=3)


def sell(posting_id: int, sell_id: str | None = "S", **lines: ToldLine) -> Sell:
    return Sell(posting_id, sell_id, lines)


def test_lines_of_one_sku_are_one_item_whose_price_keeps_the_sum() -> None:
    lines = [DueLine("A", D(3), D(10)), DueLine("A", D(1), D(6)), DueLine("B", D(1), D("2.5"))]
    assert due_units(lines) == {"A": D(4), "B": D(1)}
    assert unit_prices(lines) == {"A": D(9), "B": D("2.5")}


def test_a_line_that_holds_nothing_has_no_say_in_the_price_and_one_without_a_price_has_the_last() -> None:
    assert unit_prices([DueLine("A", D(0), D(99)), DueLine("A", D(1), D(5))]) == {"A": D(5)}
    assert unit_prices([DueLine("A", D(1), None), DueLine("A", D(1), D(5))]) == {}


def test_a_sale_names_ids_and_prices_where_they_are_known() -> None:
    step = RecordSale({"A": D(2), "B": D(1)})
    sale = sale_request(step, reference="r", sold_at=SOLD_AT, prices={"A": D(5)}, goods={"B": Goods(1, 2)})
    assert sale == Sale([SoldItem("A", D(2), D(5)), SoldItem("B", D(1), None, Goods(1, 2))], "r", SOLD_AT)


def test_a_return_names_every_line_that_units_ever_went_back_on_with_its_total() -> None:
    told = sell(1, "S1", A=ToldLine(D(3), D(1), "10"), B=ToldLine(D(2), D(2), "11"), C=ToldLine(D(1), D(0), "12"))
    assert return_request(GiveBack(1, "S1", {"A": D(1)}), told) == Return(
        "S1", [ReturnedItem("A", D(1), D(2), "10"), ReturnedItem("B", D(0), D(2), "11")]
    )


def test_a_return_never_exceeds_what_was_sold() -> None:
    told = sell(1, "S1", A=ToldLine(D(3), D(1), "10"))
    assert return_request(GiveBack(1, "S1", {"A": D(9)}), told).items == [ReturnedItem("A", D(2), D(3), "10")]


def test_a_return_on_a_sale_without_an_id_is_nothing_to_send() -> None:
    with pytest.raises(ValueError, match="by hand"):
        return_request(GiveBack(1, None, {"A": D(1)}), sell(1, None, A=ToldLine(D(3))))


def test_a_reference_names_shop_order_and_which_sale_of_it() -> None:
    first = reference_of(7, "1001", RecordSale({"A": D(2)}), [])
    assert re.fullmatch(r"sync-7-1001-1-[0-9a-f]{10}", first)
    assert reference_of(7, "1001", RecordSale({"A": D("2.0")}), []) == first
    assert reference_of(7, "1001", RecordSale({"A": D(2)}), [sell(4)]).startswith("sync-7-1001-2-")
    assert reference_of(7, "1001", GiveBack(4, "S", {"A": D(1)}), [sell(4), sell(9)]) == "sync-7-1001-1-return"


@given(st.lists(st.tuples(DUE, st.lists(st.booleans(), max_size=3)), max_size=8))
def test_two_sales_of_an_order_never_share_a_reference_and_a_repeat_always_does(
    history: list[tuple[dict[str, Decimal], list[bool]]],
) -> None:
    sells: list[Sell] = []
    recorded: dict[str, RecordSale] = {}
    tried: dict[str, tuple[int, RecordSale]] = {}
    for due, arrives in history:
        for arrived in arrives:
            step = next(iter(steps_left(due, sells)), None)
            if step is None:
                break
            reference = reference_of(7, "1001", step, sells)
            if isinstance(step, RecordSale):
                assert tried.setdefault(reference, (len(sells), step)) == (len(sells), step)
                assert reference not in recorded
            if arrived:
                sells = apply_step(sells, step, posting_id=len(sells) + 1, sell_id="S")
                if isinstance(step, RecordSale):
                    recorded[reference] = step


@given(st.integers(1, 2**63 - 1), st.text(min_size=1, max_size=255), st.text(min_size=1, max_size=255))
def test_references_are_safe_and_short_and_tell_orders_apart(connection_id: int, one: str, other: str) -> None:
    step = RecordSale({"A": D(2)})
    first, second = reference_of(connection_id, one, step, []), reference_of(connection_id, other, step, [])
    assert re.fullmatch(r"[A-Za-z0-9._~-]{1,189}", first)
    assert (first == second) is (one == other)

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.domain.values import HeldLine
from inventory.rows import decode_lines, decode_taken, encode_lines, encode_taken
from prokip_shared.arrays import array_literal
from tests.unit.inventory.world import NOON

units = st.decimals(allow_nan=False, allow_infinity=False, places=3)
texts = st.text(max_size=8)
held_lines = st.builds(
    HeldLine,
    line_ref=texts,
    sku=st.none() | texts,
    stock_sku=st.none() | texts,
    ordered=units,
    taken=units,
    baseline=units,
    unmatched=units,
    unit_price=st.none() | units,
    sku_at=st.none() | st.just(NOON),
)


@given(st.lists(held_lines, max_size=4))
@settings(deadline=None)
def test_lines_come_back_as_they_were_written(lines: list[HeldLine]) -> None:
    assert decode_lines(encode_lines(lines)) == tuple(lines)


@given(st.dictionaries(st.integers(1, 2**62), units, max_size=4))
@settings(deadline=None)
def test_taken_by_connection_comes_back_as_it_was_written(taken: dict[int, Decimal]) -> None:
    assert decode_taken(encode_taken(taken)) == taken


def test_an_array_literal_quotes_what_has_a_meaning_in_it() -> None:
    assert array_literal([1, None, 'a"b\\c', "NULL", "", True]) == '{1,NULL,"a\\"b\\\\c","NULL","","True"}'

"""When a reading has named all that Prokip has."""

from collections.abc import Sequence
from decimal import Decimal

import pytest

from prokip_poller.pages import Whole
from prokip_shared.platforms.prokip import StockPage


def page(row_ids: Sequence[int], *, total: int | None, without_id: int = 0) -> StockPage:
    return StockPage({"A": Decimal(1)}, rows_total=total, row_ids=row_ids, rows_without_id=without_id)


@pytest.mark.parametrize(
    ("pages", "new_skus", "whole"),
    [
        ([page([1, 2], total=3), page([3], total=3)], 3, True),
        ([page([1, 2], total=3), page([2], total=3)], 3, False),  # 3 moved to the first page meanwhile
        ([page([1, 2], total=3), page([2], total=3)], 0, False),
        ([page([1, 2], total=3), page([], total=3, without_id=1)], 2, True),
        ([page([1, 2], total=2), page([3], total=3)], 3, True),  # one more came while it was read
        ([page([1, 2], total=None), page([3], total=None)], 3, False),
        ([page([1, 2], total=None), page([3], total=None)], 0, True),
        ([page([], total=None, without_id=5)], 5, True),
    ],
)
def test_a_reading_is_whole_when_every_row_was_named_once(
    pages: Sequence[StockPage], new_skus: int, whole: bool
) -> None:
    reading = Whole()
    for one in pages:
        reading.add(one)
    assert reading.is_so(new_skus=new_skus) is whole

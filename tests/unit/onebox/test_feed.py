import pytest

from prokip_onebox.feed import title_of
from prokip_onebox.operator import Event


@pytest.mark.parametrize(
    ("revision", "units", "title"),
    [
        (1, "2.0000", "sale #1001 at North: 2 of MUG, 1 of CUP"),
        (2, "0.0000", "order #1001 at North now holds 0 of MUG, 1 of CUP"),
    ],
)
def test_a_sale_is_told_once_and_what_follows_as_what_the_order_holds(revision: int, units: str, title: str) -> None:
    lines = [{"sku": "MUG", "units": units}, {"sku": "CUP", "units": "1"}]
    message = {"connection_id": 1, "order_number": "#1001", "revision": revision, "lines": lines}
    assert title_of(Event("7", "sale.due", {"storeName": "North", "data": message})) == title

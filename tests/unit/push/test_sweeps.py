"""Which orders a sweep asks for next, and what it says of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from prokip_shared.messages import OrderSnapshot
from prokip_shared.platforms.errors import StoreUnavailable
from prokip_shared.platforms.store import OrdersPage
from prokip_shared.platforms.woocommerce_wire import OrdersCursor
from store_push.domain.sweeps import Sweep, observations_of

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SWEEP = Sweep(
    connection_id=7,
    business_id=3,
    location_id="L1",
    connected_at=NOON,
    swept_to=NOON,
    cursor=None,
    sweeping_to=None,
    consecutive_failures=0,
    begun_at=NOON + timedelta(hours=1),
    correlation_id="sweep",
)


def rows(*seconds: int) -> list[dict[str, Any]]:
    return [{"date_modified_gmt": (NOON + timedelta(seconds=at)).replace(tzinfo=None).isoformat()} for at in seconds]


def test_a_listing_begins_a_second_early_because_the_store_leaves_that_second_out() -> None:
    assert ("modified_after", "2026-11-22T11:59:59") in OrdersCursor.begin(NOON + timedelta(milliseconds=900)).query()


def test_a_full_page_is_followed_by_what_changed_in_its_last_second_or_later() -> None:
    following = OrdersCursor.begin(NOON).following(rows(*range(100)), NOON)
    assert following == OrdersCursor("any", NOON + timedelta(seconds=98))


def test_a_second_with_more_orders_than_a_page_holds_is_paged_by_number() -> None:
    first = OrdersCursor.begin(NOON).following(rows(*[0] * 100), NOON)
    assert first == OrdersCursor("any", NOON - timedelta(seconds=1), 2)
    assert first is not None
    second = first.following(rows(*[0] * 99, 5), NOON)
    assert second == OrdersCursor("any", NOON + timedelta(seconds=4))


def test_trashed_orders_are_listed_after_the_others_and_then_it_ends() -> None:
    trash = OrdersCursor("any", NOON + timedelta(seconds=9)).following(rows(10), NOON)
    assert trash == OrdersCursor("trash", NOON - timedelta(seconds=1))
    assert trash is not None
    assert trash.following([], NOON) is None
    assert OrdersCursor.parse(trash.text()) == trash


@pytest.mark.parametrize("row", [{}, {"date_modified_gmt": None}, {"date_modified_gmt": "soon"}])
def test_a_row_without_a_time_is_no_answer(row: dict[str, Any]) -> None:
    with pytest.raises(StoreUnavailable):
        OrdersCursor.begin(NOON).following([row] * 100, NOON)


def test_it_ends_at_the_stores_clock_of_its_first_page() -> None:
    early, late = NOON + timedelta(minutes=5), NOON + timedelta(minutes=9)
    first = SWEEP.after(OrdersPage((), ("12: the order has no status",), "more", early))
    last = first.after(OrdersPage((), (), None, late))
    assert (last.sweeping_to, last.cursor, last.unreadable) == (early, None, 1)
    assert SWEEP.after(OrdersPage((), (), None, None)).sweeping_to == SWEEP.begun_at


def test_it_reads_some_time_again() -> None:
    assert SWEEP.since(timedelta(seconds=30)) == NOON - timedelta(seconds=30)


def test_an_order_from_before_the_connection_is_a_baseline() -> None:
    def order(created_at: datetime | None) -> OrderSnapshot:
        return OrderSnapshot(
            order_ref="1", order_number="1", status="processing", created_at=created_at, modified_at=NOON, lines=()
        )

    told = observations_of(SWEEP, [order(NOON - timedelta(seconds=1)), order(NOON), order(None)], NOON)
    assert [one.predates_connection for one in told] == [True, False, False]
    assert {(one.source, one.connection_id, one.location_id) for one in told} == {("sweep", 7, "L1")}

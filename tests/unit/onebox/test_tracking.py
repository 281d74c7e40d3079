from datetime import UTC, datetime, timedelta

from prokip_onebox.tracking import SaleTracker

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
LISTED = {1: frozenset({"A", "B"}), 2: frozenset({"A"}), 3: frozenset({"C"})}


def after(ms: int) -> datetime:
    return NOON + timedelta(milliseconds=ms)


def test_a_sale_is_finished_when_every_store_that_lists_the_sku_shows_its_revision() -> None:
    tracker = SaleTracker(LISTED)
    assert tracker.sale(1, "77", "77", NOON, {"A": 5}) is None
    assert tracker.pushed(1, after(40), [("A", 5)]) == []
    (sale,) = tracker.pushed(2, after(90), [("A", 5)])
    assert (sale.stores, sale.took_ms, sale.title) == (2, 90, "77")


def test_a_later_revision_confirms_too_and_an_earlier_one_does_not() -> None:
    tracker = SaleTracker(LISTED)
    tracker.sale(3, "1", "1", NOON, {"C": 7})
    assert tracker.pushed(3, after(10), [("C", 6)]) == []
    assert [sale.title for sale in tracker.pushed(3, after(20), [("C", 9)])] == ["1"]


def test_a_push_that_is_told_before_its_sale_counts() -> None:
    tracker = SaleTracker(LISTED)
    tracker.pushed(3, after(30), [("C", 4)])
    sale = tracker.sale(3, "2", "2", NOON, {"C": 4})
    assert sale is not None
    assert sale.took_ms == 30


def test_one_write_finishes_a_burst_of_sales() -> None:
    tracker = SaleTracker(LISTED)
    for revision in range(1, 51):
        tracker.sale(3, str(revision), str(revision), NOON, {"C": revision})
    assert len(tracker.pushed(3, after(100), [("C", 50)])) == 50


def test_an_order_of_two_skus_waits_for_both() -> None:
    tracker = SaleTracker(LISTED)
    tracker.sale(1, "3", "3", NOON, {"A": 1, "B": 1})
    assert tracker.pushed(1, after(5), [("A", 1), ("B", 1)]) == []
    assert len(tracker.pushed(2, after(9), [("A", 1)])) == 1


def test_a_sku_that_no_store_lists_is_finished_at_once() -> None:
    sale = SaleTracker(LISTED).sale(1, "4", "4", NOON, {"UNKNOWN": 1})
    assert sale is not None
    assert (sale.stores, sale.took_ms) == (0, 0)

"""What each observation of an order counts as in its store's meter of webhooks."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from inventory.domain.gaps import Gaps, per_cent
from prokip_shared.messages import OrderObservedV1
from tests.unit.inventory.world import NOON, World, line, seen

SOLD = line("1", "A", 2)
FEWER = line("1", "A", 1, ordered=2)


def meter(*messages: OrderObservedV1) -> Gaps:
    """The counts of the hour in which all of them changed, each message in a batch of its own."""
    world = World()
    for message in messages:
        world.sell(message)
    hours = {hour.hour for hour in world.gaps}
    assert hours <= {NOON}
    return sum_of(list(world.gaps.values()))


def sum_of(counts: Sequence[Gaps]) -> Gaps:
    return Gaps(
        sum(count.changes for count in counts),
        sum(count.missed for count in counts),
        sum(count.late for count in counts),
        sum(count.duplicates for count in counts),
        sum(count.out_of_order for count in counts),
    )


def test_changes_that_webhooks_told_in_time_are_counted_and_nothing_else() -> None:
    assert meter(seen("1", 0, SOLD), seen("1", 5, FEWER, delay_s=60), seen("2", 0, SOLD)) == Gaps(changes=3)


def test_what_only_a_sweep_found_is_missed() -> None:
    assert meter(seen("1", 0, SOLD, source="sweep", delay_s=90)) == Gaps(changes=1, missed=1)
    assert meter(seen("1", 0, SOLD), seen("1", 5, FEWER, source="sweep")) == Gaps(changes=2, missed=1)


def test_a_webhook_after_the_sweep_makes_a_missed_change_a_late_one() -> None:
    found = seen("1", 0, SOLD, source="sweep", delay_s=5)
    assert meter(found, seen("1", 0, SOLD, delay_s=60)) == Gaps(changes=1, late=1)


def test_a_webhook_that_a_sweep_overtook_on_its_way_is_neither_missed_nor_late() -> None:
    found = seen("1", 0, SOLD, source="sweep", delay_s=1)
    assert meter(found, seen("1", 0, SOLD, delay_s=3)) == Gaps(changes=1)


def test_a_webhook_is_late_two_minutes_after_its_change() -> None:
    assert meter(seen("1", 0, SOLD, delay_s=120)) == Gaps(changes=1)
    assert meter(seen("1", 0, SOLD, delay_s=121)) == Gaps(changes=1, late=1)


def test_a_sweep_that_finds_what_webhooks_told_counts_nothing() -> None:
    assert meter(seen("1", 0, SOLD), seen("1", 0, SOLD, source="sweep", delay_s=90)) == Gaps(changes=1)


def test_the_same_state_by_the_same_topic_is_a_duplicate_and_by_another_topic_it_is_not() -> None:
    """WooCommerce tells each new order twice, as created and as updated."""
    created = seen("1", 0, SOLD, topic="order.created")
    updated = seen("1", 0, SOLD, topic="order.updated")
    again = [seen("1", 0, SOLD, topic=topic) for topic in ("order.updated", "order.created", "order.created")]
    assert meter(created, updated) == Gaps(changes=1)
    assert meter(created, updated, *again) == Gaps(changes=1, duplicates=3)


def test_a_redelivery_of_our_own_is_no_duplicate() -> None:
    first, second = seen("1", 0, SOLD, topic="order.created"), seen("1", 0, SOLD, topic="order.updated")
    assert meter(first, second, first, second, first) == Gaps(changes=1)
    assert meter(first, second, seen("1", 9, FEWER), first, second) == Gaps(changes=2)


def test_an_older_state_after_a_newer_one_is_out_of_order_unless_only_we_were_slow() -> None:
    newer = seen("1", 5, FEWER)
    older = seen("1", 0, SOLD, delay_s=9)
    assert meter(newer, older) == Gaps(changes=1, out_of_order=1)
    assert meter(newer, older, older) == Gaps(changes=1, out_of_order=1)
    assert meter(newer, seen("1", 0, SOLD, delay_s=4)) == Gaps(changes=1)
    assert meter(newer, seen("1", 0, SOLD, delay_s=9, source="sweep")) == Gaps(changes=1)


def test_a_newer_version_that_says_nothing_new_is_no_change() -> None:
    assert meter(seen("1", 0, SOLD), seen("1", 5, SOLD)) == Gaps(changes=1)
    assert meter(seen("1", 0, SOLD), seen("1", 5, SOLD, source="sweep")) == Gaps(changes=1)


def test_an_order_from_before_the_connection_was_never_due() -> None:
    baseline = seen("1", 0, SOLD, predates=True, source="sweep")
    assert meter(baseline) == Gaps()
    assert meter(baseline, seen("1", 5, FEWER, predates=True, source="sweep")) == Gaps(changes=1, missed=1)


def test_two_states_in_one_second_are_two_changes() -> None:
    assert meter(seen("1", 0, SOLD), seen("1", 0, FEWER)) == Gaps(changes=2)


def test_a_store_without_a_clock_is_never_late_and_what_it_repeats_is_a_duplicate() -> None:
    kiosk = [seen("1", None, SOLD, partial=True, topic="custom", delay_s=delay) for delay in (0, 500)]
    assert meter(*kiosk, kiosk[0]) == Gaps(changes=1, duplicates=1)


def test_a_batch_counts_as_its_messages_one_by_one_do() -> None:
    messages = [
        seen("1", 0, SOLD, source="sweep", delay_s=5),
        seen("1", 0, SOLD, delay_s=60),
        seen("2", 0, SOLD, connection_id=2),
        seen("2", 0, SOLD, connection_id=2),
    ]
    world = World()
    world.sell(*messages)
    assert {(hour.connection_id, hour.hour): count for hour, count in world.gaps.items()} == {
        (1, NOON): Gaps(changes=1, late=1),
        (2, NOON): Gaps(changes=1, duplicates=1),
    }


def test_a_webhook_days_later_corrects_the_hour_of_its_change() -> None:
    world = World()
    world.sell(seen("1", 0, SOLD, source="sweep"))
    world.sell(seen("1", 0, SOLD, delay_s=timedelta(days=2).total_seconds()))
    assert {hour.hour: count for hour, count in world.gaps.items()} == {NOON: Gaps(changes=1, late=1)}


@pytest.mark.parametrize(("part", "changes", "share"), [(1, 20, 5.0), (1, 3, 33.33), (0, 7, 0.0), (0, 0, None)])
def test_shares_are_per_cents_of_the_changes(part: int, changes: int, share: float | None) -> None:
    assert per_cent(part, changes) == share

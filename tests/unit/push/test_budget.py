"""Who may ask a store now: pushes always, the background when it leaves enough alone."""

from datetime import UTC, datetime, timedelta

import pytest

from prokip_shared.platforms.errors import NeedsReauthorisation, StoreUnavailable
from store_push.domain.budget import YIELD_S, YIELDS_S_MAX, Budget, Points, background_wait_s, rest_s, turn_of
from store_push.domain.health import Health, after_background

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
WELL = Health("healthy", NOW - timedelta(days=1), "", 0)
FAILING = Health("failing", NOW - timedelta(hours=1), "HTTP 500", 3)


def points(available: float, *, asked: float = 100, age_s: float = 0) -> Budget:
    bucket = Points(available, 2_000, 100)
    return Budget(bucket, asked, NOW - timedelta(seconds=age_s), 0.2, None, None)


def shared_time(*, rests_s: float | None = None, held_s: float | None = None, answer_s: float = 0.4) -> Budget:
    def at(seconds: float | None) -> datetime | None:
        return None if seconds is None else NOW + timedelta(seconds=seconds)

    return Budget(None, 0, NOW, answer_s, at(rests_s), at(held_s))


def wait_s(budget: Budget, *, push_waits: bool = False, yielded_s: float = 0) -> float:
    return background_wait_s(budget, NOW, push_waits=push_waits, yielded_s=yielded_s)


def test_half_of_the_bucket_stays_for_pushes() -> None:
    assert wait_s(points(1_100)) == 0
    assert wait_s(points(1_099)) == pytest.approx(0.01)
    assert wait_s(points(0)) == 11
    assert wait_s(points(0, age_s=11)) == 0


def test_a_query_as_dear_as_the_bucket_waits_for_a_full_one_and_not_for_ever() -> None:
    assert wait_s(points(1_900, asked=5_000)) == 1
    assert wait_s(points(2_000, asked=5_000)) == 0


def test_the_background_yields_to_a_push_that_waits_but_not_for_ever() -> None:
    assert wait_s(points(2_000), push_waits=True) == YIELD_S
    assert wait_s(points(2_000), push_waits=True, yielded_s=YIELDS_S_MAX) == 0
    assert wait_s(points(0), push_waits=True, yielded_s=YIELDS_S_MAX) == 11, "the bucket is still for pushes"


def test_a_store_that_asked_to_be_left_alone_is() -> None:
    assert wait_s(shared_time(held_s=30)) == 30
    assert wait_s(shared_time(held_s=-1)) == 0
    assert wait_s(shared_time()) == 0


def test_time_is_shared_in_turn_with_what_the_last_call_took() -> None:
    assert rest_s(0.4, has_points=False) == 0.4
    assert rest_s(0.4, has_points=True) == 0
    assert wait_s(shared_time(rests_s=0.4)) == pytest.approx(0.4)


def test_a_turn_is_taken_before_the_next_one_asks() -> None:
    assert turn_of(points(1_100), NOW).points_available == 1_000
    assert turn_of(shared_time(answer_s=0.4), NOW).rests_until == NOW + timedelta(seconds=0.4)


def test_a_question_that_failed_counts_unless_a_push_has_just_proved_the_contrary() -> None:
    error = StoreUnavailable("HTTP 500")
    seen = after_background(WELL, error, NOW, pushed_lately=False, push_due=False)
    assert (seen.state, seen.since, seen.consecutive_failures) == ("failing", NOW, 1)
    assert after_background(WELL, error, NOW, pushed_lately=True, push_due=False) == WELL
    seen = after_background(WELL, NeedsReauthorisation("401"), NOW, pushed_lately=False, push_due=False)
    assert seen.state == "needs_reauthorisation"


def test_an_answer_closes_the_circuit_only_where_no_push_waits_to_find_out() -> None:
    assert after_background(FAILING, None, NOW, pushed_lately=False, push_due=False).state == "healthy"
    assert after_background(FAILING, None, NOW, pushed_lately=False, push_due=True) == FAILING
    refused = Health("needs_reauthorisation", NOW, "401", 1)
    assert after_background(refused, None, NOW, pushed_lately=False, push_due=False) == refused

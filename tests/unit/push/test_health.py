from datetime import UTC, datetime, timedelta

import pytest

from prokip_shared.platforms.errors import NeedsReauthorisation, StoreError, StoreUnavailable, Throttled
from store_push.domain.health import BACKOFF_CAP_S, Health, after_failure, after_success, pause_s
from store_push.domain.lingering import Linger

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
WELL = Health("healthy", NOW - timedelta(days=1), "", 0)


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (StoreUnavailable("x"), "failing"),
        (Throttled("x", retry_after_s=None), "throttled"),
        (NeedsReauthorisation("x"), "needs_reauthorisation"),
    ],
)
def test_each_kind_of_failure_has_its_state(error: StoreError, state: str) -> None:
    health = after_failure(WELL, error, NOW)
    assert (health.state, health.since, health.detail, health.consecutive_failures) == (state, NOW, "x", 1)


def test_since_is_when_it_began_to_fail_not_when_it_last_failed() -> None:
    first = after_failure(WELL, StoreUnavailable("x"), NOW)
    second = after_failure(first, StoreUnavailable("y"), NOW + timedelta(minutes=5))
    assert (second.since, second.consecutive_failures) == (NOW, 2)
    assert after_success(second, NOW + timedelta(minutes=6)) == Health("healthy", NOW + timedelta(minutes=6), "", 0)
    assert after_success(WELL, NOW) == WELL


def test_pauses_double_with_jitter_up_to_a_cap() -> None:
    error = StoreUnavailable("x")
    assert [pause_s(error, failures, fraction=0) for failures in (1, 2, 3)] == [0.5, 1, 2]
    assert pause_s(error, 3, fraction=0.5) == 3
    assert pause_s(error, 1000, fraction=0.999) < BACKOFF_CAP_S


def test_a_named_time_is_kept_and_never_shortened() -> None:
    assert pause_s(Throttled("x", retry_after_s=7), 9, fraction=0) == 7
    assert pause_s(Throttled("x", retry_after_s=10), 1, fraction=0.5) == 11
    assert pause_s(Throttled("x", retry_after_s=0), 1, fraction=0) > 0
    assert pause_s(Throttled("x", retry_after_s=None), 2, fraction=0) == 1


def test_the_linger_follows_the_cost_of_pushes_within_its_bounds() -> None:
    linger = Linger(0.01, 0.1)
    assert linger.seconds == 0.01
    for _ in range(100):
        linger.learn(0.025, [0.01] * 7)
    assert 0.04 < linger.seconds < 0.06
    for _ in range(100):
        linger.learn(20, [])  # a store that hangs
    assert linger.seconds <= 0.1
    for _ in range(100):
        linger.learn(0.001, [0.001])
    assert linger.seconds == 0.01


def test_stores_that_hang_do_not_make_the_others_linger() -> None:
    alone, beside_hanging = Linger(0.01, 0.1), Linger(0.01, 0.1)
    for _ in range(100):
        alone.learn(0.02, [0.01, 0.02])
        beside_hanging.learn(0.02, [0.01, 0.02, 1.5, 19.0])
    assert alone.seconds == beside_hanging.seconds > 0.01


def test_the_rest_is_over_where_the_last_pushes_are_long_ago_but_for_what_comes_together() -> None:
    linger = Linger(0.01, 0.1)
    for _ in range(100):
        linger.learn(0.02, [0.01] * 9)
    assert linger.rest_s(0.0) == linger.seconds > 0.04
    assert linger.rest_s(0.02) == pytest.approx(linger.seconds - 0.02)
    assert linger.rest_s(5.0) == 0.01

"""Turns, waits and the circuit breaker, decided from values alone."""

from datetime import UTC, datetime, timedelta

from prokip_poller.domain.attempts import RetryPolicy
from prokip_poller.domain.pace import (
    PaceLimits,
    PaceState,
    after_failure,
    after_success,
    after_wait_asked,
    next_turn,
)

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
LIMITS = PaceLimits(interval_s=1.0, burst=3, failures_max=3, probe_s=60.0)
POLICY = RetryPolicy(base_s=10, cap_s=300, refused_s=1800, jitter=0)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def waits(state: PaceState, at: datetime, turns: int, limits: PaceLimits = LIMITS) -> list[float]:
    """What so many requests that are made at one moment are told."""
    told = []
    for _ in range(turns):
        turn = next_turn(state, at, limits)
        state = turn.after
        told.append(turn.wait_s)
    return told


def fail(state: PaceState, at: datetime, failures_before: int) -> PaceState:
    return after_failure(state, at, failures_before=failures_before, limits=LIMITS, policy=POLICY, chance=0.5)


def test_after_a_quiet_time_a_few_may_come_together_and_then_one_an_interval() -> None:
    assert waits(PaceState(), NOW, 6) == [0, 0, 0, 1, 2, 3]


def test_a_steady_caller_never_waits_and_saves_nothing_up() -> None:
    state = PaceState()
    for second in range(20):
        turn = next_turn(state, later(second), LIMITS)
        assert turn.wait_s == 0
        state = turn.after
    assert waits(state, later(20), 4) == [0, 0, 0, 1]


def test_over_any_stretch_of_time_no_more_leave_than_the_pace_and_one_burst() -> None:
    state, left = PaceState(), []
    for tenth in range(600):
        turn = next_turn(state, later(tenth / 10), LIMITS)
        if turn.wait_s == 0:
            state = turn.after
            left.append(tenth / 10)
    for start in left:
        assert len([at for at in left if start <= at < start + 10]) <= 10 + 3


def test_without_an_interval_there_is_no_pace() -> None:
    assert waits(PaceState(), NOW, 50, PaceLimits(0.0, 3, 3, 60.0)) == [0] * 50


def test_a_wait_that_prokip_asks_for_holds_everybody_and_the_longest_counts() -> None:
    state = after_wait_asked(PaceState(), NOW, asked_s=30)
    state = after_wait_asked(state, later(1), asked_s=5)
    assert waits(state, later(1), 4) == [29, 29, 29, 30]
    assert after_success(state, LIMITS).closed_until == later(30)


def test_failures_in_a_row_open_the_circuit_and_one_at_a_time_tries() -> None:
    state = PaceState()
    for failures in range(3):
        assert next_turn(state, NOW, LIMITS).wait_s == 0
        state = fail(state, NOW, failures)
    assert next_turn(state, NOW, LIMITS).wait_s == 10
    probe = next_turn(state, later(10), LIMITS)
    assert probe.wait_s == 0
    assert next_turn(probe.after, later(10), LIMITS).wait_s == 60
    again = fail(probe.after, later(11), 3)
    assert next_turn(again, later(11), LIMITS).wait_s == 20
    back = after_success(next_turn(again, later(31), LIMITS).after, LIMITS)
    assert waits(back, later(40), 3) == [0, 0, 0]


def test_requests_that_fail_together_count_once() -> None:
    state = PaceState()
    for _ in range(9):
        state = fail(state, NOW, 0)
    assert state.failures == 1
    assert after_success(state, LIMITS).failures == 0

"""When an account may be asked something: turns at a steady pace, waits that Prokip asks for, and a circuit breaker."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from prokip_poller.domain.attempts import RetryPolicy

LONG_AGO = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class PaceLimits:
    interval_s: float
    """Between two requests, over all replicas; 0: no pace, only waits and the breaker."""
    burst: int
    """Requests that may come together after a quiet time."""
    failures_max: int
    """In a row; then the circuit is open, and one request at a time tries whether Prokip is back."""
    probe_s: float
    """How long the others wait for the one that tries, should nothing be heard of it."""


@dataclass(frozen=True, slots=True)
class PaceState:
    """What is kept per account; `closed_until` means no turn before it."""

    next_turn_at: datetime = LONG_AGO
    closed_until: datetime = LONG_AGO
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """The next turn, `wait_s` from now. It is taken by keeping `after`."""

    wait_s: float
    after: PaceState


def next_turn(state: PaceState, now: datetime, limits: PaceLimits) -> Turn:
    """Turns are given out in the order in which they are asked for, at most `burst` of them together."""
    interval = timedelta(seconds=limits.interval_s)
    due = max(state.next_turn_at, now)
    at = max(now, state.closed_until, due - interval * (limits.burst - 1))
    after = replace(state, next_turn_at=max(due, at) + interval)
    if state.failures >= limits.failures_max:
        after = replace(after, closed_until=at + timedelta(seconds=limits.probe_s))
    return Turn((at - now).total_seconds(), after)


def after_success(state: PaceState, limits: PaceLimits) -> PaceState:
    """A wait that Prokip asked for stays."""
    if state.failures >= limits.failures_max:
        return replace(state, failures=0, closed_until=LONG_AGO)
    return replace(state, failures=0)


def after_wait_asked(state: PaceState, now: datetime, *, asked_s: float) -> PaceState:
    return replace(state, closed_until=max(state.closed_until, now + timedelta(seconds=asked_s)))


def after_failure(
    state: PaceState, now: datetime, *, failures_before: int, limits: PaceLimits, policy: RetryPolicy, chance: float
) -> PaceState:
    """`failures_before`: when the request got its turn, so that requests that fail together count once."""
    failures = max(state.failures, failures_before + 1)
    if failures < limits.failures_max:
        return replace(state, failures=failures)
    delay_s = policy.after_failures(failures - limits.failures_max + 1, chance=chance)
    return PaceState(state.next_turn_at, now + timedelta(seconds=delay_s), failures)

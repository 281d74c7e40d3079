"""How a store answers, and how long it is left alone: functions of values; randomness is an argument."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from prokip_shared.messages import ConnectionHealth
from prokip_shared.platforms.errors import NeedsReauthorisation, StoreError, Throttled

BACKOFF_BASE_S: Final = 1.0
BACKOFF_CAP_S: Final = 300.0
RETRY_AFTER_S_MIN: Final = 0.25
"""`Retry-After: 0` is no invitation to ask in a tight loop."""
REAUTHORISATION_PAUSE_S: Final = 300.0
JITTER_SHARE: Final = 0.2
DOUBLINGS_MAX: Final = 16


@dataclass(frozen=True, slots=True)
class Health:
    state: ConnectionHealth
    since: datetime
    detail: str
    consecutive_failures: int


def after_success(health: Health, now: datetime) -> Health:
    if health.state == "healthy":
        return Health("healthy", health.since, "", 0)
    return Health("healthy", now, "", 0)


def after_failure(health: Health, error: StoreError, now: datetime) -> Health:
    """`since` stays while the state does: how long it has been failing is what an operator asks."""
    state: ConnectionHealth = "failing"
    if isinstance(error, NeedsReauthorisation):
        state = "needs_reauthorisation"
    elif isinstance(error, Throttled):
        state = "throttled"
    since = health.since if state == health.state else now
    return Health(state, since, str(error), health.consecutive_failures + 1)


def after_background(
    health: Health, error: StoreError | None, now: datetime, *, pushed_lately: bool, push_due: bool
) -> Health:
    """What a call that is no push says of a store.

    A failure counts unless a push has just proved the contrary. An answer closes the circuit only where no push waits to
    find out itself, and never after refused credentials: a key may read and still not be allowed to write.
    """
    if error is not None:
        return health if pushed_lately else after_failure(health, error, now)
    if health.state in {"healthy", "needs_reauthorisation"} or push_due:
        return health
    return after_success(health, now)


def pause_s(error: StoreError, consecutive_failures: int, *, fraction: float) -> float:
    """How long a store is left alone. `fraction` in [0, 1) is chance.

    A store that named a time gets at least that; jitter only adds, so that replicas do not come back as one. Else the
    pause doubles with each failure, from half to the whole of it.
    """
    if isinstance(error, Throttled) and error.retry_after_s is not None:
        return max(error.retry_after_s, RETRY_AFTER_S_MIN) * (1 + JITTER_SHARE * fraction)
    if isinstance(error, NeedsReauthorisation):
        return REAUTHORISATION_PAUSE_S * (1 + JITTER_SHARE * fraction)
    doubled = BACKOFF_BASE_S * 2.0 ** min(max(consecutive_failures - 1, 0), DOUBLINGS_MAX)
    return min(doubled, BACKOFF_CAP_S) * (0.5 + 0.5 * fraction)

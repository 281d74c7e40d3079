"""How a store can fail us: four classes, decided once at the edge, from values alone."""

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

RETRY_AFTER_S_MAX: Final = 3600.0
DETAIL_CHARS_MAX: Final = 300

HTTP_REDIRECTS: Final = range(300, 400)
HTTP_NOT_LET_IN: Final = frozenset({401, 403})
HTTP_TOO_MANY: Final = 429
HTTP_UNAVAILABLE: Final = 503
HTTP_BROKEN: Final = range(500, 600)
HTTP_FINE: Final = range(200, 300)


class StoreError(Exception):
    """A store did not do what was asked; the text is a sentence for the operator, without secrets."""


class NeedsReauthorisation(StoreError):
    """The store does not accept our credentials (any more), or they lack a permission; only a person can help."""


class Throttled(StoreError):
    """The store wants us to slow down; nothing was done."""

    def __init__(self, detail: str, *, retry_after_s: float | None) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class StoreUnavailable(StoreError):
    """No usable answer: time-out, reset, 5xx, garbage, redirect. What was asked may or may not have happened."""


class Refused(StoreError):
    """The store understood the request and will not do it; the same request can never succeed."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}" if code else detail)
        self.code = code
        self.detail = detail


def failure_of_status(
    status: int, headers: Mapping[str, str], *, code: str, detail: str, now: datetime
) -> StoreError | None:
    """What an HTTP status means, None for 2xx. `code` and `detail` are the store's own words, where it has some."""
    said = (detail or f"HTTP {status}")[:DETAIL_CHARS_MAX]
    wait_s = retry_after_s(headers.get("Retry-After"), now=now)
    if status in HTTP_FINE:
        return None
    if status in HTTP_REDIRECTS:
        return StoreUnavailable(f"redirects to {headers.get('Location', 'nowhere')[:DETAIL_CHARS_MAX]}; not followed")
    if status in HTTP_NOT_LET_IN:
        return NeedsReauthorisation(f"{code}: {said}" if code else said)
    if status == HTTP_TOO_MANY or (status == HTTP_UNAVAILABLE and wait_s is not None):
        return Throttled(said, retry_after_s=wait_s)
    if status in HTTP_BROKEN:
        return StoreUnavailable(f"HTTP {status}")
    return Refused(code or f"http_{status}", said)


def retry_after_s(value: str | None, *, now: datetime) -> float | None:
    """Seconds to wait, from either form of Retry-After (https://www.rfc-editor.org/rfc/rfc9110#field.retry-after).

    None where the header is absent or unreadable; never negative, never above RETRY_AFTER_S_MAX.
    """
    if value is None:
        return None
    try:
        wait_s = float(value)
    except ValueError:
        try:
            wait_s = (parsedate_to_datetime(value) - now).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(max(wait_s, 0.0), RETRY_AFTER_S_MAX) if wait_s == wait_s else None  # noqa: PLR0124  # NaN is not a time

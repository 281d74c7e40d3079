from datetime import UTC, datetime

import pytest

from prokip_shared.platforms.errors import (
    NeedsReauthorisation,
    Refused,
    StoreUnavailable,
    Throttled,
    failure_of_status,
    retry_after_s,
)

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "headers", "kind"),
    [
        (301, {"Location": "https://elsewhere.test/"}, StoreUnavailable),
        (401, {}, NeedsReauthorisation),
        (403, {}, NeedsReauthorisation),
        (404, {}, Refused),
        (429, {}, Throttled),
        (500, {}, StoreUnavailable),
        (503, {}, StoreUnavailable),
        (503, {"Retry-After": "5"}, Throttled),
    ],
)
def test_every_status_has_one_meaning(status: int, headers: dict[str, str], kind: type[Exception]) -> None:
    assert type(failure_of_status(status, headers, code="", detail="", now=NOW)) is kind


@pytest.mark.parametrize("status", [200, 201, 204])
def test_success_is_no_failure(status: int) -> None:
    assert failure_of_status(status, {}, code="", detail="", now=NOW) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("2.0", 2.0),
        ("-3", 0.0),
        ("99999999", 3600.0),
        ("Sun, 22 Nov 2026 10:00:30 GMT", 30.0),
        ("Sun, 22 Nov 2026 09:00:00 GMT", 0.0),
        ("soon", None),
        ("nan", None),
    ],
)
def test_both_forms_of_retry_after_are_read_and_bounded(value: str | None, seconds: float | None) -> None:
    assert retry_after_s(value, now=NOW) == seconds

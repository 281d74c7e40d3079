from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from store_push.domain.rounds import ConnectionProgress, Round, judge

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
ROUND = Round(uuid4(), 1, None, NOW, parts=1, arrived=1, begun_at=NOW, looked_at=NOW + timedelta(seconds=1))
DONE = ConnectionProgress(5, True, "healthy", "", None, attempted=True, catalogue_tried=True, due=0, listings=3)


def states(*progress: ConnectionProgress) -> list[str] | None:
    verdict = judge(ROUND, progress, timeout_s=60)
    return None if verdict is None else [entry.state for entry in verdict.connections]


def test_it_is_over_when_every_store_is_done() -> None:
    assert states(DONE, replace(DONE, connection_id=6)) == ["confirmed", "confirmed"]


def test_it_waits_for_what_is_due_and_for_catalogues() -> None:
    assert states(DONE, replace(DONE, due=1)) is None
    assert states(replace(DONE, catalogue_tried=False)) is None


def test_it_waits_for_all_parts_and_for_the_request() -> None:
    for waiting in (replace(ROUND, arrived=0), replace(ROUND, parts=None), replace(ROUND, requested_at=None)):
        assert judge(waiting, [DONE], timeout_s=60) is None


def test_a_store_that_fails_or_is_paused_holds_nobody_up() -> None:
    failing = replace(DONE, health="failing", health_detail="HTTP 500", due=9)
    assert states(failing, replace(DONE, active=False, due=9)) == ["failing", "paused"]


def test_a_store_that_failed_before_the_round_is_tried_first() -> None:
    assert states(replace(DONE, health="failing", due=9, attempted=False)) is None


def test_a_catalogue_that_cannot_be_read_is_a_failing_store() -> None:
    assert states(replace(DONE, catalogue_error="HTTP 500")) == ["failing"]


def test_it_fails_in_time_and_names_what_is_missing() -> None:
    late = replace(ROUND, looked_at=NOW + timedelta(seconds=61))
    verdict = judge(late, [DONE, replace(DONE, connection_id=6, due=1)], timeout_s=60)
    assert verdict is not None
    assert (verdict.state, verdict.detail) == ("failed", "not confirmed within 60 s: connection 6")
    verdict = judge(replace(late, arrived=0), [DONE], timeout_s=60)
    assert verdict is not None
    assert verdict.detail == "Prokip's stock did not arrive within 60 s"

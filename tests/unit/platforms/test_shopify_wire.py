from typing import Any

import pytest

from prokip_shared.platforms import shopify_wire as wire
from prokip_shared.platforms.errors import NeedsReauthorisation, Refused, StoreUnavailable, Throttled
from prokip_shared.platforms.store import ItemKey, Level, QuantityWrite

LINES = [QuantityWrite(ItemKey(str(n), place_ref="9"), f"SKU-{n}", 5, 7) for n in range(3)]


def cost(available: float, asked: float) -> dict[str, Any]:
    status = {"maximumAvailable": 2000.0, "currentlyAvailable": available, "restoreRate": 100.0}
    return {"cost": {"requestedQueryCost": asked, "actualQueryCost": None, "throttleStatus": status}}


def errors_of(*codes: str, field: Any = None) -> dict[str, Any]:
    return {"userErrors": [{"code": code, "field": field, "message": "…"} for code in codes]}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]}, Throttled),
        ({"errors": [{"message": "Throttled"}]}, Throttled),
        ({"errors": [{"message": "no", "extensions": {"code": "ACCESS_DENIED"}}]}, NeedsReauthorisation),
        ({"errors": [{"message": "Internal error. Looks like something went wrong on our end."}]}, StoreUnavailable),
        ({"errors": [{"message": "x", "extensions": {"code": "MAX_COST_EXCEEDED"}}]}, Refused),
        ({"errors": "Not Found"}, Refused),
        ({"data": None}, StoreUnavailable),
        ([], StoreUnavailable),
    ],
)
def test_an_answer_of_status_200_may_still_be_a_failure(body: Any, kind: type[Exception]) -> None:
    assert type(wire.failure_of_errors(body)) is kind


def test_a_throttled_answer_tells_how_long_the_bucket_takes() -> None:
    body = {"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}], "extensions": cost(50, 250)}
    failure = wire.failure_of_errors(body)
    assert isinstance(failure, Throttled)
    assert failure.retry_after_s == 2.0


def test_the_budget_refills_with_time_and_never_asks_for_more_than_the_bucket_holds() -> None:
    budget = wire.budget_of({"extensions": cost(100, 10)})
    assert budget is not None
    assert budget.wait_s(300, age_s=0) == 2.0
    assert budget.wait_s(300, age_s=2) == 0.0
    assert budget.wait_s(5000, age_s=0) == 19.0
    assert wire.budget_of({"extensions": {"cost": {"throttleStatus": {"restoreRate": 0}}}}) is None


def test_a_stale_line_leaves_its_neighbours_untouched() -> None:
    answer = wire.set_answer(
        LINES, errors_of("CHANGE_FROM_QUANTITY_STALE", field=["input", "quantities", "1", "changeFromQuantity"])
    )
    assert [answer.results[line.key].outcome for line in LINES] == ["untouched", "stale", "untouched"]


def test_an_error_that_names_no_line_concerns_all_of_them() -> None:
    answer = wire.set_answer(LINES, errors_of("CHANGE_FROM_QUANTITY_STALE"))
    assert {result.outcome for result in answer.results.values()} == {"stale"}


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("INVALID_INVENTORY_ITEM", "gone"),
        ("INVALID_LOCATION", "refused"),
        ("NON_MUTABLE_INVENTORY_ITEM", "refused"),
        ("INVALID_QUANTITY_TOO_HIGH", "refused"),
    ],
)
def test_what_can_never_succeed_is_told_so(code: str, outcome: str) -> None:
    answer = wire.set_answer(LINES, errors_of(code, field=["input", "quantities", "0"]))
    assert answer.results[LINES[0].key].outcome == outcome


@pytest.mark.parametrize(
    ("code", "new_key"),
    [
        ("IDEMPOTENCY_CONCURRENT_REQUEST", False),
        ("IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED", True),
        ("IDEMPOTENCY_KEY_PARAMETER_MISMATCH", True),
    ],
)
def test_idempotency_errors_are_asked_again_with_the_right_key(code: str, *, new_key: bool) -> None:
    answer = wire.set_answer(LINES, errors_of(code))
    assert (answer.retry, answer.new_key) == (True, new_key)


def test_no_errors_means_written() -> None:
    answer = wire.set_answer(LINES, {"userErrors": []})
    assert {(result.outcome, result.answered) for result in answer.results.values()} == {("written", 5)}


@pytest.mark.parametrize(
    ("item", "level"),
    [
        ({"tracked": True, "inventoryLevel": {"isActive": True, "quantities": [{"quantity": -2}]}}, Level("own", -2)),
        (
            {"tracked": True, "inventoryLevel": {"isActive": False, "quantities": [{"quantity": 3}]}},
            Level("inactive", 3),
        ),
        ({"tracked": True, "inventoryLevel": None}, Level("inactive", None)),
        ({"tracked": False, "inventoryLevel": None}, Level("untracked", None)),
    ],
)
def test_a_level_says_whether_it_can_be_sold_from(item: dict[str, Any], level: Level) -> None:
    assert wire.level_of(item) == level


def test_ids_are_the_digits_of_gids() -> None:
    assert wire.digits("gid://shopify/InventoryItem/123?inventory_item_id=9") == "123"

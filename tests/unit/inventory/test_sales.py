import pytest

from inventory.domain.sales import SaleLog, UnknownOrder, answer_key, apply_answers
from prokip_shared.messages import SaleRecordedV1, SaleState


def answer(state: SaleState, revision: int = 3) -> SaleRecordedV1:
    return SaleRecordedV1(
        business_id=1,
        connection_id=2,
        location_id="LOC-1",
        order_ref="7",
        revision=revision,
        state=state,
        prokip_sell_id="s1" if state == "recorded" else None,
        detail="",
    )


KEY = answer_key(answer("recorded"))
DUE = {KEY: SaleLog(3, 0, "due", None, "")}


def test_the_newest_answer_wins() -> None:
    changed = apply_answers(DUE, [answer("recorded"), answer("in_doubt", revision=2)])
    assert changed[KEY] == SaleLog(3, 3, "recorded", "s1", "")


@pytest.mark.parametrize("late", ["in_doubt", "refused"])
def test_a_doubt_that_arrives_after_its_end_changes_nothing(late: SaleState) -> None:
    assert apply_answers(DUE, [answer("recorded"), answer(late)]) == apply_answers(DUE, [answer("recorded")])
    assert apply_answers(DUE, [answer(late), answer("recorded")])[KEY].state == "recorded"


def test_what_is_recorded_of_an_older_state_leaves_the_sale_due() -> None:
    assert apply_answers(DUE, [answer("recorded", revision=2)])[KEY].state == "due"


def test_an_answer_about_nobodys_order_is_said_to_be_one() -> None:
    with pytest.raises(UnknownOrder):
        apply_answers({}, [answer("recorded")])

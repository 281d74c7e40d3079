from hypothesis import given
from hypothesis import strategies as st

from store_push.domain.first_quantities import FirstLimits, FirstTally, reason_to_hold

LIMITS = FirstLimits(changed_share_max=0.5, zeroed_share_max=0.2, skus_min=20)


@given(st.integers(0, 19), st.integers(0, 19))
def test_a_small_store_never_waits(changed: int, zeroed: int) -> None:
    assert reason_to_hold(FirstTally(19, changed, zeroed), LIMITS) == ""


@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(0, 1000))
def test_a_plan_waits_exactly_when_a_share_is_passed_and_says_which(listings: int, changed: int, zeroed: int) -> None:
    changed, zeroed = min(changed, listings), min(zeroed, listings)
    reason = reason_to_hold(FirstTally(listings, changed, zeroed), LIMITS)
    assert ("fall to zero" in reason) == (zeroed >= 20 and zeroed > 0.2 * listings)
    assert ("would change" in reason) == (changed >= 20 and changed > 0.5 * listings)


def test_the_reason_is_a_sentence_with_the_counts() -> None:
    said = reason_to_hold(FirstTally(100, 80, 30), LIMITS)
    assert said == "30 of 100 listings would fall to zero and 80 of 100 listings would change."

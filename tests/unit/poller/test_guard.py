"""Which reads wait for a person."""

import pytest

from prokip_poller.domain.guard import GuardLimits, Tally, rules_broken, words_of

LIMITS = GuardLimits(zeroed_share_max=0.2, changed_share_max=0.5, named_share_min=0.5, skus_min=20)


def tally(*, known: int = 100, named: int = 100, before: int = 100, changed: int = 0, zeroed: int = 0) -> Tally:
    return Tally(known=known, named=named, named_before=before, changed=changed, zeroed=zeroed)


@pytest.mark.parametrize(
    ("found", "rules"),
    [
        (tally(), ()),
        (tally(changed=50), ()),
        (tally(changed=51), ("changed",)),
        (tally(changed=20, zeroed=20), ()),
        (tally(changed=21, zeroed=21), ("zeroed",)),
        (tally(changed=100, zeroed=100), ("zeroed", "changed")),
        (tally(named=50), ()),
        (tally(named=49), ("short",)),
        (tally(named=300, known=100), ()),
        (tally(known=0, named=0, before=0), ()),
        (tally(known=0, named=500, before=0), ()),
    ],
)
def test_what_is_held(found: Tally, rules: tuple[str, ...]) -> None:
    assert rules_broken(found, LIMITS) == rules


def test_a_small_catalogue_may_sell_out() -> None:
    assert rules_broken(tally(known=19, named=0, before=19, changed=19, zeroed=19), LIMITS) == ()
    assert rules_broken(tally(known=20, named=20, before=20, changed=20, zeroed=20), LIMITS) == ("zeroed", "changed")


def test_a_read_released_although_it_was_short_is_what_the_next_one_is_compared_with() -> None:
    assert rules_broken(tally(named=40, before=40), LIMITS) == ()


def test_the_words_name_the_counts() -> None:
    found = tally(named=40, changed=60, zeroed=30)
    assert words_of(rules_broken(found, LIMITS), found) == (
        "30 of 100 SKUs would fall to zero and 60 of 100 SKUs would change and only 40 of 100 SKUs are in Prokip's answer."
    )

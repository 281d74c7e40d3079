"""The judge forgives what nobody could know of a first number, and nothing else."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.simulation.judge import Basis, Judge
from tests.simulation.shops import Shop


def _world(basis: Basis) -> Any:
    """Where nothing breaks, a store sold two of which its target does not know."""
    return SimpleNamespace(
        system=SimpleNamespace(basis=lambda _shop, _sku: basis),
        connected=False,
        steady=True,
        scenario=SimpleNamespace(strict=False),
        note=lambda _what: None,
    )


def _shop(shown: int) -> Any:
    return SimpleNamespace(
        name="shopify 1",
        compare_and_set=True,
        stock={"A": shown},
        taken={"A": 2},
        hidden=set(),
        brought_back=set(),
        edited=set(),
    )


def _judged(looked_at: Basis, shown: int) -> Judge:
    """A look, and a later write that gives the two back."""
    shop = cast("Shop", _shop(shown))
    judge = Judge(_world(looked_at))
    judge.looked_at(shop, "A")
    judge.world = _world(Basis(5, 0, first=False))
    judge.written(shop, "A", shown, 5)
    return judge


@pytest.mark.parametrize("believed", [None, 3])
def test_a_first_look_that_shows_the_target_by_chance_may_hide_a_sale(believed: int | None) -> None:
    judge = _judged(Basis(3, 0, first=True, believed=believed), shown=3)
    assert judge.wrong == []
    assert (judge.row.wrong_pushes, judge.row.wrong_in_window) == (0, 1)


@pytest.mark.parametrize(
    ("looked_at", "shown"),
    [
        (Basis(3, 0, first=False), 3),  # not the first: what was confirmed before tells that something is missing
        (Basis(3, 0, first=True), 4),  # not the target: a write follows, and is judged itself
        (Basis(3, 0, first=True, believed=5), 3),  # two are missing of what was read before
        (Basis(3, 2, first=True), 3),  # the sales are known
    ],
)
def test_any_other_write_that_gives_back_what_was_sold_is_wrong(looked_at: Basis, shown: int) -> None:
    judge = _judged(looked_at, shown)
    assert judge.wrong == [f"shopify 1 A: {shown} -> 5 gives back 2 sold there, although nothing broke"]
    assert (judge.row.wrong_pushes, judge.row.wrong_in_window) == (1, 0)

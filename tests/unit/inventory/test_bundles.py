"""A SKU made of others: sold as its parts, shown as the least of them."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.domain.bundles import Around, Made, made_of, recipe_of, refusal_of, split_price
from inventory.domain.explanation import explain, explain_bundle
from inventory.domain.replay import Replay, differences
from inventory.domain.values import ZERO, Part, new_stock
from prokip_shared.messages import BundleChangedV1, BundlePart, SaleDueV1, StockChangedV1, StockOversoldV1
from tests.unit.inventory.world import BUSINESS, NOON, Outcome, World, line, reading, seen

FREE = Around(held_by_prokip=False, part_of=(), bundles=(), busiest=0)


def stocked(**quantities: int) -> World:
    """A shop with a bundle BOX of two cups and a pot."""
    world = World()
    world.read(reading(1, {"CUP": 10, "POT": 4, **quantities}))
    world.put_bundle("BOX", CUP=2, POT=1)
    return world


def told_of(outcome: Outcome, sku: str) -> list[tuple[Decimal | None, int, dict[int, Decimal]]]:
    return [
        (item.available, item.revision, item.taken)
        for message in outcome.messages
        if isinstance(message, StockChangedV1)
        for item in message.items
        if item.sku == sku
    ]


def left(world: World) -> tuple[int, int]:
    """Cups and pots."""
    return int(world.available("CUP")), int(world.available("POT"))


def due_of(outcome: Outcome) -> dict[str, tuple[Decimal, Decimal | None]]:
    (due,) = [message for message in outcome.messages if isinstance(message, SaleDueV1)]
    return {item.sku: (item.units, item.unit_price) for item in due.lines}


def test_a_bundle_is_shown_as_the_least_of_its_parts() -> None:
    parts = recipe_of({"CUP": Decimal(2), "POT": Decimal(1)})
    assert made_of(parts, {"CUP": Decimal(9), "POT": Decimal(5)}.get) == Made(Decimal(4), "CUP")
    assert made_of(parts, {"CUP": Decimal(-1), "POT": Decimal(5)}.get) == Made(Decimal(-1), "CUP")
    assert made_of(parts, {"CUP": Decimal(9), "POT": None}.get) == Made(None, "POT")
    assert made_of(recipe_of({"TEA": Decimal("0.3")}), {"TEA": Decimal("0.9")}.get) == Made(Decimal(3), "TEA")


def test_what_is_made_of_others_is_told_as_soon_as_it_is_said() -> None:
    world = World()
    world.read(reading(1, {"CUP": 10, "POT": 4}))
    assert told_of(world.put_bundle("BOX", CUP=2, POT=1), "BOX") == [(Decimal(4), 1, {})]
    assert told_of(world.put_bundle("BOX", CUP=5), "BOX") == [(Decimal(2), 2, {})]
    assert told_of(world.put_bundle("BOX"), "BOX") == [(None, 3, {})]


def test_a_sold_bundle_takes_its_parts_and_lowers_no_number_but_its_own_in_its_store() -> None:
    world = stocked()
    outcome = world.sell(seen("1", 1, line("l", "BOX", 1, price=20)))
    assert left(world) == (8, 3)
    assert told_of(outcome, "CUP")[0][2] == {}
    assert told_of(outcome, "BOX") == [(Decimal(3), 3, {1: Decimal(1)})]
    single = world.sell(seen("2", 1, line("l", "CUP", 3, price=5), connection_id=2))
    assert told_of(single, "CUP")[0][2] == {2: Decimal(3)}
    assert told_of(single, "BOX") == [(Decimal(2), 4, {1: Decimal(1)})]


def test_prokip_is_told_the_parts_at_the_bundles_price() -> None:
    world = stocked()
    due = due_of(world.sell(seen("1", 1, line("l", "BOX", 2, price=20))))
    assert due == {"CUP": (Decimal(4), Decimal("6.6666")), "POT": (Decimal(2), Decimal("6.6668"))}
    assert sum(units * (price or ZERO) for units, price in due.values()) == 40


def test_a_refund_and_a_cancel_give_the_parts_back() -> None:
    world = stocked()
    world.sell(seen("1", 1, line("l", "BOX", 2, price=20)))
    back = world.sell(seen("1", 2, line("l", "BOX", 1, ordered=2, price=20)))
    assert {sku: units for sku, (units, _) in due_of(back).items()} == {"CUP": 2, "POT": 1}
    assert {movement.reason for movement in back.movements} == {"return"}
    gone = world.sell(seen("1", 3, line("l", "BOX", 0, ordered=2, price=20), status="cancelled"))
    assert {sku: units for sku, (units, _) in due_of(gone).items()} == {"CUP": 0, "POT": 0}
    assert {movement.reason for movement in gone.movements} == {"cancel"}
    assert left(world) == (10, 4)
    assert told_of(gone, "BOX")[-1][0::2] == (Decimal(4), {1: ZERO})


def test_a_recipe_that_changes_does_not_rewrite_what_was_sold() -> None:
    world = stocked()
    world.sell(seen("1", 1, line("l", "BOX", 1)))
    world.put_bundle("BOX", POT=3)
    world.sell(seen("1", 2, line("l", "BOX", 2)))
    assert left(world) == (6, 2)
    world.sell(seen("1", 3, line("l", "BOX", 2), line("m", "BOX", 1)))  # one order, one recipe
    assert left(world) == (4, 1)
    world.put_bundle("BOX")
    world.sell(seen("1", 4, line("l", "BOX", 0), line("m", "BOX", 0), status="cancelled"))
    assert left(world) == (10, 4)


def test_an_order_from_before_the_recipe_stays_as_it_was() -> None:
    world = World()
    world.read(reading(1, {"CUP": 10, "POT": 4}))
    world.sell(seen("1", 1, line("l", "BOX", 1)))
    world.put_bundle("BOX", CUP=2)
    world.sell(seen("1", 2, line("l", "BOX", 3)))
    assert world.available("CUP") == 10


def test_a_line_that_changes_from_a_bundle_to_its_part_moves_what_the_store_shows() -> None:
    world = stocked()
    world.put_bundle("ONE", CUP=1)
    world.sell(seen("1", 1, line("l", "ONE", 1)))
    changed = world.sell(seen("1", 2, line("l", "CUP", 1)))
    assert not changed.movements
    assert told_of(changed, "CUP")[0][2] == {1: Decimal(1)}
    assert told_of(changed, "ONE")[-1][2] == {1: ZERO}


def test_a_part_that_prokip_does_not_know_leaves_the_bundle_without_a_number() -> None:
    world = World()
    world.read(reading(1, {"CUP": 10}))
    assert told_of(world.put_bundle("BOX", CUP=2, GONE=1), "BOX") == [(None, 1, {})]
    sold = world.sell(seen("1", 1, line("l", "BOX", 1, price=20)))
    assert due_of(sold) == {"CUP": (Decimal(2), Decimal(10))}  # what is not told costs nothing
    assert world.available("CUP") == 8
    assert told_of(world.read(reading(2, {"GONE": 9})), "BOX")[-1][0] == 4
    world.sell(seen("1", 2, line("l", "BOX", 2, price=20)))
    assert world.available("GONE") == 8  # only what was sold since


def test_more_bundles_sold_than_there_are_parts_leaves_the_parts_below_zero() -> None:
    world = stocked()
    sold = world.sell(seen("1", 1, line("l", "BOX", 6)))
    assert left(world) == (-2, -2)
    assert {message.sku for message in sold.messages if isinstance(message, StockOversoldV1)} == {"CUP", "POT"}
    assert told_of(sold, "BOX")[-1][0] == -2


def test_a_bundle_that_prokip_comes_to_hold_itself_is_none_any_more() -> None:
    world = stocked()
    assert told_of(world.read(reading(2, {"BOX": 7})), "BOX") == [(Decimal(7), 2, {})]
    sold = world.sell(seen("1", 1, line("l", "BOX", 1)))
    assert due_of(sold) == {"BOX": (Decimal(1), None)}
    assert world.available("CUP") == 10


def test_an_item_that_is_linked_to_a_bundle_sells_its_parts() -> None:
    world = stocked()
    world.learn_holders({(1, "GIFT"): "BOX"})
    sold = world.sell(seen("1", 1, line("l", "GIFT", 1)))
    assert world.available("CUP") == 8
    assert told_of(sold, "BOX")[-1][2] == {1: Decimal(1)}


def test_a_change_of_a_part_that_leaves_the_bundle_as_it_is_tells_nothing_of_it() -> None:
    world = stocked()
    assert told_of(world.read(reading(2, {"CUP": 11})), "BOX") == []


def test_a_reading_tells_bundles_in_the_message_that_answers_its_part_of_a_round() -> None:
    answers = stocked().read(reading(2, {"POT": 1}, part=1))
    (answer,) = [message for message in answers.messages if isinstance(message, StockChangedV1)]
    assert answer.round is not None
    assert {item.sku: item.available for item in answer.items} == {"POT": 1, "BOX": 1}


@pytest.mark.parametrize(
    ("code", "parts", "around"),
    [
        ("no_parts", {}, FREE),
        ("too_many_parts", {f"P{number}": 1 for number in range(51)}, FREE),
        ("part_of_itself", {"BOX": 1}, FREE),
        ("held_by_prokip", {"CUP": 1}, FREE._replace(held_by_prokip=True)),
        ("is_part", {"CUP": 1}, FREE._replace(part_of=("CRATE",))),
        ("part_is_bundle", {"CUP": 1}, FREE._replace(bundles=("CUP",))),
        ("too_many_bundles", {"CUP": 1}, FREE._replace(busiest=200)),
        (None, {"CUP": 1}, FREE),
    ],
)
def test_what_cannot_be_a_bundle_is_refused(code: str | None, parts: dict[str, int], around: Around) -> None:
    recipe = recipe_of({sku: Decimal(quantity) for sku, quantity in parts.items()})
    refusal = refusal_of("BOX", recipe, around)
    assert (None if refusal is None else refusal.code) == code


cents = st.decimals(min_value="0.01", max_value=5000, places=2)
whole = st.integers(1, 12).map(Decimal)


@given(cents, st.lists(whole, min_size=1, max_size=5), st.integers(1, 40))
def test_the_parts_cost_what_the_bundle_cost(price: Decimal, quantities: list[Decimal], sold: int) -> None:
    parts = [Part(f"P{number}", quantity) for number, quantity in enumerate(quantities)]
    prices = split_price(price, parts)
    total = sum((sold * part.quantity * each for part, each in zip(parts, prices, strict=True)), ZERO)
    assert all(each >= 0 for each in prices)
    if price >= 1:
        assert all(each > 0 for each in prices)
    if Decimal(1) in quantities:
        assert total == sold * price
    assert abs(total - sold * price) <= sold * min(quantities) * Decimal("0.00005")


SKUS = ("CUP", "POT", "BOX", "SET")
sales = st.tuples(
    st.just("sell"),
    st.sampled_from("1234"),
    st.integers(0, 6),
    st.lists(st.tuples(st.sampled_from("lm"), st.sampled_from(SKUS), st.integers(0, 4)), max_size=2),
)
readings = st.tuples(st.just("read"), st.integers(2, 9), st.sampled_from(("CUP", "POT", "JAR")), st.integers(-3, 30))
recipes = st.tuples(
    st.just("recipe"),
    st.sampled_from(("BOX", "SET")),
    st.just(0),
    st.sampled_from(({"CUP": 2, "POT": 1}, {"JAR": 3}, {})),
)


@given(st.lists(st.one_of(sales, readings, recipes), max_size=25))
@settings(deadline=None)  # how fast a busy machine is says nothing about the law
def test_ledger_and_shown_numbers_are_what_naive_counting_comes_to(steps: Sequence[tuple[str, Any, Any, Any]]) -> None:
    world, replay = stocked(), Replay()
    replay.hear(reading(1, {"CUP": 10, "POT": 4}), NOON)
    replay.hear(_changed("BOX", {"CUP": 2, "POT": 1}), NOON)
    for kind, first, second, third in steps:
        if kind == "sell":
            content = [line(ref, sku, units, price=9) for ref, sku, units in third]
            message = seen(first, second, *content, connection_id=1 + int(first) % 2)
            world.sell(message)
            replay.hear(message, NOON)
        elif kind == "read":
            world.read(reading(first, {second: third}))
            replay.hear(reading(first, {second: third}), NOON)
        else:
            world.put_bundle(first, **third)
            replay.hear(_changed(first, third), NOON)
    _check_shown(world)
    for key, row in world.stock.items():
        assert list(differences(row, replay.stock.get(key))) == []
        told = explain(row, world.orders.values(), orders_max=100)
        assert told.adds_up
        if key.sku not in {"BOX", "SET"}:
            assert told.bundle_units == row.taken - sum(row.taken_by_connection.values(), ZERO)
    standing = Replay()
    for order in world.orders.values():
        standing.hear_standing(order)
    for key, row in world.stock.items():
        found = standing.stock.get(key, new_stock(key))
        assert (found.taken, _nonzero(found.taken_by_connection)) == (row.taken, _nonzero(row.taken_by_connection))


def _check_shown(world: World) -> None:
    """The newest word on each bundle is what its parts make."""
    newest: dict[str, tuple[int, Decimal | None]] = {}
    for message in world.messages:
        for item in message.items if isinstance(message, StockChangedV1) else ():
            assert item.revision > newest.get(item.sku, (0, None))[0]
            newest[item.sku] = (item.revision, item.available)
    for sku, recipe in world.recipes.items():
        held = {row.key.sku: row.available for row in world.stock.values() if row.matched}
        lacking = any(part.sku not in held for part in recipe)
        least = None if lacking else min(held[part.sku] // 1 // part.quantity for part in recipe)
        if least is not None and least <= 0:
            continue  # Decimal rounds towards zero
        assert newest.get(sku, (0, None))[1] == least  # a SKU of which nothing is known yet is not told of
        assert explain_bundle(recipe, dict(held)).available == least


def _nonzero(taken: Any) -> dict[int, Decimal]:
    return {connection_id: units for connection_id, units in taken.items() if units}


def _changed(sku: str, parts: dict[str, int]) -> BundleChangedV1:
    named = tuple(BundlePart(sku=part, quantity=Decimal(quantity)) for part, quantity in parts.items())
    return BundleChangedV1(business_id=BUSINESS, sku=sku, version=1, parts=named)

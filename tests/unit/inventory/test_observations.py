from decimal import Decimal

from prokip_shared.messages import StockChangedV1, StockOversoldV1
from tests.unit.inventory.world import World, line, reading, seen


def test_a_recorded_sale_is_in_the_quantity_and_in_the_counter() -> None:
    world = World()
    world.read(reading(1, {"A": 100}))
    world.sell(seen("1", 1, line("l", "A", 2)))
    decision = world.read(reading(2, {"A": 98}, recorded={"A": 2}))
    assert world.available("A") == 98
    assert decision.movements == []
    assert decision.messages == []
    assert world.row("A").quantity == 98
    assert world.row("A").observed_sequence == 2


def test_an_older_reading_never_wins() -> None:
    world = World()
    world.read(reading(5, {"A": 50}))
    world.read(reading(4, {"A": 99}), reading(5, {"A": 98}))
    assert world.available("A") == 50


def test_a_sale_over_the_counter_moves_the_base() -> None:
    world = World()
    world.read(reading(1, {"A": 100}))
    decision = world.read(reading(2, {"A": 97}))
    (movement,) = decision.movements
    assert movement.reason == "prokip"
    assert (movement.delta, movement.balance_after) == (Decimal(-3), Decimal(97))


def test_a_first_quantity_of_zero_is_told() -> None:
    world = World()
    decision = world.read(reading(1, {"A": 0}))
    (message,) = decision.messages
    assert isinstance(message, StockChangedV1)
    assert message.items[0].available == Decimal(0)
    assert decision.movements == []


def test_every_part_of_a_round_is_answered_once_even_when_nothing_changed() -> None:
    world = World()
    world.read(reading(1, {"A": 1}))
    decision = world.read(reading(2, {"A": 1}, part=1), reading(3, {"B": 2}, part=2), reading(4, {}, part=3))
    answers = [message for message in decision.messages if isinstance(message, StockChangedV1)]
    assert [answer.round.part for answer in answers if answer.round] == [1, 2, 3]
    assert [[item.sku for item in answer.items] for answer in answers] == [[], ["B"], []]


def test_two_readings_in_one_batch_are_each_told_with_their_own_revision() -> None:
    world = World()
    decision = world.read(reading(1, {"A": 5}), reading(2, {"A": 3}))
    told = [(m.items[0].available, m.items[0].revision) for m in decision.messages if isinstance(m, StockChangedV1)]
    assert told == [(Decimal(5), 1), (Decimal(3), 2)]


def test_a_reading_that_leaves_less_than_was_sold_is_told_as_oversold() -> None:
    world = World()
    world.sell(seen("1", 1, line("l", "A", 3)))
    decision = world.read(reading(1, {"A": 2}))
    assert [m.available for m in decision.messages if isinstance(m, StockOversoldV1)] == [-1]
    assert world.available("A") == -1


def test_a_negative_quantity_of_prokip_is_kept() -> None:
    world = World()
    world.read(reading(1, {"A": "-2.5"}))
    assert world.available("A") == Decimal("-2.5")

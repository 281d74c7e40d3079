from decimal import Decimal

import pytest

from inventory.domain.orders import count_orders, stock_keys
from inventory.domain.snapshots import Uncountable
from inventory.domain.values import StockKey
from prokip_shared.messages import SaleDueV1, StockChangedV1, StockOversoldV1
from tests.unit.inventory.world import BUSINESS, LOCATION, NOTHING, Outcome, World, heard, line, reading, seen


def due(decision: Outcome) -> dict[str, Decimal]:
    messages = [message for message in decision.messages if isinstance(message, SaleDueV1)]
    assert len(messages) <= 1
    return {item.sku: item.units for message in messages for item in message.lines}


def items(decision: Outcome) -> dict[str, Decimal | None]:
    return {
        item.sku: item.available
        for message in decision.messages
        if isinstance(message, StockChangedV1)
        for item in message.items
    }


def stocked(**quantities: int) -> World:
    world = World()
    world.read(reading(1, quantities))
    return world


def test_a_sale_of_two_brings_a_hundred_to_ninety_eight() -> None:
    world = stocked(A=100)
    decision = world.sell(seen("1", 1, line("l1", "A", 2, price="9.50")))
    assert world.available("A") == 98
    assert items(decision) == {"A": Decimal(98)}
    assert due(decision) == {"A": Decimal(2)}
    (movement,) = decision.movements
    assert movement.reason == "sale"
    assert (movement.delta, movement.balance_after) == (Decimal(-2), Decimal(98))
    (message,) = [message for message in decision.messages if isinstance(message, SaleDueV1)]
    assert message.lines[0].unit_price == Decimal("9.50")
    assert message.lines[0].stock_revision == movement.revision == world.row("A").revision


def test_the_same_snapshot_again_changes_nothing_and_says_nothing() -> None:
    world = stocked(A=100)
    snapshot = seen("1", 1, line("l1", "A", 2))
    world.sell(snapshot)
    again = world.sell(snapshot, snapshot)
    assert again == NOTHING


def test_two_stores_share_a_hundred_and_a_refund_gives_back() -> None:
    world = stocked(A=100)
    world.sell(
        seen("1", 1, line("l", "A", 2)),
        seen("9", 1, line("l", "A", 3), connection_id=2),
        seen("9", 2, line("l", "A", 2, ordered=3), connection_id=2),
    )
    assert world.available("A") == 96
    assert world.row("A").taken_by_connection == {1: Decimal(2), 2: Decimal(2)}
    assert [movement.reason for movement in world.movements] == ["prokip", "sale", "sale", "return"]


def test_an_older_version_never_undoes_a_newer_one() -> None:
    world = stocked(A=100)
    world.sell(seen("1", 5, line("l", "A", 0, ordered=4), status="cancelled"))
    decision = world.sell(seen("1", 3, line("l", "A", 4)))
    assert decision.stock == []
    assert world.available("A") == 100
    assert world.order("1").status == "cancelled"


def test_a_cancel_returns_everything_and_prokip_should_know_of_none() -> None:
    world = stocked(A=100)
    world.sell(seen("1", 1, line("l", "A", 4)))
    decision = world.sell(seen("1", 2, line("l", "A", 0, ordered=4), status="cancelled"))
    assert world.available("A") == 100
    assert due(decision) == {"A": Decimal(0)}
    assert decision.movements[0].reason == "cancel"


def test_an_order_that_holds_nothing_yet_is_not_due() -> None:
    world = stocked(A=100)
    assert due(world.sell(seen("1", 1, line("l", "A", 0, ordered=2), status="pending"))) == {}
    assert world.order("1").sale_state == "none"
    assert due(world.sell(seen("1", 2, line("l", "A", 2)))) == {"A": Decimal(2)}
    assert world.order("1").sale_state == "due"


def test_a_line_that_is_gone_from_a_newer_snapshot_holds_nothing() -> None:
    world = stocked(A=10, B=10)
    world.sell(seen("1", 1, line("l", "A", 2), line("m", "B", 3)))
    decision = world.sell(seen("1", 2, line("m", "B", 3)))
    assert (world.available("A"), world.available("B")) == (Decimal(10), Decimal(7))
    assert due(decision) == {"A": Decimal(0), "B": Decimal(3)}
    assert decision.movements[0].reason == "edit"


def test_a_line_whose_sku_changes_moves_its_units_to_the_other_sku() -> None:
    world = stocked(A=10, B=10)
    world.sell(seen("1", 1, line("l", "A", 2)))
    decision = world.sell(seen("1", 2, line("l", "B", 3)))
    assert (world.available("A"), world.available("B")) == (Decimal(10), Decimal(7))
    assert due(decision) == {"B": Decimal(3), "A": Decimal(0)}
    later = world.sell(seen("1", 3, line("l", "B", 1, ordered=3)))
    assert due(later) == {"B": Decimal(1), "A": Decimal(0)}, "a later state still says that none of A is sold"


def test_a_sku_that_the_store_forgets_is_kept() -> None:
    world = stocked(A=10)
    world.sell(seen("1", 1, line("l", "A", 2)))
    world.sell(seen("1", 2, line("l", None, 2)))
    assert world.available("A") == 8
    world.sell(seen("1", 3, line("l", None, 0, ordered=2), status="cancelled"))
    assert world.available("A") == 10


def test_an_older_snapshot_teaches_the_sku_that_the_newer_one_lacks() -> None:
    world = stocked(A=10)
    world.sell(seen("1", 2, line("l", None, 2)))
    assert world.available("A") == 10
    decision = world.sell(seen("1", 1, line("l", "A", 5)))
    assert world.available("A") == 8
    assert due(decision) == {"A": Decimal(2)}


def test_the_newest_of_several_older_names_wins() -> None:
    world = stocked(A=10, B=10)
    world.sell(seen("1", 3, line("l", None, 2)), seen("1", 1, line("l", "A", 2)), seen("1", 2, line("l", "B", 2)))
    assert (world.available("A"), world.available("B")) == (Decimal(10), Decimal(8))
    world.sell(seen("1", 1, line("l", "A", 2)))
    assert (world.available("A"), world.available("B")) == (Decimal(10), Decimal(8))


def test_two_contents_in_one_second_take_the_later_delivery_and_ask_for_a_sweep() -> None:
    world = stocked(A=10)
    world.sell(seen("1", 1, line("l", "A", 2)), seen("1", 1, line("l", "A", 0, ordered=2), status="cancelled"))
    assert world.available("A") == 10
    assert world.order("1").needs_sweep
    world.sell(seen("1", 1, line("l", "A", 2), source="sweep"))
    assert world.available("A") == 8
    assert not world.order("1").needs_sweep


def test_a_late_webhook_of_a_second_that_a_sweep_found_over_is_an_older_state() -> None:
    world = stocked(A=10)
    world.sell(seen("1", 1, line("l", "A", 0, ordered=2), status="cancelled"))
    early = seen("1", 1, line("l", "A", 0, ordered=2), status="cancelled", source="sweep", delay_s=10)
    world.sell(early, seen("1", 1, line("l", "A", 1), delay_s=20))
    assert world.available("A") == 9, "that sweep may have read before the second was over"
    found = seen("1", 1, line("l", "A", 0, ordered=2), status="cancelled", source="sweep", delay_s=50)
    again = seen("1", 1, line("l", "A", 0, ordered=2), status="cancelled", source="sweep", delay_s=90)
    world.sell(found)
    assert world.available("A") == 10
    world.sell(seen("1", 1, line("l", "A", 2), delay_s=60))
    assert world.available("A") == 10, "by then it was known for long enough"
    world.sell(again, seen("1", 1, line("l", "A", 2), delay_s=200))
    assert (world.available("A"), world.order("1").needs_sweep) == (Decimal(10), False)
    world.sell(seen("1", 2, line("l", "A", 2), delay_s=300))
    assert world.available("A") == 8, "a newer version counts as ever"


def test_a_newer_version_settles_the_doubt_of_one_second() -> None:
    world = stocked(A=10)
    world.sell(seen("1", 1, line("l", "A", 2)), seen("1", 1, line("l", "A", 1)), seen("1", 2, line("l", "A", 1)))
    assert not world.order("1").needs_sweep


def test_a_forgotten_sku_in_the_same_second_is_not_another_content() -> None:
    world = stocked(A=10)
    world.sell(seen("1", 1, line("l", "A", 2)))
    revision = world.order("1").revision
    assert world.sell(seen("1", 1, line("l", None, 2))).movements == []
    assert (world.order("1").revision, world.order("1").needs_sweep) == (revision, False)


def test_what_was_taken_before_the_connection_moves_nothing_until_it_changes() -> None:
    world = stocked(A=10)
    decision = world.sell(seen("1", 1, line("l", "A", 3), predates=True))
    assert world.available("A") == 10
    assert due(decision) == {}
    decision = world.sell(seen("1", 2, line("l", "A", 1, ordered=3), predates=True))
    assert world.available("A") == 12, "two units came back to the shelf"
    assert due(decision) == {}, "Prokip never knew of them, so there is nothing to take back there"
    world.sell(seen("1", 3, line("l", "A", 1, ordered=3), line("m", "A", 4), predates=True))
    assert world.available("A") == 8, "a line added later is a sale like any other"


def test_while_prokip_was_never_read_sales_count_but_nothing_may_be_pushed() -> None:
    world = World()
    decision = world.sell(seen("1", 1, line("l", "A", 2)))
    assert items(decision) == {"A": None}
    assert due(decision) == {"A": Decimal(2)}
    assert world.available("A") == -2
    decision = world.read(reading(1, {"A": 100}, complete=False))
    assert items(decision) == {"A": Decimal(98)}


def test_a_sku_unknown_to_prokip_is_logged_and_counts_nothing() -> None:
    world = World(complete=True)
    decision = world.sell(seen("1", 1, line("l", "X", 2)))
    assert items(decision) == {"X": None}
    assert due(decision) == {}
    assert decision.movements == []
    assert world.order("1").lines[0].taken == 2
    assert world.row("X").taken == 0
    world.read(reading(2, {"X": 10}))
    assert world.available("X") == 10, "what was sold before Prokip knew the SKU is not in its count"
    world.sell(seen("1", 2, line("l", "X", 3)))
    assert world.available("X") == 9


def test_what_was_counted_while_pending_may_only_shrink_once_the_sku_is_unknown() -> None:
    world = World()
    world.sell(seen("1", 1, line("l", "X", 2)))
    world.read(reading(1, {"A": 1}))
    assert due(world.sell(seen("1", 2, line("l", "X", 5)))) == {}
    assert world.row("X").taken == 2
    assert due(world.sell(seen("1", 3, line("l", "X", 1, ordered=5)))) == {"X": Decimal(1)}
    assert due(world.sell(seen("1", 4, line("l", "X", 0, ordered=5)))) == {"X": Decimal(0)}


def test_moving_a_line_from_an_unknown_sku_to_a_known_one_counts_it() -> None:
    world = stocked(A=10)
    world.sell(seen("1", 1, line("l", "X", 2)))
    assert due(world.sell(seen("1", 2, line("l", "A", 2)))) == {"A": Decimal(2)}
    assert world.available("A") == 8


def test_overselling_goes_negative_and_is_told_once() -> None:
    world = stocked(A=1)
    first = world.sell(seen("1", 1, line("l", "A", 3)))
    (message,) = [message for message in first.messages if isinstance(message, StockOversoldV1)]
    assert message.available == -2
    second = world.sell(seen("2", 1, line("l", "A", 1)))
    assert world.available("A") == -3
    assert not [message for message in second.messages if isinstance(message, StockOversoldV1)]


def test_a_partial_snapshot_leaves_the_other_lines_alone() -> None:
    world = stocked(A=10)
    world.sell(seen("1", None, line("A#sold", "A", 3), partial=True))
    world.sell(seen("1", None, line("A#returned", "A", -1), partial=True))
    assert world.available("A") == 8
    world.sell(seen("1", None, line("A#sold", "A", 3), partial=True))
    assert world.available("A") == 8


def test_a_variation_without_stock_of_its_own_sells_its_parent() -> None:
    world = World(holders={(1, "P-red"): "P"})
    world.read(reading(1, {"P": 10}))
    decision = world.sell(seen("1", 1, line("l", "P-red", 2)))
    assert due(decision) == {"P": Decimal(2)}
    assert world.available("P") == 8
    assert StockKey(BUSINESS, "P-red", LOCATION) not in world.stock


def test_a_variation_that_prokip_holds_counts_against_itself() -> None:
    world = World(holders={(1, "P-red"): "P"})
    world.read(reading(1, {"P": 10, "P-red": 5}))
    world.sell(seen("1", 1, line("l", "P-red", 2)))
    assert (world.available("P"), world.available("P-red")) == (Decimal(10), Decimal(3))


def test_units_move_to_the_parent_once_the_store_says_who_holds_them() -> None:
    world = stocked(P=10)
    world.sell(seen("1", 1, line("l", "P-red", 2)))
    assert world.available("P") == 10
    decision = world.learn_holders({(1, "P-red"): "P"})
    assert world.available("P") == 8
    assert due(decision) == {"P": Decimal(2)}
    assert decision.movements[0].reason == "holder"
    assert world.learn_holders({(1, "P-red"): "P"}).movements == []


def test_decimals_are_kept_exactly() -> None:
    world = World()
    world.read(reading(1, {"A": "1.1"}))
    world.sell(*(seen(str(number), 1, line("l", "A", "0.1")) for number in range(11)))
    assert world.available("A") == 0


def test_two_lines_of_one_sku_make_one_movement_and_a_mean_price() -> None:
    world = stocked(A=10)
    decision = world.sell(seen("1", 1, line("l", "A", 1, price=10), line("m", "A", 3, price=6)))
    assert len(decision.movements) == 1
    (message,) = [message for message in decision.messages if isinstance(message, SaleDueV1)]
    assert message.lines[0].unit_price == 7


@pytest.mark.parametrize("units", ["1e10", "-1e10", "0.00000000001"])
def test_a_quantity_that_no_stock_can_have_is_refused(units: str) -> None:
    world = stocked(A=10)
    with pytest.raises(Uncountable):
        world.sell(seen("1", 1, line("l", "A", units)))


def test_all_stock_that_a_batch_may_count_against_is_asked_for() -> None:
    world = World(holders={(1, "P-red"): "P"})
    world.read(reading(1, {"P": 10, "A": 1}))
    world.sell(seen("1", 1, line("l", "A", 2)))
    asked = stock_keys(world.known(), heard([seen("1", 2, line("l", "P-red", 2))]))
    assert asked == {StockKey(BUSINESS, sku, LOCATION) for sku in ("P", "A", "P-red")}


def test_only_stock_that_moves_is_locked_and_what_was_passed_over() -> None:
    world = World(holders={(1, "P-red"): "P"})
    world.read(reading(1, {"P": 10, "A": 1, "B": 1}))
    world.sell(seen("1", 1, line("l", "A", 2), line("m", "B", 1)))
    messages = heard([seen("1", 2, line("l", "A", 2), line("m", "B", 1), status="completed")])
    assert count_orders(world.known(messages), messages).stock_keys() == set()
    messages = heard([seen("2", 1, line("l", "P-red", 2))])
    count = count_orders(world.known(messages), messages)
    assert count.stock_keys() == {StockKey(BUSINESS, "P", LOCATION)}
    assert count.passed_over == {StockKey(BUSINESS, "P-red", LOCATION)}


def test_an_order_keeps_the_location_where_it_was_first_seen() -> None:
    world = stocked(A=10)
    world.sell(seen("1", 1, line("l", "A", 2)), seen("1", 2, line("l", "A", 3), location_id="elsewhere"))
    assert world.available("A") == 7
    assert list(world.stock) == [StockKey(BUSINESS, "A", LOCATION)]

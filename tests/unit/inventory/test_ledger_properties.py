"""The laws of the ledger over random histories; every write is checked against the books by the world itself."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.domain.values import ZERO, HeldOrder
from prokip_shared.messages import OrderLine, OrderObservedV1, SaleDueV1
from tests.unit.inventory.world import World, line, reading, seen

SKUS = ("A", "B", "X", None)  # A and B are Prokip's, X is not, None is a product without one
HOLDERS = {(1, "B-red"): "B"}

units = st.decimals(min_value=-2, max_value=9, places=1)
lines = st.lists(st.builds(line, st.sampled_from("lmn"), st.sampled_from((*SKUS, "B-red")), units), max_size=4)


@st.composite
def histories(draw: Any, order_ref: str = "1") -> list[OrderObservedV1]:
    """Distinct versions of one order, in the order in which they came about."""
    contents = draw(st.lists(st.tuples(lines, st.sampled_from(["processing", "cancelled"])), min_size=1, max_size=6))
    return [seen(order_ref, version, *content, status=status) for version, (content, status) in enumerate(contents)]


@st.composite
def disordered(draw: Any) -> tuple[list[OrderObservedV1], list[OrderObservedV1]]:
    history = draw(histories())
    repeated = history + draw(st.lists(st.sampled_from(history), max_size=4))
    return history, draw(st.permutations(repeated))


def stocked() -> World:
    world = World(holders=HOLDERS)
    world.read(reading(1, {"A": 100, "B": 50}))
    return world


def state(order: HeldOrder) -> tuple[object, ...]:
    """What the order is, without the history of how it was learned."""
    held = sorted(
        (item.line_ref, item.sku or "", item.stock_sku or "", item.taken, item.counted) for item in order.lines
    )
    return order.status, order.order_number, order.modified_at, order.needs_sweep, held


def stock_state(world: World) -> dict[str, tuple[Decimal, dict[int, Decimal]]]:
    return {
        row.key.sku: (row.available, {key: taken for key, taken in row.taken_by_connection.items() if taken})
        for row in world.stock.values()
        if row.base or row.taken
    }


@given(disordered())
@settings(max_examples=400, deadline=None)
def test_any_order_and_repetition_of_an_orders_versions_ends_the_same(
    example: tuple[list[OrderObservedV1], list[OrderObservedV1]],
) -> None:
    history, shuffled = example
    straight, wild = stocked(), stocked()
    straight.sell(*history)
    for message in shuffled:
        wild.sell(message)
    assert state(wild.order("1")) == state(straight.order("1"))
    assert stock_state(wild) == stock_state(straight)


@given(disordered(), st.data())
@settings(deadline=None)  # how fast a busy machine is says nothing about the law
def test_how_messages_are_cut_into_batches_does_not_matter(
    example: tuple[list[OrderObservedV1], list[OrderObservedV1]], data: st.DataObject
) -> None:
    _, messages = example
    one_by_one, cut = stocked(), stocked()
    for message in messages:
        one_by_one.sell(message)
    for batch in _cut(messages, data):
        cut.sell(*batch)
    assert cut.orders == one_by_one.orders
    assert cut.stock == one_by_one.stock
    assert cut.movements == one_by_one.movements


@given(disordered())
@settings(deadline=None)  # how fast a busy machine is says nothing about the law
def test_applying_a_history_again_changes_nothing(
    example: tuple[list[OrderObservedV1], list[OrderObservedV1]],
) -> None:
    _, messages = example
    world = stocked()
    world.sell(*messages)
    again = world.sell(*messages)
    assert not again.stock
    assert not again.movements
    assert not again.changed_orders
    assert not again.messages


@given(st.lists(histories("1"), max_size=2), st.data())
@settings(deadline=None)  # how fast a busy machine is says nothing about the law
def test_the_last_sale_due_is_what_the_order_holds(parts: list[list[OrderObservedV1]], data: st.DataObject) -> None:
    messages = [message for part in parts for message in part]
    world = stocked()
    for message in data.draw(st.permutations(messages)):
        world.sell(message)
    due = [message for message in world.messages if isinstance(message, SaleDueV1)]
    assert [message.revision for message in due] == sorted({message.revision for message in due})
    known = {item.sku: item.units for item in due[-1].lines if item.units} if due else {}
    held: dict[str, Decimal] = {}
    for order in world.orders.values():
        for item in order.lines:
            if item.stock_sku is not None:
                held[item.stock_sku] = held.get(item.stock_sku, ZERO) + item.counted
    assert known == {sku: counted for sku, counted in held.items() if counted > 0}


sales = st.tuples(st.just("sell"), st.sampled_from("12345"), st.integers(0, 5), lines)
readings = st.tuples(st.just("read"), st.integers(1, 9), st.sampled_from("ABX"), st.integers(-5, 50))
holders = st.tuples(st.just("holders"), st.sampled_from(["A", "B", "X"]), st.just(0), st.just(0))


@given(st.lists(st.one_of(sales, readings, holders), max_size=25))
@settings(deadline=None)  # how fast a busy machine is says nothing about the law
def test_the_books_balance_after_anything(steps: Sequence[tuple[str, Any, Any, Any]]) -> None:
    world = World()
    for kind, first, second, third in steps:
        if kind == "sell":
            content: list[OrderLine] = third
            world.sell(seen(first, second, *content, connection_id=1 + int(first) % 2, predates=first == "5"))
        elif kind == "read":
            world.read(reading(first, {second: third}, recorded={"A": 1}, complete=first % 2 == 0))
        else:
            world.learn_holders({(1, "B-red"): first})
    world.check()
    for row in world.stock.values():
        assert row.available == row.base - row.taken
        if row.quantity is not None and row.recorded is not None:
            assert row.base == row.quantity + row.recorded


def _cut(messages: Sequence[OrderObservedV1], data: st.DataObject) -> list[Sequence[OrderObservedV1]]:
    batches, rest = [], messages
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        batches.append(rest[:size])
        rest = rest[size:]
    return batches

"""What of a store's sweeps is answered, and with which stock."""

from datetime import timedelta
from decimal import Decimal

import pytest

import inventory.domain.swept
from inventory.domain.orders import count_orders
from inventory.domain.swept import swept_orders
from inventory.domain.values import SweptOrders
from inventory.telling import tell_counted
from prokip_shared.messages import CountedOrder, OrderObservedV1, OrdersCountedV1
from tests.unit.inventory.world import LOCATION, NOON, World, decoded, heard, line, reading, seen


def answers_to(world: World, *messages: OrderObservedV1) -> list[SweptOrders]:
    """As the handler does it: counted and written, then answered."""
    orders = heard(messages)
    known = world.known(orders)
    count = count_orders(known, orders)
    answers = swept_orders(known, count, orders)
    world.sell(*messages)
    return answers


def test_an_order_that_is_known_already_is_answered_with_the_stock_as_it_is() -> None:
    """Its own stock.changed may still be on its way: with the answer whoever swept has both."""
    world = World()
    world.read(reading(1, {"A": 10}))
    world.sell(seen("1", 1, line("l", "A", 2)))
    swept = seen("1", 1, line("l", "A", 2), source="sweep")
    [told] = decoded(tell_counted(answers_to(world, swept), world.stock, ()))
    assert isinstance(told, OrdersCountedV1)
    assert told.orders == (CountedOrder(order_ref="1", observed_at=swept.observed_at),)
    assert (told.connection_id, told.location_id) == (swept.connection_id, LOCATION)
    [item] = told.items
    assert (item.sku, item.available, item.revision) == ("A", Decimal(8), world.row("A").revision)
    assert item.taken == {swept.connection_id: Decimal(2)}


def test_webhooks_are_not_answered() -> None:
    assert answers_to(World(), seen("1", 1, line("l", "A", 2))) == []


def test_an_order_that_is_new_or_older_or_moved_its_units_is_answered_with_all_that_it_counts_against() -> None:
    world = World()
    world.read(reading(1, {"A": 10, "B": 10}))
    world.sell(seen("1", 2, line("l", "A", 2)))
    moved = seen("1", 3, line("l", "B", 2), source="sweep")
    older = seen("1", 1, line("l", "A", 1), source="sweep")
    new = seen("2", 1, line("l", "C", 1), source="sweep")
    [answer] = answers_to(world, moved, older, new)
    assert [order.order_ref for order in answer.orders] == ["1", "1", "2"]
    assert answer.skus == {"A", "B", "C"}
    [told] = decoded(tell_counted([answer], world.stock, ()))
    assert isinstance(told, OrdersCountedV1)
    available = {item.sku: item.available for item in told.items}
    assert available == {"A": Decimal(10), "B": Decimal(8), "C": None}


def test_an_answer_that_would_grow_too_long_goes_on_in_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory.domain.swept, "SKUS_PER_ANSWER_MAX", 2)
    orders = [seen(str(n), 1, line("l", f"S{n}", 1), source="sweep", delay_s=n) for n in range(3)]
    first, second = answers_to(World(), *orders)
    assert (first.skus, second.skus) == ({"S0", "S1"}, {"S2"})
    assert [order.observed_at - NOON for order in second.orders] == [orders[2].observed_at - NOON]
    assert orders[2].observed_at - orders[0].observed_at == timedelta(seconds=2)


def test_the_sale_of_a_bundle_is_answered_with_how_many_its_parts_make() -> None:
    world = World()
    world.read(reading(1, {"CUP": 10, "POT": 4}))
    world.put_bundle("BOX", CUP=2, POT=1)
    [answer] = answers_to(world, seen("1", 1, line("l", "BOX", 1), source="sweep"))
    [told] = decoded(tell_counted([answer], *world.with_bundles(answer.stock_keys())))
    assert isinstance(told, OrdersCountedV1)
    [item] = told.items
    assert (item.sku, item.available, item.revision) == ("BOX", Decimal(3), world.row("BOX").revision)
    assert item.taken == {answer.connection_id: Decimal(1)}

"""The system's own books at the end of a history, against the world's."""

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tests.simulation.database import Database

if TYPE_CHECKING:
    from tests.simulation.world import World


def check_books(world: "World", databases: Mapping[str, Database]) -> list[str]:
    ledger, push, prokip = databases["inventory"], databases["push"], databases["prokip"]
    return [
        *_ledger_adds_up(ledger),
        *_bases_existed(world, ledger),
        *_ledger_is_true(world, ledger),
        *_orders_are_true(world, ledger),
        *_counters_are_true(world, prokip),
        *_listings_are_true(world, push),
        *_nothing_drifted(world, push),
        *(
            f"{name}: parked {row['reason']}"
            for name, one in databases.items()
            for row in one.committed("parked").values()
        ),
    ]


def _ledger_adds_up(ledger: Database) -> Iterator[str]:
    """sum(movements) = stock, and each movement's balance follows from the one before."""
    sums: dict[Any, Decimal] = {}
    for key, movement in sorted(ledger.committed("movement").items()):
        stock_key = key[:3]
        sums[stock_key] = sums.get(stock_key, Decimal(0)) + movement["delta"]
        if sums[stock_key] != movement["balance_after"]:
            yield f"ledger: the balance of {key} is {movement['balance_after']}, its movements say {sums[stock_key]}"
    for key, row in ledger.committed("stock").items():
        available = Decimal(row["base"]) - Decimal(row["taken"])
        if sums.get(key, Decimal(0)) != available:
            yield f"ledger: {key[1]} has {available} available, its movements sum up to {sums.get(key, 0)}"
        by_connection = sum((Decimal(units) for units in json.loads(row["taken_by_connection"]).values()), Decimal(0))
        if by_connection != Decimal(row["taken"]):
            yield f"ledger: {key[1]} taken {row['taken']}, by connection {by_connection}"


def _bases_existed(world: "World", ledger: Database) -> Iterator[str]:
    """No reading ever told a base that Prokip never had, whatever was on its way while it was read.

    Where a person enters returns, or a sale leaves when the others have stopped waiting for it, Prokip's number moves a
    moment before or after ours does.
    """
    if world.hand_entries or world.scenario.frozen > 0:
        return
    bases: dict[str, Decimal] = {}
    for key, movement in sorted(ledger.committed("movement").items()):
        if movement["reason"] != "prokip":
            continue
        sku = key[1]
        bases[sku] = bases.get(sku, Decimal(0)) + movement["delta"]
        if bases[sku] not in world.erp.bases[sku]:
            yield f"ledger: revision {key[3]} of {sku} told base {bases[sku]}, which Prokip never had"


def _ledger_is_true(world: "World", ledger: Database) -> Iterator[str]:
    for key, row in ledger.committed("stock").items():
        sku = key[1]
        if Decimal(row["base"]) != world.erp.base[sku]:
            yield f"ledger: base of {sku} is {row['base']}, should be {world.erp.base[sku]}"
        for shop in world.shops:
            told = Decimal(json.loads(row["taken_by_connection"]).get(str(shop.connection_id), "0"))
            if told != shop.taken[sku]:
                yield f"ledger: {shop.name} holds {told} of {sku}, should be {shop.taken[sku]}"


def _orders_are_true(world: "World", ledger: Database) -> Iterator[str]:
    for shop in world.shops:
        for order in shop.orders.values():
            row = ledger.committed("orders").get((1, shop.connection_id, str(order.order_ref)))
            if row is None:
                if not order.before_connection:
                    yield f"ledger: order {order.order_ref} of {shop.name} is unknown"
                continue
            held: dict[str, Decimal] = {}
            for line in json.loads(row["lines"]):
                held[line["sku"]] = held.get(line["sku"], Decimal(0)) + Decimal(line["taken"])
            if held != order.taken():
                yield f"ledger: order {order.order_ref} of {shop.name} holds {held}, should be {order.taken()}"
            if row["due_revision"] and row["sale_state"] != "recorded":
                yield f"ledger: order {order.order_ref} of {shop.name} is {row['sale_state']} in the sales log"


def _counters_are_true(world: "World", prokip: Database) -> Iterator[str]:
    """R is what Prokip holds as sold by us."""
    for (_, _, sku), row in prokip.committed("recorded_counter").items():
        sold = sum((one.kept().get(sku, Decimal(0)) for one in world.erp.sales.values()), Decimal(0))
        if row["units"] != sold:
            yield f"poller: R of {sku} is {row['units']}, Prokip was told {sold}"
    for row in prokip.committed("sale_posting").values():
        if row["outcome"] in {"posting", "in_doubt"}:
            yield f"poller: a posting of order {row['order_ref']} is still {row['outcome']}"


def _nothing_drifted(world: "World", push: Database) -> Iterator[str]:
    """Where nobody edits quantities and no answer gets lost, orders explain every difference of a store with
    compare-and-set (in a strict world of any store); but for what a first number hid.
    """
    if not world.steady or world.edited:
        return
    shops = {shop.connection_id: shop for shop in world.shops}
    for row in push.committed("drift").values():
        shop = shops[push.committed("listing")[row["listing_id"]]["connection_id"]]
        if (shop.compare_and_set or world.scenario.strict) and row["sku"] not in shop.hidden | shop.brought_back:
            yield f"push: {row['sku']} was called drift: {row['shown']} instead of {row['expected']}"


def _listings_are_true(world: "World", push: Database) -> Iterator[str]:
    shops = {shop.connection_id: shop for shop in world.shops}
    for row in push.committed("listing").values():
        shown = shops[row["connection_id"]].stock[row["sku"]]
        if row["target"] != shown:
            yield f"push: the target of {row['sku']} at {row['connection_id']} is {row['target']}, shown {shown}"

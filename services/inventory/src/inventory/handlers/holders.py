"""stock.holders_observed: a store says which of its SKUs take their stock from another one."""

from collections.abc import Sequence
from dataclasses import replace

from inventory import storage
from inventory.domain.holders import changed_holders, told_holders
from inventory.domain.orders import held_stock_keys, named_skus, recount_orders
from inventory.domain.values import Held
from prokip_shared.database import Connection
from prokip_shared.messages import Message, StockHoldersObservedV1, utc_now


async def apply_holder_batch(connection: Connection, messages: Sequence[StockHoldersObservedV1]) -> Sequence[Message]:
    """Keeps what is new and moves the units of orders that were counted without knowing it.

    A store tells all its holders at each reading of its catalogue, so mostly there is nothing new.
    """
    await storage.seize_connections(connection, {message.connection_id for message in messages})
    told = told_holders(messages)
    changed = changed_holders(await storage.holders_of(connection, told.keys()), told)
    if not changed:
        return ()
    await storage.write_holders(connection, changed)
    held = Held(orders=await storage.lock_orders_with_skus(connection, changed.keys()))
    held = replace(held, holders=await storage.holders_of(connection, named_skus(held, ())))
    stock, complete = await storage.lock_stock(connection, *held_stock_keys(held))
    held = replace(held, stock=stock, complete_locations=complete)
    at = utc_now()
    decision = recount_orders(held, at, messages[-1].correlation_id)
    await storage.write(connection, decision, at)
    return decision.messages

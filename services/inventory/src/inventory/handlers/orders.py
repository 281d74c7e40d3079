"""order.observed: snapshots of store orders move the ledger."""

from collections.abc import Sequence
from dataclasses import replace

from inventory import storage
from inventory.domain.orders import apply_orders, named_skus, order_key, stock_keys
from inventory.domain.snapshots import Uncountable
from inventory.domain.values import Held
from prokip_shared.bus.port import PermanentFailure
from prokip_shared.database import Connection
from prokip_shared.messages import Message, OrderObservedV1, utc_now


async def apply_order_batch(connection: Connection, messages: Sequence[OrderObservedV1]) -> Sequence[Message]:
    held = await _lock(connection, messages)
    at = utc_now()
    try:
        decision = apply_orders(held, messages, at)
    except Uncountable as error:
        raise PermanentFailure(str(error)) from error
    await storage.write(connection, decision, at)
    return decision.messages


async def _lock(connection: Connection, messages: Sequence[OrderObservedV1]) -> Held:
    """Everything the batch names, in the one lock order."""
    await storage.share_connections(connection, {message.connection_id for message in messages})
    held = Held(orders=await storage.lock_orders(connection, {order_key(message) for message in messages}))
    held = replace(held, holders=await storage.holders_of(connection, named_skus(held, messages)))
    stock, complete = await storage.lock_stock(connection, *stock_keys(held, messages))
    return replace(held, stock=stock, complete_locations=complete)

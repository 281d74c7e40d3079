"""order.observed: snapshots of store orders move the ledger."""

from collections.abc import Sequence
from dataclasses import replace

from inventory import storage
from inventory.domain.observed import OrderObserved, as_observed
from inventory.domain.orders import count_orders, named_skus, order_key, stock_keys
from inventory.domain.snapshots import Uncountable
from inventory.domain.swept import swept_orders
from inventory.domain.values import Known, SweptOrders
from inventory.handlers.settling import learn_untold, settle
from inventory.telling import tell_counted
from prokip_shared.bus.port import PermanentFailure
from prokip_shared.database import Connection
from prokip_shared.messages import Encoded, OrderObservedV1


async def apply_order_batch(connection: Connection, messages: Sequence[OrderObserved]) -> Sequence[Encoded]:
    known = await _look_up(connection, messages)
    try:
        count = count_orders(known, messages)
    except Uncountable as error:
        raise PermanentFailure(str(error)) from error
    said = await settle(connection, known, count)
    await storage.count_gaps(connection, count.gaps)
    return [*said, *await _answer_sweeps(connection, swept_orders(known, count, messages))]


async def _answer_sweeps(connection: Connection, answers: Sequence[SweptOrders]) -> Sequence[Encoded]:
    """With the stock itself: its own word on a change of before may still be on its way."""
    if not answers:
        return ()
    keys = {key for answer in answers for key in answer.stock_keys()}
    return tell_counted(answers, *await storage.read_stock(connection, keys))


async def apply_order_messages(connection: Connection, messages: Sequence[OrderObservedV1]) -> Sequence[Encoded]:
    """As `apply_order_batch`, for whoever has the messages themselves in hand."""
    return await apply_order_batch(connection, [as_observed(message) for message in messages])


async def _look_up(connection: Connection, messages: Sequence[OrderObserved]) -> Known:
    """Everything the batch names except its stock, in the one lock order."""
    await storage.share_connections(connection, {message.connection_id for message in messages})
    known = Known(orders=await storage.lock_orders(connection, {order_key(message) for message in messages}))
    if await storage.any_holders(connection, {(message.business_id, message.connection_id) for message in messages}):
        named = named_skus(known.orders.values(), messages)
        known = replace(known, holders=await storage.holders_of(connection, named))
    return await learn_untold(connection, known, stock_keys(known, messages))

"""stock.holders_observed: a store says which of its SKUs take their stock from another one."""

from collections.abc import Sequence
from dataclasses import replace

from inventory import storage
from inventory.domain.holders import changed_holders, told_holders
from inventory.domain.orders import named_skus, recount_orders, stock_keys
from inventory.domain.snapshots import Uncountable
from inventory.domain.values import Known
from inventory.handlers.settling import learn_untold, settle
from prokip_shared.bus.port import PermanentFailure
from prokip_shared.database import Connection
from prokip_shared.messages import Encoded, StockHoldersObservedV1


async def apply_holder_batch(connection: Connection, messages: Sequence[StockHoldersObservedV1]) -> Sequence[Encoded]:
    """Keeps what is new and moves the units of orders that were counted without knowing it.

    A store tells all its holders at each reading of its catalogue, so mostly there is nothing new.
    """
    await storage.seize_connections(connection, {message.connection_id for message in messages})
    told = told_holders(messages)
    changed = changed_holders(await storage.holders_of(connection, told.keys()), told)
    if not changed:
        return ()
    await storage.write_holders(connection, changed)
    known = Known(orders=await storage.lock_orders_with_skus(connection, changed.keys()))
    known = replace(known, holders=await storage.holders_of(connection, named_skus(known.orders.values(), ())))
    known = await learn_untold(connection, known, stock_keys(known, ()))
    try:
        count = recount_orders(known, messages[-1].correlation_id)
    except Uncountable as error:
        raise PermanentFailure(str(error)) from error
    return await settle(connection, known, count)

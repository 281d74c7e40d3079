"""From a count to a written ledger; what orders and holders have in common."""

from collections.abc import Sequence

from inventory import storage
from inventory.domain.shelves import move_stock
from inventory.domain.values import Count, Known
from inventory.telling import tell
from prokip_shared.database import Connection
from prokip_shared.messages import Encoded, utc_now


async def settle(connection: Connection, known: Known, count: Count) -> Sequence[Encoded]:
    """Writes the orders, and then, as late as possible, locks and moves the stock. Raises storage.LostRace."""
    await storage.write_orders(connection, count)
    keys = count.stock_keys()
    if not keys:
        return ()
    stock = await storage.lock_stock(connection, keys, count.passed_over)
    if any(row.matched is (key in known.untold) for key, row in stock.items()):
        raise storage.LostRace("Prokip told one of these SKUs in the meantime")
    at = utc_now()
    decision = move_stock(stock, count)
    await storage.take_stock(connection, decision.stock, at)
    await storage.insert_movements(connection, decision.movements, at)
    return tell(decision)

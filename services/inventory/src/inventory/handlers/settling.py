"""From a count to a written ledger; what orders and holders have in common."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from inventory import storage
from inventory.domain.bundles import still_made_so
from inventory.domain.orders import recipe_part_keys
from inventory.domain.shelves import move_stock
from inventory.domain.values import Count, Known, StockKey
from inventory.telling import tell
from prokip_shared.database import Connection
from prokip_shared.messages import Encoded, utc_now


async def learn_untold(connection: Connection, known: Known, keys: Collection[StockKey]) -> Known:
    """What Prokip has not told of this stock, and of the parts of the bundles among it."""
    untold, recipes = await storage.untold_stock(connection, keys)
    known = replace(known, untold=untold, recipes=recipes)
    parts = recipe_part_keys(known) - set(keys)
    if not parts:
        return known
    more, _ = await storage.untold_stock(connection, parts)
    return replace(known, untold=untold | more)


async def settle(connection: Connection, known: Known, count: Count) -> Sequence[Encoded]:
    """Writes the orders, and then, as late as possible, locks and moves the stock. Raises storage.LostRace."""
    await storage.write_orders(connection, count)
    keys = count.stock_keys()
    if not keys:
        return ()
    stock = await storage.lock_stock(connection, keys, count.passed_over)
    if any(row.matched is (key in known.untold) for key, row in stock.items()):
        raise storage.LostRace("Prokip told one of these SKUs in the meantime")
    bundles, more = await storage.lock_bundles(connection, stock)
    if not still_made_so(known, stock, bundles):
        raise storage.LostRace("somebody changed what one of these SKUs is made of")
    at = utc_now()
    decision = move_stock({**stock, **more} if more else stock, count, bundles)
    await storage.take_stock(connection, decision.stock, at)
    await storage.insert_movements(connection, decision.movements, at)
    return tell(decision)

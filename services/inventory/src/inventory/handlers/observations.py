"""prokip.observed: what Prokip holds becomes the base."""

from collections.abc import Sequence

from inventory import storage
from inventory.domain.observations import apply_observations, completed_locations, observed_stock_keys, reading_parts
from inventory.domain.snapshots import Uncountable
from inventory.telling import tell
from prokip_shared.bus.port import PermanentFailure
from prokip_shared.database import Connection
from prokip_shared.messages import Encoded, ProkipObservedV1, utc_now


async def apply_observation_batch(connection: Connection, messages: Sequence[ProkipObservedV1]) -> Sequence[Encoded]:
    stock = await storage.lock_stock(connection, observed_stock_keys(messages))
    bundles, more = await storage.lock_bundles(connection, stock)
    at = utc_now()
    try:
        decision = apply_observations({**stock, **more} if more else stock, messages, at, bundles)
    except Uncountable as error:
        raise PermanentFailure(str(error)) from error
    await storage.write_stock(connection, decision.stock, at)
    await storage.insert_movements(connection, decision.movements, at)
    complete = completed_locations(messages) | await storage.note_reading_parts(connection, reading_parts(messages))
    await storage.complete_locations(connection, complete)
    return tell(decision)

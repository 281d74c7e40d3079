"""The way from the spool back to the broker."""

import asyncio

from prokip_shared.bus.bundles import element_texts
from prokip_shared.bus.group import GroupPublisher
from prokip_shared.bus.port import BusUnavailable, Unroutable
from prokip_shared.database import Pool
from prokip_shared.logs import Log
from webhook_ingest.door import Door
from webhook_ingest.metrics import SPOOL_OLDEST_S, SPOOL_WAITING
from webhook_ingest.storage import DATABASE_AWAY, SpoolTable

log = Log("drain")


class SpoolDrain:
    """Publishes what waits in the spool, oldest first; replicas share the work."""

    def __init__(
        self,
        pool: Pool,
        table: SpoolTable,
        broker: GroupPublisher,
        door: Door,
        *,
        interval_s: float,
        batch_rows_max: int,
    ) -> None:
        self._pool = pool
        self._table = table
        self._broker = broker
        self._door = door
        self._interval_s = interval_s
        self._batch_rows_max = batch_rows_max

    async def run(self) -> None:
        """Runs for ever, once an interval: another replica may have died with events in the spool."""
        while True:
            try:
                await self._drain()
                state = await self._table.state()
                SPOOL_WAITING.set(state.waiting)
                SPOOL_OLDEST_S.set(state.oldest_s)
            except DATABASE_AWAY as error:
                log.warning("spool.unreachable", cause=repr(error))
            await asyncio.sleep(self._interval_s)

    async def _drain(self) -> None:
        """Each type by itself, so one that no queue takes never stands before the others."""
        for message_type in await self._table.types():
            try:
                while moved := await self._move(message_type):
                    log.info("spool.drained", type=message_type, events=moved)
                    self._door.broker_takes(message_type)
            except Unroutable:
                log.warning("spool.unroutable", type=message_type)
            except BusUnavailable as error:
                log.warning("spool.broker_away", cause=repr(error))
                return

    async def _move(self, message_type: str) -> int:
        """One batch from the spool to the broker; how many events that was.

        A crash between confirm and commit publishes them again: events are states, so twice is once.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            spooled = await self._table.claim(connection, message_type, self._batch_rows_max)
            if not spooled:
                return 0
            events = [text.encode() for one in spooled for text in element_texts(one.body)]
            await asyncio.gather(*(self._broker.publish_encoded(message_type, event) for event in events))
            await self._table.delete(connection, spooled)
        return len(events)

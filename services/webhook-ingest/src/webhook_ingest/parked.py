"""Authentic webhooks that no event could be read from: kept, listed, tried again."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from prokip_shared.bus.parked import FIRST_PLACE, PAGE_ROWS_MAX
from prokip_shared.bus.port import BusUnavailable
from prokip_shared.database import Pool
from prokip_shared.directory import DirectoryUnavailable
from prokip_shared.logs import Log
from prokip_shared.platforms.webhooks import UnusableWebhook
from prokip_shared.web.middleware import make_correlation_id
from prokip_shared.web.problems import Problem
from webhook_ingest.domain.dialects import DIALECTS
from webhook_ingest.domain.events import event_of
from webhook_ingest.door import Door
from webhook_ingest.storage import ParkedBody, ParkedTable
from webhook_ingest.stores import Stores

log = Log("parked")


class ParkedWebhooks:
    """Serves the internal routes that every service has for its parked messages."""

    def __init__(self, pool: Pool, table: ParkedTable, stores: Stores, door: Door) -> None:
        self._pool = pool
        self._table = table
        self._stores = stores
        self._door = door

    async def page(self, business_id: int, *, after: tuple[datetime, UUID]) -> Sequence[Mapping[str, Any]]:
        return [dict(row) for row in await self._table.page(business_id, after, PAGE_ROWS_MAX)]

    async def replay(self, business_id: int, parked_id: UUID) -> bool:
        """Reads the body again with today's code. False: it is not parked; Problem 409: still unusable."""
        async with self._pool.acquire() as connection, connection.transaction():
            found = await self._table.claim(connection, business_id, parked_id)
            if found is None:
                return False
            reason = await self._read_again(found)
            if reason is None:
                await self._table.unpark(connection, business_id, parked_id)
            else:
                await self._table.count_failed_replay(connection, business_id, parked_id, reason)
        if reason is not None:
            raise Problem(409, "Still unusable", code="still_unusable", detail=reason)
        log.info("webhook.replayed", parked_id=str(parked_id), business_id=business_id, topic=found.body.topic)
        return True

    async def replay_all(self, business_id: int) -> int:
        """Tries every parked webhook once; those still unusable stay."""
        replayed = 0
        after = FIRST_PLACE
        while rows := await self.page(business_id, after=after):
            for row in rows:
                try:
                    replayed += await self.replay(business_id, row["id"])
                except Problem as problem:
                    if problem.code != "still_unusable":
                        raise
            after = (rows[-1]["parked_at"], rows[-1]["id"])
        return replayed

    async def _read_again(self, parked: ParkedBody) -> str | None:
        """None when its event is durable now, or when it turns out to say nothing; else why it is still unusable."""
        body = parked.body
        try:
            connection = self._stores.by_id(body.connection_id)
            if connection is None:
                return "the store is not connected any more"
            meaning = DIALECTS[body.platform].read(body.topic, body.body)
            event = event_of(
                meaning,
                connection,
                topic=body.topic,
                # As when it came: neither replaying it nor doing so twice is the store's lateness or duplicate.
                message_id=str(parked.parked_id),
                observed_at=parked.parked_at,
                correlation_id=make_correlation_id(),
            )
            if event is not None:
                await self._door.publish(event)
        except UnusableWebhook as unusable:
            return str(unusable)
        except (BusUnavailable, DirectoryUnavailable) as error:
            raise Problem(503, "Not now", code="unavailable", detail="The event could not be stored.") from error
        return None

"""Follows which SKUs Prokip knows and does not count (any more): they are not written to, and their items can say why."""

from dataclasses import dataclass, field

from prokip_shared.database import Pool, load_queries
from prokip_shared.logs import Log
from prokip_shared.platforms.errors import StoreError
from store_push.poller import Poller

log = Log("left_alone")


@dataclass(frozen=True, slots=True)
class LeftAloneFollower:
    pool: Pool
    poller: Poller
    _queries: dict[str, str] = field(default_factory=lambda: dict(load_queries("store_push", "left_alone.sql")))

    async def follow(self) -> None:
        """A poller that is away leaves what it said before."""
        for row in await self.pool.fetch(self._queries["businesses"]):
            business_id = row["business_id"]
            try:
                found = await self.poller.left_alone(business_id)
            except StoreError as error:
                log.info("left_alone.not_followed", business_id=business_id, reason=str(error))
                continue
            columns = [list(column) for column in zip(*found, strict=True)] if found else [[], [], []]
            async with self.pool.acquire() as connection, connection.transaction():
                if await connection.fetchval(self._queries["save_left_alone"], business_id, *columns):
                    await connection.execute(self._queries["apply_left_alone"], business_id)
                    await connection.execute(self._queries["wake_applier"])

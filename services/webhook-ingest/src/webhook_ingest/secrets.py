"""Which secret each store's webhooks were signed with last: whoever rotates one wants to know when the old one rests."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from aiohttp import web

from prokip_shared.connections import ConnectionRecord
from prokip_shared.database import Pool, load_queries
from prokip_shared.directory import DirectoryUnavailable
from prokip_shared.logs import Log
from prokip_shared.platforms.signatures import fingerprint
from prokip_shared.web.internal import BUSINESS
from prokip_shared.web.problems import Problem
from webhook_ingest.storage import DATABASE_AWAY

WRITE_EVERY_S: Final = 5.0
UNWRITTEN_MAX: Final = 10_000
"""While the database is away; two for each store is far less."""

log = Log("secrets")


@dataclass(frozen=True, slots=True)
class Use:
    connection_id: int
    fingerprint: str
    used_at: datetime


class SecretUseTable:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = load_queries("webhook_ingest", "secrets.sql")

    async def save(self, uses: Sequence[Use]) -> None:
        await self._pool.execute(
            self._queries["save_secret_uses"],
            [use.connection_id for use in uses],
            [use.fingerprint for use in uses],
            [use.used_at for use in uses],
        )

    async def of_connections(self, connection_ids: Sequence[int]) -> list[Use]:
        rows = await self._pool.fetch(self._queries["secret_uses"], connection_ids)
        return [Use(**row) for row in rows]


class SecretUses:
    """Kept in memory and written every WRITE_EVERY_S, so that a webhook costs no statement; the last seconds before a
    crash are lost, which the next webhook makes good.
    """

    def __init__(self, table: SecretUseTable) -> None:
        self._table = table
        self._unwritten: dict[tuple[int, str], datetime] = {}

    def note(self, connection: ConnectionRecord, secret: str, now: datetime) -> None:
        key = connection.id, fingerprint(secret)
        if key in self._unwritten or len(self._unwritten) < UNWRITTEN_MAX:
            self._unwritten[key] = now

    async def run(self) -> None:
        """Runs until cancelled; a database that is away is waited out."""
        while True:
            await asyncio.sleep(WRITE_EVERY_S)
            await self.write()

    async def write(self) -> None:
        """What was noted since the last time."""
        noted, self._unwritten = self._unwritten, {}
        if not noted:
            return
        try:
            await self._table.save([Use(*key, used_at) for key, used_at in noted.items()])
        except DATABASE_AWAY as error:
            self._unwritten = noted | self._unwritten
            log.warning("secrets.not_written", cause=repr(error))


@dataclass(frozen=True, slots=True)
class SecretUseApi:
    """`GET /internal/secrets`: the uses of one business' stores, by fingerprint."""

    table: SecretUseTable
    uses: SecretUses
    stores_of: Callable[[int], Sequence[int]]
    """The connections of a business."""

    async def list_uses(self, request: web.Request) -> web.Response:
        await self.uses.write()
        try:
            stores = self.stores_of(request[BUSINESS])
        except DirectoryUnavailable as error:
            raise Problem(503, "Not now", code="unavailable", detail="The stores are not known yet.") from error
        uses = await self.table.of_connections(stores)
        return web.json_response({"items": [_as_json(use) for use in uses]})


def _as_json(use: Use) -> dict[str, Any]:
    return {"connection_id": use.connection_id, "fingerprint": use.fingerprint, "used_at": use.used_at.isoformat()}

"""The service's own tables: the spool and the parked webhooks."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import NAMESPACE_OID, UUID, uuid5

import asyncpg

from prokip_shared.bus.failures import INFRASTRUCTURE
from prokip_shared.bus.port import Bundle
from prokip_shared.database import Connection, Pool, load_queries
from prokip_shared.messages import Platform

DATABASE_AWAY: Final = (*INFRASTRUCTURE, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What asyncpg raises when the database is not there to be asked, or is just going, and not when it was asked something wrong."""


@dataclass(frozen=True, slots=True)
class SpoolRow:
    id: int
    body: str
    """JSON array of messages."""


@dataclass(frozen=True, slots=True)
class SpoolState:
    waiting: int
    oldest_s: float


class SpoolTable:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = load_queries("webhook_ingest", "spool.sql")

    async def add(self, bundles: Sequence[Bundle]) -> None:
        await self._pool.execute(
            self._queries["add_to_spool"],
            [bundle.type for bundle in bundles],
            [bundle.body.decode() for bundle in bundles],
            [bundle.messages for bundle in bundles],
        )

    async def types(self) -> list[str]:
        """What waits, whoever put it there."""
        return [row["type"] for row in await self._pool.fetch(self._queries["spooled_types"])]

    async def claim(self, connection: Connection, message_type: str, rows_max: int) -> list[SpoolRow]:
        """The oldest rows of a type, locked until the transaction ends."""
        rows = await connection.fetch(self._queries["claim_spooled"], message_type, rows_max)
        return [SpoolRow(row["id"], row["body"]) for row in rows]

    async def delete(self, connection: Connection, spooled: Sequence[SpoolRow]) -> None:
        await connection.execute(self._queries["delete_spooled"], [one.id for one in spooled])

    async def state(self) -> SpoolState:
        row = await self._pool.fetchrow(self._queries["spool_state"])
        return SpoolState(**dict(row or {}))


@dataclass(frozen=True, slots=True)
class UnusableBody:
    """An authentic webhook that no event could be read from."""

    business_id: int
    connection_id: int
    platform: Platform
    topic: str
    reason: str
    body: Mapping[str, Any]
    """Whitelisted fields only, in the store's own form."""


@dataclass(frozen=True, slots=True)
class ParkedBody:
    """One that is parked, and when it came first."""

    parked_id: UUID
    parked_at: datetime
    body: UnusableBody


class ParkedTable:
    """Every statement but `park` is bound to one business by argument; `park` writes the body's own."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = load_queries("webhook_ingest", "parked.sql")

    async def park(self, body: UnusableBody) -> UUID:
        text = json.dumps(body.body, sort_keys=True)
        parked_id = uuid5(NAMESPACE_OID, f"{body.connection_id}:{body.topic}:{text}")
        await self._pool.execute(
            self._queries["park"],
            parked_id,
            body.business_id,
            body.connection_id,
            body.platform,
            body.topic,
            body.reason,
            text,
        )
        return parked_id

    async def forget(self, business_id: int, connection_id: int) -> None:
        """All that is parked of a store."""
        await self._pool.execute(self._queries["forget_parked"], business_id, connection_id)

    async def page(self, business_id: int, after: tuple[datetime, UUID], rows_max: int) -> list[asyncpg.Record]:
        return await self._pool.fetch(self._queries["list_parked"], business_id, *after, rows_max)

    async def claim(self, connection: Connection, business_id: int, parked_id: UUID) -> ParkedBody | None:
        """Locked until the transaction ends."""
        row = await connection.fetchrow(self._queries["claim_parked"], business_id, parked_id)
        if row is None:
            return None
        body = UnusableBody(
            row["business_id"],
            row["connection_id"],
            row["platform"],
            row["topic"],
            row["reason"],
            json.loads(row["body"]),
        )
        return ParkedBody(parked_id, row["parked_at"], body)

    async def unpark(self, connection: Connection, business_id: int, parked_id: UUID) -> None:
        await connection.execute(self._queries["unpark"], business_id, parked_id)

    async def count_failed_replay(self, connection: Connection, business_id: int, parked_id: UUID, reason: str) -> None:
        await connection.execute(self._queries["count_failed_replay"], business_id, parked_id, reason)

"""A service's inbox, outbox and parked tables: the statements, and the rows they take."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from prokip_shared.bus.port import Bundle
from prokip_shared.database import Connection, load_queries, migrate

SCHEMA_NAME: Final = re.compile(r"^[a-z][a-z0-9_]*$")


async def migrate_service_tables(database_url: str, *, schema: str) -> list[str]:
    """Makes or upgrades inbox, outbox and parked in the service's schema; safe for replicas that start at once."""
    return await migrate(
        database_url, schema=schema, package="prokip_shared", migrations="sql/bus_tables", ledger=f"{schema}.bus"
    )


@dataclass(frozen=True, slots=True)
class ParkedRow:
    """A message on its way into the parked table."""

    id: UUID
    business_id: int
    type: str
    body: str
    reason: str
    attempts: int


class BusTables:
    """The bus statements of one schema. Each runs in the caller's transaction."""

    def __init__(self, schema: str) -> None:
        if not SCHEMA_NAME.match(schema):
            raise ValueError(f"schema {schema!r} is not a plain lower-case name")
        self.schema = schema
        queries = load_queries("prokip_shared", "bus_storage.sql")
        self.queries = {name: text.replace("{schema}", schema) for name, text in queries.items()}

    async def remember(self, connection: Connection, queue: str, bundle_ids: Sequence[UUID]) -> set[UUID]:
        """Notes bundles as applied and returns those that were not noted before."""
        rows = await connection.fetch(self.queries["remember_bundles"], queue, bundle_ids)
        return {row["bundle_id"] for row in rows}

    async def seen(self, connection: Connection, queue: str, bundle_id: UUID) -> bool:
        return bool(await connection.fetchval(self.queries["bundle_seen"], queue, bundle_id))

    async def write_outbox(self, connection: Connection, bundles: Sequence[Bundle], due_in_s: Sequence[float]) -> None:
        if not bundles:
            return
        await connection.execute(
            self.queries["write_outbox"],
            [bundle.bundle_id for bundle in bundles],
            [bundle.type for bundle in bundles],
            [bundle.queue for bundle in bundles],
            [bundle.body.decode() for bundle in bundles],
            [bundle.messages for bundle in bundles],
            [bundle.attempts for bundle in bundles],
            due_in_s,
        )

    async def due_outbox(self, connection: Connection, without: Sequence[UUID], bundles_max: int) -> list[Bundle]:
        """Due bundles, locked until the transaction ends."""
        rows = await connection.fetch(self.queries["due_outbox"], without, bundles_max)
        return [
            Bundle(row["bundle_id"], row["type"], row["body"].encode(), row["messages"], row["attempts"], row["queue"])
            for row in rows
        ]

    async def park(self, connection: Connection, queue: str, rows: Sequence[ParkedRow]) -> set[UUID]:
        """Parks rows and returns the ids that were not parked before."""
        if not rows:
            return set()
        parked = await connection.fetch(
            self.queries["park"],
            queue,
            [row.id for row in rows],
            [row.business_id for row in rows],
            [row.type for row in rows],
            [row.body for row in rows],
            [row.reason for row in rows],
            [row.attempts for row in rows],
        )
        return {row["id"] for row in parked}

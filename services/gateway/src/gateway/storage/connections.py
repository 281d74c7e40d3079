from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import asyncpg

from prokip_shared.bus.outbox import Outbox, OutboxTransaction
from prokip_shared.connections import Credentials, ProkipCredentials
from prokip_shared.database import Pool, load_queries
from prokip_shared.directory import open_credentials, seal_credentials, seal_prokip_credentials
from prokip_shared.messages import ConnectionChangedV1, ConnectionHealth, Platform
from prokip_shared.security.vault import Vault

Change = Literal["connected", "updated", "paused", "resumed", "disconnected", "prokip_configured"]


@dataclass(frozen=True, slots=True)
class ConnectionRow:
    id: int
    platform: Platform
    store_key: str
    store_url: str
    store_name: str
    location_id: str
    place_ref: str | None
    choice: Literal["pull", "push"] | None
    sync_enabled: bool
    status: Literal["connected", "needs_reauthorisation", "disconnected"]
    connected_at: datetime
    health: ConnectionHealth
    health_since: datetime | None
    health_detail: str
    last_sync: datetime | None


@dataclass(frozen=True, slots=True)
class NewConnection:
    platform: Platform
    store_key: str
    store_url: str
    store_name: str
    location_id: str
    place_ref: str | None
    choice: str | None
    connected_at: datetime
    credentials: Credentials
    tokens_due_at: datetime | None = None
    """When the credentials are to be exchanged; None where they do not expire."""


@dataclass(frozen=True, slots=True)
class ProkipRow:
    dialect: Literal["simple", "connector"]
    api_url: str
    location_id: str
    contact_id: int | None
    timezone: str | None
    interval_s: int
    configured_at: datetime


@dataclass(frozen=True, slots=True)
class NewProkip:
    api_url: str
    location_id: str
    credentials: ProkipCredentials
    contact_id: int | None
    """None in the simple dialect, as timezone."""
    timezone: str | None
    interval_s: int


class StoreTaken(Exception):
    """The store belongs to another business; which one is nobody's business here."""


class StoreBusy(Exception):
    """The same store is being connected or disconnected at this moment."""


class Connections:
    """The directory's only writer: stores and Prokip accounts, each change announced with its commit."""

    def __init__(self, pool: Pool, vault: Vault, outbox: Outbox) -> None:
        self._pool = pool
        self._vault = vault
        self._outbox = outbox
        self._queries = load_queries("gateway", "connections.sql")

    async def of_business(self, business_id: int, *, disconnected_too: bool = False) -> Sequence[ConnectionRow]:
        rows = await self._pool.fetch(self._queries["connections_of_business"], business_id, disconnected_too)
        return [_row(row) for row in rows]

    async def one(self, business_id: int, connection_id: int) -> ConnectionRow | None:
        row = await self._pool.fetchrow(self._queries["connection_of_business"], business_id, connection_id)
        return _row(row) if row else None

    @asynccontextmanager
    async def exclusive(self, business_id: int, platform: Platform, store_key: str) -> AsyncIterator["StoreInHand"]:
        """One operator at a time per store: what is done at the store and what is saved here stay together.

        Raises StoreBusy, or StoreTaken for a store of another business.
        """
        async with self._outbox.transaction() as transaction:
            if not await transaction.connection.fetchval(self._queries["try_lock_store"], platform, store_key):
                raise StoreBusy
            owner = await transaction.connection.fetchval(self._queries["store_owner"], platform, store_key)
            if owner not in {None, business_id}:
                raise StoreTaken
            yield StoreInHand(transaction, business_id, self._queries, self._vault)

    async def change(
        self,
        business_id: int,
        connection_id: int,
        *,
        sync_enabled: bool | None = None,
        choice: str | None = None,
        location_id: str | None = None,
    ) -> bool:
        """None leaves a field as it is. False: no such live store in this business."""
        async with self._outbox.transaction() as transaction:
            found = await transaction.connection.fetchval(
                self._queries["change_connection"], business_id, connection_id, sync_enabled, choice, location_id
            )
            if found is not None:
                change: Change = "updated" if sync_enabled is None else "resumed" if sync_enabled else "paused"
                transaction.say(_changed(business_id, connection_id, change))
        return found is not None

    async def toggle(self, business_id: int, connection_id: int) -> bool | None:
        """Pauses a running store and resumes a paused one, whoever else does so at the same time.

        Answers whether it is running now; None: no such live store in this business.
        """
        async with self._outbox.transaction() as transaction:
            enabled: bool | None = await transaction.connection.fetchval(
                self._queries["toggle_connection"], business_id, connection_id
            )
            if enabled is not None:
                transaction.say(_changed(business_id, connection_id, "resumed" if enabled else "paused"))
        return enabled

    async def prokip(self, business_id: int) -> ProkipRow | None:
        row = await self._pool.fetchrow(self._queries["prokip_account"], business_id)
        return ProkipRow(**row) if row else None

    async def save_prokip(self, business_id: int, new: NewProkip) -> None:
        sealed = seal_prokip_credentials(self._vault, business_id, new.credentials)
        async with self._outbox.transaction() as transaction:
            await transaction.connection.execute(
                self._queries["save_prokip_account"],
                business_id,
                new.credentials.dialect,
                new.api_url,
                new.location_id,
                sealed,
                new.contact_id,
                new.timezone,
                new.interval_s,
            )
            transaction.say(_changed(business_id, None, "prokip_configured"))


@dataclass(frozen=True, slots=True)
class StoreInHand:
    """A store that nobody else connects or disconnects until the transaction ends."""

    transaction: OutboxTransaction
    business_id: int
    queries: Mapping[str, str]
    vault: Vault

    async def save(self, new: NewConnection) -> int:
        """A new row, or the store's old one revived with fresh credentials."""
        sealed = seal_credentials(self.vault, self.business_id, new.store_key, new.credentials)
        connection_id: int = await self.transaction.connection.fetchval(
            self.queries["save_connection"],
            self.business_id,
            new.platform,
            new.store_key,
            new.store_url,
            new.store_name,
            new.location_id,
            new.place_ref,
            new.choice,
            new.connected_at,
            sealed,
            new.tokens_due_at,
        )
        await self.transaction.connection.execute(
            self.queries["reset_connection_state"], connection_id, self.business_id
        )
        self.transaction.say(_changed(self.business_id, connection_id, "connected"))
        return connection_id

    async def credentials(self, connection_id: int, platform: Platform, store_key: str) -> Credentials | None:
        """As they are now, locked until the transaction ends; None for a store that is not connected.

        Raises VaultError.
        """
        sealed = await self.transaction.connection.fetchval(
            self.queries["lock_credentials"], self.business_id, connection_id
        )
        if sealed is None:
            return None
        return open_credentials(self.vault, self.business_id, platform, store_key, sealed)

    async def replace_credentials(
        self,
        connection_id: int,
        store_key: str,
        credentials: Credentials,
        *,
        tokens_due_at: datetime | None,
        proved: bool,
    ) -> None:
        """Every service reads the new ones at once. `proved`: the store let us in with them just now."""
        sealed = seal_credentials(self.vault, self.business_id, store_key, credentials)
        await self.transaction.connection.execute(
            self.queries["replace_credentials"], self.business_id, connection_id, sealed, tokens_due_at, proved
        )
        if proved:
            await self.transaction.connection.execute(
                self.queries["reset_connection_state"], connection_id, self.business_id
            )
        self.transaction.say(_changed(self.business_id, connection_id, "updated"))

    async def disconnect(self, connection_id: int) -> None:
        """Forgets the credentials for good; the row, its orders and its stock stay."""
        found = await self.transaction.connection.fetchval(self.queries["disconnect"], self.business_id, connection_id)
        if found is not None:
            self.transaction.say(_changed(self.business_id, connection_id, "disconnected"))


def _changed(business_id: int, connection_id: int | None, change: Change) -> ConnectionChangedV1:
    return ConnectionChangedV1(business_id=business_id, connection_id=connection_id, change=change)


def _row(row: asyncpg.Record) -> ConnectionRow:
    fields: dict[str, Any] = dict(row)
    return ConnectionRow(**fields)

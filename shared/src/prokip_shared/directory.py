"""Who is connected: the gateway's connections and Prokip accounts, as every other service sees them.

The whole directory is held in memory and read again when Postgres says that it changed, or after REFRESH_S. While
Postgres is away the last copy keeps serving, so that a store's webhook is still known by its signature.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import asyncpg
from pydantic import SecretStr

from prokip_shared.connections import (
    CREDENTIALS,
    ConnectionRecord,
    ConnectorCredentials,
    Credentials,
    ProkipAccount,
    ProkipCredentials,
    SimpleCredentials,
)
from prokip_shared.database import DATABASE_TROUBLE, load_queries
from prokip_shared.logs import Log
from prokip_shared.messages import Platform
from prokip_shared.security.vault import Vault, VaultError

CHANNEL: Final = "prokip_directory"
APPLICATION_NAME: Final = "prokip-directory"
REFRESH_S: Final = 30.0
RECONNECT_S: Final = 1.0
CONNECT_TIMEOUT_S: Final = 5.0

log = Log("directory")


@dataclass(frozen=True, slots=True)
class _Copy:
    by_store: Mapping[tuple[str, str], ConnectionRecord]
    by_id: Mapping[int, ConnectionRecord]
    accounts: Mapping[int, ProkipAccount]


class DirectoryUnavailable(Exception):
    """The directory has never been read yet, and Postgres does not answer."""


def seal_credentials(vault: Vault, business_id: int, store_key: str, credentials: Credentials) -> bytes:
    """For the gateway, which alone writes the directory."""
    context = _connection_context(business_id, credentials.platform, store_key)
    return vault.seal(_revealed_json(credentials), context=context)


def open_credentials(vault: Vault, business_id: int, platform: Platform, store_key: str, sealed: bytes) -> Credentials:
    """What `seal_credentials` sealed. Raises VaultError."""
    return CREDENTIALS.validate_json(vault.open(sealed, context=_connection_context(business_id, platform, store_key)))


def seal_prokip_credentials(vault: Vault, business_id: int, credentials: ProkipCredentials) -> bytes:
    """For the gateway, which alone writes the directory. Of the simple dialect it is the token alone that is sealed."""
    match credentials:
        case SimpleCredentials():
            text = credentials.token.get_secret_value()
        case ConnectorCredentials():
            text = _revealed_json(credentials)
    return vault.seal(text, context=_prokip_context(business_id))


def _open_prokip_credentials(vault: Vault, business_id: int, dialect: str, sealed: bytes) -> ProkipCredentials:
    """Raises VaultError."""
    text = vault.open(sealed, context=_prokip_context(business_id))
    if dialect == "simple":
        return SimpleCredentials(token=SecretStr(text))
    return ConnectorCredentials.model_validate_json(text)


def _revealed_json(credentials: Credentials | ProkipCredentials) -> str:
    return json.dumps({name: _reveal(value) for name, value in credentials})


def _reveal(value: object) -> str | None:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return None if value is None else str(value)


def _connection_context(business_id: int, platform: str, store_key: str) -> str:
    return f"connection:{business_id}:{platform}:{store_key}"


def _prokip_context(business_id: int) -> str:
    return f"prokip:{business_id}"


class Directory:
    """Reads are from memory; `follow` keeps the copy fresh and is run as a side task."""

    def __init__(self, database_url: str, vault: Vault) -> None:
        self._database_url = database_url
        self._vault = vault
        self._queries = load_queries("prokip_shared", "directory.sql")
        self._copy: _Copy | None = None
        self._changed = asyncio.Event()

    def by_store(self, platform: Platform, store_key: str) -> ConnectionRecord | None:
        return self._known().by_store.get((platform, store_key))

    def by_id(self, connection_id: int) -> ConnectionRecord | None:
        return self._known().by_id.get(connection_id)

    def of_business(self, business_id: int) -> list[ConnectionRecord]:
        return [record for record in self._known().by_id.values() if record.business_id == business_id]

    def all_connections(self) -> list[ConnectionRecord]:
        return list(self._known().by_id.values())

    def prokip_account(self, business_id: int) -> ProkipAccount | None:
        return self._known().accounts.get(business_id)

    def prokip_accounts(self) -> list[ProkipAccount]:
        return list(self._known().accounts.values())

    async def refresh(self) -> None:
        """Reads everything now. Raises what asyncpg raises."""
        connection = await self._connect()
        try:
            await self._read(connection)
        finally:
            connection.terminate()

    async def ever_connected(self, platform: Platform, store_key: str) -> tuple[int, int] | None:
        """The ids of the connection and the business of a store, also when it ended. Raises what asyncpg raises."""
        connection = await self._connect()
        try:
            row = await connection.fetchrow(self._queries["connection_of_store"], platform, store_key)
        finally:
            connection.terminate()
        return None if row is None else (row["id"], row["business_id"])

    async def follow(self) -> None:
        """Runs for ever: listens for changes, reads again, reconnects when Postgres comes back."""
        while True:
            try:
                await self._listen()
            except DATABASE_TROUBLE as error:
                log.warning("directory.unreachable", cause=repr(error))
            await asyncio.sleep(RECONNECT_S)

    async def _listen(self) -> None:
        connection = await self._connect()
        try:
            connection.add_termination_listener(lambda _connection: self._changed.set())
            await connection.add_listener(CHANNEL, lambda *_event: self._changed.set())
            while not connection.is_closed():
                self._changed.clear()
                await self._read(connection)
                try:
                    await asyncio.wait_for(self._changed.wait(), REFRESH_S)
                except TimeoutError:
                    continue
        finally:
            connection.terminate()  # a polite goodbye would wait for a server that hangs, even when we are told to end

    async def _connect(self) -> "asyncpg.Connection[asyncpg.Record]":
        return await asyncpg.connect(
            self._database_url, timeout=CONNECT_TIMEOUT_S, server_settings={"application_name": APPLICATION_NAME}
        )

    def _known(self) -> _Copy:
        if self._copy is None:
            raise DirectoryUnavailable
        return self._copy

    async def _read(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        rows = await connection.fetch(self._queries["live_connections"])
        records = [record for row in rows if (record := self._connection(row)) is not None]
        accounts = [
            account
            for row in await connection.fetch(self._queries["prokip_accounts"])
            if (account := self._account(row)) is not None
        ]
        self._copy = _Copy(
            by_store={(record.platform, record.store_key): record for record in records},
            by_id={record.id: record for record in records},
            accounts={account.business_id: account for account in accounts},
        )

    def _connection(self, row: asyncpg.Record) -> ConnectionRecord | None:
        """None, and a loud line, where the key does not open the credentials: one bad row must not stop the rest."""
        fields = dict(row)
        sealed = fields.pop("credentials")
        try:
            credentials = open_credentials(self._vault, row["business_id"], row["platform"], row["store_key"], sealed)
        except VaultError as error:
            log.error("directory.credentials_sealed", connection_id=row["id"], cause=str(error))
            return None
        return ConnectionRecord(**fields, credentials=credentials)

    def _account(self, row: asyncpg.Record) -> ProkipAccount | None:
        fields = dict(row)
        dialect, sealed = fields.pop("dialect"), fields.pop("credentials")
        try:
            credentials = _open_prokip_credentials(self._vault, row["business_id"], dialect, sealed)
        except VaultError as error:
            log.error("directory.prokip_sealed", business_id=row["business_id"], cause=str(error))
            return None
        return ProkipAccount(**fields, credentials=credentials)

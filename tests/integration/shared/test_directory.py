import asyncio
from datetime import UTC, datetime

import asyncpg
import pytest
from pydantic import SecretStr

from prokip_shared.connections import ConnectorCredentials, SimpleCredentials, WooCredentials
from prokip_shared.database import migrate
from prokip_shared.directory import Directory, DirectoryUnavailable, seal_credentials, seal_prokip_credentials
from prokip_shared.security.vault import Vault
from tests.support.eventually import eventually

VAULT = Vault(bytes(range(32)))
CREDENTIALS = WooCredentials(
    consumer_key=SecretStr("ck_1"), consumer_secret=SecretStr("cs_1"), webhook_secret=SecretStr("whsec")
)


async def _connect_store(database: "asyncpg.Connection[asyncpg.Record]", store_key: str, sealed_for: str) -> int:
    business = await database.fetchval("INSERT INTO gateway.business (name) VALUES ('Shop') RETURNING id")
    return int(
        await database.fetchval(
            """INSERT INTO gateway.connection
               (business_id, platform, store_key, store_url, store_name, location_id, status, connected_at, credentials)
               VALUES ($1, 'woocommerce', $2, $2, 'A store', 'LOC001', 'connected', $3, $4) RETURNING id""",
            business,
            store_key,
            datetime(2026, 11, 1, tzinfo=UTC),
            seal_credentials(VAULT, business, sealed_for, CREDENTIALS),
        )
    )


async def test_changes_are_seen_without_asking_and_credentials_open(database_url: str) -> None:
    await migrate(database_url, schema="gateway", package="gateway")
    directory = Directory(database_url, VAULT)
    with pytest.raises(DirectoryUnavailable):
        directory.by_id(1)
    await directory.refresh()
    following = asyncio.create_task(directory.follow())
    database = await asyncpg.connect(database_url)
    try:
        connection_id = await _connect_store(database, "https://a.example", "https://a.example")

        async def known() -> bool:
            return directory.by_store("woocommerce", "https://a.example") is not None

        await eventually(known, what="the new store is known")
        record = directory.by_id(connection_id)
        assert record is not None
        assert record.credentials == CREDENTIALS
        assert "cs_1" not in repr(record)
        await database.execute("UPDATE gateway.connection SET status = 'disconnected', credentials = NULL")

        async def gone() -> bool:
            return directory.by_id(connection_id) is None

        await eventually(gone, what="the disconnected store is gone")
    finally:
        await database.close()
        following.cancel()


async def test_credentials_copied_to_another_store_do_not_open_and_do_not_stop_the_rest(database_url: str) -> None:
    await migrate(database_url, schema="gateway", package="gateway")
    database = await asyncpg.connect(database_url)
    copied = await _connect_store(database, "https://thief.example", "https://a.example")
    good = await _connect_store(database, "https://a.example", "https://a.example")
    await database.close()
    directory = Directory(database_url, VAULT)
    await directory.refresh()
    assert directory.by_id(copied) is None
    assert directory.by_id(good) is not None


async def test_the_last_copy_serves_while_postgres_drops_its_connections(database_url: str) -> None:
    await migrate(database_url, schema="gateway", package="gateway")
    database = await asyncpg.connect(database_url)
    business = await database.fetchval("INSERT INTO gateway.business (name) VALUES ('Shop') RETURNING id")
    simple = SimpleCredentials(token=SecretStr("token-1"))
    await database.execute(
        """INSERT INTO gateway.prokip_account (business_id, dialect, api_url, location_id, credentials)
           VALUES ($1, 'simple', 'https://erp.example', 'LOC001', $2)""",
        business,
        seal_prokip_credentials(VAULT, business, simple),
    )
    directory = Directory(database_url, VAULT)
    await directory.refresh()
    following = asyncio.create_task(directory.follow())
    listening = (
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'prokip-directory' AND datname = current_database()"
    )

    async def listener() -> object:
        return await database.fetchval(listening)

    try:
        first = await eventually(listener, what="a listener")
        await database.execute("SELECT pg_terminate_backend($1)", first)
        account = directory.prokip_account(business)
        assert account is not None
        assert account.credentials == simple

        async def listens_again() -> bool:
            pid = await database.fetchval(listening)
            return pid is not None and pid != first

        await eventually(listens_again, what="a new listener")
    finally:
        following.cancel()
        await database.close()


async def test_a_connector_account_comes_with_what_its_sales_need_and_shows_no_secret(database_url: str) -> None:
    await migrate(database_url, schema="gateway", package="gateway")
    database = await asyncpg.connect(database_url)
    business = await database.fetchval("INSERT INTO gateway.business (name) VALUES ('Shop') RETURNING id")
    login = ConnectorCredentials(
        client_id="7", client_secret=SecretStr("client-pw"), username="amina", password=SecretStr("login-pw")
    )
    insert = """INSERT INTO gateway.prokip_account
        (business_id, dialect, api_url, location_id, credentials, contact_id, timezone)
        VALUES ($1, 'connector', 'https://erp.example', '3', $2, $3, $4)"""
    sealed = seal_prokip_credentials(VAULT, business, login)
    with pytest.raises(asyncpg.CheckViolationError):
        await database.execute(insert, business, sealed, None, None)
    await database.execute(insert, business, sealed, 8, "Africa/Lagos")
    await database.close()
    directory = Directory(database_url, VAULT)
    await directory.refresh()
    account = directory.prokip_account(business)
    assert account is not None
    assert (account.credentials, account.contact_id, account.timezone) == (login, 8, "Africa/Lagos")
    assert (account.location_id, account.version) == ("3", 1)
    assert "pw" not in repr(account)
    assert b"pw" not in sealed

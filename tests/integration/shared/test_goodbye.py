"""A connection that is just being cut is a database that is away, never a bug that ends a task."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import asyncpg
import pytest

from gateway.live.listener import Listener
from prokip_shared.bus.failures import Verdict, verdict_of
from prokip_shared.database import Pool, migrate, open_pool
from prokip_shared.directory import Directory
from prokip_shared.security.vault import Vault
from store_push.upkeep import listen
from tests.support.eventually import eventually
from tests.support.goodbye import cut_first_connection, say_goodbye
from webhook_ingest.storage import DATABASE_AWAY, SpoolTable

CHANNEL = "anything"

Following = Callable[[str, Callable[[], None]], Coroutine[None, None, None]]


def follow_directory(database_url: str, _heard: Callable[[], None]) -> Coroutine[None, None, None]:
    return Directory(database_url, Vault(bytes(range(32)))).follow()


def listen_for_pushes(database_url: str, heard: Callable[[], None]) -> Coroutine[None, None, None]:
    return listen(database_url, {CHANNEL: heard})


def listen_for_live_readers(database_url: str, heard: Callable[[], None]) -> Coroutine[None, None, None]:
    return Listener(database_url, {CHANNEL: lambda _payload: heard()}, [heard]).run()


@pytest.mark.parametrize("following", [follow_directory, listen_for_pushes, listen_for_live_readers])
async def test_a_listener_whose_connection_is_just_being_cut_opens_another(
    database_url: str, following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate(database_url, schema="gateway", package="gateway")
    opened = cut_first_connection(monkeypatch)
    task = asyncio.create_task(following(database_url, lambda: None))

    async def reconnected() -> bool:
        if task.done():
            await task
        return len(opened) > 1

    try:
        await eventually(reconnected, what="another connection")
    finally:
        task.cancel()
        await asyncio.wait([task])


async def idle_connection(pool: Pool) -> object:
    async with pool.acquire() as connection:
        borrowed: Any = connection
        return borrowed._con  # the next one who asks gets it


async def test_a_statement_on_a_connection_that_is_just_being_cut_is_tried_again(database_url: str) -> None:
    async with await open_pool(database_url, service="test", connections_max=1) as pool:
        say_goodbye(await idle_connection(pool))
        with pytest.raises(asyncpg.InternalClientError) as cut:
            await pool.fetchval("SELECT 1")
        assert verdict_of(cut.value) is Verdict.HOLD
        assert await pool.fetchval("SELECT 1") == 1


async def test_a_connection_that_ends_while_the_pool_takes_it_back_is_a_lost_one(database_url: str) -> None:
    async with await open_pool(database_url, service="test", connections_max=1) as pool:
        connection = await pool.acquire()
        asyncio.get_running_loop().call_soon(connection.terminate)
        with pytest.raises(asyncpg.InternalClientError) as cut:
            await pool.release(connection)
        assert verdict_of(cut.value) is Verdict.HOLD
        assert await pool.fetchval("SELECT 1") == 1


async def test_the_spool_knows_a_connection_that_is_just_being_cut(database_url: str) -> None:
    async with await open_pool(database_url, service="test", connections_max=1) as pool:
        say_goodbye(await idle_connection(pool))
        with pytest.raises(DATABASE_AWAY):
            await SpoolTable(pool).state()

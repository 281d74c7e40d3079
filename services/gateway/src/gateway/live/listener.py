"""One LISTEN connection per process, for everything that Postgres tells the gateway."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import asyncpg

from prokip_shared.database import DATABASE_TROUBLE, load_queries
from prokip_shared.logs import Log

RECONNECT_S: Final = 1.0
CONNECT_TIMEOUT_S: Final = 5.0
PROBE_S: Final = 30.0
"""A connection that died without a word is noticed by then."""
LIVE_CHANNEL: Final = "prokip_gateway_live"
ROUND_CHANNEL: Final = "prokip_gateway_round"

log = Log("listener")


class Listener:
    """`on_gap` callbacks run after every connect: what was told meanwhile was told to nobody."""

    def __init__(
        self,
        database_url: str,
        channels: Mapping[str, Callable[[str], None]],
        on_gap: Sequence[Callable[[], None]],
    ) -> None:
        self._database_url = database_url
        self._channels = channels
        self._on_gap = on_gap
        self._queries = load_queries("gateway", "live.sql")
        self._connected = False

    async def run(self) -> None:
        while True:
            try:
                await self._listen()
            except DATABASE_TROUBLE as error:
                log.warning("listener.unreachable", cause=repr(error))
            finally:
                self._connected = False
            await asyncio.sleep(RECONNECT_S)

    async def check(self) -> str | None:
        return None if self._connected else "does not listen to Postgres"

    async def _listen(self) -> None:
        lost = asyncio.Event()
        connection = await asyncpg.connect(self._database_url, timeout=CONNECT_TIMEOUT_S)
        try:
            connection.add_termination_listener(lambda _connection: lost.set())
            for channel in self._channels:
                await connection.add_listener(channel, self._tell)
            self._connected = True
            for callback in self._on_gap:
                callback()
            while not lost.is_set():
                try:
                    await asyncio.wait_for(lost.wait(), PROBE_S)
                except TimeoutError:
                    await connection.fetchval(self._queries["still_there"], timeout=CONNECT_TIMEOUT_S)
        finally:
            await connection.close(timeout=CONNECT_TIMEOUT_S)

    def _tell(self, _connection: object, _pid: int, channel: str, payload: object) -> None:
        self._channels[channel](str(payload))

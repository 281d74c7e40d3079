"""Which connection a webhook belongs to: from memory, with one more look for a store that nobody knows yet."""

import asyncio
from collections.abc import Callable
from typing import Final

import asyncpg

from prokip_shared.connections import ConnectionRecord
from prokip_shared.directory import Directory, DirectoryUnavailable
from prokip_shared.messages import Platform
from webhook_ingest.storage import DATABASE_AWAY

LOOK_TIMEOUT_S: Final = 5.0
"""The next look is only allowed once this one has ended."""


class Stores:
    """A store connected a moment ago may post before the directory's notification is here.

    So an unknown store makes the directory read again, once for all who ask, and at most every `pause_s`: a stranger
    who posts without end costs no more than that.
    """

    def __init__(self, directory: Directory, *, pause_s: float, clock: Callable[[], float]) -> None:
        self._directory = directory
        self._pause_s = pause_s
        self._clock = clock
        self._look_again_at = 0.0
        self._looking: asyncio.Task[None] | None = None

    def known(self, platform: Platform, store_key: str) -> ConnectionRecord | None:
        """From memory alone."""
        try:
            return self._directory.by_store(platform, store_key)
        except DirectoryUnavailable:
            return None

    async def find(self, platform: Platform, store_key: str) -> ConnectionRecord | None:
        """For a store that is not known. Raises DirectoryUnavailable where the database does not tell either; waits no
        longer than LOOK_TIMEOUT_S, which callers that are waited for shorten.
        """
        if not store_key:
            return None
        await self._look_again()
        return self._directory.by_store(platform, store_key)

    def by_id(self, connection_id: int) -> ConnectionRecord | None:
        return self._directory.by_id(connection_id)

    async def _look_again(self) -> None:
        if self._looking is None:
            if self._clock() < self._look_again_at:
                return
            self._look_again_at = self._clock() + self._pause_s
            self._looking = asyncio.create_task(self._read(), name="read directory for an unknown store")
            self._looking.add_done_callback(self._looked)
        await asyncio.shield(self._looking)  # one caller's time-out must not end the look of the others

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(LOOK_TIMEOUT_S):
                await self._directory.refresh()
        except (*DATABASE_AWAY, asyncpg.UndefinedTableError) as error:  # or the gateway has not made its tables yet
            raise DirectoryUnavailable from error

    def _looked(self, task: asyncio.Task[None]) -> None:
        self._looking = None
        if not task.cancelled():
            task.exception()  # retrieved here, in case every caller has left

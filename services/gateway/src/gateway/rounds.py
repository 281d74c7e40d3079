"""Rounds that somebody waits for: asked on one replica, ended by a message that any replica may take."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from gateway.storage.rounds import RoundRow, RoundStore


class Rounds:
    def __init__(self, store: RoundStore) -> None:
        self.store = store
        self._waiting: defaultdict[UUID, set[asyncio.Event]] = defaultdict(set)

    async def wait(self, business_id: int, started: RoundRow, *, timeout_s: float) -> RoundRow:
        """The round once it is over, or as it is when the time is up."""
        with self._woken(started.id) as woken:
            try:
                async with asyncio.timeout(timeout_s):
                    while True:
                        woken.clear()
                        row = await self.store.one(business_id, started.id)
                        if row is None or row.state != "running":
                            return row or started
                        await woken.wait()
            except TimeoutError:
                return await self.store.one(business_id, started.id) or started

    def on_round(self, payload: str) -> None:
        """Called by the listener with the id of a round that has ended."""
        for woken in self._waiting.get(UUID(payload), ()):
            woken.set()

    def wake_all(self) -> None:
        """After a gap in listening everybody looks again."""
        for events in self._waiting.values():
            for woken in events:
                woken.set()

    @contextmanager
    def _woken(self, round_id: UUID) -> Iterator[asyncio.Event]:
        woken = asyncio.Event()
        self._waiting[round_id].add(woken)
        try:
            yield woken
        finally:
            self._waiting[round_id].discard(woken)
            if not self._waiting[round_id]:
                del self._waiting[round_id]

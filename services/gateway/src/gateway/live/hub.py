"""Who watches which business, and how they are woken.

Nothing is buffered per watcher: a wake-up says that there is news, the watcher reads it page by page from the table,
at the pace at which it can send.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.metrics import LIVE_WATCHERS


class TooManyWatchers(Exception):
    """The replica serves as many streams as it may."""


class EventHub:
    def __init__(self, *, clients_max: int) -> None:
        self._clients_max = clients_max
        self._watchers: defaultdict[int, set[asyncio.Event]] = defaultdict(set)
        self._count = 0
        self.closing = False

    @property
    def watchers(self) -> int:
        return self._count

    @contextmanager
    def watch(self, business_id: int) -> Iterator[asyncio.Event]:
        """Set whenever the business has news, or the service ends. Raises TooManyWatchers."""
        if self._count >= self._clients_max:
            raise TooManyWatchers
        news = asyncio.Event()
        news.set()
        self._watchers[business_id].add(news)
        self._count += 1
        LIVE_WATCHERS.inc()
        try:
            yield news
        finally:
            self._count -= 1
            LIVE_WATCHERS.dec()
            self._watchers[business_id].discard(news)
            if not self._watchers[business_id]:
                del self._watchers[business_id]

    def on_news(self, payload: str) -> None:
        """Called by the listener with the id of a business that has new events."""
        for news in self._watchers.get(int(payload), ()):
            news.set()

    def wake_all(self) -> None:
        for watchers in self._watchers.values():
            for news in watchers:
                news.set()

    async def close(self) -> None:
        """Ends every stream; browsers come back by themselves, to a replica that stays."""
        self.closing = True
        self.wake_all()

"""Group commit: publishes that arrive together share one broker message and one confirm.

The first message leaves at once; while its confirm is on the way, later ones gather, and all of them leave next.
So one message alone is as fast as ever, and a flood costs one confirm per round trip instead of one per message.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from prokip_shared.bus import metrics
from prokip_shared.bus.bundles import bundle_of, encode
from prokip_shared.bus.limits import BusLimits
from prokip_shared.bus.port import BusUnavailable, Sender
from prokip_shared.bus.publisher import raise_unless_confirmed
from prokip_shared.messages import Message

CROWD_MESSAGES: Final = 32
"""So many share a bundle well enough: more of them would save little, and their callers wait."""


@dataclass(slots=True)
class Group:
    """Messages of one type that will share one bundle, and those who wait for its confirm."""

    type: str
    parts: list[bytes] = field(default_factory=list)
    size: int = 0
    waiters: list[asyncio.Future[None]] = field(default_factory=list)
    expiry: asyncio.TimerHandle | None = None

    def settle(self, error: Exception | None) -> None:
        if self.expiry is not None:
            self.expiry.cancel()
        for waiter in self.waiters:
            if waiter.done():  # its caller has gone; the message may arrive all the same
                continue
            if error is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(error)


class GroupPublisher:
    """Shares confirms among concurrent callers; at most `waiting_messages_max` may wait.

    `pace_s`: how far apart the bundles of a type begin at least, so that a trickle shares them. One that comes after a
    rest leaves at once even so, and where CROWD_MESSAGES wait already nobody waits for more.
    `wait_timeout_s`: how long a caller waits at most, whatever the sender does; one timer for a whole group.
    """

    def __init__(
        self,
        sender: Sender,
        limits: BusLimits,
        *,
        waiting_messages_max: int = 20_000,
        pace_s: Mapping[str, float] | None = None,
        wait_timeout_s: float | None = None,
    ) -> None:
        self._sender = sender
        self._messages_max = limits.bundle_messages_max
        self._bytes_max = limits.bundle_bytes_max
        self._waiting_messages_max = waiting_messages_max
        self._waiting = 0
        self._loop = asyncio.get_running_loop()
        self._pace_s = pace_s or {}
        self._wait_timeout_s = wait_timeout_s
        self._next_at_s: dict[str, float] = {}
        self._groups: dict[str, deque[Group]] = {}
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._resting: dict[str, asyncio.Future[None]] = {}

    async def publish_one(self, message: Message) -> None:
        """Returns when this message is durable. Raises BusUnavailable or Unroutable."""
        await self.publish_encoded(message.type, encode(message))

    async def publish_encoded(self, message_type: str, encoded: bytes) -> None:
        """As `publish_one`, for a message that is JSON already.

        Raises BusUnavailable at once when too many wait: a caller with another durable place uses that.
        """
        if self._waiting >= self._waiting_messages_max:
            raise BusUnavailable(f"{self._waiting} messages wait for the broker already")
        waiter = self._loop.create_future()
        self._waiting += 1
        try:
            self._join(message_type, encoded, waiter)
            await waiter
        finally:
            self._waiting -= 1

    def _join(self, message_type: str, encoded: bytes, waiter: asyncio.Future[None]) -> None:
        groups = self._groups.get(message_type)
        if groups is None:
            groups = self._groups[message_type] = deque()
        group = groups[-1] if groups else None
        if group is None or len(group.parts) >= self._messages_max or group.size + len(encoded) > self._bytes_max:
            group = Group(message_type)
            groups.append(group)
            if self._wait_timeout_s is not None:
                too_late = BusUnavailable(f"no answer within {self._wait_timeout_s} s")
                group.expiry = self._loop.call_later(self._wait_timeout_s, group.settle, too_late)
        group.parts.append(encoded)
        group.size += len(encoded)
        group.waiters.append(waiter)
        if len(group.parts) >= CROWD_MESSAGES:
            self._end_rest(message_type)
        if message_type not in self._sending:
            self._sending[message_type] = self._loop.create_task(
                self._send_while_any(message_type, groups), name=f"group:{message_type}"
            )

    async def _send_while_any(self, message_type: str, waiting: deque[Group]) -> None:
        """One send at a time per type, so that the next one carries everything that came meanwhile."""
        pace_s = self._pace_s.get(message_type, 0.0)
        try:
            while waiting:
                if pace_s:
                    await self._rest(message_type, waiting)
                    self._next_at_s[message_type] = self._loop.time() + pace_s
                groups = list(waiting)
                waiting.clear()
                await self._send(groups)
        finally:
            del self._sending[message_type]

    async def _rest(self, message_type: str, waiting: deque[Group]) -> None:
        """Until the next bundle of the type may begin, or a crowd waits for it."""
        next_at_s = self._next_at_s.get(message_type, 0.0)
        if next_at_s <= self._loop.time() or len(waiting[0].parts) >= CROWD_MESSAGES:
            return
        self._resting[message_type] = self._loop.create_future()
        timer = self._loop.call_at(next_at_s, self._end_rest, message_type)
        try:
            await self._resting[message_type]
        finally:
            timer.cancel()
            del self._resting[message_type]

    def _end_rest(self, message_type: str) -> None:
        rest = self._resting.get(message_type)
        if rest is not None and not rest.done():
            rest.set_result(None)

    async def _send(self, groups: list[Group]) -> None:
        bundles = [bundle_of(group.type, group.parts) for group in groups]
        try:
            report = await self._sender.send(bundles)
        except BaseException as error:
            for group in groups:
                group.settle(BusUnavailable(f"the publisher ended: {type(error).__name__}"))
            raise
        for group, bundle in zip(groups, bundles, strict=True):
            metrics.GROUP_MESSAGES.observe(bundle.messages)
            try:
                raise_unless_confirmed(bundle, report)
            except Exception as error:  # noqa: BLE001  # handed to those who wait
                group.settle(error)
            else:
                group.settle(None)

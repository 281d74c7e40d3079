"""The gateway's message handlers: each batch becomes live events and newer states, in one transaction."""

from collections.abc import Callable, Sequence
from datetime import datetime

from gateway.domain.live import Shown, connections_named_in, describe
from gateway.storage.live import LiveEvents
from gateway.storage.rounds import RoundStore
from gateway.storage.states import ConnectionStates
from prokip_shared.database import Connection
from prokip_shared.messages import (
    ConnectionHealthChangedV1,
    ConnectionRedactedV1,
    ConnectionUninstalledV1,
    ListingPushedV1,
    Message,
    SyncCompletedV1,
)


class LiveView:
    def __init__(
        self, events: LiveEvents, states: ConnectionStates, rounds: RoundStore, now: Callable[[], datetime]
    ) -> None:
        self._events = events
        self._states = states
        self._rounds = rounds
        self._now = now

    async def show(self, connection: Connection, messages: Sequence[Shown]) -> Sequence[Message]:
        """For kinds that only need to be seen; most messages are answered with no other."""
        names = await self._events.store_names(connection, connections_named_in(messages))
        now = self._now()
        await self._events.add(connection, [describe(message, names, now=now) for message in messages])
        return ()

    async def on_pushed(self, connection: Connection, messages: Sequence[ListingPushedV1]) -> Sequence[Message]:
        await self._states.save_last_sync(connection, messages)
        return await self.show(connection, messages)

    async def on_health(
        self, connection: Connection, messages: Sequence[ConnectionHealthChangedV1]
    ) -> Sequence[Message]:
        await self._states.save_health(connection, messages)
        return await self.show(connection, messages)

    async def on_uninstalled(
        self, connection: Connection, messages: Sequence[ConnectionUninstalledV1]
    ) -> Sequence[Message]:
        await self._states.mark_uninstalled(connection, messages)
        return await self.show(connection, messages)

    async def on_redacted(self, connection: Connection, messages: Sequence[ConnectionRedactedV1]) -> Sequence[Message]:
        """Told to the others as the end that it is; nothing is shown, because nothing is to be remembered."""
        return await self._states.redact(connection, messages)

    async def on_round(self, connection: Connection, messages: Sequence[SyncCompletedV1]) -> Sequence[Message]:
        now = self._now()
        for message in sorted(messages, key=lambda message: message.round_id):
            await self._rounds.complete(connection, message, now=now)
        await self._states.save_round(connection, messages, now=now)
        return await self.show(connection, messages)

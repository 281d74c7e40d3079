"""What the other services said last about each connection; the newest word wins, whatever order it arrives in."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from prokip_shared.database import Connection, load_queries
from prokip_shared.messages import (
    ConnectionChangedV1,
    ConnectionHealthChangedV1,
    ConnectionRedactedV1,
    ConnectionUninstalledV1,
    ListingPushedV1,
    SyncCompletedV1,
)

Place = tuple[int, int]
"""Connection and business: a message that names another business's connection changes nothing."""


class ConnectionStates:
    """Statements of one transaction each; one row per connection, because one statement may not touch a row twice."""

    def __init__(self) -> None:
        self._queries = load_queries("gateway", "states.sql")

    async def save_last_sync(self, connection: Connection, messages: Sequence[ListingPushedV1]) -> None:
        """A push counts as a sync when the store took, or already showed, at least one quantity."""
        synced: dict[Place, datetime] = {}
        for message in messages:
            if any(listing.outcome in {"written", "already"} for listing in message.listings):
                place = (message.connection_id, message.business_id)
                synced[place] = max(message.pushed_at, synced.get(place, message.pushed_at))
        await self._save_syncs(connection, synced)

    async def save_round(self, connection: Connection, messages: Sequence[SyncCompletedV1], *, now: datetime) -> None:
        """A round that found a store up to date confirms it as well as a write does."""
        synced = {
            (store.connection_id, message.business_id): now
            for message in messages
            for store in message.connections
            if store.state == "confirmed"
        }
        await self._save_syncs(connection, synced)

    async def save_health(self, connection: Connection, messages: Sequence[ConnectionHealthChangedV1]) -> None:
        newest: dict[Place, ConnectionHealthChangedV1] = {}
        for message in sorted(messages, key=lambda message: message.since):
            newest[message.connection_id, message.business_id] = message
        if newest:
            await connection.execute(
                self._queries["save_health"],
                [place[0] for place in newest],
                [place[1] for place in newest],
                [message.health for message in newest.values()],
                [message.since for message in newest.values()],
                [message.detail for message in newest.values()],
            )

    async def mark_uninstalled(self, connection: Connection, messages: Sequence[ConnectionUninstalledV1]) -> None:
        places = sorted({(message.connection_id, message.business_id) for message in messages})
        await connection.execute(
            self._queries["mark_uninstalled"], [place[0] for place in places], [place[1] for place in places]
        )

    async def redact(
        self, connection: Connection, messages: Sequence[ConnectionRedactedV1]
    ) -> list[ConnectionChangedV1]:
        """What has to be said of those that were not connected again."""
        places = sorted({(message.connection_id, message.business_id) for message in messages})
        rows = await connection.fetch(
            self._queries["redact_connections"], [place[0] for place in places], [place[1] for place in places]
        )
        return [
            ConnectionChangedV1(business_id=row["business_id"], connection_id=row["id"], change="disconnected")
            for row in rows
        ]

    async def _save_syncs(self, connection: Connection, synced: Mapping[Place, datetime]) -> None:
        if synced:
            await connection.execute(
                self._queries["save_last_sync"],
                [place[0] for place in synced],
                [place[1] for place in synced],
                list(synced.values()),
            )

"""connection.changed and sync.requested: who is connected, and what an operator wants now."""

from collections.abc import Sequence
from dataclasses import dataclass

from prokip_shared.connections import ConnectionRecord, CustomCredentials
from prokip_shared.database import Connection
from prokip_shared.directory import Directory
from prokip_shared.messages import ConnectionChangedV1, Message, SyncRequestedV1
from store_push.domain.rules import ALL_LOCATIONS
from store_push.storage.connections import ConnectionStorage, KnownConnection
from store_push.storage.first_quantities import FirstQuantityStorage
from store_push.storage.rounds import RoundStorage
from store_push.storage.rules import RuleStorage
from store_push.storage.subscriptions import SubscriptionStorage
from store_push.storage.sweeps import SweepStorage
from store_push.storage.targets import TargetStorage


def known_of(record: ConnectionRecord, *, unified: bool = False) -> KnownConnection:
    """`unified`: it shows the stock of all locations, whichever it sells from."""
    credentials = record.credentials
    return KnownConnection(
        connection_id=record.id,
        business_id=record.business_id,
        platform=record.platform,
        location_id=ALL_LOCATIONS if unified else record.location_id,
        place_ref=record.place_ref,
        writable=not isinstance(credentials, CustomCredentials) or credentials.notify_url is not None,
        active=record.sync_enabled,
        own_location_id=record.location_id if unified else None,
    )


@dataclass(frozen=True, slots=True)
class ConnectionHandlers:
    directory: Directory
    connections: ConnectionStorage
    targets: TargetStorage
    rounds: RoundStorage
    sweeps: SweepStorage
    subscriptions: SubscriptionStorage
    first: FirstQuantityStorage
    rules: RuleStorage
    subscription_interval_s: float

    async def follow_changes(self, connection: Connection, batch: Sequence[ConnectionChangedV1]) -> Sequence[Message]:
        """The directory says what is; the message only says that it is worth a look now."""
        await self.directory.refresh()
        await self.follow_directory(connection)
        revived = [
            message.connection_id
            for message in batch
            if message.connection_id is not None and message.change in {"connected", "updated", "resumed"}
        ]
        if revived:
            await self.connections.forgive(connection, revived)
            await self.connections.start_catalogue_reads(connection, revived)
            await self.subscriptions.want(connection, revived)
            await self.targets.wake_workers(connection)
        return ()

    async def begin_rounds(self, connection: Connection, batch: Sequence[SyncRequestedV1]) -> Sequence[Message]:
        """Everything in scope is looked at now: catalogues are read, stores that fail are tried at once.

        The directory comes first: a round may overtake the message that tells of the connection it is for. The rounds
        come last: forgiving a store waits for the push that is at it, and stock.changed waits for a round's row.
        """
        await self.directory.refresh()
        await self.follow_directory(connection)
        scope = sorted(
            {
                record.id
                for message in batch
                for record in self.directory.of_business(message.business_id)
                if message.connection_id in {None, record.id}
            }
        )
        await self.connections.forgive(connection, scope)
        await self.connections.start_catalogue_reads(connection, scope)
        await self.sweeps.want(connection, scope)
        for message in sorted(batch, key=lambda message: message.round_id):
            await self.rounds.request(connection, message.round_id, message.business_id, message.connection_id)
        await self.rounds.wake(connection)
        await self.targets.wake_workers(connection)
        return ()

    async def follow_directory(self, connection: Connection) -> None:
        """Level-triggered: also what no message told, or what was told before this service existed."""
        unified = await self.rules.unified(connection)
        wanted = {
            record.id: known_of(record, unified=record.id in unified) for record in self.directory.all_connections()
        }
        known = await self.connections.known(connection)
        gone = sorted(known.keys() - wanted.keys())
        if gone:
            await self.connections.forget(connection, gone)
        changed = [record for key, record in sorted(wanted.items()) if known.get(key) != record]
        if changed:
            await self.connections.save(connection, changed)
        await self._look_after(connection)
        if not changed:
            return
        new = [record.connection_id for record in changed if record.connection_id not in known]
        await self.connections.start_catalogue_reads(connection, new)
        for record in changed:
            await self._follow(connection, record, known.get(record.connection_id))
        await self.targets.wake_workers(connection)

    async def _look_after(self, connection: Connection) -> None:
        """What every connection gets once, also one that is older than this code."""
        records = self.directory.all_connections()
        await self.sweeps.start(connection, {record.id: record.connected_at for record in records})
        await self.first.start(connection, [record.id for record in records])
        await self.subscriptions.start(
            connection, [record.id for record in records], first_in_s=self.subscription_interval_s
        )

    async def _follow(self, connection: Connection, record: KnownConnection, before: KnownConnection | None) -> None:
        moved = before is not None and before.location_id != record.location_id
        if before is not None and (moved or before.place_ref != record.place_ref):
            await self.first.begin_again(connection, record.connection_id)
            await self.connections.start_catalogue_reads(connection, [record.connection_id])
        if moved:
            await self.connections.move_listings(connection, record.connection_id, record.location_id)
        if moved or record.platform == "custom":
            await self.connections.lock_business_listings(connection, record.business_id)
            await self.connections.list_whole_location(connection, record.connection_id)
            await self.targets.fill(connection, record.connection_id)

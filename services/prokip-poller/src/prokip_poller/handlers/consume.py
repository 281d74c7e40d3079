"""What arrives from the bus. Each batch costs a constant number of statements."""

from collections.abc import Iterable, Sequence

from prokip_poller.accounts import Accounts
from prokip_poller.domain.telling import OrderKey
from prokip_poller.storage.logins import Logins
from prokip_poller.storage.polls import LocationKey, Polls
from prokip_poller.storage.sales import Sales
from prokip_shared.database import Connection
from prokip_shared.messages import ConnectionChangedV1, Message, SaleDueV1, SyncCompletedV1, SyncRequestedV1


class Consumers:
    def __init__(self, *, sales: Sales, polls: Polls, logins: Logins, accounts: Accounts) -> None:
        self._sales = sales
        self._polls = polls
        self._logins = logins
        self._accounts = accounts

    async def sale_due(self, connection: Connection, messages: Sequence[SaleDueV1]) -> Sequence[Message]:
        """Kept whether or not the business has a Prokip: without one the sales wait visibly."""
        newest = newest_states(messages)
        places = {LocationKey(message.business_id, message.location_id) for message in newest}
        await self._polls.ensure_locations(places, connection)
        await self._sales.upsert_due(connection, newest)
        return ()

    async def sync_requested(self, connection: Connection, messages: Sequence[SyncRequestedV1]) -> Sequence[Message]:
        if any(self._accounts.of(message.business_id) is None for message in messages):
            await self._accounts.refresh()
        waiting = [one for one in messages if self._accounts.of(one.business_id) is not None]
        if waiting:
            rounds = [(one.round_id, one.business_id, one.connection_id, one.correlation_id) for one in waiting]
            await self._polls.add_rounds(connection, rounds)
            await self._polls.poll_soon(connection, {one.business_id for one in waiting})
        return [_not_configured(one) for one in messages if one not in waiting]

    async def connection_changed(
        self, connection: Connection, messages: Sequence[ConnectionChangedV1]
    ) -> Sequence[Message]:
        """New settings of Prokip: whatever failed under the old ones is tried again at once."""
        businesses = {one.business_id for one in messages if one.change == "prokip_configured"}
        if businesses:
            await self._accounts.refresh()
            # Sales before locations, as everywhere: the other order could deadlock with the end of a posting.
            await self._sales.retry_all(connection, businesses)
            await self._polls.forget_failures(connection, businesses)
            await self._logins.forget(connection, businesses)
        return ()


def newest_states(messages: Iterable[SaleDueV1]) -> list[SaleDueV1]:
    """The highest revision of each order."""
    newest: dict[OrderKey, SaleDueV1] = {}
    for message in messages:
        key = OrderKey(message.business_id, message.connection_id, message.order_ref)
        if key not in newest or message.revision > newest[key].revision:
            newest[key] = message
    return list(newest.values())


def _not_configured(request: SyncRequestedV1) -> SyncCompletedV1:
    return SyncCompletedV1(
        business_id=request.business_id,
        correlation_id=request.correlation_id,
        round_id=request.round_id,
        state="failed",
        detail="Prokip is not set up for this business yet.",
        connections=(),
    )

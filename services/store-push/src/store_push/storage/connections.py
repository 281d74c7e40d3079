"""The copy of the directory that claims and rounds work on."""

from collections.abc import Sequence
from dataclasses import dataclass

from prokip_shared.database import Connection, load_queries
from prokip_shared.messages import Platform


@dataclass(frozen=True, slots=True)
class KnownConnection:
    """What store-push follows of a connection."""

    connection_id: int
    business_id: int
    platform: Platform
    location_id: str
    place_ref: str | None
    writable: bool
    active: bool
    own_location_id: str | None = None
    """Where it sells from, if it shows the stock of all locations; None: at `location_id`."""


class ConnectionStorage:
    """The copy of the directory that claims and rounds work on."""

    def __init__(self) -> None:
        self._queries = load_queries("store_push", "connections.sql")

    async def known(self, connection: Connection) -> dict[int, KnownConnection]:
        rows = await connection.fetch(self._queries["known_connections"])
        return {row["connection_id"]: KnownConnection(**row) for row in rows}

    async def save(self, connection: Connection, records: Sequence[KnownConnection]) -> None:
        await connection.execute(
            self._queries["save_connections"],
            [record.connection_id for record in records],
            [record.business_id for record in records],
            [record.platform for record in records],
            [record.location_id for record in records],
            [record.place_ref for record in records],
            [record.writable for record in records],
            [record.active for record in records],
            [record.own_location_id for record in records],
        )

    async def start_catalogue_reads(self, connection: Connection, connection_ids: Sequence[int]) -> None:
        await connection.execute(self._queries["start_catalogue_reads"], connection_ids)
        await connection.execute(self._queries["wake_readers"])

    async def forgive(self, connection: Connection, connection_ids: Sequence[int]) -> None:
        await connection.execute(self._queries["forgive_connections"], connection_ids)

    async def forget(self, connection: Connection, connection_ids: Sequence[int]) -> None:
        await connection.execute(self._queries["await_pushes"], connection_ids)
        await connection.execute(self._queries["forget_connections"], connection_ids)

    async def move_listings(self, connection: Connection, connection_id: int, location_id: str) -> None:
        await connection.execute(self._queries["move_listings"], connection_id, location_id)

    async def list_whole_location(self, connection: Connection, connection_id: int) -> None:
        await connection.execute(self._queries["list_whole_location"], connection_id)

    async def lock_business_listings(self, connection: Connection, business_id: int) -> None:
        await connection.execute(self._queries["lock_business_listings"], business_id)

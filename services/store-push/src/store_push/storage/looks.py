"""Looks at the stores' levels: claims, what to look at, results."""

from collections.abc import Sequence
from dataclasses import dataclass

from prokip_shared.database import Connection, Pool, load_queries
from prokip_shared.platforms.store import ItemKey


@dataclass(frozen=True, slots=True)
class Look:
    """One store that is looked at, held by a lock."""

    connection_id: int
    business_id: int
    consecutive_failures: int


@dataclass(frozen=True, slots=True)
class SeenListing:
    listing_id: int
    key: ItemKey


class LookStorage:
    """When each store's levels are looked at, and what was found."""

    def __init__(self) -> None:
        self._queries = load_queries("store_push", "looks.sql")

    async def next_in_s(self, pool: Pool, *, first_in_s: float) -> float | None:
        """Connections that are not looked at yet begin with it."""
        await pool.execute(self._queries["start_looks"], first_in_s)
        wait_s: float | None = await pool.fetchval(self._queries["next_look_in_s"])
        return wait_s

    async def claim(self, connection: Connection) -> Look | None:
        key = await connection.fetchval(self._queries["lock_look"])
        row = None if key is None else await connection.fetchrow(self._queries["claim_look"], key)
        return None if row is None else Look(**row)

    async def listings(
        self, connection: Connection, connection_id: int, *, unseen_s: float, listings_max: int
    ) -> list[SeenListing]:
        rows = await connection.fetch(self._queries["listings_to_look_at"], connection_id, unseen_s, listings_max)
        return [SeenListing(row["id"], ItemKey(row["item_ref"], row["parent_ref"], row["place_ref"])) for row in rows]

    async def note_seen(self, connection: Connection, listing_ids: Sequence[int]) -> None:
        await connection.execute(self._queries["note_looked_at"], listing_ids)

    async def done(
        self, connection: Connection, look: Look, *, next_in_s: float, listings: int, differing: int
    ) -> None:
        await connection.execute(self._queries["look_done"], look.connection_id, next_in_s, listings, differing)

    async def failed(self, connection: Connection, look: Look, *, error: str, next_in_s: float) -> None:
        await connection.execute(self._queries["look_failed"], look.connection_id, next_in_s, error)

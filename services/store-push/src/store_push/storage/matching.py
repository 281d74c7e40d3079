"""What matches what, and what operators chose about it."""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from prokip_shared.database import Connection, Pool, load_queries
from prokip_shared.platforms.store import CatalogueItem
from store_push.domain.matching import ItemChoice
from store_push.storage.catalogue import catalogue_item


@dataclass(frozen=True, slots=True)
class ChosenItem:
    """The store's item behind a listing, and what was chosen about it before."""

    connection_id: int
    item_ref: str
    location_id: str
    choice: ItemChoice | None


class MatchingStorage:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = load_queries("store_push", "matching.sql")

    async def catalogue_state(self, business_id: int, connection_id: int) -> asyncpg.Record | None:
        """None: the business has no such store."""
        return await self._pool.fetchrow(self._queries["catalogue_state"], business_id, connection_id)

    async def counts(self, business_id: int, connection_id: int) -> dict[str, int]:
        rows = await self._pool.fetch(self._queries["matching_counts"], business_id, connection_id)
        return {row["kind"]: row["items"] for row in rows}

    async def page(
        self,
        business_id: int,
        connection_id: int,
        *,
        kind: str | None,
        search: str | None,
        after: tuple[str, str],
        rows_max: int,
    ) -> list[asyncpg.Record]:
        """`after`: the SKU and item_ref of the last row seen."""
        return await self._pool.fetch(
            self._queries["matching"], business_id, connection_id, kind, search, *after, rows_max
        )

    async def item_of(self, connection: Connection, business_id: int, listing_id: int) -> ChosenItem | None:
        row = await connection.fetchrow(self._queries["item_of_listing"], business_id, listing_id)
        if row is None:
            return None
        choice = None if row["kind"] is None else ItemChoice(row["kind"], row["chosen_sku"])
        return ChosenItem(row["connection_id"], row["item_ref"], row["location_id"], choice)

    async def items_meaning(
        self, connection: Connection, connection_id: int, skus: Sequence[str], item_refs: Sequence[str]
    ) -> list[CatalogueItem]:
        """Items that have one of these SKUs, or are linked to one; and the named ones."""
        rows = await connection.fetch(self._queries["items_meaning"], connection_id, list(skus), list(item_refs))
        return [catalogue_item(row) for row in rows]

    async def known_in_prokip(self, connection: Connection, business_id: int, location_id: str, sku: str) -> bool:
        return bool(await connection.fetchval(self._queries["known_in_prokip"], business_id, location_id, sku))

    async def choose(self, connection: Connection, item: ChosenItem, choice: ItemChoice | None) -> None:
        """None: back to what the catalogue says."""
        if choice is None:
            await connection.execute(self._queries["drop_choice"], item.connection_id, item.item_ref)
            return
        await connection.execute(
            self._queries["save_choice"], item.connection_id, item.item_ref, choice.kind, choice.sku
        )

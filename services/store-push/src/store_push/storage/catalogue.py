"""Catalogue reads, what they say, and the listings that are made of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg

from prokip_shared.database import Connection, Pool, load_queries
from prokip_shared.platforms.store import CatalogueItem, CataloguePage, ItemKey, Level
from store_push.domain.matching import ItemChoice, ListingDraft

SAVE_ITEMS_MAX: Final = 5_000


@dataclass(frozen=True, slots=True)
class CatalogueClaim:
    """One catalogue of which a page is read, held by an advisory lock."""

    connection_id: int
    business_id: int
    consecutive_failures: int
    claimed_at: datetime
    cursor: str | None = None
    """The page to read; None: the first, and, after a page, that there is no more."""
    begun_at: datetime | None = None
    """When the read that this page belongs to began; None: it begins now."""
    counted: int = 0
    """How far the read is, in what the platform counts; of the one before where this is the first page."""
    total: int | None = None

    @property
    def since(self) -> datetime:
        return self.begun_at or self.claimed_at

    @property
    def age(self) -> timedelta:
        return self.claimed_at - self.since

    def begun_anew(self) -> "CatalogueClaim":
        return replace(self, cursor=None, begun_at=None, counted=0)

    def after(self, page: CataloguePage) -> "CatalogueClaim":
        counted = len(page.items) if page.counted is None else page.counted
        before = 0 if self.begun_at is None else self.counted
        return replace(
            self,
            cursor=page.next_cursor,
            begun_at=self.since,
            counted=before + counted,
            total=page.total,
        )


class CatalogueStorage:
    """Catalogues that are due, and what they said."""

    def __init__(self) -> None:
        self._queries = load_queries("store_push", "catalogue.sql")

    async def next_in_s(self, pool: Pool, *, hint_pause_s: float) -> float | None:
        wait_s: float | None = await pool.fetchval(self._queries["next_catalogue_in_s"], hint_pause_s)
        return wait_s

    async def claim(self, connection: Connection, *, hint_pause_s: float) -> CatalogueClaim | None:
        key = await connection.fetchval(self._queries["lock_catalogue"], hint_pause_s)
        row = None if key is None else await connection.fetchrow(self._queries["claim_catalogue"], hint_pause_s, key)
        return None if row is None else CatalogueClaim(**row)

    async def save_page(self, connection: Connection, claim: CatalogueClaim, items: Sequence[CatalogueItem]) -> None:
        unique = {item.key.item_ref: item for item in items}
        columns = zip(*(_item_row(unique[ref]) for ref in sorted(unique)), strict=True) if unique else ()
        if unique:
            await connection.execute(
                self._queries["save_page"], claim.connection_id, claim.since, *(list(column) for column in columns)
            )

    async def page_done(self, connection: Connection, claim: CatalogueClaim) -> None:
        await connection.execute(
            self._queries["page_done"], claim.connection_id, claim.cursor, claim.since, claim.counted, claim.total
        )

    async def unread(self, connection: Connection, claim: CatalogueClaim, *, rows_max: int) -> list[ItemKey]:
        """What the read that has just ended did not name."""
        rows = await connection.fetch(self._queries["unread_items"], claim.connection_id, claim.since, rows_max)
        return [ItemKey(**row) for row in rows]

    async def keep(self, connection: Connection, claim: CatalogueClaim, keys: Sequence[ItemKey]) -> None:
        refs = [key.item_ref for key in keys]
        await connection.execute(self._queries["keep_items"], claim.connection_id, claim.since, refs)

    async def forget_unread(self, connection: Connection, claim: CatalogueClaim) -> None:
        await connection.execute(self._queries["forget_unread_items"], claim.connection_id, claim.since)

    async def items(self, connection: Connection, connection_id: int) -> list[CatalogueItem]:
        """All that the catalogue says."""
        rows = await connection.fetch(self._queries["read_items"], connection_id)
        return [catalogue_item(row) for row in rows]

    async def choices(self, connection: Connection, connection_id: int) -> dict[str, ItemChoice]:
        """By item_ref."""
        rows = await connection.fetch(self._queries["choices"], connection_id)
        return {row["item_ref"]: ItemChoice(row["kind"], row["sku"]) for row in rows}

    async def save_items(
        self, connection: Connection, claim: CatalogueClaim, drafts: Sequence[ListingDraft], *, settle_s: float
    ) -> None:
        """Part of a catalogue, at most SAVE_ITEMS_MAX drafts."""
        await connection.execute(
            self._queries["save_items"],
            claim.connection_id,
            claim.claimed_at,
            [draft.key.item_ref for draft in drafts],
            [draft.key.parent_ref for draft in drafts],
            [draft.key.place_ref for draft in drafts],
            [draft.sku for draft in drafts],
            [draft.held_by for draft in drafts],
            [draft.state for draft in drafts],
            [draft.reason for draft in drafts],
            [draft.quantity for draft in drafts],
            settle_s,
        )

    async def mark_gone(self, connection: Connection, connection_id: int, item_refs: Sequence[str]) -> None:
        await connection.execute(self._queries["mark_gone"], connection_id, item_refs)

    async def done(self, connection: Connection, claim: CatalogueClaim, *, items: int, next_in_s: float) -> None:
        await connection.execute(
            self._queries["catalogue_done"],
            claim.connection_id,
            next_in_s,
            claim.since,
            items,
            claim.counted,
            claim.total,
        )

    async def failed(self, connection: Connection, claim: CatalogueClaim, *, error: str, next_in_s: float) -> None:
        await connection.execute(
            self._queries["catalogue_failed"],
            claim.connection_id,
            next_in_s,
            error,
            claim.claimed_at,
            claim.cursor,
            None if claim.cursor is None else claim.since,
        )

    async def note_unknown(self, connection: Connection, items: Sequence[tuple[int, str]]) -> None:
        """Items that hints named, as pairs of connection and item_ref."""
        await connection.execute(
            self._queries["note_unknown_items"], [key for key, _ in items], [item_ref for _, item_ref in items]
        )


def _item_row(item: CatalogueItem) -> tuple[Any, ...]:
    return (
        item.key.item_ref,
        item.key.parent_ref,
        item.key.place_ref,
        item.sku,
        item.parent_sku,
        item.name,
        item.product_ref,
        item.variant_ref,
        item.price,
        item.level.state,
        item.level.quantity,
    )


def catalogue_item(row: asyncpg.Record) -> CatalogueItem:
    return CatalogueItem(
        key=ItemKey(row["item_ref"], row["parent_ref"], row["place_ref"]),
        sku=row["sku"],
        level=Level(row["level_state"], row["quantity"]),
        parent_sku=row["parent_sku"],
        name=row["name"],
        product_ref=row["product_ref"],
        variant_ref=row["variant_ref"],
        price=row["price"],
    )

"""Catalogue reads and the listings they find."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from prokip_shared.database import Connection, Pool, load_queries
from store_push.domain.matching import ListingDraft

SAVE_ITEMS_MAX: Final = 5_000


@dataclass(frozen=True, slots=True)
class CatalogueClaim:
    connection_id: int
    business_id: int
    consecutive_failures: int
    claimed_at: datetime


class CatalogueStorage:
    """Catalogues that are due, and what they said."""

    def __init__(self) -> None:
        self._queries = load_queries("store_push", "catalogue.sql")

    async def next_in_s(self, pool: Pool) -> float | None:
        wait_s: float | None = await pool.fetchval(self._queries["next_catalogue_in_s"])
        return wait_s

    async def claim(self, connection: Connection) -> CatalogueClaim | None:
        row = await connection.fetchrow(self._queries["claim_catalogue"])
        return None if row is None else CatalogueClaim(**row)

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
            self._queries["catalogue_done"], claim.connection_id, next_in_s, claim.claimed_at, items
        )

    async def failed(self, connection: Connection, claim: CatalogueClaim, *, error: str, next_in_s: float) -> None:
        await connection.execute(
            self._queries["catalogue_failed"], claim.connection_id, next_in_s, error, claim.claimed_at
        )

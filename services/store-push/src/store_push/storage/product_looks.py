"""Products that are to be looked at, and what the catalogue says of them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from prokip_shared.database import Connection, Pool, load_queries
from prokip_shared.platforms.store import CatalogueItem
from store_push.domain.products import ToldProduct
from store_push.storage.catalogue import catalogue_item


@dataclass(frozen=True, slots=True)
class ProductLook:
    product_ref: str
    hinted_at: datetime
    consecutive_failures: int


@dataclass(frozen=True, slots=True)
class LookClaim:
    """A store whose catalogue nobody else reads meanwhile."""

    connection_id: int
    business_id: int
    claimed_at: datetime


class ProductLookStorage:
    def __init__(self) -> None:
        self._queries = load_queries("store_push", "product_looks.sql")

    async def note(self, connection: Connection, told: Sequence[ToldProduct]) -> None:
        """One statement; products are unique by connection and reference."""
        said = await connection.execute(
            self._queries["note_products"],
            [product.connection_id for product in told],
            [product.product_ref for product in told],
            [product.items_count for product in told],
            [json.dumps(product.items) for product in told],
        )
        if not said.endswith(" 0"):
            await connection.execute(self._queries["wake_catalogue_readers"])

    async def next_in_s(self, pool: Pool) -> float | None:
        wait_s: float | None = await pool.fetchval(self._queries["next_look_in_s"])
        return wait_s

    async def claim(self, connection: Connection) -> LookClaim | None:
        key = await connection.fetchval(self._queries["lock_looks"])
        row = None if key is None else await connection.fetchrow(self._queries["claim_looks"], key)
        return None if row is None else LookClaim(**row)

    async def products(self, connection: Connection, claim: LookClaim, *, rows_max: int) -> list[ProductLook]:
        rows = await connection.fetch(self._queries["products_to_look_at"], claim.connection_id, rows_max)
        return [ProductLook(**row) for row in rows]

    async def read_whole_instead(self, connection: Connection, claim: LookClaim) -> None:
        await connection.execute(self._queries["read_whole_instead"], claim.connection_id)

    async def items(self, connection: Connection, claim: LookClaim, product_refs: Sequence[str]) -> list[CatalogueItem]:
        rows = await connection.fetch(self._queries["items_of_products"], claim.connection_id, list(product_refs))
        return [catalogue_item(row) for row in rows]

    async def forget_items(self, connection: Connection, claim: LookClaim, item_refs: Sequence[str]) -> None:
        """From the catalogue; their listings stay, as gone."""
        await connection.execute(self._queries["forget_items"], claim.connection_id, list(item_refs))
        await connection.execute(self._queries["mark_items_gone"], claim.connection_id, list(item_refs))

    async def done(self, connection: Connection, claim: LookClaim, looks: Sequence[ProductLook]) -> None:
        refs, hinted = [look.product_ref for look in looks], [look.hinted_at for look in looks]
        await connection.execute(self._queries["looked_at"], claim.connection_id, refs, hinted)

    async def failed(
        self, connection: Connection, claim: LookClaim, looks: Sequence[ProductLook], *, next_in_s: float
    ) -> None:
        refs = [look.product_ref for look in looks]
        await connection.execute(self._queries["look_failed"], claim.connection_id, refs, next_in_s)

"""What SKUs are made of others: said by operators, told at once, in one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

from pydantic_core import to_json

from inventory import storage
from inventory.domain.bundles import Around, Refusal, recipe_of, refusal_of
from inventory.domain.shelves import tell_bundle
from inventory.domain.values import Bundle, Recipe, StockKey
from inventory.reading import plain
from inventory.recording import QUERIES as RECORDING
from inventory.recording import pack
from inventory.rows import decode_recipe
from inventory.telling import tell
from prokip_shared.bus import port
from prokip_shared.bus.outbox import Outbox
from prokip_shared.database import Connection, Pool, load_queries
from prokip_shared.messages import BundleChangedV1, BundlePart, Encoded, utc_now

QUERIES: Final = load_queries("inventory", "bundles.sql")


class Refused(Exception):
    """The SKU cannot be made of these parts."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.words)
        self.refusal = refusal


class Bundles:
    """The recipes of all businesses."""

    def __init__(self, pool: Pool, outbox: Outbox, *, record_messages: bool) -> None:
        self._pool = pool
        self._outbox = outbox
        self._record_messages = record_messages

    async def put(self, business_id: int, sku: str, parts: Mapping[str, Decimal], changed_by: str) -> None:
        """What one bundle is made of from now on; orders that were sold before keep what they were sold with.

        Raises Refused.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(QUERIES["seize_recipes"], business_id)
            recipe = recipe_of(parts)
            refusal = refusal_of(sku, recipe, await self._around(connection, business_id, sku, recipe))
            if refusal is not None:
                raise Refused(refusal)
            said = await self._change(connection, business_id, sku, recipe, changed_by)
        self._outbox.hand_over(said)

    async def dissolve(self, business_id: int, sku: str, changed_by: str) -> bool:
        """It is no bundle any more and shows nothing; False: it was none."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(QUERIES["seize_recipes"], business_id)
            if await self._recipe(connection, business_id, sku) == ():
                return False
            said = await self._change(connection, business_id, sku, (), changed_by)
        self._outbox.hand_over(said)
        return True

    async def _around(self, connection: Connection, business_id: int, sku: str, recipe: Recipe) -> Around:
        row = await connection.fetchrow(QUERIES["around_bundle"], business_id, sku, [part.sku for part in recipe])
        assert row is not None  # noqa: S101  # a SELECT without FROM always has a row
        return Around(row["held_by_prokip"], row["part_of"], row["bundles"], row["busiest"])

    async def _recipe(self, connection: Connection, business_id: int, sku: str) -> Recipe:
        text = await connection.fetchval(QUERIES["recipe_of"], business_id, sku)
        return () if text is None else decode_recipe(text)

    async def _change(
        self, connection: Connection, business_id: int, sku: str, recipe: Recipe, changed_by: str
    ) -> Sequence[port.Bundle]:
        """The messages that say it, written to the outbox; nothing where it is so already."""
        before = await self._recipe(connection, business_id, sku)
        if recipe == before:
            return ()
        await self._write(connection, business_id, sku, before, recipe)
        parts = {part.sku: plain(part.quantity) for part in recipe}
        version = await connection.fetchval(
            QUERIES["note_change"], business_id, sku, to_json(parts).decode(), changed_by
        )
        message = BundleChangedV1(
            business_id=business_id,
            sku=sku,
            version=version,
            parts=tuple(BundlePart(sku=part.sku, quantity=part.quantity) for part in recipe),
        )
        told = await self._tell(connection, message, recipe, {part.sku for part in before})
        return await self._outbox.write(connection, [message, *told])

    async def _write(self, connection: Connection, business_id: int, sku: str, before: Recipe, recipe: Recipe) -> None:
        await connection.execute(QUERIES["drop_recipe"], business_id, sku)
        skus, quantities = [part.sku for part in recipe], [part.quantity for part in recipe]
        await connection.execute(QUERIES["write_recipe"], business_id, sku, skus, quantities)
        touched = {sku, *skus, *(part.sku for part in before)}
        await connection.execute(QUERIES["write_roles"], business_id, sorted(touched))

    async def _tell(
        self, connection: Connection, message: BundleChangedV1, recipe: Recipe, former: Iterable[str]
    ) -> Sequence[Encoded]:
        """Its number at every location where it, or a part, is known."""
        business_id, sku = message.business_id, message.sku
        skus = sorted({sku, *(part.sku for part in recipe), *former})
        rows = await connection.fetch(QUERIES["locations_of"], business_id, skus)
        keys = [StockKey(business_id, sku, row["location_id"]) for row in rows]
        if keys:
            stock = await storage.lock_stock(connection, keys)
            bundles, more = await storage.lock_bundles(connection, stock)
        else:
            stock, bundles, more = {}, (), {}
        if self._record_messages:
            await connection.execute(RECORDING["record_messages"], business_id, utc_now(), 1, pack([message]))
        at = utc_now()
        decision = tell_bundle({**stock, **more}, keys, _of(bundles, sku), message.correlation_id)
        await storage.take_stock(connection, decision.stock, at)
        return tell(decision)


def _of(bundles: Iterable[Bundle], sku: str) -> list[Bundle]:
    return [bundle for bundle in bundles if bundle.key.sku == sku]

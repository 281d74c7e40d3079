"""Reads stores' catalogues page by page, when they are due, and turns what they say into listings.

What a page said and where the next one begins are stored together, so a crash costs one page and an operator sees how far
a read is. Listings are made when the whole catalogue has been named. The claim locks no row while the store is asked or
while another transaction is waited for: those who want a catalogue read must not wait for a store, and Postgres does not
see a wait inside this process.
"""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from prokip_shared.bus import Outbox, OutboxTransaction
from prokip_shared.database import Connection, Pool
from prokip_shared.logs import Log
from prokip_shared.messages import StockHoldersObservedV1
from prokip_shared.platforms.errors import Refused, StoreError, StoreUnavailable
from prokip_shared.platforms.store import CataloguePage, ItemKey
from store_push import metrics
from store_push.domain.health import pause_s
from store_push.domain.matching import ListingDraft, holders_of, match_catalogue
from store_push.ports import Store, StoreDirectory
from store_push.storage.catalogue import SAVE_ITEMS_MAX, CatalogueClaim, CatalogueStorage
from store_push.storage.connections import ConnectionStorage
from store_push.storage.targets import TargetStorage
from store_push.storage.waiting import begin_waiting

ITEMS_MAX: Final = 500_000
HOLDERS_PER_MESSAGE_MAX: Final = 1_000
UNREAD_ASKED_MAX: Final = 500
"""A page moves a few items at most; where more are missing the store was emptied."""
READ_AGE_MAX: Final = timedelta(days=1)
"""An unfinished read that is older begins anew: what its first pages said is no longer true."""

log = Log("catalogue")


class CatalogueTooLarge(StoreError):
    """More items than this process is made to hold."""


@dataclass(frozen=True, slots=True)
class CatalogueReader:
    pool: Pool
    """For claims, which are held as long as a page is read."""
    outbox: Outbox
    storage: CatalogueStorage
    targets: TargetStorage
    connections: ConnectionStorage
    stores: StoreDirectory
    settle_s: float
    interval_s: float
    hint_pause_s: float = 60.0
    """Between two reads that a store's hints of unknown items ask for."""

    async def read_next(self) -> bool:
        """Reads one page of a catalogue that is due; False when none is."""
        async with self.pool.acquire() as connection, connection.transaction():
            claim = await self.storage.claim(connection, hint_pause_s=self.hint_pause_s)
            store = None if claim is None else self.stores.store_of(claim.connection_id)
            if claim is None or store is None:
                return False
            if claim.age > READ_AGE_MAX:
                claim = claim.begun_anew()
            await begin_waiting(connection)
            try:
                page = await store.catalogue_page(claim.cursor)
                claim = claim.after(page)
                if claim.counted > ITEMS_MAX:
                    raise CatalogueTooLarge(f"the catalogue has more than {ITEMS_MAX} items")
                if claim.cursor is None:
                    await self._finish(connection, claim, page, store)
                elif await self.connections.hold(connection, claim.connection_id):
                    await self.storage.save_page(connection, claim, page.items)
                    await self.storage.page_done(connection, claim)
            except StoreError as error:
                await self._note_failure(connection, claim, error)
        return True

    async def next_in_s(self) -> float | None:
        """Until a catalogue is due; None where there is none."""
        return await self.storage.next_in_s(self.pool, hint_pause_s=self.hint_pause_s)

    async def _finish(self, connection: Connection, claim: CatalogueClaim, page: CataloguePage, store: Store) -> None:
        """The last page was read. Raises StoreError."""
        async with self._writing(claim) as transaction:
            await self.storage.save_page(transaction.connection, claim, page.items)
        kept = await self._what_moved(connection, claim, store)
        async with self._writing(claim) as transaction:
            await self.storage.keep(transaction.connection, claim, kept)
            await self.storage.forget_unread(transaction.connection, claim)
        items = await self.storage.items(connection, claim.connection_id)
        drafts = match_catalogue(items, await self.storage.choices(connection, claim.connection_id))
        await self._save(claim, drafts)
        await self.storage.done(connection, claim, items=len(drafts), next_in_s=self.interval_s)
        metrics.CATALOGUES.labels("done").inc()
        log.info("catalogue.read", connection_id=claim.connection_id, business_id=claim.business_id, items=len(drafts))

    async def _what_moved(self, connection: Connection, claim: CatalogueClaim, store: Store) -> list[ItemKey]:
        """Pages that are numbered lose an item when one before it is deleted meanwhile: the store is asked for those
        that no page named. Raises StoreError.
        """
        unread = await self.storage.unread(connection, claim, rows_max=UNREAD_ASKED_MAX)
        levels = await store.read_levels(unread) if unread else {}
        return [key for key, level in levels.items() if level.state != "gone"]

    @asynccontextmanager
    async def _writing(self, claim: CatalogueClaim) -> AsyncIterator[OutboxTransaction]:
        """A transaction during which the store stays connected. Raises StoreUnavailable where it no longer is."""
        async with self.outbox.transaction() as transaction:
            if not await self.connections.hold(transaction.connection, claim.connection_id):
                raise StoreUnavailable("the store was disconnected while its catalogue was read")
            yield transaction

    async def _save(self, claim: CatalogueClaim, drafts: list[ListingDraft]) -> None:
        """Items first, in bites; then targets, against batches of stock.changed that run at the same time."""
        for start in range(0, len(drafts), SAVE_ITEMS_MAX):
            async with self._writing(claim) as transaction:
                part = drafts[start : start + SAVE_ITEMS_MAX]
                await self.storage.save_items(transaction.connection, claim, part, settle_s=self.settle_s)
        holders = holders_of(drafts)
        async with self._writing(claim) as transaction:
            connection = transaction.connection
            await self.connections.lock_business_listings(connection, claim.business_id)
            item_refs = [draft.key.item_ref for draft in drafts]
            await self.storage.mark_gone(connection, claim.connection_id, item_refs)
            await self.targets.fill(connection, claim.connection_id)
            for start in range(0, len(holders), HOLDERS_PER_MESSAGE_MAX):
                transaction.say(
                    StockHoldersObservedV1(
                        business_id=claim.business_id,
                        connection_id=claim.connection_id,
                        holders=tuple(holders[start : start + HOLDERS_PER_MESSAGE_MAX]),
                    )
                )

    async def _note_failure(self, connection: Connection, claim: CatalogueClaim, error: StoreError) -> None:
        """A cursor that the store does not take any more is given up; the read begins again."""
        if isinstance(error, Refused | CatalogueTooLarge):
            claim = claim.begun_anew()
        fraction = random.random()  # noqa: S311  # spreads load, guards nothing
        wait_s = pause_s(error, claim.consecutive_failures + 1, fraction=fraction)
        await self.storage.failed(connection, claim, error=str(error), next_in_s=wait_s)
        metrics.CATALOGUES.labels("failed").inc()
        log.warning(
            "catalogue.failed",
            connection_id=claim.connection_id,
            business_id=claim.business_id,
            reason=str(error),
            counted=claim.counted,
            next_in_s=round(wait_s, 1),
        )

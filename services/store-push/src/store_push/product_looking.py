"""Looks at products of which a store's webhooks told something else than its catalogue was read like.

A webhook is a hint: what counts is what the store answers. Most say nothing new, our own writes' among them, and end in
the comparison that `note_products` makes. See docs/adr/0019-catalogue-and-plans.md.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from prokip_shared.bus import Outbox
from prokip_shared.database import Pool
from prokip_shared.logs import Log
from prokip_shared.messages import StockHoldersObservedV1
from prokip_shared.platforms.errors import StoreError
from prokip_shared.platforms.store import CatalogueItem
from store_push import metrics
from store_push.domain.health import pause_s
from store_push.domain.matching import holders_of
from store_push.ports import StoreDirectory
from store_push.rematching import match_again
from store_push.storage.catalogue import CatalogueClaim, CatalogueStorage
from store_push.storage.connections import ConnectionStorage
from store_push.storage.matching import MatchingStorage
from store_push.storage.product_looks import LookClaim, ProductLook, ProductLookStorage
from store_push.storage.targets import TargetStorage
from store_push.storage.waiting import begin_waiting

PRODUCTS_MAX: Final = 20
"""Looked at in one claim."""
WAITING_MAX: Final = 100
"""Where more than that wait, the whole catalogue is read instead."""

log = Log("products")


@dataclass(frozen=True, slots=True)
class ProductLooker:
    pool: Pool
    """For claims, which are held as long as the store is asked."""
    outbox: Outbox
    storage: ProductLookStorage
    catalogues: CatalogueStorage
    matching: MatchingStorage
    targets: TargetStorage
    connections: ConnectionStorage
    stores: StoreDirectory
    settle_s: float

    async def look_next(self) -> bool:
        """Looks at some products of one store; False when there are none."""
        async with self.pool.acquire() as connection, connection.transaction():
            claim = await self.storage.claim(connection)
            store = None if claim is None else self.stores.store_of(claim.connection_id)
            if claim is None or store is None:
                return False
            looks = await self.storage.products(connection, claim, rows_max=WAITING_MAX + 1)
            if len(looks) > WAITING_MAX:
                await self.storage.read_whole_instead(connection, claim)
                return True
            looks = looks[:PRODUCTS_MAX]
            await begin_waiting(connection)
            try:
                items = await store.items_of([look.product_ref for look in looks])
            except StoreError as error:
                wait_s = _pause_s(error, looks)
                await self.storage.failed(connection, claim, looks, next_in_s=wait_s)
                log.warning("products.failed", **_names(claim), reason=str(error), next_in_s=round(wait_s, 1))
                return True
            await self._keep(claim, looks, items)
        metrics.PRODUCTS_LOOKED_AT.inc(len(looks))
        log.info("products.looked_at", **_names(claim), products=[look.product_ref for look in looks], items=len(items))
        return True

    async def next_in_s(self) -> float | None:
        """Until a product is to be looked at; None where there is none."""
        return await self.storage.next_in_s(self.pool)

    async def _keep(self, claim: LookClaim, looks: Sequence[ProductLook], items: Sequence[CatalogueItem]) -> None:
        """In one transaction, alone with the business's stock news and choices."""
        async with self.outbox.transaction() as transaction:
            connection = transaction.connection
            if not await self.connections.hold(connection, claim.connection_id):
                return  # disconnected while its store answered
            await self.connections.lock_business_listings(connection, claim.business_id)
            before = await self.storage.items(connection, claim, [look.product_ref for look in looks])
            read = CatalogueClaim(claim.connection_id, claim.business_id, 0, claim.claimed_at)
            await self.catalogues.save_page(connection, read, items)
            shown = {item.key.item_ref: item for item in items}
            gone = [item.key.item_ref for item in before if item.key.item_ref not in shown]
            await self.storage.forget_items(connection, claim, gone)
            choices = await self.catalogues.choices(connection, claim.connection_id)
            linked = [choices[ref].sku for ref in shown if ref in choices]
            skus = {sku for sku in (*(item.sku for item in (*before, *items)), *linked) if sku is not None}
            drafts = await match_again(
                connection, self.matching, self.catalogues, claim.connection_id, sorted(shown), sorted(skus)
            )
            # What the others show was read some time ago: nothing is known of it now.
            drafts = [one if one.key.item_ref in shown else replace(one, quantity=None) for one in drafts]
            await self.catalogues.save_items(connection, read, drafts, settle_s=self.settle_s)
            await self.targets.fill(connection, claim.connection_id)
            holders = tuple(holders_of(drafts))
            if holders:
                transaction.say(
                    StockHoldersObservedV1(
                        business_id=claim.business_id, connection_id=claim.connection_id, holders=holders
                    )
                )
            await self.storage.done(connection, claim, looks)


def _pause_s(error: StoreError, looks: Sequence[ProductLook]) -> float:
    failures = max(look.consecutive_failures for look in looks)
    return pause_s(error, failures + 1, fraction=random.random())  # noqa: S311  # spreads load, guards nothing


def _names(claim: LookClaim) -> dict[str, object]:
    return {"connection_id": claim.connection_id, "business_id": claim.business_id}

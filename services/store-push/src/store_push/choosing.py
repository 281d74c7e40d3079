"""What an operator says about single items of a store: linked to another SKU, left alone, or neither any more.

It counts at once, from what the catalogue said when it was read last, and for every later reading. Orders name what was
sold by the store's own SKU, so a link is also told to the ledger as "this SKU of the store sells that one's stock".
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from prokip_shared.bus import Outbox
from prokip_shared.database import Connection
from prokip_shared.messages import StockHolder, StockHoldersObservedV1, utc_now
from prokip_shared.platforms.store import CatalogueItem
from store_push.domain.matching import ItemChoice, ListingDraft, holders_of, link_problem
from store_push.rematching import match_again
from store_push.storage.catalogue import CatalogueClaim, CatalogueStorage
from store_push.storage.connections import ConnectionStorage
from store_push.storage.matching import ChosenItem, MatchingStorage
from store_push.storage.targets import TargetStorage


class NoSuchListing(Exception):
    """The business has none with this id."""


class ChoiceRefused(Exception):
    """The words are for the operator."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code
        self.words = words


@dataclass(frozen=True, slots=True)
class Choosing:
    outbox: Outbox
    matching: MatchingStorage
    catalogues: CatalogueStorage
    connections: ConnectionStorage
    targets: TargetStorage
    settle_s: float

    async def choose(self, business_id: int, listing_id: int, choice: ItemChoice | None) -> None:
        """Raises NoSuchListing or ChoiceRefused. None takes an earlier choice back."""
        async with self.outbox.transaction() as transaction:
            connection = transaction.connection
            await self.connections.lock_business_listings(connection, business_id)
            item = await self.matching.item_of(connection, business_id, listing_id)
            if item is None:
                raise NoSuchListing
            if choice is not None and choice.sku is not None:
                await self._refuse_unfit(connection, business_id, item, choice.sku)
            await self.matching.choose(connection, item, choice)
            drafts = await self._match_again(connection, item, choice)
            claim = CatalogueClaim(item.connection_id, business_id, 0, utc_now())
            await self.catalogues.save_items(connection, claim, drafts, settle_s=self.settle_s)
            await self.targets.fill(connection, item.connection_id)
            holders = _holders(drafts, item)
            if holders:
                transaction.say(
                    StockHoldersObservedV1(
                        business_id=business_id, connection_id=item.connection_id, holders=tuple(holders)
                    )
                )

    async def _refuse_unfit(self, connection: Connection, business_id: int, item: ChosenItem, sku: str) -> None:
        if not await self.matching.known_in_prokip(connection, business_id, item.location_id, sku):
            raise ChoiceRefused("sku_not_in_prokip", f"Prokip tells no quantity of the SKU {sku} at this location.")
        choices = await self.catalogues.choices(connection, item.connection_id)
        around = await self._around(connection, item, [sku])
        problem = link_problem(around, choices, item.item_ref, sku)
        if problem is not None:
            raise ChoiceRefused("not_linkable", problem)

    async def _around(self, connection: Connection, item: ChosenItem, skus: Sequence[str]) -> list[CatalogueItem]:
        """Every item that decides about the state of the given one under any of these SKUs."""
        own = await self.matching.items_meaning(connection, item.connection_id, (), [item.item_ref])
        named = {*skus, *(one.sku for one in own if one.sku is not None)}
        return await self.matching.items_meaning(connection, item.connection_id, sorted(named), [item.item_ref])

    async def _match_again(
        self, connection: Connection, item: ChosenItem, choice: ItemChoice | None
    ) -> list[ListingDraft]:
        """The item and all that share a SKU with it, before or after. What the store shows is not taken from the old
        reading: a push looks itself.
        """
        chosen = [one.sku for one in (item.choice, choice) if one is not None and one.sku is not None]
        own = await self.matching.items_meaning(connection, item.connection_id, (), [item.item_ref])
        skus = sorted({*chosen, *(one.sku for one in own if one.sku is not None)})
        drafts = await match_again(
            connection, self.matching, self.catalogues, item.connection_id, [item.item_ref], skus
        )
        return [replace(draft, quantity=None) for draft in drafts]


def _holders(drafts: Sequence[ListingDraft], item: ChosenItem) -> list[StockHolder]:
    """What is linked now; and of the item itself that it is not, where it was."""
    found = holders_of(drafts)
    told = {holder.sku for holder in found}
    chosen = next(draft for draft in drafts if draft.key.item_ref == item.item_ref)
    was_linked = item.choice is not None and item.choice.kind == "linked"
    if was_linked and chosen.store_sku is not None and chosen.store_sku not in told:
        found.append(StockHolder(sku=chosen.store_sku, held_by=chosen.store_sku))
    return found

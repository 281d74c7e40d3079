"""From a store's catalogue to listings: exact SKUs, at variant level, and nothing ambiguous."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from prokip_shared.messages import StockHolder
from prokip_shared.platforms.store import CatalogueItem, ItemKey
from store_push.domain.decisions import REASON_OF_STATE, STATE_OF_LEVEL
from store_push.domain.listings import ListingState


@dataclass(frozen=True, slots=True)
class ListingDraft:
    """What the catalogue says of one item."""

    key: ItemKey
    sku: str | None
    held_by: str | None
    state: ListingState
    reason: str
    quantity: int | None
    """What the store shows; None where it counts nothing of its own."""


def match_catalogue(items: Sequence[CatalogueItem]) -> list[ListingDraft]:
    """One draft for each item. An SKU that two items with a stock of their own share is pushed to neither."""
    counts = Counter(item.sku for item in items if item.sku is not None and item.level.state == "own")
    return [_draft(item, counts) for item in items]


def _draft(item: CatalogueItem, counts: Counter[str]) -> ListingDraft:
    state = STATE_OF_LEVEL[item.level.state]
    if state == "matched" and item.sku is None:
        state = "no_sku"
    elif state == "matched" and item.sku is not None and counts[item.sku] > 1:
        state = "duplicate_sku"
    held_by = item.parent_sku if state == "held_by_parent" else None
    quantity = item.level.quantity if item.level.state == "own" else None
    return ListingDraft(item.key, item.sku, held_by, state, REASON_OF_STATE[state], quantity)


def holders_of(drafts: Sequence[ListingDraft]) -> list[StockHolder]:
    """Which SKUs sell another SKU's stock, sorted and each once."""
    held = {draft.sku: draft.held_by for draft in drafts if draft.sku is not None and draft.held_by is not None}
    return [StockHolder(sku=sku, held_by=held_by) for sku, held_by in sorted(held.items()) if sku != held_by]

"""From a store's catalogue to listings: exact SKUs, at variant level, and nothing ambiguous."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from prokip_shared.messages import StockHolder
from prokip_shared.platforms.store import CatalogueItem, ItemKey
from store_push.domain.decisions import REASON_OF_STATE, STATE_OF_LEVEL
from store_push.domain.listings import ListingState

ChoiceKind = Literal[
    "linked",  # the item sells the stock of a SKU that is not its own
    "ignored",  # the item is left alone
]
SHARED_OWN_SKU: Final = (
    "it is linked, but its own SKU is missing or on several items of this store, so its sales cannot be told apart"
)


@dataclass(frozen=True, slots=True)
class ItemChoice:
    """What an operator said about one item; it outlives every reading of the catalogue."""

    kind: ChoiceKind
    sku: str | None = None
    """Of a link: the SKU in Prokip."""


NO_CHOICES: Final[Mapping[str, ItemChoice]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ListingDraft:
    """What the catalogue, and what an operator said of it, make of one item."""

    key: ItemKey
    sku: str | None
    """Whose stock it is to show: its own SKU, or the one that it is linked to."""
    held_by: str | None
    state: ListingState
    reason: str
    quantity: int | None
    """What the store shows; None where it counts nothing of its own."""
    store_sku: str | None = None
    """As its orders name it."""


def match_catalogue(
    items: Sequence[CatalogueItem], choices: Mapping[str, ItemChoice] = NO_CHOICES
) -> list[ListingDraft]:
    """One draft for each item. A SKU that two items with a stock of their own share is pushed to neither, unless an
    operator had all but one of them ignored. `choices` by item_ref.
    """
    meant = {item.key.item_ref: _meant_sku(item, choices) for item in items}
    own = [item for item in items if item.level.state == "own"]
    counts = Counter(meant[item.key.item_ref] for item in own if not _ignored(item, choices))
    named = Counter(item.sku for item in items)
    return [_draft(item, meant[item.key.item_ref], choices.get(item.key.item_ref), counts, named) for item in items]


def _meant_sku(item: CatalogueItem, choices: Mapping[str, ItemChoice]) -> str | None:
    choice = choices.get(item.key.item_ref)
    return item.sku if choice is None or choice.kind == "ignored" else choice.sku


def _ignored(item: CatalogueItem, choices: Mapping[str, ItemChoice]) -> bool:
    choice = choices.get(item.key.item_ref)
    return choice is not None and choice.kind == "ignored"


def _draft(
    item: CatalogueItem,
    sku: str | None,
    choice: ItemChoice | None,
    counts: Counter[str | None],
    named: Counter[str | None],
) -> ListingDraft:
    state = STATE_OF_LEVEL[item.level.state]
    reason = ""
    if choice is not None and choice.kind == "ignored":
        state = "ignored"
    elif state == "matched" and sku is None:
        state = "no_sku"
    elif state == "matched" and counts[sku] > 1:
        state = "duplicate_sku"
    elif state == "matched" and choice is not None and not _told_apart(item, named):
        state, reason = "duplicate_sku", SHARED_OWN_SKU
    held_by = item.parent_sku if state == "held_by_parent" else None
    quantity = item.level.quantity if item.level.state == "own" else None
    return ListingDraft(item.key, sku, held_by, state, reason or REASON_OF_STATE[state], quantity, item.sku)


def _told_apart(item: CatalogueItem, named: Counter[str | None]) -> bool:
    """Orders name what was sold by the store's own SKU: a link holds only where no other item has the same."""
    return item.sku is not None and named[item.sku] == 1


def holders_of(drafts: Sequence[ListingDraft]) -> list[StockHolder]:
    """Which SKUs of the store sell another SKU's stock, sorted and each once: variations of a parent that holds the
    stock, and items that an operator linked.
    """
    held = {draft.sku: draft.held_by for draft in drafts if draft.sku is not None and draft.held_by is not None}
    linked = {
        draft.store_sku: draft.sku
        for draft in drafts
        if draft.state == "matched" and draft.store_sku is not None and draft.sku is not None
    }
    found = {**held, **{own: sku for own, sku in linked.items() if own != sku}}
    return [StockHolder(sku=sku, held_by=held_by) for sku, held_by in sorted(found.items()) if sku != held_by]


def link_problem(
    items: Sequence[CatalogueItem], choices: Mapping[str, ItemChoice], item_ref: str, sku: str
) -> str | None:
    """Why the item cannot be linked to this SKU; None where it can. `items`: all that mean the SKU, or have the item's
    own one.
    """
    item = next((one for one in items if one.key.item_ref == item_ref), None)
    if item is None:
        return "The store's catalogue does not name this item any more."
    if item.level.state != "own":
        return f"It cannot be written to: {REASON_OF_STATE[STATE_OF_LEVEL[item.level.state]]}."
    if item.sku is None:
        return "Give the item a SKU in the store first: its orders would not tell what was sold."
    if not _told_apart(item, Counter(one.sku for one in items)):
        return f"Several items of this store have the SKU {item.sku}, so the orders would not tell which was sold."
    others = [
        one
        for one in items
        if one is not item
        and one.level.state == "own"
        and not _ignored(one, choices)
        and _meant_sku(one, choices) == sku
    ]
    if others:
        named = others[0].name or f"item {others[0].key.item_ref}"
        return f"This store has an item for the SKU {sku} already: {named}. Leave that one alone first."
    return None

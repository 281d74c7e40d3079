"""Items matched again, with all that share a SKU with them."""

from collections.abc import Sequence

from prokip_shared.database import Connection
from store_push.domain.matching import ListingDraft, match_catalogue
from store_push.storage.catalogue import CatalogueStorage
from store_push.storage.matching import MatchingStorage


async def match_again(
    connection: Connection,
    matching: MatchingStorage,
    catalogues: CatalogueStorage,
    connection_id: int,
    item_refs: Sequence[str],
    skus: Sequence[str],
) -> list[ListingDraft]:
    """Drafts of the named items and of every item that means one of these SKUs, as the whole catalogue would make them."""
    near = await matching.items_meaning(connection, connection_id, skus, item_refs)
    choices = await catalogues.choices(connection, connection_id)
    theirs = {choices[one.key.item_ref].sku for one in near if one.key.item_ref in choices}
    named = {*skus, *(one.sku for one in near), *theirs}
    whole = await matching.items_meaning(
        connection, connection_id, sorted(sku for sku in named if sku is not None), item_refs
    )
    refs = {one.key.item_ref for one in near}
    return [draft for draft in match_catalogue(whole, choices) if draft.key.item_ref in refs]

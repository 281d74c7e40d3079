"""A store's catalogue: how its reading goes, and what matches what."""

from typing import Annotated, Literal

from pydantic import Field

from gateway.models.base import Answer, Given, PageQuery, Quantity, Time

MatchKind = Literal[
    "matched",
    "only_in_store",
    "only_in_prokip",
    "rule",
    "left_alone",
    "no_quantity",
    "duplicate_sku",
    "no_sku",
    "not_tracked",
    "inactive",
    "held_by_parent",
    "ignored",
    "gone",
]


class Reading(Answer):
    """How a store's catalogue is read."""

    state: Literal["waiting", "reading", "read", "failed"]
    """`reading`: page by page; `failed`: the last try failed, and it goes on at the same page after a pause."""
    since: Time | None
    """When the reading under way began; None where none is."""
    counted: int
    """How far it is, or was at its end, in what the platform counts: WooCommerce products, Shopify variants."""
    total: int | None
    """How many of those the store has; None where it does not tell."""
    read_at: Time | None
    """When the last complete reading began; None: there was none yet."""
    next_at: Time | None
    error: str | None


class Catalogue(Answer):
    reading: Reading
    counts: dict[MatchKind, int]
    """Items by kind; kinds without any are left out."""


class CatalogueQuery(PageQuery):
    kind: MatchKind | None = None
    search: Annotated[str, Field(max_length=255)] = ""
    cursor: Annotated[str, Field(max_length=2000, pattern=r"^[A-Za-z0-9_=-]+$")] | None = None


class CatalogueItem(Answer):
    """One item of the store, or one SKU of Prokip that the store does not have."""

    listing_id: int | None
    """None where the store has no such item."""
    sku: str | None
    """Whose stock it shows."""
    store_sku: str | None
    """Its SKU in the store; another one where it was linked by hand."""
    name: str
    kind: MatchKind
    choice: Literal["linked", "ignored"] | None
    """What was said about it by hand."""
    why: str
    """Why it is, or is not, written to."""
    available: Quantity | None
    """What there is, by the ledger."""
    believed: Quantity | None
    """What the store is believed to show."""


class LinkListing(Given):
    sku: Annotated[str, Field(min_length=1, max_length=255)]
    """In Prokip."""

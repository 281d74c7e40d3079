"""What the platforms have in common, as values: items, levels, writes and their results."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal

from prokip_shared.messages import OrderSnapshot

NAME_CHARS_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class ItemKey:
    """Where one quantity lives in a store."""

    item_ref: str
    """WooCommerce product or variation id; Shopify inventory item id (digits); the SKU in custom stores."""
    parent_ref: str | None = None
    """WooCommerce: the product that a variation belongs to."""
    place_ref: str | None = None
    """Shopify: location id (digits)."""


LevelState = Literal["own", "parent", "untracked", "inactive", "gone"]
"""own: the item has a quantity of its own; parent: its parent product holds it (WooCommerce); untracked: the store
does not count it; inactive: not stocked at the connection's location (Shopify); gone: the store does not know it."""


@dataclass(frozen=True, slots=True)
class Level:
    state: LevelState
    quantity: int | None
    """None unless the state is own (or inactive, where Shopify keeps the old number)."""


@dataclass(frozen=True, slots=True)
class CatalogueItem:
    key: ItemKey
    sku: str | None
    level: Level
    parent_sku: str | None = None
    """The SKU that really holds the stock, where the level is the parent's."""
    name: str = ""
    """As shoppers read it."""
    product_ref: str | None = None
    """The store's id of the product that it is a variant of; of itself where it is one."""
    variant_ref: str | None = None
    """Shopify: the variant's id (digits), which prices belong to."""
    price: Decimal | None = None
    """The regular one, in the store's currency; None where the store names none."""


@dataclass(frozen=True, slots=True)
class CataloguePage:
    items: tuple[CatalogueItem, ...]
    next_cursor: str | None
    counted: int | None = None
    """How many of what the platform counts are on the page (WooCommerce: products); None: its items."""
    total: int | None = None
    """How many of those the store has in all; None where it does not tell."""


@dataclass(frozen=True, slots=True)
class QuantityWrite:
    key: ItemKey
    sku: str
    quantity: int
    change_from: int | None
    """The quantity that is written over; None where the platform is told no such thing (custom stores)."""


@dataclass(frozen=True, slots=True)
class OrdersPage:
    """Orders in the order in which the store changed them."""

    orders: tuple[OrderSnapshot, ...]
    unreadable: tuple[str, ...]
    """Orders of which no snapshot could be made: the store's id and the reason, without personal data."""
    next_cursor: str | None
    store_clock: datetime | None
    """The time at the store when it answered; None where it does not tell."""


@dataclass(frozen=True, slots=True)
class QueryPoints:
    """A bucket of query points that fills up by itself, as an answer of the store told it."""

    available_points: float
    restored_points_per_s: float
    maximum_points: float
    asked_points: float
    """What the query that told it had asked for."""


WriteOutcome = Literal["written", "stale", "untouched", "refused", "not_tracked", "gone"]
"""stale: the store shows another quantity than expected; untouched: left alone because a neighbour failed, may be
sent again at once; refused: never succeeds as it is; not_tracked and gone: as LevelState."""


@dataclass(frozen=True, slots=True)
class WriteResult:
    outcome: WriteOutcome
    answered: int | None = None
    """The quantity that the store's answer names, where it names one."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class StoreCheck:
    """What a check of credentials found out."""

    store_key: str
    """As the store's webhooks name it; two connections with the same key are the same store."""
    store_name: str
    store_clock: datetime | None
    """The time at the store; what it sold before this moment is no sale of the connection."""
    problems: tuple[str, ...] = ()
    """What must be put right before connecting, in plain words; empty when all is well."""


@dataclass(frozen=True, slots=True)
class StoreLocation:
    place_ref: str
    name: str
    active: bool


def clean_name(text: str) -> str:
    """One line that a database can hold."""
    return " ".join(text.replace("\0", "").split())[:NAME_CHARS_MAX]


def chunks(keys: Sequence[ItemKey], keys_max: int) -> list[tuple[ItemKey, ...]]:
    return [tuple(keys[start : start + keys_max]) for start in range(0, len(keys), keys_max)]

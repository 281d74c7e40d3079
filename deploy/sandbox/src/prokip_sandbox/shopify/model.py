"""What one simulated Shopify shop holds."""

from dataclasses import dataclass, field
from typing import Any

from prokip_sandbox.values import Clock

API_VERSION = "2026-10"
API_VERSIONS = ("2026-01", "2026-04", "2026-07", "2026-10")
SCOPES = (
    "read_products",
    "write_products",
    "read_inventory",
    "write_inventory",
    "read_locations",
    "read_orders",
    "write_orders",
)
LEVEL_NUMBER_OFFSET = 34_415_640_576  # the number in a level's gid is not the location's id


@dataclass
class Location:
    id: int
    name: str
    created_s: float
    is_active: bool = True


@dataclass
class Level:
    """Stock of one item at one location; on hand = available + committed."""

    item_id: int
    location_id: int
    available: int
    updated_s: float
    committed: int = 0
    is_active: bool = True

    @property
    def gid(self) -> str:
        return gid("InventoryLevel", f"{self.location_id + LEVEL_NUMBER_OFFSET}?inventory_item_id={self.item_id}")


@dataclass
class Item:
    id: int
    variant_id: int
    sku: str
    created_s: float
    updated_s: float
    tracked: bool = True
    levels: dict[int, Level] = field(default_factory=dict)  # by location id


@dataclass
class Variant:
    id: int
    product_id: int
    item_id: int
    title: str
    price_cents: int
    position: int
    policy: str = "DENY"


@dataclass
class Product:
    id: int
    title: str
    created_s: float
    updated_s: float
    variant_ids: list[int] = field(default_factory=list)
    handle: str = ""  # empty: made from the title
    status: str = "ACTIVE"
    images: list[str] = field(default_factory=list)


@dataclass
class LineItem:
    """`location_id` is where its units are committed; None for untracked items."""

    id: int
    variant_id: int
    title: str
    sku: str
    quantity: int
    price_cents: int
    location_id: int | None
    refunded: int = 0
    fulfilled: int = 0

    @property
    def current_quantity(self) -> int:
        return self.quantity - self.refunded

    @property
    def unfulfilled(self) -> int:
        return max(self.current_quantity - self.fulfilled, 0)


@dataclass
class RefundLine:
    id: int
    line_id: int
    quantity: int
    restock_type: str  # no_restock, cancel or return
    location_id: int | None


@dataclass
class Refund:
    id: int
    created_s: float
    note: str
    lines: list[RefundLine]


@dataclass
class Order:
    id: int
    number: int
    created_s: float
    updated_s: float
    lines: list[LineItem]
    refunds: list[Refund] = field(default_factory=list)
    cancelled_s: float | None = None
    cancel_reason: str | None = None

    @property
    def total_cents(self) -> int:
        return sum(line.quantity * line.price_cents for line in self.lines)

    @property
    def current_cents(self) -> int:
        return sum(line.current_quantity * line.price_cents for line in self.lines)


@dataclass
class Subscription:
    id: int
    topic: str  # ORDERS_CREATE
    uri: str
    created_s: float
    updated_s: float
    include_fields: list[str] = field(default_factory=list)
    filter: str | None = None
    name: str | None = None
    client_id: str = ""  # the app that made it, whose secret signs its deliveries


@dataclass
class Remembered:
    """The outcome of one idempotent mutation, by its key; `result` None while it is still in progress."""

    fingerprint: str
    at_s: float
    result: dict[str, Any] | None
    failed: bool = False


@dataclass
class RefreshGrant:
    expires_s: float
    replaces: str | None = None  # the refresh token that stays good until this one is used


@dataclass
class ShopState:
    """Everything that a restart keeps."""

    locations: dict[int, Location] = field(default_factory=dict)
    products: dict[int, Product] = field(default_factory=dict)
    variants: dict[int, Variant] = field(default_factory=dict)
    items: dict[int, Item] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    subscriptions: dict[int, Subscription] = field(default_factory=dict)
    remembered: dict[str, Remembered] = field(default_factory=dict)
    access_tokens: dict[str, float] = field(default_factory=dict)  # until when, in seconds since the epoch
    own_app_tokens: list[str] = field(default_factory=list)  # those of them that the shop's own app was given
    refresh_grants: dict[str, RefreshGrant] = field(default_factory=dict)
    last_id: int = 7_000_000_000_000

    def next_id(self) -> int:
        self.last_id += 1
        return self.last_id


@dataclass(frozen=True, slots=True)
class ShopSite:
    """What a shop's parts need to know of their surroundings."""

    domain: str
    clock: Clock


def gid(kind: str, number: int | str) -> str:
    return f"gid://shopify/{kind}/{number}"


def number_of(global_id: str, kind: str) -> int:
    """The number in a gid of this kind; 0, which nothing has, for anything else."""
    prefix = f"gid://shopify/{kind}/"
    number = global_id.removeprefix(prefix).partition("?")[0]
    return int(number) if global_id.startswith(prefix) and number.isdigit() else 0

"""The frozen, versioned vocabulary between services.

A class never changes once it has shipped: a breaking change is a new class with the next version, and both are
sent for a stated time. Every class has a golden file in tests/contract/messages. Quantities are decimals and
travel as JSON strings, so that no reader rounds them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Final, Literal
from uuid import UUID, uuid4

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Platform = Literal["shopify", "woocommerce", "custom"]
Sku = Annotated[str, Field(min_length=1, max_length=255)]


class Value(BaseModel):
    """Part of a message: immutable, and deaf to fields that a newer sender may add."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Message(Value):
    message_id: UUID = Field(default_factory=uuid4)
    correlation_id: str = Field(default_factory=lambda: uuid4().hex)
    """Follows one outside event (a webhook, a poll, an operator's click) through every service and log line."""
    business_id: int
    type: str


@dataclass(frozen=True, slots=True)
class Encoded:
    """Messages of one type that are written already, by a sender of so many that making objects of them costs too much."""

    type: str
    messages: Sequence[bytes]
    """Each as its class would be encoded; the sender's tests hold them to it."""


class OrderLine(Value):
    line_ref: str
    """The store's own id of the line; stable while the order lives."""
    sku: str | None
    """None where the store names no SKU (product without one, or deleted since)."""
    ordered: Decimal
    taken: Decimal
    """Units that the store holds as sold right now; 0 after a cancel, less after a restocking refund."""
    unit_price: Decimal | None = None


class OrderSnapshot(Value):
    """The whole stock-relevant state of one store order at one version; no personal data."""

    order_ref: str
    order_number: str
    status: str
    created_at: AwareDatetime | None
    modified_at: AwareDatetime | None
    """The store's own version clock (1 s resolution); None where the platform has no such clock."""
    lines: tuple[OrderLine, ...]
    partial: bool = False
    """True: lines that are not named keep their state (custom stores tell one line at a time)."""


class OrderObservedV1(Message):
    """A store order was seen in some state, by webhook or by sweep."""

    type: Literal["order.observed.v1"] = "order.observed.v1"
    connection_id: int
    location_id: str
    """The Prokip location whose stock the connection sells."""
    source: Literal["webhook", "sweep"]
    observed_at: AwareDatetime
    predates_connection: bool
    """True: the order is older than the connection, so what it holds is a baseline and moves nothing."""
    order: OrderSnapshot
    topic: str | None = None
    """The webhook's, in the platform's words; None: from a sweep."""


class ProductItem(Value):
    """What a store's webhook tells of one item."""

    item_ref: str
    """WooCommerce product or variation id; Shopify inventory item id (digits)."""
    sku: str | None
    tracked: bool | None
    """Whether the store counts it; None where it is not told."""


class ProductHint(Value):
    """What a store's webhook tells of one product: enough to see whether its catalogue was read like that."""

    product_ref: str
    items_count: int | None
    """How many items it has in all; 0: it is gone. None where it is not told."""
    items: tuple[ProductItem, ...]
    """Not all of them where there are many."""


class LevelHintedV1(Message):
    """A store says that a quantity changed; worth a look, never a number to believe."""

    type: Literal["level.hinted.v1"] = "level.hinted.v1"
    connection_id: int
    item_ref: str
    """WooCommerce product or variation id; Shopify inventory item id (digits)."""
    place_ref: str | None
    """Shopify location id (digits); None elsewhere."""
    quantity: Decimal | None
    observed_at: AwareDatetime
    product: ProductHint | None = None
    """WooCommerce tells a quantity in the same breath as the product that has it."""


class ProductHintedV1(Message):
    """A store says that a product was made, changed or removed; worth a look, never a catalogue to believe."""

    type: Literal["product.hinted.v1"] = "product.hinted.v1"
    connection_id: int
    product: ProductHint
    observed_at: AwareDatetime


class ConnectionUninstalledV1(Message):
    """The store removed our access; nothing can be pushed until the operator connects again."""

    type: Literal["connection.uninstalled.v1"] = "connection.uninstalled.v1"
    connection_id: int
    reason: str


class ConnectionRedactedV1(Message):
    """The platform wants what is kept of a store that has left to be erased."""

    type: Literal["connection.redacted.v1"] = "connection.redacted.v1"
    connection_id: int


class ConnectionChangedV1(Message):
    """An operator changed a connection (or Prokip's settings, connection_id None); readers look it up again."""

    type: Literal["connection.changed.v1"] = "connection.changed.v1"
    connection_id: int | None
    change: Literal["connected", "updated", "paused", "resumed", "disconnected", "prokip_configured"]


class SyncRequestedV1(Message):
    """An operator wants a whole round now: poll, apply, push."""

    type: Literal["sync.requested.v1"] = "sync.requested.v1"
    round_id: UUID
    connection_id: int | None
    """None: every connection of the business."""


class RoundPart(Value):
    """Which share of a round a message carries; a round is through a service when all parts are."""

    round_id: UUID
    connection_id: int | None
    part: int
    parts: int


class Observation(Value):
    sku: Sku
    quantity: Decimal
    """Q: what Prokip answered."""
    recorded: Decimal
    """R: units of the SKU that Prokip had been told were sold by us when the page was read."""


class ProkipObservedV1(Message):
    """What Prokip holds at one location, for SKUs whose (Q, R) changed since they were last sent."""

    type: Literal["prokip.observed.v1"] = "prokip.observed.v1"
    location_id: str
    sequence: int
    """Rises with every read of the location; an older observation never wins."""
    items: tuple[Observation, ...]
    first_read_complete: bool
    """True in the one reading that tells the whole catalogue of the location: when all of its parts are here, a SKU that
    none of them names is unknown to Prokip."""
    part: int = 1
    parts: int = 1
    """Of the reading with this sequence; they may arrive in any order."""
    round: RoundPart | None = None


class ProkipHeldV1(Message):
    """A read of Prokip would change too much and waits for a person, or what became of such a read."""

    type: Literal["prokip.held.v1"] = "prokip.held.v1"
    location_id: str
    read_id: int
    state: Literal["held", "passed", "released", "refused", "undone", "reconsidered"]
    """passed: a newer read was fine again. undone: of any read, held before or not."""
    skus: int
    """How many SKUs it is about."""
    detail: str
    """Why it was held; empty for what a person decided."""


class StockItem(Value):
    sku: Sku
    available: Decimal | None
    """None while Prokip has not told a quantity: nothing may be pushed."""
    revision: int
    """Rises with every change of this SKU at this location; the higher one is the newer."""
    taken: dict[int, Decimal]
    """Units held as sold per connection id, for the quantity that each store is believed to show."""
    correlation_id: str


class StockChangedV1(Message):
    """The ledger's newest word on some SKUs of one location; state, so the highest revision wins."""

    type: Literal["stock.changed.v1"] = "stock.changed.v1"
    location_id: str
    items: tuple[StockItem, ...]
    round: RoundPart | None = None


class CountedOrder(Value):
    order_ref: str
    observed_at: AwareDatetime
    """Of the `order.observed` that is answered, as that had it: a later word on the order is another one."""


class OrdersCountedV1(Message):
    """What sweeps told of some orders of one store is in the ledger. Whoever keeps the quantities knows what they tell."""

    type: Literal["orders.counted.v1"] = "orders.counted.v1"
    connection_id: int
    location_id: str
    orders: tuple[CountedOrder, ...]
    items: tuple[StockItem, ...]
    """Every SKU that these orders count against, or did before: its newest word, which includes them."""


class SaleLine(Value):
    sku: Sku
    units: Decimal
    """Units that Prokip should know as sold for this order and SKU: a state, not a difference."""
    unit_price: Decimal | None
    stock_revision: int
    """The revision of the SKU's stock that holds this sale; a store that shows it or a later one is up to date."""


class SaleDueV1(Message):
    """What Prokip should know of one store order; the highest revision wins."""

    type: Literal["sale.due.v1"] = "sale.due.v1"
    connection_id: int
    location_id: str
    order_ref: str
    order_number: str
    status: str
    sold_at: AwareDatetime
    revision: int
    lines: tuple[SaleLine, ...]


SaleState = Literal["recorded", "in_doubt", "refused", "return_unsupported"]


class SaleRecordedV1(Message):
    """What became of telling Prokip about one order."""

    type: Literal["sale.recorded.v1"] = "sale.recorded.v1"
    connection_id: int
    location_id: str
    order_ref: str
    revision: int
    """The `sale.due` revision that was carried out or tried."""
    state: SaleState
    prokip_sell_id: str | None
    detail: str
    """Prokip's own words where it refused, else a sentence for the operator."""


class StockOversoldV1(Message):
    """More was sold than there is: the available quantity went below zero."""

    type: Literal["stock.oversold.v1"] = "stock.oversold.v1"
    location_id: str
    sku: Sku
    available: Decimal


class StockHolder(Value):
    sku: Sku
    held_by: Sku


class StockHoldersObservedV1(Message):
    """Some SKUs of a store have no stock of their own; their sales come out of another SKU's (a parent product's)."""

    type: Literal["stock.holders_observed.v1"] = "stock.holders_observed.v1"
    connection_id: int
    holders: tuple[StockHolder, ...]


class BundlePart(Value):
    sku: Sku
    quantity: Decimal
    """Units of it in one bundle; above zero."""


class BundleChangedV1(Message):
    """An operator said what a SKU is made of, or that it is no bundle any more."""

    type: Literal["bundle.changed.v1"] = "bundle.changed.v1"
    sku: Sku
    version: int
    """Rises with every change; of two the higher one counts."""
    parts: tuple[BundlePart, ...]
    """Empty: it is no bundle."""


class PushedListing(Value):
    listing_id: int
    sku: Sku
    target: Decimal
    revision: int
    outcome: Literal["written", "already", "refused", "conflict"]
    """already: the store showed the target without a write; conflict: it showed something unexplained."""
    expected: Decimal | None
    detail: str
    correlation_id: str


class ListingPushedV1(Message):
    """What one batch of writes to one store did."""

    type: Literal["listing.pushed.v1"] = "listing.pushed.v1"
    connection_id: int
    pushed_at: AwareDatetime
    listings: tuple[PushedListing, ...]


class DriftFoundV1(Message):
    """A store showed a quantity that neither our writes nor its orders explain."""

    type: Literal["drift.found.v1"] = "drift.found.v1"
    connection_id: int
    sku: Sku
    expected: Decimal
    shown: Decimal
    cause: str


ConnectionHealth = Literal["healthy", "throttled", "failing", "needs_reauthorisation"]


class ConnectionHealthChangedV1(Message):
    """How a store answers us; sent when the state changes."""

    type: Literal["connection.health_changed.v1"] = "connection.health_changed.v1"
    connection_id: int
    health: ConnectionHealth
    since: AwareDatetime
    detail: str


class SyncedConnection(Value):
    connection_id: int
    state: Literal["confirmed", "failing", "paused"]
    listings: int
    detail: str


class SyncCompletedV1(Message):
    """A round is over: Prokip was read, the ledger moved, every store confirmed or is known to fail."""

    type: Literal["sync.completed.v1"] = "sync.completed.v1"
    round_id: UUID
    state: Literal["completed", "failed"]
    detail: str
    connections: tuple[SyncedConnection, ...]


MESSAGE_TYPES: Final[dict[str, type[Message]]] = {
    cls.model_fields["type"].default: cls
    for cls in (
        OrderObservedV1,
        LevelHintedV1,
        ProductHintedV1,
        ConnectionRedactedV1,
        ConnectionUninstalledV1,
        ConnectionChangedV1,
        SyncRequestedV1,
        ProkipObservedV1,
        ProkipHeldV1,
        StockChangedV1,
        OrdersCountedV1,
        SaleDueV1,
        SaleRecordedV1,
        StockOversoldV1,
        StockHoldersObservedV1,
        BundleChangedV1,
        ListingPushedV1,
        DriftFoundV1,
        ConnectionHealthChangedV1,
        SyncCompletedV1,
    )
}
"""Wire name to class; the one list that publishers, consumers and golden files share."""


def utc_now() -> datetime:
    """The time for handlers and composition roots; domain code takes times as arguments."""
    return datetime.now(UTC)

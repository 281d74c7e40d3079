from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from gateway.models.base import Answer, Given, LocationId, PageQuery, Quantity, Time
from gateway.models.bundles import PartStock
from gateway.models.connections import ListingState
from gateway.models.rules import Locations, Pushing
from prokip_shared.messages import Sku

StockState = Literal["managed", "pending", "unmatched", "oversold", "bundle"]


class StockQuery(PageQuery):
    search: Annotated[str, Field(max_length=255)] = ""
    state: StockState | None = None
    location_id: LocationId | None = None


class StockRow(Answer):
    sku: str
    location_id: str
    available: Quantity | None
    """None while Prokip has told no quantity."""
    base: Quantity
    taken: Quantity
    state: StockState
    revision: int
    updated_at: Time


class SkuQuery(Given):
    sku: Sku
    location_id: LocationId | None = None
    """Needed where several locations hold the SKU."""


class MomentQuery(SkuQuery):
    moment: AwareDatetime
    """With an offset or Z; in the past."""


class SkuPageQuery(PageQuery):
    sku: Sku
    location_id: LocationId | None = None


class SkuPushesQuery(PageQuery):
    sku: Sku


class Movement(Answer):
    id: int
    """The revision of the SKU's stock that this movement made."""
    at: Time
    sku: str
    location_id: str
    cause: str
    delta: Quantity
    balance: Quantity
    connection_id: int | None
    order_ref: str | None
    order_number: str | None
    """The order's name for people; null where no order moved it."""
    correlation_id: str | None


class StockAt(Answer):
    """What there was at a past moment, by when the ledger learned of it."""

    sku: str
    location_id: str
    moment: Time
    available: Quantity | None
    """None: unknown, because Prokip had told no quantity yet."""
    movement: Movement | None
    """The one that had made it so; None before the first."""


class StoreListing(Answer):
    """What one store shows of a SKU, and how that comes about: `believed = confirmed - takenSince`."""

    id: int
    connection_id: int
    location_id: str
    name: str
    """The store's own numbers for it."""
    state: ListingState
    """Only `matched` ones are written to."""
    available: Quantity | None
    """The ledger's word, with fractions and below zero; None while Prokip has told no quantity."""
    target: Quantity | None
    """What it should show: `available` less the buffer, not below zero, not above the maximum, without fractions."""
    confirmed: Quantity | None
    """What it showed at our last confirmed write or read."""
    confirmed_at: Time | None
    taken_since: Quantity
    """Units that this store has sold since, by its own orders; below zero where it took back."""
    believed: Quantity | None
    """What it is believed to show now."""
    due_at: Time | None
    """When it is looked at or written next; None: nothing is to be done."""
    gap: Quantity | None
    """What it was seen to show beyond what is believed, while that is unexplained."""
    gap_since: Time | None
    held_since: Time | None
    """Since when it is not written because an operator decides about a difference."""
    buffer: Quantity
    """Kept back by a rule."""
    shown_max: int | None
    """The most that a rule lets it show."""
    push: Pushing
    sku_buffer: Quantity | None
    """The SKU's own, where it differs from the store's."""
    sku_shown_max: int | None
    locations: Locations
    places: dict[str, Quantity | None] | None
    """What each Prokip location has, where the store shows the sum of all."""
    detail: str
    sentence: str


class ExplanationPart(Answer):
    """Some of the units in `taken`."""

    label: str
    """Empty for an order, which is named by its store and number."""
    quantity: Quantity
    connection_id: int | None = None
    order_ref: str | None = None
    order_number: str | None = None
    prokip_state: str | None = None
    """As of a sale; `posting` while Prokip is being told."""
    open: bool = False
    """Prokip does not know the order's newest state, or is not known to know it."""
    detail: str = ""
    """Prokip's words where it refused, or what a person should know."""
    bundle_units: Quantity = Decimal(0)
    """Of these, what the order sold as part of a bundle."""
    bundle_skus: tuple[str, ...] = ()
    """Which bundles those were."""


class Explanation(Answer):
    """`available = prokipQuantity + recorded - taken`; the parts add up to `taken`. Of a bundle: the least that a SKU of
    `madeOf` makes.
    """

    sku: str
    location_id: str
    state: StockState
    available: Quantity | None
    base: Quantity
    taken: Quantity
    prokip_quantity: Quantity | None
    recorded: Quantity | None
    observed_at: Time | None
    revision: int
    open_units: Quantity
    """Those in `taken` whose orders are open."""
    bundle_units: Quantity
    """Those in `taken` that the listed orders sold as part of a bundle: the stores lowered the bundle's number by them."""
    made_of: list[PartStock]
    """Empty: it is no bundle."""
    parts: list[ExplanationPart]
    """Open orders first, then those that moved the SKU last."""
    adds_up: bool
    sentence: str


class Push(Answer):
    """One quantity that was sent to a store, or the finding that none had to be."""

    id: int
    at: Time
    connection_id: int
    sku: str
    expected: Quantity | None
    """What the store was believed to show."""
    target: Quantity | None
    outcome: str
    detail: str
    correlation_id: str | None

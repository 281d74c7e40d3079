from typing import Annotated, Literal

from pydantic import Field

from gateway.models.base import Answer, Given, LocationId, PageQuery, Quantity, Time
from prokip_shared.messages import Sku

StockState = Literal["managed", "pending", "unmatched", "oversold"]


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
    correlation_id: str | None


class ExplanationPart(Answer):
    """Some of the units in `taken`."""

    label: str
    """Empty for an order, which is named by its store and number."""
    quantity: Quantity
    connection_id: int | None = None
    order_ref: str | None = None
    order_number: str | None = None
    prokip_state: str | None = None


class Explanation(Answer):
    """`available = prokipQuantity + recorded - taken`; the parts add up to `taken`."""

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
    parts: list[ExplanationPart]
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

from typing import Annotated, Literal

from pydantic import Field

from gateway.models.base import Answer, LocationId, Page, PageQuery, Quantity, Time
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
    base: Quantity | None
    taken: Quantity
    state: StockState
    revision: int
    updated_at: Time | None


class StockPage(Page[StockRow]):
    total: int | None = None


class SkuQuery(PageQuery):
    sku: Sku
    location_id: LocationId | None = None


class OneSkuQuery(SkuQuery):
    """Without paging: one SKU of one location."""


class Movement(Answer):
    id: int
    at: Time
    sku: str
    location_id: str
    cause: str
    delta: Quantity
    balance: Quantity | None
    connection_id: int | None
    order_ref: str | None
    detail: str


class Push(Answer):
    """One write to a store, or the finding that none was needed."""

    id: int
    at: Time
    connection_id: int
    sku: str
    expected: Quantity | None
    target: Quantity
    outcome: str
    detail: str

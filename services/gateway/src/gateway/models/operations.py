"""The overview, parked messages, and the earlier system's own forms."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, PlainSerializer, RootModel

from gateway.models.base import Answer, Given, Id, Page, PageQuery, Time
from gateway.models.connections import Choice
from prokip_shared.messages import Platform

ServiceName = Literal["gateway", "webhook-ingest", "inventory", "store-push", "prokip-poller"]


class StoreCounts(Answer):
    total: int
    healthy: int
    failing: int
    paused: int


class StockCounts(Answer):
    skus: int
    oversold: int
    unmatched: int
    pending: int


class SaleCounts(Answer):
    today: int
    """Since midnight UTC."""
    in_doubt: int
    refused: int


class ProkipSummary(Answer):
    configured: bool
    last_read_at: Time | None
    last_error: str | None
    held_reads: int
    """Reads that wait for a person because they would change too much."""


class Overview(Answer):
    stores: StoreCounts
    stock: StockCounts | None
    sales: SaleCounts | None
    parked: int
    """At most 200 are counted per service."""
    prokip: ProkipSummary
    unavailable: list[ServiceName]
    """Services that did not answer; what they know is missing here."""


class ParkedQuery(PageQuery):
    """Pages go through one service; without one, the first of each are shown together."""

    service: ServiceName | None = None


class ParkedMessage(Answer):
    service: ServiceName
    id: str
    type: str
    summary: str
    reason: str
    attempts: int
    parked_at: Time


class ParkedPage(Page[ParkedMessage]):
    unavailable: list[ServiceName]


class LegacyStore(Given):
    """Which store is meant: by id, or by platform where the business has one of it."""

    platform: Platform | None = None
    connection_id: Id | None = None


class LegacySetup(LegacyStore):
    choice: Choice


class LegacyPush(LegacyStore):
    """The quantities; or, with `price_<SKU>` and `image_<SKU>` (an address), a plan of these products."""

    model_config = ConfigDict(extra="allow")


class LegacyPushed(Answer):
    message: str
    plan_id: int | None = None
    """Of the plan that waits to be looked at and started; None where quantities were pushed."""


class LegacyToggled(Answer):
    message: str
    sync_enabled: Annotated[bool, Field(alias="sync_enabled")]


Number = Annotated[Decimal, PlainSerializer(float, return_type=float)]


class PulledProduct(Answer):
    """One product of a store; the earlier system told quantities as numbers."""

    sku: str | None
    name: str
    price: Number | None
    """In the store's currency; None where it has none."""
    quantity: Number | None
    """What the store is known to show."""
    status: str
    """`matched`, `not_in_prokip`, or why it is not written to."""


class PulledProducts(RootModel[list[PulledProduct]]):
    """A bare array, as it always was."""

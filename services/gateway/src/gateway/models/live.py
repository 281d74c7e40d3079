from typing import Annotated, Any, Literal

from pydantic import Field

from gateway.models.base import BIGINT_MAX, Answer, Given, PageQuery, Time

EventKind = Literal[
    "sale.due",
    "sale.recorded",
    "listing.pushed",
    "drift.found",
    "stock.oversold",
    "bundle.changed",
    "prokip.held",
    "connection.health_changed",
    "connection.uninstalled",
    "connection.changed",
    "sync.completed",
]


class LiveEvent(Answer):
    """Something that happened, as a sentence and as data."""

    id: int
    """Rises by one per business; `Last-Event-ID` resumes after it."""
    kind: EventKind
    at: Time
    sentence: str
    connection_id: int | None
    store_name: str | None
    sku: str | None
    order_ref: str | None
    correlation_id: str
    data: dict[str, Any]


class EventsQuery(Given):
    after: Annotated[int, Field(ge=0, le=BIGINT_MAX)] | None = None
    """Resumes after this event where a header cannot be sent."""


class RecentQuery(PageQuery):
    cursor: Annotated[str, Field(pattern=r"^[0-9]{1,18}$")] | None = None

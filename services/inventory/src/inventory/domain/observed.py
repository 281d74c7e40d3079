"""`order.observed` as far as the ledger reads it; tests hold it to the message class.

Structs, because the ledger hears thousands a second: reading them costs a third of making message objects.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct, convert

from prokip_shared.messages import OrderObservedV1

Moment = Annotated[datetime, Meta(tz=True)]


class OrderLine(Struct, frozen=True, gc=False):
    line_ref: str
    sku: str | None
    ordered: Decimal
    taken: Decimal
    unit_price: Decimal | None = None


class OrderSnapshot(Struct, frozen=True, gc=False):
    order_ref: str
    order_number: str
    status: str
    created_at: Moment | None
    modified_at: Moment | None
    lines: tuple[OrderLine, ...]
    partial: bool = False


class OrderObserved(Struct, frozen=True, gc=False):
    """Each field as in `prokip_shared.messages.OrderObservedV1`."""

    message_id: UUID
    correlation_id: str
    business_id: int
    connection_id: int
    location_id: str
    source: Literal["webhook", "sweep"]
    observed_at: Moment
    predates_connection: bool
    order: OrderSnapshot
    topic: str | None = None


def as_observed(message: OrderObservedV1) -> OrderObserved:
    return convert(message, OrderObserved, from_attributes=True)

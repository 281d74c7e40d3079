from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from gateway.models.base import BIGINT_MAX, Answer, Given, Id, PageQuery, Quantity, Time, refuse_boolean

ProkipState = Literal["none", "due", "recorded", "in_doubt", "refused", "return_unsupported"]
RecordState = Literal["due", "posting", "recorded", "in_doubt", "refused", "return_unsupported"]


class SalesQuery(PageQuery):
    """`limit` counts orders; an order of several SKUs has several rows."""

    search: Annotated[str, Field(max_length=255)] = ""
    """Part of an order's number or reference, or of a SKU; up to 2,000 orders are looked through per call."""
    state: ProkipState | None = None
    connection_id: Id | None = None


class Sale(Answer):
    """What one order holds of one SKU."""

    id: str
    at: Time
    connection_id: int
    order_ref: str
    order_number: str
    status: str
    sku: str | None
    units: Quantity
    """Held as sold right now: 0 after a cancel, less after a restocking refund."""
    prokip_state: ProkipState
    """`none`: nothing is due in Prokip (an order from before the connection, a SKU that Prokip does not hold)."""
    prokip_sell_id: str | None
    detail: str


class SaleRecordsQuery(PageQuery):
    state: RecordState | None = None


class SaleRecord(Answer):
    """What Prokip was told of one order."""

    id: str
    at: Time
    connection_id: int
    order_ref: str
    order_number: str
    state: RecordState
    prokip_sell_id: str | None
    detail: str
    attempts: int
    revision: int
    """Of the order's newest state; give it back with a decision about a return."""
    doubt_posting_id: int | None
    """The request that is in doubt; give it back with a decision about it. None: none is."""
    looks: int
    """How often a sale in doubt has been looked up in Prokip."""
    next_look_at: Time | None
    """When it is looked up next; null in doubt: never by itself, somebody has to settle it."""
    look_words: str
    """What the last look found."""


class SettleSale(Given):
    recorded: bool
    """What the operator found in Prokip."""
    posting_id: Id | None = None
    """The request that was looked up (`doubtPostingId`); without it the one that is in doubt by now."""
    prokip_sell_id: Annotated[str, Field(min_length=1, max_length=255)] | None = None


class EnterReturns(Given):
    revision: Annotated[int, Field(ge=0, le=BIGINT_MAX), BeforeValidator(refuse_boolean)] | None = None
    """The state that was looked at; 409 where the order has changed since."""


class SaleState(Answer):
    message: str
    state: RecordState

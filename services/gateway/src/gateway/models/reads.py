"""Reads of Prokip that changed something, or wait for a person because they would change too much."""

from typing import Annotated, Literal

from pydantic import Field

from gateway.models.base import Answer, PageQuery, Quantity, Time

ReadState = Literal["applied", "held", "released", "refused", "replaced", "passed", "undone", "reconsidered"]


class ReadsQuery(PageQuery):
    state: ReadState | None = None
    cursor: Annotated[str, Field(pattern=r"^[0-9]{1,18}$")] | None = None


class ReadPartsQuery(PageQuery):
    cursor: Annotated[str, Field(max_length=800, pattern=r"^[A-Za-z0-9_=-]+$")] | None = None


class StockRead(Answer):
    id: int
    location_id: str
    sequence: int
    """Of the location: a later read or decision has a higher one."""
    state: ReadState
    sentence: str
    """Why it was held; empty where it never was."""
    known_skus: int
    """SKUs told before it."""
    named_skus: int
    changed_skus: int
    """SKUs whose base (Q + R) it moves; our own sales move none."""
    zeroed_skus: int
    held_back_skus: int
    """SKUs that are not told what Prokip shows because this read was refused or undone."""
    read_at: Time
    decided_at: Time | None


class ReadChange(Answer):
    """In bases: what is there before any order of a store."""

    sku: str
    before: Quantity | None
    """None: never told before."""
    after: Quantity


class ReadDecision(Answer):
    message: str
    state: ReadState
    skus: int
    """How many SKUs it is about."""


class HeldBack(Answer):
    """A SKU that is not told what Prokip shows, until Prokip shows something else."""

    location_id: str
    sku: str
    in_prokip: Quantity
    told: Quantity | None
    read_id: int


class LeftAlone(Answer):
    """A SKU that Prokip knows and tells no quantity for."""

    location_id: str
    sku: str
    reason: str

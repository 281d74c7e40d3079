"""What a store is to show for the first time."""

from typing import Annotated, Literal

from pydantic import Field

from gateway.models.base import Answer, PageQuery, Quantity, Time

PlanState = Literal["waiting", "held", "refused", "released", "passed"]


class FirstQuantities(Answer):
    """While it is `waiting`, `held` or `refused` nothing is written to the store."""

    connection_id: int
    state: PlanState
    since: Time
    listings: int
    """With a quantity in Prokip, when the plan was judged."""
    changed: int
    """Of them, those that showed something else."""
    zeroed: int
    """Of them, those that would fall to zero."""
    reason: str
    """Why it was held; empty where it never was."""


class FirstChangesQuery(PageQuery):
    cursor: Annotated[str, Field(max_length=255)] | None = None


class FirstChange(Answer):
    sku: str
    name: str
    shows: Quantity | None
    """In the store; None where that is not known."""
    target: Quantity


class FirstDecision(Answer):
    message: str
    state: PlanState

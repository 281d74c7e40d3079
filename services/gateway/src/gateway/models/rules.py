"""What an operator wants stores to show differently from what there is, and differences that are asked about."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from gateway.models.base import Answer, Given, Id, PageQuery, Quantity, Time
from prokip_shared.messages import Sku

UNITS_MAX = 1_000_000_000
"""No store takes more."""

Buffer = Annotated[Decimal, Field(ge=0, le=UNITS_MAX, decimal_places=4)]
ShownMax = Annotated[int, Field(ge=0, le=UNITS_MAX)]
Locations = Literal["own", "all"]
Differences = Literal["prokip_wins", "ask"]
Pushing = Literal["on", "paused", "never"]
DifferenceState = Literal["open", "left", "pushed", "explained"]


class StoreRule(Given):
    """The whole rule of one store; what is left out is as without a rule."""

    buffer: Buffer = Decimal(0)
    """Units kept back: the store shows so many fewer. The ledger knows nothing of it."""
    shown_max: ShownMax | None = None
    """The store never shows more."""
    locations: Locations = "own"
    """all: one unified stock, the sum of all Prokip locations; sales are told at the store's own."""
    differences: Differences = "prokip_wins"
    """What happens to a quantity in the store that nothing explains. SKUs that Prokip does not hold are never written."""


class StoreRuleShown(Answer):
    buffer: Quantity
    shown_max: int | None
    locations: Locations
    differences: Differences
    applying: bool
    """Listings are still being given it."""


class SkuRule(Given):
    """What differs for one SKU in one store. One that says nothing is taken away."""

    sku: Sku
    buffer: Buffer | None = None
    """None: as the store's."""
    shown_max: ShownMax | None = None
    push: Pushing = "on"
    """paused: not written for now; never: its quantity there is somebody else's business."""


class SkuRuleShown(Answer):
    sku: str
    buffer: Quantity | None
    shown_max: int | None
    push: Pushing


class SkuRulesQuery(PageQuery):
    cursor: Annotated[str, Field(max_length=255)] | None = None


class RuleChangesQuery(PageQuery):
    cursor: Annotated[str, Field(pattern=r"^[0-9]{1,18}$")] | None = None


class RuleChange(Answer):
    id: int
    sku: str | None
    """None: the rule of the whole store."""
    before: dict[str, str | int | None]
    after: dict[str, str | int | None]
    changed_by: str
    at: Time


class DifferencesQuery(RuleChangesQuery):
    state: DifferenceState | None = None
    connection_id: Id | None = None


class Difference(Answer):
    """A store shows what neither our writes nor its orders explain, and an operator is asked."""

    id: int
    connection_id: int
    sku: str
    expected: Quantity
    """What the store was believed to show."""
    shown: Quantity
    """What it showed."""
    target: Quantity | None
    """What Prokip's number would have it show now."""
    cause: str
    state: DifferenceState
    decided_by: str | None
    decided_at: Time | None
    at: Time


class DifferenceDecision(Answer):
    message: str
    id: int
    state: DifferenceState

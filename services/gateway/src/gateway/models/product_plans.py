"""Plans of products: what would be made or changed in a store, and what became of it."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from gateway.models.base import Answer, Given, PageQuery, Time

PlanState = Literal["reading", "ready", "running", "stopped", "done", "undoing", "undone", "discarded"]
PlanAction = Literal["create", "update", "leave"]
PlanItemState = Literal["planned", "done", "failed", "left", "undone", "kept"]
Sku = Annotated[str, Field(min_length=1, max_length=255)]
Price = Annotated[Decimal, Field(ge=0, le=1_000_000_000, decimal_places=2)]
ImageUrl = Annotated[str, Field(pattern=r"^https?://[^\s]+$", max_length=2000)]


class ProductWishes(Given):
    """What is wanted of a store; nothing is done in it before the plan is started."""

    create: bool = True
    """Make products that the store does not have."""
    update: bool = False
    """Write Prokip's prices over those of products that it has."""
    publish: bool = False
    """False: what is made is a draft that no shopper sees."""
    skus: Annotated[list[Sku], Field(min_length=1, max_length=1000)] | None = None
    """Only products with one of these; None: all."""
    prices: Annotated[dict[Sku, Price], Field(max_length=1000)] = Field(default_factory=dict)
    """By SKU, instead of Prokip's."""
    images: Annotated[dict[Sku, ImageUrl], Field(max_length=1000)] = Field(default_factory=dict)
    """Addresses by a SKU of the product, instead of Prokip's."""


class ProductChoice(Given):
    """For one product, instead of what Prokip says."""

    prices: Annotated[dict[Sku, Price], Field(max_length=2048)] = Field(default_factory=dict)
    """By SKU."""
    image_url: ImageUrl | None = None
    leave: bool = False
    """Do nothing with it."""


class ShownWishes(Answer):
    create: bool
    update: bool
    publish: bool
    skus: list[str] | None
    prices: dict[str, str] = Field(default_factory=dict)
    images: dict[str, str] = Field(default_factory=dict)


class ProductPlan(Answer):
    id: int
    connection_id: int
    state: PlanState
    since: Time
    created_at: Time
    wishes: ShownWishes
    products_read: int
    """Of Prokip's products, so far."""
    products_total: int | None
    """How many Prokip has; None where it does not tell."""
    counts: dict[str, int]
    """Products by what is to be done (`create`, `update`, `leave`), or by what became of it (`done`, `failed`, `undone`,
    `kept`)."""
    error: str | None
    """Why it waits; it goes on by itself."""


class ProductPlansQuery(PageQuery):
    connection_id: Annotated[int, Field(ge=1)] | None = None
    cursor: Annotated[str, Field(pattern=r"^[0-9]{1,18}$")] | None = None


class ProductPlanItemsQuery(PageQuery):
    action: PlanAction | None = None
    state: PlanItemState | None = None
    search: Annotated[str, Field(max_length=255)] = ""
    cursor: Annotated[str, Field(pattern=r"^[0-9]{1,18}$")] | None = None


class PlannedVariation(Answer):
    sku: str | None
    name: str
    price: str | None
    """What it is to cost: the chosen price, else Prokip's."""


class ProductPlanItem(Answer):
    id: int
    product_id: int
    """In Prokip."""
    name: str
    action: PlanAction
    why: str
    state: PlanItemState
    result: str
    """What became of it."""
    image_url: str | None
    product_ref: str | None
    """The store's own number of the product."""
    variations: list[PlannedVariation]


class PlanStep(Answer):
    message: str
    state: PlanState


class ProductChosen(Answer):
    message: str
    action: PlanAction
    why: str

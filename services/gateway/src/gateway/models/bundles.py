"""SKUs that are made of others: sold as their parts, shown as the least of them."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from gateway.models.base import Answer, Given, PageQuery, Quantity, Time
from prokip_shared.messages import Sku

PARTS_MAX = 50

PartQuantity = Annotated[Decimal, Field(gt=0, le=10_000, decimal_places=3)]


class BundlePartGiven(Given):
    sku: Sku
    quantity: PartQuantity = Decimal(1)
    """Units of it in one bundle."""


class BundleGiven(Given):
    """What one bundle is made of from now on. Orders that were sold before keep what they were sold with."""

    sku: Sku
    """As the stores name it. Prokip must not hold a quantity of it, and no bundle may be made of it."""
    parts: Annotated[list[BundlePartGiven], Field(max_length=PARTS_MAX)]
    """SKUs in Prokip, each once; none of them a bundle."""


class BundlesQuery(PageQuery):
    cursor: Annotated[str, Field(max_length=255)] | None = None


class BundlePart(Answer):
    sku: str
    quantity: Quantity


class PartStock(Answer):
    """One part, and how many bundles it makes."""

    sku: str
    quantity: Quantity
    """Units of it in one bundle."""
    available: Quantity | None
    """None: Prokip has told no quantity."""
    makes: Quantity | None
    """Whole bundles, rounded down."""
    least: bool
    """It decides how many bundles there are."""


class BundlePlace(Answer):
    """What one location has of a bundle."""

    location_id: str
    available: Quantity | None
    """The least that a part makes; None: a part has no quantity, so nothing is pushed."""
    held_by_prokip: bool
    """Prokip has a quantity of the SKU itself by now: there it is no bundle."""
    parts: list[PartStock]


class BundleShown(Answer):
    sku: str
    parts: list[BundlePart]
    places: list[BundlePlace]
    changed_by: str
    changed_at: Time


class BundleSaid(Answer):
    message: str
    sku: str

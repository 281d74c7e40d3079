"""Products of a store as we make and change them, whichever platform it is on."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from prokip_shared.platforms.store import ItemKey


@dataclass(frozen=True, slots=True)
class NewVariant:
    sku: str
    option: str
    """Empty where the product has one variant."""
    price: Decimal


@dataclass(frozen=True, slots=True)
class NewProduct:
    """Stock is counted from the beginning, and is 0 until the usual pushes tell it."""

    made_for: str
    """Whose it is, digits: a product that was made is known again by it, so that none is made twice."""
    name: str
    sku: str | None
    """Of the product itself, where its variants have others; None where it has none."""
    option: str
    """What the variants differ in; empty where there is one."""
    image_url: str | None
    published: bool
    """False: made as a draft that no shopper sees."""
    variants: tuple[NewVariant, ...]


@dataclass(frozen=True, slots=True)
class FoundVariant:
    sku: str
    product_ref: str
    made_for: str | None
    """None: not made by us."""


@dataclass(frozen=True, slots=True)
class PriceKey:
    """Whose price it is."""

    key: ItemKey
    variant_ref: str | None
    """Shopify: the variant's id (digits)."""


class ProductStore(Protocol):
    """Every call may raise StoreError."""

    async def find_variants(self, skus: Sequence[str]) -> list[FoundVariant]:
        """Every variant that has exactly one of these SKUs, drafts included."""

    async def create_product(self, product: NewProduct) -> str:
        """The product's id in the store. Called again after a failure it ends what it began, and makes nothing twice."""

    async def prices(self, product_ref: str, keys: Sequence[PriceKey]) -> dict[str, Decimal | None]:
        """By item_ref; what is gone is left out."""

    async def write_prices(self, product_ref: str, prices: Sequence[tuple[PriceKey, Decimal | None]]) -> None:
        """None: no price, where the platform allows that."""

    async def add_image(self, product_ref: str, image_url: str) -> None:
        """Unless it is there already, as far as the platform tells."""

    async def withdraw(self, product_ref: str) -> bool:
        """Makes it a draft, which no shopper sees; False where it is gone."""

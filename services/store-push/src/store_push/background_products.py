"""A store's products as plans see them: each call waits for its turn behind pushes, as sweeps and imports do."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from typing_extensions import override

from prokip_shared.platforms.store_products import FoundVariant, NewProduct, PriceKey, ProductStore

Turn = Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]
"""Makes one call at its turn. Raises StoreError."""


@dataclass(frozen=True, slots=True)
class BackgroundProducts(ProductStore):
    products: ProductStore
    turn: Turn

    @override
    async def find_variants(self, skus: Sequence[str]) -> list[FoundVariant]:
        found: list[FoundVariant] = await self.turn(lambda: self.products.find_variants(skus))
        return found

    @override
    async def create_product(self, product: NewProduct) -> str:
        return str(await self.turn(lambda: self.products.create_product(product)))

    @override
    async def prices(self, product_ref: str, keys: Sequence[PriceKey]) -> dict[str, Decimal | None]:
        found: dict[str, Decimal | None] = await self.turn(lambda: self.products.prices(product_ref, keys))
        return found

    @override
    async def write_prices(self, product_ref: str, prices: Sequence[tuple[PriceKey, Decimal | None]]) -> None:
        await self.turn(lambda: self.products.write_prices(product_ref, prices))

    @override
    async def add_image(self, product_ref: str, image_url: str) -> None:
        await self.turn(lambda: self.products.add_image(product_ref, image_url))

    @override
    async def withdraw(self, product_ref: str) -> bool:
        return bool(await self.turn(lambda: self.products.withdraw(product_ref)))

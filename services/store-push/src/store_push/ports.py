"""What store-push needs of a store, whichever platform it is on."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from prokip_shared.platforms.store import (
    CatalogueItem,
    CataloguePage,
    ItemKey,
    Level,
    OrdersPage,
    QuantityWrite,
    QueryPoints,
    WriteResult,
)
from prokip_shared.platforms.store_products import ProductStore
from store_push.domain.decisions import Habits


class Store(Protocol):
    """One connected store. Every call may raise StoreError."""

    @property
    def habits(self) -> Habits: ...

    def bucket(self) -> QueryPoints | None:
        """The query points that its last answer told of; None where it has none."""

    def groups(self, keys: Sequence[ItemKey]) -> list[tuple[ItemKey, ...]]:
        """Splits items, in the order given, into what one write call can carry."""

    async def read_levels(self, keys: Sequence[ItemKey]) -> dict[ItemKey, Level]:
        """What the store shows now."""

    async def write(self, lines: Sequence[QuantityWrite], *, attempt_key: str) -> dict[ItemKey, WriteResult]:
        """Writes one group, or part of it. After StoreUnavailable the writes may have happened."""

    async def catalogue_page(self, cursor: str | None) -> CataloguePage:
        """The catalogue, page by page."""

    async def items_of(self, product_refs: Sequence[str]) -> Sequence[CatalogueItem]:
        """Every item of these products, as the catalogue would name them; none of a product that is gone."""

    async def keep_webhooks(self, public_webhook_url: str) -> tuple[str, ...]:
        """Makes webhooks anew that the store has switched off or removed; tells their topics."""

    async def changed_orders(self, since: datetime, cursor: str | None) -> OrdersPage:
        """Orders that changed at `since`, by the store's clock, or later; in the order of their changes."""


class StoreDirectory(Protocol):
    """From a connection's id to its store; keeps what a store taught us (its query budget) between calls."""

    def store_of(self, connection_id: int) -> Store | None:
        """None when the directory does not know the connection (any more)."""

    def products_of(self, connection_id: int) -> ProductStore | None:
        """None where there is no such connection, or its platform has no products that we could make."""

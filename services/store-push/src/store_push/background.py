"""Stores as sweeps, looks and imports see them: each call waits for its turn, and its answer is learned from.

Pushes use the stores directly and never wait here. See docs/adr/0020-gap-meter.md.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final, TypeVar

from typing_extensions import override

from prokip_shared.bus import Outbox
from prokip_shared.database import Pool
from prokip_shared.logs import Log
from prokip_shared.messages import ConnectionHealthChangedV1
from prokip_shared.platforms.errors import Refused, StoreError, Throttled
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
from store_push import metrics
from store_push.background_products import BackgroundProducts
from store_push.domain.budget import Points, background_wait_s, rest_s, turn_of
from store_push.domain.decisions import Habits
from store_push.domain.health import Health, after_background
from store_push.ports import Store, StoreDirectory
from store_push.storage.background import BackgroundStorage, Measured

TURN_WAIT_S_MAX: Final = 30.0
"""Longer than this no claim is held for a turn: whoever wants it comes again."""
LOOK_AGAIN_S_MAX: Final = 1.0
"""Somebody else's answer may have changed what was foreseen."""

PROVED_FOR: Final = timedelta(minutes=1)
"""A push that succeeded this short a time ago says more of a store than a question that failed."""

T = TypeVar("T")

log = Log("background")


@dataclass(frozen=True, slots=True)
class Background(StoreDirectory):
    """The directory of stores for whatever is no push."""

    stores: StoreDirectory
    pool: Pool
    outbox: Outbox
    storage: BackgroundStorage

    @override
    def store_of(self, connection_id: int) -> Store | None:
        store = self.stores.store_of(connection_id)
        return None if store is None else _BackgroundStore(self, connection_id, store)

    @override
    def products_of(self, connection_id: int) -> ProductStore | None:
        store, products = self.stores.store_of(connection_id), self.stores.products_of(connection_id)
        if store is None or products is None:
            return None
        return BackgroundProducts(products, partial(self.call, connection_id, store))

    async def call(self, connection_id: int, store: Store, act: Callable[[], Awaitable[T]]) -> T:
        """Raises StoreError: what the store says, or Throttled where no turn came."""
        await self._turn(connection_id)
        began_s = time.perf_counter()
        try:
            answer = await act()
        except StoreError as error:
            await self._learn(connection_id, store, time.perf_counter() - began_s, error)
            await self._note(connection_id, error)
            raise
        await self._learn(connection_id, store, time.perf_counter() - began_s, None)
        await self._note(connection_id, None)
        return answer

    async def _turn(self, connection_id: int) -> None:
        began_s = time.monotonic()
        while (wait_s := await self._ask(connection_id, time.monotonic() - began_s)) > 0:
            waited_s = time.monotonic() - began_s
            if waited_s + min(wait_s, LOOK_AGAIN_S_MAX) > TURN_WAIT_S_MAX:
                raise Throttled("the store's budget is needed for pushes", retry_after_s=wait_s)
            await asyncio.sleep(min(wait_s, LOOK_AGAIN_S_MAX))
        metrics.BACKGROUND_WAIT_SECONDS.observe(time.monotonic() - began_s)

    async def _ask(self, connection_id: int, waited_s: float) -> float:
        async with self.pool.acquire() as connection, connection.transaction():
            asked = await self.storage.ask_turn(connection, connection_id)
            if asked is None:
                return 0.0
            wait_s = background_wait_s(asked.budget, asked.now, push_waits=asked.push_waits, yielded_s=waited_s)
            if wait_s <= 0:
                await self.storage.take_turn(connection, connection_id, turn_of(asked.budget, asked.now), asked.now)
        return wait_s

    async def _learn(self, connection_id: int, store: Store, answer_s: float, error: StoreError | None) -> None:
        bucket = store.bucket()
        points = None
        if bucket is not None:
            points = Points(bucket.available_points, bucket.maximum_points, bucket.restored_points_per_s)
        measured = Measured(
            points=points,
            points_asked=0.0 if bucket is None else bucket.asked_points,
            answer_s=answer_s,
            rest_s=rest_s(answer_s, has_points=points is not None),
            hold_s=error.retry_after_s if isinstance(error, Throttled) else None,
        )
        await self.storage.learn(self.pool, connection_id, measured)

    async def _note(self, connection_id: int, error: StoreError | None) -> None:
        """Left out while a push is at the store: it finds out itself."""
        if isinstance(error, Refused):
            return  # about this question, not about the store
        async with self.outbox.transaction() as transaction:
            known = await self.storage.health_of(transaction.connection, connection_id)
            if known is None:
                return
            proved = known.last_push_at is not None and known.now - known.last_push_at < PROVED_FOR
            health = after_background(known.health, error, known.now, pushed_lately=proved, push_due=known.push_due)
            answers_again = error is None and known.health.state not in {"healthy", "needs_reauthorisation"}
            if health == known.health and not answers_again:
                return
            await self.storage.note_health(transaction.connection, connection_id, health, try_now=answers_again)
            if health.state != known.health.state:
                transaction.say(_changed(known.business_id, connection_id, health))
        log.info("background.health", connection_id=connection_id, health=health.state, reason=health.detail)


def _changed(business_id: int, connection_id: int, health: Health) -> ConnectionHealthChangedV1:
    return ConnectionHealthChangedV1(
        business_id=business_id,
        connection_id=connection_id,
        health=health.state,
        since=health.since,
        detail=health.detail,
    )


@dataclass(frozen=True, slots=True)
class _BackgroundStore(Store):
    background: Background
    connection_id: int
    store: Store

    @property
    @override
    def habits(self) -> Habits:
        return self.store.habits

    @override
    def bucket(self) -> QueryPoints | None:
        return self.store.bucket()

    @override
    def groups(self, keys: Sequence[ItemKey]) -> list[tuple[ItemKey, ...]]:
        return self.store.groups(keys)

    @override
    async def read_levels(self, keys: Sequence[ItemKey]) -> dict[ItemKey, Level]:
        return await self._call(lambda: self.store.read_levels(keys))

    @override
    async def write(self, lines: Sequence[QuantityWrite], *, attempt_key: str) -> dict[ItemKey, WriteResult]:
        return await self._call(lambda: self.store.write(lines, attempt_key=attempt_key))

    @override
    async def catalogue_page(self, cursor: str | None) -> CataloguePage:
        return await self._call(lambda: self.store.catalogue_page(cursor))

    @override
    async def items_of(self, product_refs: Sequence[str]) -> Sequence[CatalogueItem]:
        return await self._call(lambda: self.store.items_of(product_refs))

    @override
    async def keep_webhooks(self, public_webhook_url: str) -> tuple[str, ...]:
        return await self._call(lambda: self.store.keep_webhooks(public_webhook_url))

    @override
    async def changed_orders(self, since: datetime, cursor: str | None) -> OrdersPage:
        return await self._call(lambda: self.store.changed_orders(since, cursor))

    async def _call(self, act: Callable[[], Awaitable[T]]) -> T:
        return await self.background.call(self.connection_id, self.store, act)

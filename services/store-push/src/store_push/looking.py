"""Looks at what stores show, the most sold first, between the complete reads of their catalogues.

What is seen is a hint like one that a webhook brings: only what neither belief nor target explains is read again by a
push, after the orders that may explain it had time to arrive.
"""

import random
from dataclasses import dataclass
from typing import Final

from prokip_shared.database import Connection, Pool
from prokip_shared.logs import Log
from prokip_shared.platforms.errors import StoreError
from store_push import metrics
from store_push.domain.health import pause_s
from store_push.ports import StoreDirectory
from store_push.storage.looks import Look, LookStorage
from store_push.storage.targets import Hint, TargetStorage
from store_push.storage.waiting import begin_waiting

log = Log("looking")

LISTINGS_MAX: Final = 100
"""One request of WooCommerce, part of one of Shopify."""


@dataclass(frozen=True, slots=True)
class LookLimits:
    interval_s: float
    settle_s: float
    """How long an order gets to explain a difference."""

    @property
    def unseen_s(self) -> float:
        """What was seen or written this lately is not looked at again."""
        return self.interval_s * 2


@dataclass(frozen=True, slots=True)
class LevelLooker:
    pool: Pool
    """For claims, which are held as long as a store is asked."""
    storage: LookStorage
    targets: TargetStorage
    stores: StoreDirectory
    limits: LookLimits

    async def look_next(self) -> bool:
        """Looks at one store whose turn it is; False when there is none."""
        async with self.pool.acquire() as connection, connection.transaction():
            look = await self.storage.claim(connection)
            store = None if look is None else self.stores.store_of(look.connection_id)
            if look is None or store is None:
                return False
            seen = await self.storage.listings(
                connection, look.connection_id, unseen_s=self.limits.unseen_s, listings_max=LISTINGS_MAX
            )
            await begin_waiting(connection)
            try:
                levels = await store.read_levels([listing.key for listing in seen]) if seen else {}
            except StoreError as error:
                await self._note_failure(connection, look, error)
                return True
            hints = [
                Hint(look.connection_id, key.item_ref, key.place_ref, level.quantity)
                for key, level in sorted(levels.items(), key=lambda pair: pair[0].item_ref)
                if level.state == "own"
            ]
            differing = await self.targets.note_levels(connection, hints, settle_s=self.limits.settle_s)
            await self.storage.note_seen(connection, [listing.listing_id for listing in seen])
            wait_s = self.limits.interval_s * (0.9 + 0.2 * _chance())
            await self.storage.done(connection, look, next_in_s=wait_s, listings=len(seen), differing=differing)
        metrics.LOOKED_AT.inc(len(seen))
        if differing:
            log.info("look.differs", connection_id=look.connection_id, business_id=look.business_id, listings=differing)
        return True

    async def next_in_s(self) -> float | None:
        return await self.storage.next_in_s(self.pool, first_in_s=self.limits.interval_s)

    async def _note_failure(self, connection: Connection, look: Look, error: StoreError) -> None:
        wait_s = pause_s(error, look.consecutive_failures + 1, fraction=_chance())
        await self.storage.failed(connection, look, error=str(error), next_in_s=wait_s)
        log.warning(
            "look.failed",
            connection_id=look.connection_id,
            business_id=look.business_id,
            reason=str(error),
            next_in_s=round(wait_s, 1),
        )


def _chance() -> float:
    return random.random()  # noqa: S311  # spreads load, guards nothing

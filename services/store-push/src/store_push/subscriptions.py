"""Looks whether each store still has our webhooks, and makes them anew where it has not.

WooCommerce switches a webhook off after the seventh failure in a row, Shopify removes a subscription after four hours
of failures; neither says so. Sweeps make up for what was lost meanwhile.
"""

import random
from dataclasses import dataclass

from prokip_shared.database import Connection, Pool
from prokip_shared.logs import Log
from prokip_shared.platforms.errors import StoreError
from store_push import metrics
from store_push.domain.health import pause_s
from store_push.ports import StoreDirectory
from store_push.storage.subscriptions import SubscriptionCheck, SubscriptionStorage
from store_push.storage.waiting import begin_waiting

log = Log("subscriptions")


@dataclass(frozen=True, slots=True)
class SubscriptionWatch:
    pool: Pool
    """For claims, which are held as long as a store is asked."""
    storage: SubscriptionStorage
    stores: StoreDirectory
    public_webhook_url: str
    interval_s: float

    async def check_next(self) -> bool:
        """Looks after one store whose turn it is; False when there is none."""
        async with self.pool.acquire() as connection, connection.transaction():
            check = await self.storage.claim(connection)
            store = None if check is None else self.stores.store_of(check.connection_id)
            if check is None or store is None:
                return False
            await begin_waiting(connection)
            try:
                restored = await store.keep_webhooks(self.public_webhook_url)
            except StoreError as error:
                await self._note_failure(connection, check, error)
                return True
            await self.storage.done(connection, check, restored, next_in_s=self.interval_s)
        if restored:
            metrics.SUBSCRIPTIONS_RESTORED.inc(len(restored))
            log.warning(
                "subscriptions.restored",
                connection_id=check.connection_id,
                business_id=check.business_id,
                topics=list(restored),
            )
        return True

    async def next_in_s(self) -> float | None:
        return await self.storage.next_in_s(self.pool)

    async def _note_failure(self, connection: Connection, check: SubscriptionCheck, error: StoreError) -> None:
        fraction = random.random()  # noqa: S311  # spreads load, guards nothing
        wait_s = pause_s(error, check.consecutive_failures + 1, fraction=fraction)
        await self.storage.failed(connection, check, error=str(error), next_in_s=wait_s)
        log.warning(
            "subscriptions.not_checked",
            connection_id=check.connection_id,
            business_id=check.business_id,
            reason=str(error),
            next_in_s=round(wait_s, 1),
        )

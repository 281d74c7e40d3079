"""Changes of rules carried out: listings get what the new rule makes of the newest stock.

A SKU's rule is applied where it is changed. A store's may concern a hundred thousand listings: they are given it in
bites, each a transaction of its own, by whichever replica comes to it. What is told of stock meanwhile follows the new
rule at once, because it is looked up there.
"""

from dataclasses import dataclass, replace

from prokip_shared.database import Connection, Pool
from prokip_shared.directory import DirectoryUnavailable
from prokip_shared.logs import Log
from store_push.domain.rules import SkuRule, StoreRule, as_told, begins_anew
from store_push.handlers.connections import ConnectionHandlers
from store_push.storage.connections import ConnectionStorage
from store_push.storage.rules import BITE_LISTINGS_MAX, Application, RuleStorage
from store_push.storage.targets import TargetStorage

log = Log("rules")


@dataclass(frozen=True, slots=True)
class RuleBook:
    """Every change runs alone with the stock news of its business, so that neither misses the other."""

    pool: Pool
    storage: RuleStorage
    connections: ConnectionStorage
    targets: TargetStorage
    follower: ConnectionHandlers

    async def change_store(self, business_id: int, connection_id: int, rule: StoreRule, *, changed_by: str) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            await self.connections.lock_business_listings(connection, business_id)
            before, _ = await self.storage.store_rule(connection, business_id, connection_id)
            if before == rule:
                return
            await self.storage.save_store_rule(connection, business_id, connection_id, rule)
            await self.storage.note_change(
                connection, business_id, connection_id, None, as_told(before), as_told(rule), changed_by=changed_by
            )
            if before.differences == "ask" != rule.differences:
                await self.storage.release_held(connection, connection_id, decided_by=changed_by)
            if replace(before, differences=rule.differences) != rule:
                await self.storage.ask_application(connection, business_id, connection_id)
            await self.targets.wake_workers(connection)
        log.info("rule.changed", business_id=business_id, connection_id=connection_id, changed_by=changed_by)

    async def change_sku(
        self, business_id: int, connection_id: int, sku: str, rule: SkuRule, *, changed_by: str
    ) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            await self.connections.lock_business_listings(connection, business_id)
            before = await self.storage.sku_rule(connection, business_id, connection_id, sku)
            if before == rule:
                return
            await self.storage.save_sku_rule(connection, business_id, connection_id, sku, rule)
            await self.storage.note_change(
                connection, business_id, connection_id, sku, as_told(before), as_told(rule), changed_by=changed_by
            )
            anew = begins_anew(before, rule)
            await self.storage.apply(connection, connection_id, after_id=0, sku=sku, anew=anew)
            await self.targets.wake_workers(connection)
        log.info("rule.changed", business_id=business_id, connection_id=connection_id, sku=sku, changed_by=changed_by)

    async def apply_next(self) -> bool:
        """Gives a bite of some store's listings its rule; False when none waits, or nobody knows who is connected yet."""
        try:
            return await self._apply_next()
        except DirectoryUnavailable:
            return False

    async def _apply_next(self) -> bool:
        async with self.pool.acquire() as connection, connection.transaction():
            one = await self.storage.next_application(connection)
            if one is None:
                return False
            await self.connections.lock_business_listings(connection, one.business_id)
            after_id = await self.storage.application_place(connection, one.connection_id)
            if after_id is None:
                return True
            if after_id == 0:
                await self._follow_locations(connection, one)
            applied = await self.storage.apply(connection, one.connection_id, after_id=after_id, sku=None)
            if applied.last_id is None or applied.looked_at < BITE_LISTINGS_MAX:
                await self.storage.end_application(connection, one.connection_id)
            else:
                await self.storage.go_on_after(connection, one.connection_id, applied.last_id)
            await self.targets.wake_workers(connection)
        log.info("rule.applied", connection_id=one.connection_id, looked_at=applied.looked_at, changed=applied.changed)
        return True

    async def _follow_locations(self, connection: Connection, one: Application) -> None:
        """Which stock counts comes first: the listings are moved to it, and given what is known of it."""
        await self.targets.sum_locations(connection, one.business_id)
        await self.follower.follow_directory(connection)
        await self.targets.fill(connection, one.connection_id)

    async def next_in_s(self) -> float | None:
        return 0.0 if await self.storage.any_waiting(self.pool) else None

    async def decide(
        self, business_id: int, difference_id: int, listing_id: int, state: str, *, decided_by: str
    ) -> bool:
        """False: somebody was quicker, or the difference has gone away."""
        async with self.pool.acquire() as connection, connection.transaction():
            decided = await self.storage.decide(
                connection, business_id, difference_id, listing_id, state, decided_by=decided_by
            )
            await self.targets.wake_workers(connection)
        log.info("difference.decided", business_id=business_id, difference_id=difference_id, state=state)
        return decided

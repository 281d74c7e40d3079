"""Reads what a store changed in its orders, again and again: webhooks are hints, sweeps make them true.

A store loses, delays and switches off webhooks without a word (WooCommerce never sends one twice). Each sweep asks for
the orders that changed since the one before, with some overlap, and says them as a webhook would have been said; the
ledger knows most of them already, and knowing a state twice changes nothing. See docs/adr/0014-sweeps.md.
"""

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from prokip_shared.bus import Outbox
from prokip_shared.database import Connection, Pool
from prokip_shared.logs import Log, bind_correlation
from prokip_shared.messages import utc_now
from prokip_shared.platforms.errors import Refused, StoreError
from prokip_shared.platforms.store import OrdersPage
from store_push import metrics
from store_push.domain.health import pause_s
from store_push.domain.sweeps import Sweep, observations_of
from store_push.ports import Store, StoreDirectory
from store_push.storage.sweeps import SweepStorage
from store_push.storage.waiting import begin_waiting

CLAIM_PAGES_MAX: Final = 50
"""Then progress is stored, so that a crash repeats no more than that."""

log = Log("sweeping")


@dataclass(frozen=True, slots=True)
class SweepLimits:
    interval_s: float
    overlap_s: float
    pause_s_min: float
    """Between two sweeps of one store, however often they are wanted."""


@dataclass(frozen=True, slots=True)
class Sweeper:
    pool: Pool
    """For claims, which are held as long as pages are read."""
    outbox: Outbox
    storage: SweepStorage
    stores: StoreDirectory
    limits: SweepLimits

    async def sweep_next(self) -> bool:
        """Sweeps one store that is due, or a part of it; False when none is."""
        async with self.pool.acquire() as connection, connection.transaction():
            sweep = await self.storage.claim(connection, pause_s_min=self.limits.pause_s_min)
            store = None if sweep is None else self.stores.store_of(sweep.connection_id)
            if sweep is None or store is None:
                return False
            await begin_waiting(connection)
            with bind_correlation(sweep.correlation_id):
                try:
                    sweep = await self._read(store, sweep)
                except SweepInterrupted as interrupted:
                    await self._note_failure(connection, interrupted)
                    return True
                await self._note_progress(connection, sweep)
        return True

    async def next_in_s(self) -> float | None:
        return await self.storage.next_in_s(self.pool, pause_s_min=self.limits.pause_s_min)

    async def _read(self, store: Store, sweep: Sweep) -> Sweep:
        """Page by page, each told before the next is asked for. Raises SweepInterrupted."""
        since = sweep.since(timedelta(seconds=self.limits.overlap_s))
        for _ in range(CLAIM_PAGES_MAX):
            try:
                page = await store.changed_orders(since, sweep.cursor)
            except StoreError as error:
                raise SweepInterrupted(sweep, error) from error
            await self._say(sweep, page)
            sweep = sweep.after(page)
            if sweep.cursor is None:
                break
        return sweep

    async def _say(self, sweep: Sweep, page: OrdersPage) -> None:
        for reason in page.unreadable:
            log.error("sweep.order_unreadable", connection_id=sweep.connection_id, reason=reason)
        told_at = utc_now()
        told = observations_of(sweep, page.orders, told_at)
        if told:
            refs = [order.order_ref for order in page.orders]
            async with self.outbox.transaction() as transaction:
                transaction.say(*told)
                await self.storage.note_told(transaction.connection, sweep.connection_id, refs, told_at)

    async def _note_progress(self, connection: Connection, sweep: Sweep) -> None:
        if sweep.cursor is not None:
            await self.storage.pause(connection, sweep, next_in_s=0, failures=0, error=None)
            return
        await self.storage.done(connection, sweep, next_in_s=self.limits.interval_s * (0.9 + 0.2 * _chance()))
        metrics.SWEEPS.labels("done").inc()
        metrics.SWEPT_ORDERS.inc(sweep.orders)
        log.info(
            "sweep.done",
            connection_id=sweep.connection_id,
            business_id=sweep.business_id,
            orders=sweep.orders,
            unreadable=sweep.unreadable,
        )

    async def _note_failure(self, connection: Connection, interrupted: "SweepInterrupted") -> None:
        """A cursor that the store does not take any more is given up; the sweep begins again."""
        sweep, error = interrupted.sweep, interrupted.cause
        failures = sweep.consecutive_failures + 1
        wait_s = pause_s(error, failures, fraction=_chance())
        held = sweep.begun_anew() if isinstance(error, Refused) else sweep
        await self.storage.pause(connection, held, next_in_s=wait_s, failures=failures, error=str(error))
        metrics.SWEEPS.labels("failed").inc()
        log.warning(
            "sweep.failed",
            connection_id=sweep.connection_id,
            business_id=sweep.business_id,
            reason=str(error),
            next_in_s=round(wait_s, 1),
        )


class SweepInterrupted(Exception):
    """The store failed in the middle; what was read before is told and kept."""

    def __init__(self, sweep: Sweep, cause: StoreError) -> None:
        super().__init__(str(cause))
        self.sweep = sweep
        self.cause = cause


def _chance() -> float:
    return random.random()  # noqa: S311  # spreads load, guards nothing

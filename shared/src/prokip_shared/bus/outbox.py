"""The outbox: what a service says commits with what it did, and reaches the broker whatever happens in between.

Fast path: bundles that have just been committed are sent from memory, and their rows deleted a little later, many by one
statement. Relay: rows that the
fast path left (a crash, a broker outage, nobody to take them yet) and retries whose time has come are swept.
A bundle sent twice keeps its id, so the consumer's inbox knows it.
"""

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from prokip_shared.bus import metrics
from prokip_shared.bus.backoff import full_jitter_s
from prokip_shared.bus.bundles import bundles_of
from prokip_shared.bus.failures import Verdict, describe, verdict_of
from prokip_shared.bus.limits import BusLimits
from prokip_shared.bus.port import Broker, Bundle
from prokip_shared.bus.storage import BusTables
from prokip_shared.database import Connection, Pool
from prokip_shared.logs import Log
from prokip_shared.messages import Encoded, Message

SEND_BUNDLES_MAX: Final = 100
SEND_BYTES_MAX: Final = 1024 * 1024
"""Sent at a time; a broker's client holds each body more than once until it is confirmed."""

log = Log("outbox")


@dataclass(slots=True)
class OutboxTransaction:
    """A database transaction whose messages go out once it has committed."""

    connection: Connection
    _said: list[Message] = field(default_factory=list)

    def say(self, *messages: Message) -> None:
        self._said.extend(messages)

    @property
    def said(self) -> Sequence[Message]:
        return self._said


class Outbox:
    """One service's outbox. `run_fast_path`, `run_deletes` and `run_relay` must run for anything to leave it."""

    def __init__(self, tables: BusTables, pool: Pool, broker: Broker, limits: BusLimits) -> None:
        self._tables = tables
        self._pool = pool
        self._broker = broker
        self._limits = limits
        self._waiting: deque[Bundle] = deque()
        self._sending: list[Bundle] = []
        self._confirmed: list[UUID] = []
        self._wake = asyncio.Event()
        self._some_confirmed = asyncio.Event()
        self._many_confirmed = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[OutboxTransaction]:
        """For work that no delivery started: a transaction, and messages that leave if and only if it commits."""
        async with self._pool.acquire() as connection, connection.transaction():
            transaction = OutboxTransaction(connection)
            yield transaction
            bundles = await self.write(connection, transaction.said)
        self.hand_over(bundles)

    async def write(self, connection: Connection, messages: Sequence[Message | Encoded]) -> list[Bundle]:
        """Stores messages in the caller's transaction; hand the result over after its commit."""
        limits = self._limits
        bundles = bundles_of(messages, messages_max=limits.bundle_messages_max, bytes_max=limits.bundle_bytes_max)
        await self.write_bundles(connection, bundles)
        return bundles

    async def write_bundles(self, connection: Connection, bundles: Sequence[Bundle]) -> None:
        """As `write`, for bundles that exist already."""
        await self._tables.write_outbox(connection, bundles, [self._limits.outbox_grace_s] * len(bundles))

    def hand_over(self, bundles: Sequence[Bundle]) -> None:
        """Sends committed bundles at once; those over the memory limit are left to the relay."""
        room = self._limits.outbox_memory_bundles_max - len(self._waiting) - len(self._sending)
        self._waiting.extend(bundles[: max(0, room)])
        if self._waiting:
            self._idle.clear()
            self._wake.set()

    async def flush(self) -> None:
        """Returns when the fast path has tried everything that was handed over, and deleted what was confirmed."""
        await self._idle.wait()
        await self._delete_confirmed()

    async def run_fast_path(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                self._sending = next_lot(self._waiting)
                await self._send_from_memory(self._sending)
                self._sending = []
            self._idle.set()

    async def _send_from_memory(self, bundles: Sequence[Bundle]) -> None:
        report = await self._broker.send(bundles)
        if report.problem is not None:
            log.warning("outbox.left_to_relay", bundles=len(bundles), reason=report.problem)
        if report.unroutable:
            await self._note_if_possible(frozenset(), report.unroutable)
        self._confirmed += report.confirmed
        if self._confirmed:
            self._some_confirmed.set()
        if len(self._confirmed) >= SEND_BUNDLES_MAX:
            self._many_confirmed.set()

    async def run_deletes(self) -> None:
        """Nobody waits for them, and a statement for each batch would cost as much as many of the batch's own."""
        while True:
            await self._some_confirmed.wait()
            try:
                async with asyncio.timeout(self._limits.outbox_delete_interval_s):
                    await self._many_confirmed.wait()
            except TimeoutError:
                pass
            await self._delete_confirmed()

    async def _delete_confirmed(self) -> None:
        confirmed, self._confirmed = self._confirmed, []
        self._some_confirmed.clear()
        self._many_confirmed.clear()
        if confirmed:
            await self._note_if_possible(frozenset(confirmed), frozenset())

    async def _note_if_possible(self, confirmed: frozenset[UUID], unroutable: frozenset[UUID]) -> None:
        """A database that is away leaves the rows to the relay, which sends them once more."""
        try:
            async with self._pool.acquire() as connection:
                await self._note(connection, confirmed, unroutable)
        except Exception as error:
            if verdict_of(error) is not Verdict.HOLD:
                raise
            log.warning("outbox.rows_not_deleted", bundles=len(confirmed) + len(unroutable), reason=describe(error))

    async def _note(self, connection: Connection, confirmed: frozenset[UUID], unroutable: frozenset[UUID]) -> None:
        if confirmed:
            await connection.execute(self._tables.queries["delete_outbox"], list(confirmed))
        if unroutable:
            log.warning("outbox.unroutable", bundles=len(unroutable), delay_s=self._limits.unroutable_delay_s)
            await connection.execute(
                self._tables.queries["postpone_outbox"], list(unroutable), self._limits.unroutable_delay_s
            )

    async def run_relay(self) -> None:
        failures = 0
        while True:
            try:
                swept, problem = await self.sweep()
            except Exception as error:
                if verdict_of(error) is not Verdict.HOLD:
                    raise
                swept, problem = 0, describe(error)
            if problem is not None:
                log.warning("outbox.sweep_failed", reason=problem)
                failures += 1
                await asyncio.sleep(self._limits.outbox_interval_s + self._backoff_s(failures))
                continue
            failures = 0
            if swept < self._limits.outbox_sweep_bundles_max:
                await asyncio.sleep(self._limits.outbox_interval_s)

    def _backoff_s(self, failures: int) -> float:
        limits = self._limits
        return full_jitter_s(
            failures,
            base_s=limits.hold_base_s,
            cap_s=limits.hold_cap_s,
            fraction=random.random(),  # noqa: S311  # spreads load, guards nothing
        )

    async def sweep(self) -> tuple[int, str | None]:
        """Sends one lot of due rows; how many there were, and what the broker said if it failed."""
        in_hand = [bundle.bundle_id for bundle in (*self._sending, *self._waiting)] + self._confirmed
        async with self._pool.acquire() as connection, connection.transaction():
            bundles = await self._tables.due_outbox(connection, in_hand, self._limits.outbox_sweep_bundles_max)
            waiting, problem = deque(bundles), None
            while waiting and problem is None:
                report = await self._broker.send(next_lot(waiting))
                await self._note(connection, report.confirmed, report.unroutable)
                problem = report.problem
            return len(bundles), problem

    async def run_gauges(self) -> None:
        """Keeps the numbers that an operator watches: what waits here and what is parked."""
        while True:
            try:
                await self._measure()
            except Exception as error:
                if verdict_of(error) is not Verdict.HOLD:
                    raise
                log.debug("outbox.not_measured", reason=describe(error))
            await asyncio.sleep(self._limits.gauge_interval_s)

    async def _measure(self) -> None:
        async with self._pool.acquire() as connection:
            state = await connection.fetchrow(self._tables.queries["outbox_state"])
            parked = await connection.fetchval(self._tables.queries["parked_state"])
        if state is not None:
            metrics.OUTBOX_WAITING.labels(self._tables.schema).set(state["waiting"])
            metrics.OUTBOX_OVERDUE_S.labels(self._tables.schema).set(max(0.0, state["overdue_s"]))
        metrics.PARKED_WAITING.labels(self._tables.schema).set(parked)


def next_lot(waiting: deque[Bundle]) -> list[Bundle]:
    """Taken off the front; at least one."""
    lot = [waiting.popleft()]
    size = len(lot[0].body)
    while waiting and len(lot) < SEND_BUNDLES_MAX and size + len(waiting[0].body) <= SEND_BYTES_MAX:
        lot.append(waiting.popleft())
        size += len(lot[-1].body)
    return lot

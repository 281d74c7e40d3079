"""From deliveries to a committed batch: inbox, handler and outbox in one transaction, acknowledged after it.

Infrastructure that fails is waited out with the batch in hand. A message that fails is found by halving the batch,
so that k bad ones among n cost about k * log2(n) transactions and every neighbour goes through.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from prokip_shared.bus import metrics
from prokip_shared.bus.backoff import full_jitter_s
from prokip_shared.bus.bundles import Element, Unpacked, bundle_of, encode, parked_id, unpack
from prokip_shared.bus.failures import Verdict, describe, is_lost_race, verdict_of
from prokip_shared.bus.limits import BusLimits
from prokip_shared.bus.outbox import Outbox
from prokip_shared.bus.port import BatchHandler, Bundle, Delivery, Intake, M, Subscription
from prokip_shared.bus.storage import BusTables, ParkedRow
from prokip_shared.database import Pool
from prokip_shared.logs import Log

T = TypeVar("T")

RACES_AT_ONCE_MAX: Final = 3
"""Lost in a row; whoever loses more of them is in a crowd, and waits as for infrastructure."""

log = Log("consumer")


class Interrupted(Exception):
    """The service drains while a batch waits for infrastructure: the batch is given back."""


@dataclass(frozen=True, slots=True)
class Failed(Generic[M]):
    """One message of a bundle and why it did not go through."""

    element: Element[M]
    error: Exception


class Consumer(Generic[M]):
    """Works through one subscription until its intake is stopped."""

    def __init__(
        self,
        subscription: Subscription[M],
        handler: BatchHandler[M],
        *,
        intake: Intake,
        pool: Pool,
        tables: BusTables,
        outbox: Outbox,
        limits: BusLimits,
    ) -> None:
        self._subscription = subscription
        self._handler = handler
        self._intake = intake
        self._pool = pool
        self._tables = tables
        self._outbox = outbox
        self._limits = limits
        self._queue = subscription.queue
        self._draining = asyncio.Event()
        self._ended = asyncio.Event()

    async def run(self) -> None:
        """Returns when drained. Any other end is a bug and raises."""
        try:
            async with asyncio.TaskGroup() as workers:
                for _ in range(self._subscription.concurrency):
                    workers.create_task(self._work_until_stopped())
        finally:
            self._ended.set()

    async def drain(self) -> None:
        """Takes nothing more and returns when the batch in hand is done.

        A batch that waits for infrastructure is given back instead of waited out.
        """
        self._draining.set()
        await self._intake.stop()
        await self._ended.wait()

    async def _work_until_stopped(self) -> None:
        while deliveries := await self._intake.take(self._subscription.batch_messages_max):
            try:
                await self._work(deliveries)
            except Interrupted:
                await self._intake.release(deliveries)
            else:
                await self._intake.settle(deliveries)

    async def _work(self, deliveries: Sequence[Delivery]) -> None:
        fresh: list[Unpacked[M]] = []
        exhausted: list[Unpacked[M]] = []
        for delivery in deliveries:
            unpacked = unpack(delivery.bundle, self._subscription.message)
            (exhausted if delivery.exhausted else fresh).append(unpacked)
        if fresh:
            await self._apply_or_take_apart(fresh)
        for unpacked in exhausted:
            await self._try_once_more_alone(unpacked)

    async def _apply_or_take_apart(self, batch: Sequence[Unpacked[M]]) -> None:
        try:
            await self._through(lambda: self._apply(batch))
        except Interrupted:
            raise
        except Exception as error:  # noqa: BLE001  # failures.py decides what it means, message by message
            if len(batch) == 1:
                await self._take_apart(batch[0], error)
                return
            middle = len(batch) // 2
            await self._apply_or_take_apart(batch[:middle])
            await self._apply_or_take_apart(batch[middle:])

    async def _apply(self, batch: Sequence[Unpacked[M]], pardoned: Sequence[ParkedRow] = ()) -> None:
        """The one transaction. Bundles that the inbox knows are left out; pardoned rows leave the parked table."""
        started = time.perf_counter()
        async with self._pool.acquire() as connection, connection.transaction():
            by_id = {item.bundle.bundle_id: item for item in batch}  # one batch may hold a bundle twice
            fresh = await self._tables.remember(connection, self._queue, list(by_id))
            todo = [item for bundle_id, item in by_id.items() if bundle_id in fresh]
            messages = [element.message for item in todo for element in item.elements]
            said = await self._handler(connection, messages) if messages else ()
            bundles = await self._outbox.write(connection, said)
            rejected = [row for item in todo for row in self._rows_of_rejects(item)]
            await self._tables.park(connection, self._queue, rejected)
            if pardoned:
                await connection.execute(self._tables.queries["unpark"], [row.id for row in pardoned])
        self._outbox.hand_over(bundles)
        self._log_parked(rejected)
        metrics.SKIPPED.labels(self._queue).inc(len(batch) - len(todo))
        self._measure(len(messages), started)

    async def _take_apart(self, item: Unpacked[M], error: Exception) -> None:
        """Applies a bundle's messages in ever smaller parts and decides about each that fails alone.

        The inbox learns of the bundle last, together with what became of the failed ones: a crash in between has
        the good ones applied again, which changes nothing.
        """
        failed: list[Failed[M]] = []
        await self._find_failing(item.elements, error, failed)
        await self._through(lambda: self._conclude(item, failed))

    async def _find_failing(self, elements: Sequence[Element[M]], error: Exception, failed: list[Failed[M]]) -> None:
        if len(elements) == 1:
            failed.append(Failed(elements[0], error))
            return
        middle = len(elements) // 2
        for half in (elements[:middle], elements[middle:]):
            try:
                await self._through(lambda part=half: self._apply_part(part))  # type: ignore[misc]  # bound now, not later
            except Interrupted:
                raise
            except Exception as error_of_half:  # noqa: BLE001  # as in _apply_or_take_apart
                await self._find_failing(half, error_of_half, failed)

    async def _apply_part(self, elements: Sequence[Element[M]]) -> None:
        started = time.perf_counter()
        async with self._pool.acquire() as connection, connection.transaction():
            said = await self._handler(connection, [element.message for element in elements])
            bundles = await self._outbox.write(connection, said)
        self._outbox.hand_over(bundles)
        self._measure(len(elements), started)

    async def _conclude(self, item: Unpacked[M], failed: Sequence[Failed[M]]) -> None:
        """Parks what cannot go on, schedules what may, and notes the bundle as applied."""
        attempts = item.bundle.attempts + 1
        parked, retried = self._rows_of_rejects(item), []
        for failure in failed:
            verdict = verdict_of(failure.error)
            metrics.FAILED.labels(self._queue, verdict.value).inc()
            if verdict is Verdict.PARK:
                parked.append(self._row(item, failure.element, describe(failure.error), attempts))
            elif attempts >= self._subscription.attempts_max:
                reason = f"failed {attempts} times, at last with {describe(failure.error)}"
                parked.append(self._row(item, failure.element, reason, attempts))
            else:
                log.warning(
                    "message.retried_later", queue=self._queue, attempts=attempts, reason=describe(failure.error)
                )
                retried.append(self._retry_of(failure.element, attempts))
        async with self._pool.acquire() as connection, connection.transaction():
            if not await self._tables.remember(connection, self._queue, [item.bundle.bundle_id]):
                return  # another replica, which had it too, was first
            await self._tables.park(connection, self._queue, parked)
            await self._tables.write_outbox(connection, retried, [self._retry_in_s(attempts) for _ in retried])
        self._log_parked(parked)

    async def _try_once_more_alone(self, item: Unpacked[M]) -> None:
        """For a bundle that was taken too often: one of those in its consumers' hands kills them, perhaps not this.

        It is parked first, in a transaction of its own, and then applied once more by itself. If that works, it is
        unparked in the same transaction; if it kills this process too, it is parked already and not tried again.
        """
        reason = f"taken more than {self._limits.deliveries_max} times without being settled"
        rows = [self._row(item, element, reason, item.bundle.attempts) for element in item.elements]
        newly_parked = await self._through(lambda: self._park_unless_seen(item, rows))
        if not newly_parked:
            return
        try:
            await self._through(lambda: self._apply([item], pardoned=rows))
        except Interrupted:
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, the message stays parked
            log.warning("message.stays_parked", queue=self._queue, reason=describe(error))
            self._log_parked(rows)

    async def _park_unless_seen(self, item: Unpacked[M], rows: Sequence[ParkedRow]) -> bool:
        async with self._pool.acquire() as connection, connection.transaction():
            if await self._tables.seen(connection, self._queue, item.bundle.bundle_id):
                return False
            rejects = self._rows_of_rejects(item)
            return bool(await self._tables.park(connection, self._queue, [*rows, *rejects]))

    async def _through(self, step: Callable[[], Awaitable[T]]) -> T:
        """Does a step, again and again while it is the infrastructure that fails. Raises Interrupted at drain."""
        attempt = races = 0
        while True:
            try:
                return await step()
            except Exception as error:
                if verdict_of(error) is not Verdict.HOLD:
                    raise
                if self._draining.is_set():
                    raise Interrupted from error
                if is_lost_race(error) and races < RACES_AT_ONCE_MAX:
                    races += 1
                    continue
                metrics.HELD.labels(self._queue).inc()
                log.warning("batch.held", queue=self._queue, attempt=attempt, reason=describe(error))
            await self._pause(attempt)
            attempt += 1

    async def _pause(self, attempt: int) -> None:
        limits = self._limits
        fraction = random.random()  # noqa: S311  # spreads load, guards nothing
        delay_s = full_jitter_s(attempt, base_s=limits.hold_base_s, cap_s=limits.hold_cap_s, fraction=fraction)
        try:
            await asyncio.wait_for(self._draining.wait(), delay_s)
        except TimeoutError:
            return

    def _retry_in_s(self, attempts: int) -> float:
        limits = self._limits
        fraction = random.random()  # noqa: S311  # spreads load, guards nothing
        return full_jitter_s(attempts, base_s=limits.retry_base_s, cap_s=limits.retry_cap_s, fraction=fraction)

    def _retry_of(self, element: Element[M], attempts: int) -> Bundle:
        return bundle_of(self._subscription.topic, [encode(element.message)], queue=self._queue, attempts=attempts)

    def _row(self, item: Unpacked[M], element: Element[M], reason: str, attempts: int) -> ParkedRow:
        message = element.message
        return ParkedRow(
            parked_id(item.bundle, element.index),
            message.business_id,
            message.type,
            encode(message).decode(),
            reason,
            attempts,
        )

    def _rows_of_rejects(self, item: Unpacked[M]) -> list[ParkedRow]:
        bundle = item.bundle
        return [
            ParkedRow(
                parked_id(bundle, reject.index),
                reject.business_id,
                bundle.type,
                reject.text,
                reject.reason,
                bundle.attempts,
            )
            for reject in item.rejects
        ]

    def _log_parked(self, rows: Sequence[ParkedRow]) -> None:
        for row in rows:
            metrics.PARKED.labels(self._queue).inc()
            log.error(
                "message.parked",
                queue=self._queue,
                parked_id=str(row.id),
                business_id=row.business_id,
                reason=row.reason,
            )

    def _measure(self, messages: int, started: float) -> None:
        metrics.CONSUMED.labels(self._queue).inc(messages)
        metrics.BATCH_MESSAGES.labels(self._queue).observe(messages)
        metrics.BATCH_SECONDS.labels(self._queue).observe(time.perf_counter() - started)

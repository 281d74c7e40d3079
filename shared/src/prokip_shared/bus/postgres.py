"""The Postgres adapter: queues as rows, taken with SKIP LOCKED under a lease, woken by NOTIFY.

The embedded default, so that one machine needs no broker. It has a pool of its own: a busy service must not starve
its broker of connections.
"""

import asyncio
import random
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast
from uuid import uuid4

import asyncpg

from prokip_shared.bus.failures import Verdict, describe, verdict_of
from prokip_shared.bus.limits import BusLimits
from prokip_shared.bus.port import Bundle, Delivery, Intake, SendReport
from prokip_shared.bus.topology import Binding
from prokip_shared.database import Pool, close_pool, load_queries, migrate, open_pool
from prokip_shared.logs import Log

CHANNEL: Final = "prokip_bus"
CONNECTIONS_MAX: Final = 3
LISTENER_PROBE_S: Final = 5.0

log = Log("bus.postgres")


async def migrate_postgres_bus(database_url: str) -> list[str]:
    """Makes or upgrades the schema `bus`; safe for replicas that start at once."""
    return await migrate(database_url, schema="bus", package="prokip_shared", migrations="sql/bus_migrations")


async def open_postgres_broker(
    database_url: str, *, service: str, limits: BusLimits, queues: Sequence[Binding] = ()
) -> "PostgresBroker":
    """A broker that has declared `queues` already."""
    await migrate_postgres_bus(database_url)
    pool = await open_pool(database_url, service=f"{service}-bus", connections_max=CONNECTIONS_MAX)
    broker = PostgresBroker(database_url, pool, limits)
    await broker.declare(queues)
    return broker


class PostgresBroker:
    """`run` must run: it listens, extends leases, and wakes the takers."""

    def __init__(self, database_url: str, pool: Pool, limits: BusLimits) -> None:
        self._database_url = database_url
        self._pool = pool
        self._limits = limits
        self._queries = load_queries("prokip_shared", "bus_postgres.sql")
        self._intakes: dict[str, PostgresIntake] = {}
        self._listening = False
        self._problem = "not listening yet"

    async def declare(self, queues: Sequence[Binding]) -> None:
        await self._pool.executemany(self._queries["bind"], [(one.topic, one.queue) for one in queues])

    async def send(self, bundles: Sequence[Bundle]) -> SendReport:
        try:
            async with asyncio.timeout(self._limits.publish_timeout_s):
                rows = await self._pool.fetch(
                    self._queries["send"],
                    [bundle.bundle_id for bundle in bundles],
                    [bundle.type for bundle in bundles],
                    [bundle.queue for bundle in bundles],
                    [bundle.body for bundle in bundles],
                    [bundle.messages for bundle in bundles],
                    [bundle.attempts for bundle in bundles],
                )
        except Exception as error:
            if verdict_of(error) is not Verdict.HOLD:
                raise
            return SendReport(problem=describe(error))
        confirmed = frozenset(row["bundle_id"] for row in rows)
        return SendReport(confirmed, frozenset(bundle.bundle_id for bundle in bundles) - confirmed)

    def subscribe(self, queue: str, topic: str, prefetch_bundles: int) -> Intake:
        intake = PostgresIntake(self._pool, self._queries, self._limits, queue, topic, prefetch_bundles)
        self._intakes[queue] = intake
        return intake

    async def check(self) -> str | None:
        if not self._listening:
            return self._problem
        wrong = [f"{queue}: {intake.problem}" for queue, intake in self._intakes.items() if intake.problem]
        return "; ".join(wrong) or None

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen_for_ever())
            tasks.create_task(self._extend_leases_for_ever())

    async def close(self) -> None:
        await close_pool(self._pool)

    async def _listen_for_ever(self) -> None:
        """One connection that only listens. While it is away the poll interval finds new work."""
        while True:
            try:
                await self._listen()
            except Exception as error:
                if verdict_of(error) is not Verdict.HOLD:
                    raise
                self._problem = f"not listening: {describe(error)}"
                log.warning("bus.listener_lost", reason=describe(error))
            finally:
                self._listening = False
            pause_s = self._limits.reconnect_base_s * (1 + random.random())  # noqa: S311  # spreads load only
            await asyncio.sleep(pause_s)

    async def _listen(self) -> None:
        connection = await asyncpg.connect(
            self._database_url,
            timeout=self._limits.connect_timeout_s,
            server_settings={"application_name": "prokip-bus-listener"},
        )
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _connection: lost.set())
        try:
            await connection.add_listener(CHANNEL, self._on_notification)
            self._listening = True
            for intake in self._intakes.values():
                intake.wake()  # what was sent while nobody listened
            while not lost.is_set():
                try:
                    await asyncio.wait_for(lost.wait(), LISTENER_PROBE_S)
                except TimeoutError:
                    # A server that vanished without a word is noticed by asking.
                    await connection.fetchval(self._queries["ping"], timeout=self._limits.connect_timeout_s)
        finally:
            connection.terminate()
        raise ConnectionResetError("the listening connection was closed")

    def _on_notification(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        intake = self._intakes.get(cast("str", payload))
        if intake is not None:
            intake.wake()

    async def _extend_leases_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._limits.lease_s / 3)
            for intake in list(self._intakes.values()):
                await intake.extend_leases()


class PostgresIntake:
    """One queue's bundles, taken some at a time and handed to the workers."""

    def __init__(
        self,
        pool: Pool,
        queries: Mapping[str, str],
        limits: BusLimits,
        queue: str,
        topic: str,
        prefetch_bundles: int,
    ) -> None:
        self._pool = pool
        self._queries = queries
        self._limits = limits
        self._queue = queue
        self._topic = topic
        self._prefetch_bundles = prefetch_bundles
        self._buffer: deque[Delivery] = deque()
        self._taking = asyncio.Lock()
        self._wake = asyncio.Event()
        self._taker = uuid4()
        self._bound = False
        self._answer_lost = False
        self._stopped = False
        self.held: set[int] = set()
        """Rows under our lease: buffered or in a worker's hands."""
        self.problem: str | None = "not consuming yet"

    def wake(self) -> None:
        self._wake.set()

    async def take(self, messages_max: int) -> list[Delivery]:
        while not self._stopped:
            async with self._taking:
                if not self._buffer and not self._stopped:
                    self._wake.clear()
                    await self._refill()
                if self._buffer:
                    return self._pop(messages_max)
            await self._wait_for_work()
        return []

    def _pop(self, messages_max: int) -> list[Delivery]:
        popped: list[Delivery] = []
        messages = 0
        while self._buffer and (not popped or messages + self._buffer[0].bundle.messages <= messages_max):
            popped.append(self._buffer.popleft())
            messages += popped[-1].bundle.messages
        return popped

    async def _refill(self) -> None:
        room = self._prefetch_bundles - len(self.held)
        if room <= 0:
            return
        try:
            if not self._bound:
                await self._pool.execute(self._queries["bind"], self._topic, self._queue)
                self._bound = True
            if self._answer_lost:
                await self._give_back_lost()
            rows = await self._pool.fetch(self._queries["take"], self._queue, room, self._limits.lease_s, self._taker)
        except Exception as error:
            if verdict_of(error) is not Verdict.HOLD:
                raise
            self._answer_lost = True
            if self.problem is None:
                log.warning("bus.cannot_take", queue=self._queue, reason=describe(error))
            self.problem = describe(error)
            return
        self.problem = None
        for row in sorted(rows, key=lambda row: cast("int", row["id"])):
            bundle = Bundle(row["bundle_id"], row["type"], row["body"], row["messages"], row["attempts"])
            exhausted = row["deliveries"] > self._limits.deliveries_max
            self._buffer.append(Delivery(bundle, row["id"], exhausted))
            self.held.add(row["id"])

    async def _give_back_lost(self) -> None:
        """Frees what Postgres holds for us and we do not know of; else it would lie there until the lease ends."""
        self._answer_lost = False  # before the statement: what is lost while it runs needs another
        await self._pool.execute(self._queries["give_back_lost"], self._queue, self._taker, list(self.held))

    async def _wait_for_work(self) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), self._limits.poll_interval_s)
        except TimeoutError:
            return

    async def settle(self, deliveries: Sequence[Delivery]) -> None:
        await self._give_up("settle", deliveries)

    async def release(self, deliveries: Sequence[Delivery]) -> None:
        await self._give_up("release", deliveries)

    async def _give_up(self, how: str, deliveries: Sequence[Delivery]) -> None:
        receipts = [cast("int", delivery.receipt) for delivery in deliveries]
        if not receipts:
            return
        try:
            await self._pool.execute(self._queries[how], self._queue, receipts)
        except Exception as error:
            if verdict_of(error) is not Verdict.HOLD:
                raise
            # Given back before the next take, the bundle comes again, and the inbox knows it.
            self._answer_lost = True
            log.warning("bus.not_given_up", how=how, queue=self._queue, reason=describe(error))
        finally:
            self.held.difference_update(receipts)
            self._wake.set()  # there is room again for a worker that found none

    async def extend_leases(self) -> None:
        if not self.held:
            return
        try:
            await self._pool.execute(self._queries["extend"], self._queue, list(self.held), self._limits.lease_s)
        except Exception as error:
            if verdict_of(error) is not Verdict.HOLD:
                raise
            log.warning("bus.leases_not_extended", queue=self._queue, reason=describe(error))

    async def stop(self) -> None:
        self._stopped = True
        self._wake.set()
        async with self._taking:
            unworked = list(self._buffer)
            self._buffer.clear()
        await self.release(unworked)

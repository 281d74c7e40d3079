"""The bus of one service, wired: `open_bus` is what a composition root calls."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final, Protocol, overload

from prokip_shared.bus.consumer import Consumer
from prokip_shared.bus.failures import Verdict, describe, verdict_of
from prokip_shared.bus.group import GroupPublisher
from prokip_shared.bus.limits import DEFAULT_LIMITS, BusLimits
from prokip_shared.bus.outbox import Outbox
from prokip_shared.bus.parked import ParkedMessages
from prokip_shared.bus.port import BatchHandler, Broker, M, R, Reader, Subscription
from prokip_shared.bus.postgres import PostgresBroker, migrate_postgres_bus, open_postgres_broker
from prokip_shared.bus.publisher import BusPublisher, MeteredBroker
from prokip_shared.bus.rabbitmq import RabbitBroker
from prokip_shared.bus.storage import BusTables, migrate_service_tables
from prokip_shared.bus.topology import QUEUES, Binding
from prokip_shared.database import Pool
from prokip_shared.logs import Log

POSTGRES: Final = "postgres"

log = Log("bus")


class BusHost(Protocol):
    """What the bus needs of the service it lives in; `runtime.ServiceContext` is one."""

    name: str
    stack: AsyncExitStack

    def side_task(self, name: str, work: Coroutine[Any, Any, None]) -> None: ...

    def check(self, name: str, probe: Callable[[], Awaitable[str | None]]) -> None: ...

    def on_drain(self, drain: Callable[[], Awaitable[None]]) -> None: ...


class BusAddress(Protocol):
    """The settings that choose the broker; `settings.ServiceSettings` has them."""

    @property
    def broker_url(self) -> str: ...

    @property
    def database_url(self) -> str: ...


class PublishingBus:
    """A service that only publishes."""

    def __init__(self, broker: Broker, limits: BusLimits) -> None:
        self._broker = broker
        self._limits = limits
        self.publisher = BusPublisher(broker, limits)

    def group_publisher(
        self,
        *,
        waiting_messages_max: int = 20_000,
        pace_s: Mapping[str, float] | None = None,
        wait_timeout_s: float | None = None,
    ) -> GroupPublisher:
        """Shares confirms among concurrent callers; for paths of thousands of messages a second."""
        return GroupPublisher(
            self._broker,
            self._limits,
            waiting_messages_max=waiting_messages_max,
            pace_s=pace_s,
            wait_timeout_s=wait_timeout_s,
        )


class Bus(PublishingBus):
    """A service that consumes, and says what it did through its outbox."""

    def __init__(self, host: BusHost, broker: Broker, pool: Pool, schema: str, limits: BusLimits) -> None:
        super().__init__(broker, limits)
        self._host = host
        self._pool = pool
        self._tables = BusTables(schema)
        self._consumers: list[Consumer[Any]] = []
        self.outbox = Outbox(self._tables, pool, broker, limits)
        self.parked = ParkedMessages(self._tables, pool, self.outbox)

    @overload
    def consume(self, subscription: Subscription[M], handler: BatchHandler[M]) -> None: ...

    @overload
    def consume(self, subscription: Subscription[Any], handler: BatchHandler[R], *, read: Reader[R]) -> None: ...

    def consume(
        self, subscription: Subscription[Any], handler: BatchHandler[R], *, read: Reader[R] | None = None
    ) -> None:
        """Begins at once; call it when everything that the handler uses is there."""
        consumer = Consumer(
            subscription,
            handler,
            read=read,
            intake=self._broker.subscribe(subscription.queue, subscription.topic, subscription.prefetch_bundles),
            pool=self._pool,
            tables=self._tables,
            outbox=self.outbox,
            limits=self._limits,
        )
        self._consumers.append(consumer)
        self._host.side_task(f"consume {subscription.queue}", consumer.run())

    async def drain(self) -> None:
        """Takes nothing more, finishes the batches in hand, and sends what they said."""
        await asyncio.gather(*(consumer.drain() for consumer in self._consumers))
        await self.outbox.flush()

    async def prune_for_ever(self) -> None:
        """Forgets what no redelivery can bring back."""
        while True:
            for query in ("prune_inbox", "prune_parked"):
                try:
                    await self._prune(self._tables.queries[query])
                except Exception as error:
                    if verdict_of(error) is not Verdict.HOLD:
                        raise
                    log.warning("bus.not_pruned", query=query, reason=describe(error))
            await asyncio.sleep(self._limits.prune_interval_s)

    async def _prune(self, query: str) -> None:
        """In lots, so that no single statement holds up vacuum or a replica for long."""
        limits = self._limits
        full_lot = f"DELETE {limits.prune_rows_max}"
        while await self._pool.execute(query, limits.inbox_retention_h, limits.prune_rows_max) == full_lot:
            continue


async def migrate_bus(settings: BusAddress, *, schema: str | None) -> list[str]:
    """For deployments that migrate before they start: what `open_bus` makes by itself; schema None: no bus tables."""
    applied = [] if schema is None else await migrate_service_tables(settings.database_url, schema=schema)
    if settings.broker_url == POSTGRES:
        applied += await migrate_postgres_bus(settings.database_url)
    return applied


async def open_publishing_bus(host: BusHost, settings: BusAddress, limits: BusLimits = DEFAULT_LIMITS) -> PublishingBus:
    """For a service without consumers and outbox (webhook-ingest): `publisher` and `group_publisher`."""
    return PublishingBus(await _open_broker(host, settings, limits, QUEUES), limits)


async def open_bus(
    host: BusHost,
    settings: BusAddress,
    pool: Pool,
    schema: str,
    limits: BusLimits = DEFAULT_LIMITS,
    queues: Sequence[Binding] = QUEUES,
) -> Bus:
    """The whole bus of a service whose inbox, outbox and parked tables are in `schema`; makes the tables.

    It returns although the broker is away: readiness tells, and the connection is made when there is one. `queues` are
    declared besides the own ones, so that services which start later hear what is said now.
    """
    await migrate_service_tables(settings.database_url, schema=schema)
    bus = Bus(host, await _open_broker(host, settings, limits, queues), pool, schema, limits)
    host.side_task("outbox fast path", bus.outbox.run_fast_path())
    host.side_task("outbox deletes", bus.outbox.run_deletes())
    host.side_task("outbox relay", bus.outbox.run_relay())
    host.side_task("bus gauges", bus.outbox.run_gauges())
    host.side_task("bus pruning", bus.prune_for_ever())
    host.on_drain(bus.drain)
    return bus


async def _open_broker(host: BusHost, settings: BusAddress, limits: BusLimits, queues: Sequence[Binding]) -> Broker:
    broker: PostgresBroker | RabbitBroker
    if settings.broker_url == POSTGRES:
        broker = await open_postgres_broker(settings.database_url, service=host.name, limits=limits, queues=queues)
        host.stack.push_async_callback(broker.close)
    else:
        broker = RabbitBroker(settings.broker_url, host.name, limits, queues)
    host.side_task("broker", broker.run())
    host.check("broker", broker.check)
    return MeteredBroker(broker)

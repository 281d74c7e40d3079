"""prokip-poller as it runs, a simulated Prokip that it asks, and a listener that hears what it says."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, TypeVar
from uuid import UUID, uuid4

import asyncpg
from aiohttp import ClientSession, web
from pydantic import SecretStr

from prokip_poller.app import SERVICE
from prokip_poller.config import PollerSettings
from prokip_sandbox import Good
from prokip_sandbox.prokip import ProkipServer
from prokip_shared.bus import Bus, Subscription, open_bus
from prokip_shared.connections import ConnectorCredentials, CustomCredentials, SimpleCredentials
from prokip_shared.database import Connection, Pool, migrate, open_pool
from prokip_shared.directory import seal_credentials, seal_prokip_credentials
from prokip_shared.messages import (
    ConnectionChangedV1,
    Message,
    ProkipObservedV1,
    SaleDueV1,
    SaleLine,
    SaleRecordedV1,
    SyncCompletedV1,
    SyncRequestedV1,
)
from prokip_shared.runtime import RunningService, ServiceContext, running
from prokip_shared.security.tokens import InternalTokens
from prokip_shared.security.vault import Vault
from prokip_shared.settings import load_settings
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.settings import INTERNAL_SECRET, service_environ

LOCATION: Final = "LOC001"
STORE: Final = 7
SOLD_AT: Final = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
HEARD: Final[tuple[type[Message], ...]] = (ProkipObservedV1, SaleRecordedV1, SyncCompletedV1)
QUICK: Final = {
    "POST_TIMEOUT_S": "5",
    "POSTING_MARGIN_S": "0.5",
    "READ_TIMEOUT_S": "5",
    "CONNECT_TIMEOUT_S": "2",
    "RETRY_BASE_S": "0.05",
    "RETRY_CAP_S": "0.2",
    "LEFT_OUT_RETRY_S": "0.05",
    "CONNECTOR_REQUEST_INTERVAL_S": "0",
}
"""Quick pauses, so that a test sees what takes minutes in life."""
M = TypeVar("M", bound=Message)


def goods(quantity: int, *skus: str) -> list[Good]:
    return [Good(sku, f"Good {sku}", 1000, quantity) for sku in skus]


@dataclass
class PollerWorld:
    """One business; speaks for inventory and the gateway, and hears what the poller says."""

    database_url: str
    business_id: int
    prokip: ProkipServer
    service: RunningService
    session: ClientSession
    pool: Pool
    bus: Bus
    heard: list[Message]
    poller: AsyncExitStack
    """Closed, it stops the poller inside this process."""
    revisions: dict[str, int] = field(default_factory=dict)

    async def configure(
        self, *, token: str | None = None, api_url: str | None = None, location: str = LOCATION
    ) -> None:
        """As the gateway does when an operator saves Prokip's settings."""
        await configure(
            self.pool, self.business_id, api_url or self.prokip.url, token or self.prokip.token, location=location
        )
        change = ConnectionChangedV1(business_id=self.business_id, connection_id=None, change="prokip_configured")
        await self.say(change)

    async def say(self, *messages: Message) -> None:
        await self.bus.publisher.publish(messages)

    async def due(
        self, order_ref: str, units: Mapping[str, float], revision: int | None = None, *, location: str = LOCATION
    ) -> None:
        """What Prokip should know of an order; the next revision unless one is given."""
        if revision is None:
            revision = self.revisions.get(order_ref, 0) + 1
        self.revisions[order_ref] = max(revision, self.revisions.get(order_ref, 0))
        await self.say(sale_due(self.business_id, order_ref, units, revision, location=location))

    async def ask_for_round(self, connection_id: int | None = None) -> UUID:
        round_id = uuid4()
        request = SyncRequestedV1(business_id=self.business_id, round_id=round_id, connection_id=connection_id)
        await self.say(request)
        return round_id

    async def read(self) -> list[ProkipObservedV1]:
        """A whole read, and what it told."""
        round_id = await self.ask_for_round()

        def parts() -> list[ProkipObservedV1]:
            return [one for one in self.heard_of(ProkipObservedV1) if one.round and one.round.round_id == round_id]

        await self.until(lambda: len(parts()) > 0 and len(parts()) == parts()[0].round.parts, "round told")  # type: ignore[union-attr]  # filtered above
        return parts()

    def heard_of(self, kind: type[M]) -> list[M]:
        return [message for message in self.heard if isinstance(message, kind)]

    def told_pairs(self) -> dict[str, tuple[Decimal, Decimal]]:
        """(Q, R) per SKU as a reader holds them: the highest sequence wins."""
        held: dict[str, tuple[int, tuple[Decimal, Decimal]]] = {}
        for message in self.heard_of(ProkipObservedV1):
            for item in message.items:
                if item.sku not in held or held[item.sku][0] < message.sequence:
                    held[item.sku] = (message.sequence, (item.quantity, item.recorded))
        return {sku: pair for sku, (_, pair) in held.items()}

    async def record(self, order_ref: str) -> dict[str, Any] | None:
        status, body = await self.ask("GET", f"/internal/sales/{STORE}/{order_ref}")
        return body if status == 200 else None

    async def until_state(self, order_ref: str, state: str, revision: int | None = None) -> dict[str, Any]:
        """The record once it is in the state, for the newest revision unless one is given."""
        wanted = revision or self.revisions[order_ref]

        async def reached() -> dict[str, Any] | None:
            record = await self.record(order_ref)
            assert record is not None
            assert (record["state"], record["revision"]) == (state, wanted), record
            return record

        found = await eventually(reached, what=f"{order_ref} {state}")
        assert found is not None
        return found

    async def location(self, location_id: str = LOCATION) -> dict[str, Any]:
        _, body = await self.ask("GET", "/internal/prokip")
        found: dict[str, Any] = next((one for one in body["locations"] if one["location_id"] == location_id), {})
        return found

    async def until_health(self, health: str) -> dict[str, Any]:
        async def reached() -> dict[str, Any]:
            location = await self.location()
            assert location.get("health") == health, location
            return location

        return await eventually(reached, what=f"health {health}")

    async def until(self, probe: Callable[[], bool], what: str, *, timeout_s: float = PATIENCE_S) -> None:
        async def holds() -> bool:
            return probe()

        await eventually(holds, timeout_s=timeout_s, what=what)

    async def ask(self, method: str, path: str, body: Any = None, business_id: int | None = None) -> tuple[int, Any]:
        token = InternalTokens(INTERNAL_SECRET).mint(business_id or self.business_id)
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{self.service.url}{path}"
        async with self.session.request(method, url, json=body, headers=headers) as response:
            return response.status, await response.json(content_type=None)

    async def act(self, order_ref: str, action: str, body: Any = None) -> tuple[int, Any]:
        return await self.ask("POST", f"/internal/sales/{STORE}/{order_ref}/{action}", body)

    def sealed_custom_credentials(self, store_key: str) -> bytes:
        credentials = CustomCredentials(webhook_secret=SecretStr("whsec"))
        return seal_credentials(vault(), self.business_id, store_key, credentials)

    async def start_poller(self, **more: str) -> None:
        """Again, after it has been stopped."""
        self.service = await self.poller.enter_async_context(open_poller(self.database_url, **more))

    def posts(self) -> int:
        """Requests that told Prokip something, or tried to."""
        return sum(number for kind, number in self.prokip.calls.counts.items() if kind.startswith("POST"))


def sale_due(
    business_id: int, order_ref: str, units: Mapping[str, float], revision: int, *, location: str = LOCATION
) -> SaleDueV1:
    lines = tuple(
        SaleLine(sku=sku, units=Decimal(str(number)), unit_price=None, stock_revision=revision)
        for sku, number in units.items()
    )
    return SaleDueV1(
        business_id=business_id,
        connection_id=STORE,
        location_id=location,
        order_ref=order_ref,
        order_number=f"#{order_ref}",
        status="processing",
        sold_at=SOLD_AT,
        revision=revision,
        lines=lines,
    )


def vault() -> Vault:
    settings = load_settings(PollerSettings, service_environ("postgresql://unused"))
    return Vault(settings.encryption_key.get_secret_value())


async def configure_connector(
    pool: Pool, business_id: int, prokip: ProkipServer, *, password: str | None = None, location: str = LOCATION
) -> str:
    """As `configure`, in the dialect of Prokip itself; returns the location's number, which is what it goes by there."""
    credentials = ConnectorCredentials(
        client_id=prokip.login.client_id,
        client_secret=SecretStr(prokip.login.client_secret),
        username=prokip.login.username,
        password=SecretStr(password or prokip.login.password),
    )
    number = str(prokip.location_numbers[location])
    await pool.execute(
        "INSERT INTO gateway.prokip_account AS held"
        " (business_id, dialect, api_url, location_id, credentials, contact_id, timezone)"
        " VALUES ($1, 'connector', $2, $3, $4, $5, $6) ON CONFLICT (business_id) DO UPDATE"
        " SET credentials = excluded.credentials, version = held.version + 1",
        business_id,
        prokip.url,
        number,
        seal_prokip_credentials(vault(), business_id, credentials),
        prokip.walk_in_id,
        prokip.erp.time_zone,
    )
    return number


async def configure(pool: Pool, business_id: int, api_url: str, token: str, *, location: str = LOCATION) -> None:
    await pool.execute(
        "INSERT INTO gateway.prokip_account (business_id, dialect, api_url, location_id, credentials)"
        " VALUES ($1, 'simple', $2, $3, $4) ON CONFLICT (business_id) DO UPDATE"
        " SET api_url = excluded.api_url, credentials = excluded.credentials, location_id = excluded.location_id",
        business_id,
        api_url,
        location,
        seal_prokip_credentials(vault(), business_id, SimpleCredentials(token=SecretStr(token))),
    )


@dataclass(frozen=True, slots=True)
class BusSettings:
    broker_url: str
    database_url: str


@asynccontextmanager
async def open_poller(database_url: str, **more: str) -> AsyncIterator[RunningService]:
    settings = load_settings(PollerSettings, service_environ(database_url, **(QUICK | more)))
    async with running(SERVICE, settings) as service:

        async def ready() -> bool:
            return not await service.context.problems()

        await eventually(ready, what="prokip-poller ready")
        yield service


@asynccontextmanager
async def open_world(
    database_url: str, prokip: ProkipServer, *, configured: bool = True, **more: str
) -> AsyncIterator[PollerWorld]:
    """Further settings by upper-case keyword."""
    await migrate(database_url, schema="gateway", package="gateway")
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(await open_pool(database_url, service="listener", connections_max=4))
        business_id = await pool.fetchval("INSERT INTO gateway.business (name) VALUES ('first') RETURNING id")
        if configured:
            await configure(pool, business_id, prokip.url, prokip.token)
        context = ServiceContext("listener", web.Application(), stack)
        bus = await open_bus(context, BusSettings("postgres", database_url), pool, "listener")
        heard: list[Message] = []

        async def hear(_connection: Connection, messages: Sequence[Any]) -> Sequence[Message]:
            heard.extend(messages)
            return ()

        for message in HEARD:
            bus.consume(Subscription("listener", message), hear)

        async def listening() -> bool:
            return not await context.problems()

        await eventually(listening, what="listener ready")
        session = await stack.enter_async_context(ClientSession())
        poller = await stack.enter_async_context(AsyncExitStack())
        service = await poller.enter_async_context(open_poller(database_url, **more))
        world = PollerWorld(database_url, business_id, prokip, service, session, pool, bus, heard, poller)
        try:
            yield world
        finally:
            await context.drain()
            await context.end_side_tasks()


async def fetch_value(database_url: str, sql: str, *arguments: Any) -> Any:
    connection = await asyncpg.connect(database_url)
    try:
        return await connection.fetchval(sql, *arguments)
    finally:
        await connection.close()

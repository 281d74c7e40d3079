"""webhook-ingest as it runs, stores that post to it, and a consumer that hears what it says."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg
from aiohttp import ClientResponse, ClientSession, web
from pydantic import SecretStr

from prokip_shared.bus.open import open_bus
from prokip_shared.bus.port import Subscription
from prokip_shared.connections import Credentials, CustomCredentials, ShopifyCredentials, WooCredentials
from prokip_shared.database import Connection, migrate, open_pool
from prokip_shared.directory import seal_credentials
from prokip_shared.messages import (
    ConnectionRedactedV1,
    ConnectionUninstalledV1,
    LevelHintedV1,
    Message,
    OrderObservedV1,
    Platform,
    ProductHintedV1,
)
from prokip_shared.platforms.signatures import sign
from prokip_shared.runtime import RunningService, ServiceContext, running
from prokip_shared.security.tokens import InternalTokens
from prokip_shared.security.vault import Vault
from prokip_shared.settings import load_settings
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.settings import INTERNAL_SECRET, PATIENT_INGEST, service_environ
from tests.unit.webhooks.recorded import WOO_SECRET, WOO_STORE
from webhook_ingest.app import SERVICE
from webhook_ingest.config import IngestSettings

SHOP: Final = "north.myshopify.com"
SHOP_SECRET: Final = "shpss-made-up"
CUSTOM_STORE: Final = "kiosk"
CUSTOM_SECRET: Final = "kiosk-made-up"
CONNECTED_AT: Final = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
HEARD: Final[tuple[type[Message], ...]] = (
    OrderObservedV1,
    LevelHintedV1,
    ProductHintedV1,
    ConnectionUninstalledV1,
    ConnectionRedactedV1,
)


@dataclass(frozen=True, slots=True)
class Store:
    id: int
    business_id: int


async def connect_store(
    database_url: str, platform: Platform, store_key: str, credentials: Credentials, *, business: str = "first"
) -> Store:
    """As the gateway would write it."""
    settings = load_settings(IngestSettings, service_environ(database_url))
    vault = Vault(settings.encryption_key.get_secret_value())
    admin = await asyncpg.connect(database_url)
    try:
        business_id = await admin.fetchval("SELECT id FROM gateway.business WHERE name = $1", business)
        if business_id is None:
            business_id = await admin.fetchval("INSERT INTO gateway.business (name) VALUES ($1) RETURNING id", business)
        connection_id = await admin.fetchval(
            "INSERT INTO gateway.connection (business_id, platform, store_key, store_url, store_name, location_id,"
            " status, connected_at, credentials) VALUES ($1, $2, $3, $3, $3, 'L1', 'connected', $4, $5) RETURNING id",
            business_id,
            platform,
            store_key,
            CONNECTED_AT,
            seal_credentials(vault, business_id, store_key, credentials),
        )
    finally:
        await admin.close()
    return Store(connection_id, business_id)


def woo_credentials() -> WooCredentials:
    return WooCredentials(
        consumer_key=SecretStr("ck"), consumer_secret=SecretStr("cs"), webhook_secret=SecretStr(WOO_SECRET)
    )


def shopify_credentials() -> ShopifyCredentials:
    return ShopifyCredentials(access_token=SecretStr("shpat"), api_secret=SecretStr(SHOP_SECRET))


def custom_credentials() -> CustomCredentials:
    return CustomCredentials(webhook_secret=SecretStr(CUSTOM_SECRET))


async def connect_three_stores(database_url: str) -> dict[Platform, Store]:
    await migrate(database_url, schema="gateway", package="gateway")
    return {
        "woocommerce": await connect_store(database_url, "woocommerce", WOO_STORE, woo_credentials()),
        "shopify": await connect_store(database_url, "shopify", SHOP, shopify_credentials()),
        "custom": await connect_store(database_url, "custom", CUSTOM_STORE, custom_credentials()),
    }


@dataclass(slots=True)
class Listener:
    """A service that consumes all that ingest says."""

    heard: list[Message] = field(default_factory=list)

    async def wait_for(self, count: int, *, timeout_s: float = PATIENCE_S) -> list[Message]:
        async def enough() -> bool:
            return len(self.heard) >= count

        await eventually(enough, timeout_s=timeout_s, what=f"{count} messages heard")
        return self.heard

    async def order_refs(self, count: int) -> list[str]:
        await self.wait_for(count)
        return [message.order.order_ref for message in self.heard if isinstance(message, OrderObservedV1)]


@dataclass(frozen=True, slots=True)
class BusSettings:
    broker_url: str
    database_url: str


@asynccontextmanager
async def listening(broker_url: str, database_url: str) -> AsyncIterator[Listener]:
    listener = Listener()

    async def hear(_connection: Connection, messages: Sequence[Any]) -> Sequence[Message]:
        listener.heard.extend(messages)
        return ()

    async with AsyncExitStack() as stack:
        context = ServiceContext("listener", web.Application(), stack)
        pool = await stack.enter_async_context(await open_pool(database_url, service="listener", connections_max=4))
        bus = await open_bus(context, BusSettings(broker_url, database_url), pool, "listener")
        for message in HEARD:
            bus.consume(Subscription("listener", message), hear)

        async def consuming() -> bool:
            return not await context.problems()

        await eventually(consuming, what="listener consuming")
        try:
            yield listener
        finally:
            await context.drain()
            await context.end_side_tasks()


@dataclass(frozen=True, slots=True)
class World:
    ingest: RunningService
    session: ClientSession
    stores: dict[Platform, Store]
    database_url: str

    async def post(self, path: str, body: bytes, **headers: str) -> ClientResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.post(
            self.ingest.url + path, data=body, headers={"Content-Type": "application/json"} | named
        ) as response:
            await response.read()
            return response

    async def woo(self, body: bytes, topic: str = "order.updated", secret: str = WOO_SECRET) -> ClientResponse:
        return await self.post(
            "/connections/webhook/woocommerce",
            body,
            X_WC_Webhook_Source=f"{WOO_STORE}/",
            X_WC_Webhook_Topic=topic,
            X_WC_Webhook_Signature=sign(body, secret),
        )

    async def shopify(
        self, body: bytes, topic: str = "orders/updated", secret: str = SHOP_SECRET, **headers: str
    ) -> ClientResponse:
        return await self.post(
            "/connections/webhook/shopify",
            body,
            X_Shopify_Shop_Domain=SHOP,
            X_Shopify_Topic=topic,
            X_Shopify_Hmac_Sha256=sign(body, secret),
            **headers,
        )

    async def custom(self, body: bytes, secret: str = CUSTOM_SECRET, path: str = "/webhook/mine") -> ClientResponse:
        return await self.post(path, body, X_Prokip_Store=CUSTOM_STORE, X_Prokip_Signature=sign(body, secret))

    def token(self, business_id: int) -> dict[str, str]:
        return {"Authorization": f"Bearer {InternalTokens(INTERNAL_SECRET).mint(business_id)}"}

    async def fetch(self, query: str) -> list[asyncpg.Record]:
        admin = await asyncpg.connect(self.database_url)
        try:
            return await admin.fetch(query)
        finally:
            await admin.close()


@asynccontextmanager
async def ingest_world(
    database_url: str, broker_url: str, *, direct_url: str = "", **settings: str
) -> AsyncIterator[World]:
    """`direct_url`: where the database is when `database_url` leads through something that a test breaks."""
    direct_url = direct_url or database_url
    stores = await connect_three_stores(direct_url)
    quick = {"SPOOL_INTERVAL_S": "0.05", "BROKER_PAUSE_S": "0.1"}
    environ = service_environ(database_url, broker_url, **(quick | PATIENT_INGEST | settings))
    known = {name: value for name, value in environ.items() if name.lower() in IngestSettings.model_fields}
    async with running(SERVICE, load_settings(IngestSettings, known)) as service, ClientSession() as session:
        world = World(service, session, stores, direct_url)

        async def ready() -> bool:
            async with session.get(service.url + "/health/ready") as response:
                assert response.status == 200, await response.text()
                return True

        await eventually(ready, what="ingest ready")
        yield world


def order_body(order_ref: int = 7, *, quantity: int = 2, **more: Any) -> bytes:
    """A WooCommerce order with made-up personal data all over it."""
    line = {
        "id": 1,
        "name": "Ring engraved Zebulon",
        "sku": "RING",
        "quantity": quantity,
        "price": 10,
        "meta_data": [
            {"id": 1, "key": "_reduced_stock", "value": str(quantity)},
            {"id": 2, "key": "engraving", "value": "Zebulon"},
        ],
    }
    order = {
        "id": order_ref,
        "number": str(order_ref),
        "status": "processing",
        "date_created_gmt": "2026-11-22T12:00:00",
        "date_modified_gmt": "2026-11-22T12:00:05",
        "customer_note": "leave it with Zebulon",
        "billing": {"first_name": "Zebulon", "email": "zebulon@example.test", "phone": "555-0100"},
        "line_items": [line],
    }
    return json.dumps(order | more).encode()


@dataclass(slots=True)
class Gate:
    """A TCP way that a test can shut (connections break) or freeze (bytes stop)."""

    host: str
    port: int
    socket_path: str = ""
    """Leads there instead of to host and port, if given."""
    listen_port: int = 0
    _open: bool = True
    _flowing: asyncio.Event = field(default_factory=asyncio.Event)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def shut(self) -> None:
        self._open = False
        self._flowing.set()
        for writer in self._writers:
            writer.transport.abort()

    def freeze(self) -> None:
        self._flowing.clear()

    def open(self) -> None:
        self._open = True
        self._flowing.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._open:
            writer.transport.abort()
            return
        if self.socket_path:
            far_reader, far_writer = await asyncio.open_unix_connection(self.socket_path)
        else:
            far_reader, far_writer = await asyncio.open_connection(self.host, self.port)
        self._writers |= {writer, far_writer}
        await asyncio.gather(self._carry(reader, far_writer), self._carry(far_reader, writer))
        self._writers -= {writer, far_writer}

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                await self._flowing.wait()
                target.write(data)
                await target.drain()
        except OSError:
            pass
        finally:
            target.close()


@asynccontextmanager
async def gate_to(host: str, port: int, socket_path: str = "") -> AsyncIterator[Gate]:
    gate = Gate(host, port, socket_path)
    gate.open()
    server = await asyncio.start_server(gate.serve, "127.0.0.1", 0)
    gate.listen_port = server.sockets[0].getsockname()[1]
    try:
        yield gate
    finally:
        gate.shut()
        server.close()
        await server.wait_closed()

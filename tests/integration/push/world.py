"""store-push as it runs, simulated stores that it pushes to, and a listener that hears what it says."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, TypeVar

import asyncpg
from aiohttp import ClientSession, web
from pydantic import SecretStr

from prokip_sandbox import Good, Limits, ShopifyServer, WooCommerceStore
from prokip_shared.bus import Bus, Subscription, open_bus
from prokip_shared.connections import Credentials, CustomCredentials, ShopifyCredentials, WooCredentials
from prokip_shared.database import Connection, migrate, open_pool
from prokip_shared.directory import seal_credentials
from prokip_shared.messages import (
    ConnectionChangedV1,
    ConnectionHealthChangedV1,
    CountedOrder,
    DriftFoundV1,
    LevelHintedV1,
    ListingPushedV1,
    Message,
    OrderObservedV1,
    OrdersCountedV1,
    Platform,
    RoundPart,
    StockChangedV1,
    StockHoldersObservedV1,
    StockItem,
    SyncCompletedV1,
    SyncRequestedV1,
)
from prokip_shared.runtime import RunningService, ServiceContext, running
from prokip_shared.security.tokens import InternalTokens
from prokip_shared.security.vault import Vault
from prokip_shared.settings import load_settings
from store_push.app import SERVICE
from store_push.config import StorePushSettings
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.settings import INTERNAL_SECRET, service_environ

LOCATION: Final = "L1"
HOOKS: Final = "https://hooks.example.test"
CONNECTED_AT: Final = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
HEARD: Final[tuple[type[Message], ...]] = (
    ListingPushedV1,
    DriftFoundV1,
    ConnectionHealthChangedV1,
    SyncCompletedV1,
    StockHoldersObservedV1,
    OrderObservedV1,
)
SAID: Final[tuple[type[Message], ...]] = (
    StockChangedV1,
    OrdersCountedV1,
    LevelHintedV1,
    ConnectionChangedV1,
    SyncRequestedV1,
)
M = TypeVar("M", bound=Message)


def simple_goods(count: int, quantity: int) -> list[Good]:
    return [Good(f"SKU-{n:04d}", f"Good {n}", 1000, quantity) for n in range(1, count + 1)]


def woo_credentials(store: WooCommerceStore) -> WooCredentials:
    return WooCredentials(
        consumer_key=SecretStr(store.key.consumer_key),
        consumer_secret=SecretStr(store.key.consumer_secret),
        webhook_secret=SecretStr("whsec"),
    )


def shop_credentials(shopify: ShopifyServer, domain: str | None = None) -> ShopifyCredentials:
    token = SecretStr(shopify.shop(domain).access_token)
    return ShopifyCredentials(access_token=token, api_secret=SecretStr(shopify.api_secret))


@dataclass
class PushWorld:
    """One business with stores; speaks for inventory and the gateway."""

    database_url: str
    business_id: int
    service: RunningService
    session: ClientSession
    bus: Bus
    heard: list[Message] = field(default_factory=list)
    revisions: int = 0
    counts_sweeps: bool = True
    """The ledger answers for what is swept as soon as it hears it; its quantities are told apart."""

    async def connect(
        self, platform: Platform, store_key: str, store_url: str, credentials: Credentials, place_ref: str | None = None
    ) -> int:
        """As the gateway would; returns when the catalogue has been read."""
        connection_id = await self.add_connection(platform, store_key, store_url, credentials, place_ref)
        await self.tell_change(connection_id, "connected")

        async def known() -> bool:
            row = await self.fetch_row(
                "SELECT read_at FROM push.connection_work w LEFT JOIN push.catalogue_read c USING (connection_id)"
                " WHERE connection_id = $1",
                connection_id,
            )
            return row is not None and (platform == "custom" or row["read_at"] is not None)

        await eventually(known, what=f"catalogue of {store_key} read")
        return connection_id

    async def add_connection(
        self, platform: Platform, store_key: str, store_url: str, credentials: Credentials, place_ref: str | None = None
    ) -> int:
        """The row alone; nobody is told."""
        settings = load_settings(StorePushSettings, service_environ(self.database_url, PUBLIC_WEBHOOK_URL=HOOKS))
        vault = Vault(settings.encryption_key.get_secret_value())
        connection_id = await self.fetch_value(
            "INSERT INTO gateway.connection (business_id, platform, store_key, store_url, store_name, location_id,"
            " place_ref, status, connected_at, credentials)"
            " VALUES ($1, $2, $3, $4, $3, $5, $6, 'connected', $7, $8) RETURNING id",
            self.business_id,
            platform,
            store_key,
            store_url,
            LOCATION,
            place_ref,
            CONNECTED_AT,
            seal_credentials(vault, self.business_id, store_key, credentials),
        )
        return int(connection_id)

    async def replace_credentials(self, connection_id: int, store_key: str, credentials: Credentials) -> None:
        """As the gateway does it when a secret rotates."""
        settings = load_settings(StorePushSettings, service_environ(self.database_url, PUBLIC_WEBHOOK_URL=HOOKS))
        vault = Vault(settings.encryption_key.get_secret_value())
        sealed = seal_credentials(vault, self.business_id, store_key, credentials)
        await self.fetch_value(
            "UPDATE gateway.connection SET credentials = $2 WHERE id = $1 RETURNING id", connection_id, sealed
        )

    async def connect_woo(self, store: WooCommerceStore) -> int:
        return await self.connect("woocommerce", store.url, store.url, woo_credentials(store))

    async def add_shop(self, shopify: ShopifyServer) -> int:
        """Connected; its catalogue need not have been read yet."""
        shop = shopify.shop()
        place_ref = str(shop.location_ids[0])
        connection_id = await self.add_connection(
            "shopify", shop.domain, f"https://{shop.domain}", shop_credentials(shopify), place_ref
        )
        await self.tell_change(connection_id, "connected")
        return connection_id

    async def connect_shop(self, shopify: ShopifyServer, domain: str | None = None) -> int:
        shop = shopify.shop(domain)
        credentials = shop_credentials(shopify, domain)
        return await self.connect(
            "shopify", shop.domain, f"https://{shop.domain}", credentials, str(shop.location_ids[0])
        )

    async def connect_custom(self, notify_url: str, secret: str) -> int:
        credentials = CustomCredentials(webhook_secret=SecretStr(secret), notify_url=notify_url)
        return await self.connect("custom", "kiosk", notify_url, credentials)

    async def tell_change(self, connection_id: int, change: Any) -> None:
        await self.say(ConnectionChangedV1(business_id=self.business_id, connection_id=connection_id, change=change))

    async def say(self, *messages: Message) -> None:
        await self.bus.publisher.publish(messages)

    async def tell_stock(
        self,
        available: Mapping[str, int | None],
        taken: Mapping[int, int] | None = None,
        round_part: RoundPart | None = None,
    ) -> None:
        """The ledger's newest word; `taken` by connection for all of the SKUs."""
        self.revisions += 1
        items = tuple(
            StockItem(
                sku=sku,
                available=None if units is None else Decimal(units),
                revision=self.revisions,
                taken={key: Decimal(value) for key, value in (taken or {}).items()},
                correlation_id=f"corr-{self.revisions}",
            )
            for sku, units in available.items()
        )
        await self.say(
            StockChangedV1(business_id=self.business_id, location_id=LOCATION, items=items, round=round_part)
        )

    def counted(self, swept: OrderObservedV1, *items: StockItem) -> OrdersCountedV1:
        """The ledger's answer to a word of a sweep."""
        return OrdersCountedV1(
            business_id=self.business_id,
            connection_id=swept.connection_id,
            location_id=LOCATION,
            orders=(CountedOrder(order_ref=swept.order.order_ref, observed_at=swept.observed_at),),
            items=items,
        )

    def heard_of(self, kind: type[M]) -> list[M]:
        return [message for message in self.heard if isinstance(message, kind)]

    def outcomes(self, connection_id: int, sku: str) -> list[str]:
        return [
            listing.outcome
            for message in self.heard_of(ListingPushedV1)
            if message.connection_id == connection_id
            for listing in message.listings
            if listing.sku == sku
        ]

    async def fetch_row(self, sql: str, *arguments: Any) -> asyncpg.Record | None:
        connection = await asyncpg.connect(self.database_url)
        try:
            return await connection.fetchrow(sql, *arguments)
        finally:
            await connection.close()

    async def fetch_value(self, sql: str, *arguments: Any) -> Any:
        row = await self.fetch_row(sql, *arguments)
        return None if row is None else row[0]

    async def execute(self, sql: str, *arguments: Any) -> None:
        connection = await asyncpg.connect(self.database_url)
        try:
            await connection.execute(sql, *arguments)
        finally:
            await connection.close()

    async def listing(self, connection_id: int, sku: str) -> asyncpg.Record:
        row = await self.fetch_row(
            "SELECT * FROM push.listing WHERE connection_id = $1 AND sku = $2", connection_id, sku
        )
        assert row is not None
        return row

    async def until(self, probe: Callable[[], bool], what: str, *, timeout_s: float = PATIENCE_S) -> None:
        async def holds() -> bool:
            return probe()

        await eventually(holds, timeout_s=timeout_s, what=what)

    async def until_settled(self, *connection_ids: int) -> None:
        """What was told has arrived; nothing is due at these connections, nor waits to be looked at again."""

        async def none_due() -> bool:
            row = await self.fetch_row(
                "SELECT count(*) FILTER (WHERE due_at IS NOT NULL) AS due,"
                " (SELECT max(revision) FROM push.stock_target) AS arrived"
                " FROM push.listing WHERE connection_id = ANY($1)",
                list(connection_ids),
            )
            return row is not None and row["due"] == 0 and row["arrived"] == self.revisions

        await eventually(none_due, what="nothing due")

    async def ask(self, path: str, business_id: int | None = None) -> tuple[int, Any]:
        token = InternalTokens(INTERNAL_SECRET).mint(business_id or self.business_id)
        headers = {"Authorization": f"Bearer {token}"}
        async with self.session.get(f"{self.service.url}{path}", headers=headers) as response:
            return response.status, await response.json()

    async def post(self, path: str, body: Any = None, business_id: int | None = None) -> tuple[int, Any]:
        token = InternalTokens(INTERNAL_SECRET).mint(business_id or self.business_id)
        headers = {"Authorization": f"Bearer {token}"}
        async with self.session.post(f"{self.service.url}{path}", headers=headers, json=body or {}) as response:
            return response.status, await response.json()


@dataclass(frozen=True, slots=True)
class BusSettings:
    broker_url: str
    database_url: str


@asynccontextmanager
async def open_world(database_url: str, shopify: ShopifyServer | None = None, **more: str) -> AsyncIterator[PushWorld]:
    """Quick pauses, so that a test sees what takes minutes in life; further settings by upper-case keyword."""
    await migrate(database_url, schema="gateway", package="gateway")
    template = f"{shopify.url}/{{shop}}" if shopify is not None else "https://{shop}"
    quick = {
        "SETTLE_S": "0.2",
        "DRIFT_AFTER_S": "0.6",
        "PUSH_TIMEOUT_S": "2",
        "SWEEP_PAUSE_S_MIN": "0.1",
        "FIRST_SETTLE_S": "0.1",
        "FIRST_CHANGED_SHARE_MAX": "1",
        "FIRST_ZEROED_SHARE_MAX": "1",
        "SHOPIFY_URL_TEMPLATE": template,
        "PUBLIC_WEBHOOK_URL": HOOKS,
        **more,
    }
    settings = load_settings(StorePushSettings, service_environ(database_url, **quick))
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(running(SERVICE, settings))
        context = ServiceContext("listener", web.Application(), stack)
        pool = await stack.enter_async_context(await open_pool(database_url, service="listener", connections_max=4))
        bus = await open_bus(context, BusSettings("postgres", database_url), pool, "listener")
        session = await stack.enter_async_context(ClientSession())
        business_id = await pool.fetchval("INSERT INTO gateway.business (name) VALUES ('first') RETURNING id")
        world = PushWorld(database_url, business_id, service, session, bus)

        async def hear(_connection: Connection, messages: Sequence[Any]) -> Sequence[Message]:
            world.heard.extend(messages)
            swept = [one for one in messages if isinstance(one, OrderObservedV1) and one.source == "sweep"]
            return [world.counted(one) for one in swept if world.counts_sweeps]

        for message in HEARD:
            bus.consume(Subscription("listener", message), hear)

        async def ready() -> bool:
            return not await context.problems() and not await service.context.problems()

        await eventually(ready, what="store-push and listener ready")
        try:
            yield world
        finally:
            await context.drain()
            await context.end_side_tasks()


@asynccontextmanager
async def notified() -> AsyncIterator[tuple[str, list[tuple[Mapping[str, str], bytes]]]]:
    """A custom store's own address, and what was posted to it."""
    posted: list[tuple[Mapping[str, str], bytes]] = []

    async def take(request: web.Request) -> web.Response:
        posted.append((dict(request.headers), await request.read()))
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/stock", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/stock", posted
    finally:
        await runner.cleanup()


def unlimited() -> Limits:
    return Limits(unlimited=True)

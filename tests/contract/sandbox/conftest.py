"""A store's client and a place for webhooks, written by hand: the sandbox is checked without the product's code."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from prokip_sandbox import Good, Limits, ProkipServer, Shop, ShopifyServer, WooCommerceStore, make_goods

WEBHOOK_SECRET = "hook-secret"
WOO_TOPICS = (
    "order.created",
    "order.updated",
    "order.deleted",
    "order.restored",
    "product.updated",
    "product.created",
    "product.deleted",
)


@dataclass
class Received:
    headers: Mapping[str, str]
    body: bytes

    @property
    def topic(self) -> str:
        return self.headers.get("X-WC-Webhook-Topic") or self.headers.get("X-Shopify-Topic") or "ping"

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """Takes webhooks; answers `status` after `delay_s`."""

    url: str = ""
    status: int = 200
    delay_s: float = 0.0
    received: list[Received] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.received.append(Received(dict(request.headers), await request.read()))
        await asyncio.sleep(self.delay_s)
        return web.Response(status=self.status, headers={"Location": "/elsewhere"} if self.status // 100 == 3 else {})

    def drain(self) -> list[Received]:
        taken, self.received = self.received, []
        return taken

    def topics(self) -> list[str]:
        return [one.topic for one in self.drain()]


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: Any


class WooClient:
    def __init__(self, session: aiohttp.ClientSession, store: WooCommerceStore) -> None:
        self._session = session
        self.store = store
        self.headers = {"Authorization": basic(store.key.consumer_key, store.key.consumer_secret)}

    async def call(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        url = f"{self.store.url}/wp-json/wc/v3{path}"
        async with self._session.request(
            method, url, json=body, headers=self.headers if headers is None else headers
        ) as response:
            text = await response.text()
            parsed = json.loads(text) if response.content_type == "application/json" else text
            return Answer(response.status, dict(response.headers), parsed)

    async def get(self, path: str) -> Answer:
        return await self.call("GET", path)

    async def post(self, path: str, body: Any) -> Answer:
        return await self.call("POST", path, body)

    async def put(self, path: str, body: Any) -> Answer:
        return await self.call("PUT", path, body)

    async def delete(self, path: str) -> Answer:
        return await self.call("DELETE", path)

    async def subscribe(self, url: str, *topics: str) -> None:
        for topic in topics or WOO_TOPICS:
            answer = await self.post("/webhooks", {"topic": topic, "delivery_url": url, "secret": WEBHOOK_SECRET})
            assert answer.status == 201


class GraphqlClient:
    def __init__(self, session: aiohttp.ClientSession, server: ShopifyServer) -> None:
        self._session = session
        self.server = server
        self.shop: Shop = server.shop()

    async def call(self, query: str, *, token: str | None = None, version: str = "2026-10", **variables: Any) -> Answer:
        url = f"{self.server.shop_url()}/admin/api/{version}/graphql.json"
        headers = {"X-Shopify-Access-Token": self.shop.access_token if token is None else token}
        async with self._session.post(url, json={"query": query, "variables": variables}, headers=headers) as response:
            return Answer(response.status, dict(response.headers), await response.json())

    async def subscribe(self, url: str, *topics: str) -> None:
        for topic in topics:
            answer = await self.call(
                "mutation($topic: WebhookSubscriptionTopic!, $input: WebhookSubscriptionInput!) {"
                " webhookSubscriptionCreate(topic: $topic, webhookSubscription: $input) { userErrors { message } } }",
                topic=topic,
                input={"uri": url},
            )
            assert answer.body["data"]["webhookSubscriptionCreate"]["userErrors"] == []


def basic(name: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()


def signature(secret: str, body: bytes) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


@contextlib.asynccontextmanager
async def _receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/{path:.*}", receiver.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield receiver
    finally:
        await runner.cleanup()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with _receiving() as opened:
        yield opened


@pytest.fixture
def recorded_goods() -> list[Good]:
    """The goods of the store that the lifecycle was recorded on."""
    simple = [Good(f"SKU-{n:04d}", f"Simple {n:04d}", 1000, 100) for n in range(1, 21)]
    own = [
        Good(f"VAR-{n:02d}-{option}", f"Variable {n} - {option}", 2000, 100, "variation", f"VAR-{n:02d}", option)
        for n in (1, 2, 3)
        for option in "SM"
    ]
    shared = [Good(f"VARP-01-{o}", f"Variable P 1 - {o}", 2000, 100, "shared", "VARP-01", o) for o in "SM"]
    return [*simple, *own, *shared, Good("NOSTOCK-1", "No stock", 1000, 0, "unmanaged"), Good("", "No sku", 1000, 100)]


@pytest.fixture
async def woo(session: aiohttp.ClientSession, recorded_goods: list[Good]) -> AsyncIterator[WooClient]:
    """A store that takes Basic, because it believes in a TLS proxy before it."""
    store = WooCommerceStore(behind_tls_proxy=True, webhook_timeout_s=0.5)
    store.seed_goods(recorded_goods)
    async with store.serve():
        yield WooClient(session, store)


@pytest.fixture
def open_shop(session: aiohttp.ClientSession) -> Callable[..., contextlib.AbstractAsyncContextManager[GraphqlClient]]:
    @contextlib.asynccontextmanager
    async def opened(**options: Any) -> AsyncIterator[GraphqlClient]:
        server = ShopifyServer(**options)
        server.seed_goods(make_goods(20))
        async with server.serve():
            yield GraphqlClient(session, server)

    return opened


@pytest.fixture
async def shopify(
    open_shop: Callable[..., contextlib.AbstractAsyncContextManager[GraphqlClient]],
) -> AsyncIterator[GraphqlClient]:
    async with open_shop(limits=Limits(unlimited=True), locations=("Main", "Back")) as client:
        yield client


@pytest.fixture
async def prokip() -> AsyncIterator[ProkipServer]:
    server = ProkipServer(locations=("LOC001", "LOC002"))
    server.seed_goods(make_goods(20))
    async with server.serve():
        yield server

"""A store's client and a place for webhooks, written by hand: the sandbox is checked without the product's code."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from prokip_sandbox import Erp, Good, Limits, ProkipServer, Shop, ShopifyServer, WooCommerceStore, make_goods

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
    """Takes webhooks; answers `status` after `delay_s`, and after what `on_take` does."""

    url: str = ""
    status: int = 200
    delay_s: float = 0.0
    received: list[Received] = field(default_factory=list)
    on_take: Callable[[web.Request], Awaitable[None]] | None = None

    async def take(self, request: web.Request) -> web.Response:
        self.received.append(Received(dict(request.headers), await request.read()))
        if self.on_take is not None:
            await self.on_take(request)
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


@dataclass
class HandClock:
    """Stands still until it is moved. It begins at 2026-11-25 23:30:00 UTC, which is the 26th in Lagos."""

    now_s: float = 1_795_649_400.0

    def __call__(self) -> float:
        return self.now_s


class ConnectorClient:
    """Logged in to Prokip's connector; `rows` and `sell` spare the tests their envelopes."""

    def __init__(self, session: aiohttp.ClientSession, server: ProkipServer, clock: HandClock) -> None:
        self._session = session
        self.server = server
        self.clock = clock
        self.token = ""
        self.refresh_token = ""

    @property
    def location_id(self) -> int:
        return self.server.location_numbers["BL0001"]

    async def grant(self, **fields: str) -> Answer:
        login = self.server.login
        form = {"grant_type": "password", "client_id": login.client_id, "client_secret": login.client_secret} | fields
        async with self._session.post(f"{self.server.url}/oauth/token", data=form) as response:
            return Answer(response.status, dict(response.headers), await response.json())

    async def log_in(self) -> Answer:
        login = self.server.login
        answer = await self.grant(username=login.username, password=login.password, scope="")
        self.token, self.refresh_token = answer.body["access_token"], answer.body["refresh_token"]
        return answer

    async def call(self, method: str, path: str, body: Any = None, *, accept: str = "application/json") -> Answer:
        headers = {"Authorization": f"Bearer {self.token}", "Accept": accept}
        url = path if path.startswith("http") else f"{self.server.url}/connector/api{path}"
        async with self._session.request(method, url, json=body, headers=headers, allow_redirects=False) as response:
            text = await response.text()
            parsed = json.loads(text) if response.content_type == "application/json" else text
            return Answer(response.status, dict(response.headers), parsed)

    async def rows(self, path: str) -> list[Any]:
        answer = await self.call("GET", path)
        assert answer.status == 200, answer
        rows: list[Any] = answer.body["data"]
        return rows

    def line(self, sku: str, quantity: Any = 1, /, **more: Any) -> dict[str, Any]:
        variation = self.server.variation(sku)
        return {"product_id": variation.product_id, "variation_id": variation.id, "quantity": quantity} | more

    def sale(self, *lines: dict[str, Any], **more: Any) -> dict[str, Any]:
        header = {"location_id": self.location_id, "contact_id": self.server.walk_in_id, "products": list(lines)}
        return header | more

    async def post_sales(self, *sales: Any) -> list[Any]:
        answer = await self.call("POST", "/sell", {"sells": list(sales)})
        assert answer.status == 200, answer
        elements: list[Any] = answer.body
        return elements

    async def sell(self, sku: str, quantity: Any = 1, **more: Any) -> dict[str, Any]:
        [element] = await self.post_sales(self.sale(self.line(sku, quantity), **more))
        assert isinstance(element["id"], int), element
        recorded: dict[str, Any] = element
        return recorded

    async def give_back(self, sale: Mapping[str, Any], quantity: Any, **more: Any) -> Answer:
        line = {"sell_line_id": sale["sell_lines"][0]["id"], "quantity": quantity, "unit_price_inc_tax": 100}
        return await self.call("POST", "/sell-return", {"transaction_id": sale["id"], "products": [line]} | more)


def refusal(element: Mapping[str, Any]) -> str:
    """What a failed element of POST /sell says; the element is exactly a serialised answer object."""
    assert element.keys() == {"headers", "original", "exception"}
    assert (element["headers"], element["exception"]) == ({}, None)
    message: str = element["original"]["error"]["message"]
    return message


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
    store = WooCommerceStore(behind_tls_proxy=True, webhook_timeout_s=1.0)
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


@pytest.fixture
def open_connector(
    session: aiohttp.ClientSession,
) -> Callable[..., contextlib.AbstractAsyncContextManager[ConnectorClient]]:
    """A Prokip with two locations and goods of every awkward kind; keywords are the fields of `Erp`."""

    @contextlib.asynccontextmanager
    async def opened(*, seed: int = 0, **erp: Any) -> AsyncIterator[ConnectorClient]:
        clock = HandClock()
        server = ProkipServer(locations=("BL0001", "BL0002"), erp=Erp(**erp), seed=seed, clock=clock)
        server.add_awkward_goods()
        async with server.serve():
            client = ConnectorClient(session, server, clock)
            await client.log_in()
            yield client

    return opened


@pytest.fixture(params=["legacy", "modern"])
def generation(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest.fixture
async def connector(
    open_connector: Callable[..., contextlib.AbstractAsyncContextManager[ConnectorClient]], generation: str
) -> AsyncIterator[ConnectorClient]:
    async with open_connector(generation=generation) as client:
        yield client

"""Whatever a stranger sends: a clear refusal, nothing stored, and the next good order goes through.

The gateway's part is made from its own OpenAPI document, so a new route is attacked as soon as it is documented.
"""

import base64
import hashlib
import hmac
import io
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg
import pytest
from aiohttp import ClientSession
from yarl import URL

from prokip_sandbox.world import WorldSpec
from tests.support.eventually import eventually
from tests.support.hostile import (
    BROKEN_BODIES,
    HOSTILE_TEXTS,
    HOSTILE_VALUES,
    Answer,
    cursors,
    row_counts,
    send_raw,
)
from tests.support.market import Market, open_market

SPEC: Final = WorldSpec(woocommerce_stores=1, shopify_shops=1, goods=3, quantity=100, simple_only=True)
MANY_ATTEMPTS: Final = {"REGISTRATIONS_MAX": "10000", "LOGIN_FAILURES_MAX": "1000", "SYNC_TIMEOUT_S": "5"}
STREAMS: Final = "text/event-stream"
ONE_TIME: Final = ("post", "/connections/callback/woocommerce/{ticket}")
"""Its path is the secret: who does not know it is told that there is nothing, before anything is read."""
OPEN: Final = frozenset(
    {
        ("post", "/auth/register"),
        ("post", "/auth/login"),
        ("get", "/connections/callback/shopify"),
        ("get", "/connections/return/woocommerce"),
        ONE_TIME,
    }
)
"""The last is where Shopify sends a browser, which has a cookie for it: tests/integration/gateway/test_shopify_consent.py."""
ENDS_THE_SESSION: Final = frozenset({("post", "/auth/logout")})
SWITCHES_THE_SESSION: Final = "/api/v1/session"
NOT_COUNTED: Final = ("gateway.login_attempt",)
"""Counts of failed sign-ins are kept on purpose."""
BUSINESS_HEADER: Final = "X-Business"
GATEWAY_BODY_BYTES_MAX: Final = 65536
INGEST_BODY_BYTES_MAX: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Operation:
    method: str
    path: str
    spec: Mapping[str, Any]

    @property
    def named(self) -> str:
        return f"{self.method.upper()} {self.path}"

    def parameters(self, place: str) -> list[Mapping[str, Any]]:
        return [one for one in self.spec.get("parameters", ()) if one["in"] == place]

    @property
    def troubles(self) -> frozenset[int]:
        return frozenset(int(status) for status in self.spec["responses"] if status.startswith("5"))


@dataclass(slots=True)
class Attacker:
    """Signed in as the owner of one business, with a second one beside that knows its ids."""

    market: Market
    session: ClientSession
    database: "asyncpg.Connection[asyncpg.Record]"
    document: Mapping[str, Any]
    token: str = ""
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.market.house.url("gateway")

    def operations(self) -> Iterator[Operation]:
        for path, methods in self.document["paths"].items():
            for method, spec in methods.items():
                if (method, path) not in ENDS_THE_SESSION:
                    yield Operation(method, path, spec)

    async def send(
        self, method: str, path: str, *, data: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        given = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        kind = {"Content-Type": "application/json"} if data is not None else {}
        async with self.session.request(
            method,
            URL(self.url + path, encoded=True),
            data=data,
            headers=given | kind | dict(headers or {}),
            allow_redirects=False,
        ) as answer:
            streams = answer.content_type == STREAMS
            return Answer(answer.status, answer.headers, b"" if streams else await answer.read())

    async def expect_nothing_stored(self, answer: Answer, what: str) -> None:
        """A refusal leaves no row; what is taken legitimately may."""
        counts = await row_counts(self.database, without=(*NOT_COUNTED, *await self._busy_tables()))
        if answer.status >= 400 and self.counts:
            grown = {name: count for name, count in counts.items() if count > self.counts.get(name, 0)}
            assert not grown, f"{what}: {answer.status}, but rows came: {grown}"
        self.counts = counts

    async def _busy_tables(self) -> list[str]:
        """Where the services write by themselves: readings of Prokip, rounds, live events, the bus's own tables."""
        rows = await self.database.fetch(
            """SELECT schemaname || '.' || tablename AS name FROM pg_tables
               WHERE schemaname IN ('bus', 'prokip', 'push', 'inventory')
               OR tablename IN ('inbox', 'outbox', 'live_event', 'sync_round')"""
        )
        return [row["name"] for row in rows]

    async def expect_ready(self) -> None:
        async def ready() -> bool:
            for module in self.market.house.services:
                async with self.session.get(f"{self.market.house.url(module)}/health/ready") as answer:
                    assert answer.status == 200, (module, await answer.text())
            return True

        await eventually(ready, what="all services are ready")

    async def sign_in(self) -> None:
        credentials = {"username": "operator", "password": "correct horse battery"}
        self.token = (await self.market.house.operator.call("POST", "/auth/login", credentials))["token"]


@asynccontextmanager
async def attacked(database_url: str, broker_url: str = "postgres") -> AsyncIterator[Attacker]:
    database = await asyncpg.connect(database_url)
    try:
        async with (
            open_market(database_url, broker_url, SPEC, settings=MANY_ATTEMPTS) as market,
            ClientSession() as session,
        ):
            document = await market.house.operator.call("GET", "/api/openapi.json")
            attacker = Attacker(market, session, database, document)
            await attacker.sign_in()
            yield attacker
    finally:
        await database.close()


async def expect_a_sale_to_go_through(market: Market) -> None:
    """In both stores, to Prokip and back."""
    sku = market.world.skus[0]
    await market.world.settled()
    before = int(market.world.prokip.stock(sku))
    market.world.woocommerce[0].buy({sku: 1})
    market.world.shopify.shop().buy({sku: 2})
    await market.expect(sku, before - 3)


def filled(path: str) -> str:
    """The path with ids that look right and are nobody's."""
    named = path.replace("{service}", "inventory")
    named = re.sub(r"(/sync|/parked/inventory)/\{id\}", r"\1/00000000-0000-0000-0000-000000000000", named)
    return named.replace("{id}", "999999").replace("{item}", "999999").replace("{sku}", "NOBODYS")


def resolve(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" in schema:
        found: Mapping[str, Any] = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        return found
    return schema


def body_schema(document: Mapping[str, Any], operation: Operation) -> Mapping[str, Any] | None:
    content = operation.spec.get("requestBody", {}).get("content", {}).get("application/json")
    return None if content is None else resolve(document, content["schema"])


PLAIN_VALUES: Final = {
    "username": "nobody",
    "password": "long enough 1",
    "storeUrl": "http://127.0.0.1:1",
    "apiUrl": "http://127.0.0.1:1",
    "shop": "nobody.myshopify.com",
    "businessId": 999_999,
    "recorded": True,
    "platform": "woocommerce",
    "choice": "pull",
}


TAKES_NOTHING: Final = frozenset({"/api/sync-now"})
"""An empty body means every store there."""
KEYS: Final = frozenset({"token", "accessToken", "apiSecret", "consumerKey", "consumerSecret"})


def world_addresses(attacker: Attacker, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Addresses that answer, so that a wrong key gets as far as it can."""
    known = attacker.market.world.connections()
    addresses = {
        "storeUrl": known["woocommerce"][0]["storeUrl"],
        "apiUrl": known["prokip"]["apiUrl"],
        "shop": known["shopify"]["shops"][0]["shop"],
    }
    return {name: address for name, address in addresses.items() if name in schema.get("required", ())}


def plain_body(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {name: PLAIN_VALUES.get(name, "x") for name in schema.get("required", ())}


async def test_every_route_refuses_strangers_and_wrong_methods(database_url: str) -> None:
    async with attacked(database_url) as attacker:
        token, attacker.token = attacker.token, ""
        for operation in attacker.operations():
            path = filled(operation.path)
            if (operation.method, operation.path) in OPEN:
                continue
            for header in ("", "Bearer", "Bearer x.y.z", f"Basic {token}", f"Bearer {token[:-2]}", f"Bearer {token}x"):
                answer = await attacker.send(operation.method, path, headers={"Authorization": header})
                assert answer.status == 401, f"{operation.named} with {header[:12]!r}: {answer.status}"
                answer.expect_problem(operation.named)
            await attacker.expect_nothing_stored(answer, operation.named)
        for forged in forged_tokens(token):
            answer = await attacker.send("GET", "/api/v1/session", headers={"Authorization": f"Bearer {forged}"})
            assert answer.status == 401, forged
            answer.expect_problem(forged)
        attacker.token = token
        known = {(operation.method, operation.path) for operation in attacker.operations()}
        for path in attacker.document["paths"]:
            for method in ("get", "post", "put", "patch", "delete"):
                if (method, path) in known | ENDS_THE_SESSION:
                    continue
                answer = await attacker.send(method, filled(path))
                assert answer.status in {404, 405}, f"{method} {path}: {answer.status}"
                answer.expect_problem(f"{method} {path}")
        await attacker.expect_ready()


def forged_tokens(token: str) -> list[str]:
    """Without signature, signed with nothing, and of somebody else."""
    head, claims, signature = token.split(".")

    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    read = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    return [
        f"{part({'alg': 'none', 'typ': 'JWT'})}.{claims}.",
        f"{part({'alg': 'none'})}.{claims}.{signature}",
        f"{part({'alg': 'RS256'})}.{claims}.{signature}",
        f"{head}.{part(read | {'exp': 99999999999})}.{signature}",
        f"{head}.{part(read | {'business_id': 2, 'business': 2})}.{signature}",
        "." * 500,
    ]


async def test_broken_bodies_are_refused_by_every_route(database_url: str) -> None:
    async with attacked(database_url) as attacker:
        for operation in attacker.operations():
            if body_schema(attacker.document, operation) is None or (operation.method, operation.path) == ONE_TIME:
                continue
            path = filled(operation.path)
            for name, body in BROKEN_BODIES.items():
                what = f"{operation.named}: {name}"
                answer = await attacker.send(operation.method, path, data=body)
                if answer.status in operation.troubles:
                    answer.expect_problem(what)
                elif not body and operation.path in TAKES_NOTHING:
                    assert answer.status == 200, what
                else:
                    answer.expect_clear_refusal(what)
                await attacker.expect_nothing_stored(answer, what)
            for kind in ("text/plain", "application/xml", "application/json;charset=\xff", "", "x"):
                answer = await attacker.send(operation.method, path, data=b"{}", headers={"Content-Type": kind})
                answer.expect_no_crash(f"{operation.named}: {kind}", operation.troubles)
            too_large = json.dumps({"name": "a" * GATEWAY_BODY_BYTES_MAX}).encode()
            answer = await attacker.send(operation.method, path, data=too_large)
            assert answer.status == 413, f"{operation.named}: {answer.status}"
            answer.expect_problem(operation.named)
            await attacker.expect_nothing_stored(answer, operation.named)
            chunks = b"".join(b"4000\r\n" + b"a" * 0x4000 + b"\r\n" for _ in range(6)) + b"0\r\n\r\n"
            answer = await send_raw(
                attacker.url,
                f"{operation.method.upper()} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {attacker.token}\r\n"
                "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
                + chunks,
            )
            assert answer.status == 413, f"{operation.named} chunked: {answer.status}"
        await attacker.expect_ready()
        await expect_a_sale_to_go_through(attacker.market)


async def test_wrong_values_in_every_field_never_crash_a_route(database_url: str) -> None:
    async with attacked(database_url) as attacker:
        crashed: list[str] = []
        for operation in attacker.operations():
            schema = body_schema(attacker.document, operation)
            if schema is None:
                continue
            path = filled(operation.path)
            for name in (*schema.get("properties", {}), "nobody knows this"):
                for kind, value in HOSTILE_VALUES.items():
                    addresses = world_addresses(attacker, schema) if name in KEYS else {}
                    body = json.dumps(plain_body(schema) | addresses | {name: value}).encode()
                    answer = await attacker.send(operation.method, path, data=body)
                    if operation.path == SWITCHES_THE_SESSION and answer.status == 200:
                        await attacker.sign_in()
                    what = f"{operation.named} {name}={kind}"
                    try:
                        answer.expect_no_crash(what, operation.troubles)
                        await attacker.expect_nothing_stored(answer, what)
                    except AssertionError as error:
                        crashed.append(str(error))
        assert not crashed, "\n".join(crashed)
        await attacker.expect_ready()
        await expect_a_sale_to_go_through(attacker.market)


@dataclass(slots=True)
class Probe:
    """Sends, and remembers what crashed, so that one run tells of all."""

    attacker: Attacker
    crashed: list[str] = field(default_factory=list)

    async def attack(self, operation: Operation, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        answer = await self.attacker.send(operation.method, path, headers=headers)
        try:
            answer.expect_no_crash(f"{operation.method.upper()} {path[:200]} {headers}", operation.troubles)
        except AssertionError as error:
            self.crashed.append(str(error))
        return answer


def query_of(operation: Operation, **given: str) -> str:
    """The needed parameters with harmless values, and the given ones as they are."""
    named = {one["name"]: "x" for one in operation.parameters("query") if one.get("required")}
    return "&".join(f"{name}={text}" for name, text in (named | given).items())


async def test_wrong_values_in_queries_never_crash_a_route(database_url: str) -> None:
    async with attacked(database_url) as attacker:
        probe = Probe(attacker)
        for operation in attacker.operations():
            path = filled(operation.path)
            for one in operation.parameters("query"):
                values = {**HOSTILE_TEXTS, **(cursors() if one["name"] == "cursor" else {})}
                for value in values.values():
                    await probe.attack(operation, f"{path}?{query_of(operation, **{one['name']: value})}")
            if operation.method == "get":
                answer = await probe.attack(operation, f"{path}?{query_of(operation, nobody='1')}")
                assert answer.status in {200, 403, 404, 409, 422}, operation.named
        assert not probe.crashed, "\n".join(probe.crashed)
        await attacker.expect_ready()


async def test_wrong_ids_in_paths_and_odd_headers_never_crash_a_route(database_url: str) -> None:
    async with attacked(database_url) as attacker:
        probe = Probe(attacker)
        for operation in attacker.operations():
            for value in HOSTILE_TEXTS.values():
                if "{" in operation.path and value:
                    answer = await probe.attack(operation, re.sub(r"\{\w+\}", value, operation.path))
                    assert answer.status in {400, 404, 405, 409, 415, 422}, (operation.named, value, answer.status)
            if operation.method == "get":
                for name, header in hostile_headers().items():
                    await probe.attack(operation, filled(operation.path), {name.split("/")[0]: header})
        assert not probe.crashed, "\n".join(probe.crashed)
        await attacker.expect_ready()


def hostile_headers() -> dict[str, str]:
    """Header names, with a slash and a remark where one is sent with several values."""
    return {
        f"{BUSINESS_HEADER}/another": "999999",
        f"{BUSINESS_HEADER}/negative": "-1",
        f"{BUSINESS_HEADER}/huge": "9" * 400,
        f"{BUSINESS_HEADER}/script": "\u0661",
        f"{BUSINESS_HEADER}/SQL": "1 OR 1=1",
        "X-Correlation-Id/SQL": "'; DROP TABLE x; --",
        "X-Correlation-Id/long": "a" * 4000,
        "X-Forwarded-For/junk": "\u00ff, , 1.2.3.4.5",
        "Last-Event-ID/huge": "9" * 40,
        "Last-Event-ID/negative": "-1",
        "Last-Event-ID/text": "x",
        "Cookie/junk": "prokip_session=\u00ff; ;;=;a",
        "Content-Length/on a GET": "0",
        "If-None-Match/junk": "\u00ff",
        "Range/junk": "bytes=9-1",
    }


async def test_odd_sale_ids_and_other_tenants_ids_find_nothing(database_url: str) -> None:
    async with attacked(database_url) as attacker:
        for text in (
            "1:",
            "1:\0",
            "\u0661:x",
            f"{10**30}:x",
            f"{2**63}:x",
            "1:" + "x" * 250,
            "1:../../stock",
            ":",
            "x",
        ):
            sale = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
            for decision, body in (("settle", b'{"recorded": true}'), ("retry", None), ("returns-entered", None)):
                path = f"/api/v1/prokip/sales/{sale}/{decision}"
                answer = await attacker.send("POST", path, data=body)
                answer.expect_clear_refusal(f"{text[:20]!r} {decision}")
        for path in ("//", "/..", "/%2e%2e/%2e%2e/etc/passwd", "/dashboard/assets/..%2f..%2fapp.py", "/\u00ff"):
            answer = await attacker.send("GET", URL(path, encoded=False).raw_path if "\u00ff" in path else path)
            assert answer.status in {302, 307, 308, 400, 404}, (path, answer.status)
            assert b"root:" not in answer.body
        assets = ("..%2f..%2fapp.py", "%2e%2e%2f%2e%2e%2fapp.py", "....//app.py", "%00", "main.js%00", "a" * 3000)
        for asset in assets:
            answer = await attacker.send("GET", f"/dashboard/assets/{asset}")
            answer.expect_clear_refusal(asset[:30])
        for request in raw_requests():
            raw = await send_raw(attacker.url, request)
            assert raw.status in {0, *range(400, 500)}, (request[:80], raw.status)
            assert b"Traceback" not in raw.body
        await attacker.expect_ready()


def raw_requests() -> tuple[bytes, ...]:
    """What no HTTP library would send."""
    post = b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    return (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n\r\n",
        b"GET /api/v1/session\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET /api/v1/session HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 70_000 + b"\r\n\r\n",
        post + b"Content-Length: -1\r\n\r\n{}",
        post + b"Content-Length: 2\r\nContent-Length: 7\r\n\r\n{}",
        post + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        post + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        post + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    )


@pytest.fixture
async def door(database_url: str, broker_url: str) -> AsyncIterator["Door"]:
    async with attacked(database_url, broker_url) as attacker:
        (woo,) = attacker.market.world.woocommerce
        made = await attacker.market.house.operator.call(
            "POST", "/connections/custom", {"name": "Stall", "locationId": "LOC001"}
        )
        secrets = {webhook.topic: webhook.secret for webhook in woo.state.webhooks.values()}
        yield Door(attacker, woo.url, secrets["order.updated"], made["storeKey"], made["secret"])


@dataclass(slots=True)
class Door:
    """Signs webhooks as each of the three stores does."""

    attacker: Attacker
    woo_url: str
    woo_secret: str
    custom_key: str
    custom_secret: str

    @property
    def url(self) -> str:
        return self.attacker.market.house.url("webhook_ingest")

    @property
    def kinds(self) -> tuple[str, ...]:
        return ("woocommerce", "shopify", "custom")

    def path(self, kind: str) -> str:
        return "/webhook/custom" if kind == "custom" else f"/connections/webhook/{kind}"

    def headers(self, kind: str, body: bytes, topic: str | None = None) -> dict[str, str]:
        shopify = self.attacker.market.world.shopify
        if kind == "woocommerce":
            return {
                "Content-Type": "application/json",
                "X-WC-Webhook-Source": f"{self.woo_url}/",
                "X-WC-Webhook-Topic": topic or "order.updated",
                "X-WC-Webhook-Signature": sign(self.woo_secret, body),
            }
        if kind == "shopify":
            return {
                "Content-Type": "application/json",
                "X-Shopify-Shop-Domain": shopify.shop().domain,
                "X-Shopify-Topic": topic or "orders/updated",
                "X-Shopify-Hmac-Sha256": sign(shopify.api_secret, body),
            }
        return {
            "Content-Type": "application/json",
            "X-Prokip-Store": self.custom_key,
            "X-Prokip-Signature": sign(self.custom_secret, body),
        }

    async def post(self, kind: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        async with self.attacker.session.post(
            self.url + self.path(kind), data=io.BytesIO(body), headers=headers
        ) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    async def orders(self) -> int:
        count: int = await self.attacker.database.fetchval("SELECT count(*) FROM inventory.orders")
        return count

    async def stored(self) -> dict[str, int]:
        counts = await row_counts(self.attacker.database)
        return {name: counts[name] for name in counts if name.startswith("ingest.") or name == "inventory.orders"}


def sign(secret: str, body: bytes) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()


async def test_what_is_not_signed_or_no_webhook_is_refused_and_leaves_nothing(door: Door) -> None:
    before = await door.stored()
    good = json.dumps({"id": 1, "orderId": "1", "sku": "SKU-0001", "quantity": 1, "status": "completed"}).encode()
    for kind in door.kinds:
        right = door.headers(kind, good)
        (signature,) = [name for name in right if name.endswith(("Signature", "Sha256"))]
        (store,) = [name for name in right if name.endswith(("Source", "Domain", "Store"))]
        old = sign("the secret of last year", good)
        for wrong in ("", "x", old, right[signature][:-4], right[signature] * 50, "\u00ff", sign("", good)):
            answer = await door.post(kind, good, right | {signature: wrong})
            assert answer.status == 401, (kind, wrong[:20], answer.status)
            answer.expect_problem(f"{kind} signed {wrong[:20]!r}")
        answer = await door.post(kind, good, {name: value for name, value in right.items() if name != signature})
        assert answer.status == 401, kind
        answer = await door.post(kind, good + b" ", right)
        assert answer.status == 401, f"{kind}: another body under the same signature"
        for name in ("http://nobody.test", "", "\u00ff", "a" * 5000, "http://[::1", "../..", "'; DROP TABLE x; --"):
            answer = await door.post(kind, good, right | {store: name})
            assert answer.status in {401, 404}, (kind, name[:20], answer.status)
            answer.expect_problem(f"{kind} from {name[:20]!r}")
        for content in (
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
            "",
        ):
            answer = await door.post(kind, good, right | {"Content-Type": content})
            answer.expect_no_crash(f"{kind} as {content}")
        answer = await door.post(kind, good, right | {"Content-Encoding": "gzip"})
        answer.expect_clear_refusal(f"{kind} compressed")
        head = "".join(f"{name}: {value}\r\n" for name, value in right.items())
        start = f"POST {door.path(kind)} HTTP/1.1\r\nHost: x\r\n{head}".encode()
        announced = f"Content-Length: {INGEST_BODY_BYTES_MAX + 1}\r\n\r\n".encode()
        answer = await send_raw(door.url, start + announced)
        assert answer.status == 413, kind
        answer.expect_problem(f"{kind} too large")
        chunk = b"40000\r\n" + b"a" * 0x40000 + b"\r\n"
        answer = await send_raw(door.url, start + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 5 + b"0\r\n\r\n")
        assert answer.status == 413, f"{kind} too large in chunks: {answer.status}"
        for method in ("GET", "PUT", "DELETE", "PATCH"):
            async with door.attacker.session.request(method, door.url + door.path(kind)) as refused:
                answer = Answer(refused.status, refused.headers, await refused.read())
            assert answer.status == 405, (kind, method, answer.status)
            answer.expect_problem(f"{method} {kind}")
    assert await door.stored() == before
    await door.attacker.expect_ready()
    await expect_a_sale_to_go_through(door.attacker.market)


MOMENT: Final = "2030-01-01T00:00:00"
HOSTILE_QUANTITIES: Final[tuple[Any, ...]] = (
    "RAW:NaN",
    "RAW:1e400",
    "RAW:-1e400",
    "RAW:Infinity",
    "RAW:" + "9" * 5000,
    "RAW:0." + "1" * 5000,
    "RAW:1e-400",
    "RAW:-0.0",
    "2",
    " 2 ",
    "1e400",
    "NaN",
    "sNaN",
    "-3",
    "٣",
    "1_000",
    "2\0",
    -3,
    10**9 + 1,
    10**30,
    0.1 + 0.2,
    True,
    None,
    [],
    {},
    "",
)
HOSTILE_SKUS: Final[tuple[Any, ...]] = (
    None,
    "",
    " ",
    0,
    10**40,
    1.5,
    True,
    [],
    {},
    "\0",
    "SKU\0-0001",
    "\ud800",
    "x" * 255,
    "x" * 256,
    "x" * 1000,
    "😀" * 255,
    "Ünïcödé ﷽ \u202e\u2028",
    "'; DROP TABLE inventory.stock; --",
    '"{}[]\\',
    "{NULL}",
    "NULL",
    "..%2f",
    "\x1b[31m\x07",
)
HOSTILE_IDS: Final[tuple[Any, ...]] = (
    [],
    {},
    None,
    True,
    False,
    -1,
    0,
    1.5,
    10**80,
    "",
    " ",
    "0",
    "\0",
    "a\0b",
    "x" * 65,
    "\ud800",
    "é" * 64,
)
HOSTILE_TIMES: Final[tuple[Any, ...]] = (
    "",
    None,
    5,
    [],
    "yesterday",
    "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+23:59",
    "\0",
)
HOSTILE_LINES: Final[tuple[Any, ...]] = (
    None,
    "x",
    5,
    {},
    {"a": 1},
    [None],
    [[]],
    ["x"],
    [{}],
    [{"id": 1}],
    [{"id": 1}, {"id": 1}],
)


def hostile_orders(kind: str) -> Iterator[tuple[str, bytes]]:
    """Bodies that a store could sign: each is a good order with one thing wrong; the label says which."""
    number = 500_000
    good = {"woocommerce": woo_order, "shopify": shopify_order, "custom": custom_order}[kind]
    for quantity in HOSTILE_QUANTITIES:
        number += 1
        yield f"quantity {str(quantity)[:30]!r}", as_json(good(number, quantity=quantity))
    for sku in HOSTILE_SKUS:
        number += 1
        yield f"sku {str(sku)[:30]!r}", as_json(good(number, sku=sku))
    for wrong_id in HOSTILE_IDS:
        yield f"id {str(wrong_id)[:30]!r}", as_json(good(wrong_id))
    for name, value in HOSTILE_VALUES.items():
        number += 1
        yield f"status {name}", as_json(good(number) | {"status": value, "financial_status": value})
        number += 1
        yield f"number {name}", as_json(good(number) | {"number": value, "name": value})
        yield f"the body is {name}", as_json(value)
    yield from ((f"broken: {name}", body) for name, body in BROKEN_BODIES.items())
    if kind == "custom":
        return
    for moment in HOSTILE_TIMES:
        number += 1
        times = dict.fromkeys(("date_modified_gmt", "date_created_gmt", "updated_at", "created_at"), moment)
        yield f"time {moment!r}", as_json(good(number) | times)
    for lines in HOSTILE_LINES:
        number += 1
        yield f"lines {lines!r}", as_json(good(number) | {"line_items": lines})
        yield f"refunds {lines!r}", as_json(good(number) | {"refunds": lines})
        line = good(number)["line_items"][0]
        yield f"meta {lines!r}", as_json(good(number) | {"line_items": [line | {"meta_data": lines}]})
    for count in (2000, 2001, 8000):
        number += 1
        line = good(number)["line_items"][0]
        small = {"id": 0, "sku": line["sku"], "quantity": 0}
        yield f"{count} lines", as_json(good(number) | {"line_items": [small | {"id": n} for n in range(1, count + 1)]})


def as_json(value: Any) -> bytes:
    """JSON in which a text that begins with RAW: stands as it is: numbers that no library writes."""
    text = json.dumps(value, separators=(",", ":"))
    return re.sub(r'"RAW:([^"]*)"', r"\1", text).encode()


def woo_order(number: Any, *, sku: Any = "SKU-0002", quantity: Any = 0) -> dict[str, Any]:
    line = {
        "id": 1,
        "sku": sku,
        "quantity": quantity,
        "price": quantity,
        "meta_data": [{"key": "_reduced_stock", "value": quantity}],
    }
    times = {"date_created_gmt": MOMENT, "date_modified_gmt": MOMENT}
    return {"id": number, "number": "1", "status": "processing", "line_items": [line], "refunds": []} | times


def shopify_order(number: Any, *, sku: Any = "SKU-0002", quantity: Any = 0) -> dict[str, Any]:
    line = {"id": 1, "sku": sku, "quantity": quantity, "price": quantity}
    back = {"line_item_id": 1, "quantity": quantity, "restock_type": "return"}
    times = {"created_at": f"{MOMENT}Z", "updated_at": f"{MOMENT}Z"}
    refunds = [{"refund_line_items": [back]}]
    return {"id": number, "name": "#1", "financial_status": "paid", "line_items": [line], "refunds": refunds} | times


def custom_order(number: Any, *, sku: Any = "SKU-0002", quantity: Any = 0) -> dict[str, Any]:
    return {"orderId": number, "sku": sku, "quantity": quantity, "status": "completed"}


async def sign_everything(door: Door) -> tuple[list[str], dict[str, int]]:
    """Every hostile body of every store: what was answered neither 200 nor 400, and the outcomes by name."""
    wrong: list[str] = []
    outcomes: dict[str, int] = {}
    for kind in door.kinds:
        for name, body in hostile_orders(kind):
            answer = await door.post(kind, body, door.headers(kind, body))
            if answer.status not in {200, 400}:
                wrong.append(f"{kind}, {name}: {answer.status} {answer.body[:200]!r}")
            outcome = str(json.loads(answer.body).get("status"))
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
    return wrong, outcomes


async def sign_every_level(door: Door) -> list[str]:
    wrong: list[str] = []
    good = {"id": 1, "inventory_item_id": 1, "location_id": 1, "available": 1, "stock_quantity": 1}
    for kind, topic in (("woocommerce", "product.updated"), ("shopify", "inventory_levels/update")):
        for value in (*HOSTILE_QUANTITIES, *HOSTILE_IDS):
            for name in good:
                body = as_json(good | {name: value})
                answer = await door.post(kind, body, door.headers(kind, body, topic))
                if answer.status not in {200, 400}:
                    wrong.append(f"{kind} {topic}, {name} {str(value)[:30]!r}: {answer.status}")
    return wrong


async def test_hostile_bodies_with_right_signatures_are_parked_or_refused_and_wedge_nothing(door: Door) -> None:
    wrong, outcomes = await sign_everything(door)
    wrong += await sign_every_level(door)
    assert not wrong, "\n".join(wrong)
    assert outcomes["parked"] > 100
    await expect_a_sale_to_go_through(door.attacker.market)

    async def queues_are_empty() -> bool:
        return bool(await door.attacker.database.fetchval("SELECT count(*) = 0 FROM inventory.outbox"))

    await eventually(queues_are_empty, what="nothing is retried for ever")
    operator = door.attacker.market.house.operator
    page = await operator.call("GET", "/api/v1/parked?service=webhook-ingest")
    assert len(page["items"]) > 100
    for service in ("inventory", "store-push", "prokip-poller", "gateway"):
        parked = await operator.call("GET", f"/api/v1/parked?service={service}")
        assert parked["items"] == [], service
    for path in ("/api/v1/stock?limit=200", "/api/v1/sales?limit=200", "/api/v1/events/recent", "/api/v1/overview"):
        await operator.call("GET", path)
    await door.attacker.expect_ready()

"""The stores' door: authentic, understood and durable before it answers 200."""

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from aiohttp import web
from aiohttp.streams import StreamReader
from msgspec import DecodeError
from pydantic_core import from_json

from prokip_shared.bus.port import BusUnavailable
from prokip_shared.connections import ConnectionRecord
from prokip_shared.directory import DirectoryUnavailable
from prokip_shared.logs import Log
from prokip_shared.messages import utc_now
from prokip_shared.platforms import custom_webhooks, shopify_webhooks, woocommerce_webhooks
from prokip_shared.platforms.signatures import signing_secret
from prokip_shared.platforms.webhooks import UnusableWebhook
from prokip_shared.web.middleware import CORRELATION
from prokip_shared.web.problems import Problem
from webhook_ingest.compliance import Compliance
from webhook_ingest.domain.dialects import CUSTOM, SHOPIFY, WOOCOMMERCE, Dialect
from webhook_ingest.domain.events import event_of
from webhook_ingest.door import Door
from webhook_ingest.ids import make_message_id
from webhook_ingest.metrics import count_webhook
from webhook_ingest.secrets import SecretUses
from webhook_ingest.storage import DATABASE_AWAY, ParkedTable, UnusableBody
from webhook_ingest.stores import Stores

FORM: Final = "application/x-www-form-urlencoded"
JSON: Final = "application/json"
TOPIC_OTHER: Final = "other"
RETRY_AFTER: Final = {"Retry-After": "1"}
ANSWERS: Final[dict[str, bytes]] = {
    outcome: f'{{"status":"{outcome}"}}'.encode() for outcome in ("accepted", "ignored", "parked")
}

log = Log("webhooks")


@dataclass(frozen=True, slots=True)
class Limits:
    body_bytes_max: int
    body_timeout_s: float
    answer_timeout_s: float
    allow_unsigned_custom: bool


class Webhook(NamedTuple):
    """One request, as far as its headers and address tell."""

    dialect: Dialect
    store_key: str
    topic: str
    signature: str | None
    correlation_id: str
    test: bool = False
    signed: bool = True
    """False only for custom stores of the sandbox."""


class Webhooks:
    def __init__(
        self,
        stores: Stores,
        door: Door,
        parked: ParkedTable,
        uses: SecretUses,
        compliance: Compliance,
        limits: Limits,
    ) -> None:
        self._stores = stores
        self._door = door
        self._parked = parked
        self._uses = uses
        self._compliance = compliance
        self._limits = limits

    async def shopify(self, request: web.Request) -> web.Response:
        headers = request.headers
        webhook = Webhook(
            SHOPIFY,
            headers.get(shopify_webhooks.HEADER_SHOP, "").lower(),
            headers.get(shopify_webhooks.HEADER_TOPIC, ""),
            headers.get(SHOPIFY.signature_header),
            request[CORRELATION],
            test=headers.get(shopify_webhooks.HEADER_TEST) == "true",
        )
        return await self._receive(request, webhook)

    async def woocommerce(self, request: web.Request) -> web.Response:
        headers = request.headers
        source = headers.get(woocommerce_webhooks.HEADER_SOURCE)
        if source is None and request.content_type == FORM:
            return await self._ping(request)
        webhook = Webhook(
            WOOCOMMERCE,
            woocommerce_webhooks.store_key_of(source or ""),
            headers.get(woocommerce_webhooks.HEADER_TOPIC, ""),
            headers.get(WOOCOMMERCE.signature_header),
            request[CORRELATION],
        )
        return await self._receive(request, webhook)

    async def custom(self, request: web.Request) -> web.Response:
        headers = request.headers
        signature = headers.get(CUSTOM.signature_header)
        webhook = Webhook(
            CUSTOM,
            headers.get(custom_webhooks.HEADER_STORE) or request.match_info["platform"],
            custom_webhooks.TOPIC,
            signature,
            request[CORRELATION],
            signed=signature is not None or not self._limits.allow_unsigned_custom,
        )
        return await self._receive(request, webhook)

    async def _ping(self, request: web.Request) -> web.Response:
        """WooCommerce tries a new webhook with a form of one field, unsigned and without a store's name."""
        body = await read_body(request, self._limits)
        if not body.startswith(woocommerce_webhooks.PING_PREFIX):
            raise _unsupported_type()
        return _answer("ignored")

    async def _receive(self, request: web.Request, webhook: Webhook) -> web.Response:
        connection: ConnectionRecord | None = None
        try:
            _require_json(request)
            body = await read_body(request, self._limits)
            connection = self._stores.known(webhook.dialect.platform, webhook.store_key)
            if connection is None:
                async with asyncio.timeout(self._limits.answer_timeout_s):
                    connection = await self._stores.find(webhook.dialect.platform, webhook.store_key)
            outcome = await self._take(body, webhook, connection)
        except Problem as problem:
            self._refused(webhook, connection, problem)
            raise
        except (BusUnavailable, DirectoryUnavailable, *DATABASE_AWAY) as error:
            refusal = _not_now()
            self._refused(webhook, connection, refusal)
            raise refusal from error
        self._count(webhook, connection, outcome)
        return _answer(outcome)

    async def _take(self, body: bytes, webhook: Webhook, connection: ConnectionRecord | None) -> str:
        """What became of a webhook that is durable, or needs not be."""
        dialect = webhook.dialect
        if connection is None and self._compliance.secrets_of(webhook.topic):
            return await self._comply(body, webhook)
        if connection is None:
            raise Problem(404, "Unknown store", code="unknown_store", detail="This store is not connected.")
        now = utc_now()
        if webhook.signed:
            secrets = connection.credentials.valid_secrets(now)
            secret = signing_secret(body, webhook.signature or "", secrets)
            if secret is None:
                raise _bad_signature(webhook)
            self._uses.note(connection, secret, now)
        if webhook.topic not in dialect.topics:
            return "ignored"
        payload = parse(body, dialect)
        if dialect is SHOPIFY and webhook.topic in shopify_webhooks.COMPLIANCE_TOPICS:
            return await self._answered_in_time(self._compliance.take(webhook.topic, payload, webhook.correlation_id))
        try:
            meaning = dialect.read(webhook.topic, payload)
        except UnusableWebhook as unusable:
            async with asyncio.timeout(self._limits.answer_timeout_s):
                await self._park(webhook, connection, str(unusable), payload)
            return "parked"
        event = event_of(
            meaning,
            connection,
            topic=webhook.topic,
            message_id=make_message_id(),
            observed_at=now,
            correlation_id=webhook.correlation_id,
        )
        if event is None:
            return "ignored"
        await self._door.publish(event)
        return "accepted"

    async def _comply(self, body: bytes, webhook: Webhook) -> str:
        """For a shop that has left, or never was here: nothing is looked up before the signature fits."""
        secrets = self._compliance.secrets_of(webhook.topic)
        if signing_secret(body, webhook.signature or "", secrets) is None:
            raise _bad_signature(webhook)
        payload = parse(body, webhook.dialect)
        return await self._answered_in_time(self._compliance.take(webhook.topic, payload, webhook.correlation_id))

    async def _answered_in_time(self, act: Awaitable[str]) -> str:
        async with asyncio.timeout(self._limits.answer_timeout_s):
            return await act

    async def _park(self, webhook: Webhook, connection: ConnectionRecord, reason: str, payload: Any) -> None:
        body = UnusableBody(
            business_id=connection.business_id,
            connection_id=connection.id,
            platform=webhook.dialect.platform,
            topic=webhook.topic,
            reason=reason,
            body=webhook.dialect.project(payload),
        )
        parked_id = await self._parked.park(body)
        log.warning("webhook.parked", parked_id=str(parked_id), reason=reason, **_names(webhook, connection))

    def _refused(self, webhook: Webhook, connection: ConnectionRecord | None, problem: Problem) -> None:
        self._count(webhook, connection, problem.code)
        log.info("webhook.refused", code=problem.code, status=problem.status, **_names(webhook, connection))

    def _count(self, webhook: Webhook, connection: ConnectionRecord | None, outcome: str) -> None:
        topic = webhook.topic if webhook.topic in webhook.dialect.topics else TOPIC_OTHER
        business_id, connection_id = (connection.business_id, connection.id) if connection else (None, None)
        count_webhook(business_id, connection_id, webhook.dialect.platform, topic, outcome)


async def read_body(request: web.Request, limits: Limits) -> bytes:
    """The raw body, also of a chunked request. Problems: 413 too large, 408 too slow, 400 broken transfer."""
    too_large = request.content_length is not None and request.content_length > limits.body_bytes_max
    body: bytes | None = None
    if not too_large:
        body = await _collect(request.content, limits)
    if body is None:
        detail = f"At most {limits.body_bytes_max} bytes."
        raise Problem(413, "Body too large", code="body_too_large", detail=detail)
    return body


async def _collect(stream: StreamReader, limits: Limits) -> bytes | None:
    """None when there is more than may be."""
    if stream.is_eof():  # it came with the headers, as small bodies do: no timer is needed
        body = stream.read_nowait()
        return body if len(body) <= limits.body_bytes_max else None
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(limits.body_timeout_s):
            while chunk := await stream.readany():
                size += len(chunk)
                if size > limits.body_bytes_max:
                    return None
                chunks.append(chunk)
    except TimeoutError as error:
        detail = f"The body did not arrive within {limits.body_timeout_s} s."
        raise Problem(408, "Body too slow", code="body_too_slow", detail=detail) from error
    except web.RequestPayloadError as error:
        raise Problem(400, "Broken body", code="broken_body", detail="The transfer ended early.") from error
    return b"".join(chunks)


def parse(body: bytes, dialect: Dialect) -> Any:
    """What the dialect looks at; of a body that has another form everything, to be judged and parked."""
    try:
        return dialect.decoder.decode(body.decode())  # as text: it would not look at the encoding of what it skips
    except (DecodeError, RecursionError, UnicodeDecodeError):
        return _parse_all(body)


def _parse_all(body: bytes) -> Any:
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise Problem(400, "Broken JSON", code="broken_json", detail="The body is no JSON.") from error


def _require_json(request: web.Request) -> None:
    """The signature is over raw bytes, so a compressed body (no store sends one) is as foreign as another type."""
    headers = request.headers
    # As it came first: what every WooCommerce sends need not be taken apart.
    is_json = headers.get("Content-Type") == JSON or request.content_type == JSON
    if not is_json or "Content-Encoding" in headers:
        raise _unsupported_type()


def _unsupported_type() -> Problem:
    return Problem(
        415, "Unsupported media type", code="unsupported_media_type", detail="Send application/json, uncompressed."
    )


def _not_now() -> Problem:
    return Problem(503, "Not now", code="unavailable", detail="The event could not be stored.", headers=RETRY_AFTER)


def _bad_signature(webhook: Webhook) -> Problem:
    """Test notifications of Shopify's admin are signed with a key that no app has; they are told apart in the log."""
    code = "test_notification" if webhook.test else "bad_signature"
    detail = f"{webhook.dialect.signature_header} is not the HMAC-SHA256 of the body with this store's secret."
    return Problem(401, "Bad signature", code=code, detail=detail)


def _names(webhook: Webhook, connection: ConnectionRecord | None) -> Mapping[str, object]:
    """For the log: whose webhook it is; a store nobody knows by the name it gives itself."""
    return {
        "platform": webhook.dialect.platform,
        "topic": webhook.topic[:100],
        "connection_id": connection.id if connection else None,
        "business_id": connection.business_id if connection else None,
        "store": None if connection else webhook.store_key[:200],
    }


def _answer(outcome: str) -> web.Response:
    return web.Response(body=ANSWERS[outcome], content_type=JSON)

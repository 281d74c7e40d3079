"""Webhooks as WooCommerce's Action Scheduler sends them: coalesced, in series, once, and switched off after failures."""

import asyncio
import base64
import hashlib
import hmac
import ipaddress
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from prokip_sandbox.courier import Courier
from prokip_sandbox.server import eventually
from prokip_sandbox.values import made_up_key
from prokip_sandbox.woocommerce.model import VERSION, WORDPRESS_VERSION, Site, State, Webhook, woo_error
from prokip_sandbox.woocommerce.render import Renderer, php_json

TOPICS = frozenset(
    f"{resource}.{event}"
    for resource in ("order", "product", "customer", "coupon")
    for event in ("created", "updated", "deleted", "restored")
)
USER_AGENT = f"WooCommerce/{VERSION} Hookshot (WordPress/{WORDPRESS_VERSION})"
TIMEOUT_S = 60.0
RUN_S_MAX = 15.0  # a run of the queue begins no further delivery after so long; the rest waits for the next run
FAILURES_TOLERATED_MAX = 5  # disabled when the count goes above it and one more fails: at the 7th in a row
SUCCESS_REDIRECTS = frozenset({301, 302})  # not followed, yet counted as success
WORDPRESS_PORTS = frozenset({80, 443, 8080})  # `wp_http_validate_url`

Job = tuple[int, str, int]  # webhook id, topic, resource id


class Webhooks:
    """`queue_delay_s` is how long the queue runner sleeps before it looks again: about 60 s in a real store.

    `monotonic` measures a run of it. Not `delivers_async`: there is no queue, and each request that causes deliveries
    waits until they are made.
    """

    def __init__(
        self,
        state: State,
        site: Site,
        renderer: Renderer,
        courier: Courier,
        *,
        queue_delay_s: float,
        refuses_private_urls: bool,
        delivers_async: bool,
        monotonic: Callable[[], float],
    ) -> None:
        self._state = state
        self._site = site
        self._renderer = renderer
        self._courier = courier
        self.queue_delay_s = queue_delay_s
        self._refuses_private_urls = refuses_private_urls
        self._delivers_async = delivers_async
        self._monotonic = monotonic
        self.runs = 0
        self._queue: deque[Job] = deque()
        self._waiting: set[Job] = set()
        self._wake = asyncio.Event()
        self._running = asyncio.Event()
        self._running.set()
        self._delivering = False
        self._runner: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._runner = asyncio.create_task(self._run(), name="woocommerce_queue_runner")

    async def stop(self) -> None:
        if self._runner is not None:
            self._runner.cancel()
            await asyncio.gather(self._runner, return_exceptions=True)
        await self._courier.close()

    def hold(self) -> None:
        """Stop the queue runner; what is due waits."""
        self._running.clear()

    def release(self) -> None:
        self._running.set()

    async def settled(self, timeout_s: float) -> None:
        await eventually(lambda: not self._queue and not self._delivering and not self._courier.busy, timeout_s)

    def emit(self, topic: str, resource_id: int) -> None:
        """Queue a delivery for each active webhook of the topic, unless the same one is already waiting."""
        for webhook in self._state.webhooks.values():
            job = (webhook.id, topic, resource_id)
            if webhook.topic == topic and webhook.status == "active" and job not in self._waiting:
                self._waiting.add(job)
                self._queue.append(job)
                if self._delivers_async:
                    self._wake.set()

    async def create(self, fields: Mapping[str, Any]) -> Webhook:
        topic, url = str(fields.get("topic") or ""), str(fields.get("delivery_url") or "")
        if topic not in TOPICS:
            raise woo_error("woocommerce_rest_shop_webhook_invalid_topic", "Webhook topic must be valid.", 400)
        _check_url(url)
        self._state.last_webhook_id += 1
        webhook_id = self._state.last_webhook_id
        now_s = self._site.clock()
        webhook = Webhook(
            id=webhook_id,
            name=str(fields.get("name") or f"Webhook created on {now_s:.0f}"),
            topic=topic,
            delivery_url=url,
            secret=str(fields.get("secret") or made_up_key("", f"webhook {webhook_id} {now_s}")),
            created_s=now_s,
            modified_s=now_s,
            status=str(fields.get("status") or "active"),
        )
        self._state.webhooks[webhook_id] = webhook
        await self._ping(webhook)
        return webhook

    async def update(self, webhook: Webhook, fields: Mapping[str, Any]) -> None:
        """Making one active again does not reset its failure count: the next failure disables it at once."""
        if "topic" in fields and fields["topic"] not in TOPICS:
            raise woo_error("woocommerce_rest_shop_webhook_invalid_topic", "Webhook topic must be valid.", 400)
        old_url = webhook.delivery_url
        for name in ("name", "topic", "delivery_url", "secret", "status"):
            if fields.get(name):
                setattr(webhook, name, str(fields[name]))
        _check_url(webhook.delivery_url)
        webhook.modified_s = self._site.clock()
        if webhook.delivery_url != old_url:
            await self._ping(webhook)

    async def _ping(self, webhook: Webhook) -> None:
        """Part of the REST request that caused it: a form without X-WC headers or signature; the answer is ignored."""
        if self.allowed(webhook.delivery_url):
            headers = _headers({"Content-Type": "application/x-www-form-urlencoded"})
            await self._courier.post("ping", webhook.delivery_url, headers, f"webhook_id={webhook.id}".encode())

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(self.queue_delay_s)
            await self._running.wait()
            self._wake.clear()
            self.runs += 1
            began_s = self._monotonic()
            while self._queue and self._running.is_set() and self._monotonic() - began_s < RUN_S_MAX:
                await self._deliver_next()
            if self._queue:
                self._wake.set()

    async def deliver_within_request(self) -> None:
        """What a store without a queue does before it answers."""
        while self._queue and not self._delivers_async:
            await self._deliver_next()

    async def _deliver_next(self) -> None:
        self._delivering = True
        job = self._queue.popleft()
        self._waiting.discard(job)
        await self._deliver(job)
        self._delivering = False

    async def _deliver(self, job: Job) -> None:
        webhook_id, topic, resource_id = job
        webhook = self._state.webhooks.get(webhook_id)
        if webhook is None or webhook.status != "active":
            return
        body = self.body_of(topic, resource_id)
        headers = self._signed_headers(webhook, topic, body)

        async def send() -> bool:
            if not self.allowed(webhook.delivery_url):
                return False
            status = await self._courier.post(topic, webhook.delivery_url, headers, body)
            return status is not None and (status // 100 == 2 or status in SUCCESS_REDIRECTS)  # noqa: PLR2004 - 2xx

        taken = await self._courier.deliver(
            f"{topic} {self._renderer.home_url}/", send, version=self._version(topic, resource_id)
        )
        if taken:
            webhook.failure_count = 0
        elif webhook.failure_count > FAILURES_TOLERATED_MAX:
            webhook.status = "disabled"
        else:
            webhook.failure_count += 1

    def body_of(self, topic: str, resource_id: int) -> bytes:
        """The resource at the moment of delivery, not of the event; gone ones give the REST error, signed as usual."""
        resource, _, event = topic.partition(".")
        if event == "deleted":
            return php_json({"id": resource_id})
        if resource == "order":
            order = self._state.orders.get(resource_id)
            if order is not None:
                return php_json(self._renderer.order(order))
            return php_json(woo_error("woocommerce_rest_shop_order_invalid_id", "Invalid ID.", 404).body)
        product = self._state.products.get(resource_id)
        if product is not None:
            return php_json(self._renderer.product(product))
        return php_json(woo_error("woocommerce_rest_product_invalid_id", "Invalid ID.", 404).body)

    def _version(self, topic: str, resource_id: int) -> str:
        order = self._state.orders.get(resource_id) if topic.startswith("order.") else None
        return "" if order is None else f"{order.id}@{int(order.modified_s)}"

    def _signed_headers(self, webhook: Webhook, topic: str, body: bytes) -> list[tuple[str, str]]:
        resource, _, event = topic.partition(".")
        digest = hmac.digest(webhook.secret.encode(), body, hashlib.sha256)
        second = int(self._site.clock())
        return _headers(
            {
                "Content-Type": "application/json",
                "X-WC-Webhook-Source": f"{self._renderer.home_url}/",
                "X-WC-Webhook-Topic": topic,
                "X-WC-Webhook-Resource": resource,
                "X-WC-Webhook-Event": event,
                "X-WC-Webhook-Signature": base64.b64encode(digest).decode(),
                "X-WC-Webhook-ID": str(webhook.id),
                "X-WC-Webhook-Delivery-ID": _delivery_id(webhook.id, second),
            }
        )

    def allowed(self, url: str) -> bool:
        """Whether WordPress' own check of outgoing requests lets this address pass."""
        if not self._refuses_private_urls:
            return True
        parts = urlsplit(url)
        try:
            public = ipaddress.ip_address(parts.hostname or "").is_global
        except ValueError:
            public = parts.hostname != "localhost"
        return public and (parts.port is None or parts.port in WORDPRESS_PORTS)


def _delivery_id(webhook_id: int, second: int) -> str:
    """`wp_hash(webhook id + second)`: the same for all deliveries of one webhook within a second."""
    return hashlib.sha256(f"{webhook_id}{second}".encode()).hexdigest()[:32]


def _headers(own: Mapping[str, str]) -> list[tuple[str, str]]:
    return [
        ("User-Agent", USER_AGENT),
        ("Accept", "*/*"),
        ("Accept-Encoding", "deflate, gzip, br, zstd"),
        *own.items(),
        ("Connection", "close"),
    ]


def _check_url(url: str) -> None:
    if not url.startswith(("http://", "https://")):
        raise woo_error(
            "woocommerce_rest_shop_webhook_invalid_delivery_url",
            "Webhook delivery URL must be a valid URL starting with http:// or https://.",
            400,
        )

"""Webhooks of one shop: signed, in parallel and without order, retried with the first payload, then unsubscribed.

https://shopify.dev/docs/apps/build/webhooks/troubleshoot
"""

import asyncio
import base64
import hashlib
import hmac
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Any

from prokip_sandbox.courier import Courier
from prokip_sandbox.server import eventually
from prokip_sandbox.shopify.model import API_VERSION, ShopSite, ShopState, Subscription
from prokip_sandbox.values import compact_json, iso_seconds

CONNECT_TIMEOUT_S = 1.0
TOTAL_TIMEOUT_S = 5.0
RETRY_DELAYS_S = (10, 30, 60, 300, 900, 1800, 3600, 7200)  # eight within four hours; the exact steps are not published
PARALLEL_MAX = 16

TREES_KEPT_MAX = 256

BuildBody = Callable[[], dict[str, Any]]
Tree = Mapping[str, "Tree | None"]


@dataclass(frozen=True, slots=True)
class WebhookOptions:
    """`retry_time_scale` shortens the waits between retries; `delay_s` is the time from event to first attempt."""

    secret_of: Callable[[str], str]
    """By client id: what signs the webhooks of an app."""
    retry_time_scale: float = 1.0
    delay_s: float = 0.0


class Webhooks:
    def __init__(
        self, state: ShopState, site: ShopSite, courier: Courier, options: WebhookOptions, rng: Random
    ) -> None:
        self._state = state
        self._site = site
        self._courier = courier
        self._options = options
        self._rng = rng
        self._parallel = asyncio.Semaphore(PARALLEL_MAX)
        self._under_way: set[asyncio.Task[None]] = set()
        self.asking_client_id = ""  # the app whose call is being carried out
        self.event_id = ""  # shared by all deliveries of one merchant action
        self.new_action()

    def new_action(self) -> None:
        self.event_id = self._unique_id()

    async def stop(self) -> None:
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def settled(self, timeout_s: float) -> None:
        await eventually(lambda: not self._under_way and not self._courier.busy, timeout_s)

    def emit(self, topic: str, build: BuildBody) -> None:
        """Send to each subscription of the topic. The body is built when its delivery starts, not at the event."""
        for subscription in self._state.subscriptions.values():
            if subscription.topic == topic:
                task = asyncio.create_task(
                    self._deliver(subscription, build, self.event_id, self._site.clock()), name="shopify_webhook"
                )
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)

    async def _deliver(self, subscription: Subscription, build: BuildBody, event_id: str, triggered_s: float) -> None:
        if self._options.delay_s:
            await asyncio.sleep(self._options.delay_s)
        fields = build()
        body = _chosen_fields(fields, subscription.include_fields)
        version = f"{self._site.domain} {fields['id']}@{fields['updated_at']}" if "line_items" in fields else ""
        headers = self._headers(subscription, body, event_id, triggered_s)
        topic = topic_header(subscription.topic)
        url = subscription.uri  # a retry goes to the address of the first attempt

        async def send() -> bool:
            status = await self._courier.post(topic, url, headers, body)
            return status is not None and status // 100 == 2  # noqa: PLR2004 - 2xx

        for delay_s in (0, *RETRY_DELAYS_S):
            if delay_s:
                await asyncio.sleep(delay_s * self._options.retry_time_scale)
            async with self._parallel:
                if await self._courier.deliver(f"{topic} {self._site.domain}", send, version=version):
                    return
        self._state.subscriptions.pop(subscription.id, None)

    def _headers(
        self, subscription: Subscription, body: bytes, event_id: str, triggered_s: float
    ) -> list[tuple[str, str]]:
        digest = hmac.digest(self._options.secret_of(subscription.client_id).encode(), body, hashlib.sha256)
        nanoseconds = f"{round(triggered_s % 1 * 1e9):09d}"[:9]
        headers = [
            ("User-Agent", "Shopify-Captain-Hook"),
            ("Accept", "*/*"),
            ("Accept-Encoding", "gzip;q=1.0,deflate;q=0.6,identity;q=0.3"),
            ("Content-Type", "application/json"),
            ("X-Shopify-Topic", topic_header(subscription.topic)),
            ("X-Shopify-Hmac-Sha256", base64.b64encode(digest).decode()),
            ("X-Shopify-Shop-Domain", self._site.domain),
            ("X-Shopify-API-Version", API_VERSION),
            ("X-Shopify-Webhook-Id", self._unique_id()),
            ("X-Shopify-Event-Id", event_id),
            ("X-Shopify-Triggered-At", f"{iso_seconds(triggered_s)}.{nanoseconds}Z"),
        ]
        if subscription.name:
            headers.append(("X-Shopify-Name", subscription.name))
        return headers

    def _unique_id(self) -> str:
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))


def topic_header(topic: str) -> str:
    """`INVENTORY_LEVELS_UPDATE` → `inventory_levels/update`"""
    resource, _, event = topic.rpartition("_")
    if topic.endswith("_PARTIALLY_FULFILLED"):
        resource, event = "ORDERS", "PARTIALLY_FULFILLED"
    return f"{resource}/{event}".lower()


def _chosen_fields(body: dict[str, Any], include_fields: list[str]) -> bytes:
    """Nested fields are named with a period, `line_items.sku`, and chosen in each element of a list.

    https://shopify.dev/docs/apps/build/webhooks/customize/modify-payloads
    """
    return compact_json(_chosen(body, _tree(tuple(include_fields))) if include_fields else body).encode()


@lru_cache(maxsize=TREES_KEPT_MAX)
def _tree(paths: tuple[str, ...]) -> Tree:
    """By field name what is chosen below it; None for all of it."""
    below: dict[str, list[str]] = {}
    for path in paths:
        name, _, rest = path.partition(".")
        below.setdefault(name, []).append(rest)
    return {name: None if "" in rests else _tree(tuple(rests)) for name, rests in below.items()}


def _chosen(value: Any, tree: Tree) -> Any:
    if isinstance(value, list):
        return [_chosen(one, tree) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: inner if (below := tree[name]) is None else _chosen(inner, below)
        for name, inner in value.items()
        if name in tree
    }

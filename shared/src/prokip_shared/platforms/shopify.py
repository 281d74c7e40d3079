"""A Shopify shop over its Admin GraphQL API: connecting, catalogue, levels, compare-and-set writes."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from aiohttp import ClientSession
from pydantic import SecretStr

from prokip_shared.logs import Log
from prokip_shared.platforms import shopify_wire as wire
from prokip_shared.platforms.errors import Refused, StoreUnavailable, Throttled, failure_of_status
from prokip_shared.platforms.exchange import Answer, ExchangeLimits, exchange
from prokip_shared.platforms.shopify_webhooks import read_order
from prokip_shared.platforms.store import (
    CatalogueItem,
    CataloguePage,
    ItemKey,
    Level,
    OrdersPage,
    QuantityWrite,
    QueryPoints,
    StoreCheck,
    StoreLocation,
    WriteResult,
    chunks,
)
from prokip_shared.platforms.webhooks import orders_page

SET_TRIES_MAX: Final = 4
SET_RETRY_PAUSE_S: Final = 0.25
PACE_S_MAX: Final = 2.0  # a longer wait for query points is the caller's to plan
PAGES_MAX: Final = 10_000

log = Log("shopify")


def shopify_base_url(template: str, shop: str) -> str:
    """`https://{shop}` in production; the sandbox serves all its shops below one address."""
    return template.replace("{shop}", shop)


class ShopifyClient:
    """One shop. Keeps the shop's query budget, so reuse it between calls."""

    def __init__(
        self,
        session: ClientSession,
        *,
        base_url: str,
        access_token: SecretStr,
        place_ref: str | None = None,
        limits: ExchangeLimits | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`place_ref`: the location (digits) whose levels are read; not needed for connecting."""
        self._session = session
        self._url = f"{base_url.rstrip('/')}/admin/api/{wire.API_VERSION}/graphql.json"
        self._token = access_token
        self._place_ref = place_ref
        self._limits = limits or ExchangeLimits()
        self._monotonic = monotonic
        self._budget: wire.Budget | None = None
        self._budget_at_s = 0.0
        self._points_of: dict[str, float] = {}
        self._version_seen = wire.API_VERSION

    # connecting

    async def check(self) -> StoreCheck:
        """Raises StoreError: NeedsReauthorisation for a wrong token, StoreUnavailable where no shop answers."""
        answer, data = await self._ask("check", {})
        shop, installation = data["shop"], data["currentAppInstallation"]
        granted = {str(scope["handle"]) for scope in installation["accessScopes"]}
        missing = [scope for scope in wire.SCOPES_NEEDED if not _covered(scope, granted)]
        return StoreCheck(
            store_key=str(shop["myshopifyDomain"]).lower(),
            store_name=str(shop["name"]),
            store_clock=answer.store_clock(),
            problems=(f"The token lacks these access scopes: {', '.join(missing)}.",) if missing else (),
        )

    async def locations(self) -> list[StoreLocation]:
        return [
            StoreLocation(wire.digits(str(node["id"])), str(node["name"]), bool(node["isActive"]))
            async for node in self._pages("locations", "locations")
        ]

    async def create_webhooks(self, *, delivery_url: str) -> tuple[str, ...]:
        """Makes what is missing, keeps what fits, removes what does not; returns the subscriptions' ids.

        Shopify signs with the app's secret. Raises Refused where it does not take the address.
        """
        kept, _ = await self._subscribe(delivery_url)
        return kept

    async def restore_webhooks(self, *, delivery_url: str) -> tuple[str, ...]:
        """As `create_webhooks`; tells which topics had no fitting subscription.

        Shopify deletes those whose deliveries fail for four hours:
        https://shopify.dev/docs/apps/build/webhooks/troubleshooting-webhooks
        """
        _, made = await self._subscribe(delivery_url)
        return made

    async def _subscribe(self, delivery_url: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The ids by topic, and the topics for which one had to be made."""
        kept: dict[str, str] = {}
        for old in await self._subscriptions(delivery_url):
            topic = str(old["topic"])
            fields = wire.WEBHOOKS.get(topic)
            if topic not in kept and fields is not None and sorted(old["includeFields"]) == sorted(fields):
                kept[topic] = str(old["id"])
            else:
                await self._delete_subscription(str(old["id"]))
        missing = tuple(topic for topic in wire.WEBHOOKS if topic not in kept)
        for topic in missing:
            kept[topic] = await self._create_subscription(topic, delivery_url, wire.WEBHOOKS[topic])
        return tuple(kept[topic] for topic in wire.WEBHOOKS), missing

    async def delete_webhooks(self, *, delivery_url: str) -> int:
        """Removes every subscription of this address and returns how many there were."""
        found = await self._subscriptions(delivery_url)
        for subscription in found:
            await self._delete_subscription(str(subscription["id"]))
        return len(found)

    async def _subscriptions(self, delivery_url: str) -> list[Mapping[str, Any]]:
        return [node async for node in self._pages("webhooks", "webhookSubscriptions") if node["uri"] == delivery_url]

    async def _create_subscription(self, topic: str, delivery_url: str, fields: Sequence[str]) -> str:
        subscription = {"uri": delivery_url, "format": "JSON", "includeFields": list(fields)}
        _, data = await self._ask("webhook_create", {"topic": topic, "subscription": subscription})
        payload = refuse_user_errors(data, "webhookSubscriptionCreate")
        return str(payload["webhookSubscription"]["id"])

    async def _delete_subscription(self, subscription_id: str) -> None:
        _, data = await self._ask("webhook_delete", {"id": subscription_id})
        refuse_user_errors(data, "webhookSubscriptionDelete")

    # catalogue and levels

    async def catalogue_page(self, cursor: str | None) -> CataloguePage:
        place_ref = self._place()
        variables = {"first": wire.READ_ITEMS_MAX, "after": cursor, "location": wire.location_gid(place_ref)}
        _, data = await self._ask("catalogue", variables)
        variants = data["productVariants"]
        page = variants["pageInfo"]
        items = tuple(wire.catalogue_item(variant, place_ref) for variant in variants["nodes"])
        total = wire.exact_count(data["productVariantsCount"])
        return CataloguePage(items, page["endCursor"] if page["hasNextPage"] else None, total=total)

    async def items_of(self, product_refs: Sequence[str]) -> tuple[CatalogueItem, ...]:
        """Every item of these products, as the catalogue has them; none of a product that is gone."""
        items: list[CatalogueItem] = []
        for ref in product_refs:
            cursor: str | None = None
            while True:
                place = {"location": wire.location_gid(self._place())}
                variables = {"id": wire.product_gid(ref), "first": wire.READ_ITEMS_MAX, "after": cursor, **place}
                _, data = await self._ask("product_items", variables)
                if data["product"] is None:
                    break
                variants = data["product"]["variants"]
                items += [wire.catalogue_item(variant, self._place()) for variant in variants["nodes"]]
                cursor = _next_cursor(variants)
                if cursor is None:
                    break
        return tuple(items)

    async def read_levels(self, keys: Sequence[ItemKey]) -> dict[ItemKey, Level]:
        """What the shop shows now; items that it does not know are `gone`."""
        levels: dict[ItemKey, Level] = {}
        for start in range(0, len(keys), wire.READ_ITEMS_MAX):
            part = keys[start : start + wire.READ_ITEMS_MAX]
            variables = {
                "ids": [wire.item_gid(key) for key in part],
                "location": wire.location_gid(self._place()),
            }
            _, data = await self._ask("levels", variables)
            levels |= wire.levels_of(part, data["nodes"])
        return levels

    # orders

    async def changed_orders(self, since: datetime, cursor: str | None) -> OrdersPage:
        """Orders that changed at `since`, by the shop's clock, or later; `cursor` of the page before."""
        answer, data = await self._ask("changed_orders", {"search": wire.orders_search(since), "after": cursor})
        found, page = data["orders"]["nodes"], data["orders"]["pageInfo"]
        return orders_page(
            [await self._order_body(order) for order in found],
            read_order,
            next_cursor=page["endCursor"] if page["hasNextPage"] else None,
            store_clock=answer.store_clock(),
        )

    async def _order_body(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Few orders have refunds or more lines than come with the page; those are asked for one by one."""
        lines = list(order["lineItems"]["nodes"])
        cursor = _next_cursor(order["lineItems"])
        if cursor is not None:
            lines += await self._whole("order_lines", order["id"], ("order", "lineItems"), cursor)
        refund_lines: list[Mapping[str, Any]] = []
        if order["refunds"]:
            _, data = await self._ask("order_refunds", {"id": order["id"]})
            for refund in data["order"]["refunds"]:
                refund_lines += await self._whole("refund_lines", refund["id"], ("refund", "refundLineItems"))
        return wire.order_body(order, lines, refund_lines)

    async def _whole(
        self, name: str, gid: str, path: tuple[str, str], cursor: str | None = None
    ) -> list[Mapping[str, Any]]:
        """Every node of a list that belongs to one object."""
        nodes: list[Mapping[str, Any]] = []
        for _ in range(PAGES_MAX):
            _, data = await self._ask(name, {"id": gid, "after": cursor})
            listed = data[path[0]][path[1]]
            nodes += listed["nodes"]
            cursor = _next_cursor(listed)
            if cursor is None:
                break
        return nodes

    # writing

    def groups(self, keys: Sequence[ItemKey]) -> list[tuple[ItemKey, ...]]:
        """Splits items into what one write can carry."""
        return chunks(keys, wire.SET_LINES_MAX)

    async def write(self, lines: Sequence[QuantityWrite], *, attempt_key: str) -> dict[ItemKey, WriteResult]:
        """Sets the quantities of one of `groups`, each over the quantity that its line names.

        An answer that did not come is asked for again with the same idempotency key, so that nothing is done twice.
        Raises StoreError; after StoreUnavailable the writes may have happened.
        """
        key = attempt_key
        limits = replace(self._limits, timeout_s=self._limits.timeout_s / 2)
        unanswered: StoreUnavailable | None = None
        for attempt in range(SET_TRIES_MAX):
            if attempt:
                await asyncio.sleep(SET_RETRY_PAUSE_S)
            try:
                _, data = await self._ask("set_quantities", wire.set_variables(lines, key), limits=limits)
                answer = wire.set_answer(lines, data.get("inventorySetQuantities"))
            except StoreUnavailable as error:
                if unanswered is not None:
                    raise
                unanswered = error
                continue
            if not answer.retry:
                return dict(answer.results)
            if answer.new_key:
                key = str(uuid4())
        raise unanswered or StoreUnavailable("is still busy with the same request")

    # transport

    def _place(self) -> str:
        if self._place_ref is None:
            raise Refused("no_location", "no Shopify location is chosen for this connection")
        return self._place_ref

    async def _pages(self, name: str, field: str) -> AsyncIterator[Mapping[str, Any]]:
        cursor: str | None = None
        for _ in range(PAGES_MAX):
            _, data = await self._ask(name, {"after": cursor})
            connection = data[field]
            for node in connection["nodes"]:
                yield node
            if not connection["pageInfo"]["hasNextPage"]:
                return
            cursor = connection["pageInfo"]["endCursor"]

    async def _ask(
        self, name: str, variables: Mapping[str, Any], *, limits: ExchangeLimits | None = None
    ) -> tuple[Answer, Mapping[str, Any]]:
        """The answer and its data. Raises StoreError."""
        await self._pace(name)
        answer = await exchange(
            self._session,
            "POST",
            self._url,
            headers={
                "Content-Type": "application/json",
                "Accept": "application/json",
                "X-Shopify-Access-Token": self._token.get_secret_value(),
            },
            limits=limits or self._limits,
            body=json.dumps({"query": wire.document(name), "variables": variables}).encode(),
        )
        failure = failure_of_status(answer.status, answer.headers, code="", detail=_said(answer), now=datetime.now(UTC))
        if failure is not None:
            raise failure
        self._watch_version(answer)
        body = answer.json()
        self._learn_budget(name, body)
        failure = wire.failure_of_errors(body)
        if failure is not None:
            raise failure
        data: Mapping[str, Any] = body["data"]
        return answer, data

    async def _pace(self, name: str) -> None:
        """Waits until the bucket holds what this document asked for last time."""
        if self._budget is None:
            return
        age_s = self._monotonic() - self._budget_at_s
        wait_s = self._budget.wait_s(self._points_of.get(name, 0.0), age_s=age_s)
        if wait_s > PACE_S_MAX:
            raise Throttled("the shop's query budget is used up", retry_after_s=wait_s)
        if wait_s > 0:
            await asyncio.sleep(wait_s)

    def bucket(self) -> QueryPoints | None:
        """The shop's query points by now; None before the first answer."""
        if self._budget is None:
            return None
        age_s = self._monotonic() - self._budget_at_s
        return replace(self._budget, available_points=self._budget.held(age_s=age_s))

    def _learn_budget(self, name: str, body: Any) -> None:
        budget = wire.budget_of(body)
        if budget is not None:
            self._budget, self._budget_at_s = budget, self._monotonic()
            self._points_of[name] = budget.asked_points

    def _watch_version(self, answer: Answer) -> None:
        """A version that Shopify no longer serves falls forward to another one, silently but for this header."""
        served = answer.headers.get("X-Shopify-API-Version", wire.API_VERSION)
        if served != self._version_seen:
            self._version_seen = served
            log.warning("shopify.version_differs", asked=wire.API_VERSION, served=served, url=self._url)


def _next_cursor(listed: Mapping[str, Any]) -> str | None:
    page = listed["pageInfo"]
    return str(page["endCursor"]) if page["hasNextPage"] else None


def _covered(scope: str, granted: set[str]) -> bool:
    """A granted write scope includes its read scope, which Shopify may leave out of the list."""
    return scope in granted or scope.replace("read_", "write_", 1) in granted


def _said(answer: Answer) -> str:
    """The words of an error answer, which Shopify gives as `{"errors": "…"}`."""
    try:
        body = json.loads(answer.body)
    except ValueError:
        return ""
    return str(body.get("errors") or "") if isinstance(body, Mapping) else ""


def refuse_user_errors(data: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    """A mutation's payload. Raises Refused with the shop's own words."""
    payload = data.get(field)
    if not isinstance(payload, Mapping):
        raise StoreUnavailable(f"answered without {field}")
    errors = payload.get("userErrors") or ()
    if errors:
        raise Refused("user_error", "; ".join(str(error.get("message")) for error in errors))
    return payload

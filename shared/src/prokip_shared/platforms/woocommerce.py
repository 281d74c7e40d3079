"""A WooCommerce store over its REST API v3: connecting, catalogue, levels, writes.

https with Basic; plain http with OAuth 1.0a, because WooCommerce refuses Basic there.
"""

import base64
import json
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from aiohttp import ClientSession
from pydantic import SecretStr

from prokip_shared.platforms import woocommerce_wire as wire
from prokip_shared.platforms.errors import NeedsReauthorisation, Refused, StoreUnavailable, failure_of_status
from prokip_shared.platforms.exchange import Answer, ExchangeLimits, exchange
from prokip_shared.platforms.oauth1 import Pair, encode_query, signed_query
from prokip_shared.platforms.store import (
    CatalogueItem,
    CataloguePage,
    ItemKey,
    Level,
    OrdersPage,
    QuantityWrite,
    StoreCheck,
    WriteResult,
    chunks,
)
from prokip_shared.platforms.webhooks import orders_page
from prokip_shared.platforms.woocommerce_webhooks import read_order

REST_PATH: Final = "/wp-json/wc/v3"
INDEX_PATH: Final = "/wp-json/"
PAGES_MAX: Final = 10_000
CATALOGUE_QUERY: Final = (("orderby", "id"), ("order", "asc"), ("_fields", wire.CATALOGUE_FIELDS))
HTTP_NOT_FOUND: Final = 404


class WooClient:
    """`store_url` may have a path: WordPress in a subfolder."""

    def __init__(
        self,
        session: ClientSession,
        *,
        store_url: str,
        consumer_key: SecretStr,
        consumer_secret: SecretStr,
        limits: ExchangeLimits | None = None,
    ) -> None:
        self._session = session
        self._base_url = store_url.rstrip("/")
        self._key = consumer_key
        self._secret = consumer_secret
        self._limits = limits or ExchangeLimits()

    # connecting

    async def check(self) -> StoreCheck:
        """Reads the store's name and clock, and proves that the keys may read and write.

        Raises StoreError: NeedsReauthorisation for wrong keys, StoreUnavailable for an address that is no such store.
        """
        site = await find_store(self._session, self._base_url, limits=self._limits)
        answer = await self._get("/products", [("per_page", "1"), ("_fields", "id")])
        home_url = str(site.get("home") or site.get("url") or self._base_url)
        return StoreCheck(
            store_key=wire.store_key(home_url),
            store_name=str(site.get("name") or home_url),
            store_clock=answer.store_clock(),
            problems=await self._write_problems(),
        )

    async def _write_problems(self) -> tuple[str, ...]:
        """An empty batch changes nothing, and a read-only key is refused before the batch is looked at."""
        try:
            await self._post("/products/batch", {"update": []})
        except NeedsReauthorisation:
            return ("The API key may not write. Create one with Read/Write permissions.",)
        return ()

    async def create_webhooks(self, *, delivery_url: str, secret: SecretStr) -> tuple[str, ...]:
        """One webhook a topic, signed with `secret`; returns their ids.

        Old ones of the same address are removed afterwards: the store never tells a webhook's secret nor its failure
        count, so an old one cannot be trusted, and two of the same topic would deliver everything twice.
        """
        old = await self._webhook_ids(delivery_url)
        created = []
        for topic in wire.WEBHOOK_TOPICS:
            fields = {
                "name": wire.webhook_name(topic, secret.get_secret_value()),
                "topic": topic,
                "delivery_url": delivery_url,
                "secret": secret.get_secret_value(),
                "status": "active",
            }
            created.append(str((await self._post("/webhooks", fields)).json()["id"]))
        await self._remove_webhooks(old)
        return tuple(created)

    async def restore_webhooks(self, *, delivery_url: str, secret: SecretStr) -> tuple[str, ...]:
        """Makes the webhooks of this address anew unless each topic has just one, active and signing with `secret`; tells
        which did not.

        WooCommerce disables a webhook after repeated failures and goes on counting from there when it is switched on
        again, so only a new one starts clean.
        """
        rows = [row for row in await self._all("/webhooks", []) if row.get("delivery_url") == delivery_url]
        wrong = wire.webhooks_wrong(rows, secret.get_secret_value())
        if wrong:
            await self.create_webhooks(delivery_url=delivery_url, secret=secret)
        return wrong

    async def delete_webhooks(self, *, delivery_url: str) -> int:
        """Removes every webhook of this address and returns how many there were."""
        found = await self._webhook_ids(delivery_url)
        await self._remove_webhooks(found)
        return len(found)

    async def _webhook_ids(self, delivery_url: str) -> list[str]:
        rows = await self._all("/webhooks", [])
        return [str(row["id"]) for row in rows if row.get("delivery_url") == delivery_url]

    async def _remove_webhooks(self, webhook_ids: Sequence[str]) -> None:
        for webhook_id in webhook_ids:
            try:
                await self._send("DELETE", self._rest(f"/webhooks/{webhook_id}"), [("force", "true")])
            except Refused as error:
                if error.code != "woocommerce_rest_shop_webhook_invalid_id":  # gone already: what was wanted
                    raise

    # catalogue and levels

    async def catalogue_page(self, cursor: str | None) -> CataloguePage:
        """Up to 100 products in the order of their ids, or their variations; a product with variations is an item of its
        own only where it holds their stock.
        """
        page = int(cursor or "1")
        answer = await self._get("/products", [*CATALOGUE_QUERY, *_paging(page)])
        rows = _rows(answer)
        items = await self._items(rows)
        following = str(page + 1) if page < _pages(answer) else None
        return CataloguePage(tuple(items), following, counted=len(rows), total=_total(answer))

    async def items_of(self, product_refs: Sequence[str]) -> tuple[CatalogueItem, ...]:
        """Every item of these products, as the catalogue has them; none of a product that is deleted or in the trash."""
        rows = await self._all("/products", [("include", ",".join(product_refs)), *CATALOGUE_QUERY])
        return tuple(await self._items(rows))

    async def _items(self, rows: Sequence[Mapping[str, Any]]) -> list[CatalogueItem]:
        items: list[CatalogueItem] = []
        for row in rows:
            product = wire.catalogue_product(row)
            is_variable = row.get("type") == "variable"
            if not is_variable or product.level.state == "own":
                items.append(product)
            if is_variable:
                variations = await self._all(f"/products/{product.key.item_ref}/variations", CATALOGUE_QUERY)
                items += [wire.catalogue_variation(variation, product) for variation in variations]
        return items

    async def read_levels(self, keys: Sequence[ItemKey]) -> dict[ItemKey, Level]:
        """What the store shows now; items that it does not know are `gone`."""
        levels: dict[ItemKey, Level] = {}
        for group in self.groups(keys):
            levels |= wire.levels_of(group, await self._read(group[0].parent_ref, group))
        return levels

    async def _read(self, parent_ref: str | None, keys: Sequence[ItemKey]) -> list[Mapping[str, Any]]:
        path = "/products" if parent_ref is None else f"/products/{parent_ref}/variations"
        query = [("include", ",".join(key.item_ref for key in keys)), ("_fields", wire.LEVEL_FIELDS)]
        try:
            return await self._all(path, query)
        except Refused as error:
            if error.code in wire.GONE_CODES:
                return []
            raise

    # orders

    async def changed_orders(self, since: datetime, cursor: str | None) -> OrdersPage:
        """Orders that changed at `since`, by the store's clock, or later; `cursor` of the page before."""
        at = wire.OrdersCursor.begin(since) if cursor is None else wire.OrdersCursor.parse(cursor)
        answer = await self._get("/orders", [*at.query(), *_paging(at.page)])
        rows = _rows(answer)
        following = at.following(rows, since)
        return orders_page(
            rows,
            read_order,
            next_cursor=None if following is None else following.text(),
            store_clock=answer.store_clock(),
        )

    # writing

    def groups(self, keys: Sequence[ItemKey]) -> list[tuple[ItemKey, ...]]:
        """Splits items into what one write can carry, in the order given: products together, variations by parent."""
        by_parent: defaultdict[str | None, list[ItemKey]] = defaultdict(list)
        for key in keys:
            by_parent[key.parent_ref].append(key)
        return [part for siblings in by_parent.values() for part in chunks(siblings, wire.BATCH_LINES_MAX)]

    async def write(self, lines: Sequence[QuantityWrite], *, attempt_key: str) -> dict[ItemKey, WriteResult]:
        """Sets the quantities of one of `groups`. WooCommerce has no idempotency key: `attempt_key` is not sent.

        Raises StoreError; after StoreUnavailable some or all may be written (an aborted batch goes on in the store).
        """
        del attempt_key
        parent_ref = lines[0].key.parent_ref
        path = "/products/batch" if parent_ref is None else f"/products/{parent_ref}/variations/batch"
        try:
            answer = await self._post(path, wire.batch_body(lines))
        except Refused as error:
            if parent_ref is not None and error.code in wire.GONE_CODES:
                return {line.key: WriteResult("gone", detail=str(error)) for line in lines}
            raise
        return wire.batch_results(lines, answer.json())

    # transport

    def _rest(self, path: str) -> str:
        return f"{self._base_url}{REST_PATH}{path}"

    async def _get(self, path: str, query: Sequence[Pair]) -> Answer:
        return await self._send("GET", self._rest(path), query)

    async def _post(self, path: str, fields: Mapping[str, Any]) -> Answer:
        return await self._send("POST", self._rest(path), body=json.dumps(fields).encode())

    async def _put(self, path: str, fields: Mapping[str, Any]) -> Answer:
        return await self._send("PUT", self._rest(path), body=json.dumps(fields).encode())

    async def _all(self, path: str, query: Sequence[Pair]) -> list[Mapping[str, Any]]:
        rows: list[Mapping[str, Any]] = []
        for page in range(1, PAGES_MAX):
            answer = await self._get(path, [*query, *_paging(page)])
            rows += _rows(answer)
            if page >= _pages(answer):
                break
        return rows

    async def _send(
        self, method: str, address: str, query: Sequence[Pair] = (), *, body: bytes | None = None
    ) -> Answer:
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        encoded = encode_query(query)
        if address.startswith("https://"):
            headers["Authorization"] = self._basic()
        else:
            encoded = self._oauth_query(method, address, query)
        url = f"{address}?{encoded}" if encoded else address
        answer = await exchange(self._session, method, url, headers=headers, limits=self._limits, body=body)
        _raise_for(answer)
        return answer

    def _basic(self) -> str:
        pair = f"{self._key.get_secret_value()}:{self._secret.get_secret_value()}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"

    def _oauth_query(self, method: str, address: str, query: Sequence[Pair]) -> str:
        return signed_query(
            method=method,
            address=address,
            query=query,
            consumer_key=self._key.get_secret_value(),
            consumer_secret=self._secret.get_secret_value(),
            timestamp_s=int(time.time()),
            nonce=uuid4().hex,
        )


async def find_store(session: ClientSession, store_url: str, *, limits: ExchangeLimits) -> Mapping[str, Any]:
    """What WordPress tells everybody of itself (https://developer.wordpress.org/rest-api/reference/).

    Raises StoreError, StoreUnavailable for an address that is no such store.
    """
    url = f"{store_url.rstrip('/')}{INDEX_PATH}"
    answer = await exchange(session, "GET", url, headers={"Accept": "application/json"}, limits=limits)
    _raise_for(answer)
    site = answer.json()
    namespaces = site.get("namespaces") if isinstance(site, Mapping) else None
    if not isinstance(site, Mapping) or not isinstance(namespaces, list) or "wc/v3" not in namespaces:
        raise StoreUnavailable("is no WordPress with WooCommerce's REST API v3 (are pretty permalinks on?)")
    return site


def _raise_for(answer: Answer) -> None:
    code = detail = ""
    try:
        code, detail = wire.error_words(json.loads(answer.body))
    except (ValueError, RecursionError):
        if answer.status == HTTP_NOT_FOUND:
            raise StoreUnavailable("answers 404 where the REST API should be") from None
    failure = failure_of_status(answer.status, answer.headers, code=code, detail=detail, now=datetime.now(UTC))
    if failure is not None:
        raise failure


def _rows(answer: Answer) -> list[Mapping[str, Any]]:
    rows = answer.json()
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise StoreUnavailable("answered something that is no list")
    return rows


def _pages(answer: Answer) -> int:
    text = answer.headers.get("X-WP-TotalPages", "")
    return int(text) if text.isdigit() else 1


def _total(answer: Answer) -> int | None:
    text = answer.headers.get("X-WP-Total", "")
    return int(text) if text.isdigit() else None


def _paging(page: int) -> list[Pair]:
    return [("per_page", str(wire.PAGE_ITEMS_MAX)), ("page", str(page))]

"""The simple dialect of Prokip: one call that lists stock, one that records a sale, sometimes one that refunds.

    GET  {api}/inventory?locationId=L                 [{"sku", "quantity"}, …], or the same list under "data"
    POST {api}/sells {locationId, items, reference}   {"sell_id"}, at the root or under "data"
    POST {api}/sells/{sell_id}/refund {items}         optional; 404 or 405 where it does not exist

All with `Authorization: Bearer`. Nothing in it makes a sale unique and there is no call that finds one again, so a
sale without a clear answer stays in doubt until a person has looked. The first half of this module is free of I/O.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import aiohttp

from prokip_shared.platforms.prokip import (
    InDoubt,
    ProkipError,
    RecordedSale,
    ReturnedItem,
    Sale,
    StockCheck,
    StockPage,
    Unavailable,
    Unsupported,
    Unusable,
)
from prokip_shared.platforms.prokip_http import (
    SKU_CHARACTERS_MAX,
    Answer,
    Bounds,
    exchange,
    json_number,
    load_json,
    parse_quantity,
    parse_sku,
    raise_unless_done,
    raise_unless_read,
    words_of,
)

NO_SUCH_CALL: Final = {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}
PARSE_IN_THREAD_BYTES: Final = 256 * 1024
"""Above it a list is parsed beside the event loop, which must keep answering health checks."""


def parse_stock(body: bytes) -> StockPage:
    """Raises Unusable for anything but a list with at least one row: an empty list is a defect, not an empty shop."""
    rows = _unwrap(load_json(body))
    if not isinstance(rows, list):
        raise Unusable("Prokip's answer is not a list of stock; is this the address of a Prokip API?")
    if not rows:
        raise Unusable("Prokip answered an empty stock list; is the location right? Nothing was changed.")
    quantities: dict[str, Decimal] = {}
    unusable: dict[str, str] = {}
    rows_without_sku = 0
    for row in rows:
        sku = parse_sku(row.get("sku")) if isinstance(row, dict) else None
        if sku is None:
            rows_without_sku += 1
        elif sku in quantities or sku in unusable:
            unusable[sku] = "more than one row for this SKU"
        elif (quantity := parse_quantity(row.get("quantity"))) is None:
            unusable[sku] = "the quantity is not a number"
        else:
            quantities[sku] = quantity
    if rows_without_sku == len(rows):
        raise Unusable("No row of Prokip's stock list names a SKU; is this the address of a Prokip API?")
    return StockPage(
        {sku: quantity for sku, quantity in quantities.items() if sku not in unusable}, unusable, rows_without_sku
    )


def parse_sell_id(answer: Answer) -> str:
    """Raises the error that the answer means. Only an id is success: a 200 without one settles nothing."""
    raise_unless_done(answer)
    try:
        found = load_json(answer.body)
    except Unusable:
        found = None
    for place in (found, _unwrap(found)):
        sell_id = place.get("sell_id") if isinstance(place, dict) else None
        if isinstance(sell_id, str) and 0 < len(sell_id.strip()) <= SKU_CHARACTERS_MAX:
            return sell_id.strip()
        if isinstance(sell_id, int) and not isinstance(sell_id, bool):
            return str(sell_id)
    raise InDoubt(f"Prokip answered {answer.status} without a sell_id: {words_of(answer)}")


def check_refund(answer: Answer) -> None:
    """Raises the error that the answer to a refund means."""
    if answer.status in NO_SUCH_CALL:
        raise Unsupported(f"Prokip takes no refunds ({answer.status}): {words_of(answer)}")
    raise_unless_done(answer)


def _unwrap(body: Any) -> Any:
    return body["data"] if isinstance(body, dict) and "data" in body else body


def _items_json(units: Iterable[tuple[str, Decimal]]) -> list[dict[str, object]]:
    return [{"sku": sku, "quantity": json_number(number)} for sku, number in units]


@dataclass(frozen=True, slots=True)
class SimpleLimits:
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 60.0
    """For a whole stock list: large catalogues take an ERP a while."""
    post_timeout_s: float = 30.0
    """From the first byte sent to the last one answered; after it the sale is in doubt."""
    stock_bytes_max: int = 64 * 1024 * 1024
    answer_bytes_max: int = 256 * 1024


class SimpleProkip:
    """One account of the simple dialect over HTTP."""

    lookup = None
    one_at_a_time = False

    def __init__(self, session: aiohttp.ClientSession, *, api_url: str, token: str, limits: SimpleLimits) -> None:
        self._session = session
        self._api_url = api_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        self._limits = limits

    async def stock_pages(self, location_id: str) -> AsyncIterator[StockPage]:
        """One page: this dialect answers the whole list at once."""
        limits = self._limits
        try:
            answer = await self._call(
                "GET",
                "/inventory",
                timeout_s=limits.read_timeout_s,
                bytes_max=limits.stock_bytes_max,
                query={"locationId": location_id},
            )
        except InDoubt as failure:
            raise Unavailable(failure.words) from None
        raise_unless_read(answer)
        if len(answer.body) > PARSE_IN_THREAD_BYTES:
            yield await asyncio.to_thread(parse_stock, answer.body)
        else:
            yield parse_stock(answer.body)

    async def record_sale(self, location_id: str, sale: Sale) -> RecordedSale:
        items = _items_json((item.sku, item.units) for item in sale.items)
        body = {"locationId": location_id, "items": items, "reference": sale.reference}
        return RecordedSale(parse_sell_id(await self._post("/sells", body)))

    async def give_back(self, sell_id: str, items: Sequence[ReturnedItem]) -> None:
        """A difference is what is taken here, so a repeated call would take the units back again."""
        path = f"/sells/{quote(sell_id, safe='')}/refund"
        now = _items_json((item.sku, item.units) for item in items if item.units)
        check_refund(await self._post(path, {"items": now}))

    async def check(self, location_id: str) -> StockCheck:
        skus = 0
        try:
            async for page in self.stock_pages(location_id):
                skus += len(page.quantities)
        except ProkipError as failure:
            return StockCheck(skus, failure.words)
        return StockCheck(skus, None)

    async def _post(self, path: str, body: Mapping[str, object]) -> Answer:
        limits = self._limits
        return await self._call(
            "POST", path, timeout_s=limits.post_timeout_s, bytes_max=limits.answer_bytes_max, body=body
        )

    async def _call(
        self,
        method: str,
        path: str,
        *,
        timeout_s: float,
        bytes_max: int,
        query: dict[str, str] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> Answer:
        bounds = Bounds(self._limits.connect_timeout_s, timeout_s, bytes_max)
        url = self._api_url + path
        return await exchange(self._session, method, url, headers=self._headers, bounds=bounds, query=query, body=body)

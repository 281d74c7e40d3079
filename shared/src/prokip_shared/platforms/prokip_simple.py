"""The simple dialect of Prokip: one call that lists stock, one that records a sale, sometimes one that refunds.

    GET  {api}/inventory?locationId=L                 [{"sku", "quantity"}, …], or the same list under "data"
    POST {api}/sells {locationId, items, reference}   {"sell_id"}, at the root or under "data"
    POST {api}/sells/{sell_id}/refund {items}         optional; 404 or 405 where it does not exist

All with `Authorization: Bearer`. Nothing in it makes a sale unique and there is no call that finds one again, so a
sale without a clear answer stays in doubt until a person has looked. The first half of this module is free of I/O.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final, NoReturn
from urllib.parse import quote

import aiohttp

from prokip_shared.messages import utc_now
from prokip_shared.platforms.prokip import (
    InDoubt,
    NotAuthorised,
    ProkipError,
    RecordedSale,
    Refused,
    ReturnedItem,
    Sale,
    StockCheck,
    StockPage,
    Unavailable,
    Unsupported,
    Unusable,
)

QUANTITY_LIMIT: Final = Decimal(10) ** 15
"""A quantity beyond it is a defect in the answer, and would not fit our columns either."""
SKU_CHARACTERS_MAX: Final = 255
WORDS_CHARACTERS_MAX: Final = 500
SUCCESS, REDIRECTION, CLIENT_ERROR, SERVER_ERROR = 2, 3, 4, 5
NOT_AUTHORISED: Final = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
NO_SUCH_CALL: Final = {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}
MOVED: Final = {HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.PERMANENT_REDIRECT}
"""Whoever answers these has not looked at the body; after 302 and 303 that is not certain."""
PARSE_IN_THREAD_BYTES: Final = 256 * 1024
"""Above it a list is parsed beside the event loop, which must keep answering health checks."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over HTTP."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    complete: bool
    """False: the connection broke or the size limit was passed while the body was read."""


def parse_stock(body: bytes) -> StockPage:
    """Raises Unusable for anything but a list with at least one row: an empty list is a defect, not an empty shop."""
    rows = _unwrap(_load(body))
    if not isinstance(rows, list):
        raise Unusable("Prokip's answer is not a list of stock; is this the address of a Prokip API?")
    if not rows:
        raise Unusable("Prokip answered an empty stock list; is the location right? Nothing was changed.")
    quantities: dict[str, Decimal] = {}
    unusable: dict[str, str] = {}
    rows_without_sku = 0
    for row in rows:
        sku = _sku(row)
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


def parse_quantity(value: Any) -> Decimal | None:
    """A number or a numeric string, negative and decimal ones too; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        return None
    try:
        quantity = Decimal(value)
    except InvalidOperation:
        return None
    return quantity if quantity.is_finite() and abs(quantity) < QUANTITY_LIMIT else None


def parse_sell_id(answer: Answer) -> str:
    """Raises the error that the answer means. Only an id is success: a 200 without one settles nothing."""
    _raise_unless_done(answer)
    try:
        found = _load(answer.body)
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
    _raise_unless_done(answer)


def words_of(answer: Answer) -> str:
    """Prokip's own words, cut to what a table cell holds."""
    try:
        body = _load(answer.body)
    except Unusable:
        body = None
    if isinstance(body, dict):
        for key in ("message", "error", "detail", "msg"):
            words = body.get(key)
            if isinstance(words, dict):
                words = words.get("message")
            if isinstance(words, str) and words.strip():
                return words.strip()[:WORDS_CHARACTERS_MAX]
    text = " ".join(answer.body.decode("utf-8", "replace").split())
    return text[:WORDS_CHARACTERS_MAX] or "(no words)"


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds or an HTTP date: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after."""
    value = headers.get("Retry-After", "").strip()
    if value.isdigit():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - utc_now()).total_seconds())
    except (TypeError, ValueError):
        return None


def _raise_unless_done(answer: Answer) -> None:
    """Sorts an answer to a request that changes something: done, certainly not done, or in doubt."""
    status, words = answer.status, words_of(answer)
    if status // 100 == SUCCESS and answer.complete:
        return
    if status in NOT_AUTHORISED:
        raise NotAuthorised(f"Prokip does not accept the token ({status}): {words}")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise Unavailable(f"Prokip asks us to wait: {words}", retry_after_s(answer.headers))
    if status in MOVED:
        raise Refused(f"The API address leads elsewhere ({status}, {answer.headers.get('Location', 'nowhere')})")
    # 408 comes from proxies that may have passed the request on.
    if status // 100 == CLIENT_ERROR and status != HTTPStatus.REQUEST_TIMEOUT:
        raise Refused(words)
    raise InDoubt(f"Prokip answered {status}, which does not tell whether it was done: {words}")


def _raise_unless_read(answer: Answer) -> None:
    """Sorts an answer to a read, where doubt does not exist."""
    status = answer.status
    if status == HTTPStatus.OK and answer.complete:
        return
    if status in NOT_AUTHORISED:
        raise NotAuthorised(f"Prokip does not accept the token ({status}): {words_of(answer)}")
    if status == HTTPStatus.TOO_MANY_REQUESTS or status // 100 == SERVER_ERROR:
        raise Unavailable(f"Prokip answered {status}: {words_of(answer)}", retry_after_s(answer.headers))
    if status // 100 == REDIRECTION:
        place = answer.headers.get("Location", "nowhere")
        raise Unusable(f"The API address leads elsewhere ({status}, {place}); is this the address of a Prokip API?")
    if status == HTTPStatus.NOT_FOUND:
        raise Refused(f"Prokip knows no such location, or this is not its address (404): {words_of(answer)}")
    if status // 100 == CLIENT_ERROR:
        raise Refused(words_of(answer))
    raise Unusable("Prokip's answer is too large or ended too early.")


def _load(body: bytes) -> Any:
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Unusable("Prokip's answer is not JSON; is this the address of a Prokip API?") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _unwrap(body: Any) -> Any:
    return body["data"] if isinstance(body, dict) and "data" in body else body


def _sku(row: Any) -> str | None:
    sku = row.get("sku") if isinstance(row, dict) else None
    if isinstance(sku, int) and not isinstance(sku, bool):
        sku = str(sku)
    return sku if isinstance(sku, str) and 0 < len(sku) <= SKU_CHARACTERS_MAX and "\x00" not in sku else None


def _items_json(units: Iterable[tuple[str, Decimal]]) -> list[dict[str, object]]:
    return [{"sku": sku, "quantity": int(number) if number == int(number) else float(number)} for sku, number in units]


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
        _raise_unless_read(answer)
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
        """Raises Unavailable if no connection came about (nothing was sent), InDoubt if it broke after that."""
        timeout = aiohttp.ClientTimeout(total=timeout_s, connect=min(self._limits.connect_timeout_s, timeout_s))
        try:
            async with self._session.request(
                method,
                self._api_url + path,
                params=query,
                json=body,
                headers=self._headers,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                content, complete = await _read_bounded(response, bytes_max)
                return Answer(response.status, response.headers, content, complete)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as failure:
            raise Unavailable(f"Prokip cannot be reached: {_cause(failure)}") from None
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
            raise Refused("The API address is not an http address.") from None
        except TimeoutError:
            raise InDoubt(f"Prokip did not answer within {timeout_s:g} s.") from None
        except (aiohttp.ClientError, OSError) as failure:
            raise InDoubt(f"The connection to Prokip broke: {_cause(failure)}") from None


async def _read_bounded(response: aiohttp.ClientResponse, bytes_max: int) -> tuple[bytes, bool]:
    """The body as far as it came, and whether that was all of it."""
    body = bytearray()
    try:
        async for chunk in response.content.iter_chunked(64 * 1024):
            body += chunk
            if len(body) > bytes_max:
                return bytes(body[:bytes_max]), False
    except (aiohttp.ClientError, TimeoutError, OSError):
        return bytes(body), False
    return bytes(body), True


def _cause(failure: BaseException) -> str:
    return str(failure) or type(failure).__name__

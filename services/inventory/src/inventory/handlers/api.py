"""The internal read API: the business comes from the internal token, a page's end from the page before."""

import base64
import binascii
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, NoReturn, get_args

from aiohttp import web

from inventory import meter, reading
from inventory.domain.values import SaleStanding
from inventory.reading import AmbiguousLocation, SalePlace, StockFilter, StockPlace, StockState
from prokip_shared.database import Pool
from prokip_shared.messages import utc_now
from prokip_shared.web.internal import BUSINESS
from prokip_shared.web.problems import Problem

POOL: Final = web.AppKey("pool", Pool)

PAGE_ROWS_DEFAULT: Final = 50
PAGE_ROWS_MAX: Final = 200
SEARCH_CHARS_MAX: Final = 255
BIGINT_MAX: Final = 2**63 - 1
FIRST_STOCK: Final[StockPlace] = ("", "", "")
NEWEST_SALE: Final[SalePlace] = (datetime(9999, 1, 1, tzinfo=UTC), BIGINT_MAX, "")


def routes() -> list[web.RouteDef]:
    return [
        web.get("/internal/stock", list_stock),
        web.get("/internal/stock/{sku}/movements", list_movements),
        web.get("/internal/stock/{sku}/explanation", explain_sku),
        web.get("/internal/stock/{sku}/at", show_stock_at),
        web.get("/internal/sales", list_sales),
        web.get("/internal/sales/{connection_id}/{order_ref}", read_sale),
        web.get("/internal/summary", summarise),
        web.get("/internal/webhook-meters", list_meters),
        web.get("/internal/webhook-meters/{connection_id}", show_meter),
    ]


async def list_stock(request: web.Request) -> web.Response:
    query = request.query
    state = _one_of(query.get("state"), get_args(StockState))
    search = _text(query.get("search", ""))
    rows_max = _limit(request)
    after = _stock_place(query.get("after"))
    rows, made = await reading.list_stock(
        request.app[POOL],
        request[BUSINESS],
        StockFilter(search, state, _location(request)),
        after,
        rows_max,
    )
    following = _cursor(reading.stock_place(rows[-1])) if len(rows) == rows_max else None
    return answer({"items": [reading.stock_as_json(row, made) for row in rows], "next": following})


async def list_movements(request: web.Request) -> web.Response:
    pool, business_id = request.app[POOL], request[BUSINESS]
    rows_max = _limit(request)
    before = _revision(request.query.get("after"))
    try:
        stock = await reading.find_sku(pool, business_id, _sku(request), _location(request))
    except AmbiguousLocation as error:
        _refuse_ambiguous(error)
    if stock is None:
        raise _unknown("stock", "This business has no such SKU.")
    rows = await reading.list_movements(pool, business_id, stock, before, rows_max)
    following = _cursor((rows[-1]["revision"],)) if len(rows) == rows_max else None
    return answer({"items": [reading.movement_as_json(stock, row) for row in rows], "next": following})


async def explain_sku(request: web.Request) -> web.Response:
    try:
        told = await reading.explain_sku(request.app[POOL], request[BUSINESS], _sku(request), _location(request))
    except AmbiguousLocation as error:
        _refuse_ambiguous(error)
    if told is None:
        raise _unknown("stock", "This business has no such SKU.")
    return answer(told)


async def show_stock_at(request: web.Request) -> web.Response:
    given = request.query.get("moment")
    if given is None:
        raise _bad("moment", "`moment` is wanted: an ISO 8601 time.")
    moment = _moment(given, "moment")
    if moment > utc_now():
        raise _bad("moment", "`moment` is still to come; nothing is known of it.")
    try:
        told = await reading.stock_at(request.app[POOL], request[BUSINESS], _sku(request), _location(request), moment)
    except AmbiguousLocation as error:
        _refuse_ambiguous(error)
    if told is None:
        raise _unknown("stock", "This business has no such SKU.")
    return answer(told)


async def list_sales(request: web.Request) -> web.Response:
    query = request.query
    connection_id = None if "connection" not in query else _bigint(query["connection"], "connection")
    state = _one_of(query.get("state"), get_args(SaleStanding))
    rows_max = _limit(request)
    before = _sale_place(query.get("after"))
    rows = await reading.list_sales(request.app[POOL], request[BUSINESS], connection_id, state, before, rows_max)
    following = _cursor(reading.sale_place(rows[-1])) if len(rows) == rows_max else None
    return answer({"items": [reading.sale_as_json(row) for row in rows], "next": following})


async def read_sale(request: web.Request) -> web.Response:
    connection_id = _bigint(request.match_info["connection_id"], "connection")
    order_ref = _text(request.match_info["order_ref"])
    row = await reading.read_sale(request.app[POOL], request[BUSINESS], connection_id, order_ref)
    if row is None:
        raise _unknown("sale", "This business has no such order.")
    return answer(reading.sale_as_json(row))


async def summarise(request: web.Request) -> web.Response:
    """`since` is where the operator's day began; without it, the day of UTC."""
    given = request.query.get("since")
    since = utc_now().replace(hour=0, minute=0, second=0, microsecond=0) if given is None else _moment(given, "since")
    return answer(await reading.summarise(request.app[POOL], request[BUSINESS], since))


async def list_meters(request: web.Request) -> web.Response:
    return answer({"items": await meter.meters_of(request.app[POOL], request[BUSINESS], utc_now())})


async def show_meter(request: web.Request) -> web.Response:
    """A store of which nothing was counted has a meter too: it stands at nothing."""
    connection_id = _bigint(request.match_info["connection_id"], "connection")
    return answer(await meter.store_meter(request.app[POOL], request[BUSINESS], connection_id, utc_now()))


def answer(body: dict[str, Any]) -> web.Response:
    return web.json_response(body, dumps=_dumps)


def _dumps(body: object) -> str:
    return json.dumps(body, default=_as_text, ensure_ascii=False)


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return reading.plain(value)
    raise TypeError(f"no JSON form for {type(value).__name__}")


def _limit(request: web.Request) -> int:
    given = request.query.get("limit", str(PAGE_ROWS_DEFAULT))
    if not given.isascii() or not given.isdigit() or len(given) > 4 or not 1 <= int(given) <= PAGE_ROWS_MAX:  # noqa: PLR2004  # more digits cannot be in range
        raise _bad("limit", f"`limit` is a whole number from 1 to {PAGE_ROWS_MAX}.")
    return int(given)


def _location(request: web.Request) -> str | None:
    given = request.query.get("location")
    return None if given is None else _text(given)


def _sku(request: web.Request) -> str:
    return _text(request.match_info["sku"])


def _text(given: str) -> str:
    if "\x00" in given or len(given) > SEARCH_CHARS_MAX:
        raise _bad("text", f"A text has at most {SEARCH_CHARS_MAX} characters and no NUL.")
    return given


def _one_of(given: str | None, allowed: tuple[Any, ...]) -> Any:
    if given is not None and given not in allowed:
        raise _bad("state", f"`state` is one of {', '.join(allowed)}.")
    return given


def _bigint(given: str, name: str) -> int:
    try:
        number = int(given) if given.isascii() and given.isdigit() and len(given) <= 19 else -1  # noqa: PLR2004  # digits of 2**63
    except ValueError:
        number = -1
    if not 0 <= number <= BIGINT_MAX:
        raise _bad(name, f"`{name}` is a positive whole number.")
    return number


def _moment(given: str, name: str) -> datetime:
    """In UTC, which a time without an offset is taken for."""
    try:
        moment = datetime.fromisoformat(given)
        return moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:  # year 1 in Sydney is no year in UTC
        raise _bad(name, f"`{name}` is an ISO 8601 time.") from error


def _cursor(place: tuple[Any, ...]) -> str:
    return base64.urlsafe_b64encode(_dumps(place).encode()).decode()


def _place(cursor: str) -> list[Any]:
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise _bad_cursor() from error
    if not isinstance(place, list):
        raise _bad_cursor()
    return place


def _stock_place(cursor: str | None) -> StockPlace:
    match _place(cursor) if cursor is not None else FIRST_STOCK:
        case [str(folded), str(sku), str(location_id)]:
            return _text(folded), _text(sku), _text(location_id)
        case _:
            raise _bad_cursor()


def _sale_place(cursor: str | None) -> SalePlace:
    if cursor is None:
        return NEWEST_SALE
    match _place(cursor):
        case [str(sold_at), int(connection_id), str(order_ref)] if 0 <= connection_id <= BIGINT_MAX:
            return _moment(sold_at, "cursor"), connection_id, _text(order_ref)
        case _:
            raise _bad_cursor()


def _revision(cursor: str | None) -> int:
    if cursor is None:
        return BIGINT_MAX
    match _place(cursor):
        case [int(revision)] if 0 <= revision <= BIGINT_MAX:
            return revision
        case _:
            raise _bad_cursor()


def _refuse_ambiguous(error: AmbiguousLocation) -> NoReturn:
    raise Problem(
        409,
        "Several locations",
        code="choose_location",
        detail="Several locations hold this SKU; name one with `location`.",
        locations=error.location_ids,
    ) from error


def _unknown(what: str, detail: str) -> Problem:
    return Problem(404, "Not found", code=f"{what}_not_found", detail=detail)


def _bad(name: str, detail: str) -> Problem:
    return Problem(400, "Bad request", code=f"bad_{name}", detail=detail)


def _bad_cursor() -> Problem:
    return _bad("cursor", "`after` must be an earlier answer's `next`.")

"""One HTTP request to a Prokip of any dialect: bounded in time and size, never redirected, its answer sorted.

What matters about an answer is whether Prokip did what was asked: it did, it certainly did not, or nobody knows.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final, NoReturn

import aiohttp

from prokip_shared.messages import utc_now
from prokip_shared.platforms.prokip import InDoubt, NotAuthorised, Refused, Unavailable, Unusable

QUANTITY_LIMIT: Final = Decimal(10) ** 15
"""A quantity beyond it is a defect in the answer, and would not fit our columns either."""
SKU_CHARACTERS_MAX: Final = 255
WORDS_CHARACTERS_MAX: Final = 500
SUCCESS, REDIRECTION, CLIENT_ERROR, SERVER_ERROR = 2, 3, 4, 5
NOT_AUTHORISED: Final = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
MOVED: Final = {HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.PERMANENT_REDIRECT}
"""Whoever answers these has not looked at the body; after 302 and 303 that is not certain."""
READ_CHUNK_BYTES: Final = 64 * 1024
PAGE_TITLE: Final = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over HTTP."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    complete: bool
    """False: the connection broke or the size limit was passed while the body was read."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of one exchange."""

    connect_timeout_s: float
    timeout_s: float
    """From the first byte sent to the last one answered."""
    answer_bytes_max: int


async def exchange(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    bounds: Bounds,
    query: Mapping[str, str] | None = None,
    body: Mapping[str, object] | None = None,
    form: Mapping[str, str] | None = None,
) -> Answer:
    """Any HTTP status is an answer. Raises Unavailable if no connection came about (nothing was sent), Refused if the
    address is none, InDoubt if it broke after that.
    """
    timeout = aiohttp.ClientTimeout(total=bounds.timeout_s, connect=min(bounds.connect_timeout_s, bounds.timeout_s))
    try:
        async with session.request(
            method, url, params=query, json=body, data=form, headers=headers, timeout=timeout, allow_redirects=False
        ) as response:
            content, complete = await _read_bounded(response, bounds.answer_bytes_max)
            return Answer(response.status, response.headers, content, complete)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as failure:
        raise Unavailable(f"Prokip cannot be reached: {_cause(failure)}") from None
    except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
        raise Refused("The API address is not an http address.") from None
    except TimeoutError:
        raise InDoubt(f"Prokip did not answer within {bounds.timeout_s:g} s.") from None
    except (aiohttp.ClientError, OSError) as failure:
        raise InDoubt(f"The connection to Prokip broke: {_cause(failure)}") from None


async def _read_bounded(response: aiohttp.ClientResponse, bytes_max: int) -> tuple[bytes, bool]:
    """The body as far as it came, and whether that was all of it."""
    body = bytearray()
    try:
        async for chunk in response.content.iter_chunked(READ_CHUNK_BYTES):
            body += chunk
            if len(body) > bytes_max:
                return bytes(body[:bytes_max]), False
    except (aiohttp.ClientError, TimeoutError, OSError):
        return bytes(body), False
    return bytes(body), True


def _cause(failure: BaseException) -> str:
    return str(failure) or type(failure).__name__


def raise_unless_done(answer: Answer) -> None:
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


def raise_unless_read(answer: Answer) -> None:
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


def words_of(answer: Answer) -> str:
    """Prokip's own words, cut to what a table cell holds; of a web page only its title."""
    try:
        body = load_json(answer.body)
    except Unusable:
        body = None
    if isinstance(body, dict):
        for key in ("message", "error", "detail", "msg"):
            words = body.get(key)
            if isinstance(words, dict):
                words = words.get("message")
            if isinstance(words, str) and words.strip():
                return words.strip()[:WORDS_CHARACTERS_MAX]
    text = answer.body.decode("utf-8", "replace")
    title = PAGE_TITLE.search(text)
    return " ".join((title[1] if title else text).split())[:WORDS_CHARACTERS_MAX] or "(no words)"


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds or an HTTP date: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after."""
    value = headers.get("Retry-After", "").strip()
    if value.isdigit():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - utc_now()).total_seconds())
    except (TypeError, ValueError):
        return None


def load_json(body: bytes) -> Any:
    """Fractions as Decimal. Raises Unusable."""
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Unusable("Prokip's answer is not JSON; is this the address of a Prokip API?") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def parse_quantity(value: Any) -> Decimal | None:
    """A number or a numeric string, negative and decimal ones too; None for anything else."""
    quantity = value if type(value) is Decimal else _decimal(value)
    return quantity if quantity is not None and quantity.is_finite() and abs(quantity) < QUANTITY_LIMIT else None


def _decimal(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    try:
        return Decimal(value)
    except InvalidOperation:
        return None


def parse_sku(value: Any) -> str | None:
    """The SKU as it stands there; None where it is missing or cannot be one."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value if isinstance(value, str) and 0 < len(value) <= SKU_CHARACTERS_MAX and "\x00" not in value else None


def json_number(number: Decimal) -> int | float:
    return int(number) if number == int(number) else float(number)

"""The connector dialect of Prokip without I/O: what is asked, and what the answers mean.

It is the API of Prokip itself (the Connector module of the ERP that Prokip is built on), in two generations whose
differences are all accepted here: lists come bare, under `data`, or under `success`/`message`/`data`; errors are named
differently; numbers are numbers or strings. Stock is read in `prokip_connector_stock`, sales in `prokip_connector_sales`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from prokip_shared.platforms.prokip import NotAuthorised, Refused, Unusable
from prokip_shared.platforms.prokip_http import (
    REDIRECTION,
    WORDS_CHARACTERS_MAX,
    Answer,
    load_json,
    raise_unless_done,
    raise_unless_read,
    words_of,
)

API_PATH: Final = "/connector/api"
PAGE_ROWS: Final = 100
NO_SUCH_CALL: Final = {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}


@dataclass(frozen=True, slots=True)
class Request:
    """One call below the API path. Only reads may be repeated unasked."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, object] | None = None

    @property
    def writes(self) -> bool:
        return self.method != "GET"


@dataclass(frozen=True, slots=True)
class Rows:
    """One page of a list."""

    rows: Sequence[Any]
    page: int | None
    last_page: int | None
    """None: the answer does not say, so it is the whole list."""

    def is_last(self, page: int) -> bool:
        return not self.rows or self.last_page is None or page >= self.last_page


def says_unauthenticated(answer: Answer) -> bool:
    """Whether the token was not accepted, which is decided before anything is done. Where the header that asks for JSON
    got lost on the way, the ERP leads to its login page instead.
    """
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return True
    place = urlsplit(answer.headers.get("Location", "")).path
    return answer.status // 100 == REDIRECTION and place.rstrip("/").endswith("/login")


def raise_unless_answered(request: Request, answer: Answer) -> None:
    """Sorts the statuses; what a 200 holds is for the parsers below. The ERP authorises before it does anything."""
    if says_unauthenticated(answer):
        raise NotAuthorised(f"Prokip does not accept a token that it has just given ({answer.status}).")
    if answer.status == HTTPStatus.FORBIDDEN:
        raise NotAuthorised(
            f"The login lacks a permission in Prokip ({request.method} {request.path}): {words_of(answer)}"
        )
    if answer.status in NO_SUCH_CALL:
        raise Refused(
            f"There is no {request.method} {request.path} ({answer.status}: {words_of(answer)}); "
            "is this the address of a Prokip API?"
        )
    if request.writes:
        raise_unless_done(answer)
    else:
        raise_unless_read(answer)


def rows_of(answer: Answer) -> Rows:
    """Raises Unusable for anything but a list, Refused where the ERP says why there is none."""
    found = load_json(answer.body)
    meta: Mapping[str, Any] = {}
    while isinstance(found, dict):
        told = found.get("meta")
        meta = told if isinstance(told, dict) else found if "last_page" in found else meta
        if "data" not in found:
            break
        found = found["data"]
    if isinstance(found, dict) and (found.get("error") or found.get("success") is False):
        raise Refused(words_of(answer))
    if not isinstance(found, list):
        raise Unusable("Prokip's answer is no list; is this the address of a Prokip API?")
    return Rows(found, parse_id(meta.get("current_page")), parse_id(meta.get("last_page")))


def object_of(answer: Answer) -> Mapping[str, Any]:
    """The one object of an answer, bare, under `data`, or alone in a list. Raises Unusable."""
    found = only_element(load_json(answer.body))
    if not isinstance(found, dict):
        raise Unusable("Prokip's answer is not what was asked for; is this the address of a Prokip API?")
    return found


def parse_id(value: Any) -> int | None:
    """A positive whole number or its digits."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    return value if type(value) is int and value > 0 else None


def location_number(location_id: str) -> int:
    """Raises Refused: Prokip's own codes (BL0001) are shown to people and mean nothing to its API."""
    number = parse_id(location_id)
    if number is None:
        raise Refused(f"Prokip's API names a business location by its number, and {location_id} is none.")
    return number


def only_element(found: Any) -> Any:
    while isinstance(found, dict) and "original" not in found and isinstance(found.get("data"), dict | list):
        found = found["data"]
    if isinstance(found, list):
        return found[0] if len(found) == 1 else None
    return found


def error_of(element: Any) -> str | None:
    """The ERP's words where it says no. Inside a 200 it is a whole serialised answer, whose status is lost."""
    if not isinstance(element, dict):
        return None
    original = element.get("original")
    told = original if isinstance(original, dict) else element
    error = told.get("error")
    if isinstance(error, dict):
        error = error.get("message") or json.dumps(error, default=str)
    if not error and told.get("success") is False:
        error = told.get("message") or told.get("msg") or "no reason given"
    return str(error).strip()[:WORDS_CHARACTERS_MAX] if error else None


def is_on(value: Any) -> bool:
    """Flags are numbers, texts or booleans, by generation and field."""
    return str(value).casefold() in {"1", "true", "on", "yes"}


def is_off(value: Any) -> bool:
    return value != 1 and str(value).casefold() in {"0", "false"}


def paged(page: int, **filters: str) -> dict[str, str]:
    return {**filters, "per_page": str(PAGE_ROWS), "page": str(page)}


@dataclass(frozen=True, slots=True)
class Location:
    id: int
    name: str
    code: str
    """What Prokip shows to people."""


@dataclass(frozen=True, slots=True)
class Contact:
    """A customer to whom our sales are written."""

    id: int
    name: str
    is_default: bool
    """The walk-in customer."""


@dataclass(frozen=True, slots=True)
class Details:
    timezone: str | None
    allows_overselling: bool | None
    """None: not told."""


LOCATIONS_REQUEST: Final = Request("GET", "/business-location")
DETAILS_REQUEST: Final = Request("GET", "/business-details")


def customers_request(page: int) -> Request:
    return Request("GET", "/contactapi", paged(page, type="customer"))


def locations_of(rows: Iterable[Any]) -> list[Location]:
    found = []
    for row in rows:
        number = parse_id(row.get("id")) if isinstance(row, dict) else None
        if number is not None and not is_off(row.get("is_active")):
            found.append(Location(number, str(row.get("name") or number), str(row.get("location_id") or "")))
    return found


def contacts_of(rows: Iterable[Any]) -> list[Contact]:
    found = []
    for row in rows:
        number = parse_id(row.get("id")) if isinstance(row, dict) else None
        if number is not None:
            name = row.get("name") or row.get("supplier_business_name") or number
            found.append(Contact(number, str(name), is_on(row.get("is_default"))))
    return found


def details_of(answer: Answer) -> Details:
    """Raises Unusable."""
    told = object_of(answer)
    timezone = told.get("time_zone")
    settings = told.get("pos_settings")
    if isinstance(settings, str):
        try:
            settings = json.loads(settings)
        except ValueError:
            settings = None
    allows = is_on(settings.get("allow_overselling")) if isinstance(settings, dict) else None
    return Details(timezone if isinstance(timezone, str) and is_timezone(timezone) else None, allows)


def is_timezone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; leads out of the folder; is a folder
        return False
    return True

"""The collection parameters of WordPress's REST API: paging, sorting, time filters and `_fields`.

https://developer.wordpress.org/rest-api/using-the-rest-api/pagination/
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from aiohttp import web

from prokip_sandbox.woocommerce.model import Order, Product, invalid_parameter

PER_PAGE_DEFAULT = 10
PER_PAGE_MAX = 100

Query = Mapping[str, str]
T = TypeVar("T", Order, Product)


def page_answer(request: web.Request, found: Sequence[T], render: Callable[[T], dict[str, Any]]) -> web.Response:
    query = request.query
    per_page = _bounded(query, "per_page", PER_PAGE_DEFAULT, PER_PAGE_MAX)
    page = _bounded(query, "page", 1, None)
    pages = -(-len(found) // per_page)
    rows = [select_fields(query, render(one)) for one in found[(page - 1) * per_page : page * per_page]]
    response = web.json_response(rows)
    response.headers["X-WP-Total"] = str(len(found))
    response.headers["X-WP-TotalPages"] = str(pages)
    links = []
    if page > 1:
        links.append(f'<{request.url.update_query(page=min(page - 1, pages))}>; rel="prev"')
    if page < pages:
        links.append(f'<{request.url.update_query(page=page + 1)}>; rel="next"')
    if links:
        response.headers["Link"] = ", ".join(links)
    return response


def select_fields(query: Query, row: dict[str, Any]) -> dict[str, Any]:
    wanted = query.get("_fields")
    if not wanted:
        return row
    names = [name.strip() for name in wanted.split(",")]
    return {name: row[name] for name in names if name in row}


def in_time_range(found: Iterable[T], query: Query, utc_offset_hours: int) -> list[T]:
    """Keep what was created or modified strictly after and before the given times; both at one second of resolution."""
    kept = list(found)
    offset_hours = 0 if query.get("dates_are_gmt") in {"true", "1"} else utc_offset_hours
    for name, field, sign in (
        ("after", "created_s", 1),
        ("before", "created_s", -1),
        ("modified_after", "modified_s", 1),
        ("modified_before", "modified_s", -1),
    ):
        text = query.get(name)
        if text:
            limit_s = _epoch(name, text, offset_hours)
            kept = [one for one in kept if (int(getattr(one, field)) - limit_s) * sign > 0]
    return kept


def in_order(found: Iterable[T], query: Query) -> list[T]:
    orderby = query.get("orderby", "date")
    direction = query.get("order", "desc")
    if direction not in {"asc", "desc"}:
        raise invalid_parameter("order", "order is not one of asc, and desc.")
    reverse = direction == "desc"
    match orderby:
        case "id":
            return sorted(found, key=lambda one: one.id, reverse=reverse)
        case "modified":
            return sorted(found, key=lambda one: (int(one.modified_s), one.id), reverse=reverse)
        case "date":
            return sorted(found, key=lambda one: (int(one.created_s), one.id), reverse=reverse)
        case "include":
            position = {identity: n for n, identity in enumerate(ids(query, "include"))}
            return sorted(found, key=lambda one: position.get(one.id, 0))
        case _:
            raise invalid_parameter("orderby", "orderby is not one of date, id, include, and modified.")


def ids(query: Query, name: str) -> list[int]:
    text = query.get(name, "")
    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise invalid_parameter(name, f"{name}[0] is not of type integer.") from error


def _bounded(query: Query, name: str, default: int, most: int | None) -> int:
    text = query.get(name, str(default))
    if not text.lstrip("-").isdigit():
        raise invalid_parameter(name, f"{name} is not of type integer.")
    value = int(text)
    if value < 1 or (most is not None and value > most):
        reason = (
            "must be greater than or equal to 1"
            if most is None
            else f"must be between 1 (inclusive) and {most} (inclusive)"
        )
        raise invalid_parameter(name, f"{name} {reason}")
    return value


def _epoch(name: str, text: str, offset_hours: int) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise invalid_parameter(name, "Invalid date.") from error
    if moment.tzinfo is not None:
        return int(moment.timestamp())
    return int(moment.replace(tzinfo=UTC).timestamp()) - offset_hours * 3600

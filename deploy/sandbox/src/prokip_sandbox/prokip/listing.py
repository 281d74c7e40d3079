"""Lists as the ERP pages them: ten rows unless asked otherwise, -1 for all without links and figures."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar
from urllib.parse import urlencode

from aiohttp import web

from prokip_sandbox.faults import ACTIVE_FAULT, left_of
from prokip_sandbox.prokip.settings import Erp
from prokip_sandbox.values import compact_json

T = TypeVar("T")
PER_PAGE_DEFAULT = 10
ALL = -1


def answer_list(
    request: web.Request,
    erp: Erp,
    rows: Sequence[T],
    render: Callable[[T], str],
    *,
    fixed_per_page: int | None = None,
) -> web.Response:
    """`render` gives one row's JSON text. A list of fixed page size drops the query from its links, as in the ERP."""
    rows = left_of(request, rows)
    given = request.query.get("per_page", "")
    per_page = fixed_per_page or _integer(given, PER_PAGE_DEFAULT) or PER_PAGE_DEFAULT
    if per_page == ALL:
        return _body(erp, [render(row) for row in rows], {})
    page = max(1, _integer(request.query.get("page", ""), 1))
    first = (page - 1) * per_page
    shown = rows[first + _drift(request) :][:per_page]
    kept = {} if fixed_per_page else {name: value for name, value in request.query.items() if name != "page"}
    path = str(request.url.with_query(None))
    last_page = max(1, math.ceil(len(rows) / per_page))
    links = _links(path, kept, page, last_page)
    meta = {
        "current_page": page,
        "from": first + 1 if shown else None,
        "last_page": last_page,
        "path": path,
        # The legacy framework gives back what it was given: text, when the page size came with the query.
        "per_page": given if given and not fixed_per_page and erp.generation == "legacy" else per_page,
        "to": first + len(shown) if shown else None,
        "total": len(rows),
    }
    return _body(erp, [render(row) for row in shown], {"links": links, "meta": meta})


def answer_rows(erp: Erp, rows: Sequence[Mapping[str, object]]) -> web.Response:
    """A list that is never paged."""
    return _body(erp, [compact_json(row) for row in rows], {})


def _links(path: str, kept: Mapping[str, str], page: int, last_page: int) -> dict[str, str | None]:
    def link(number: int) -> str | None:
        return f"{path}?{urlencode({**kept, 'page': number})}" if 1 <= number <= last_page else None

    return {"first": link(1), "last": link(last_page), "prev": link(page - 1), "next": link(page + 1)}


def _drift(request: web.Request) -> int:
    """How many rows this page is off, because somebody added or removed some while the pages were read."""
    fault = request.get(ACTIVE_FAULT)
    return fault.shift if fault is not None and fault.kind == "drift" else 0


def _body(erp: Erp, rows: Sequence[str], more: Mapping[str, object]) -> web.Response:
    parts = [
        f'"data":[{",".join(rows)}]',
        *(f"{json.dumps(name)}:{compact_json(value)}" for name, value in more.items()),
    ]
    if erp.wrap_success:
        parts = ['"success":true', '"message":"Retrieved"', *parts]
    return web.Response(text=f"{{{','.join(parts)}}}", content_type="application/json")


def _integer(text: str, otherwise: int) -> int:
    try:
        return int(text)
    except ValueError:
        return otherwise

"""Shopify's search syntax, as far as a stock hub uses it, and cursors over a sorted list.

https://shopify.dev/docs/api/usage/search-syntax
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from graphql import GraphQLError

PAGE_MAX = 250

T = TypeVar("T")
Getter = Callable[[T], Any]
Key = tuple[Any, int]

_TERM = re.compile(r"""(?P<name>\w+):(?P<op>>=|<=|>|<)?(?P<value>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s()]+)""")


@dataclass(frozen=True, slots=True)
class Term:
    name: str
    op: str
    value: str


def matching(rows: Iterable[T], query: str | None, getters: Mapping[str, Getter[T]]) -> list[T]:
    """Keep the rows that match `name:value` terms joined by AND (or nothing) and OR; unknown names are ignored."""
    if not query:
        return list(rows)
    alternatives = [_terms(part) for part in re.split(r"\s+OR\s+", query)]
    return [
        row
        for row in rows
        if any(all(t.name not in getters or _holds(t, getters[t.name](row)) for t in terms) for terms in alternatives)
    ]


def page(
    rows: Iterable[T], arguments: Mapping[str, Any], key: Callable[[T], Key], view: Callable[[T], Any]
) -> dict[str, Any]:
    """One page of a connection. A cursor is a place in the order, so it stays good while rows come and go."""
    first, last = arguments.get("first"), arguments.get("last")
    size = first if first is not None else last
    if size is None:
        raise GraphQLError("you must provide one of first or last", extensions={"code": "BAD_REQUEST"})
    if not 0 <= size <= PAGE_MAX:
        message = f"The page size must be between 0 and {PAGE_MAX}."
        raise GraphQLError(message, extensions={"code": "BAD_REQUEST"})
    reverse = bool(arguments.get("reverse"))
    ordered = sorted(((key(row), row) for row in rows), key=lambda pair: pair[0], reverse=reverse)
    after, before = _place(arguments.get("after")), _place(arguments.get("before"))
    inside = [
        (place, row)
        for place, row in ordered
        if (after is None or (place < after if reverse else place > after))
        and (before is None or (place > before if reverse else place < before))
    ]
    shown = inside[:size] if first is not None else inside[len(inside) - min(size, len(inside)) :]
    more = len(inside) > len(shown)
    nodes = [view(row) for _, row in shown]
    cursors = [_cursor(place) for place, _ in shown]
    return {
        "nodes": nodes,
        "edges": [{"cursor": cursor, "node": node} for cursor, node in zip(cursors, nodes, strict=True)],
        "pageInfo": {
            "hasNextPage": more if first is not None else before is not None,
            "hasPreviousPage": after is not None if first is not None else more,
            "startCursor": cursors[0] if cursors else None,
            "endCursor": cursors[-1] if cursors else None,
        },
    }


def _terms(part: str) -> Sequence[Term]:
    return [Term(m["name"], m["op"] or "", m["value"].strip("'\"")) for m in _TERM.finditer(part)]


def _holds(term: Term, actual: Any) -> bool:
    if isinstance(actual, int | float):
        return _compares(term.op, int(actual), _number(term.value))
    return _finds(term.value, str(actual or ""))


def _compares(op: str, actual: int, wanted: int) -> bool:
    match op:
        case ">=":
            return actual >= wanted
        case "<=":
            return actual <= wanted
        case ">":
            return actual > wanted
        case "<":
            return actual < wanted
        case _:
            return actual == wanted


def _number(text: str) -> int:
    """A plain number, or a time as seconds since the epoch."""
    if text.isdigit():
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _finds(wanted: str, actual: str) -> bool:
    """Search is not equality: case does not count, and a value is found by any of its words."""
    words, found = _words(wanted), _words(actual)
    if wanted.endswith("*"):
        return actual.casefold().startswith(wanted[:-1].casefold())
    return bool(words) and all(word in found for word in words)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _cursor(place: Key) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def _place(cursor: str | None) -> Key | None:
    if cursor is None:
        return None
    try:
        value, number = json.loads(base64.urlsafe_b64decode(cursor))
    except (ValueError, TypeError, binascii.Error) as error:
        message = "Invalid cursor for current pagination sort."
        raise GraphQLError(message, extensions={"code": "BAD_REQUEST"}) from error
    return value, number

"""From the text of a statement to what stands in for it."""

import functools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

from prokip_shared.database import load_queries
from tests.simulation.database import Statement, Transaction, Values, copy_of

F = TypeVar("F", bound=Callable[..., Any])

STAND_INS: Final[dict[tuple[str, str], dict[str, Statement]]] = {}
COPIES: Final[dict[tuple[str, str], Statement]] = {}
"""By package and table."""
SERVICES: Final = {
    "inventory": "inventory",
    "push": "store_push",
    "prokip": "prokip_poller",
    "ingest": "webhook_ingest",
}
"""Package by schema."""
ELEMENT: Final = re.compile(r'"((?:[^"\\]|\\.)*)"|([^,{}]+)')
ESCAPED: Final = re.compile(r"\\(.)")


def stands_in(package: str, file: str) -> Callable[[F], F]:
    """The function has the name of the statement."""

    def note(function: F) -> F:
        STAND_INS.setdefault((package, file), {})[function.__name__] = function
        return function

    return note


def copies_into(package: str, table: str) -> Callable[[F], F]:
    """The function takes the rows of one COPY."""

    def note(function: F) -> F:
        COPIES[package, table] = function
        return function

    return note


@functools.cache
def statements_of(schema: str) -> Mapping[str, tuple[str, Statement]]:
    """By their text, those of a service and those of the bus in its schema. One that nothing stands in for is missed."""
    known: dict[str, tuple[str, Statement]] = {}
    for (package, file), functions in STAND_INS.items():
        if package not in {SERVICES[schema], "prokip_shared"}:
            continue
        queries = load_queries(package, file)
        for name, function in functions.items():
            if name in queries:
                known[queries[name].replace("{schema}", schema)] = (name, function)
    for (package, table), function in COPIES.items():
        if package == SERVICES[schema]:
            known[copy_of(schema, table)] = (f"copy {table}", function)
    return known


def column(literal: str | Sequence[Any], read: Callable[[str], Any] = str) -> list[Any]:
    """A parameter that is an array: as a list, or in the literal form that Postgres casts."""
    if not isinstance(literal, str):
        return list(literal)
    values: list[Any] = []
    for quoted, bare in ELEMENT.findall(literal):
        if bare == "NULL":
            values.append(None)
        else:
            values.append(read(bare or ESCAPED.sub(r"\1", quoted)))
    return values


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def truth(text: str) -> bool:
    return text in {"t", "true", "True"}


def number(text: str) -> int:
    return int(text)


def from_json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


async def lock_existing(transaction: Transaction, table: str, keys: Sequence[Any]) -> list[Values]:
    """FOR UPDATE: rows as they are once they are ours."""
    found = []
    for key in keys:
        if transaction.get(table, key) is None:
            continue
        await transaction.lock(table, [key])
        row = transaction.get(table, key)
        if row is not None:
            found.append(row)
    return found

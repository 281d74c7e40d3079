"""Columns of values as array literals: far cheaper to write than asyncpg's array parameters."""

from collections.abc import Sequence
from typing import Final

NUL: Final = "\x00"


def array_literal(column: Sequence[object]) -> str:
    """A column as Postgres reads it back with a cast: `{1,2}` or `{"a","b"}`, None as NULL.

    https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
    Postgres stores no NUL character: a text with one is passed on for it to refuse, and else NUL is a safe separator.
    """
    if not column:
        return "{}"
    if type(column[0]) is int and None not in column:
        return "{" + ",".join(map(str, column)) + "}"
    try:
        joined = NUL.join(column)  # type: ignore[arg-type]  # a column that is not all text raises TypeError
    except TypeError:
        return "{" + ",".join([_element(value) for value in column]) + "}"
    if joined.count(NUL) != len(column) - 1:
        return "{" + ",".join([_element(value) for value in column]) + "}"
    joined = joined.replace("\\", "\\\\").replace('"', '\\"').replace(NUL, '","')
    return f'{{"{joined}"}}'


def _element(value: object) -> str:
    if type(value) is int:
        return str(value)
    if value is None:
        return "NULL"
    text = str(value)
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'

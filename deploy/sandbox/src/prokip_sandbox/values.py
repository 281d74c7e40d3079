"""Small values and helpers that all three servers share."""

import dataclasses
import hashlib
import json
import types
import typing
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

Clock = Callable[[], float]  # seconds since the epoch
T = TypeVar("T")


class ApiError(Exception):
    """An answer other than success, with exactly the body that the original would give."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body
        self.headers = dict(headers or {})


class OutOfStock(Exception):
    """A storefront refuses to sell more than it has."""


compact_json = json.JSONEncoder(separators=(",", ":")).encode


def made_up_key(prefix: str, seed: str) -> str:
    """A credential that looks right and stays the same over restarts: prefix and 40 hex digits."""
    return prefix + hashlib.sha256(f"sandbox:{prefix}:{seed}".encode()).hexdigest()[:40]


def iso_seconds(timestamp_s: float, *, offset_hours: int = 0) -> str:
    """`2026-11-22T14:52:06`: one second of resolution and no zone, as WooCommerce writes times."""
    return (datetime.fromtimestamp(timestamp_s, UTC) + timedelta(hours=offset_hours)).strftime("%Y-%m-%dT%H:%M:%S")


def iso_zulu(timestamp_s: float) -> str:
    """`2026-11-22T12:52:06Z`, as Shopify's GraphQL writes times."""
    return iso_seconds(timestamp_s) + "Z"


def money(cents: int) -> str:
    return f"{cents / 100:.2f}"


def revive(kind: type[T], data: Any) -> T:
    """Rebuild a value from what `dataclasses.asdict` and JSON made of it."""
    return typing.cast("T", _revive(kind, data))


def _revive(kind: Any, data: Any) -> Any:  # noqa: PLR0911 - one return for each shape of type
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in {types.UnionType, typing.Union}:
        return None if data is None else _revive(next(a for a in arguments if a is not types.NoneType), data)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = typing.get_type_hints(kind)
        return kind(**{name: _revive(hints[name], value) for name, value in data.items()})
    if origin is dict:
        return {_key(arguments[0], key): _revive(arguments[1], value) for key, value in data.items()}
    if origin is list:
        return [_revive(arguments[0], value) for value in data]
    if origin is set:
        return {_revive(arguments[0], value) for value in data}
    if origin is tuple:
        return tuple(_revive(arguments[0], value) for value in data)
    return data


def _key(kind: type, key: str) -> Any:
    return int(key) if kind is int else key

"""Faults that a caller meets: chosen by what the request looks like, drawn from a seeded generator."""

import asyncio
import random
import re
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar, get_args

from aiohttp import web

T = TypeVar("T")
FaultKind = Literal[
    "status",  # an HTML error page with `status`, the request has no effect
    "rate_limit",  # 429 with Retry-After, no effect
    "throttled",  # Shopify's HTTP 200 that says THROTTLED, no effect
    "timeout_before",  # nothing happens and nothing is answered for `hold_s`
    "timeout_after",  # it happens, but nothing is answered for `hold_s`
    "reset_before",  # the connection breaks, no effect
    "reset_after",  # it happens, then the connection breaks
    "slow",  # a good answer after `hold_s`
    "truncated",  # it happens; half of the announced body arrives
    "wrong_type",  # it happens; an HTML page with status 200 is the answer
    "mislabelled",  # it happens; the good answer calls itself text/html
    "revoke_token",  # Prokip's connector: all logins end before this request is looked at
    "expire_token",  # as above, but refresh tokens still work
    "empty_list",  # Prokip: a list has no rows
    "half_list",  # Prokip: a list has the first half of its rows
    "drift",  # Prokip's connector: the page of a list is `shift` rows off
    "race",  # Prokip's connector: a return writes the stock `hold_s` after it has read it
]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Fault:
    """One rule. `method`, `path` and `body` are regular expressions that must all be found in the request."""

    kind: FaultKind
    method: str = ""
    path: str = ""
    body: str = ""
    times: int | None = 1  # None: until cleared
    skip: int = 0  # matching requests to let pass first
    probability: float = 1.0
    status: int = 500
    retry_after_s: float = 1.0
    hold_s: float = 60.0
    shift: int = 1
    met: int = 0  # how many requests have met it

    def __post_init__(self) -> None:
        if self.kind not in get_args(FaultKind):
            raise ValueError(f"no fault of kind {self.kind}")

    def matches(self, method: str, path: str, body: str) -> bool:
        return bool(
            re.search(self.method, method)
            and re.search(self.path, path)
            and (not self.body or re.search(self.body, body))
        )


ACTIVE_FAULT = web.RequestKey("active_fault", Fault)  # for a handler that must fail from the inside


class Faults:
    """The rules in force at one server; the first that matches a request is used."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.rules: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        self.rules.append(fault)
        return fault

    def clear(self) -> None:
        self.rules.clear()

    def pick(self, method: str, path: str, body: str) -> Fault | None:
        for rule in self.rules:
            if not rule.matches(method, path, body) or self._rng.random() >= rule.probability:
                continue
            if rule.skip > 0:
                rule.skip -= 1
                continue
            rule.met += 1
            if rule.times is not None:
                rule.times -= 1
                if rule.times <= 0:
                    self.rules.remove(rule)
            return rule
        return None


def left_of(request: web.Request, rows: Sequence[T]) -> Sequence[T]:
    """The rows that a list shows when a fault takes some of them."""
    fault = request.get(ACTIVE_FAULT)
    if fault is not None and fault.kind == "empty_list":
        return []
    return rows[: len(rows) // 2] if fault is not None and fault.kind == "half_list" else rows


async def answer_with(fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
    """What the client meets instead of the plain answer; the handler is called only by kinds that have an effect."""
    match fault.kind:
        case "slow":
            await asyncio.sleep(fault.hold_s)
            return await handler(request)
        case "timeout_after" | "reset_after" | "truncated" | "wrong_type" | "mislabelled":
            return await _spoil(fault, request, await handler(request))
        case "timeout_before":
            await asyncio.sleep(fault.hold_s)
            return _hang_up(request)
        case "reset_before":
            return _hang_up(request)
        case "status" | "rate_limit" | "throttled":
            return _refuse(fault)
        case "revoke_token" | "expire_token" | "empty_list" | "half_list" | "drift" | "race":
            request[ACTIVE_FAULT] = fault
            return await handler(request)


def _refuse(fault: Fault) -> web.Response:
    if fault.kind == "throttled":
        return web.json_response({"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]})
    if fault.kind == "rate_limit":
        retry_after = {"Retry-After": f"{fault.retry_after_s:g}"}
        return web.json_response({"message": "Too Many Attempts."}, status=429, headers=retry_after)
    return _html(fault.status)


async def _spoil(fault: Fault, request: web.Request, good: web.StreamResponse) -> web.StreamResponse:
    if fault.kind == "truncated":
        return await _half(request, good)
    if fault.kind == "wrong_type":
        return _html(200)
    if fault.kind == "mislabelled":
        good.content_type = "text/html"
        return good
    if fault.kind == "timeout_after":
        await asyncio.sleep(fault.hold_s)
    return _hang_up(request)


def _html(status: int) -> web.Response:
    return web.Response(status=status, text=f"<html><body><h1>{status}</h1></body></html>", content_type="text/html")


def _hang_up(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)  # aiohttp wants an answer to give to nobody


async def _half(request: web.Request, whole: web.StreamResponse) -> web.StreamResponse:
    body = whole.body if isinstance(whole, web.Response) and isinstance(whole.body, bytes) else b""
    half = web.StreamResponse(status=whole.status, headers={"Content-Type": whole.content_type})
    half.content_length = len(body)
    await half.prepare(request)
    await half.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return half


@dataclass(frozen=True, slots=True)
class Call:
    kind: str  # the route, or the GraphQL field that was asked
    method: str
    path: str
    status: int
    took_ms: float


@dataclass
class CallLog:
    """What clients asked: counts by kind since the last reset, and the latest calls."""

    counts: Counter[str] = field(default_factory=Counter)
    latest: deque[Call] = field(default_factory=lambda: deque(maxlen=1000))

    def add(self, call: Call) -> None:
        self.counts[call.kind] += 1
        self.latest.append(call)

    def reset(self) -> None:
        self.counts.clear()
        self.latest.clear()

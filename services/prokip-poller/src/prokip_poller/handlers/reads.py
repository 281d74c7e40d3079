"""The internal API about reads: what they changed, what is held, and what a person decides about it."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, get_args

from aiohttp import web

from prokip_poller.deciding import Decided, Deciding, NoSuchRead, NotDecided
from prokip_poller.handlers.internal import BIGINT_MAX, page_limit
from prokip_poller.storage.reads import ReadState
from prokip_poller.storage.views import ReadPlace, Views
from prokip_shared.web.internal import BUSINESS
from prokip_shared.web.problems import Problem

STATES: Final = tuple(state for state in get_args(ReadState) if state != "reading")


class ReadApi:
    def __init__(self, *, views: Views, deciding: Deciding) -> None:
        self._views = views
        self._deciding = deciding

    def routes(self) -> Sequence[web.RouteDef]:
        read = "/internal/prokip/reads/{read_id:[0-9]{1,19}}"
        return (
            web.get("/internal/prokip/reads", self.reads),
            web.get(f"{read}/changes", self.changes),
            web.post(f"{read}/release", self._decision(self._deciding.release)),
            web.post(f"{read}/refuse", self._decision(self._deciding.refuse)),
            web.post(f"{read}/undo", self._decision(self._deciding.undo)),
            web.post(f"{read}/reconsider", self._decision(self._deciding.reconsider)),
            web.get("/internal/prokip/held-back", self.held_back),
            web.get("/internal/prokip/left-alone", self.left_alone),
        )

    async def reads(self, request: web.Request) -> web.Response:
        """One page, newest first."""
        state = request.query.get("state") or None
        if state is not None and state not in STATES:
            raise Problem(400, "Bad request", code="bad_state", detail=f"state is one of {STATES}")
        rows_max = page_limit(request.query.get("limit", ""))
        before = _number(request.query.get("after", ""))
        rows = await self._views.reads(request[BUSINESS], state=state, before=before, rows_max=rows_max)
        return web.json_response({"reads": rows, "next": str(rows[-1]["id"]) if len(rows) == rows_max else None})

    async def changes(self, request: web.Request) -> web.Response:
        """One page of from and to, in SKU order."""
        rows_max = page_limit(request.query.get("limit", ""))
        (after,) = _parts(request.query.get("after", ""), 1)
        rows = await self._views.read_changes(request[BUSINESS], _read_id(request), after=after, rows_max=rows_max)
        if rows is None:
            raise _no_such_read()
        return web.json_response({"changes": rows, "next": _named(rows[-1]["sku"]) if len(rows) == rows_max else None})

    async def held_back(self, request: web.Request) -> web.Response:
        """One page of SKUs whose base in Prokip a person does not want told."""
        rows_max = page_limit(request.query.get("limit", ""))
        after = _place(request.query.get("after", ""))
        rows = await self._views.held_back(request[BUSINESS], after=after, rows_max=rows_max)
        return web.json_response({"held_back": rows, "next": _next_place(rows, rows_max)})

    async def left_alone(self, request: web.Request) -> web.Response:
        """One page of SKUs that Prokip tells no quantity for, with the reason."""
        rows_max = page_limit(request.query.get("limit", ""))
        after = _place(request.query.get("after", ""))
        rows = await self._views.left_alone(request[BUSINESS], after=after, rows_max=rows_max)
        return web.json_response({"left_alone": rows, "next": _next_place(rows, rows_max)})

    @staticmethod
    def _decision(
        decide: Callable[[int, int], Awaitable[Decided]],
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                decided = await decide(request[BUSINESS], _read_id(request))
            except NoSuchRead as error:
                raise _no_such_read() from error
            except NotDecided as error:
                raise Problem(409, "Conflict", code="read_not_in_this_state", detail=str(error)) from error
            return web.json_response({"state": decided.state, "skus": decided.skus})

        return handle


def _no_such_read() -> Problem:
    return Problem(404, "Not found", code="read_not_found", detail="The business has no such read.")


def _read_id(request: web.Request) -> int:
    read_id = int(request.match_info["read_id"])
    if read_id > BIGINT_MAX:
        raise _no_such_read()
    return read_id


def _number(given: str) -> int:
    if not given:
        return BIGINT_MAX
    if not (given.isascii() and given.isdigit()) or int(given) > BIGINT_MAX:
        raise _bad_place()
    return int(given)


def _named(*parts: str) -> str:
    """A place in a list as a word: SKUs hold spaces and signs that do not survive every way."""
    return urlsafe_b64encode("\n".join(parts).encode()).decode()


def _parts(given: str, number: int) -> list[str]:
    """The parts that `_named` was given; the beginning of the list for an empty name."""
    if not given:
        return [""] * number
    try:
        parts = urlsafe_b64decode(given).decode().split("\n", number - 1)
    except ValueError as error:
        raise _bad_place() from error
    if len(parts) != number or any("\x00" in part for part in parts):
        raise _bad_place()
    return parts


def _place(given: str) -> ReadPlace:
    """Location ids hold no line breaks."""
    location_id, sku = _parts(given, 2)
    return location_id, sku


def _next_place(rows: Sequence[dict[str, Any]], rows_max: int) -> str | None:
    return _named(rows[-1]["location_id"], rows[-1]["sku"]) if len(rows) == rows_max else None


def _bad_place() -> Problem:
    return Problem(400, "Bad request", code="bad_place", detail="`after` must be an earlier answer's `next`.")

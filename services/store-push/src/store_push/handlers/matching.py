"""How a store's catalogue is read, what matches what, and what operators say about single items."""

import base64
import binascii
import json
from dataclasses import fields
from typing import Annotated, Any, Final

import asyncpg
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from prokip_shared.database import Pool
from prokip_shared.web.internal import BUSINESS
from prokip_shared.web.problems import Problem, read_json, validate
from store_push.choosing import ChoiceRefused, Choosing, NoSuchListing
from store_push.domain.explaining import Match, MatchKind, explain_match
from store_push.domain.matching import ItemChoice
from store_push.handlers.api import ID_MAX, PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX, json_row
from store_push.storage.connections import ConnectionStorage
from store_push.storage.matching import MatchingStorage

FIRST: Final = ("", "")
MATCH_FIELDS: Final = tuple(field.name for field in fields(Match))


class ItemsQuery(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: MatchKind | None = None
    search: Annotated[str, Field(max_length=255)] | None = None
    after: Annotated[str, Field(max_length=2000)] | None = None
    limit: Annotated[int, Field(ge=1, le=PAGE_ROWS_MAX)] = PAGE_ROWS_DEFAULT


class LinkBody(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    sku: Annotated[str, Field(min_length=1, max_length=255)]


class MatchingApi:
    def __init__(
        self, matching: MatchingStorage, choosing: Choosing, connections: ConnectionStorage, pool: Pool
    ) -> None:
        self._matching = matching
        self._choosing = choosing
        self._connections = connections
        self._pool = pool

    def routes(self) -> list[web.RouteDef]:
        store = "/internal/stores/{connection}/catalogue"
        listing = "/internal/listings/{listing}"
        return [
            web.get(store, self.show),
            web.get(f"{store}/items", self.items),
            web.post(f"{store}/read", self.read),
            web.post(f"{listing}/link", self.link),
            web.post(f"{listing}/ignore", self.ignore),
            web.post(f"{listing}/reset", self.reset),
        ]

    async def show(self, request: web.Request) -> web.Response:
        """How far the reading is, and how many items there are of each kind."""
        state = await self._state(request)
        counts = await self._matching.counts(request[BUSINESS], state["connection_id"])
        return web.json_response({**json_row(state), "counts": counts})

    async def items(self, request: web.Request) -> web.Response:
        """In the order of SKUs; `next` is the `after` of the next page."""
        query = validate(ItemsQuery, dict(request.query))
        state = await self._state(request)
        rows = await self._matching.page(
            request[BUSINESS],
            state["connection_id"],
            kind=query.kind,
            search=query.search or None,
            after=_place(query.after),
            rows_max=query.limit + 1,
        )
        shown = rows[: query.limit]
        following = _name_of(shown[-1]) if len(rows) > query.limit else None
        return web.json_response({"items": [_item(row) for row in shown], "next": following})

    async def read(self, request: web.Request) -> web.Response:
        """From its beginning, as soon as possible; one that is under way ends first."""
        state = await self._state(request)
        async with self._pool.acquire() as connection, connection.transaction():
            await self._connections.start_catalogue_reads(connection, [state["connection_id"]])
        return web.json_response({}, status=202)

    async def link(self, request: web.Request) -> web.Response:
        body = await read_json(request, LinkBody)
        return await self._choose(request, ItemChoice("linked", body.sku))

    async def ignore(self, request: web.Request) -> web.Response:
        return await self._choose(request, ItemChoice("ignored"))

    async def reset(self, request: web.Request) -> web.Response:
        return await self._choose(request, None)

    async def _choose(self, request: web.Request, choice: ItemChoice | None) -> web.Response:
        try:
            await self._choosing.choose(request[BUSINESS], path_id(request, "listing"), choice)
        except NoSuchListing as error:
            raise Problem(404, "Not found", code="listing_not_found", detail="There is no such listing.") from error
        except ChoiceRefused as error:
            raise Problem(409, "Conflict", code=error.code, detail=error.words) from error
        return web.json_response({})

    async def _state(self, request: web.Request) -> asyncpg.Record:
        state = await self._matching.catalogue_state(request[BUSINESS], path_id(request, "connection"))
        if state is None:
            raise Problem(404, "Not found", code="connection_not_found", detail="The business has no such store.")
        return state


def path_id(request: web.Request, name: str) -> int:
    """0, which nothing has, for what is no id."""
    text = request.match_info[name]
    number = int(text) if text.isascii() and text.isdigit() else 0
    return number if number <= ID_MAX else 0


def _item(row: asyncpg.Record) -> dict[str, Any]:
    match = Match(**{name: row[name] for name in MATCH_FIELDS})
    return {**json_row(row), "why": explain_match(match)}


def _name_of(row: asyncpg.Record) -> str:
    text = json.dumps([row["sku"] or "", row["item_ref"]])
    return base64.urlsafe_b64encode(text.encode()).decode()


def _place(name: str | None) -> tuple[str, str]:
    """The place that an earlier page's `next` named; the beginning for none."""
    if not name:
        return FIRST
    try:
        sku, item_ref = json.loads(base64.urlsafe_b64decode(name))
    except (ValueError, binascii.Error, TypeError) as error:
        detail = "`after` must be an earlier answer's `next`."
        raise Problem(400, "Bad request", code="bad_place", detail=detail) from error
    return str(sku), str(item_ref)

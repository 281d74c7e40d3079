"""What other services ask on behalf of one business: listings, pushes, drift, connections. Read only."""

import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from prokip_shared.web.internal import BUSINESS
from prokip_shared.web.problems import Problem, validate
from store_push.domain.listings import ListingState
from store_push.storage.reads import ReadStorage, Row

PAGE_ROWS_MAX: Final = 200
PAGE_ROWS_DEFAULT: Final = 50
ID_MAX: Final = 2**63 - 1


class _Query(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    connection: int | None = Field(None, ge=1, le=ID_MAX)
    limit: int = Field(PAGE_ROWS_DEFAULT, ge=1, le=PAGE_ROWS_MAX)


class ListingQuery(_Query):
    state: ListingState | None = None
    search: str | None = Field(None, max_length=255)
    after: int = Field(0, ge=0, le=ID_MAX)


class SkuListingsQuery(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    sku: str = Field(min_length=1, max_length=255)
    location: str | None = Field(None, max_length=255)


class PushQuery(_Query):
    sku: str | None = Field(None, max_length=255)
    before: int | None = Field(None, ge=1, le=ID_MAX)


class DriftQuery(_Query):
    before: int | None = Field(None, ge=1, le=ID_MAX)


class StoreApi:
    def __init__(self, reads: ReadStorage) -> None:
        self._reads = reads

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/internal/listings", self.listings),
            web.get("/internal/listings-of-sku", self.listings_of_sku),
            web.get("/internal/due", self.due),
            web.get("/internal/pushes", self.pushes),
            web.get("/internal/drift", self.drift),
            web.get("/internal/connections", self.connections),
            web.get("/internal/connections/{id:[0-9]{1,18}}/upkeep", self.upkeep),
        ]

    async def listings(self, request: web.Request) -> web.Response:
        """In the order of ids; `next` is the `after` of the next page."""
        query = validate(ListingQuery, dict(request.query))
        rows = await self._reads.listings(
            request[BUSINESS],
            after_id=query.after,
            connection_id=query.connection,
            state=query.state,
            search=query.search or None,
            rows_max=query.limit + 1,
        )
        return _page(rows, query.limit)

    async def listings_of_sku(self, request: web.Request) -> web.Response:
        """The first 200: a SKU that a store has more often is pushed to none of those items."""
        query = validate(SkuListingsQuery, dict(request.query))
        rows = await self._reads.listings_of_sku(
            request[BUSINESS], sku=query.sku, location_id=query.location, rows_max=PAGE_ROWS_MAX
        )
        return web.json_response({"items": [json_row(row) for row in rows]})

    async def due(self, request: web.Request) -> web.Response:
        rows = await self._reads.due(request[BUSINESS])
        return web.json_response({"items": [json_row(row) for row in rows]})

    async def pushes(self, request: web.Request) -> web.Response:
        """Newest first; `next` is the `before` of the next page."""
        query = validate(PushQuery, dict(request.query))
        rows = await self._reads.pushes(
            request[BUSINESS],
            before_id=query.before,
            sku=query.sku,
            connection_id=query.connection,
            rows_max=query.limit + 1,
        )
        return _page(rows, query.limit)

    async def drift(self, request: web.Request) -> web.Response:
        """Newest first; `next` is the `before` of the next page."""
        query = validate(DriftQuery, dict(request.query))
        rows = await self._reads.drifts(
            request[BUSINESS], before_id=query.before, connection_id=query.connection, rows_max=query.limit + 1
        )
        return _page(rows, query.limit)

    async def connections(self, request: web.Request) -> web.Response:
        rows = await self._reads.connections(request[BUSINESS])
        items = [{**json_row(row), "listings": json.loads(row["listings"])} for row in rows]
        return web.json_response({"items": items})

    async def upkeep(self, request: web.Request) -> web.Response:
        row = await self._reads.upkeep(request[BUSINESS], int(request.match_info["id"]))
        if row is None:
            detail = "store-push does not know this connection (yet)."
            raise Problem(404, "Not found", code="connection_not_found", detail=detail)
        return web.json_response(json_row(row))


def _page(rows: Sequence[Row], limit: int) -> web.Response:
    shown = rows[:limit]
    following = shown[-1]["id"] if len(rows) > limit else None
    return web.json_response({"items": [json_row(row) for row in shown], "next": following})


def json_row(row: Row) -> dict[str, Any]:
    return {column: _json_value(value) for column, value in row.items()}


def _json_value(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case Decimal():
            return str(value)
        case _:
            return value

"""Stock, its movements, its explanation and its way into the stores."""

from aiohttp import web

from gateway.callers import CALLER
from gateway.handlers.connections import find_connection
from gateway.handlers.translated import explanation_of, listing_of, movement_of, push_of, stock_row_of
from gateway.keys import UPSTREAM
from gateway.models.base import Page
from gateway.models.connections import Listing, ListingsQuery
from gateway.models.stock import (
    Explanation,
    Movement,
    Push,
    SkuPageQuery,
    SkuPushesQuery,
    SkuQuery,
    StockQuery,
    StockRow,
)
from gateway.upstream import path_of


async def list_stock(request: web.Request, given: StockQuery) -> Page[StockRow]:
    told = await request.app[UPSTREAM].inventory.get(
        request[CALLER].business_id,
        "/internal/stock",
        {
            "search": given.search,
            "state": given.state,
            "location": given.location_id,
            "limit": given.limit,
            "after": given.cursor,
        },
    )
    return Page[StockRow](items=[stock_row_of(row) for row in told["items"]], next=told["next"])


async def list_movements(request: web.Request, given: SkuPageQuery) -> Page[Movement]:
    told = await request.app[UPSTREAM].inventory.get(
        request[CALLER].business_id,
        path_of("internal", "stock", given.sku, "movements"),
        {"location": given.location_id, "limit": given.limit, "after": given.cursor},
    )
    return Page[Movement](items=[movement_of(row) for row in told["items"]], next=told["next"])


async def explain_stock(request: web.Request, given: SkuQuery) -> Explanation:
    told = await request.app[UPSTREAM].inventory.get(
        request[CALLER].business_id,
        path_of("internal", "stock", given.sku, "explanation"),
        {"location": given.location_id},
    )
    return explanation_of(told)


async def list_pushes(request: web.Request, given: SkuPushesQuery) -> Page[Push]:
    told = await request.app[UPSTREAM].store_push.get(
        request[CALLER].business_id,
        "/internal/pushes",
        {"sku": given.sku, "limit": given.limit, "before": given.cursor},
    )
    return Page[Push](items=[push_of(row) for row in told["items"]], next=_cursor(told["next"]))


async def list_listings(request: web.Request, given: ListingsQuery) -> Page[Listing]:
    """The store is looked up first: another business's store does not exist here."""
    store = await find_connection(request)
    told = await request.app[UPSTREAM].store_push.get(
        request[CALLER].business_id,
        "/internal/listings",
        {
            "connection": store.id,
            "search": given.search,
            "state": given.state,
            "limit": given.limit,
            "after": given.cursor,
        },
    )
    return Page[Listing](items=[listing_of(row) for row in told["items"]], next=_cursor(told["next"]))


def _cursor(following: int | None) -> str | None:
    return None if following is None else str(following)

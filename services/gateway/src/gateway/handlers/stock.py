"""Stock, its movements, its explanation and its way into the stores."""

from aiohttp import web

from gateway.callers import CALLER
from gateway.domain.operations import SaleKey
from gateway.handlers.connections import find_connection
from gateway.handlers.translated import (
    explanation_of,
    listing_of,
    movement_of,
    push_of,
    stock_at_of,
    stock_row_of,
    store_listing_of,
)
from gateway.keys import UPSTREAM
from gateway.models.base import PAGE_ITEMS_MAX, Page
from gateway.models.connections import Listing, ListingsQuery
from gateway.models.stock import (
    Explanation,
    MomentQuery,
    Movement,
    Push,
    SkuPageQuery,
    SkuPushesQuery,
    SkuQuery,
    StockAt,
    StockQuery,
    StockRow,
    StoreListing,
)
from gateway.upstream import InternalApi, answer_or_none, path_of


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
    business_id, upstream = request[CALLER].business_id, request.app[UPSTREAM]
    told = await upstream.inventory.get(
        business_id, path_of("internal", "stock", given.sku, "explanation"), {"location": given.location_id}
    )
    posting: frozenset[SaleKey] = frozenset()
    if any(order["sale_state"] == "due" for order in told["orders"]):
        posting = await _being_told(upstream.poller, business_id)
    return explanation_of(told, posting)


async def show_stock_at(request: web.Request, given: MomentQuery) -> StockAt:
    told = await request.app[UPSTREAM].inventory.get(
        request[CALLER].business_id,
        path_of("internal", "stock", given.sku, "at"),
        {"location": given.location_id, "moment": given.moment.isoformat()},
    )
    return stock_at_of(told)


async def list_store_listings(request: web.Request, given: SkuQuery) -> Page[StoreListing]:
    told = await request.app[UPSTREAM].store_push.get(
        request[CALLER].business_id, "/internal/listings-of-sku", {"sku": given.sku, "location": given.location_id}
    )
    return Page[StoreListing](items=[store_listing_of(row) for row in told["items"]])


async def _being_told(poller: InternalApi, business_id: int) -> frozenset[SaleKey]:
    """Orders of which a request is under way; none where the poller is away, and then they are shown as due."""
    query = {"state": "posting", "limit": PAGE_ITEMS_MAX}
    told = await answer_or_none(poller.get(business_id, "/internal/sale-records", query))
    records = () if told is None else told["sale_records"]
    return frozenset(SaleKey(record["connection_id"], record["order_ref"]) for record in records)


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

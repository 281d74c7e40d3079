"""The sales log, and what an operator decides about sales that Prokip did not simply take."""

from typing import Any, Final

from aiohttp import web

from gateway.callers import CALLER
from gateway.domain.operations import SaleKey, fits_search
from gateway.handlers.translated import sale_record_of, sales_of
from gateway.keys import UPSTREAM
from gateway.models.base import Page
from gateway.models.sales import EnterReturns, Sale, SaleRecord, SaleRecordsQuery, SalesQuery, SaleState, SettleSale
from gateway.upstream import path_of
from prokip_shared.web.problems import Problem

SEARCH_PAGES_MAX: Final = 10
SEARCH_PAGE_ORDERS: Final = 200


async def list_sales(request: web.Request, given: SalesQuery) -> Page[Sale]:
    if not given.search:
        told = await _sales_page(request, given, given.cursor, given.limit)
        return Page[Sale](items=[sale for order in told["items"] for sale in sales_of(order)], next=told["next"])
    found: list[Sale] = []
    cursor = given.cursor
    for _ in range(SEARCH_PAGES_MAX):
        told = await _sales_page(request, given, cursor, SEARCH_PAGE_ORDERS)
        sales = (sale for order in told["items"] for sale in sales_of(order))
        found += [sale for sale in sales if fits_search(given.search, (sale.order_number, sale.order_ref, sale.sku))]
        cursor = told["next"]
        if cursor is None or len(found) >= given.limit:
            break
    return Page[Sale](items=found, next=cursor)


async def list_sale_records(request: web.Request, given: SaleRecordsQuery) -> Page[SaleRecord]:
    told = await request.app[UPSTREAM].poller.get(
        request[CALLER].business_id,
        "/internal/sale-records",
        {"state": given.state, "limit": given.limit, "after": given.cursor},
    )
    return Page[SaleRecord](items=[sale_record_of(row) for row in told["sale_records"]], next=told["next"])


async def settle_sale(request: web.Request, given: SettleSale) -> SaleState:
    outcome = "recorded" if given.recorded else "not_recorded"
    named = {"sell_id": given.prokip_sell_id, "posting_id": given.posting_id}
    body = {"outcome": outcome} | {name: value for name, value in named.items() if value is not None}
    told = await _decide(request, "settle", body)
    return SaleState(message="Noted as recorded" if given.recorded else "It is sent again", state=told["state"])


async def retry_sale(request: web.Request) -> SaleState:
    told = await _decide(request, "retry", {})
    return SaleState(message="It is sent again", state=told["state"])


async def enter_returns(request: web.Request, given: EnterReturns) -> SaleState:
    told = await _decide(request, "returns-entered", {} if given.revision is None else {"revision": given.revision})
    return SaleState(message="Noted", state=told["state"])


async def _sales_page(request: web.Request, given: SalesQuery, cursor: str | None, limit: int) -> Any:
    query = {"state": given.state, "connection": given.connection_id, "limit": limit, "after": cursor}
    return await request.app[UPSTREAM].inventory.get(request[CALLER].business_id, "/internal/sales", query)


async def _decide(request: web.Request, decision: str, body: dict[str, Any]) -> Any:
    key = SaleKey.decode(request.match_info["id"])
    if key is None:
        raise Problem(404, "No such sale", code="sale_not_found", detail="The business has no such sale.")
    path = path_of("internal", "sales", key.connection_id, key.order_ref, decision)
    return await request.app[UPSTREAM].poller.post(request[CALLER].business_id, path, body)

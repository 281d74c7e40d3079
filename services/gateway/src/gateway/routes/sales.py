"""Sales and their records in Prokip: rows of the table."""

from typing import Final

from gateway.handlers import (
    sales,
)
from gateway.models.base import Page
from gateway.models.sales import EnterReturns, Sale, SaleRecord, SaleRecordsQuery, SalesQuery, SaleState, SettleSale
from gateway.routes.shared import AWAY, V1
from gateway.routing import Docs, route, route_given

SALE_ID: Final = "{id:[A-Za-z0-9_-]{1,400}}"

SALE_ROUTES: Final = (
    route_given(
        "GET",
        f"{V1}/sales",
        SalesQuery,
        sales.list_sales,
        answer=Page[Sale],
        docs=Docs("sales", "The sales log, newest first", AWAY),
    ),
    route_given(
        "GET",
        f"{V1}/prokip/sales",
        SaleRecordsQuery,
        sales.list_sale_records,
        answer=Page[SaleRecord],
        docs=Docs("sales", "What Prokip was told of each order, newest change first", AWAY),
    ),
    route_given(
        "POST",
        f"{V1}/prokip/sales/{SALE_ID}/settle",
        SettleSale,
        sales.settle_sale,
        answer=SaleState,
        docs=Docs("sales", "Say what became of a sale in doubt", (404, 409, *AWAY)),
    ),
    route(
        "POST",
        f"{V1}/prokip/sales/{SALE_ID}/retry",
        sales.retry_sale,
        answer=SaleState,
        docs=Docs("sales", "Send a refused sale again", (404, 409, *AWAY)),
    ),
    route_given(
        "POST",
        f"{V1}/prokip/sales/{SALE_ID}/returns-entered",
        EnterReturns,
        sales.enter_returns,
        answer=SaleState,
        body_optional=True,
        docs=Docs("sales", "Say that a return was entered in Prokip by hand", (404, 409, *AWAY)),
    ),
)

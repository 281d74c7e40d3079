"""Stock and its explanations: rows of the table."""

from typing import Final

from gateway.handlers import (
    stock,
)
from gateway.models.base import Page
from gateway.models.connections import (
    Listing,
    ListingsQuery,
)
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
from gateway.routes.shared import AWAY, ID, V1
from gateway.routing import Docs, route_given

STOCK_ROUTES: Final = (
    route_given(
        "GET",
        f"{V1}/stock",
        StockQuery,
        stock.list_stock,
        answer=Page[StockRow],
        docs=Docs("stock", "Stock by SKU and location, searched and paged", AWAY),
    ),
    route_given(
        "GET",
        f"{V1}/stock/movements",
        SkuPageQuery,
        stock.list_movements,
        answer=Page[Movement],
        docs=Docs("stock", "What changed one SKU, newest first", (404, 409, *AWAY)),
    ),
    route_given(
        "GET",
        f"{V1}/stock/explanation",
        SkuQuery,
        stock.explain_stock,
        answer=Explanation,
        docs=Docs("stock", "Why one quantity is what it is; it adds up", (404, 409, *AWAY)),
    ),
    route_given(
        "GET",
        f"{V1}/stock/at",
        MomentQuery,
        stock.show_stock_at,
        answer=StockAt,
        docs=Docs("stock", "What there was at a past moment, and the movement that made it", (400, 404, 409, *AWAY)),
    ),
    route_given(
        "GET",
        f"{V1}/stock/listings",
        SkuQuery,
        stock.list_store_listings,
        answer=Page[StoreListing],
        docs=Docs("stock", "What each store shows of one SKU, and why", AWAY),
    ),
    route_given(
        "GET",
        f"{V1}/stock/pushes",
        SkuPushesQuery,
        stock.list_pushes,
        answer=Page[Push],
        docs=Docs("stock", "What was written to the stores of one SKU, newest first", AWAY),
    ),
    route_given(
        "GET",
        f"{V1}/connections/{ID}/listings",
        ListingsQuery,
        stock.list_listings,
        answer=Page[Listing],
        docs=Docs("connections", "What one store sells, and how it matches", (404, *AWAY)),
    ),
)

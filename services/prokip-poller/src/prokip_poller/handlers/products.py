"""Prokip's products with names, prices and images, page by page, for those who make products of a store from them.

Each page is asked of Prokip when it is asked of us, at the account's own pace; nothing is kept here.
"""

import dataclasses
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from prokip_poller.accounts import Accounts
from prokip_poller.clients import ProkipClients
from prokip_shared.platforms.prokip import ProkipError, Unavailable
from prokip_shared.platforms.prokip_connector import ConnectorProkip
from prokip_shared.platforms.prokip_connector_products import Product
from prokip_shared.web.internal import BUSINESS
from prokip_shared.web.problems import Problem

PAGE_MAX: Final = 100_000


class ProductApi:
    def __init__(self, *, accounts: Accounts, clients: ProkipClients) -> None:
        self._accounts = accounts
        self._clients = clients

    def routes(self) -> Sequence[web.RouteDef]:
        return (web.get("/internal/prokip/products", self.products),)

    async def products(self, request: web.Request) -> web.Response:
        """`next` is the number of the next page, null after the last."""
        page = _page_of(request.query.get("page", "1"))
        account = self._accounts.of(request[BUSINESS])
        if account is None:
            raise _refused("prokip_not_set_up", "Prokip is not set up.")
        client = self._clients.of(account)
        if not isinstance(client, ConnectorProkip):
            raise _refused(
                "no_products", "Prokip tells no names and prices in the simple dialect; connect it by its own API."
            )
        try:
            found = await client.products_page(page)
        except Unavailable as failure:
            headers = {} if failure.retry_after_s is None else {"Retry-After": f"{failure.retry_after_s:.0f}"}
            status = HTTPStatus.SERVICE_UNAVAILABLE
            raise Problem(status, "Prokip away", code="prokip_away", detail=failure.words, headers=headers) from None
        except ProkipError as failure:
            raise _refused("prokip_refused", failure.words) from None
        return web.json_response(
            {
                "products": [_told(product) for product in found.products],
                "next": None if found.is_last else page + 1,
                "total": found.total,
            }
        )


def _told(product: Product) -> dict[str, Any]:
    told = dataclasses.asdict(product)
    for variation in told["variations"]:
        variation["price"] = None if variation["price"] is None else str(variation["price"])
    return told


def _page_of(text: str) -> int:
    page = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(PAGE_MAX)) else 0
    if not 1 <= page <= PAGE_MAX:
        raise Problem(400, "Bad request", code="bad_page", detail=f"page is a number from 1 to {PAGE_MAX}")
    return page


def _refused(code: str, detail: str) -> Problem:
    return Problem(409, "Conflict", code=code, detail=detail)

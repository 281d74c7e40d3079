"""A connector whose pages of stock are rendered before they are asked for, so that its own work hides nothing.

`python -m tests.bench.connector_stub PORT VARIATIONS` serves it; `POST /change` moves one variation of every page.
"""

import json
import sys
from typing import Any, Final

from aiohttp import web

API: Final = "/connector/api"
PAGE_ROWS: Final = 100
LOCATION: Final = 1


def row(number: int, quantity: int) -> dict[str, Any]:
    """As the ERP has it, with one location."""
    return {
        "variation_id": 500_000 + number,
        "variation_name": "",
        "sub_sku": f"SKU-{number:06d}",
        "product_id": number + 1,
        "product_name": f"Goods of a merchant, number {number}",
        "sku": f"SKU-{number:06d}",
        "type": "single",
        "enable_stock": 1,
        "not_for_selling": 0,
        "product_variation_id": 900_000 + number,
        "product_variation_name": "",
        "default_purchase_price": "50.0000",
        "default_sell_price": "100.0000",
        "sell_price_inc_tax": "100.0000",
        "variation_location_details": [
            {
                "id": 1_000_000 + number,
                "product_id": number + 1,
                "product_variation_id": 900_000 + number,
                "variation_id": 500_000 + number,
                "location_id": LOCATION,
                "qty_available": f"{quantity}.0000",
                "created_at": "2026-01-05 09:00:00",
                "updated_at": "2026-11-20 17:31:02",
            }
        ],
        "media": [],
        "discounts": [],
    }


class Stub:
    def __init__(self, variations: int) -> None:
        self._quantities = [100] * variations
        self._pages: list[bytes] = []
        self._render()

    def _render(self) -> None:
        total = len(self._quantities)
        last = -(-total // PAGE_ROWS)
        self._pages = [
            json.dumps(
                {
                    "data": [row(n, self._quantities[n]) for n in range(start, min(start + PAGE_ROWS, total))],
                    "links": {"first": None, "last": None, "prev": None, "next": None},
                    "meta": {
                        "current_page": start // PAGE_ROWS + 1,
                        "last_page": last,
                        "per_page": PAGE_ROWS,
                        "total": total,
                    },
                }
            ).encode()
            for start in range(0, total, PAGE_ROWS)
        ]

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/oauth/token", self.sign_in)
        app.router.add_get(f"{API}/variation", self.variations)
        app.router.add_get(f"{API}/product-stock-report", self.report)
        app.router.add_post("/change", self.change)
        app.router.add_get("/", self.alive)
        return app

    async def alive(self, _request: web.Request) -> web.Response:
        return web.Response()

    async def sign_in(self, _request: web.Request) -> web.Response:
        tokens = {"token_type": "Bearer", "expires_in": 31_536_000, "access_token": "a", "refresh_token": "r"}
        return web.json_response(tokens)

    async def variations(self, request: web.Request) -> web.Response:
        page = int(request.query.get("page", "1"))
        return web.Response(body=self._pages[page - 1], content_type="application/json")

    async def report(self, _request: web.Request) -> web.Response:
        meta = {"current_page": 1, "last_page": 1, "per_page": 15, "total": 0}
        return web.json_response({"data": [], "links": {}, "meta": meta})

    async def change(self, _request: web.Request) -> web.Response:
        for number in range(0, len(self._quantities), PAGE_ROWS):
            self._quantities[number] += 1
        self._render()
        return web.Response()


if __name__ == "__main__":
    web.run_app(Stub(int(sys.argv[2])).app(), host="127.0.0.1", port=int(sys.argv[1]), print=None)

"""The poller as store-push asks it for Prokip's products: pages of what a test says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from prokip_shared.web.problems import Problem


def told(product_id: int, name: str, *variations: tuple[str, str, str | None], **more: Any) -> dict[str, Any]:
    """A product of (SKU, name, price)."""
    return {
        "product_id": product_id,
        "name": name,
        "sku": f"P{product_id}",
        "tracked": True,
        "inactive": False,
        "for_sale": True,
        "image_url": None,
        "option": "Size" if len(variations) > 1 else "",
        "variations": [
            {"variation_id": product_id * 100 + n, "sku": sku, "name": option, "price": price}
            for n, (sku, option, price) in enumerate(variations)
        ],
        **more,
    }


@dataclass
class FakePoller:
    pages: list[list[dict[str, Any]]]
    failures: list[Problem] = field(default_factory=list)
    """Answered, one each, before the pages."""
    asked: list[int] = field(default_factory=list)
    url: str = ""
    left_alone: list[tuple[str, str, str]] = field(default_factory=list)
    """Location, SKU and reason."""

    async def answer_left_alone(self, _request: web.Request) -> web.StreamResponse:
        names = ("location_id", "sku", "reason")
        told = [dict(zip(names, row, strict=True)) for row in self.left_alone]
        return web.json_response({"left_alone": told, "next": None})

    async def answer(self, request: web.Request) -> web.StreamResponse:
        number = int(request.query["page"])
        self.asked.append(number)
        if number > 1 and self.failures:
            return self.failures.pop(0).response()
        total = sum(map(len, self.pages))
        following = number + 1 if number < len(self.pages) else None
        return web.json_response({"products": self.pages[number - 1], "next": following, "total": total})


@asynccontextmanager
async def poller_with(*pages: list[dict[str, Any]]) -> AsyncIterator[FakePoller]:
    poller = FakePoller(list(pages))
    app = web.Application()
    app.router.add_get("/internal/prokip/products", poller.answer)
    app.router.add_get("/internal/prokip/left-alone", poller.answer_left_alone)
    async with TestServer(app) as server:
        poller.url = str(server.make_url("")).rstrip("/")
        yield poller

"""The oldest calls, with forms and with JSON."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession, FormData, web
from aiohttp.test_utils import TestServer

from tests.integration.gateway.client import Gateway, Person, open_gateway


@pytest.fixture
def planned() -> list[dict[str, Any]]:
    """The wishes of the plans that store-push was asked for."""
    return []


@pytest.fixture
async def gateway(
    environ: dict[str, str], http: ClientSession, planned: list[dict[str, Any]]
) -> AsyncIterator[Gateway]:
    """Beside a store-push that knows three listings of any store, one a page."""
    rows: list[dict[str, Any]] = [
        {"id": 1, "sku": "shirt1", "item_ref": "11", "parent_ref": None, "state": "matched", "target": "100"},
        {"id": 2, "sku": "hat", "item_ref": "12", "parent_ref": "9", "state": "matched", "target": None},
        {"id": 3, "sku": None, "item_ref": "13", "parent_ref": None, "state": "no_sku", "target": None},
    ]

    async def listings(request: web.Request) -> web.Response:
        after = int(request.query.get("after", 0))
        told = {"name": "T-Shirt", "price": "20.00", "believed": "98"} if rows[after]["target"] else {}
        row = rows[after] | {"name": "", "price": None, "believed": None} | told
        return web.json_response({"items": [row], "next": after + 1 if after < 2 else None})

    async def plan(request: web.Request) -> web.Response:
        planned.append(await request.json())
        now = "2026-11-22T12:00:00Z"
        told = {"id": 7, "connection_id": int(request.match_info["connection"]), "state": "reading", "since": now}
        told |= {"created_at": now, "wishes": planned[-1], "products_read": 0, "products_total": None}
        return web.json_response(told | {"counts": {}, "error": None}, status=201)

    app = web.Application()
    app.router.add_get("/internal/listings", listings)
    app.router.add_post("/internal/stores/{connection}/product-plans", plan)
    async with (
        TestServer(app) as server,
        open_gateway(environ | {"STORE_PUSH_URL": str(server.make_url(""))}, http) as opened,
    ):
        yield opened


@pytest.fixture
async def alice(gateway: Gateway) -> Person:
    person = await gateway.person()
    await person.ok("POST", "/connections/custom", {"name": "Corner Shop", "locationId": "LOC001"})
    return person


@pytest.mark.parametrize("form", [True, False])
async def test_forms_and_json_are_both_understood(alice: Person, form: bool) -> None:
    def body(**fields: Any) -> dict[str, Any]:
        return {"data": fields} if form else {"json": fields}

    saved = await alice.ok("POST", "/api/setup", **body(platform="custom", choice="pull"))
    assert saved == {"message": "Strategy saved: pull"}
    (row,) = await alice.ok("GET", "/api/connections")
    assert (row["choice"], row["store_name"], row["status"]) == ("pull", "Corner Shop", "connected")
    assert (row["sync_enabled"], row["location_id"], row["last_sync"]) == (True, "LOC001", None)
    off = await alice.ok("POST", "/api/toggle", **body(platform="custom"))
    assert off == {"message": "Sync disabled", "sync_enabled": False}
    assert (await alice.ok("POST", "/api/toggle", **body(platform="custom")))["sync_enabled"] is True
    gone = await alice.ok("POST", "/api/disconnect", **body(platform="custom"))
    assert gone["message"] == "Store disconnected, its stock is kept"
    assert await alice.ok("GET", "/api/connections") == []


async def test_pull_lists_the_stores_goods_with_their_match(alice: Person) -> None:
    assert await alice.ok("POST", "/api/pull", {"platform": "custom"}) == [
        {"sku": "shirt1", "name": "T-Shirt", "price": 20.0, "quantity": 98.0, "status": "matched"},
        {
            "sku": "hat",
            "name": "variation 12 of product 9",
            "price": None,
            "quantity": None,
            "status": "not_in_prokip",
        },
        {"sku": None, "name": "item 13", "price": None, "quantity": None, "status": "no_sku"},
    ]


async def test_several_stores_of_a_platform_have_to_be_told_apart(alice: Person) -> None:
    second = await alice.ok("POST", "/connections/custom", {"name": "Second", "locationId": "LOC001"})
    asked = await alice.call("POST", "/api/toggle", {"platform": "custom"})
    assert (asked.status, asked.body["code"]) == (409, "choose_connection")
    assert [choice["storeName"] for choice in asked.body["connections"]] == ["Corner Shop", "Second"]
    off = await alice.ok("POST", "/api/toggle", {"platform": "custom", "connectionId": second["id"]})
    assert off["sync_enabled"] is False
    assert (await alice.call("POST", "/api/toggle", {"platform": "shopify"})).status == 404
    assert (await alice.call("POST", "/api/toggle", {})).status == 422
    assert (await alice.call("POST", "/api/toggle", {"platform": "ebay"})).status == 422


@pytest.mark.parametrize("form", [True, False])
async def test_prices_and_images_become_a_plan_that_waits_to_be_looked_at(
    alice: Person, planned: list[dict[str, Any]], form: bool
) -> None:
    image = "https://img.example.test/shirt.png"
    fields = {"platform": "custom", "price_shirt1": "20.50", "image_shirt1": image, "price_hat": "3"}
    pushed = await alice.ok("POST", "/api/push", **({"data": fields} if form else {"json": fields}))
    assert pushed["planId"] == 7
    assert pushed["message"].endswith("/product-plans/7")
    assert planned == [
        {
            "create": True,
            "update": False,
            "publish": False,
            "skus": ["hat", "shirt1"],
            "prices": {"shirt1": "20.50", "hat": "3"},
            "images": {"shirt1": image},
        }
    ]


async def test_what_is_no_price_and_no_address_of_an_image_is_refused(
    alice: Person, planned: list[dict[str, Any]]
) -> None:
    form = FormData({"platform": "custom", "price_shirt1": "20"})
    form.add_field("image_shirt1", b"png", filename="shirt.png", content_type="image/png")
    for body, code in (
        ({"data": form}, "image_not_an_address"),
        ({"json": {"platform": "custom", "colour_shirt1": "red"}}, "invalid_input"),
        ({"json": {"platform": "custom", "price_shirt1": "cheap"}}, "invalid_input"),
        ({"json": {"platform": "custom", "image_shirt1": "shirt.png"}}, "invalid_input"),
    ):
        answer = await alice.call("POST", "/api/push", **body)
        assert (answer.status, answer.body["code"]) == (422, code)
    assert planned == []


async def test_a_push_without_prokip_says_so(alice: Person) -> None:
    answer = await alice.call("POST", "/api/push", {"platform": "custom"})
    assert (answer.status, answer.body["code"]) == (409, "prokip_not_configured")

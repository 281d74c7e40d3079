"""The other services as the gateway meets them: answering, refusing, failing, silent, gone."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from gateway.domain.operations import SaleKey
from prokip_shared.security.tokens import InternalTokens
from prokip_shared.web.problems import Problem
from tests.integration.gateway.client import Gateway, open_gateway
from tests.support.settings import INTERNAL_SECRET

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def gateway_beside(handler: Handler, environ: dict[str, str], http: ClientSession) -> AsyncIterator[Gateway]:
    """All four services are one server that answers with `handler`, or does not within the gateway's patience."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    async with TestServer(app) as server:
        url = str(server.make_url("")).rstrip("/")
        urls = dict.fromkeys(("INVENTORY_URL", "STORE_PUSH_URL", "PROKIP_POLLER_URL", "INGEST_URL"), url)
        async with open_gateway(
            environ | urls | {"UPSTREAM_TIMEOUT_S": "0.3" if handler is silent else "30"}, http
        ) as gateway:
            yield gateway


async def broken(_request: web.Request) -> web.StreamResponse:
    return web.Response(status=500, text="<h1>boom</h1>")


async def not_ready(_request: web.Request) -> web.StreamResponse:
    return web.json_response({}, status=503)


async def silent(_request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(5)
    return web.json_response({})


async def stranger(_request: web.Request) -> web.StreamResponse:
    return Problem(401, "Unauthorized", code="unauthorized").response()


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(300):
        await response.write(b" " * 65536)
    return response


@pytest.mark.parametrize(
    ("handler", "status", "code"),
    [
        (broken, 502, "service_failed"),
        (not_ready, 503, "service_away"),
        (silent, 503, "service_away"),
        (stranger, 502, "service_failed"),
        (endless, 502, "service_failed"),
    ],
)
async def test_a_service_that_does_not_answer_is_named(
    handler: Handler, status: int, code: str, environ: dict[str, str], http: ClientSession
) -> None:
    async with gateway_beside(handler, environ, http) as gateway:
        alice = await gateway.person()
        answer = await alice.call("GET", "/api/v1/stock")
        assert (answer.status, answer.body["code"], answer.body["service"]) == (status, code, "inventory")
        assert "inventory" in answer.body["detail"]
        assert "boom" not in str(answer.body)


async def test_pages_show_what_they_can_and_name_who_is_away(environ: dict[str, str], http: ClientSession) -> None:
    async with gateway_beside(broken, environ, http) as gateway:
        alice = await gateway.person()
        away = ["inventory", "prokip-poller", "store-push", "webhook-ingest"]
        counts = await alice.ok("GET", "/api/v1/overview")
        assert (counts["unavailable"], counts["stock"], counts["sales"]) == (away, None, None)
        parked = await alice.ok("GET", "/api/v1/parked")
        assert (parked["items"], sorted(parked["unavailable"])) == ([], away)


async def test_a_refusal_comes_through_in_the_services_own_words(environ: dict[str, str], http: ClientSession) -> None:
    async def ambiguous(_request: web.Request) -> web.StreamResponse:
        return Problem(409, "Several locations", code="choose_location", detail="Name one.").response()

    async with gateway_beside(ambiguous, environ, http) as gateway:
        alice = await gateway.person()
        answer = await alice.call("GET", "/api/v1/stock/explanation?sku=SHIRT")
        assert (answer.status, answer.body["code"], answer.body["detail"]) == (409, "choose_location", "Name one.")


async def test_any_sku_reaches_the_service_as_it_is_and_the_business_only_by_its_token(
    environ: dict[str, str], http: ClientSession
) -> None:
    asked: list[tuple[list[str], int]] = []

    async def note(request: web.Request) -> web.StreamResponse:
        scheme, _, token = request.headers["Authorization"].partition(" ")
        assert scheme == "Bearer"
        asked.append((request.rel_url.raw_path.split("/"), InternalTokens(INTERNAL_SECRET).verify(token)))
        assert set(request.query) == {"limit"}
        return web.json_response({"items": [], "next": None})

    async with gateway_beside(note, environ, http) as gateway:
        alice = await gateway.person()
        for sku in ("A/B", "50%", "ü ä", "a?b#c", "..", "-", "\\"):
            await alice.ok("GET", "/api/v1/stock/movements", params={"sku": sku})
        business = await alice.business_id()
    assert {one for _, one in asked} == {business}
    assert [path[3] for path, _ in asked] == ["A%2FB", "50%25", "%C3%BC%20%C3%A4", "a%3Fb%23c", "..", "-", "%5C"]
    assert {path[4] for path, _ in asked} == {"movements"}


async def test_a_decision_reaches_the_poller_with_what_was_looked_at(
    environ: dict[str, str], http: ClientSession
) -> None:
    decided: list[tuple[str, object]] = []

    async def note(request: web.Request) -> web.StreamResponse:
        decided.append((request.path.rpartition("/")[2], await request.json()))
        return web.json_response({"state": "recorded"})

    async with gateway_beside(note, environ, http) as gateway:
        alice = await gateway.person()
        sale = f"/api/v1/prokip/sales/{SaleKey(3, '1001').encode()}"
        await alice.ok("POST", f"{sale}/settle", {"recorded": True, "postingId": 9, "prokipSellId": "S-1"})
        await alice.ok("POST", f"{sale}/settle", {"recorded": False})
        await alice.ok("POST", f"{sale}/returns-entered", {"revision": 0})
        await alice.ok("POST", f"{sale}/returns-entered")
        for path, body in (("settle", {"recorded": True, "postingId": 0}), ("returns-entered", {"revision": True})):
            assert (await alice.call("POST", f"{sale}/{path}", body)).status == 422
    assert decided == [
        ("settle", {"outcome": "recorded", "sell_id": "S-1", "posting_id": 9}),
        ("settle", {"outcome": "not_recorded"}),
        ("returns-entered", {"revision": 0}),
        ("returns-entered", {}),
    ]


EXPLANATION: dict[str, object] = {
    "sku": "A",
    "location_id": "L",
    "state": "managed",
    "available": "7",
    "balance": "7",
    "base": "12",
    "taken": "5",
    "quantity": "10",
    "recorded": "2",
    "observed_at": None,
    "revision": 4,
    "open_units": "3",
    "earlier_orders_units": "0",
    "bundle_units": "0",
    "made_of": [],
    "adds_up": True,
}


@pytest.mark.parametrize(("poller_is_there", "state"), [(True, "posting"), (False, "due")])
async def test_an_order_that_prokip_is_being_told_of_says_so_as_far_as_the_poller_tells(
    environ: dict[str, str], http: ClientSession, poller_is_there: bool, state: str
) -> None:
    def order(order_ref: str, units: str, sale_state: str, detail: str = "") -> dict[str, object]:
        named = {"connection_id": 3, "order_ref": order_ref, "order_number": f"#{order_ref}", "status": "processing"}
        return (
            named
            | {"units": units, "sale_state": sale_state, "sale_detail": detail}
            | {
                "bundle_units": "0",
                "bundle_skus": [],
            }
        )

    orders = [order("1", "1", "due"), order("2", "2", "refused", "no such contact"), order("3", "2", "recorded")]

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path != "/internal/sale-records":
            return web.json_response(EXPLANATION | {"orders": orders})
        if not poller_is_there:
            return web.json_response({}, status=503)
        assert request.query["state"] == "posting"
        return web.json_response({"sale_records": [{"connection_id": 3, "order_ref": "1"}], "next": None})

    async with gateway_beside(answer, environ, http) as gateway:
        alice = await gateway.person()
        told = await alice.ok("GET", "/api/v1/stock/explanation?sku=A")
    parts = [(part["orderNumber"], part["prokipState"], part["open"], part["detail"]) for part in told["parts"]]
    assert parts == [("#1", state, True, ""), ("#2", "refused", True, "no such contact"), ("#3", "recorded", False, "")]
    assert (told["openUnits"], told["addsUp"]) == ("3", True)


@pytest.mark.parametrize("moment", ["2026-03-01T12:00:00+02:00", "0001-01-01T00:00:00+14:00"])
async def test_a_moment_reaches_inventory_as_it_was_meant(
    environ: dict[str, str], http: ClientSession, moment: str
) -> None:
    asked: list[str] = []

    async def note(request: web.Request) -> web.StreamResponse:
        asked.append(request.query["moment"])
        return Problem(400, "Bad request", code="bad_moment", detail="None.").response()

    async with gateway_beside(note, environ, http) as gateway:
        alice = await gateway.person()
        params = {"sku": "A", "moment": moment}
        answer = await alice.call("GET", "/api/v1/stock/at", params=params)
        assert (answer.status, answer.body["code"]) == (400, "bad_moment")
        for wrong in ("", "yesterday", "2026-03-01T12:00:00"):
            assert (await alice.call("GET", "/api/v1/stock/at", params=params | {"moment": wrong})).status == 422
    assert asked == [moment]

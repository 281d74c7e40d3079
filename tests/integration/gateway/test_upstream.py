"""The other services as the gateway meets them: answering, refusing, failing, silent, gone."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from prokip_shared.security.tokens import InternalTokens
from prokip_shared.web.problems import Problem
from tests.integration.gateway.client import Gateway, open_gateway
from tests.support.settings import INTERNAL_SECRET

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def gateway_beside(handler: Handler, environ: dict[str, str], http: ClientSession) -> AsyncIterator[Gateway]:
    """All four services are one server that answers with `handler`."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    async with TestServer(app) as server:
        url = str(server.make_url("")).rstrip("/")
        urls = dict.fromkeys(("INVENTORY_URL", "STORE_PUSH_URL", "PROKIP_POLLER_URL", "INGEST_URL"), url)
        async with open_gateway(environ | urls | {"UPSTREAM_TIMEOUT_S": "0.3"}, http) as gateway:
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

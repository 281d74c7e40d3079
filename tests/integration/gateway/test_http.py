"""What holds for every answer, whoever made it."""

from typing import Any

import pytest
from aiohttp import ClientSession

from gateway.openapi import build_document
from gateway.routes import ROUTES
from tests.integration.gateway.client import Gateway, open_gateway
from tests.support.eventually import eventually


async def test_the_document_that_is_served_is_the_route_tables(gateway: Gateway) -> None:
    answer = await gateway.call("GET", "/api/openapi.json")
    assert answer.status == 200
    assert answer.body["openapi"].startswith("3.1")
    assert answer.body["paths"].keys() == build_document(ROUTES)["paths"].keys()


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing/here", 404, "not_found"),
        ("GET", "/auth/login", 405, "method_not_allowed"),
        ("DELETE", "/api/v1/stock", 405, "method_not_allowed"),
        ("GET", "/api/v1/stock", 401, "unauthorized"),
        ("GET", "/api/v1/connections/abc", 404, "not_found"),
    ],
)
async def test_the_routers_own_errors_are_problems_too(
    gateway: Gateway, method: str, path: str, status: int, code: str
) -> None:
    answer = await gateway.call(method, path)
    assert (answer.status, answer.body["status"], answer.body["code"]) == (status, status, code)
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    if status == 405:
        assert answer.headers["Allow"]


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"data": b"{", "headers": {"Content-Type": "application/json"}}, 400, "broken_json"),
        ({"data": b"[]", "headers": {"Content-Type": "application/json"}}, 422, "invalid_input"),
        ({"data": b"a=b", "headers": {"Content-Type": "text/plain"}}, 415, "unsupported_media_type"),
        ({"data": b"x" * 70_000, "headers": {"Content-Type": "application/json"}}, 413, "body_too_large"),
        ({}, 415, "unsupported_media_type"),
    ],
)
async def test_unusable_bodies_are_told_apart(gateway: Gateway, more: dict[str, Any], status: int, code: str) -> None:
    answer = await gateway.call("POST", "/auth/login", **more)
    assert (answer.status, answer.body["code"]) == (status, code)


@pytest.mark.parametrize("path", ["/", "/dashboard/", "/nothing", "/api/v1/stock", "/health/live", "/api/openapi.json"])
async def test_every_answer_carries_the_security_headers(gateway: Gateway, path: str) -> None:
    headers = (await gateway.call("GET", path)).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] in {"no-referrer", "same-origin"}
    assert "Strict-Transport-Security" not in headers


async def test_answers_of_the_api_are_not_kept_by_browsers(gateway: Gateway) -> None:
    alice = await gateway.person()
    assert (await alice.call("GET", "/api/v1/session")).headers["Cache-Control"] == "no-store"


async def test_behind_https_browsers_are_told_to_stay_there(environ: dict[str, str], http: ClientSession) -> None:
    async with open_gateway(environ | {"BEHIND_HTTPS": "true"}, http) as gateway:
        assert (await gateway.call("GET", "/health/live")).headers["Strict-Transport-Security"].startswith("max-age=")
        account = {"username": "alice", "password": "correct horse battery"}
        await gateway.call("POST", "/auth/register", account)
        assert "Secure" in (await gateway.call("POST", "/auth/login", account)).headers["Set-Cookie"]


async def test_the_gateway_becomes_ready(gateway: Gateway) -> None:
    async def ready() -> bool:
        answer = await gateway.call("GET", "/health/ready")
        assert (answer.status, answer.body["problems"]) == (200, {})
        return True

    await eventually(ready, what="the gateway is ready")


async def test_unknown_query_names_are_refused_instead_of_ignored(gateway: Gateway) -> None:
    alice = await gateway.person()
    answer = await alice.call("GET", "/api/v1/stock?serach=shirt")
    assert (answer.status, answer.body["errors"][0]["field"]) == (422, "serach")

"""Webhook secrets rotate with two valid at once, and an operator sees which one is in use."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from prokip_sandbox.world import World, WorldSpec
from prokip_shared.platforms.signatures import fingerprint
from tests.integration.gateway.client import Gateway, Heard, Person, open_gateway
from tests.integration.gateway.test_shopify_consent import begin, come_back, credentials, shop_of, with_prokip

SPEC = WorldSpec(woocommerce_stores=1, shopify_shops=1, goods=2, simple_only=True)


class Ingest:
    """What webhook-ingest would tell of uses."""

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []

    async def tell(self, _request: web.Request) -> web.Response:
        return web.json_response({"items": self.items})


@pytest.fixture
def ingest() -> Ingest:
    return Ingest()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World(SPEC)
    async with made.serve():
        yield made


@pytest.fixture
async def gateway(environ: dict[str, str], http: ClientSession, world: World, ingest: Ingest) -> AsyncIterator[Gateway]:
    app = web.Application()
    app.router.add_get("/internal/secrets", ingest.tell)
    shopify = world.connections()["shopify"]
    async with TestServer(app, host="127.0.0.1") as server:
        settings = {
            "SHOPIFY_URL_TEMPLATE": shopify["urlTemplate"],
            "SHOPIFY_CLIENT_ID": shopify["clientId"],
            "SHOPIFY_CLIENT_SECRET": shopify["apiSecret"],
            "PUBLIC_URL": "https://sync.example.test",
            "INGEST_URL": str(server.make_url("")).rstrip("/"),
        }
        async with open_gateway(environ | settings, http) as opened:
            yield opened


@pytest.fixture
async def alice(gateway: Gateway, world: World) -> Person:
    return await with_prokip(await gateway.person(), world)


async def rotate(person: Person, connection_id: int, **given: Any) -> Heard:
    return await person.call("POST", f"/api/v1/connections/{connection_id}/secret", given or None)


async def held(environ: Mapping[str, str]) -> Any:
    return (await credentials(environ)).credentials


async def test_a_custom_stores_new_secret_is_told_once_with_a_line_that_signs(
    alice: Person, environ: dict[str, str]
) -> None:
    made = await alice.ok("POST", "/connections/custom", {"name": "Kiosk"})
    answer = await rotate(alice, made["id"], overlapHours=2)
    assert answer.status == 200, answer
    secret, until = answer.body["secret"], datetime.fromisoformat(answer.body["previousValidUntil"])
    assert secret != made["secret"]
    assert secret in answer.body["curl"]
    assert made["storeKey"] in answer.body["curl"]
    assert timedelta(minutes=119) < until - datetime.now(UTC) <= timedelta(hours=2)
    now = await held(environ)
    assert now.valid_secrets(datetime.now(UTC)) == (secret, made["secret"])
    assert now.valid_secrets(until) == (secret,)
    assert secret not in str(await alice.ok("GET", f"/api/v1/connections/{made['id']}/secret"))


async def test_only_two_are_valid_at_once_unless_the_older_ends_now(alice: Person, environ: dict[str, str]) -> None:
    made = await alice.ok("POST", "/connections/custom", {"name": "Kiosk"})
    first = await rotate(alice, made["id"])
    refused = await rotate(alice, made["id"])
    assert (refused.status, refused.body["code"]) == (409, "rotation_running")
    last = await rotate(alice, made["id"], overlapHours=0)
    assert last.status == 200
    valid = (await held(environ)).valid_secrets(datetime.now(UTC))
    assert valid == (last.body["secret"],)
    assert first.body["secret"] not in valid
    for wrong in ({"overlapHours": -1}, {"overlapHours": 169}, {"overlapHours": "soon"}, {"hours": 1}):
        assert (await rotate(alice, made["id"], **wrong)).status == 422


async def test_woocommerces_secret_is_made_here_and_never_told(
    alice: Person, world: World, environ: dict[str, str]
) -> None:
    made = await alice.ok("POST", "/connections/woocommerce", world.connections()["woocommerce"][0])
    before = (await held(environ)).webhook_secret
    assert (await rotate(alice, made["id"], secret="mine")).status == 422
    answer = await rotate(alice, made["id"])
    assert (answer.body["secret"], answer.body["curl"]) == (None, None)
    now = await held(environ)
    assert now.previous_secret == before
    assert now.webhook_secret != before


async def test_a_shops_new_secret_comes_from_shopify(alice: Person, world: World, environ: dict[str, str]) -> None:
    known = world.connections()["shopify"]
    shop = known["shops"][0]
    body = {"shop": shop["shop"], "accessToken": shop["accessToken"], "apiSecret": known["apiSecret"]}
    made = await alice.ok("POST", "/connections/shopify", body)
    assert (await rotate(alice, made["id"])).status == 422
    assert (await rotate(alice, made["id"], secret=known["apiSecret"])).status == 422
    assert (await rotate(alice, made["id"], secret="shpss_new")).status == 200
    assert (await held(environ)).valid_secrets(datetime.now(UTC)) == ("shpss_new", known["apiSecret"])


async def test_an_own_apps_new_secret_is_tried_and_heals_a_store_that_was_locked_out(
    alice: Person, world: World, environ: dict[str, str], database_url: str
) -> None:
    app = world.shopify.own_app
    body = {"shop": shop_of(world), **world.connections()["shopify"]["ownApp"]}
    made = await alice.ok("POST", "/api/v1/connections/shopify/app", body)
    first = await held(environ)
    wrong = await rotate(alice, made["id"], secret="shpss_wrong")
    assert (wrong.status, wrong.body["code"]) == (422, "store_refused")
    assert await held(environ) == first
    app.older_secret, app.client_secret = app.client_secret, "shpss_new"
    assert (await rotate(alice, made["id"], secret="shpss_new")).status == 200
    now = await held(environ)
    assert now.access_token != first.access_token
    assert now.valid_secrets(datetime.now(UTC)) == ("shpss_new", first.api_secret.get_secret_value())


async def test_the_servers_own_app_rotates_by_its_settings(
    alice: Person, gateway: Gateway, world: World, environ: dict[str, str], http: ClientSession
) -> None:
    shop = shop_of(world)
    asked, cookie = await begin(alice, shop)
    address = world.shopify.consent.approve(shop, asked)
    fields = dict(pair.split("=", 1) for pair in address.partition("?")[2].split("&"))
    assert (await come_back(gateway, fields, cookie)).status == 303
    (store,) = (await alice.ok("GET", "/api/v1/connections"))["items"]
    answer = await rotate(alice, store["id"], secret="shpss_new")
    assert (answer.status, answer.body["code"]) == (409, "secret_of_app")
    assert "SHOPIFY_CLIENT_SECRET_PREVIOUS" in answer.body["detail"]


async def test_an_operator_sees_which_secret_was_used_last(
    alice: Person, ingest: Ingest, environ: dict[str, str]
) -> None:
    made = await alice.ok("POST", "/connections/custom", {"name": "Kiosk"})
    path = f"/api/v1/connections/{made['id']}/secret"
    unused = {"activeUsedAt": None, "previousUsedAt": None, "previousValidUntil": None, "known": True}
    assert await alice.ok("GET", path) == unused
    secret = (await rotate(alice, made["id"])).body["secret"]
    for text, at in ((secret, "2026-11-25T10:00:00+00:00"), (made["secret"], "2026-11-25T11:00:00+00:00")):
        use = {"connection_id": made["id"], "fingerprint": fingerprint(text), "used_at": at}
        ingest.items += [use, use | {"connection_id": made["id"] + 1, "used_at": "2020-01-01T00:00:00+00:00"}]
    shown = await alice.ok("GET", path)
    assert (shown["activeUsedAt"], shown["previousUsedAt"]) == ("2026-11-25T10:00:00Z", "2026-11-25T11:00:00Z")
    assert shown["previousValidUntil"] is not None


async def test_a_disconnected_store_has_no_secret(alice: Person) -> None:
    made = await alice.ok("POST", "/connections/custom", {"name": "Kiosk"})
    await alice.ok("DELETE", f"/api/v1/connections/{made['id']}")
    assert (await rotate(alice, made["id"])).status == 404
    assert (await alice.call("GET", f"/api/v1/connections/{made['id']}/secret")).status == 404

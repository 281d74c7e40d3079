"""Connecting against simulated stores that behave like the real ones."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from prokip_sandbox.world import World, WorldSpec
from tests.integration.gateway.client import Gateway, Person, open_gateway
from tests.support.eventually import eventually

SPEC = WorldSpec(woocommerce_stores=1, shopify_shops=2, goods=3, simple_only=True, shopify_locations=("Main", "Cellar"))


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World(SPEC)
    async with made.serve():
        yield made


@pytest.fixture
async def gateway(environ: dict[str, str], http: ClientSession, world: World) -> AsyncIterator[Gateway]:
    template = world.connections()["shopify"]["urlTemplate"]
    async with open_gateway(environ | {"SHOPIFY_URL_TEMPLATE": template}, http) as opened:
        yield opened


@pytest.fixture
async def alice(gateway: Gateway, world: World) -> Person:
    """Signed in, with Prokip set up."""
    person = await gateway.person()
    await person.ok("POST", "/setup/prokip", prokip_of(world))
    return person


def prokip_of(world: World) -> dict[str, Any]:
    known = world.connections()["prokip"]
    return {"token": known["token"], "apiUrl": known["apiUrl"], "locationId": known["locationIds"][0]}


def woocommerce_of(world: World) -> dict[str, Any]:
    found: dict[str, Any] = world.connections()["woocommerce"][0]
    return found


def shopify_of(world: World, number: int = 0) -> dict[str, Any]:
    known = world.connections()["shopify"]
    shop = known["shops"][number]
    return {"shop": shop["shop"], "accessToken": shop["accessToken"], "apiSecret": known["apiSecret"]}


CONNECTIONS = "SELECT * FROM gateway.connection ORDER BY id"
ACCOUNTS = "SELECT * FROM gateway.prokip_account"
EVENTS = "SELECT * FROM gateway.live_event ORDER BY number"


async def rows(database_url: str, statement: str) -> list[asyncpg.Record]:
    database = await asyncpg.connect(database_url)
    try:
        return await database.fetch(statement)
    finally:
        await database.close()


async def test_prokip_is_tried_before_it_is_kept(gateway: Gateway, world: World, database_url: str) -> None:
    alice = await gateway.person()
    assert await alice.ok("GET", "/api/v1/prokip") == {
        "configured": False,
        "dialect": None,
        "apiUrl": None,
        "locationId": None,
        "contactId": None,
        "timezone": None,
        "intervalS": None,
        "configuredAt": None,
        "warnings": [],
        "state": None,
    }
    right = prokip_of(world)
    for change, status, words in (
        ({"token": "wrong"}, 422, "does not accept the token"),
        ({"locationId": "NOWHERE"}, 422, "location"),
        ({"apiUrl": "http://127.0.0.1:1"}, 422, "cannot be reached"),
        ({"apiUrl": "http://shop.example"}, 422, "https:// is needed"),
        ({"apiUrl": "ftp://shop.example"}, 422, "begins with https://"),
        ({"intervalS": 0}, 422, "intervalS"),
        ({"locationId": ""}, 422, "locationId"),
    ):
        answer = await alice.call("POST", "/setup/prokip", right | change)
        assert answer.status == status, (change, answer)
        assert words in answer.body["detail"]
    assert await rows(database_url, ACCOUNTS) == []
    answer = await alice.call("POST", "/setup/prokip", right | {"intervalS": 60})
    assert (answer.status, answer.body) == (200, {"message": "Prokip configured successfully"})
    shown = await alice.ok("GET", "/api/v1/prokip")
    assert (shown["configured"], shown["locationId"], shown["intervalS"]) == (True, "LOC001", 60)
    assert "token" not in shown
    (row,) = await rows(database_url, ACCOUNTS)
    assert right["token"].encode() not in row["credentials"]


async def test_the_stored_prokip_token_goes_to_no_other_address(alice: Person, world: World) -> None:
    settings = prokip_of(world)
    del settings["token"]
    assert (await alice.call("PUT", "/api/v1/prokip", settings | {"intervalS": 30})).body["intervalS"] == 30
    heard: list[str | None] = []

    async def listen(request: web.Request) -> web.Response:
        heard.append(request.headers.get("Authorization"))
        return web.json_response([{"sku": "A", "quantity": 1}])

    stranger = web.Application()
    stranger.router.add_get("/inventory", listen)
    async with TestServer(stranger) as server:
        answer = await alice.call("PUT", "/api/v1/prokip", settings | {"apiUrl": str(server.make_url(""))})
    assert answer.status == 422
    assert "token" in answer.body["detail"]
    assert heard == []


async def test_a_woocommerce_store_is_checked_and_gets_our_webhooks(
    alice: Person, world: World, database_url: str
) -> None:
    given = woocommerce_of(world)
    answer = await alice.call("POST", "/connections/woocommerce", given)
    assert answer.status == 200, answer.body
    assert answer.body["message"] == "WooCommerce store connected successfully"
    (store,) = world.woocommerce
    topics = {hook.topic for hook in store.state.webhooks.values()}
    assert {"order.created", "order.updated", "order.restored", "product.updated"} <= topics
    assert {hook.delivery_url for hook in store.state.webhooks.values()} == {
        "http://127.0.0.1:9/connections/webhook/woocommerce"
    }
    (row,) = await rows(database_url, CONNECTIONS)
    assert given["consumerSecret"].encode() not in row["credentials"]
    (listed,) = await alice.ok("GET", "/connections")
    assert (listed["platform"], listed["storeUrl"], listed["lastSync"]) == ("woocommerce", given["storeUrl"], None)
    assert (listed["status"], listed["sync_enabled"], listed["location_id"]) == ("connected", True, "LOC001")
    assert "credentials" not in listed


async def test_wrong_keys_are_refused_in_the_stores_words_and_nothing_is_kept(
    alice: Person, world: World, database_url: str
) -> None:
    right = woocommerce_of(world)
    read_only = world.woocommerce[0].read_only_key
    for change, status, words in (
        ({"consumerSecret": "cs_wrong"}, 422, "does not accept the keys"),
        (
            {"consumerKey": read_only.consumer_key, "consumerSecret": read_only.consumer_secret},
            422,
            "Read/Write",
        ),
        ({"storeUrl": "http://127.0.0.1:1"}, 502, "cannot be reached"),
        ({"storeUrl": world.prokip.url}, 502, "REST API"),
        ({"storeUrl": "http://localhost:9"}, 422, "https:// is needed"),
        ({"storeUrl": "https://user:pw@shop.example"}, 422, "without user name"),
        ({"storeUrl": "https://10.0.0.1"}, 502, "private or local"),
        ({"storeUrl": "https://[::1]"}, 502, "private or local"),
    ):
        answer = await alice.call("POST", "/connections/woocommerce", right | change)
        assert answer.status == status, (change, answer)
        assert words in answer.body["detail"], (change, answer)
        assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert await rows(database_url, CONNECTIONS) == []
    assert world.woocommerce[0].state.webhooks == {}


async def test_a_store_belongs_to_one_business_and_the_other_is_not_told_which(
    gateway: Gateway, alice: Person, world: World
) -> None:
    await alice.ok("POST", "/connections/woocommerce", woocommerce_of(world))
    hooks = dict(world.woocommerce[0].state.webhooks)
    bob = await gateway.person("bob")
    await bob.ok("POST", "/setup/prokip", prokip_of(world))
    answer = await bob.call("POST", "/connections/woocommerce", woocommerce_of(world))
    assert (answer.status, answer.body["code"]) == (409, "store_taken")
    assert "alice" not in str(answer.body)
    assert world.woocommerce[0].state.webhooks == hooks
    assert await bob.ok("GET", "/connections") == []


async def test_a_store_waits_for_prokip_or_a_location(gateway: Gateway, world: World) -> None:
    alice = await gateway.person()
    answer = await alice.call("POST", "/connections/woocommerce", woocommerce_of(world))
    assert (answer.status, answer.body["code"]) == (409, "prokip_not_configured")
    named = await alice.ok("POST", "/connections/woocommerce", woocommerce_of(world) | {"locationId": "LOC9"})
    assert named["connection"]["locationId"] == "LOC9"


async def test_disconnecting_takes_webhooks_and_keys_away_and_reconnecting_revives_the_row(
    alice: Person, world: World, database_url: str
) -> None:
    first = await alice.ok("POST", "/api/v1/connections/woocommerce", woocommerce_of(world) | {"choice": "pull"})
    path = f"/api/v1/connections/{first['id']}"
    gone = await alice.ok("DELETE", path)
    assert gone["webhooksRemoved"] is True
    assert world.woocommerce[0].state.webhooks == {}
    (row,) = await rows(database_url, CONNECTIONS)
    assert (row["status"], row["credentials"]) == ("disconnected", None)
    assert await alice.ok("GET", "/connections") == []
    everything = await alice.ok("GET", "/api/v1/connections?status=all")
    assert [item["status"] for item in everything["items"]] == ["disconnected"]
    assert (await alice.call("DELETE", path)).status == 404
    assert (await alice.call("PATCH", path, {"syncEnabled": True})).status == 404
    again = await alice.ok("POST", "/api/v1/connections/woocommerce", woocommerce_of(world))
    assert again["id"] == first["id"]
    assert (again["connection"]["status"], again["connection"]["choice"]) == ("connected", "pull")
    assert again["connection"]["connectedAt"] >= first["connection"]["connectedAt"]


async def test_a_store_that_is_gone_cannot_keep_its_owner(alice: Person, world: World, database_url: str) -> None:
    made = await alice.ok("POST", "/api/v1/connections/woocommerce", woocommerce_of(world))
    world.woocommerce[0]._gatekeeper._keys.clear()  # the shop's owner deleted the key
    gone = await alice.ok("DELETE", f"/api/v1/connections/{made['id']}")
    assert gone["webhooksRemoved"] is False
    (row,) = await rows(database_url, CONNECTIONS)
    assert row["credentials"] is None


async def test_connecting_again_replaces_the_webhooks_instead_of_doubling_them(alice: Person, world: World) -> None:
    await alice.ok("POST", "/connections/woocommerce", woocommerce_of(world))
    before = set(world.woocommerce[0].state.webhooks)
    await alice.ok("POST", "/connections/woocommerce", woocommerce_of(world))
    after = set(world.woocommerce[0].state.webhooks)
    assert len(after) == len(before)
    assert not after & before


async def test_a_shopify_shop_with_several_locations_asks_which_one(alice: Person, world: World) -> None:
    given = shopify_of(world)
    asked = await alice.call("POST", "/connections/shopify", given)
    assert (asked.status, asked.body["code"]) == (409, "choose_location")
    assert {place["name"] for place in asked.body["places"]} == {"Main", "Cellar"}
    assert (await alice.call("POST", "/connections/shopify", given | {"placeId": "1"})).status == 422
    place = next(place for place in asked.body["places"] if place["name"] == "Cellar")
    made = await alice.ok("POST", "/connections/shopify", given | {"placeId": place["id"]})
    assert made["message"] == "Shopify store connected successfully"
    assert made["connection"]["placeId"] == place["id"]
    assert made["connection"]["storeUrl"] == given["shop"]


async def test_a_token_of_another_shop_or_none_is_refused(alice: Person, world: World) -> None:
    given = shopify_of(world)
    for change in (
        {"accessToken": "shpat_wrong"},
        {"accessToken": shopify_of(world, 1)["accessToken"]},
        {"shop": "evil.example"},
        {"shop": "nowhere.myshopify.com"},
        {"shop": "sandbox-1.myshopify.com.evil.example"},
    ):
        answer = await alice.call("POST", "/connections/shopify", given | change)
        assert answer.status == 422, (change, answer)
    assert await alice.ok("GET", "/connections") == []


async def test_the_consent_page_is_said_to_be_missing(alice: Person) -> None:
    answer = await alice.call("GET", "/connections/shopify?shop=sandbox-1.myshopify.com")
    assert (answer.status, answer.body["code"]) == (409, "oauth_not_set_up")
    assert "access token" in answer.body["detail"]


async def test_a_custom_store_gets_a_secret_once_and_a_curl_line_that_signs(alice: Person) -> None:
    made = await alice.ok("POST", "/connections/custom", {"name": "Corner Shop"})
    assert made["message"] == "Custom store connected successfully"
    assert made["storeKey"].startswith("corner-shop-")
    line = made["curl"].replace("curl -sS -X POST", "printf '%s\\n'").replace("--data-raw", "DATA")
    shell = await asyncio.create_subprocess_exec("/bin/bash", "-c", line, stdout=asyncio.subprocess.PIPE)
    said = (await shell.communicate())[0].decode().splitlines()
    body = said[said.index("DATA") + 1]
    expected = base64.b64encode(hmac.digest(made["secret"].encode(), body.encode(), hashlib.sha256)).decode()
    assert f"X-Prokip-Signature: {expected}" in said
    assert json.loads(body)["status"] == "completed"
    shown = await alice.ok("GET", f"/api/v1/connections/{made['id']}")
    assert made["secret"] not in str(shown)
    other = await alice.ok("POST", "/connections/custom", {"name": "Corner Shop"})
    assert other["storeKey"] != made["storeKey"]


async def test_changes_are_told_to_the_other_services(alice: Person, database_url: str) -> None:
    made = await alice.ok("POST", "/connections/custom", {"name": "Shop"})
    path = f"/api/v1/connections/{made['id']}"
    assert (await alice.ok("PATCH", path, {"syncEnabled": False}))["status"] == "paused"
    assert (await alice.ok("PATCH", path, {"sync_enabled": True}))["status"] == "connected"
    assert (await alice.ok("PATCH", path, {"choice": "push", "locationId": "LOC2"}))["locationId"] == "LOC2"
    assert (await alice.call("PATCH", path, {"choice": "neither"})).status == 422
    await alice.ok("DELETE", path)

    async def told() -> list[str]:
        bodies = [row["body"] for row in await rows(database_url, EVENTS)]
        return bodies if len(bodies) == 6 else []

    changes = [json.loads(body)["data"]["change"] for body in await eventually(told, what="six events")]
    assert changes == ["prokip_configured", "connected", "paused", "resumed", "updated", "disconnected"]

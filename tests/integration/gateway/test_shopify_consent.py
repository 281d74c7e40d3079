"""Shopify's consent page, from both ends: nobody gets in by a callback that was not asked for, and tokens stay good."""

import re
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import asyncpg
import pytest
from aiohttp import ClientSession

from gateway.config import GatewaySettings
from prokip_sandbox import Fault
from prokip_sandbox.world import World, WorldSpec
from prokip_shared.connections import ShopifyCredentials
from prokip_shared.directory import Directory
from prokip_shared.security.vault import Vault
from prokip_shared.settings import load_settings
from tests.integration.gateway.client import Gateway, Heard, Person, open_gateway
from tests.support.eventually import eventually

PUBLIC_URL = "https://sync.example.test"
CALLBACK = "/connections/callback/shopify"


@pytest.fixture
def spec() -> WorldSpec:
    return WorldSpec(woocommerce_stores=0, shopify_shops=2, goods=3, simple_only=True)


@pytest.fixture
async def world(spec: WorldSpec) -> AsyncIterator[World]:
    made = World(spec)
    async with made.serve():
        yield made


@pytest.fixture
async def gateway(environ: dict[str, str], http: ClientSession, world: World) -> AsyncIterator[Gateway]:
    shopify = world.connections()["shopify"]
    app = {
        "SHOPIFY_URL_TEMPLATE": shopify["urlTemplate"],
        "SHOPIFY_CLIENT_ID": shopify["clientId"],
        "SHOPIFY_CLIENT_SECRET": shopify["apiSecret"],
        "PUBLIC_URL": PUBLIC_URL,
    }
    async with open_gateway(environ | app, http) as opened:
        yield opened


@pytest.fixture
async def alice(gateway: Gateway, world: World) -> Person:
    return await with_prokip(await gateway.person(), world)


async def with_prokip(person: Person, world: World) -> Person:
    known = world.connections()["prokip"]
    settings = {"token": known["token"], "apiUrl": known["apiUrl"], "locationId": known["locationIds"][0]}
    await person.ok("POST", "/setup/prokip", settings)
    return person


async def begin(person: Person, shop: str) -> tuple[dict[str, str], str]:
    """What the consent page is asked, and the cookie of the browser that was sent there."""
    answer = await person.call("GET", f"/connections/shopify?shop={shop}")
    assert answer.status == 302, answer
    cookie = SimpleCookie(answer.headers["Set-Cookie"])["prokip_shopify"]
    assert (cookie["samesite"], cookie["httponly"], cookie["path"]) == ("Lax", True, CALLBACK)
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query)), cookie.value


def approve(world: World, shop: str, asked: Mapping[str, str]) -> dict[str, str]:
    """The merchant says yes: the parameters with which Shopify sends the browser back."""
    address = world.shopify.consent.approve(shop, asked)
    assert address.startswith(PUBLIC_URL + CALLBACK)
    return dict(parse_qsl(urlsplit(address).query))


async def come_back(gateway: Gateway, fields: Mapping[str, str], cookie: str, **more: Any) -> Heard:
    headers = {"Cookie": f"prokip_shopify={cookie}"}
    return await gateway.call("GET", f"{CALLBACK}?{urlencode(fields)}", headers=headers | more)


async def stores(person: Person) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await person.ok("GET", "/api/v1/connections"))["items"]
    return items


def shop_of(world: World, number: int = 0) -> str:
    return list(world.shopify.shops)[number]


async def test_a_shop_is_connected_on_its_own_page(alice: Person, gateway: Gateway, world: World) -> None:
    shop = shop_of(world)
    asked, cookie = await begin(alice, shop.partition(".")[0])
    answer = await come_back(gateway, approve(world, shop, asked), cookie)
    assert (answer.status, answer.headers["Location"]) == (303, "/dashboard/stores")
    (store,) = await stores(alice)
    assert (store["platform"], store["storeKey"], store["status"]) == ("shopify", shop, "connected")
    assert len(world.shopify.shop(shop).state.subscriptions) > 0


async def test_programs_get_the_address_as_json(alice: Person, world: World) -> None:
    answer = await alice.call(
        "GET", f"/connections/shopify?shop={shop_of(world)}", headers={"Accept": "application/json"}
    )
    assert answer.status == 200
    assert answer.body["authorizeUrl"].startswith(world.shopify.url)


async def test_the_sandbox_shows_a_page_that_leads_back(alice: Person, gateway: Gateway, world: World) -> None:
    answer = await alice.call("GET", f"/connections/shopify?shop={shop_of(world)}")
    async with gateway.http.get(answer.headers["Location"]) as page:
        text = await page.text()
    assert "Simulated Shopify" in text
    assert re.search(rf'id="install" href="{re.escape(PUBLIC_URL)}', text)


async def test_every_other_callback_is_refused_and_connects_nothing(
    alice: Person, gateway: Gateway, world: World
) -> None:
    shop, other = shop_of(world), shop_of(world, 1)
    asked, cookie = await begin(alice, shop)
    back = approve(world, shop, asked)
    sign = world.shopify.consent.signed

    def resigned(**changes: str) -> dict[str, str]:
        return sign({name: value for name, value in (back | changes).items() if name != "hmac"})

    for fields, browser, code in (
        (back | {"hmac": "0" * 64}, cookie, "forged_callback"),
        (back | {"shop": other}, cookie, "forged_callback"),
        ({name: value for name, value in back.items() if name != "hmac"}, cookie, "forged_callback"),
        (resigned(shop="evil.example"), cookie, "wrong_shop"),
        (resigned(shop=f"https://{shop}"), cookie, "wrong_shop"),
        (resigned(shop=f"{shop}.evil.example"), cookie, "wrong_shop"),
        (resigned(shop=other), cookie, "unknown_state"),
        (resigned(state="0" * 64), cookie, "unknown_state"),
        (back, "", "unknown_state"),  # another browser
        (back, "0" * 64, "unknown_state"),
    ):
        answer = await come_back(gateway, fields, browser)
        assert (answer.status, answer.body["code"]) == (403, code), (fields, answer)
        assert await stores(alice) == []
    assert (await come_back(gateway, back, cookie)).status == 303
    again = await come_back(gateway, back, cookie)
    assert (again.status, again.body["code"]) == (403, "unknown_state")
    assert len(await stores(alice)) == 1


async def test_a_state_counts_only_in_the_browser_of_the_person_who_was_sent(
    alice: Person, gateway: Gateway, world: World
) -> None:
    """An attacker's way back, opened in the victim's browser, must not connect the attacker's shop there, nor here."""
    mallory = await with_prokip(await gateway.person("mallory"), world)
    asked, _ = await begin(mallory, shop_of(world))
    _, alices = await begin(alice, shop_of(world))
    answer = await come_back(gateway, approve(world, shop_of(world), asked), alices)
    assert (answer.status, answer.body["code"]) == (403, "unknown_state")
    assert await stores(alice) == await stores(mallory) == []


async def test_a_state_is_spent_although_shopify_refuses_the_code(
    alice: Person, gateway: Gateway, world: World
) -> None:
    asked, cookie = await begin(alice, shop_of(world))
    back = approve(world, shop_of(world), asked)
    forged = world.shopify.consent.signed(
        {name: value for name, value in back.items() if name != "hmac"} | {"code": "made-up"}
    )
    answer = await come_back(gateway, forged, cookie)
    assert (answer.status, answer.body["code"]) == (422, "store_refused")
    assert (await come_back(gateway, back, cookie)).body["code"] == "unknown_state"


async def test_a_person_sees_a_page_and_a_program_a_problem(gateway: Gateway) -> None:
    answer = await come_back(gateway, {"shop": "x.myshopify.com"}, "", Accept="text/html,*/*")
    assert (answer.status, answer.headers["Location"]) == (
        303,
        "/dashboard/stores/connect/shopify?refused=forged_callback",
    )


async def test_without_an_app_it_says_what_is_missing(environ: dict[str, str], http: ClientSession) -> None:
    async with open_gateway(environ, http) as bare:
        person = await bare.person()
        answer = await person.call("GET", "/connections/shopify?shop=some-shop")
        assert (answer.status, answer.body["code"]) in {(409, "oauth_not_set_up"), (409, "prokip_not_configured")}


class TestSeveralLocations:
    @pytest.fixture
    def spec(self) -> WorldSpec:
        return WorldSpec(
            woocommerce_stores=0, shopify_shops=1, goods=2, simple_only=True, shopify_locations=("Main", "Cellar")
        )

    async def test_the_operator_chooses_and_nobody_else(self, alice: Person, gateway: Gateway, world: World) -> None:
        shop = shop_of(world)
        asked, cookie = await begin(alice, shop)
        answer = await come_back(gateway, approve(world, shop, asked), cookie)
        page = urlsplit(answer.headers["Location"])
        assert page.path == "/dashboard/stores/connect/shopify"
        path = f"/api/v1/connections/shopify/installs/{dict(parse_qsl(page.query))['install']}"
        waiting = await alice.ok("GET", path)
        assert (waiting["shop"], [place["name"] for place in waiting["places"]]) == (shop, ["Cellar", "Main"])
        mallory = await gateway.person("mallory")
        chosen = {"placeId": waiting["places"][1]["id"]}
        assert (await mallory.call("GET", path)).status == (await mallory.call("POST", path, chosen)).status == 404
        assert (await alice.call("POST", path, {"placeId": "1"})).status == 422
        connected = await alice.ok("POST", path, chosen)
        assert connected["connection"]["placeId"] == chosen["placeId"]
        assert (await alice.call("POST", path, chosen)).status == 404


async def credentials(environ: Mapping[str, str]) -> Any:
    """As every service reads them."""
    settings = load_settings(GatewaySettings, environ)
    directory = Directory(settings.database_url, Vault(settings.encryption_key.get_secret_value()))
    await directory.refresh()
    (record,) = directory.all_connections()
    return record


async def make_due(database_url: str) -> None:
    database = await asyncpg.connect(database_url)
    try:
        await database.execute("UPDATE gateway.connection SET tokens_due_at = now()")
    finally:
        await database.close()


async def connect(alice: Person, gateway: Gateway, world: World) -> None:
    asked, cookie = await begin(alice, shop_of(world))
    assert (await come_back(gateway, approve(world, shop_of(world), asked), cookie)).status == 303


async def test_tokens_are_exchanged_before_they_expire_also_when_the_answer_was_lost(
    alice: Person, gateway: Gateway, world: World, environ: dict[str, str], database_url: str
) -> None:
    await connect(alice, gateway, world)
    first = (await credentials(environ)).credentials
    assert first.expires_at > datetime.now(UTC) + timedelta(minutes=50)
    world.shopify.faults.add(Fault("reset_after", path="/oauth/access_token"))
    await make_due(database_url)

    async def lost() -> bool:
        return not world.shopify.faults.rules

    await eventually(lost, what="an answer was lost")
    await make_due(database_url)

    async def renewed() -> bool:
        held: ShopifyCredentials = (await credentials(environ)).credentials
        return bool(held.access_token != first.access_token)

    await eventually(renewed, what="tokens renewed")
    second = (await credentials(environ)).credentials
    assert second.refresh_token != first.refresh_token
    assert world.shopify.consent.accepts(shop_of(world), second.access_token.get_secret_value())


async def test_a_withdrawn_grant_waits_for_a_person_who_connects_again(
    alice: Person, gateway: Gateway, world: World, database_url: str
) -> None:
    await connect(alice, gateway, world)
    world.shopify.consent.uninstall(shop_of(world))
    await make_due(database_url)

    async def noticed() -> bool:
        return bool((await stores(alice))[0]["status"] == "needs_reauthorisation")

    await eventually(noticed, what="withdrawn")
    await connect(alice, gateway, world)
    assert [store["status"] for store in await stores(alice)] == ["connected"]

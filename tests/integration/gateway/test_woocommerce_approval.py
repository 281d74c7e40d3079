"""A WooCommerce store's own approval page, from both ends: keys count once, for the person and browser that asked."""

import asyncio
import html
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import asyncpg
import pytest
from aiohttp import ClientSession, CookieJar
from aiohttp.test_utils import unused_port

from prokip_sandbox import WooCommerceStore
from prokip_sandbox.woocommerce.approval import MANAGER
from prokip_sandbox.world import World, WorldSpec
from tests.integration.gateway.client import Gateway, Heard, Person, open_gateway

RETURN = "/connections/return/woocommerce"
KEYS = {
    "key_id": 1,
    "consumer_key": "ck_" + "0" * 40,
    "consumer_secret": "cs_" + "0" * 40,
    "key_permissions": "read_write",
}


@pytest.fixture(params=["", "/blog"], ids=["at the root", "in a subfolder"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    spec = WorldSpec(woocommerce_stores=1, shopify_shops=0, goods=2, simple_only=True, woocommerce_folder=request.param)
    made = World(spec)
    async with made.serve():
        yield made


@pytest.fixture
async def gateway(environ: dict[str, str], http: ClientSession) -> AsyncIterator[Gateway]:
    port = unused_port()
    doors = {"PORT": str(port), "PUBLIC_URL": f"http://127.0.0.1:{port}"}
    async with open_gateway(environ | doors, http) as opened:
        yield opened


@pytest.fixture
async def alice(gateway: Gateway, world: World) -> Person:
    return await with_prokip(await gateway.person(), world)


@pytest.fixture
def store(world: World) -> WooCommerceStore:
    return world.woocommerce[0]


async def with_prokip(person: Person, world: World) -> Person:
    known = world.connections()["prokip"]
    settings = {"token": known["token"], "apiUrl": known["apiUrl"], "locationId": known["locationIds"][0]}
    await person.ok("POST", "/setup/prokip", settings)
    return person


@dataclass(frozen=True, slots=True)
class Way:
    """One way to the store: its address, and the cookie of the browser that was sent there."""

    url: str
    cookie: str = field(repr=False)

    @property
    def asked(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.url).query))

    @property
    def state(self) -> str:
        return self.asked["user_id"]

    @property
    def callback(self) -> str:
        return urlsplit(self.asked["callback_url"]).path


async def begin(person: Person, store: WooCommerceStore) -> Way:
    answer = await person.call("GET", f"/connections/woocommerce/authorize?{urlencode({'storeUrl': store.home_url})}")
    assert answer.status == 302, answer
    cookie = SimpleCookie(answer.headers["Set-Cookie"])["prokip_woocommerce"]
    assert (cookie["samesite"], cookie["httponly"], cookie["path"]) == ("Lax", True, RETURN)
    return Way(answer.headers["Location"], cookie.value)


async def approve(way: Way, store: WooCommerceStore) -> str:
    """What a shop manager does in the store; the address that the browser is sent back to."""
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as browser:
        async with browser.get(way.url) as page:
            (redirect,) = re.findall(r'name="redirect" value="([^"]+)"', await page.text())
        form = {"username": MANAGER.name, "password": MANAGER.password, "redirect": html.unescape(redirect)}
        async with browser.post(f"{store.home_url}/my-account/", data=form) as page:
            (link,) = re.findall(r'id="approve" href="([^"]+)"', await page.text())
        async with browser.get(html.unescape(link), allow_redirects=False) as answer:
            assert answer.status == 302, await answer.text()
            return answer.headers["Location"]


async def come_back(gateway: Gateway, fields: Mapping[str, str], cookie: str, **more: str) -> Heard:
    headers = {"Cookie": f"prokip_woocommerce={cookie}"} | more
    return await gateway.call("GET", f"{RETURN}?{urlencode(fields)}", headers=headers)


async def stores(person: Person) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await person.ok("GET", "/api/v1/connections"))["items"]
    return items


async def rows(database_url: str) -> list[asyncpg.Record]:
    database = await asyncpg.connect(database_url)
    try:
        return await database.fetch("SELECT * FROM gateway.woocommerce_approval")
    finally:
        await database.close()


async def test_a_store_is_connected_on_its_own_page(
    alice: Person, gateway: Gateway, store: WooCommerceStore, database_url: str
) -> None:
    way = await begin(alice, store)
    assert way.url.startswith(f"{store.home_url}/wc-auth/v1/authorize?")
    assert (way.asked["app_name"], way.asked["scope"]) == ("prokip-sync", "read_write")
    back = await approve(way, store)
    (row,) = await rows(database_url)
    (key,) = store.state.granted_keys.values()
    assert key.consumer_secret.encode() not in row["keys"]
    assert way.state.encode() not in b"".join(value for value in row if isinstance(value, bytes))
    answer = await come_back(gateway, dict(parse_qsl(urlsplit(back).query)), way.cookie)
    assert (answer.status, answer.headers["Location"]) == (303, "/dashboard/stores")
    (connected,) = await stores(alice)
    assert (connected["platform"], connected["storeUrl"], connected["status"]) == (
        "woocommerce",
        store.home_url,
        "connected",
    )
    assert store.tells_orders
    assert await rows(database_url) == []


async def test_a_callback_that_is_not_the_stores_one_answer_is_refused(
    alice: Person, gateway: Gateway, store: WooCommerceStore, database_url: str
) -> None:
    way, other = await begin(alice, store), await begin(alice, store)
    right = KEYS | {"user_id": way.state}
    for path, body, status, code in (
        (way.callback, right | {"user_id": "1"}, 403, "unknown_state"),
        (way.callback, right | {"user_id": other.state}, 403, "unknown_state"),
        (other.callback, right, 403, "unknown_state"),
        (f"/connections/callback/woocommerce/{'0' * 64}", right, 403, "unknown_state"),
        (way.callback, right | {"key_permissions": "read"}, 422, "invalid_input"),
        (way.callback, right | {"consumer_key": "nonsense"}, 422, "invalid_input"),
        (way.callback, right | {"consumer_secret": "cs_a\nX: y"}, 422, "invalid_input"),
        (way.callback, right | {"key_id": "one"}, 422, "invalid_input"),
        (way.callback, {name: value for name, value in right.items() if name != "user_id"}, 422, "invalid_input"),
        (way.callback, [right], 422, "invalid_input"),
    ):
        answer = await gateway.call("POST", path, body)
        assert (answer.status, answer.body["code"]) == (status, code), (path, body, answer)
    form = await gateway.call("POST", way.callback, data=urlencode(right))
    assert form.status == 415
    assert (await gateway.call("GET", way.callback)).status == 405
    assert [row["keys"] for row in await rows(database_url)] == [None, None]
    assert (await gateway.call("POST", way.callback, right | {"added_by": "a plugin"})).status == 200
    again = await gateway.call("POST", way.callback, right | {"consumer_key": "ck_" + "1" * 40})
    assert (again.status, again.body["code"]) == (403, "unknown_state")


async def test_only_one_of_two_posts_at_once_is_taken(alice: Person, gateway: Gateway, store: WooCommerceStore) -> None:
    way = await begin(alice, store)
    posted = [
        gateway.call("POST", way.callback, KEYS | {"user_id": way.state, "consumer_key": f"ck_{digit}" + "0" * 39})
        for digit in "0123456789"
    ]
    assert sorted(answer.status for answer in await asyncio.gather(*posted)) == [200] + [403] * 9


async def test_every_other_way_back_is_refused_and_connects_nothing(
    alice: Person, gateway: Gateway, world: World, store: WooCommerceStore, database_url: str
) -> None:
    mallory = await with_prokip(await gateway.person("mallory"), world)
    mallorys = await begin(mallory, store)
    for success, posted, cookie, code in (
        ("1", True, "", "unknown_state"),  # another browser
        ("1", True, mallorys.cookie, "unknown_state"),  # another person's
        ("0", True, None, "not_approved"),
        ("", True, None, "not_approved"),
        ("1", False, None, "no_keys"),  # nobody approved anything
        ("1", True, None, "store_refused"),  # keys that the store does not know
    ):
        way = await begin(alice, store)
        if posted:
            assert (await gateway.call("POST", way.callback, KEYS | {"user_id": way.state})).status == 200
        back = {"success": success, "user_id": way.state}
        answer = await come_back(gateway, back, way.cookie if cookie is None else cookie)
        assert (answer.body["code"], answer.status) == (code, 422 if code == "store_refused" else 403)
        spent = await come_back(gateway, back | {"success": "1"}, way.cookie)
        assert (spent.status, spent.body["code"]) == (403, "unknown_state")
    unknown = await come_back(gateway, {"success": "1", "user_id": "0" * 64}, mallorys.cookie)
    assert unknown.body["code"] == "unknown_state"
    assert await stores(alice) == await stores(mallory) == []
    assert len(await rows(database_url)) == 1  # mallory's, still under way


async def test_a_way_that_took_too_long_is_none(
    alice: Person, gateway: Gateway, store: WooCommerceStore, database_url: str
) -> None:
    way = await begin(alice, store)
    database = await asyncpg.connect(database_url)
    await database.execute("UPDATE gateway.woocommerce_approval SET expires_at = now() - interval '1 s'")
    await database.close()
    assert (await gateway.call("POST", way.callback, KEYS | {"user_id": way.state})).status == 403
    assert (await come_back(gateway, {"success": "1", "user_id": way.state}, way.cookie)).status == 403


async def test_keys_whose_receipt_was_lost_are_dead_and_connect_nothing(
    alice: Person, gateway: Gateway, store: WooCommerceStore
) -> None:
    """WooCommerce deletes keys that nobody seems to have taken; the operator begins again and succeeds."""
    way = await begin(alice, store)
    await approve(way, store)
    (key,) = store.state.granted_keys.values()
    store.approval._remove_key(key)
    answer = await come_back(gateway, {"success": "1", "user_id": way.state}, way.cookie)
    assert (answer.status, answer.body["code"]) == (422, "store_refused")
    assert await stores(alice) == []
    again = await begin(alice, store)
    back = await approve(again, store)
    assert (await come_back(gateway, dict(parse_qsl(urlsplit(back).query)), again.cookie)).status == 303
    assert len(await stores(alice)) == 1


async def test_a_person_sees_a_page_and_a_program_a_problem(gateway: Gateway) -> None:
    answer = await come_back(gateway, {"success": "1", "user_id": "x"}, "", Accept="text/html,*/*")
    assert (answer.status, answer.headers["Location"]) == (
        303,
        "/dashboard/stores/connect/woocommerce?refused=unknown_state",
    )


async def test_programs_get_the_address_as_json_and_wrong_addresses_words(
    alice: Person, gateway: Gateway, world: World, store: WooCommerceStore
) -> None:
    path = "/connections/woocommerce/authorize"
    right = await alice.ok(
        "GET", f"{path}?{urlencode({'storeUrl': store.home_url})}", headers={"Accept": "application/json"}
    )
    assert right["authorizeUrl"].startswith(store.home_url)
    for url, status, code in (
        (world.prokip.url, 502, "store_unreachable"),
        ("http://shop.example", 422, "invalid_input"),
        ("https://user:pw@shop.example", 422, "invalid_input"),
        ("https://shop.example", 409, "approval_needs_https"),
    ):
        answer = await alice.call("GET", f"{path}?{urlencode({'storeUrl': url})}")
        assert (answer.status, answer.body["code"]) == (status, code), (url, answer)


async def test_wordpress_posts_to_few_ports(environ: dict[str, str], http: ClientSession, world: World) -> None:
    async with open_gateway(environ | {"PUBLIC_URL": "https://sync.example:8443"}, http) as bare:
        person = await with_prokip(await bare.person(), world)
        answer = await person.call("GET", "/connections/woocommerce/authorize?storeUrl=https://shop.example")
        assert (answer.status, answer.body["code"]) == (409, "approval_needs_https")


async def test_without_a_way_back_it_says_what_is_missing(
    environ: dict[str, str], http: ClientSession, world: World
) -> None:
    async with open_gateway(environ, http) as bare:
        person = await with_prokip(await bare.person(), world)
        answer = await person.call("GET", "/connections/woocommerce/authorize?storeUrl=https://shop.example")
        assert (answer.status, answer.body["code"]) == (409, "approval_not_set_up")

"""A shop let in by an app of the merchant's own: connected by client id and secret, and its token kept fresh."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import ClientSession

from gateway.connecting.stores import tokens_due_at
from prokip_sandbox import Fault
from prokip_sandbox.world import World, WorldSpec
from prokip_shared.connections import ShopifyCredentials
from tests.integration.gateway.client import Gateway, Heard, Person, open_gateway
from tests.integration.gateway.test_shopify_consent import credentials, make_due, shop_of, stores, with_prokip
from tests.support.eventually import eventually

PATH = "/api/v1/connections/shopify/app"
GRANTS = "POST /{shop}/admin/oauth/access_token"


@pytest.fixture
def spec() -> WorldSpec:
    return WorldSpec(woocommerce_stores=0, shopify_shops=2, goods=2, simple_only=True)


@pytest.fixture
async def world(spec: WorldSpec) -> AsyncIterator[World]:
    made = World(spec)
    async with made.serve():
        yield made


@pytest.fixture
def reaching(environ: dict[str, str], world: World) -> dict[str, str]:
    """No app is set up on the gateway: the merchant's own needs none."""
    return environ | {"SHOPIFY_URL_TEMPLATE": world.connections()["shopify"]["urlTemplate"]}


@pytest.fixture
async def gateway(reaching: dict[str, str], http: ClientSession) -> AsyncIterator[Gateway]:
    async with open_gateway(reaching, http) as opened:
        yield opened


@pytest.fixture
async def alice(gateway: Gateway, world: World) -> Person:
    return await with_prokip(await gateway.person(), world)


async def connect(person: Person, world: World, **changes: Any) -> Heard:
    app = world.connections()["shopify"]["ownApp"]
    return await person.call("POST", PATH, {"shop": shop_of(world), **app} | changes)


async def held(environ: Mapping[str, str]) -> ShopifyCredentials:
    found: ShopifyCredentials = (await credentials(environ)).credentials
    return found


async def test_a_shop_is_connected_with_the_apps_own_keys(alice: Person, world: World, environ: dict[str, str]) -> None:
    answer = await connect(alice, world)
    assert (answer.status, answer.body["connection"]["storeKey"]) == (201, shop_of(world))
    shop = world.shopify.shop(shop_of(world))
    assert {one.client_id for one in shop.state.subscriptions.values()} == {world.shopify.own_app.client_id}
    kept = await held(environ)
    assert kept.expires_at is not None
    assert timedelta(hours=23) < kept.expires_at - datetime.now(UTC) <= timedelta(hours=24)
    assert (kept.client_id, kept.refresh_token) == (world.shopify.own_app.client_id, None)
    shown = await alice.ok("GET", f"/api/v1/connections/{answer.body['id']}")
    assert kept.api_secret.get_secret_value() not in str(shown)
    gone = await alice.ok("DELETE", f"/api/v1/connections/{answer.body['id']}")
    assert (gone["webhooksRemoved"], shop.state.subscriptions) == (True, {})


async def test_what_is_not_let_in_is_told_in_plain_words_and_nothing_is_kept(alice: Person, world: World) -> None:
    public = world.shopify.app_access
    for changes, status, words in (
        ({"clientSecret": "wrong"}, 422, "not those of an app"),
        (
            {"clientId": public.client_id, "clientSecret": public.client_secret},
            422,
            "same Shopify organization",
        ),
        ({"shop": "nowhere.myshopify.com"}, 422, "refuses"),
        ({"shop": "evil.example"}, 422, ".myshopify.com"),
        ({"clientId": "a b"}, 422, "clientId"),
        ({"clientSecret": "a\nb"}, 422, "clientSecret"),
    ):
        answer = await connect(alice, world, **changes)
        assert (answer.status, words in answer.body["detail"]) == (status, True), (changes, answer)
    assert await stores(alice) == []


class TestFewScopes:
    @pytest.fixture
    async def world(self, spec: WorldSpec) -> AsyncIterator[World]:
        made = World(spec)
        for shop in made.shopify.shops.values():
            shop.operations.scopes = frozenset({"read_products"})
        async with made.serve():
            yield made

    async def test_the_granted_scopes_are_checked(self, alice: Person, world: World) -> None:
        answer = await connect(alice, world)
        assert (answer.status, answer.body["code"]) == (422, "store_not_ready")
        assert "write_inventory" in answer.body["detail"]


class TestSeveralLocations:
    @pytest.fixture
    def spec(self) -> WorldSpec:
        return WorldSpec(
            woocommerce_stores=0, shopify_shops=1, goods=2, simple_only=True, shopify_locations=("Main", "Cellar")
        )

    async def test_the_operator_chooses(self, alice: Person, world: World) -> None:
        asked = await connect(alice, world)
        assert (asked.status, asked.body["code"]) == (409, "choose_location")
        place = next(place for place in asked.body["places"] if place["name"] == "Cellar")
        made = await connect(alice, world, placeId=place["id"])
        assert (made.status, made.body["connection"]["placeId"]) == (201, place["id"])


async def test_one_replica_asks_for_the_next_token_also_when_an_answer_was_lost(
    alice: Person,
    world: World,
    reaching: dict[str, str],
    http: ClientSession,
    environ: dict[str, str],
    database_url: str,
) -> None:
    assert (await connect(alice, world)).status == 201
    first = await held(environ)
    async with open_gateway(reaching, http), open_gateway(reaching, http):
        world.shopify.calls.reset()
        world.shopify.faults.add(Fault("reset_after", path="/oauth/access_token"))
        await make_due(database_url)

        async def lost() -> bool:
            return not world.shopify.faults.rules

        await eventually(lost, what="an answer was lost")
        await make_due(database_url)

        async def renewed() -> bool:
            return (await held(environ)).access_token != first.access_token

        await eventually(renewed, what="token renewed")
    assert world.shopify.calls.counts[GRANTS] == 2
    second = await held(environ)
    assert (second.client_id, second.api_secret) == (first.client_id, first.api_secret)
    assert world.shopify.consent.accepts(shop_of(world), second.access_token.get_secret_value())


async def test_an_app_that_is_let_in_no_more_says_so_until_it_is_connected_again(
    alice: Person, world: World, database_url: str
) -> None:
    assert (await connect(alice, world)).status == 201
    world.shopify.consent.uninstall(shop_of(world))
    await make_due(database_url)

    async def noticed() -> bool:
        (store,) = await stores(alice)
        return bool(store["status"] == store["health"] == "needs_reauthorisation")

    await eventually(noticed, what="withdrawn")
    (store,) = await stores(alice)
    assert store["healthDetail"].startswith("Connect the shop again: the app may not enter this shop")
    world.shopify.consent.own_app_shops.add(shop_of(world))
    assert (await connect(alice, world)).status == 201
    assert [(store["status"], store["healthDetail"]) for store in await stores(alice)] == [("connected", "")]


@pytest.mark.parametrize(("lives", "left"), [(3600, 900), (86399, 21599.75), (0, 0), (-5, 0)])
def test_a_quarter_of_a_tokens_life_is_left_when_the_next_is_asked_for(lives: int, left: float) -> None:
    now = datetime(2026, 11, 25, tzinfo=UTC)
    expires_at = now + timedelta(seconds=lives)
    held = ShopifyCredentials.model_validate({"access_token": "a", "api_secret": "s", "expires_at": expires_at})
    assert tokens_due_at(held, now=now) == expires_at - timedelta(seconds=left)

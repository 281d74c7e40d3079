"""Whatever a route is, one business neither sees nor changes what belongs to another.

Every route of the running application is in one of the tables below; a new one that is in none fails the first test.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from aiohttp import ClientSession

from gateway.domain.operations import SaleKey
from gateway.routes import ROUTES
from prokip_sandbox.world import WorldSpec
from tests.integration.gateway.client import PASSWORD, Gateway, Heard, Person
from tests.support.eventually import eventually
from tests.support.market import Market, open_market
from tests.support.postgres import fetch_value

SPEC = WorldSpec(woocommerce_stores=2, shopify_shops=0, goods=2, quantity=100, simple_only=True)

OPEN_TO_ALL = {
    "POST /auth/register",
    "POST /auth/login",
    "GET /api/openapi.json",
    "GET /health/live",
    "GET /health/ready",
    "GET /metrics",
    # Shopify sends a browser there, which is known by a cookie of its own: test_shopify_consent
    "GET /connections/callback/shopify",
    # stores post keys to an address that is good once, and send a browser back: test_woocommerce_approval
    "POST /connections/callback/woocommerce/{ticket}",
    "GET /connections/return/woocommerce",
    # the dashboard's own files, the same for everybody
    "GET /",
    "GET /dashboard",
    "GET /dashboard/assets/{path}",
    "GET /dashboard/{view}",
}


@dataclass(frozen=True, slots=True)
class Victim:
    """What Alice has, and Bob knows the ids of."""

    business_id: int
    store_id: int
    sku: str
    sale_id: str
    read_id: int
    listing_id: int
    plan_id: int
    round_id: str
    parked_id: UUID
    bundle: str
    marks: tuple[str, ...]
    """Words that only Alice may ever be shown."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """How Bob tries to reach Alice's things by one route."""

    status: int
    path: str | None = None
    """None: the route's own path, which names nothing of anybody's."""
    json: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    streams: bool = False


def attempts(victim: Victim) -> dict[str, Attempt]:
    store, sale = victim.store_id, victim.sale_id
    parked = f"/api/v1/parked/gateway/{victim.parked_id}/replay"
    sku = f"?sku={victim.sku}"
    named = {"connectionId": store}
    return {
        "POST /auth/logout": Attempt(200),
        "GET /api/v1/session": Attempt(200),
        "PUT /api/v1/session": Attempt(403, json={"businessId": victim.business_id}),
        "GET /api/v1/businesses": Attempt(200),
        "POST /api/v1/businesses": Attempt(201, json={"name": "Bob's second"}),
        "POST /setup/prokip": Attempt(422, json={"token": "t", "apiUrl": "https://10.0.0.1", "locationId": "L"}),
        "GET /api/v1/prokip": Attempt(200),
        "PUT /api/v1/prokip": Attempt(422, json={"apiUrl": "https://10.0.0.1", "locationId": "L"}),
        "POST /api/v1/prokip/choices": Attempt(422, json={"apiUrl": "https://10.0.0.1"}),
        "GET /connections": Attempt(200),
        "GET /connections/woocommerce/authorize": Attempt(
            409, path="/connections/woocommerce/authorize?storeUrl=https://shop.example"
        ),
        "GET /connections/shopify": Attempt(409, path="/connections/shopify?shop=x.myshopify.com"),
        "GET /api/v1/connections/shopify/installs/{id}": Attempt(
            404, path=f"/api/v1/connections/shopify/installs/{uuid4()}"
        ),
        "POST /api/v1/connections/shopify/installs/{id}": Attempt(
            404, path=f"/api/v1/connections/shopify/installs/{uuid4()}", json={"placeId": "1"}
        ),
        "POST /connections/woocommerce": Attempt(
            422, json={"storeUrl": "http://10.0.0.1", "consumerKey": "k", "consumerSecret": "s", "locationId": "L"}
        ),
        "GET /api/v1/connections/{id}/secret": Attempt(404, path=f"/api/v1/connections/{store}/secret"),
        "POST /api/v1/connections/{id}/secret": Attempt(404, path=f"/api/v1/connections/{store}/secret"),
        "POST /api/v1/connections/shopify/app": Attempt(
            422, json={"shop": "evil.example", "clientId": "c", "clientSecret": "s", "locationId": "L"}
        ),
        "POST /connections/shopify": Attempt(
            422, json={"shop": "x", "accessToken": "t", "apiSecret": "s", "locationId": "L"}
        ),
        "POST /connections/custom": Attempt(200, json={"name": "Bob's stall", "locationId": "L"}),
        "GET /api/v1/connections": Attempt(200, path="/api/v1/connections?status=all"),
        "POST /api/v1/connections/woocommerce": Attempt(
            422, json={"storeUrl": "http://10.0.0.1", "consumerKey": "k", "consumerSecret": "s", "locationId": "L"}
        ),
        "POST /api/v1/connections/shopify": Attempt(
            422, json={"shop": "x", "accessToken": "t", "apiSecret": "s", "locationId": "L"}
        ),
        "POST /api/v1/connections/custom": Attempt(201, json={"name": "Bob's stall", "locationId": "L"}),
        "GET /api/v1/connections/due": Attempt(200),
        "GET /api/v1/connections/{id}": Attempt(404, path=f"/api/v1/connections/{store}"),
        "PATCH /api/v1/connections/{id}": Attempt(
            404, path=f"/api/v1/connections/{store}", json={"syncEnabled": False}
        ),
        "DELETE /api/v1/connections/{id}": Attempt(404, path=f"/api/v1/connections/{store}"),
        "GET /api/v1/connections/{id}/listings": Attempt(404, path=f"/api/v1/connections/{store}/listings"),
        **{
            f"{method} /api/v1/connections/{{id}}/catalogue{what}": Attempt(
                404, path=f"/api/v1/connections/{store}/catalogue{what}"
            )
            for method, what in (("GET", ""), ("GET", "/items"), ("POST", "/read"))
        },
        "GET /api/v1/product-plans": Attempt(200, path=f"/api/v1/product-plans?connectionId={store}"),
        "POST /api/v1/connections/{id}/product-plans": Attempt(
            404, path=f"/api/v1/connections/{store}/product-plans", json={}
        ),
        **{
            f"{method} /api/v1/product-plans/{{id}}{what}": Attempt(
                404, path=f"/api/v1/product-plans/{victim.plan_id}{what}"
            )
            for method, what in (
                ("GET", ""),
                ("GET", "/items"),
                ("POST", "/start"),
                ("POST", "/stop"),
                ("POST", "/undo"),
                ("POST", "/discard"),
            )
        },
        "POST /api/v1/product-plans/{id}/items/{item}/choose": Attempt(
            404, path=f"/api/v1/product-plans/{victim.plan_id}/items/1/choose", json={"leave": True}
        ),
        "GET /api/v1/connections/first-quantities": Attempt(200),
        **{
            f"{method} /api/v1/connections/{{id}}/first-quantities{what}": Attempt(
                404, path=f"/api/v1/connections/{store}/first-quantities{what}"
            )
            for method, what in (
                ("GET", ""),
                ("GET", "/changes"),
                ("POST", "/release"),
                ("POST", "/refuse"),
                ("POST", "/reconsider"),
            )
        },
        **{
            f"POST /api/v1/listings/{{id}}/{what}": Attempt(
                404, path=f"/api/v1/listings/{victim.listing_id}/{what}", json=body
            )
            for what, body in (("link", {"sku": victim.sku}), ("ignore", None), ("reset", None))
        },
        "GET /api/v1/connections/{id}/webhooks": Attempt(404, path=f"/api/v1/connections/{store}/webhooks"),
        "GET /api/v1/connections/{id}/upkeep": Attempt(404, path=f"/api/v1/connections/{store}/upkeep"),
        "GET /api/v1/webhooks": Attempt(200),
        "POST /api/v1/connections/{id}/sync": Attempt(404, path=f"/api/v1/connections/{store}/sync"),
        "POST /sync/manual": Attempt(409),
        "POST /api/v1/sync": Attempt(409),
        "GET /api/v1/sync/{id}": Attempt(404, path=f"/api/v1/sync/{victim.round_id}"),
        "GET /api/v1/events": Attempt(200, path="/api/v1/events?after=0", streams=True),
        "GET /api/v1/events/recent": Attempt(200),
        "GET /api/v1/stock": Attempt(200, path=f"/api/v1/stock?search={victim.sku}"),
        "GET /api/v1/stock/movements": Attempt(404, path=f"/api/v1/stock/movements{sku}"),
        "GET /api/v1/stock/explanation": Attempt(404, path=f"/api/v1/stock/explanation{sku}"),
        "GET /api/v1/stock/at": Attempt(404, path=f"/api/v1/stock/at{sku}&moment=2026-01-01T00:00:00Z"),
        "GET /api/v1/connections/{id}/rules": Attempt(404, path=f"/api/v1/connections/{store}/rules"),
        "PUT /api/v1/connections/{id}/rules": Attempt(
            404, path=f"/api/v1/connections/{store}/rules", json={"buffer": "99"}
        ),
        "GET /api/v1/connections/{id}/rules/skus": Attempt(404, path=f"/api/v1/connections/{store}/rules/skus"),
        "PUT /api/v1/connections/{id}/rules/skus": Attempt(
            404, path=f"/api/v1/connections/{store}/rules/skus", json={"sku": victim.sku, "push": "never"}
        ),
        "GET /api/v1/connections/{id}/rules/changes": Attempt(404, path=f"/api/v1/connections/{store}/rules/changes"),
        "GET /api/v1/bundles": Attempt(200),
        # the same SKU is another thing in another business
        "PUT /api/v1/bundles": Attempt(200, json={"sku": "BOB-BOX", "parts": [{"sku": victim.sku, "quantity": "9"}]}),
        "DELETE /api/v1/bundles/{sku}": Attempt(404, path=f"/api/v1/bundles/{victim.bundle}"),
        "GET /api/v1/differences": Attempt(200, path=f"/api/v1/differences?connectionId={store}"),
        "POST /api/v1/differences/{id}/push": Attempt(404, path="/api/v1/differences/1/push"),
        "POST /api/v1/differences/{id}/leave": Attempt(404, path="/api/v1/differences/1/leave"),
        "GET /api/v1/stock/listings": Attempt(200, path=f"/api/v1/stock/listings{sku}"),
        "GET /api/v1/stock/pushes": Attempt(200, path=f"/api/v1/stock/pushes{sku}"),
        "GET /api/v1/sales": Attempt(200, path=f"/api/v1/sales?connectionId={store}"),
        "GET /api/v1/prokip/sales": Attempt(200),
        "POST /api/v1/prokip/sales/{id}/settle": Attempt(
            404, path=f"/api/v1/prokip/sales/{sale}/settle", json={"recorded": False}
        ),
        "POST /api/v1/prokip/sales/{id}/retry": Attempt(404, path=f"/api/v1/prokip/sales/{sale}/retry"),
        "POST /api/v1/prokip/sales/{id}/returns-entered": Attempt(
            404, path=f"/api/v1/prokip/sales/{sale}/returns-entered"
        ),
        "GET /api/v1/prokip/reads": Attempt(200),
        **{
            f"{method} /api/v1/prokip/reads/{{id}}/{what}": Attempt(
                404, path=f"/api/v1/prokip/reads/{victim.read_id}/{what}"
            )
            for method, what in (
                ("GET", "changes"),
                ("POST", "release"),
                ("POST", "refuse"),
                ("POST", "undo"),
                ("POST", "reconsider"),
            )
        },
        "GET /api/v1/prokip/held-back": Attempt(200),
        "GET /api/v1/prokip/left-alone": Attempt(200),
        "GET /api/v1/overview": Attempt(200),
        "GET /api/v1/parked": Attempt(200),
        "POST /api/v1/parked/{service}/{id}/replay": Attempt(404, path=parked),
        "GET /api/connections": Attempt(200),
        "POST /api/setup": Attempt(404, json=named | {"choice": "push"}),
        "POST /api/pull": Attempt(404, json=named),
        "POST /api/push": Attempt(404, json=named),
        "POST /api/toggle": Attempt(404, json=named),
        "POST /api/sync-now": Attempt(404, json=named),
        "POST /api/disconnect": Attempt(404, json=named),
    }


EVERYTHING = (
    "SELECT t::text AS row FROM gateway.connection AS t WHERE business_id = $1",
    "SELECT t::text AS row FROM gateway.prokip_account AS t WHERE business_id = $1",
    "SELECT t::text AS row FROM gateway.membership AS t WHERE business_id = $1",
    "SELECT t::text AS row FROM gateway.sync_round AS t WHERE business_id = $1",
    "SELECT t::text AS row FROM gateway.parked AS t WHERE business_id = $1",
    "SELECT t::text AS row FROM gateway.live_event AS t WHERE business_id = $1",
    "SELECT t::text AS row FROM inventory.stock AS t WHERE business_id = $1",
    "SELECT t::text AS row FROM inventory.orders AS t WHERE business_id = $1",
    "SELECT t::text AS row FROM inventory.bundle_part AS t WHERE business_id = $1",
    "SELECT t::text AS row FROM prokip.sale AS t WHERE business_id = $1",
    "SELECT t::text AS row FROM prokip.stock_read AS t WHERE business_id = $1",
    "SELECT t::text AS row FROM prokip.read_change AS t WHERE business_id = $1",
    "SELECT t::text AS row FROM push.listing AS t WHERE business_id = $1",
)
"""What nothing but its own people should change, once all is settled."""

UNDER_WAY = """
SELECT (SELECT count(*) FROM bus.message) + (SELECT count(*) FROM gateway.outbox) + (SELECT count(*) FROM inventory.outbox)
    + (SELECT count(*) FROM prokip.outbox) + (SELECT count(*) FROM push.outbox)
    + (SELECT count(*) FROM push.listing WHERE due_at IS NOT NULL)
"""

NOBODY = Victim(0, 0, "S", "x", 0, 0, 0, str(uuid4()), uuid4(), "B", ())
TENANCY = attempts(NOBODY)


@pytest.fixture
async def market(database_url: str) -> AsyncIterator[Market]:
    async with open_market(database_url, "postgres", SPEC) as opened:
        yield opened


@pytest.fixture
async def victim(market: Market, database_url: str) -> Victim:
    """The house's operator, with a store, a sale that Prokip knows, a round, a parked message and events."""
    operator = market.house.operator
    store = (await operator.call("GET", "/api/v1/connections"))["items"][0]
    sku = market.world.skus[0]
    order_ref = str(market.world.woocommerce[0].buy({sku: 2}))
    await market.expect(sku, 98)

    async def told() -> bool:
        page = await operator.call("GET", "/api/v1/prokip/sales")
        return [item["state"] for item in page["items"]] == ["recorded"]

    await eventually(told, what="the sale is recorded")
    business_id = (await operator.call("GET", "/api/v1/session"))["business"]["id"]
    round_id = (await operator.call("POST", "/api/v1/sync"))["id"]
    parked_id = uuid4()
    body = json.dumps({"order_ref": order_ref, "sku": sku})
    database = await asyncpg.connect(database_url)
    await database.execute(
        """INSERT INTO gateway.parked (id, business_id, queue, type, body, reason, attempts)
        VALUES ($1, $2, 'gateway.sale.due.v1', 'sale.due.v1', $3, 'made for a test', 1)""",
        parked_id,
        business_id,
        body,
    )
    await database.close()

    async def done() -> bool:
        return bool((await operator.call("GET", f"/api/v1/sync/{round_id}"))["state"] == "completed")

    await eventually(done, what="the round is over")
    marks = (sku, store["storeUrl"], store["storeKey"], store["storeName"], '"operator"', "made for a test")
    read_id = (await operator.call("GET", "/api/v1/prokip/reads"))["items"][0]["id"]
    sale_id = SaleKey(store["id"], order_ref).encode()
    plan_id = (await operator.call("POST", f"/api/v1/connections/{store['id']}/product-plans"))["id"]
    listing_id = (await operator.call("GET", f"/api/v1/connections/{store['id']}/listings"))["items"][0]["id"]
    bundle = "ALICES-BOX"
    await operator.call("PUT", "/api/v1/bundles", {"sku": bundle, "parts": [{"sku": sku, "quantity": 2}]})
    return Victim(
        business_id,
        store["id"],
        sku,
        sale_id,
        read_id,
        listing_id,
        plan_id,
        round_id,
        parked_id,
        bundle,
        (*marks, bundle),
    )


@pytest.fixture
async def bob(market: Market, http: ClientSession) -> Person:
    service = market.house.services["gateway"]
    return await Gateway(service.url, http, service.context).person("bob")


async def state_of(database_url: str, business_id: int) -> list[str]:
    database = await asyncpg.connect(database_url)
    try:
        found = []
        for statement in EVERYTHING:
            rows = await database.fetch(statement, business_id)
            found += sorted(f"{statement} {row['row']}" for row in rows)
        return found
    finally:
        await database.close()


async def nothing_under_way(database_url: str) -> bool:
    return bool(await fetch_value(database_url, UNDER_WAY) == 0)


async def try_it(person: Person, name: str, attempt: Attempt) -> Heard:
    method, path = name.split(" ", 1)
    path = attempt.path or path
    if not attempt.streams:
        return await person.call(method, path, attempt.json)
    headers = {"Authorization": f"Bearer {person.token}"}
    async with person.gateway.http.get(person.gateway.url + path, headers=headers) as answer:
        first = await answer.content.readuntil(b"\n\n")
        return Heard(answer.status, answer.headers, first.decode())


async def test_every_route_of_the_application_is_in_the_table(gateway: Gateway) -> None:
    served = {
        f"{route.method} {route.resource.canonical}"
        for route in gateway.context.web.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    documented = {f"{route.method} {route.path}" for route in ROUTES}
    assert served == set(TENANCY) | OPEN_TO_ALL
    assert len(documented) == len(ROUTES)
    assert len(served) - len(ROUTES) == len(OPEN_TO_ALL - documented)


async def test_no_route_shows_or_changes_another_businesss_things(
    market: Market, victim: Victim, bob: Person, database_url: str
) -> None:
    await eventually(lambda: nothing_under_way(database_url), what="what the owner did has come everywhere")
    before = await state_of(database_url, victim.business_id)
    assert len(before) > 10
    tries = attempts(victim)
    for name in sorted(tries, key=lambda name: name == "POST /auth/logout"):
        answer = await try_it(bob, name, tries[name])
        assert answer.status == tries[name].status, (name, answer)
        shown = json.dumps(answer.body)
        assert not [mark for mark in victim.marks if mark in shown], (name, answer.body)
    assert await state_of(database_url, victim.business_id) == before


async def test_the_owner_is_shown_all_of_it(market: Market, victim: Victim, http: ClientSession) -> None:
    """Else the test above would pass on an application that shows nothing to anybody."""
    service = market.house.services["gateway"]
    gateway = Gateway(service.url, http, service.context)
    account = {"username": "operator", "password": PASSWORD}
    login = await gateway.call("POST", "/auth/login", account)
    operator = Person(gateway, "operator", login.body["token"])
    for name, mark in (
        ("GET /api/v1/stock", victim.sku),
        ("GET /api/v1/stock/movements", "98"),
        ("GET /api/v1/stock/explanation", victim.sku),
        ("GET /api/v1/stock/at", victim.sku),
        ("GET /api/v1/stock/listings", "and does."),
        ("GET /api/v1/bundles", victim.bundle),
        ("GET /api/v1/connections/due", f'"connectionId": {victim.store_id}'),
        ("GET /api/v1/stock/pushes", victim.sku),
        ("GET /api/v1/sales", victim.sku),
        ("GET /api/v1/prokip/sales", victim.sale_id),
        ("GET /api/v1/connections/{id}", victim.marks[1]),
        ("GET /api/v1/connections/{id}/listings", victim.sku),
        ("GET /api/v1/connections/{id}/webhooks", '"changes": 1'),
        ("GET /api/v1/connections/{id}/upkeep", f'"connectionId": {victim.store_id}'),
        ("GET /api/v1/webhooks", f'"connectionId": {victim.store_id}'),
        ("GET /api/v1/events/recent", victim.sku),
        ("GET /api/v1/sync/{id}", victim.round_id),
        ("GET /api/v1/parked", "made for a test"),
        ("POST /api/pull", victim.sku),
    ):
        answer = await try_it(operator, name, attempts(victim)[name])
        assert answer.status == 200, (name, answer)
        assert mark in json.dumps(answer.body), (name, answer.body)
    counts = await operator.ok("GET", "/api/v1/overview")
    assert (counts["stores"]["total"], counts["stock"]["skus"], counts["sales"]["today"]) == (
        2,
        3,
        1,
    )  # with the bundle
    assert (counts["parked"], counts["unavailable"], counts["prokip"]["configured"]) == (1, [], True)


async def test_no_route_lets_one_choose_a_business_of_others(gateway: Gateway) -> None:
    alice, bob = await gateway.person(), await gateway.person("bob")
    chosen = {"X-Business": str(await alice.business_id())}
    for name, attempt in TENANCY.items():
        method, path = name.split(" ", 1)
        answer = await bob.call(method, attempt.path or path, attempt.json, headers=chosen)
        assert (answer.status, answer.body["code"]) == (403, "not_your_business"), name


async def test_no_route_answers_a_stranger(gateway: Gateway) -> None:
    for name, attempt in TENANCY.items():
        method, path = name.split(" ", 1)
        answer = await gateway.call(method, attempt.path or path, attempt.json)
        assert (answer.status, answer.body["code"]) == (401, "unauthorized"), name

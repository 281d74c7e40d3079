"""The client credentials grant, as Shopify documents it for an app of the shop's own organization."""

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from prokip_sandbox import ShopifyServer, make_goods
from tests.contract.sandbox.conftest import GraphqlClient, Receiver


@pytest.fixture
async def server() -> AsyncIterator[ShopifyServer]:
    made = ShopifyServer(("one.myshopify.com", "two.myshopify.com"))
    made.seed_goods(make_goods(2))
    async with made.serve():
        yield made


async def ask(session: aiohttp.ClientSession, server: ShopifyServer, **changes: Any) -> tuple[int, dict[str, Any]]:
    app = server.own_app
    fields = {
        "grant_type": "client_credentials",
        "client_id": app.client_id,
        "client_secret": app.client_secret,
    } | changes
    async with session.post(f"{server.shop_url()}/admin/oauth/access_token", data=fields) as answer:
        return answer.status, await answer.json()


async def test_a_token_lives_for_a_day_and_has_nothing_to_refresh_it(
    session: aiohttp.ClientSession, server: ShopifyServer
) -> None:
    status, told = await ask(session, server)
    assert status == 200
    assert set(told) == {"access_token", "scope", "expires_in"}
    assert told["expires_in"] == 86399
    answer = await GraphqlClient(session, server).call("{ shop { name } }", token=told["access_token"])
    assert answer.status == 200
    assert not server.consent.accepts("two.myshopify.com", told["access_token"])


async def test_who_is_not_let_in_is_told_why(session: aiohttp.ClientSession, server: ShopifyServer) -> None:
    assert (await ask(session, server, client_secret="wrong"))[1]["error"] == "invalid_client"
    public = server.app_access
    told = await ask(session, server, client_id=public.client_id, client_secret=public.client_secret)
    assert (told[0], told[1]["error"]) == (400, "shop_not_permitted")
    server.consent.uninstall("one.myshopify.com")
    assert (await ask(session, server))[1]["error"] == "shop_not_permitted"


async def test_an_app_sees_its_own_subscriptions_signed_with_its_oldest_secret(
    session: aiohttp.ClientSession, server: ShopifyServer, receiver: Receiver
) -> None:
    _, told = await ask(session, server)
    client = GraphqlClient(session, server)
    await client.subscribe(receiver.url, "ORDERS_CREATE")
    count = "{ webhookSubscriptions(first: 5) { nodes { id } } }"
    own = await client.call(count, token=told["access_token"])
    assert own.body["data"]["webhookSubscriptions"]["nodes"] == []
    created = await client.call(
        "mutation($input: WebhookSubscriptionInput!) {"
        " webhookSubscriptionCreate(topic: ORDERS_CREATE, webhookSubscription: $input) { userErrors { message } } }",
        token=told["access_token"],
        input={"uri": receiver.url},
    )
    assert created.body["data"]["webhookSubscriptionCreate"]["userErrors"] == []
    app = server.own_app
    app.older_secret, app.client_secret = app.client_secret, "a new one"
    server.shop().buy({"SKU-0001": 1})
    await server.settled()
    signatures = {one.headers["X-Shopify-Hmac-Sha256"] for one in receiver.received}
    body = receiver.received[0].body
    assert signatures == {
        base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()
        for secret in (server.api_secret, app.older_secret)
    }
    for secret in (app.older_secret, app.client_secret):
        assert (await ask(session, server, client_secret=secret))[0] == 200

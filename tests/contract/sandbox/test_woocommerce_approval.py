"""The approval page, against what WooCommerce's own `WC_Auth` does."""

import html
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import aiohttp
import pytest

from prokip_sandbox import WooCommerceStore, make_goods
from prokip_sandbox.woocommerce.approval import CUSTOMER, MANAGER, Asked, WordPressUser
from tests.contract.sandbox.conftest import Receiver, basic

RETURN_URL = "https://app.example.test/return"


@pytest.fixture
async def shopper() -> AsyncIterator[aiohttp.ClientSession]:
    """A browser."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield session


@pytest.fixture(params=["", "/blog"], ids=["at the root", "in a subfolder"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[WooCommerceStore]:
    made = WooCommerceStore(behind_tls_proxy=True, plain_callbacks=True, folder=request.param)
    made.seed_goods(make_goods(2))
    async with made.serve():
        yield made


def asked(callback_url: str = "https://app.example.test/callback", **changes: str) -> dict[str, str]:
    return {
        "app_name": "prokip-sync",
        "scope": "read_write",
        "user_id": "a1b2",
        "return_url": RETURN_URL,
        "callback_url": callback_url,
    } | changes


async def page(session: aiohttp.ClientSession, url: str, **form: str) -> tuple[int, str, str]:
    """Status, address and text after the redirects that stay in the store."""
    method = "POST" if form else "GET"
    async with session.request(method, url, data=form or None, allow_redirects=False) as answer:
        location = answer.headers.get("Location")
        if location is None or urlsplit(location).netloc != urlsplit(url).netloc:
            return answer.status, location or url, await answer.text()
    return await page(session, location)


def authorize_url(store: WooCommerceStore, fields: dict[str, str]) -> str:
    return f"{store.home_url}/wc-auth/v1/authorize?{urlencode(fields)}"


async def question(
    session: aiohttp.ClientSession, store: WooCommerceStore, fields: dict[str, str], user: WordPressUser = MANAGER
) -> tuple[int, str]:
    """What somebody sees who has logged in on the way."""
    _, url, text = await page(session, authorize_url(store, fields))
    assert "/wc-auth/v1/login/" in url
    assert "you need to be logged in" in text
    redirect = html.unescape(re.findall(r'name="redirect" value="([^"]+)"', text)[0])
    form = {"username": user.name, "password": user.password, "redirect": redirect}
    status, _, text = await page(session, f"{store.home_url}/my-account/", **form)
    return status, text


def link(text: str, name: str) -> str:
    return html.unescape(re.findall(rf'id="{name}" href="([^"]+)"', text)[0])


async def test_a_manager_who_approves_has_the_keys_posted_and_is_sent_back(
    shopper: aiohttp.ClientSession, store: WooCommerceStore, receiver: Receiver
) -> None:
    _, text = await question(shopper, store, asked(receiver.url))
    assert "Read/Write access" in text
    status, url, _ = await page(shopper, link(text, "approve"))
    assert (status, url) == (302, f"{RETURN_URL}?success=1&user_id=a1b2")
    (posted,) = receiver.drain()
    assert posted.headers["Content-Type"] == "application/json;charset=UTF-8"
    body = posted.json
    assert list(body) == ["key_id", "user_id", "consumer_key", "consumer_secret", "key_permissions"]
    assert (body["key_id"], body["user_id"], body["key_permissions"]) == (1, "a1b2", "read_write")
    assert re.fullmatch(r"ck_[0-9a-f]{40}", body["consumer_key"])
    headers = {"Authorization": basic(body["consumer_key"], body["consumer_secret"])}
    async with shopper.get(f"{store.home_url}/wp-json/wc/v3/products", headers=headers) as answer:
        assert answer.status == 200
    snapshot: dict[str, Any] = store.snapshot()
    again = WooCommerceStore(store.name)
    again.restore(snapshot)
    assert again.state.granted_keys == store.state.granted_keys


async def test_denying_and_cancelling_lead_back_without_keys(
    shopper: aiohttp.ClientSession, store: WooCommerceStore, receiver: Receiver
) -> None:
    _, text = await question(shopper, store, asked(receiver.url, return_url=f"{RETURN_URL}?a=1"))
    assert link(text, "deny") == f"{RETURN_URL}?a=1&success=0&user_id=a1b2"
    assert receiver.drain() == []


@pytest.mark.parametrize("status", [201, 204, 400, 500])
async def test_keys_that_are_not_taken_with_200_are_deleted_again(
    shopper: aiohttp.ClientSession, store: WooCommerceStore, receiver: Receiver, status: int
) -> None:
    receiver.status = status
    _, text = await question(shopper, store, asked(receiver.url))
    answered, _, text = await page(shopper, link(text, "approve"))
    assert answered == 401
    assert "unable to send the consumer data" in text
    assert store.state.granted_keys == {}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"app_name": ""}, "Missing parameter app_name"),
        ({"user_id": ""}, "Missing parameter user_id"),
        ({"scope": "everything"}, "Invalid scope everything"),
        ({"return_url": "https://"}, "is not a valid URL"),
        ({"callback_url": "http://app.example.test/callback"}, "The callback_url needs to be over SSL"),
    ],
)
async def test_a_wrong_handshake_is_denied(shopper: aiohttp.ClientSession, changes: dict[str, str], words: str) -> None:
    async with WooCommerceStore().serve() as strict:
        status, _, text = await page(shopper, authorize_url(strict, asked(**changes)))
    assert (status, words in html.unescape(text)) == (401, True), text


async def test_only_a_manager_may_approve_and_only_from_the_page(
    shopper: aiohttp.ClientSession, store: WooCommerceStore, receiver: Receiver
) -> None:
    status, text = await question(shopper, store, asked(receiver.url), CUSTOMER)
    assert (status, "do not have permission" in text) == (401, True)
    wrong = WordPressUser(MANAGER.name, "wrong", manages_shop=True)
    shopper.cookie_jar.clear()
    _, text = await question(shopper, store, asked(receiver.url), wrong)
    assert "password you entered is incorrect" in text
    _, text = await question(shopper, store, asked(receiver.url))
    forged = link(text, "approve").partition("wc_auth_nonce=")[0] + "wc_auth_nonce=0123456789"
    status, _, text = await page(shopper, forged)
    assert (status, "Invalid nonce verification" in text) == (401, True)
    assert receiver.drain() == []


async def test_wordpress_posts_to_no_private_address(shopper: aiohttp.ClientSession, receiver: Receiver) -> None:
    store = WooCommerceStore(plain_callbacks=True, refuses_private_urls=True)
    async with store.serve():
        _, text = await question(shopper, store, asked(receiver.url))
        status, _, text = await page(shopper, link(text, "approve"))
    assert (status, "A valid URL was not provided" in text) == (401, True)
    assert store.state.granted_keys == {}


def test_addresses_are_decoded_once_more_than_they_were_encoded() -> None:
    """So a callback must not need its percent signs."""
    given = asked("https://app.example.test/a%2Fb", return_url="app.example.test/back")
    read = Asked.of(dict(parse_qsl(urlencode(given))), plain_callbacks=False)
    assert read.callback_url == "https://app.example.test/a/b"
    assert read.return_url == "https://app.example.test/back"

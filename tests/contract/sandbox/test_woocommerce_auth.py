"""Who may call a store, with the codes measured on WooCommerce 9.9.5."""

import base64
import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote, urlencode

import aiohttp
import pytest
from yarl import URL

from prokip_sandbox import WooCommerceStore, make_goods
from tests.contract.sandbox.conftest import basic
from tests.support.certificates import self_signed

READ = "/wp-json/wc/v3/products?per_page=1&search=simple 0001"
WRITE = "/wp-json/wc/v3/orders"


@pytest.fixture
async def plain() -> AsyncIterator[WooCommerceStore]:
    store = WooCommerceStore()
    store.seed_goods(make_goods(20))
    async with store.serve():
        yield store


def oauth_url(method: str, url: str, key: str, secret: str, **changed: str) -> str:
    """OAuth 1.0a as RFC 5849 tells it, written apart from the server's."""
    address, _, query = url.partition("?")
    pairs = dict(part.split("=", 1) for part in query.split("&")) if query else {}
    pairs |= {
        "oauth_consumer_key": key,
        "oauth_nonce": f"{time.perf_counter_ns()}",
        "oauth_signature_method": "HMAC-SHA256",
        "oauth_timestamp": str(int(time.time())),
        "oauth_version": "1.0",
    } | {f"oauth_{name}": value for name, value in changed.items()}
    joined = "&".join(f"{quote(k, safe='~')}={quote(v, safe='~')}" for k, v in sorted(pairs.items()))
    text = "&".join((method, quote(address, safe=""), quote(joined, safe="")))
    digest = hmac.digest(f"{secret}&".encode(), text.encode(), hashlib.sha256)
    pairs["oauth_signature"] = changed.get("signature", base64.b64encode(digest).decode())
    return f"{address}?{urlencode(pairs, quote_via=quote)}"


async def code_of(
    session: aiohttp.ClientSession, method: str, url: str, headers: dict[str, str] | None = None
) -> tuple[int, str]:
    body = {"line_items": [{"sku": "SKU-0001"}]} if method == "POST" else None
    async with session.request(method, URL(url, encoded=True), json=body, headers=headers) as response:
        answer = await response.json()
        return response.status, answer.get("code", "") if isinstance(answer, dict) else ""


async def test_plain_http_refuses_basic_and_takes_oauth(
    session: aiohttp.ClientSession, plain: WooCommerceStore
) -> None:
    key = plain.key
    header = {"Authorization": basic(key.consumer_key, key.consumer_secret)}
    read = plain.url + READ.replace(" ", "%20")
    assert await code_of(session, "GET", read, header) == (401, "woocommerce_rest_cannot_view")
    url = oauth_url("GET", plain.url + READ, key.consumer_key, key.consumer_secret)
    assert (await code_of(session, "GET", url))[0] == 200
    url = oauth_url("POST", plain.url + WRITE, key.consumer_key, key.consumer_secret)
    assert (await code_of(session, "POST", url))[0] == 201


@pytest.mark.parametrize(
    "changed",
    [
        {"signature": "bm9uc2Vuc2U="},
        {"timestamp": "1000000000"},
        {"signature_method": "PLAINTEXT"},
        {"consumer_key": "ck_unknown"},
    ],
)
async def test_a_wrong_oauth_request_is_refused(
    session: aiohttp.ClientSession, plain: WooCommerceStore, changed: dict[str, str]
) -> None:
    url = oauth_url("GET", plain.url + READ, plain.key.consumer_key, plain.key.consumer_secret, **changed)
    assert await code_of(session, "GET", url) == (401, "woocommerce_rest_authentication_error")


async def test_a_nonce_is_good_once(session: aiohttp.ClientSession, plain: WooCommerceStore) -> None:
    url = oauth_url("GET", plain.url + READ, plain.key.consumer_key, plain.key.consumer_secret)
    assert (await code_of(session, "GET", url))[0] == 200
    assert await code_of(session, "GET", url) == (401, "woocommerce_rest_authentication_error")


async def test_a_signature_covers_method_and_query(session: aiohttp.ClientSession, plain: WooCommerceStore) -> None:
    url = oauth_url("GET", plain.url + READ, plain.key.consumer_key, plain.key.consumer_secret)
    assert (await code_of(session, "GET", url.replace("per_page=1", "per_page=2")))[0] == 401


async def test_https_takes_basic_and_keys_in_the_query(tmp_path: Path) -> None:
    store = WooCommerceStore()
    connector = aiohttp.TCPConnector(ssl=False)
    async with store.serve(tls=self_signed(tmp_path)), aiohttp.ClientSession(connector=connector) as session:
        key = store.key
        url = f"{store.url}/wp-json/wc/v3/products"
        assert store.url.startswith("https://")
        good = {"Authorization": basic(key.consumer_key, key.consumer_secret)}
        assert await code_of(session, "GET", url, good) == (200, "")
        query = f"?consumer_key={key.consumer_key}&consumer_secret={key.consumer_secret}"
        assert await code_of(session, "GET", url + query) == (200, "")
        bad = {"Authorization": basic(key.consumer_key, "cs_wrong")}
        assert await code_of(session, "GET", url, bad) == (401, "woocommerce_rest_authentication_error")
        unknown = {"Authorization": basic("ck_unknown", "cs_wrong")}
        assert await code_of(session, "GET", url, unknown) == (401, "woocommerce_rest_cannot_view")
        assert await code_of(session, "GET", url) == (401, "woocommerce_rest_cannot_view")


async def test_a_read_only_key_reads_and_is_refused_a_write_with_401(
    session: aiohttp.ClientSession, plain: WooCommerceStore
) -> None:
    key = plain.read_only_key
    read = oauth_url("GET", plain.url + READ, key.consumer_key, key.consumer_secret)
    assert (await code_of(session, "GET", read))[0] == 200
    write = oauth_url("POST", plain.url + WRITE, key.consumer_key, key.consumer_secret)
    assert await code_of(session, "POST", write) == (401, "woocommerce_rest_authentication_error")


def test_keys_have_the_length_of_the_columns_that_hold_them() -> None:
    key = WooCommerceStore().key
    assert (len(key.consumer_key), len(key.consumer_secret)) == (43, 43)

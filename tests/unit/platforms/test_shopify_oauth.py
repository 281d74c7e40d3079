"""The signature on Shopify's callback: over every parameter, in either of the two forms in which it is written."""

import hashlib
import hmac
from urllib.parse import parse_qsl, urlsplit

import pytest
from pydantic import SecretStr

from prokip_shared.platforms.shopify_oauth import AppCredentials, callback_is_genuine, consent_url

APP = AppCredentials("the-app", SecretStr("hush"))
FIELDS = [
    ("code", "0907a61c0c8d55e99db179b68161bc00"),
    ("shop", "some-shop.myshopify.com"),
    ("timestamp", "1337178173"),
]


def signed(text: str) -> tuple[str, str]:
    return "hmac", hmac.new(b"hush", text.encode(), hashlib.sha256).hexdigest()


TEXT = "code=0907a61c0c8d55e99db179b68161bc00&shop=some-shop.myshopify.com&timestamp=1337178173"


def test_what_shopify_signed_is_accepted() -> None:
    assert callback_is_genuine([*FIELDS, signed(TEXT)], APP)


@pytest.mark.parametrize(
    "text",
    [
        "host=YQ==&state=a b",  # Python's library joins decoded values
        "host=YQ%3D%3D&state=a%20b",  # Node's encodes them
    ],
)
def test_both_ways_of_writing_the_signed_text_count(text: str) -> None:
    assert callback_is_genuine([("host", "YQ=="), ("state", "a b"), signed(text)], APP)


@pytest.mark.parametrize(
    "query",
    [
        FIELDS,  # no signature
        [*FIELDS, ("hmac", "")],
        [*FIELDS, ("hmac", "ü")],
        [*FIELDS, ("hmac", "0" * 64)],
        [
            *FIELDS,
            ("more", "1"),
            signed(TEXT),
        ],
        [
            *FIELDS[1:],
            signed(TEXT),
        ],
        [
            *FIELDS,
            FIELDS[0],
            signed(TEXT),
        ],
    ],
)
def test_anything_else_is_forged(query: list[tuple[str, str]]) -> None:
    assert not callback_is_genuine(query, APP)


def test_a_value_cannot_smuggle_another_parameter() -> None:
    assert not callback_is_genuine([("a", "1&b=2"), signed("a=1&b=2")], APP)


def test_the_consent_page_is_asked_for_what_is_needed() -> None:
    url = urlsplit(consent_url("https://some-shop.myshopify.com/", APP, redirect_uri="https://us/back", state="abc"))
    assert (url.netloc, url.path) == ("some-shop.myshopify.com", "/admin/oauth/authorize")
    asked = dict(parse_qsl(url.query))
    assert asked["redirect_uri"] == "https://us/back"
    assert (asked["client_id"], asked["state"]) == ("the-app", "abc")
    assert "write_inventory" in asked["scope"].split(",")

"""The signature base and signature against the worked example of RFC 5849 and an independent WooCommerce-like check."""

import base64
import hashlib
import hmac
from urllib.parse import parse_qsl, quote

from hypothesis import given
from hypothesis import strategies as st

from prokip_shared.platforms.oauth1 import encode_query, signature_base, signed_query


def test_the_signature_base_is_that_of_the_rfc() -> None:
    pairs = [
        ("b5", "=%3D"), ("a3", "a"), ("c@", ""), ("a2", "r b"), ("c2", ""), ("a3", "2 q"),
        ("oauth_consumer_key", "9djdj82h48djs9d2"), ("oauth_token", "kkk9d7dh3k39sjv7"),
        ("oauth_signature_method", "HMAC-SHA1"), ("oauth_timestamp", "137131201"), ("oauth_nonce", "7d8f3e4a"),
    ]  # fmt: skip
    assert signature_base("post", "http://example.com/request", pairs) == (
        "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26"
        "c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26"
        "oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
    )


@given(value=st.text(max_size=30))
def test_a_store_that_decodes_the_query_finds_the_same_signature(value: str) -> None:
    address = "http://shop.example.test/sub/wp-json/wc/v3/products"
    query = signed_query(
        method="GET", address=address, query=[("sku", value)], consumer_key="ck", consumer_secret="cs",
        timestamp_s=1_700_000_000, nonce="n1",
    )  # fmt: skip
    seen = dict(parse_qsl(query, keep_blank_values=True))
    given_signature = seen.pop("oauth_signature")
    assert seen["sku"] == value
    # As WC_REST_Authentication::check_oauth_signature does: names and values encoded twice, sorted, joined.
    twice = {
        quote(quote(name, safe="-._~"), safe=""): quote(quote(text, safe="-._~"), safe="")
        for name, text in seen.items()
    }
    joined = "%26".join(f"{name}%3D{twice[name]}" for name in sorted(twice))
    text = f"GET&{quote(address, safe='')}&{joined}"
    expected = base64.b64encode(hmac.new(b"cs&", text.encode(), hashlib.sha256).digest()).decode()
    assert given_signature == expected


def test_spaces_are_never_plus_signs() -> None:
    assert encode_query([("a b", "c+d e")]) == "a%20b=c%2Bd%20e"

"""One-legged OAuth 1.0a, with which WooCommerce wants plain-http requests signed; no I/O, no clock.

https://woocommerce.github.io/woocommerce-rest-api-docs/#authentication-over-http
https://www.rfc-editor.org/rfc/rfc5849#section-3.4
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from urllib.parse import quote, urlencode

Pair = tuple[str, str]


def signed_query(
    *,
    method: str,
    address: str,
    query: Sequence[Pair],
    consumer_key: str,
    consumer_secret: str,
    timestamp_s: int,
    nonce: str,
) -> str:
    """The whole query string, signature included. `address` is scheme, host and path, without query.

    Parameters travel in the query because web servers in front of PHP often drop the Authorization header.
    """
    pairs = [
        *query,
        ("oauth_consumer_key", consumer_key),
        ("oauth_nonce", nonce),
        ("oauth_signature_method", "HMAC-SHA256"),
        ("oauth_timestamp", str(timestamp_s)),
        ("oauth_version", "1.0"),
    ]
    text = signature_base(method, address, pairs)
    digest = hmac.digest(f"{consumer_secret}&".encode(), text.encode(), hashlib.sha256)
    return encode_query([*pairs, ("oauth_signature", base64.b64encode(digest).decode())])


def signature_base(method: str, address: str, pairs: Sequence[Pair]) -> str:
    ordered = sorted((_percent(name), _percent(value)) for name, value in pairs)
    joined = "&".join(f"{name}={value}" for name, value in ordered)
    return f"{method.upper()}&{_percent(address)}&{_percent(joined)}"


def encode_query(pairs: Sequence[Pair]) -> str:
    """Spaces as %20, as the signature base has them; a plus sign would be read as a space."""
    return urlencode(list(pairs), quote_via=quote, safe="-._~")


def _percent(text: str) -> str:
    return quote(text, safe="-._~")

"""Who may call: Basic and query-string keys over https, OAuth 1.0a (one-legged) over plain http.

https://woocommerce.github.io/woocommerce-rest-api-docs/#authentication ; codes measured on WooCommerce 9.9.5.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote

from aiohttp import web

from prokip_sandbox.values import Clock
from prokip_sandbox.woocommerce.model import woo_error

TIMESTAMP_WINDOW_S = 15 * 60
NONCES_KEPT_MAX = 200_000
HASHES = {"HMAC-SHA1": hashlib.sha1, "HMAC-SHA256": hashlib.sha256}


@dataclass(frozen=True, slots=True)
class ApiKey:
    consumer_key: str
    consumer_secret: str
    permissions: str = "read_write"
    """`read`, `write` or `read_write`."""


class Gatekeeper:
    """`behind_tls_proxy`: the store believes that a proxy in front of it speaks https, so Basic is allowed."""

    def __init__(self, keys: Iterable[ApiKey], clock: Clock, *, behind_tls_proxy: bool) -> None:
        self._keys = {key.consumer_key: key for key in keys}
        self._clock = clock
        self._behind_tls_proxy = behind_tls_proxy
        self._nonces: dict[tuple[str, str], float] = {}

    def add(self, key: ApiKey) -> None:
        self._keys[key.consumer_key] = key

    def remove(self, consumer_key: str) -> None:
        self._keys.pop(consumer_key, None)

    def check(self, request: web.Request) -> None:
        """Return for a key that may do this; raise the 401 that the original gives otherwise."""
        secure = request.secure or self._behind_tls_proxy
        key = self._by_basic(request) if secure else self._by_oauth(request)
        writing = request.method not in {"GET", "HEAD", "OPTIONS"}
        if key is None:
            verb = "create" if writing else "view"
            what = "create resources" if writing else "list resources"
            raise woo_error(f"woocommerce_rest_cannot_{verb}", f"Sorry, you cannot {what}.", 401)
        if writing and key.permissions == "read":
            raise _refused("The API key provided does not have write permissions.")
        if not writing and key.permissions == "write":
            raise _refused("The API key provided does not have read permissions.")

    def _by_basic(self, request: web.Request) -> ApiKey | None:
        name, secret = request.query.get("consumer_key", ""), request.query.get("consumer_secret", "")
        header = request.headers.get("Authorization", "")
        if header.startswith("Basic "):
            try:
                name, _, secret = base64.b64decode(header[6:], validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                return None
        key = self._keys.get(name)
        if key is None:
            return None
        if not hmac.compare_digest(key.consumer_secret.encode(), secret.encode()):
            raise _refused("Consumer secret is invalid.")
        return key

    def _by_oauth(self, request: web.Request) -> ApiKey | None:
        query = parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True)
        parameters = [*query, *_header_parameters(request.headers.get("Authorization", ""))]
        oauth = dict(parameters)
        if "oauth_consumer_key" not in oauth:
            return None
        for name in ("timestamp", "nonce", "signature", "signature_method"):
            if f"oauth_{name}" not in oauth:
                raise _refused(f"Missing OAuth parameter oauth_{name}")
        key = self._keys.get(oauth["oauth_consumer_key"])
        if key is None:
            raise _refused("Consumer key is invalid.")
        hash_name = HASHES.get(oauth["oauth_signature_method"])
        if hash_name is None:
            raise _refused("Invalid signature - signature method is invalid.")
        address = f"{request.scheme}://{request.host}{request.rel_url.raw_path}"
        text = signature_base(request.method, address, [p for p in parameters if p[0] != "oauth_signature"])
        digest = hmac.digest(f"{key.consumer_secret}&".encode(), text.encode(), hash_name)
        if not hmac.compare_digest(base64.b64encode(digest), oauth["oauth_signature"].encode()):
            raise _refused("Invalid signature - provided signature does not match.")
        self._check_freshness(key, oauth["oauth_timestamp"], oauth["oauth_nonce"])
        return key

    def _check_freshness(self, key: ApiKey, timestamp: str, nonce: str) -> None:
        now_s = self._clock()
        if not timestamp.isdigit() or abs(now_s - int(timestamp)) > TIMESTAMP_WINDOW_S:
            raise _refused("Invalid timestamp.")
        if (key.consumer_key, nonce) in self._nonces:
            raise _refused("Invalid nonce - nonce has already been used.")
        if len(self._nonces) >= NONCES_KEPT_MAX:
            self._nonces = {n: at_s for n, at_s in self._nonces.items() if now_s - at_s <= TIMESTAMP_WINDOW_S}
        self._nonces[key.consumer_key, nonce] = now_s


def signature_base(method: str, address: str, parameters: Iterable[tuple[str, str]]) -> str:
    """https://datatracker.ietf.org/doc/html/rfc5849#section-3.4.1"""
    pairs = sorted((_percent(name), _percent(value)) for name, value in parameters)
    joined = "&".join(f"{name}={value}" for name, value in pairs)
    return f"{method.upper()}&{_percent(address)}&{_percent(joined)}"


def _percent(text: str) -> str:
    return quote(text, safe="-._~")


def _header_parameters(header: str) -> list[tuple[str, str]]:
    if not header.startswith("OAuth "):
        return []
    parts = (part.strip().partition("=") for part in header[6:].split(","))
    return [(unquote(name), unquote(value.strip('"'))) for name, _, value in parts if name != "realm"]


def _refused(message: str) -> Exception:
    return woo_error("woocommerce_rest_authentication_error", message, 401)

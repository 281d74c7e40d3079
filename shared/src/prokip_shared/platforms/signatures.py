"""Webhook signatures: base64 of HMAC-SHA256 over the raw body, the form that all three platforms share.

https://shopify.dev/docs/apps/build/webhooks/subscribe/https#step-2-validate-the-origin-of-your-webhook-to-ensure-its-coming-from-shopify
https://developer.woocommerce.com/docs/webhooks/
"""

import base64
import hmac
from collections.abc import Iterable
from typing import Final

ALGORITHM: Final = "sha256"  # fixed here: a caller's header never chooses it


def sign(body: bytes, secret: str) -> str:
    """What a store puts into its signature header."""
    return base64.b64encode(hmac.digest(secret.encode(), body, ALGORITHM)).decode("ascii")


def signature_matches(body: bytes, signature: str, secrets: Iterable[str]) -> bool:
    """Whether one of the secrets made the signature; several may be valid while a store rotates its secret.

    Every secret is tried, in constant time, so the answer's timing tells nothing about any of them.
    """
    given = signature.encode("utf-8", "surrogatepass")  # header bytes may be anything; compared as they came
    matches = False
    for secret in secrets:
        expected = base64.b64encode(hmac.digest(secret.encode(), body, ALGORITHM))
        matches |= bool(secret) and hmac.compare_digest(expected, given)
    return matches

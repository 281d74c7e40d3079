"""Webhook signatures: base64 of HMAC-SHA256 over the raw body, the form that all three platforms share.

https://shopify.dev/docs/apps/build/webhooks/subscribe/https#step-2-validate-the-origin-of-your-webhook-to-ensure-its-coming-from-shopify
https://developer.woocommerce.com/docs/webhooks/
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

FINGERPRINTS_KEPT_MAX: Final = 4096
ALGORITHM: Final = "sha256"  # fixed here: a caller's header never chooses it


def sign(body: bytes, secret: str) -> str:
    """What a store puts into its signature header."""
    return base64.b64encode(hmac.digest(secret.encode(), body, ALGORITHM)).decode("ascii")


def signing_secret(body: bytes, signature: str, secrets: Iterable[str]) -> str | None:
    """Which of the secrets made the signature; several may be valid while a store rotates its secret. None: forged.

    Every secret is tried, in constant time, so the answer's timing tells nothing about any of them.
    """
    given = signature.encode("utf-8", "surrogatepass")  # header bytes may be anything; compared as they came
    found: str | None = None
    for secret in secrets:
        expected = base64.b64encode(hmac.digest(secret.encode(), body, ALGORITHM))
        if hmac.compare_digest(expected, given) and secret:
            found = secret
    return found


@lru_cache(maxsize=FINGERPRINTS_KEPT_MAX)
def fingerprint(secret: str) -> str:
    """Eight digits that tell secrets apart and say nothing about them: ours have 256 random bits."""
    return hashlib.sha256(b"prokip-sync webhook secret " + secret.encode()).hexdigest()[:8]

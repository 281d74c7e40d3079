from typing import Annotated

from pydantic import Field

from gateway.models.base import Answer, Given, Time
from gateway.models.connections import Secret


class RotateSecret(Given):
    overlap_hours: Annotated[float, Field(ge=0, le=168)] = 24
    """How long the old secret stays valid. 0 ends every older one at once, for a secret that leaked."""
    secret: Secret | None = None
    """Shopify's new client secret; left out for other stores, whose secret is made here."""


class RotatedSecret(Answer):
    message: str
    previous_valid_until: Time
    secret: str | None
    """Of a custom store, shown this once; other stores are told by us."""
    curl: str | None
    """Of a custom store: a sale signed with the new secret, ready to paste."""


class SecretUse(Answer):
    """When a store's webhooks were signed with which secret; None: not seen since this is counted, or not known now."""

    active_used_at: Time | None
    previous_used_at: Time | None
    """Of the older secret, while it is valid."""
    previous_valid_until: Time | None
    """None: one secret alone is valid."""
    known: bool
    """False: webhook-ingest, which counts uses, does not answer."""

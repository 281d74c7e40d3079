"""Webhook secrets rotate: the new one is active at once, the old one stays valid for a stated overlap."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from pydantic import SecretStr

from gateway.connecting.problems import StoreProblems, invalid
from gateway.connecting.stores import StoreOffice, WayOut, curl_line, tokens_due_at
from prokip_shared.connections import (
    ConnectionRecord,
    Credentials,
    CustomCredentials,
    ShopifyCredentials,
    WooCredentials,
)
from prokip_shared.platforms.shopify_oauth import AppCredentials
from prokip_shared.web.problems import Problem

SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Rotated:
    previous_until: datetime
    secret: str | None = field(default=None, repr=False)
    """Of a custom store, told this once; stores with a platform are told by us."""
    curl: str | None = field(default=None, repr=False)


class SecretDesk:
    """Raises Problem whenever the person who asked has to do something about it."""

    def __init__(self, office: StoreOffice, way_out: WayOut, clock: Callable[[], datetime]) -> None:
        self._office = office
        self._way_out = way_out
        self._clock = clock

    async def rotate(self, record: ConnectionRecord, given: SecretStr | None, *, overlap: timedelta) -> Rotated:
        """`given` is Shopify's new client secret; the secrets of other stores are made here."""
        now = self._clock()
        async with self._office.in_hand(record) as store:
            held = await store.credentials(record.id, record.platform, record.store_key)
            if held is None:
                raise Problem(404, "No such store", code="connection_not_found", detail="The store is disconnected.")
            if overlap and len(held.valid_secrets(now)) > 1:
                raise _rotating(held.previous_until)
            fresh = await self._fresh(record, held, given, now)
            renewed = fresh.model_copy(update={"previous_secret": held.active_secret, "previous_until": now + overlap})
            due_at = tokens_due_at(renewed, now=now) if isinstance(renewed, ShopifyCredentials) else None
            await store.replace_credentials(
                record.id, record.store_key, renewed, tokens_due_at=due_at, proved=due_at is not None
            )
        if not isinstance(renewed, CustomCredentials):
            return Rotated(now + overlap)
        secret = renewed.active_secret.get_secret_value()
        return Rotated(now + overlap, secret, curl_line(self._way_out, record.store_key, secret))

    async def _fresh(
        self, record: ConnectionRecord, held: Credentials, given: SecretStr | None, now: datetime
    ) -> Credentials:
        match held:
            case ShopifyCredentials():
                return await self._fresh_shopify(record.store_key, held, given, now)
            case WooCredentials() | CustomCredentials():
                if given is not None:
                    raise invalid("secret: only Shopify gives one; for this store it is made here.")
                return held.model_copy(update={"webhook_secret": SecretStr(secrets.token_urlsafe(SECRET_BYTES))})

    async def _fresh_shopify(
        self, shop: str, held: ShopifyCredentials, given: SecretStr | None, now: datetime
    ) -> ShopifyCredentials:
        """Shopify makes the secret. That of a merchant's own app is tried; nothing can be asked with another's."""
        if held.refresh_token is not None:
            detail = (
                "The shop was connected by this server's own app, whose secret is a setting: "
                "SHOPIFY_CLIENT_SECRET, with the older one in SHOPIFY_CLIENT_SECRET_PREVIOUS."
            )
            raise Problem(409, "Not the shop's secret", code="secret_of_app", detail=detail)
        if given is None:
            raise invalid("secret: the new client secret, from the app's settings in Shopify.")
        if given == held.api_secret:
            raise invalid("secret: that is the one in use.")
        if held.client_id is None:
            return held.model_copy(update={"api_secret": given})
        app = AppCredentials(held.client_id, given)
        with StoreProblems():
            tokens = await self._way_out.shopify_oauth(shop, app).client_credentials(now=now)
        return held.model_copy(
            update={"api_secret": given, "access_token": tokens.access_token, "expires_at": tokens.expires_at}
        )


def _rotating(until: datetime | None) -> Problem:
    detail = (
        f"Two secrets are valid already, the older one until {until:%Y-%m-%d %H:%M} UTC. Wait for that, or rotate with "
        "overlapHours 0, which ends every older secret at once."
    )
    return Problem(409, "Rotating", code="rotation_running", detail=detail)

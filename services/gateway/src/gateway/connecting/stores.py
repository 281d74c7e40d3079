"""Each platform's way in and out. A failure at any step leaves nothing behind here, and webhooks that were already
created at the store are replaced by the next attempt.
"""

import asyncio
import json
import secrets
import shlex
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from aiohttp import ClientSession
from pydantic import SecretStr

from gateway.connecting.problems import StoreProblems, invalid, not_ready, wrong_address
from gateway.domain.addresses import AddressProblem, parse_http_address, parse_shop_domain, slug_of
from gateway.models.connections import Choice, ConnectCustom, ConnectShopify, ConnectWooCommerce
from gateway.storage.connections import Connections, NewConnection, StoreInHand
from prokip_shared.connections import ConnectionRecord, CustomCredentials, ShopifyCredentials, WooCredentials
from prokip_shared.messages import Platform, utc_now
from prokip_shared.platforms.errors import StoreError
from prokip_shared.platforms.exchange import ExchangeLimits
from prokip_shared.platforms.shopify import ShopifyClient, shopify_base_url
from prokip_shared.platforms.shopify_oauth import AppCredentials, ShopifyOAuth
from prokip_shared.platforms.store import StoreLocation
from prokip_shared.platforms.webhook_addresses import webhook_url
from prokip_shared.platforms.woocommerce import WooClient
from prokip_shared.web.problems import Problem

SECRET_BYTES: Final = 32
STORE_KEY_RANDOM_BYTES: Final = 4
AT_ONCE_MAX: Final = 3
"""Each holds a database connection while the store is asked, so most of the pool stays free."""
RENEW_SHARE: Final = 0.25
"""Of a token's life is left when the next one is asked for: a quarter of an hour of an hour, six hours of a day. Whoever
holds one must find it good until the new one has reached them, also when the shop does not answer for a while."""
SALE_EXAMPLE: Final = {"orderId": "1001", "sku": "SKU-1", "quantity": 2, "status": "completed"}


@dataclass(frozen=True, slots=True)
class WayOut:
    """How stores are reached, and where they reach us."""

    session: ClientSession
    timeout_s: float
    allowed_private_hosts: Collection[str]
    shopify_url_template: str
    public_webhook_url: str

    @property
    def limits(self) -> ExchangeLimits:
        return ExchangeLimits(timeout_s=self.timeout_s)

    def webhook_url(self, platform: Platform) -> str:
        return webhook_url(self.public_webhook_url, platform)

    def shop_url(self, shop: str) -> str:
        return shopify_base_url(self.shopify_url_template, shop)

    def shopify_oauth(self, shop: str, app: AppCredentials) -> ShopifyOAuth:
        return ShopifyOAuth(self.session, shop_url=self.shop_url(shop), app=app, limits=self.limits)

    def woocommerce(self, store_url: str, consumer_key: SecretStr, consumer_secret: SecretStr) -> WooClient:
        return WooClient(
            self.session,
            store_url=store_url,
            consumer_key=consumer_key,
            consumer_secret=consumer_secret,
            limits=self.limits,
        )

    def shopify(self, shop: str, access_token: SecretStr) -> ShopifyClient:
        return ShopifyClient(
            self.session,
            base_url=self.shop_url(shop),
            access_token=access_token,
            limits=self.limits,
        )


@dataclass(frozen=True, slots=True)
class CustomStore:
    """What the owner of a custom store needs to know; the secret is told once."""

    connection_id: int
    store_key: str
    secret: str
    curl: str


class StoreOffice:
    """Raises Problem whenever the person who asked has to do something about it."""

    def __init__(self, connections: Connections, way_out: WayOut) -> None:
        self._connections = connections
        self._way_out = way_out
        self._turns = asyncio.Semaphore(AT_ONCE_MAX)

    async def connect_woocommerce(self, business_id: int, given: ConnectWooCommerce, *, location_id: str) -> int:
        try:
            address = parse_http_address(
                given.store_url, private_hosts=self._way_out.allowed_private_hosts, what="Store address"
            )
        except AddressProblem as error:
            raise wrong_address(error) from error
        client = self._way_out.woocommerce(address.url, given.consumer_key, given.consumer_secret)
        with StoreProblems():
            checked = await client.check()
        not_ready(checked.problems)
        if urlsplit(checked.store_key).hostname != urlsplit(address.url).hostname:
            # Else a made-up store could claim the name of a real one, whose owner could then not connect it.
            raise invalid(f"The store calls itself {checked.store_key}; type that address.")
        secret = SecretStr(secrets.token_urlsafe(SECRET_BYTES))
        async with self._store(business_id, "woocommerce", checked.store_key) as store:
            with StoreProblems():
                await client.create_webhooks(delivery_url=self._way_out.webhook_url("woocommerce"), secret=secret)
            return await store.save(
                NewConnection(
                    platform="woocommerce",
                    store_key=checked.store_key,
                    store_url=address.url,
                    store_name=checked.store_name,
                    location_id=location_id,
                    place_ref=None,
                    choice=given.choice,
                    connected_at=checked.store_clock or utc_now(),
                    credentials=WooCredentials(
                        consumer_key=given.consumer_key, consumer_secret=given.consumer_secret, webhook_secret=secret
                    ),
                )
            )

    async def connect_shopify(self, business_id: int, given: ConnectShopify, *, location_id: str) -> int:
        try:
            shop = parse_shop_domain(given.shop)
        except AddressProblem as error:
            raise wrong_address(error) from error
        credentials = ShopifyCredentials(access_token=given.access_token, api_secret=given.api_secret)
        return await self.connect_granted_shop(
            business_id,
            shop,
            credentials,
            place_id=given.place_id,
            location_id=location_id,
            choice=given.choice,
        )

    async def connect_granted_shop(
        self,
        business_id: int,
        shop: str,
        credentials: ShopifyCredentials,
        *,
        place_id: str | None,
        location_id: str,
        choice: Choice | None = None,
    ) -> int:
        """A shop that has let us in: by a pasted token, by its consent page, or an app of its own."""
        client = self._way_out.shopify(shop, credentials.access_token)
        with StoreProblems():
            checked = await client.check()
            not_ready(checked.problems)
            places = await client.locations()
        if checked.store_key != shop:
            raise invalid(f"The token belongs to {checked.store_key}, not to {shop}.")
        place = choose_place(places, place_id)
        async with self._store(business_id, "shopify", shop) as store:
            with StoreProblems():
                await client.create_webhooks(delivery_url=self._way_out.webhook_url("shopify"))
            return await store.save(
                NewConnection(
                    platform="shopify",
                    store_key=shop,
                    store_url=shop,
                    store_name=checked.store_name,
                    location_id=location_id,
                    place_ref=place.place_ref,
                    choice=choice,
                    connected_at=checked.store_clock or utc_now(),
                    credentials=credentials,
                    tokens_due_at=tokens_due_at(credentials, now=utc_now()),
                )
            )

    async def connect_custom(self, business_id: int, given: ConnectCustom, *, location_id: str) -> CustomStore:
        notify_url = self._notify_url(given.notify_url)
        secret = secrets.token_urlsafe(SECRET_BYTES)
        store_key = f"{slug_of(given.name)}-{secrets.token_hex(STORE_KEY_RANDOM_BYTES)}"
        async with self._store(business_id, "custom", store_key) as store:
            connection_id = await store.save(
                NewConnection(
                    platform="custom",
                    store_key=store_key,
                    store_url=notify_url or "",
                    store_name=given.name,
                    location_id=location_id,
                    place_ref=None,
                    choice=None,
                    connected_at=utc_now(),
                    credentials=CustomCredentials(webhook_secret=SecretStr(secret), notify_url=notify_url),
                )
            )
        return CustomStore(connection_id, store_key, secret, curl_line(self._way_out, store_key, secret))

    async def disconnect(self, record: ConnectionRecord) -> str | None:
        """Takes the webhooks away and forgets the credentials; None, or what the store said against the former.

        A store that does not answer cannot keep its owner from leaving: its webhooks then find nobody here.
        """
        async with self._store(record.business_id, record.platform, record.store_key) as store:
            try:
                await self._remove_webhooks(record)
                refusal = None
            except StoreError as error:
                refusal = str(error)
            await store.disconnect(record.id)
        return refusal

    @asynccontextmanager
    async def in_hand(self, record: ConnectionRecord) -> AsyncIterator[StoreInHand]:
        """A connected store that nobody else changes meanwhile. Raises Problem."""
        async with self._store(record.business_id, record.platform, record.store_key) as store:
            yield store

    async def _remove_webhooks(self, record: ConnectionRecord) -> None:
        url = self._way_out.webhook_url(record.platform)
        match record.credentials:
            case WooCredentials(consumer_key=key, consumer_secret=secret):
                await self._way_out.woocommerce(record.store_url, key, secret).delete_webhooks(delivery_url=url)
            case ShopifyCredentials(access_token=token):
                await self._way_out.shopify(record.store_key, token).delete_webhooks(delivery_url=url)
            case CustomCredentials():
                pass  # the store's own program calls us; nothing is registered anywhere

    @asynccontextmanager
    async def _store(self, business_id: int, platform: Platform, store_key: str) -> AsyncIterator[StoreInHand]:
        async with self._turns:
            with StoreProblems():
                async with self._connections.exclusive(business_id, platform, store_key) as store:
                    yield store

    def _notify_url(self, text: str | None) -> str | None:
        if text is None:
            return None
        try:
            return parse_http_address(
                text, private_hosts=self._way_out.allowed_private_hosts, what="Address for new quantities"
            ).url
        except AddressProblem as error:
            raise wrong_address(error) from error


def curl_line(way_out: WayOut, store_key: str, secret: str) -> str:
    """A sale as a custom store tells it, signed by the shell that it is pasted into."""
    body = shlex.quote(json.dumps(SALE_EXAMPLE, separators=(",", ":")))
    signature = (
        f'"X-Prokip-Signature: $(printf %s {body} | openssl dgst -sha256 -hmac {shlex.quote(secret)} -binary | base64)"'
    )
    return (
        f"curl -sS -X POST {way_out.webhook_url('custom')} -H 'Content-Type: application/json'"
        f" -H 'X-Prokip-Store: {store_key}' -H {signature} --data-raw {body}"
    )


def tokens_due_at(credentials: ShopifyCredentials, *, now: datetime) -> datetime | None:
    """When tokens are to be exchanged that were given at `now`; None for those that do not expire."""
    if credentials.expires_at is None:
        return None
    return credentials.expires_at - RENEW_SHARE * max(credentials.expires_at - now, timedelta())


def choose_place(places: list[StoreLocation], place_id: str | None) -> StoreLocation:
    """Never the first of several by accident: a wrong location would be written for weeks before somebody sees it."""
    active = [place for place in places if place.active]
    wanted = place_id.rsplit("/", 1)[-1] if place_id is not None else None
    chosen = [place for place in active if wanted in {None, place.place_ref}]
    if len(chosen) == 1:
        return chosen[0]
    choices = [{"id": place.place_ref, "name": place.name} for place in active]
    if not active:
        raise invalid("The shop has no active location.")
    if wanted is not None:
        raise Problem(
            422, "No such location", code="unknown_location", detail="The shop has no such location.", places=choices
        )
    raise Problem(
        409,
        "Choose a location",
        code="choose_location",
        detail="The shop has several locations; say in placeId which one's stock is written.",
        places=choices,
    )

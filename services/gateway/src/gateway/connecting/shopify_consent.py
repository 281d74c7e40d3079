"""To Shopify's consent page and back, and the tokens that come of it, kept fresh.

A way there is bound to the person and to the browser that was sent: the state is good once and counts only together
with a cookie that no other site can set or read. See docs/adr/0015-shopify-consent.md.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from gateway.connecting.problems import StoreProblems, wrong_address
from gateway.connecting.stores import StoreOffice, WayOut, tokens_due_at
from gateway.connecting.ways import WAY_LIVES_S, hash_of, new_secret, refused
from gateway.domain.addresses import AddressProblem, parse_shop_domain
from gateway.storage.shopify_oauth import Consent, DueTokens, Install, ShopifyGrants
from prokip_shared.bus.failures import Verdict, describe, verdict_of
from prokip_shared.connections import ShopifyCredentials
from prokip_shared.database import Pool
from prokip_shared.logs import Log
from prokip_shared.platforms.errors import NeedsReauthorisation, StoreError
from prokip_shared.platforms.shopify import shopify_base_url
from prokip_shared.platforms.shopify_oauth import (
    AppCredentials,
    ShopifyOAuth,
    ShopTokens,
    callback_is_genuine,
    consent_url,
)
from prokip_shared.platforms.store import StoreLocation
from prokip_shared.security.vault import VaultError
from prokip_shared.web.problems import Problem

CALLBACK_PATH: Final = "/connections/callback/shopify"
INSTALL_LIVES_S: Final = 3600.0
RENEW_LOOK_S: Final = 1.0
RENEW_AGAIN_S: Final = 60.0

log = Log("shopify_consent")


@dataclass(frozen=True, slots=True)
class WayToConsent:
    url: str
    browser: str
    """For the cookie of the browser that is sent there."""


@dataclass(frozen=True, slots=True)
class Granted:
    connection_id: int | None
    install_id: UUID | None
    """Set where the shop has several locations and the operator has to choose one."""


class ShopifyConsent:
    def __init__(
        self, grants: ShopifyGrants, office: StoreOffice, way_out: WayOut, app: AppCredentials, public_url: str
    ) -> None:
        self._grants = grants
        self._office = office
        self._way_out = way_out
        self._app = app
        self._redirect_uri = public_url.rstrip("/") + CALLBACK_PATH

    async def begin(self, shop_typed: str, *, user_id: int, business_id: int, location_id: str) -> WayToConsent:
        """Raises Problem for what is no shop."""
        try:
            shop = parse_shop_domain(shop_typed)
        except AddressProblem as error:
            raise wrong_address(error) from error
        state, browser = new_secret(), new_secret()
        await self._grants.begin(
            state_hash=hash_of(state),
            browser_hash=hash_of(browser),
            user_id=user_id,
            business_id=business_id,
            shop=shop,
            location_id=location_id,
            lives_s=WAY_LIVES_S,
        )
        url = consent_url(self._shop_url(shop), self._app, redirect_uri=self._redirect_uri, state=state)
        return WayToConsent(url, browser)

    async def finish(self, query: Sequence[tuple[str, str]], browser: str, *, now: datetime) -> Granted:
        """Raises Problem for everything but the one callback that was asked for."""
        if not callback_is_genuine(query, self._app):
            raise refused("forged_callback", "Shopify did not sign this address.")
        fields = dict(query)
        shop = _shop_of(fields.get("shop", ""))
        consent = await self._grants.take(
            state_hash=hash_of(fields.get("state", "")), browser_hash=hash_of(browser), shop=shop
        )
        if consent is None:
            raise refused(
                "unknown_state", "This way to Shopify was used already, is too old, or is not yours. Begin again."
            )
        with StoreProblems():
            tokens = await self._oauth(shop).exchange_code(fields.get("code", ""), now=now)
        return await self._connect(shop, consent, tokens)

    async def places(self, business_id: int, install_id: UUID) -> tuple[str, list[StoreLocation]]:
        """The shop that waits, and its active locations. Raises Problem."""
        install = await self._waiting(business_id, install_id)
        client = self._way_out.shopify(install.shop, install.credentials.access_token)
        with StoreProblems():
            return install.shop, [place for place in await client.locations() if place.active]

    async def choose(self, business_id: int, install_id: UUID, place_id: str) -> int:
        """Finishes a grant that waits. Raises Problem."""
        install = await self._waiting(business_id, install_id)
        connection_id = await self._office.connect_granted_shop(
            business_id, install.shop, install.credentials, place_id=place_id, location_id=install.location_id
        )
        await self._grants.forget_install(business_id, install_id)
        return connection_id

    async def _waiting(self, business_id: int, install_id: UUID) -> Install:
        install = await self._grants.install(business_id, install_id)
        if install is None:
            raise Problem(404, "Not found", code="no_such_install", detail="Nothing waits under this number any more.")
        return install

    async def _connect(self, shop: str, consent: Consent, tokens: ShopTokens) -> Granted:
        credentials = credentials_of(tokens, self._app)
        try:
            connection_id = await self._office.connect_granted_shop(
                consent.business_id, shop, credentials, place_id=None, location_id=consent.location_id
            )
        except Problem as problem:
            if problem.code != "choose_location":
                raise
            install = Install(shop, consent.location_id, credentials)
            install_id = await self._grants.save_install(consent.business_id, install, lives_s=INSTALL_LIVES_S)
            return Granted(None, install_id)
        return Granted(connection_id, None)

    def _shop_url(self, shop: str) -> str:
        return shopify_base_url(self._way_out.shopify_url_template, shop)

    def _oauth(self, shop: str) -> ShopifyOAuth:
        return ShopifyOAuth(
            self._way_out.session, shop_url=self._shop_url(shop), app=self._app, limits=self._way_out.limits
        )


def credentials_of(tokens: ShopTokens, app: AppCredentials) -> ShopifyCredentials:
    """Webhooks of an app are signed with the app's secret."""
    return ShopifyCredentials(
        access_token=tokens.access_token,
        api_secret=app.client_secret,
        refresh_token=tokens.refresh_token,
        expires_at=tokens.expires_at,
    )


class TokenKeeper:
    """Exchanges tokens before they expire; any number of replicas may do so."""

    def __init__(
        self,
        pool: Pool,
        grants: ShopifyGrants,
        way_out: WayOut,
        app: AppCredentials,
        clock: Callable[[], datetime],
    ) -> None:
        self._pool = pool
        self._grants = grants
        self._way_out = way_out
        self._app = app
        self._clock = clock

    async def run(self) -> None:
        """Runs until cancelled; a database that is away is waited out."""
        while True:
            try:
                while await self.renew_next():
                    pass
            except Exception as error:
                if verdict_of(error) is not Verdict.HOLD:
                    raise
                log.warning("tokens.waiting_for_database", cause=describe(error))
            await asyncio.sleep(RENEW_LOOK_S)

    async def renew_next(self) -> bool:
        """One pair that is due; False when none is."""
        async with self._pool.acquire() as connection, connection.transaction():
            try:
                due = await self._grants.claim_due(connection)
            except VaultError as error:
                log.error("tokens.sealed", cause=str(error))
                return False
            if due is None:
                return False
            try:
                tokens = await self._exchange(due)
            except NeedsReauthorisation as error:
                await self._grants.withdrawn(connection, due)
                log.warning("tokens.withdrawn", connection_id=due.connection_id, shop=due.shop, reason=str(error))
            except StoreError as error:
                await self._grants.later(connection, due, in_s=RENEW_AGAIN_S)
                log.warning("tokens.not_renewed", connection_id=due.connection_id, shop=due.shop, reason=str(error))
            else:
                credentials = credentials_of(tokens, self._app)
                await self._grants.save_tokens(connection, due, credentials, tokens_due_at(credentials))
                log.info("tokens.renewed", connection_id=due.connection_id, shop=due.shop)
        return True

    async def _exchange(self, due: DueTokens) -> ShopTokens:
        if due.credentials.refresh_token is None:
            raise NeedsReauthorisation("the shop gave no refresh token")
        shop_url = shopify_base_url(self._way_out.shopify_url_template, due.shop)
        oauth = ShopifyOAuth(self._way_out.session, shop_url=shop_url, app=self._app, limits=self._way_out.limits)
        return await oauth.refresh(due.credentials.refresh_token, now=self._clock())


def _shop_of(text: str) -> str:
    """As Shopify writes it, whole; nothing that a person might type instead."""
    try:
        shop = parse_shop_domain(text)
    except AddressProblem as error:
        raise refused("wrong_shop", "This is no shop of Shopify's.") from error
    if shop != text.lower():
        raise refused("wrong_shop", "This is no shop of Shopify's.")
    return shop

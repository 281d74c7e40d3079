"""To Shopify's consent page and back.

A way there is bound to the person and to the browser that was sent: the state is good once and counts only together
with a cookie that no other site can set or read. See docs/adr/0015-shopify-consent.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from gateway.connecting.problems import StoreProblems, wrong_address
from gateway.connecting.shopify_tokens import granted_credentials
from gateway.connecting.stores import StoreOffice, WayOut
from gateway.connecting.ways import WAY_LIVES_S, hash_of, new_secret, refused
from gateway.domain.addresses import AddressProblem, parse_shop_domain
from gateway.storage.shopify_oauth import Consent, Install, ShopifyGrants
from prokip_shared.platforms.shopify_oauth import (
    AppCredentials,
    ShopTokens,
    callback_is_genuine,
    consent_url,
)
from prokip_shared.platforms.store import StoreLocation
from prokip_shared.web.problems import Problem

CALLBACK_PATH: Final = "/connections/callback/shopify"
INSTALL_LIVES_S: Final = 3600.0


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
        url = consent_url(self._way_out.shop_url(shop), self._app, redirect_uri=self._redirect_uri, state=state)
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
            tokens = await self._way_out.shopify_oauth(shop, self._app).exchange_code(fields.get("code", ""), now=now)
        return await self._connect(shop, consent, tokens, now)

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

    async def _connect(self, shop: str, consent: Consent, tokens: ShopTokens, now: datetime) -> Granted:
        credentials = granted_credentials(tokens, self._app, now=now)
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


def _shop_of(text: str) -> str:
    """As Shopify writes it, whole; nothing that a person might type instead."""
    try:
        shop = parse_shop_domain(text)
    except AddressProblem as error:
        raise refused("wrong_shop", "This is no shop of Shopify's.") from error
    if shop != text.lower():
        raise refused("wrong_shop", "This is no shop of Shopify's.")
    return shop

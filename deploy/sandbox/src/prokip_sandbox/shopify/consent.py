"""How an app is let into a shop: the consent page, codes, access tokens that expire and refresh tokens that rotate; and
the client credentials grant for an app of the shop's own organization.

https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/authorization-code-grant
https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/client-credentials-grant
"""

import hashlib
import hmac
import html
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from aiohttp import web

from prokip_sandbox.shopify.model import RefreshGrant, ShopState
from prokip_sandbox.values import ApiError, Clock, made_up_key

CODE_LIVES_S = 60.0
ACCESS_LIVES_S = 3600
OWN_APP_LIVES_S = 86_399
REFRESH_LIVES_S = 7_776_000
REFRESH_AGAIN_S = 30 * 86400.0
"""How long a refresh token stays good after its first use, unless the new one is used before."""


@dataclass
class App:
    """An app that the simulated shops know."""

    client_id: str
    client_secret: str
    access_lives_s: int = ACCESS_LIVES_S
    older_secret: str = ""
    """While the app's secret rotates: not revoked yet, so it is good too, and signs the webhooks."""

    @property
    def signing_secret(self) -> str:
        return self.older_secret or self.client_secret

    def knows(self, secret: object) -> bool:
        return isinstance(secret, str) and secret in {self.client_secret, self.older_secret} - {""}


@dataclass
class Code:
    shop: str
    expires_s: float


SANDBOX_APP = App(made_up_key("", "prokip-sync app id"), made_up_key("shpss_", "prokip-sync app"))
"""Known beforehand, as a real app's credentials are."""
OWN_APP = App(
    made_up_key("", "a merchant's own app id"), made_up_key("shpss_", "a merchant's own app"), OWN_APP_LIVES_S
)
"""Made and installed by the shops' own organization."""


class Consent:
    def __init__(
        self, app: App, own_app: App, states: Mapping[str, ShopState], clock: Clock, scopes: frozenset[str]
    ) -> None:
        self._app = app
        self._own_app = own_app
        self.own_app_shops = set(states)
        """Where it is installed, which only its own organization can do."""
        self._states = states
        self._clock = clock
        self._scopes = scopes
        self._codes: dict[str, Code] = {}

    def page(self, shop: str, query: Mapping[str, str]) -> web.Response:
        """What the merchant sees; installing is one click."""
        if query.get("client_id") != self._app.client_id:
            raise ApiError(400, {"error": "invalid_request", "error_description": "Oauth error invalid_client"})
        address = html.escape(self.approve(shop, query), quote=True)
        text = (
            "<!doctype html><title>Install app (simulated Shopify)</title><main>"
            f"<h1>Simulated Shopify</h1><p>prokip-sync asks {html.escape(shop)} for: {html.escape(query.get('scope', ''))}</p>"
            f'<p><a id="install" href="{address}">Install app</a></p></main>'
        )
        return web.Response(text=text, content_type="text/html")

    def approve(self, shop: str, query: Mapping[str, str]) -> str:
        """The address that the merchant's browser is sent to after a yes."""
        redirect_uri = query.get("redirect_uri", "")
        if urlsplit(redirect_uri).scheme not in {"http", "https"}:
            message = "The redirect_uri is not whitelisted"
            raise ApiError(400, {"error": "invalid_request", "error_description": message})
        code = secrets.token_hex(16)
        self._codes[code] = Code(shop, self._clock() + CODE_LIVES_S)
        fields = {"code": code, "shop": shop, "state": query.get("state", ""), "timestamp": str(int(self._clock()))}
        return f"{redirect_uri}?{urlencode(self.signed(fields))}"

    def signed(self, fields: Mapping[str, str]) -> dict[str, str]:
        """With Shopify's signature over all of them."""
        text = urlencode(sorted(fields.items()), quote_via=quote)
        signature = hmac.new(self._app.client_secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        return {**fields, "hmac": signature}

    async def grant(self, shop: str, request: web.Request) -> web.Response:
        fields = await _fields(request)
        apps = {app.client_id: app for app in (self._app, self._own_app)}
        app = apps.get(str(fields.get("client_id")))
        if app is None or not app.knows(fields.get("client_secret")):
            raise _refused("invalid_client", "The client credentials are not valid", 401)
        if fields.get("grant_type") == "client_credentials":
            return web.json_response(self._own(shop, app))
        if fields.get("grant_type") == "refresh_token":
            return web.json_response(self._refresh(shop, str(fields.get("refresh_token"))))
        return web.json_response(self._exchange(shop, str(fields.get("code")), expiring=fields.get("expiring") == "1"))

    def client_id_of(self, shop: str, token: str) -> str:
        """The app to which a token was given."""
        own = token in self._states[shop].own_app_tokens
        return self._own_app.client_id if own else self._app.client_id

    def signing_secret(self, client_id: str) -> str:
        app = self._own_app if client_id == self._own_app.client_id else self._app
        return app.signing_secret

    def accepts(self, shop: str, token: str) -> bool:
        return self._states[shop].access_tokens.get(token, 0.0) > self._clock()

    def uninstall(self, shop: str) -> None:
        """The merchant removes the app: nothing that it was given is good any more."""
        self._states[shop].access_tokens.clear()
        self._states[shop].refresh_grants.clear()
        self.own_app_shops.discard(shop)

    def _own(self, shop: str, app: App) -> dict[str, Any]:
        """One token after another, each for a day; nothing to refresh it with."""
        if app is not self._own_app or shop not in self.own_app_shops:
            raise _refused("shop_not_permitted", "Client credentials cannot be performed on this shop.")
        state, access = self._states[shop], f"shpat_{secrets.token_hex(16)}"
        state.access_tokens[access] = self._clock() + app.access_lives_s
        state.own_app_tokens.append(access)
        return {"access_token": access, "scope": ",".join(sorted(self._scopes)), "expires_in": app.access_lives_s}

    def _exchange(self, shop: str, text: str, *, expiring: bool) -> dict[str, Any]:
        code = self._codes.pop(text, None)
        if code is None or code.shop != shop or code.expires_s < self._clock():
            raise _refused("invalid_request", "The authorization code was not found or was already used")
        return self._new_pair(shop, expiring=expiring)

    def _refresh(self, shop: str, text: str) -> dict[str, Any]:
        grants = self._states[shop].refresh_grants
        grant = grants.get(text)
        if grant is None or grant.expires_s < self._clock():
            raise _refused("invalid_grant", "The refresh token is invalid or has expired")
        if grant.replaces is not None:
            grants.pop(grant.replaces, None)
            grant.replaces = None
        grant.expires_s = min(grant.expires_s, self._clock() + REFRESH_AGAIN_S)
        return self._new_pair(shop, expiring=True, replaces=text)

    def _new_pair(self, shop: str, *, expiring: bool, replaces: str | None = None) -> dict[str, Any]:
        state, access = self._states[shop], f"shpat_{secrets.token_hex(16)}"
        scope = ",".join(sorted(self._scopes))
        if not expiring:
            state.access_tokens[access] = float("inf")
            return {"access_token": access, "scope": scope}
        refresh = f"shprt_{secrets.token_hex(16)}"
        state.access_tokens[access] = self._clock() + self._app.access_lives_s
        state.refresh_grants[refresh] = RefreshGrant(self._clock() + REFRESH_LIVES_S, replaces)
        return {
            "access_token": access,
            "scope": scope,
            "expires_in": self._app.access_lives_s,
            "refresh_token": refresh,
            "refresh_token_expires_in": REFRESH_LIVES_S,
        }


async def _fields(request: web.Request) -> dict[str, Any]:
    body = await request.text()
    if request.content_type == "application/json":
        try:
            fields = json.loads(body)
        except ValueError:
            fields = None
        if not isinstance(fields, dict):
            raise _refused("invalid_request", "The body is not a JSON object")
        return fields
    return dict(parse_qsl(body))


def _refused(code: str, words: str, status: int = 400) -> ApiError:
    return ApiError(status, {"error": code, "error_description": words})

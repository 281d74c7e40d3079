"""How Shopify lets an app in: the consent page, its callback and tokens that are refreshed (authorization code grant),
and tokens for an app of the shop's own organization (client credentials grant).

https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/authorization-code-grant
https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/client-credentials-grant
"""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlencode

from aiohttp import ClientSession
from pydantic import SecretStr

from prokip_shared.platforms.errors import DETAIL_CHARS_MAX, NeedsReauthorisation, StoreUnavailable, failure_of_status
from prokip_shared.platforms.exchange import ExchangeLimits, exchange
from prokip_shared.platforms.shopify_wire import SCOPES_ASKED

CONSENT_PATH: Final = "/admin/oauth/authorize"
GRANT_PATH: Final = "/admin/oauth/access_token"
SIGNATURE: Final = "hmac"
NO_SUCH_GRANT: Final = frozenset({400, 401})
"""A code or refresh token that is used up, expired or withdrawn; an app that is not let in."""
PLAIN_WORDS: Final = {
    "shop_not_permitted": "the app may not enter this shop by itself: both must belong to the same Shopify organization, "
    "and the app must be installed in the shop",
    "invalid_client": "the client id and secret are not those of an app",
}


@dataclass(frozen=True, slots=True)
class AppCredentials:
    """The app as Shopify knows it; the secret also signs webhooks and callbacks."""

    client_id: str
    client_secret: SecretStr
    previous_secret: SecretStr | None = None
    """While the secret rotates and the older one is not revoked: Shopify signs with that.

    https://shopify.dev/docs/apps/build/authentication-authorization/client-secrets/rotate-revoke-client-credentials
    """

    @property
    def secrets(self) -> tuple[SecretStr, ...]:
        """What Shopify may have signed with."""
        return (self.client_secret,) if self.previous_secret is None else (self.client_secret, self.previous_secret)


@dataclass(frozen=True, slots=True)
class ShopTokens:
    """What a shop granted. Tokens that do not expire have no refresh token."""

    access_token: SecretStr
    refresh_token: SecretStr | None
    expires_at: datetime | None


def consent_url(shop_url: str, app: AppCredentials, *, redirect_uri: str, state: str) -> str:
    asked = {
        "client_id": app.client_id,
        "scope": ",".join(SCOPES_ASKED),
        "redirect_uri": redirect_uri,
        "state": state,
    }
    return f"{shop_url.rstrip('/')}{CONSENT_PATH}?{urlencode(asked)}"


def callback_is_genuine(query: Sequence[tuple[str, str]], app: AppCredentials) -> bool:
    """Whether Shopify signed these parameters, all of them, each once.

    Shopify's own libraries write the signed text in two ways, which differ for some characters; either will do.
    """
    fields = dict(query)
    given = fields.pop(SIGNATURE, "")
    if len(fields) + 1 != len(query):
        return False
    matches = [
        hmac.compare_digest(hmac.digest(secret.get_secret_value().encode(), text.encode(), hashlib.sha256).hex(), given)
        for secret in app.secrets
        for text in _signed_forms(fields)
        if given.isascii()
    ]
    return any(matches)


def _signed_forms(fields: Mapping[str, str]) -> tuple[str, str]:
    ordered = sorted(fields.items())

    def escaped(text: str, more: str = "") -> str:
        return "".join(f"%{ord(letter):02X}" if letter in f"%&{more}" else letter for letter in text)

    plain = "&".join(f"{escaped(name, '=')}={escaped(value)}" for name, value in ordered)
    return plain, urlencode(ordered, quote_via=quote, safe="*-._")


class ShopifyOAuth:
    """One app at one shop."""

    def __init__(
        self, session: ClientSession, *, shop_url: str, app: AppCredentials, limits: ExchangeLimits | None = None
    ) -> None:
        self._session = session
        self._url = f"{shop_url.rstrip('/')}{GRANT_PATH}"
        self._app = app
        self._limits = limits or ExchangeLimits()

    async def exchange_code(self, code: str, *, now: datetime) -> ShopTokens:
        """A code is good once. Raises StoreError: NeedsReauthorisation for one that is not accepted."""
        return await self._ask({"code": code, "expiring": "1"}, now)

    async def refresh(self, refresh_token: SecretStr, *, now: datetime) -> ShopTokens:
        """A new pair. The old refresh token stays good until the new one is used, so a lost answer may be asked for
        again. Raises StoreError: NeedsReauthorisation where the shop withdrew the grant.
        """
        return await self._ask({"grant_type": "refresh_token", "refresh_token": refresh_token.get_secret_value()}, now)

    async def client_credentials(self, *, now: datetime) -> ShopTokens:
        """For an app of the shop's own organization: a token for 24 hours, asked for again instead of refreshed.

        Raises StoreError: NeedsReauthorisation where the app is not let in.
        """
        return await self._ask({"grant_type": "client_credentials"}, now)

    async def _ask(self, grant: Mapping[str, str], now: datetime) -> ShopTokens:
        app = {"client_id": self._app.client_id, "client_secret": self._app.client_secret.get_secret_value()}
        answer = await exchange(
            self._session,
            "POST",
            self._url,
            headers={"Content-Type": "application/json", "Accept": "application/json"},
            limits=self._limits,
            body=json.dumps({**app, **grant}).encode(),
        )
        if answer.status in NO_SUCH_GRANT:
            raise NeedsReauthorisation(_words(answer.body) or "Shopify does not accept the grant")
        failure = failure_of_status(answer.status, answer.headers, code="", detail=_words(answer.body), now=now)
        if failure is not None:
            raise failure
        return _tokens(answer.json(), now)


def _words(body: bytes) -> str:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(said, Mapping):
        return ""
    code = said.get("error")
    if isinstance(code, str) and code in PLAIN_WORDS:
        return PLAIN_WORDS[code]
    return str(said.get("error_description") or said.get("error") or "")[:DETAIL_CHARS_MAX]


def _tokens(body: Any, now: datetime) -> ShopTokens:
    try:
        lives_s = body.get("expires_in")
        refresh = body.get("refresh_token")
        return ShopTokens(
            SecretStr(_text(body["access_token"])),
            None if refresh is None else SecretStr(_text(refresh)),
            None if lives_s is None else now.astimezone(UTC) + timedelta(seconds=int(lives_s)),
        )
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        raise StoreUnavailable("answered without a token") from None


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable() or not value:
        raise ValueError("no token")
    return value

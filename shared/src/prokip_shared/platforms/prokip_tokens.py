"""Signing in to the connector: which tokens an account has, and who gets new ones.

OAuth 2 by password, then by refresh with rotation: https://www.rfc-editor.org/rfc/rfc6749#section-6. A refresh ends
both old tokens at once, so its answer has to be kept before anything else happens.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, Protocol

import aiohttp
from pydantic import SecretStr

from prokip_shared.connections import ConnectorCredentials
from prokip_shared.platforms.prokip import InDoubt, NotAuthorised, Refused, Unavailable, Unusable
from prokip_shared.platforms.prokip_http import Answer, Bounds, exchange, load_json, retry_after_s, words_of

TOKEN_PATH: Final = "/oauth/token"  # noqa: S105  # an address
SAID_NO: Final = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED}
"""One generation says 401 to a wrong password, the other 400."""
BAD_CLIENT: Final = {"invalid_client", "unauthorized_client", "unsupported_grant_type"}
BOUNDS: Final = Bounds(connect_timeout_s=5.0, timeout_s=15.0, answer_bytes_max=64 * 1024)


@dataclass(frozen=True, slots=True)
class Tokens:
    access: str = field(repr=False)
    refresh: str | None = field(repr=False)
    expires_in_s: float | None
    """From the moment of the answer; None: not told, so they are used until they are refused."""


class BadCredentials(NotAuthorised):
    """The sign-in itself says that the settings are wrong: asking again changes nothing."""


class RefreshRefused(Exception):
    """The refresh token is spent, revoked or too old; a sign-in by password is needed."""


class TokenSource(Protocol):
    """Raises NotAuthorised or Unavailable."""

    async def token(self) -> str:
        """An access token that was good when last heard of."""
        ...

    async def renewed(self, refused: str) -> str:
        """Another one, because this one was not accepted."""
        ...


class SignIn:
    """The two calls that give tokens, for one account."""

    def __init__(self, session: aiohttp.ClientSession, *, api_url: str, credentials: ConnectorCredentials) -> None:
        self._session = session
        self._url = api_url.rstrip("/") + TOKEN_PATH
        self._credentials = credentials

    async def by_password(self) -> Tokens:
        """Raises BadCredentials, NotAuthorised or Unavailable."""
        known = self._credentials
        form = {
            "grant_type": "password",
            "username": known.username,
            "password": _open(known.password),
            "scope": "",
            # Prokip's own programs send it; other copies of the ERP do not look at it.
            "desktop_version": "",
        }
        try:
            return parse_tokens(await self._ask(form))
        except InDoubt as failure:  # tokens that nobody received do no harm
            raise Unavailable(failure.words) from None

    async def by_refresh(self, refresh_token: str) -> Tokens:
        """Raises RefreshRefused, Unavailable (the refresh token is as good as before) or InDoubt (it may be spent)."""
        answer = await self._ask({"grant_type": "refresh_token", "refresh_token": refresh_token, "scope": ""})
        if answer.status in SAID_NO:
            raise RefreshRefused
        return parse_tokens(answer)

    async def _ask(self, form: Mapping[str, str]) -> Answer:
        client = {"client_id": self._credentials.client_id, "client_secret": _open(self._credentials.client_secret)}
        headers = {"Accept": "application/json"}
        try:
            return await exchange(
                self._session, "POST", self._url, headers=headers, bounds=BOUNDS, form={**form, **client}
            )
        except Refused as failure:
            raise Unavailable(failure.words) from None


class MemoryTokens:
    """Signs in at first use and keeps the token as long as this object lives: for a look at settings."""

    def __init__(self, sign_in: SignIn) -> None:
        self._sign_in = sign_in
        self._token: str | None = None

    async def token(self) -> str:
        if self._token is None:
            self._token = (await self._sign_in.by_password()).access
        return self._token

    async def renewed(self, refused: str) -> str:
        if self._token == refused:
            self._token = None
        return await self.token()


def parse_tokens(answer: Answer) -> Tokens:
    """Raises BadCredentials, NotAuthorised or Unavailable; their words hold nothing of what was sent."""
    try:
        body = load_json(answer.body)
    except Unusable:
        body = None
    found: Mapping[str, Any] = body if isinstance(body, dict) else {}
    if answer.status in SAID_NO:
        raise _refusal(answer.status, found)
    access = _token(found.get("access_token"))
    if answer.status == HTTPStatus.OK and answer.complete and access is not None:
        return Tokens(access, _token(found.get("refresh_token")), _lifetime_s(found.get("expires_in")))
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        raise Unavailable(f"Prokip asks us to wait: {words_of(answer)}", retry_after_s(answer.headers))
    raise Unavailable(f"Prokip's sign-in answers {answer.status} without a token; is this the address of a Prokip API?")


def _refusal(status: int, found: Mapping[str, Any]) -> NotAuthorised:
    """Which setting is wrong. Without an OAuth error it is not the sign-in that answers, and may be over soon."""
    code = found.get("error")
    said = found.get("error_description") or found.get("message") or code
    words = f" Prokip says: {said}" if isinstance(said, str) else ""
    if not isinstance(code, str):
        return NotAuthorised(f"Prokip's sign-in answers {status}.{words}")
    if code in BAD_CLIENT:
        return BadCredentials(f"Prokip does not accept the client id or the client secret.{words}")
    return BadCredentials(f"Prokip does not accept the login name or the password.{words}")


def _token(value: Any) -> str | None:
    """None for what no header could carry."""
    return value if isinstance(value, str) and value != "" and value.isascii() and value.isprintable() else None


def _lifetime_s(value: Any) -> float | None:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _open(secret: SecretStr) -> str:
    return secret.get_secret_value()


def dump_tokens(tokens: Tokens) -> str:
    """To be sealed at once."""
    return json.dumps({"access": tokens.access, "refresh": tokens.refresh})


def load_tokens(text: str) -> Tokens:
    return Tokens(**json.loads(text), expires_in_s=None)

"""Logins as the ERP's OAuth server grants them: a password or a refresh token for a new pair of tokens."""

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from prokip_sandbox.prokip.model import USER_ID, Grant, State
from prokip_sandbox.prokip.settings import Erp
from prokip_sandbox.values import ApiError, Clock, compact_json, made_up_key


@dataclass(frozen=True, slots=True)
class Login:
    """What a person would type in. `username` is the login name, not an e-mail address."""

    client_id: str
    client_secret: str
    username: str
    password: str


def made_up_login(name: str) -> Login:
    return Login("7", made_up_key("", f"{name} client secret"), "sandbox_cashier", made_up_key("", f"{name} pw")[:16])


class Tokens:
    def __init__(self, name: str, login: Login, state: State, clock: Clock, erp: Erp) -> None:
        self._name = name
        self._state = state
        self._clock = clock
        self.login = login
        self.erp = erp

    def grant(self, fields: Mapping[str, str]) -> dict[str, str | int]:
        """The answer to `POST /oauth/token`, or an ApiError with the OAuth server's own words."""
        kind = fields.get("grant_type")
        if kind not in {"password", "refresh_token"}:
            raise _oauth_error(
                400,
                "unsupported_grant_type",
                "The authorization grant type is not supported by the authorization server.",
            )
        if not self._is_client(fields):
            raise _oauth_error(401, "invalid_client", "Client authentication failed")
        if kind == "password":
            self._check_password(fields)
        else:
            self._take_refresh_token(fields)
        return self._issue()

    def is_valid(self, access_token: str) -> bool:
        grant = next((one for one in reversed(self._state.grants) if one.access_token == access_token), None)
        return grant is not None and not grant.is_revoked and self._clock() < grant.expires_s

    def revoke_all(self) -> None:
        """As if the user had been logged out everywhere: access tokens end, and their refresh tokens with them."""
        for grant in self._state.grants:
            grant.is_revoked = True

    def expire_access(self) -> None:
        """Only the access tokens end: a refresh token still gets a new pair."""
        for grant in self._state.grants:
            grant.expires_s = min(grant.expires_s, self._clock())

    def _is_client(self, fields: Mapping[str, str]) -> bool:
        return _same(fields.get("client_id"), self.login.client_id) and _same(
            fields.get("client_secret"), self.login.client_secret
        )

    def _check_password(self, fields: Mapping[str, str]) -> None:
        if _same(fields.get("username"), self.login.username) and _same(fields.get("password"), self.login.password):
            return
        legacy = self.erp.generation == "legacy"
        raise _oauth_error(
            401 if legacy else 400,
            "invalid_credentials" if legacy else "invalid_grant",
            "The user credentials were incorrect.",
        )

    def _take_refresh_token(self, fields: Mapping[str, str]) -> None:
        given = fields.get("refresh_token")
        grant = next((one for one in reversed(self._state.grants) if one.refresh_token == given), None)
        if grant is None or grant.is_revoked:
            raise _oauth_error(401, "invalid_request", "The refresh token is invalid.")
        grant.is_revoked = True

    def _issue(self) -> dict[str, str | int]:
        number = len(self._state.grants) + 1
        lifetime_s = self.erp.token_lifetime_s
        expires_s = self._clock() + lifetime_s
        access_token = _jwt_like(f"{self._name} access {number}", self.login.client_id, expires_s)
        refresh_token = made_up_key("def50200", f"{self._name} refresh {number}")
        self._state.grants.append(Grant(access_token, refresh_token, expires_s))
        return {
            "token_type": "Bearer",
            "expires_in": lifetime_s,
            "access_token": access_token,
            "refresh_token": refresh_token,
        }


def _jwt_like(seed: str, client_id: str, expires_s: float) -> str:
    """Looks like the real thing, its `jti` in the header as the old library put it; the signature is made up."""
    number = made_up_key("", seed)
    parts = (
        compact_json({"typ": "JWT", "alg": "RS256", "jti": number}),
        compact_json({"aud": client_id, "jti": number, "exp": int(expires_s), "sub": str(USER_ID), "scopes": []}),
        made_up_key("simulated", seed),
    )
    return ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)


def _same(given: str | None, right: str) -> bool:
    return hmac.compare_digest((given or "").encode(), right.encode())


def _oauth_error(status: int, error: str, description: str) -> ApiError:
    return ApiError(status, {"error": error, "error_description": description, "message": description})

"""Operators' sessions: a signed token that names the person and the business, and can be withdrawn."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

import jwt

ALGORITHM: Final = "HS256"
AUDIENCE: Final = "gateway"
REQUIRED_CLAIMS: Final = ["exp", "iat", "aud", "sub", "jti", "bid"]


class InvalidSession(Exception):
    """Forged, expired, or made for something else."""


@dataclass(frozen=True, slots=True)
class SessionClaims:
    session_id: UUID
    user_id: int
    business_id: int
    expires_at: datetime


class Sessions:
    def __init__(self, secret: str, *, ttl_s: int) -> None:
        self._secret = secret
        self._ttl = timedelta(seconds=ttl_s)

    def open(self, user_id: int, business_id: int, *, now: datetime) -> tuple[str, datetime]:
        """A new token and when it ends."""
        expires_at = (now + self._ttl).replace(microsecond=0)
        claims = {
            "sub": str(user_id),
            "bid": business_id,
            "aud": AUDIENCE,
            "iat": now,
            "exp": expires_at,
            "jti": str(uuid4()),
        }
        return jwt.encode(claims, self._secret, algorithm=ALGORITHM), expires_at

    def read(self, token: str) -> SessionClaims:
        """Raises InvalidSession."""
        try:
            claims = jwt.decode(
                token, self._secret, algorithms=[ALGORITHM], audience=AUDIENCE, options={"require": REQUIRED_CLAIMS}
            )
            return SessionClaims(
                UUID(claims["jti"]),
                int(claims["sub"]),
                int(claims["bid"]),
                datetime.fromtimestamp(claims["exp"], tz=UTC),
            )
        except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError) as error:
            raise InvalidSession(str(error)) from error

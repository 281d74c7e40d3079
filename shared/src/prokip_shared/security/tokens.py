"""Short-lived tokens with which one service asks another on behalf of one business."""

from datetime import timedelta
from typing import Final

import jwt

from prokip_shared.messages import utc_now

AUDIENCE: Final = "internal"
ALGORITHM: Final = "HS256"


class InvalidToken(Exception):
    """Forged, expired or meant for someone else."""


class InternalTokens:
    def __init__(self, secret: str) -> None:
        self._secret = secret

    def mint(self, business_id: int, *, ttl_s: float = 60.0) -> str:
        claims = {"sub": str(business_id), "aud": AUDIENCE, "exp": utc_now() + timedelta(seconds=ttl_s)}
        return jwt.encode(claims, self._secret, algorithm=ALGORITHM)

    def verify(self, token: str) -> int:
        """The business id. Raises InvalidToken."""
        try:
            claims = jwt.decode(
                token, self._secret, algorithms=[ALGORITHM], audience=AUDIENCE, options={"require": ["exp", "sub"]}
            )
            return int(claims["sub"])
        except (jwt.InvalidTokenError, ValueError) as error:
            raise InvalidToken(str(error)) from error

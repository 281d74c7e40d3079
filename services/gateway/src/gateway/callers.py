"""Who asks: the session of a request and the business that it acts for."""

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from gateway.domain.requests import cookie_may_act
from gateway.sessions import InvalidSession, SessionClaims, Sessions
from gateway.storage.accounts import Accounts
from prokip_shared.web.problems import Problem

COOKIE: Final = "prokip_session"
BUSINESS_HEADER: Final = "X-Business"
UNAUTHORIZED_HEADERS: Final = {"WWW-Authenticate": 'Bearer realm="prokip-sync"'}


@dataclass(frozen=True, slots=True)
class Caller:
    claims: SessionClaims
    username: str
    business_id: int
    """What every query is bound to; not always the session's, see X-Business."""
    business_name: str

    @property
    def user_id(self) -> int:
        return self.claims.user_id


CALLER: Final = web.RequestKey("caller", Caller)


class Doorkeeper:
    def __init__(self, sessions: Sessions, accounts: Accounts) -> None:
        self._sessions = sessions
        self._accounts = accounts

    async def admit(self, request: web.Request) -> Caller:
        """Raises Problem 401, or 403 for a request that only a cookie vouches for and that is not from our pages."""
        try:
            claims = self._sessions.read(_token_of(request))
        except InvalidSession as error:
            raise _unauthorized("The session is not valid or has expired; sign in again.") from error
        business_id = _chosen_business(request, claims)
        names = await self._accounts.caller(claims.user_id, business_id, claims.session_id)
        if names is not None:
            return Caller(claims, names.username, business_id, names.business_name)
        if business_id != claims.business_id:
            raise Problem(403, "Not your business", code="not_your_business", detail="You do not belong to it.")
        raise _unauthorized("The session was ended; sign in again.")


def _token_of(request: web.Request) -> str:
    header = request.headers.get("Authorization")
    if header is not None:
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer":
            raise _unauthorized("Send Authorization: Bearer <token>.")
        return token.strip()
    token = request.cookies.get(COOKIE, "")
    if not token:
        raise _unauthorized("Sign in, or send Authorization: Bearer <token>.")
    if not cookie_may_act(
        request.method,
        sec_fetch_site=request.headers.get("Sec-Fetch-Site"),
        origin=request.headers.get("Origin"),
        host=request.host,
    ):
        raise Problem(
            403,
            "Not from our pages",
            code="cross_site",
            detail="A signed-in browser may change something only from this site's own pages.",
        )
    return token


def _chosen_business(request: web.Request, claims: SessionClaims) -> int:
    header = request.headers.get(BUSINESS_HEADER)
    if header is None:
        return claims.business_id
    if not header.isdecimal() or len(header) > 18:  # noqa: PLR2004  # fits bigint
        raise Problem(400, "Bad header", code="bad_header", detail=f"{BUSINESS_HEADER} is the id of a business.")
    return int(header)


def _unauthorized(detail: str) -> Problem:
    return Problem(401, "Unauthorized", code="unauthorized", detail=detail, headers=UNAUTHORIZED_HEADERS)

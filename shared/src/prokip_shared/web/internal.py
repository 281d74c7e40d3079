"""The services' read APIs for each other: the business comes from a signed token and from nowhere else."""

from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware

from prokip_shared.security.tokens import InternalTokens, InvalidToken
from prokip_shared.web.middleware import Handler
from prokip_shared.web.problems import Problem

BUSINESS: Final = web.RequestKey("business", int)
INTERNAL_PREFIX: Final = "/internal/"


def require_business(tokens: InternalTokens) -> Middleware:
    """Middleware for paths below /internal/: without a valid token nothing is answered."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(INTERNAL_PREFIX):
            scheme, _, token = request.headers.get("Authorization", "").partition(" ")
            if scheme != "Bearer":
                raise Problem(401, "Unauthorized", code="unauthorized", detail="An internal token is needed.")
            try:
                request[BUSINESS] = tokens.verify(token)
            except InvalidToken as error:
                raise Problem(
                    401, "Unauthorized", code="unauthorized", detail="The internal token is not valid."
                ) from error
        return await handler(request)

    return check

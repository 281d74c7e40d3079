"""Users, sessions and businesses: rows of the table."""

from typing import Final

from gateway.handlers import (
    accounts,
)
from gateway.models.accounts import (
    BusinessChoice,
    Login,
    NewBusiness,
    Register,
    Session,
    SessionToken,
    SwitchBusiness,
)
from gateway.models.base import Message, Page
from gateway.routes.shared import V1
from gateway.routing import Docs, route, route_given

ACCOUNT_ROUTES: Final = (
    route_given(
        "POST",
        "/auth/register",
        Register,
        accounts.register,
        answer=Message,
        status=201,
        access="open",
        docs=Docs("accounts", "Register a user and a first business", (403, 409, 429, 503)),
    ),
    route_given(
        "POST",
        "/auth/login",
        Login,
        accounts.login,
        answer=SessionToken,
        access="open",
        docs=Docs("accounts", "Sign in: a token, and a cookie for browsers", (401, 429, 503)),
    ),
    route(
        "POST", "/auth/logout", accounts.logout, answer=Message, docs=Docs("accounts", "End this session everywhere")
    ),
    route("GET", f"{V1}/session", accounts.show_session, answer=Session, docs=Docs("accounts", "Who and where one is")),
    route_given(
        "PUT",
        f"{V1}/session",
        SwitchBusiness,
        accounts.switch_business,
        answer=SessionToken,
        docs=Docs("accounts", "Go on in another business of one's own"),
    ),
    route(
        "GET",
        f"{V1}/businesses",
        accounts.list_businesses,
        answer=Page[BusinessChoice],
        docs=Docs("accounts", "The businesses one belongs to"),
    ),
    route_given(
        "POST",
        f"{V1}/businesses",
        NewBusiness,
        accounts.create_business,
        answer=BusinessChoice,
        status=201,
        docs=Docs("accounts", "Open another business", (409,)),
    ),
)

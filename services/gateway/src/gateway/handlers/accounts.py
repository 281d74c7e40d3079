"""Registering, signing in and out, and the businesses of a person."""

from typing import Any, Final

from aiohttp import web

from gateway.callers import CALLER, COOKIE
from gateway.config import GatewaySettings
from gateway.domain.accounts import password_problem, username_problem
from gateway.domain.requests import client_address
from gateway.keys import ACCOUNTS, PASSWORDS, SESSIONS, SETTINGS
from gateway.metrics import SIGN_INS
from gateway.models.accounts import (
    Business,
    BusinessChoice,
    Login,
    NewBusiness,
    Register,
    Session,
    SessionToken,
    SwitchBusiness,
    User,
)
from gateway.models.base import Message, Page
from gateway.passwords import PasswordsBusy
from gateway.routing import respond
from gateway.storage.accounts import TooManyBusinesses
from prokip_shared.logs import Log
from prokip_shared.messages import utc_now
from prokip_shared.web.problems import Problem

BUSINESSES_PER_USER_MAX: Final = 50
BUSY_RETRY_AFTER_S: Final = 2

log = Log("accounts")


async def register(request: web.Request, given: Register) -> Message:
    if not request.app[SETTINGS].registration_open:
        raise Problem(403, "Registration is closed", code="registration_closed", detail="Ask for an account.")
    password = given.password.get_secret_value()
    wrong = username_problem(given.username) or password_problem(password, username=given.username)
    if wrong is not None:
        raise Problem(422, "Invalid input", code="invalid_input", detail=wrong)
    await _limit_attempts(request, "register", "", attempts_max=request.app[SETTINGS].registrations_max)
    password_hash = await _hash(request, password)
    name = given.business_name or given.username
    if not await request.app[ACCOUNTS].register(given.username, password_hash, name):
        raise Problem(409, "Name taken", code="username_taken", detail="This user name is taken; choose another.")
    log.info("user.registered")
    return Message(message="User registered successfully")


async def login(request: web.Request, given: Login) -> web.Response:
    accounts = request.app[ACCOUNTS]
    await _limit_attempts(request, "login", given.username, attempts_max=request.app[SETTINGS].login_failures_max)
    user = await accounts.user_for_login(given.username)
    try:
        right = await request.app[PASSWORDS].matches(
            given.password.get_secret_value(), user.password_hash if user else None
        )
    except PasswordsBusy as error:
        raise _busy() from error
    if user is None or user.business_id is None or not right:
        SIGN_INS.labels("refused").inc()
        raise Problem(401, "Wrong name or password", code="wrong_credentials", detail="Check both and try again.")
    await accounts.forget_attempts("login", given.username, _address(request))
    SIGN_INS.labels("accepted").inc()
    return _session_answer(request, user.id, user.business_id)


async def logout(request: web.Request) -> web.Response:
    claims = request[CALLER].claims
    await request.app[ACCOUNTS].revoke_session(claims.session_id, claims.expires_at)
    response = respond(Message(message="Signed out"))
    response.del_cookie(COOKIE, **_cookie_attributes(request.app[SETTINGS]))
    return response


async def show_session(request: web.Request) -> Session:
    caller = request[CALLER]
    return Session(
        user=User(id=caller.user_id, username=caller.username),
        business=Business(id=caller.business_id, name=caller.business_name),
        businesses=await _choices(request),
        expires_at=caller.claims.expires_at,
    )


async def switch_business(request: web.Request, given: SwitchBusiness) -> web.Response:
    """A new session for another business; the old one ends."""
    caller = request[CALLER]
    accounts = request.app[ACCOUNTS]
    if await accounts.caller(caller.user_id, given.business_id, caller.claims.session_id) is None:
        raise Problem(403, "Not your business", code="not_your_business", detail="You do not belong to it.")
    await accounts.revoke_session(caller.claims.session_id, caller.claims.expires_at)
    return _session_answer(request, caller.user_id, given.business_id)


async def list_businesses(request: web.Request) -> Page[BusinessChoice]:
    return Page[BusinessChoice](items=await _choices(request))


async def create_business(request: web.Request, given: NewBusiness) -> BusinessChoice:
    try:
        made = await request.app[ACCOUNTS].create_business(
            request[CALLER].user_id, given.name, businesses_max=BUSINESSES_PER_USER_MAX
        )
    except TooManyBusinesses as error:
        detail = f"One person has at most {BUSINESSES_PER_USER_MAX} businesses."
        raise Problem(409, "Too many businesses", code="too_many_businesses", detail=detail) from error
    return BusinessChoice(id=made.id, name=made.name, current=False)


async def _choices(request: web.Request) -> list[BusinessChoice]:
    caller = request[CALLER]
    return [
        BusinessChoice(id=row.id, name=row.name, current=row.id == caller.business_id)
        for row in await request.app[ACCOUNTS].businesses(caller.user_id)
    ]


async def _hash(request: web.Request, password: str) -> str:
    try:
        return await request.app[PASSWORDS].hash(password)
    except PasswordsBusy as error:
        raise _busy() from error


async def _limit_attempts(request: web.Request, purpose: str, username: str, *, attempts_max: int) -> None:
    settings = request.app[SETTINGS]
    attempts = await request.app[ACCOUNTS].count_attempt(
        purpose, username, _address(request), window_s=settings.login_window_s
    )
    if attempts.count > attempts_max:
        if purpose == "login":
            SIGN_INS.labels("limited").inc()
        wait_s = max(1, round(attempts.window_left_s))
        raise Problem(
            429,
            "Too many attempts",
            code="too_many_attempts",
            detail=f"Try again in {wait_s} seconds.",
            headers={"Retry-After": str(wait_s)},
        )


def _address(request: web.Request) -> str:
    return client_address(
        request.remote or "",
        request.headers.getall("X-Forwarded-For", []),
        proxies_trusted=request.app[SETTINGS].proxies_trusted,
    )


def _session_answer(request: web.Request, user_id: int, business_id: int) -> web.Response:
    settings = request.app[SETTINGS]
    token, expires_at = request.app[SESSIONS].open(user_id, business_id, now=utc_now())
    response = respond(SessionToken(token=token, expires_at=expires_at))
    response.set_cookie(COOKIE, token, max_age=settings.session_ttl_s, **_cookie_attributes(settings))
    return response


def _cookie_attributes(settings: GatewaySettings) -> dict[str, Any]:
    """Strict: the browser sends it from our own pages only; scripts never see it."""
    return {"path": "/", "httponly": True, "samesite": "Strict", "secure": settings.behind_https}


def _busy() -> Problem:
    return Problem(
        503,
        "Busy",
        code="sign_in_busy",
        detail="Too many people sign in at this moment; try again in a few seconds.",
        headers={"Retry-After": str(BUSY_RETRY_AFTER_S)},
    )

"""The store's own approval page: an app asks for API keys, the shop's manager says yes, the store posts them.

As WooCommerce's `WC_Auth` does it, words of its refusals included:
https://github.com/woocommerce/woocommerce/blob/trunk/plugins/woocommerce/includes/class-wc-auth.php
https://woocommerce.github.io/woocommerce-rest-api-docs/#rest-api-keys
"""

import asyncio
import html
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from aiohttp import ClientError, ClientSession, ClientTimeout, web

from prokip_sandbox.woocommerce.model import GrantedKey, State

ROOT = "/wc-auth/v1"
LOGIN_COOKIE = "wordpress_logged_in_sandbox"
PARAMETERS = ("app_name", "user_id", "return_url", "callback_url", "scope")
SCOPES = {"read": "Read", "write": "Write", "read_write": "Read/Write"}
POST_TIMEOUT_S = 60.0
NO_PERMISSION = "You do not have permission to access this page"
NOT_SENT = "An error occurred in the request and at the time were unable to send the consumer data"

Handler = Callable[[web.Request], Awaitable[web.Response]]


@dataclass(frozen=True, slots=True)
class WordPressUser:
    name: str
    password: str
    manages_shop: bool
    """Has the capability `manage_woocommerce`."""


MANAGER = WordPressUser("manager", "simulated", manages_shop=True)
CUSTOMER = WordPressUser("customer", "simulated", manages_shop=False)


class Denied(Exception):
    """WordPress' page "Access denied", status 401."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The handshake, checked as WooCommerce checks it."""

    app_name: str
    user_id: str
    return_url: str
    callback_url: str
    scope: str

    @classmethod
    def of(cls, given: Mapping[str, str], *, plain_callbacks: bool) -> "Asked":
        for name in PARAMETERS:
            if not given.get(name):
                raise Denied(f"Missing parameter {name}")
        if given["scope"] not in SCOPES:
            raise Denied(f"Invalid scope {given['scope']}")
        urls = {name: _formatted_url(given[name]) for name in ("return_url", "callback_url")}
        for url in urls.values():
            if not urlsplit(url).hostname:
                raise Denied(f"The {url} is not a valid URL")
        if not urls["callback_url"].lower().startswith("https://") and not plain_callbacks:
            raise Denied("The callback_url needs to be over SSL")
        return cls(given["app_name"], given["user_id"], urls["return_url"], urls["callback_url"], given["scope"])

    def back(self, *, success: int) -> str:
        joint = "&" if "?" in self.return_url else "?"
        return f"{self.return_url}{joint}{urlencode({'success': success, 'user_id': self.user_id})}"

    def query(self, **more: str) -> str:
        return urlencode({name: getattr(self, name) for name in PARAMETERS} | more)


class Approval:
    """`plain_callbacks` takes a callback without https, which the original never does: for machines without TLS."""

    def __init__(
        self,
        state: State,
        *,
        home_url: Callable[[], str],
        add_key: Callable[[GrantedKey], None],
        remove_key: Callable[[GrantedKey], None],
        url_allowed: Callable[[str], bool],
        plain_callbacks: bool,
    ) -> None:
        self._state = state
        self._home_url = home_url
        self._add_key = add_key
        self._remove_key = remove_key
        self._url_allowed = url_allowed
        self._plain_callbacks = plain_callbacks
        self._users = {user.name: user for user in (MANAGER, CUSTOMER)}
        self._logins: dict[str, WordPressUser] = {}
        self._nonces: dict[str, str] = {}

    def add_routes(self, app: web.Application, folder: str) -> None:
        for ending in ("", "/"):
            app.router.add_get(f"{folder}{ROOT}/{{route}}{ending}", _or_denied(self._endpoint))
        app.router.add_post(f"{folder}/my-account/", _or_denied(self._log_in))

    async def _endpoint(self, request: web.Request) -> web.Response:
        """One of `login`, `authorize`, `access_granted`."""
        asked = Asked.of(request.query, plain_callbacks=self._plain_callbacks)
        route, user = request.match_info["route"].lower(), self._user(request)
        if route == "login":
            return self._login_page(asked) if user is None else self._to(self._url("authorize", asked))
        if route == "authorize" and user is None:
            return self._to(self._url("login", asked))
        if route == "authorize" and user is not None and user.manages_shop:
            return self._question(request, asked, user)
        if route == "access_granted" and user is not None and user.manages_shop:
            return await self._grant(request, asked)
        raise Denied(NO_PERMISSION)

    def _login_page(self, asked: Asked, error: str = "") -> web.Response:
        app = html.escape(asked.app_name)
        return _page(
            f"<h1>{app} would like to connect to your store</h1>"
            f"<p>To connect to {app} you need to be logged in. Log in to your store below, or "
            f'<a href="{html.escape(asked.back(success=0))}">cancel and return to {app}</a></p>'
            f'<p class="error">{html.escape(error)}</p>'
            f'<form method="post" action="{html.escape(self._home_url())}/my-account/">'
            '<label>Username or email address <input name="username"></label>'
            '<label>Password <input name="password" type="password"></label>'
            f'<input type="hidden" name="redirect" value="{html.escape(self._url("authorize", asked))}">'
            "<button>Login</button></form>"
        )

    async def _log_in(self, request: web.Request) -> web.Response:
        form = await request.post()
        name, password, redirect = (str(form.get(field, "")) for field in ("username", "password", "redirect"))
        user = self._users.get(name)
        if not redirect.startswith(f"{self._home_url()}/"):
            redirect = f"{self._home_url()}/"
        if user is None or user.password != password:
            asked = Asked.of(dict(parse_qsl(urlsplit(redirect).query)), plain_callbacks=self._plain_callbacks)
            return self._login_page(asked, "The username or password you entered is incorrect.")
        token = secrets.token_hex(16)
        self._logins[token] = user
        response = self._to(redirect)
        response.set_cookie(LOGIN_COOKIE, token, path="/", httponly=True)
        return response

    def _question(self, request: web.Request, asked: Asked, user: WordPressUser) -> web.Response:
        app, nonce = html.escape(asked.app_name), secrets.token_hex(5)
        self._nonces[nonce] = request.cookies.get(LOGIN_COOKIE, "")
        granted = self._url("access_granted", asked, wc_auth_nonce=nonce)
        return _page(
            f"<h1>{app} would like to connect to your store</h1>"
            f'<p>This will give "{app}" {SCOPES[asked.scope]} access. Logged in as {user.name}.</p>'
            f'<p><a id="approve" href="{html.escape(granted)}">Approve</a> '
            f'<a id="deny" href="{html.escape(asked.back(success=0))}">Deny</a></p>'
        )

    async def _grant(self, request: web.Request, asked: Asked) -> web.Response:
        session = self._nonces.get(request.query.get("wc_auth_nonce", ""))
        if session is None or session != request.cookies.get(LOGIN_COOKIE, ""):
            raise Denied("Invalid nonce verification")
        self._state.last_key_id += 1
        key = GrantedKey(
            self._state.last_key_id, f"ck_{secrets.token_hex(20)}", f"cs_{secrets.token_hex(20)}", asked.scope
        )
        self._add_key(key)
        try:
            await self._post(key, asked)
        except Denied:
            self._remove_key(key)
            raise
        return self._to(asked.back(success=1))

    async def _post(self, key: GrantedKey, asked: Asked) -> None:
        """Only a 200 counts; otherwise the key is deleted again."""
        if not self._url_allowed(asked.callback_url):
            raise Denied("A valid URL was not provided")
        body = {
            "key_id": key.id,
            "user_id": asked.user_id,
            "consumer_key": key.consumer_key,
            "consumer_secret": key.consumer_secret,
            "key_permissions": key.permissions,
        }
        headers = {"Content-Type": "application/json;charset=UTF-8"}
        try:
            async with (
                ClientSession(timeout=ClientTimeout(total=POST_TIMEOUT_S)) as session,
                session.post(asked.callback_url, data=json.dumps(body), headers=headers) as answer,
            ):
                status = answer.status
        except (ClientError, OSError, asyncio.TimeoutError) as error:  # noqa: UP041  # aiohttp's derive from it
            raise Denied(f"cURL error: {type(error).__name__}") from error
        if status != web.HTTPOk.status_code:
            raise Denied(NOT_SENT)

    def _user(self, request: web.Request) -> WordPressUser | None:
        return self._logins.get(request.cookies.get(LOGIN_COOKIE, ""))

    def _url(self, route: str, asked: Asked, **more: str) -> str:
        return f"{self._home_url()}{ROOT}/{route}/?{asked.query(**more)}"

    @staticmethod
    def _to(address: str) -> web.Response:
        return web.Response(status=302, headers={"Location": address})


def _or_denied(handler: Handler) -> Handler:
    async def answered(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except Denied as error:
            text = f"<!doctype html><title>Access denied</title><p>Error: {html.escape(str(error))}.</p>"
            return web.Response(status=401, text=text, content_type="text/html")

    return answered


def _formatted_url(url: str) -> str:
    """Decoded once more than PHP has done, as the original does."""
    decoded = unquote(url.replace("+", " "))
    return decoded if "://" in decoded else f"https://{decoded}"


def _page(body: str) -> web.Response:
    text = f"<!doctype html><title>Connect (simulated WooCommerce)</title><main>{body}</main>"
    return web.Response(text=text, content_type="text/html")

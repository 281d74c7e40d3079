"""A connector that says what a test tells it to: for what a faithful simulation would not do, or not on command.

It signs people in and checks tokens by itself; every other answer is scripted, one call after the other.
"""

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from prokip_shared.connections import ConnectorCredentials

API = "/connector/api"


@dataclass(frozen=True, slots=True)
class Said:
    """One scripted answer."""

    body: Any = None
    """Bytes as they are, anything else as JSON."""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    hold: asyncio.Event | None = None
    """Answered once this is set."""
    cut: bool = False
    """The connection ends without an answer."""


@dataclass(frozen=True, slots=True)
class Call:
    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]


class ScriptedConnector:
    credentials = ConnectorCredentials(
        client_id="7", client_secret=SecretStr("client-pw"), username="amina", password=SecretStr("login-pw")
    )

    def __init__(self) -> None:
        self.url = ""
        self.calls: list[Call] = []
        self.grants: list[str] = []
        """The kinds of sign-in that were asked for."""
        self.expires_in: Any = 31_536_000
        self.sign_ins: deque[Said] = deque()
        """Answers to sign-ins instead of its own; what it would have done is done all the same."""
        self._access: set[str] = set()
        self._refresh: set[str] = set()
        self._script: defaultdict[tuple[str, str], deque[Said]] = defaultdict(deque)

    def says(self, method: str, path: str, *answers: Any) -> None:
        """The next answers to this call; the last one stays."""
        self._script[method, path].extend(one if isinstance(one, Said) else Said(one) for one in answers)

    def revoke(self) -> None:
        """Every token that it has ever given."""
        self._access.clear()
        self._refresh.clear()

    def revoke_access(self) -> None:
        self._access.clear()

    def asked(self, method: str, path: str) -> list[Call]:
        return [call for call in self.calls if (call.method, call.path) == (method, path)]

    @asynccontextmanager
    async def serve(self) -> AsyncIterator["ScriptedConnector"]:
        app = web.Application()
        app.router.add_post("/oauth/token", self._sign_in)
        app.router.add_route("*", "/{path:.*}", self._answer)
        async with TestServer(app) as server:
            self.url = str(server.make_url("")).rstrip("/")
            yield self

    async def _sign_in(self, request: web.Request) -> web.StreamResponse:
        form = dict(await request.post())
        self.grants.append(str(form["grant_type"]))
        answer = self._grant(form)
        return await _send(request, self.sign_ins.popleft() if self.sign_ins else answer)

    def _grant(self, form: dict[str, Any]) -> Said:
        known = self.credentials
        if (form["client_id"], form["client_secret"]) != (known.client_id, known.client_secret.get_secret_value()):
            return Said({"error": "invalid_client", "message": "Client authentication failed"}, 401)
        if form["grant_type"] == "refresh_token":
            if form["refresh_token"] not in self._refresh:
                return Said({"error": "invalid_request", "message": "The refresh token is invalid."}, 401)
            self._refresh.discard(form["refresh_token"])
            self._access.clear()
        elif (form["username"], form["password"]) != (known.username, known.password.get_secret_value()):
            return Said({"error": "invalid_grant", "message": "The user credentials were incorrect."}, 400)
        number = len(self.grants)
        access, refresh = f"access-{number}", f"refresh-{number}"
        self._access.add(access)
        self._refresh.add(refresh)
        token = {"token_type": "Bearer", "access_token": access, "refresh_token": refresh}
        return Said(token | {"expires_in": self.expires_in})

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix(API)
        body = await request.json() if request.can_read_body else None
        self.calls.append(Call(request.method, path, dict(request.query), body, dict(request.headers)))
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self._access:
            return web.json_response({"message": "Unauthenticated."}, status=401)
        script = self._script.get((request.method, path))
        if not script:
            return web.json_response({"message": f"nothing scripted for {request.method} {path}"}, status=500)
        return await _send(request, script.popleft() if len(script) > 1 else script[0])


async def _send(request: web.Request, said: Said) -> web.StreamResponse:
    if said.hold is not None:
        await said.hold.wait()
    if said.cut:
        assert request.transport is not None
        request.transport.close()
        return web.Response()
    content = said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()
    return web.Response(body=content, status=said.status, headers=said.headers, content_type="application/json")

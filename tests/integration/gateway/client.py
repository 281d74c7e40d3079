"""A running gateway as its callers see it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientResponse, ClientSession

from gateway.app import SERVICE
from prokip_shared.runtime import ServiceContext, running
from prokip_shared.settings import load_settings

PASSWORD = "correct horse battery"


@dataclass(frozen=True, slots=True)
class Heard:
    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True, slots=True)
class Gateway:
    url: str
    http: ClientSession
    context: ServiceContext

    async def call(self, method: str, path: str, json: Any = None, **more: Any) -> Heard:
        async with self.http.request(method, self.url + path, json=json, allow_redirects=False, **more) as answer:
            return await heard(answer)

    async def person(self, username: str = "alice", password: str = PASSWORD) -> "Person":
        """Registered and signed in."""
        account = {"username": username, "password": password}
        assert (await self.call("POST", "/auth/register", account)).status == 201
        answer = await self.call("POST", "/auth/login", account)
        assert answer.status == 200, answer.body
        return Person(self, username, answer.body["token"])


@dataclass(frozen=True, slots=True)
class Person:
    gateway: Gateway
    username: str
    token: str = field(repr=False)

    async def call(self, method: str, path: str, json: Any = None, **more: Any) -> Heard:
        headers = {"Authorization": f"Bearer {self.token}"} | more.pop("headers", {})
        return await self.gateway.call(method, path, json, headers=headers, **more)

    async def ok(self, method: str, path: str, json: Any = None, **more: Any) -> Any:
        answer = await self.call(method, path, json, **more)
        assert answer.status < 300, (method, path, answer)
        return answer.body

    async def business_id(self) -> int:
        return int((await self.ok("GET", "/api/v1/session"))["business"]["id"])


@asynccontextmanager
async def open_gateway(environ: Mapping[str, str], http: ClientSession) -> AsyncIterator[Gateway]:
    async with running(SERVICE, load_settings(SERVICE.settings, environ)) as service:
        yield Gateway(service.url, http, service.context)


async def heard(answer: ClientResponse) -> Heard:
    body = await answer.json(content_type=None) if "json" in answer.content_type else await answer.text()
    return Heard(answer.status, answer.headers, body)

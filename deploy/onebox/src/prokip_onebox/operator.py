"""What an operator would do by hand, through the gateway's public API only."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import ClientSession, ClientTimeout

CALL_TIMEOUT_S: Final = 60.0
PAGE_ITEMS_MAX: Final = 200


class OperatorError(Exception):
    """The gateway refused; the message is its own."""


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the live feed."""

    id: str
    kind: str
    data: Mapping[str, Any]


class Operator:
    """A signed-in user of one gateway."""

    def __init__(self, session: ClientSession, gateway_url: str) -> None:
        self._session = session
        self._url = gateway_url
        self._headers: dict[str, str] = {}

    async def sign_in(self, username: str, password: str) -> None:
        """Registers at the first run, signs in at every run."""
        body = {"username": username, "password": password}
        async with self._session.post(f"{self._url}/auth/register", json=body) as answer:
            if answer.status not in {201, 409}:
                raise OperatorError(f"register: {await answer.text()}")
        token = (await self.call("POST", "/auth/login", body))["token"]
        self._headers = {"Authorization": f"Bearer {token}"}

    async def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The answer's JSON. Raises OperatorError with the problem's own words."""
        async with self._session.request(
            method,
            self._url + path,
            json=body,
            headers=self._headers,
            timeout=ClientTimeout(total=CALL_TIMEOUT_S),
        ) as answer:
            text = await answer.text()
            if not answer.ok:
                raise OperatorError(f"{method} {path}: {answer.status} {text}")
            return json.loads(text)

    async def listed_skus(self, connection_id: int) -> frozenset[str]:
        """What one store sells and is pushed to."""
        found: set[str] = set()
        cursor = ""
        while True:
            query = f"?limit={PAGE_ITEMS_MAX}" + (f"&cursor={cursor}" if cursor else "")
            page = await self.call("GET", f"/api/v1/connections/{connection_id}/listings{query}")
            found.update(item["sku"] for item in page["items"] if item["sku"] and item["state"] == "matched")
            cursor = page["next"]
            if not cursor:
                return frozenset(found)

    async def events(self, after: str = "") -> AsyncIterator[Event]:
        """The live feed until the connection ends. Raises what aiohttp raises."""
        headers = self._headers | ({"Last-Event-ID": after} if after else {})
        timeout = ClientTimeout(total=None, sock_connect=CALL_TIMEOUT_S)
        async with self._session.get(f"{self._url}/api/v1/events", headers=headers, timeout=timeout) as answer:
            answer.raise_for_status()
            fields: dict[str, str] = {}
            async for raw in answer.content:
                line = raw.decode().rstrip("\r\n")
                if line:
                    name, _, value = line.partition(":")
                    fields[name] = value.removeprefix(" ")
                    continue
                if "data" in fields:
                    yield Event(fields.get("id", ""), fields.get("event", ""), json.loads(fields["data"]))
                fields = {}

"""A browser's EventSource, as far as tests need one."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientResponse, ClientTimeout

from tests.integration.gateway.client import Person


@dataclass(frozen=True, slots=True)
class Block:
    """What stands between two empty lines."""

    fields: Mapping[str, str]

    @property
    def data(self) -> Any:
        return json.loads(self.fields["data"])


class Stream:
    def __init__(self, answer: ClientResponse) -> None:
        self.answer = answer

    async def next(self) -> Block:
        """The next block that is more than a comment. Raises EOFError at the end of the stream."""
        fields: dict[str, str] = {}
        while True:
            line = (await self.answer.content.readline()).decode()
            if not line:
                raise EOFError
            if line == "\n":
                if "data" in fields:
                    return Block(fields)
                fields = {}
                continue
            name, _, value = line.rstrip("\n").partition(":")
            fields[name] = value.removeprefix(" ")

    async def comment(self) -> str:
        while True:
            line = (await self.answer.content.readline()).decode()
            if not line:
                raise EOFError
            if line.startswith(":"):
                return line


@asynccontextmanager
async def open_stream(person: Person, path: str = "/api/v1/events", **headers: str) -> AsyncIterator[Stream]:
    sent = {"Authorization": f"Bearer {person.token}"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    async with person.gateway.http.get(
        person.gateway.url + path, headers=sent, timeout=ClientTimeout(total=20)
    ) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.content_type == "text/event-stream"
        yield Stream(answer)

"""The other services' internal read APIs, asked on behalf of one business."""

import json
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, TypeVar
from urllib.parse import quote

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout
from yarl import URL

from gateway.metrics import UPSTREAM_FAILURES
from prokip_shared.logs import Log
from prokip_shared.security.tokens import InternalTokens
from prokip_shared.web.problems import Problem

ANSWER_BYTES_MAX: Final = 8 * 1024 * 1024
CHUNK_BYTES: Final = 65536
TOKEN_TTL_S: Final = 60.0

T = TypeVar("T")

log = Log("upstream")


@dataclass(frozen=True, slots=True)
class InternalApi:
    """One service. Raises Problem: its own for 4xx, 503 where it is away, 502 where it fails."""

    name: str
    base_url: str
    session: ClientSession
    tokens: InternalTokens
    timeout_s: float

    async def get(self, business_id: int, path: str, query: Mapping[str, object] | None = None) -> Any:
        return await self._ask("GET", business_id, path, query=query)

    async def post(self, business_id: int, path: str, body: Mapping[str, object] | None = None) -> Any:
        return await self._ask("POST", business_id, path, body=body or {})

    async def _ask(
        self,
        method: str,
        business_id: int,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> Any:
        params = {name: str(value) for name, value in (query or {}).items() if value not in {None, ""}}
        headers = {"Authorization": f"Bearer {self.tokens.mint(business_id, ttl_s=TOKEN_TTL_S)}"}
        try:
            async with self.session.request(
                method,
                URL(self.base_url.rstrip("/") + path, encoded=True).with_query(params),
                json=body,
                headers=headers,
                timeout=ClientTimeout(total=self.timeout_s),
                allow_redirects=False,
            ) as response:
                return await self._read(response)
        except TimeoutError as error:
            raise self._away(f"no answer within {self.timeout_s:g} s") from error
        except (ClientError, OSError) as error:
            log.warning("upstream.unreachable", service=self.name, cause=repr(error))
            raise self._away("cannot be reached") from error

    async def _read(self, response: ClientResponse) -> Any:
        if response.status == HTTPStatus.SERVICE_UNAVAILABLE:
            raise self._away("it is not ready")
        content = await self._content(response)
        try:
            body = json.loads(content)
        except ValueError as error:
            raise self._broken(f"HTTP {response.status} without JSON") from error
        if response.status < HTTPStatus.BAD_REQUEST:
            return body
        # An internal 401 is our own misconfiguration, not the caller's session.
        if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR or response.status == HTTPStatus.UNAUTHORIZED:
            raise self._broken(f"HTTP {response.status}")
        raise Problem(
            response.status,
            str(body.get("title", "Refused")),
            code=str(body.get("code", "refused")),
            detail=str(body.get("detail", "")),
        )

    async def _content(self, response: ClientResponse) -> bytes:
        content = bytearray()
        async for chunk in response.content.iter_chunked(CHUNK_BYTES):
            content += chunk
            if len(content) > ANSWER_BYTES_MAX:
                raise self._broken(f"more than {ANSWER_BYTES_MAX} bytes")
        return bytes(content)

    def _away(self, words: str) -> Problem:
        UPSTREAM_FAILURES.labels(self.name).inc()
        return Problem(
            503,
            "Service away",
            code="service_away",
            detail=f"The {self.name} service does not answer right now ({words}); try again in a moment.",
            headers={"Retry-After": "5"},
            service=self.name,
        )

    def _broken(self, words: str) -> Problem:
        UPSTREAM_FAILURES.labels(self.name).inc()
        log.error("upstream.broken", service=self.name, cause=words)
        return Problem(
            502,
            "Service failed",
            code="service_failed",
            detail=f"The {self.name} service could not answer ({words}).",
            service=self.name,
        )


@dataclass(frozen=True, slots=True)
class Upstream:
    """Every service that the gateway asks."""

    inventory: InternalApi
    store_push: InternalApi
    poller: InternalApi
    ingest: InternalApi


def path_of(*parts: str | int) -> str:
    """A path whose parts may hold any character: SKUs and order references do."""
    return "/" + "/".join(quote(str(part), safe="") for part in parts)


async def answer_or_none(answer: Awaitable[T]) -> T | None:
    """For pages that show what they can: None where the service is away or failing."""
    try:
        return await answer
    except Problem as problem:
        if problem.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            raise
        return None

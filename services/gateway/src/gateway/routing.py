"""The vocabulary of the one route table: a route is its path, its handler, and the models of what goes in and out.

The handler is given the validated input and returns the model that is documented, so the OpenAPI document, the
validation and the code cannot part ways.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar
from urllib.parse import parse_qsl

from aiohttp import web
from pydantic import BaseModel

from gateway.callers import CALLER, Doorkeeper
from prokip_shared.web.problems import Problem, read_body, read_json, validate

G = TypeVar("G", bound=BaseModel)
A = TypeVar("A", bound=BaseModel)

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Access = Literal["open", "caller"]
Endpoint = Callable[[web.Request], Awaitable[web.StreamResponse]]

BODY_BYTES_MAX: Final = 65536
FORM_FIELDS_MAX: Final = 100
A_FILE: Final = "(a file)"
"""What stands for an uploaded file."""
FORM: Final = "application/x-www-form-urlencoded"
DOORKEEPER: Final = web.AppKey("doorkeeper", Doorkeeper)


@dataclass(frozen=True, slots=True)
class Docs:
    """What only readers of the OpenAPI document need."""

    tag: str
    summary: str
    problems: tuple[int, ...] = ()
    """Besides 401, 413, 415 and 422, which follow from the rest."""


@dataclass(frozen=True, slots=True)
class Route:
    method: Method
    path: str
    endpoint: Endpoint
    docs: Docs
    answer: type[BaseModel]
    given: type[BaseModel] | None
    """The query of a GET, the body of everything else."""
    status: int
    access: Access
    form_too: bool
    """Takes the body as a form as well, as the earlier system did."""
    body_optional: bool
    """A call without a body is one that gives nothing of what it may."""
    answer_type: str

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


def route(
    method: Method,
    path: str,
    handler: Callable[[web.Request], Awaitable[A | web.StreamResponse]],
    *,
    answer: type[A],
    docs: Docs,
    status: int = 200,
    access: Access = "caller",
    answer_type: str = "application/json",
) -> Route:
    """A route without input but its path."""

    async def endpoint(request: web.Request) -> web.StreamResponse:
        return _respond_with(await handler(request), status)

    return Route(method, path, endpoint, docs, answer, None, status, access, False, True, answer_type)


def route_given(
    method: Method,
    path: str,
    given: type[G],
    handler: Callable[[web.Request, G], Awaitable[A | web.StreamResponse]],
    *,
    answer: type[A],
    docs: Docs,
    status: int = 200,
    access: Access = "caller",
    form_too: bool = False,
    body_optional: bool = False,
    answer_type: str = "application/json",
) -> Route:
    """A route whose handler takes the validated query or body."""

    async def endpoint(request: web.Request) -> web.StreamResponse:
        value = await _read_given(request, given, form_too=form_too, body_optional=optional)
        return _respond_with(await handler(request, value), status)

    optional = body_optional or form_too
    return Route(method, path, endpoint, docs, answer, given, status, access, form_too, optional, answer_type)


def respond(body: BaseModel, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(
        text=body.model_dump_json(by_alias=True), status=status, headers=headers, content_type="application/json"
    )


def add_routes(app: web.Application, routes: Iterable[Route]) -> None:
    for entry in routes:
        endpoint = entry.endpoint if entry.access == "open" else _for_callers(entry.endpoint)
        app.router.add_route(entry.method, entry.path, endpoint)


def _for_callers(endpoint: Endpoint) -> Endpoint:
    async def admitted(request: web.Request) -> web.StreamResponse:
        request[CALLER] = await request.app[DOORKEEPER].admit(request)
        return await endpoint(request)

    return admitted


def _respond_with(result: BaseModel | web.StreamResponse, status: int) -> web.StreamResponse:
    return result if isinstance(result, web.StreamResponse) else respond(result, status=status)


async def _read_given(request: web.Request, given: type[G], *, form_too: bool, body_optional: bool) -> G:
    if request.method == "GET":
        return validate(given, dict(request.query))
    if form_too and request.content_type == FORM:
        return validate(given, _form_fields(await read_body(request, body_bytes_max=BODY_BYTES_MAX)))
    if form_too and request.content_type == "multipart/form-data":
        return validate(given, await _multipart_fields(request))
    if body_optional and not request.body_exists:
        return validate(given, {})
    return await read_json(request, given, body_bytes_max=BODY_BYTES_MAX)


def _form_fields(body: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(body.decode(), strict_parsing=bool(body), max_num_fields=FORM_FIELDS_MAX))
    except ValueError as error:
        raise Problem(400, "Broken form", code="broken_form", detail="The form could not be read.") from error


async def _multipart_fields(request: web.Request) -> dict[str, Any]:
    """Files by name only: no route has a use for them."""
    fields = await request.post()
    return {name: value if isinstance(value, str) else A_FILE for name, value in fields.items()}

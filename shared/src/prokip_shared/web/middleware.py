"""What wraps every handler of every service: correlation, one error form, timing."""

import random
import re
import time
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware
from prometheus_client import Histogram

from prokip_shared.logs import Log, bind_correlation
from prokip_shared.metrics import HTTP_REQUEST_SECONDS, UNEXPECTED_ERRORS
from prokip_shared.web.problems import Problem, problem_of_http_error

CORRELATION_HEADER: Final = "X-Correlation-Id"
CORRELATION: Final = web.RequestKey("correlation", str)
CORRELATION_BITS: Final = 128
CORRELATION_FORM: Final = re.compile(r"^[A-Za-z0-9._-]{8,64}$")

SERIES_CACHED_MAX: Final = 4096

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
log = Log("web")


def base_middleware(service: str) -> Middleware:
    @web.middleware
    async def wrap(request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get(CORRELATION_HEADER)
        correlation_id = given if given and CORRELATION_FORM.match(given) else make_correlation_id()
        request[CORRELATION] = correlation_id
        began = time.perf_counter()
        response: web.StreamResponse
        with bind_correlation(correlation_id):
            try:
                response = await handler(request)
            except Exception as error:  # noqa: BLE001  # sorted there; what is no error answer is raised again
                response = _answer_to(error, service, request)
        if not response.prepared:
            response.headers[CORRELATION_HEADER] = correlation_id
        resource = request.match_info.route.resource
        route = resource.canonical if resource is not None else "unknown"
        _request_seconds(service, route, response.status).observe(time.perf_counter() - began)
        return response

    return wrap


def make_correlation_id() -> str:
    """Unique, not secret: no system call, which a busy service would feel."""
    return f"{random.getrandbits(CORRELATION_BITS):032x}"  # a name, no key


@lru_cache(maxsize=SERIES_CACHED_MAX)
def _request_seconds(service: str, route: str, status: int) -> Histogram:
    """Finding a series by its labels costs more than observing; routes and statuses are few."""
    return HTTP_REQUEST_SECONDS.labels(service, route, str(status))


def _answer_to(error: Exception, service: str, request: web.Request) -> web.Response:
    """The one form of error answers; raises what is none."""
    if isinstance(error, Problem):
        return error.response()
    if isinstance(error, web.HTTPException) and error.status >= web.HTTPBadRequest.status_code:
        return problem_of_http_error(error).response()
    if isinstance(error, (web.HTTPException, ConnectionResetError)):
        raise error
    UNEXPECTED_ERRORS.labels(service).inc()
    log.error("request.failed", path=request.path, method=request.method, exc_info=error)
    return Problem(500, "Internal error", code="internal_error", detail="The operator finds it in the log.").response()

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
        given = request.headers.get(CORRELATION_HEADER, "")
        correlation_id = given if CORRELATION_FORM.match(given) else make_correlation_id()
        request[CORRELATION] = correlation_id
        began = time.perf_counter()
        with bind_correlation(correlation_id):
            response = await _answer(service, request, handler)
        if not response.prepared:
            response.headers[CORRELATION_HEADER] = correlation_id
        resource = request.match_info.route.resource
        route = resource.canonical if resource is not None else "unknown"
        elapsed_s = time.perf_counter() - began
        _request_seconds(service, route, response.status).observe(elapsed_s)
        return response

    return wrap


def make_correlation_id() -> str:
    """Unique, not secret: no system call, which a busy service would feel."""
    return f"{random.getrandbits(CORRELATION_BITS):032x}"  # a name, no key


@lru_cache(maxsize=SERIES_CACHED_MAX)
def _request_seconds(service: str, route: str, status: int) -> Histogram:
    """Finding a series by its labels costs more than observing; routes and statuses are few."""
    return HTTP_REQUEST_SECONDS.labels(service, route, str(status))


async def _answer(service: str, request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Problem as problem:
        return problem.response()
    except web.HTTPException as error:
        if error.status < web.HTTPBadRequest.status_code:
            raise
        return problem_of_http_error(error).response()
    except ConnectionResetError:
        raise
    except Exception:
        UNEXPECTED_ERRORS.labels(service).inc()
        log.exception("request.failed", path=request.path, method=request.method)
        return Problem(
            500, "Internal error", code="internal_error", detail="The operator finds it in the log."
        ).response()

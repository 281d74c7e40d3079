"""The connector dialect: its routes, and what every call meets before it is heard (login, throttle, wrong method)."""

from collections.abc import Mapping

from aiohttp import web

from prokip_sandbox.faults import ACTIVE_FAULT, Handler
from prokip_sandbox.prokip.ledger import Refusal
from prokip_sandbox.prokip.reads import Reads
from prokip_sandbox.prokip.sells import Sells
from prokip_sandbox.prokip.throttle import Throttle
from prokip_sandbox.prokip.tokens import Tokens

API = "/connector/api"


class Connector:
    def __init__(self, tokens: Tokens, throttle: Throttle, reads: Reads, sells: Sells) -> None:
        self._tokens = tokens
        self._throttle = throttle
        self._reads = reads
        self._sells = sells

    def add_routes(self, app: web.Application) -> None:
        """Whatever else is asked under the prefix is 404, and 405 where only the method is wrong."""
        reads, sells = self._reads, self._sells
        self._add(app, "/oauth/token", {"POST": self._grant})
        paths: Mapping[str, Mapping[str, Handler]] = {
            "/business-location": {"GET": reads.locations},
            "/business-details": {"GET": reads.business},
            "/contactapi": {"GET": reads.contacts},
            "/variation": {"GET": reads.variations},
            "/variation/{ids}": {"GET": reads.variations},
            "/product": {"GET": reads.products},
            "/product/{ids}": {"GET": reads.products},
            "/product-stock-report": {"GET": reads.stock_report},
            "/sell": {"GET": sells.index, "POST": sells.store},
            "/sell/{ids}": {"GET": sells.show, "PUT": sells.update, "PATCH": sells.update, "DELETE": sells.destroy},
            "/sell-return": {"POST": sells.add_return},
            "/list-sell-return": {"GET": sells.list_returns},
        }
        for path, handlers in paths.items():
            self._add(app, API + path, {method: self._guarded(handler) for method, handler in handlers.items()})
        app.router.add_route("*", API + "/{path:.*}", self._not_found)

    def _add(self, app: web.Application, path: str, handlers: Mapping[str, Handler]) -> None:
        resource = app.router.add_resource(path)
        for method, handler in handlers.items():
            resource.add_route(method, handler)
            if method == "GET":
                resource.add_route("HEAD", handler)
        methods = ", ".join(sorted({*handlers, *(["HEAD"] if "GET" in handlers else [])}))

        async def refuse(request: web.Request) -> web.Response:
            message = f"The {request.method} method is not supported for this route. Supported methods: {methods}."
            return _failure(request, 405, message, {"Allow": methods})

        resource.add_route("*", refuse)

    def _guarded(self, handler: Handler) -> Handler:
        async def run(request: web.Request) -> web.StreamResponse:
            if not self._is_logged_in(request):
                return _unauthenticated(request)
            headers: dict[str, str] = {}
            erp = self._tokens.erp
            if erp.generation == "modern" and erp.throttle_per_min:
                allowed, headers = self._throttle.take(erp.throttle_per_min)
                if not allowed:
                    return _failure(request, 429, "Too Many Attempts.", headers)
            try:
                response = await handler(request)
            except Refusal as refusal:
                response = web.json_response({"error": {"message": refusal.message}}, status=refusal.status)
            response.headers.update(headers)
            return response

        return run

    def _is_logged_in(self, request: web.Request) -> bool:
        fault = request.get(ACTIVE_FAULT)
        if fault is not None and fault.kind == "revoke_token":
            self._tokens.revoke_all()
        if fault is not None and fault.kind == "expire_token":
            self._tokens.expire_access()
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and self._tokens.is_valid(token.strip())

    async def _grant(self, request: web.Request) -> web.Response:
        form = await request.post()
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        return web.json_response(self._tokens.grant(fields))

    async def _not_found(self, request: web.Request) -> web.Response:
        legacy = self._tokens.erp.generation == "legacy"
        return _failure(request, 404, "" if legacy else f"The route {request.path[1:]} could not be found.")


def wants_json(request: web.Request) -> bool:
    """Only the first accepted type counts, and `*/*` is not JSON to the ERP's framework."""
    return "json" in request.headers.get("Accept", "").split(",")[0]


def _unauthenticated(request: web.Request) -> web.Response:
    if wants_json(request):
        return web.json_response({"message": "Unauthenticated."}, status=401)
    page = '<html><head><meta http-equiv="refresh" content="0;url=/login"></head><body>Redirecting…</body></html>'
    return web.Response(status=302, text=page, content_type="text/html", headers={"Location": "/login"})


def _failure(request: web.Request, status: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    if wants_json(request):
        return web.json_response({"message": message}, status=status, headers=headers)
    page = f"<html><body><h1>{status}</h1></body></html>"
    return web.Response(status=status, text=page, content_type="text/html", headers=headers)

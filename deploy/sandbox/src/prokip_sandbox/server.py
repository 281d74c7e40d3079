"""What every simulated server is: an aiohttp application with faults, a call log, a control API and a saved state."""

import asyncio
import contextlib
import dataclasses
import json
import random
import ssl
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from aiohttp import web

from prokip_sandbox.faults import Call, CallLog, Fault, Faults, Handler, answer_with
from prokip_sandbox.values import ApiError, compact_json

CONTROL_PREFIX = "/_sandbox"
BODY_BYTES_MAX = 16 * 1024 * 1024
SAVE_INTERVAL_S = 5.0
SAVE_SHARE_MAX = 0.05  # of the time may go into saving, so a large world is saved less often

T = TypeVar("T")
CALL_KIND = web.RequestKey("call_kind", str)  # set by a handler that knows better than its route what was asked


class SandboxServer(ABC):
    """One server. Subclasses add their routes, their control routes and their state."""

    title: ClassVar[str]

    def __init__(self, *, seed: int = 0) -> None:
        self.rng = random.Random(seed)  # noqa: S311 - a simulation wants chance that can be repeated
        self.faults = Faults(self.rng)
        self.calls = CallLog()
        self.url = ""  # known once it is served; no slash at the end

    @abstractmethod
    def add_routes(self, app: web.Application) -> None:
        """What this server answers besides its index and control pages."""

    def describe(self) -> list[str]:
        """Lines for the index page."""
        return []

    async def start(self) -> None:
        """Begin what runs beside the requests."""

    async def stop(self) -> None:
        """End what `start` began."""

    async def settled(self, timeout_s: float = 10.0) -> None:
        """Return when nothing is waiting to be sent; raise TimeoutError when that takes too long."""

    def snapshot(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Take the state that `snapshot` gave."""

    @property
    def state_name(self) -> str:
        """The file name, without ending, that this server's state is saved under."""
        return self.title.lower()

    def make_app(self) -> web.Application:
        app = web.Application(middlewares=[self._gate], client_max_size=BODY_BYTES_MAX)
        app.on_response_prepare.append(_label_answer)
        app.router.add_get("/", self._index)
        self._add_control_routes(app)
        self.add_routes(app)
        return app

    @contextlib.asynccontextmanager
    async def serve(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        tls: ssl.SSLContext | None = None,
        state_dir: Path | None = None,
    ) -> AsyncIterator[Self]:
        """Serve until the block ends. Port 0 takes a free one; `url` tells which."""
        if state_dir is not None:
            self._load(state_dir)
        runner = web.AppRunner(self.make_app(), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        site = web.TCPSite(runner, host, port, ssl_context=tls)
        await site.start()
        bound_port = runner.addresses[0][1]
        self.url = f"{'https' if tls else 'http'}://{host}:{bound_port}"
        await self.start()
        saver = asyncio.create_task(self._save_regularly(state_dir), name="save_state") if state_dir else None
        try:
            yield self
        finally:
            if saver is not None:
                saver.cancel()
                await asyncio.gather(saver, return_exceptions=True)
            await self.stop()
            await runner.cleanup()
            if state_dir is not None:
                self.save(state_dir)

    def save(self, state_dir: Path) -> None:
        """Write the state beside the old one, then rename over it: a crash leaves one of the two."""
        state_dir.mkdir(parents=True, exist_ok=True)
        path = state_dir / f"{self.state_name}.json"
        fresh = path.with_suffix(".json.new")
        fresh.write_text(compact_json(self.snapshot()))
        fresh.replace(path)

    def _load(self, state_dir: Path) -> None:
        path = state_dir / f"{self.state_name}.json"
        if path.exists():
            self.restore(json.loads(path.read_text()))

    async def _save_regularly(self, state_dir: Path) -> None:
        pause_s = SAVE_INTERVAL_S
        while True:
            await asyncio.sleep(pause_s)
            began_s = time.monotonic()
            self.save(state_dir)
            pause_s = max(SAVE_INTERVAL_S, (time.monotonic() - began_s) / SAVE_SHARE_MAX)

    @web.middleware
    async def _gate(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path == "/" or request.path.startswith(CONTROL_PREFIX):
            return await _in_own_form(request, handler)
        began_s = time.monotonic()
        status = 0  # stays so when the connection is broken
        try:
            fault = None
            if self.faults.rules:
                fault = self.faults.pick(request.method, request.path_qs, await request.text())
            if fault is None:
                response = await _in_own_form(request, handler)
            else:
                response = await answer_with(fault, request, lambda r: _in_own_form(r, handler))
            status = response.status
            return response
        finally:
            resource = request.match_info.route.resource
            kind = request.get(CALL_KIND) or f"{request.method} {resource.canonical if resource else request.path}"
            took_ms = (time.monotonic() - began_s) * 1000
            self.calls.add(Call(kind, request.method, request.path_qs, status, took_ms))

    async def _index(self, _request: web.Request) -> web.Response:
        lines = [
            f"Simulated {self.title} server of the prokip-sync sandbox.",
            "This is not the real product: nothing here is a real shop, sale or payment.",
            *self.describe(),
            f"Control API: {CONTROL_PREFIX}/ (see deploy/sandbox/README.md)",
        ]
        return web.Response(text="\n".join(lines) + "\n")

    def _add_control_routes(self, app: web.Application) -> None:
        app.router.add_get(f"{CONTROL_PREFIX}/calls", self._control_calls)
        app.router.add_delete(f"{CONTROL_PREFIX}/calls", self._control_reset_calls)
        app.router.add_get(f"{CONTROL_PREFIX}/faults", self._control_faults)
        app.router.add_post(f"{CONTROL_PREFIX}/faults", self._control_add_fault)
        app.router.add_delete(f"{CONTROL_PREFIX}/faults", self._control_clear_faults)

    async def _control_calls(self, _request: web.Request) -> web.Response:
        latest = [dataclasses.asdict(call) for call in self.calls.latest]
        return web.json_response({"counts": self.calls.counts, "latest": latest})

    async def _control_reset_calls(self, _request: web.Request) -> web.Response:
        self.calls.reset()
        return web.json_response({})

    async def _control_faults(self, _request: web.Request) -> web.Response:
        return web.json_response([dataclasses.asdict(rule) for rule in self.faults.rules])

    async def _control_add_fault(self, request: web.Request) -> web.Response:
        fault = self.faults.add(from_fields(Fault, await request.json()))
        return web.json_response(dataclasses.asdict(fault), status=201)

    async def _control_clear_faults(self, _request: web.Request) -> web.Response:
        self.faults.clear()
        return web.json_response({})


def from_fields(kind: Callable[..., T], fields: Any) -> T:
    """Build a value from a control request's JSON object; 400 when a field is unknown, missing or wrong."""
    try:
        return kind(**fields)
    except (TypeError, ValueError) as error:
        raise ApiError(400, {"error": str(error)}) from error


async def eventually(condition: Callable[[], bool], timeout_s: float) -> None:
    """Wait, in small steps, until the condition holds."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - the conditions span queues and tasks that share no event
            await asyncio.sleep(0.005)


async def _in_own_form(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ApiError as error:
        return web.json_response(error.body, status=error.status, headers=error.headers)


async def _label_answer(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers["X-Sandbox"] = "simulated"

"""How every service is born, watched and ended: one face for all five.

A composition root is `async def open_app(context, settings)`. It enters what it needs on `context.stack` in birth
order; the end is the reverse. A side task that ends by itself stops the process: half-alive is worse than dead.
"""

import argparse
import asyncio
import gc
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Generic, NoReturn, TypeVar

import asyncpg
import uvloop
from aiohttp import web

from prokip_shared.bus.open import BusAddress, migrate_bus
from prokip_shared.database import MigrationError, migrate
from prokip_shared.logs import Log, configure_logs
from prokip_shared.metrics import SIDE_TASKS_ALIVE, render_metrics
from prokip_shared.settings import ServiceSettings, SettingsError, load_settings
from prokip_shared.web.middleware import base_middleware

SettingsT = TypeVar("SettingsT", bound=ServiceSettings)
Check = Callable[[], Awaitable[str | None]]
Drain = Callable[[], Awaitable[None]]

CHECK_TIMEOUT_S: Final = 2.0
HEALTHCHECK_TIMEOUT_S: Final = 3.0
SIDE_TASKS_END_TIMEOUT_S: Final = 2.0
KEEPALIVE_TIMEOUT_S: Final = 75.0
BODY_BYTES_MAX: Final = 8 * 1024 * 1024
EXIT_BAD_SETTING: Final = 2
LISTEN_BACKLOG: Final = 1024
GC_YOUNG_OBJECTS: Final = 20_000
"""A request or a batch makes thousands of objects and frees them by reference count. At Python's default of 700 the
collector would look at everything in flight, in vain, several times for each of them."""

log = Log("runtime")


class PortUnavailable(Exception):
    """The address to listen on is taken or not allowed; names the variable that chooses it."""


class SideTaskDied(Exception):
    """A task that must run as long as the service ended."""


@dataclass(slots=True)
class ServiceContext:
    """What a composition root builds on."""

    name: str
    web: web.Application
    stack: AsyncExitStack
    _tasks: dict[str, asyncio.Task[Any]] = field(default_factory=dict)
    _checks: dict[str, Check] = field(default_factory=dict)
    _drains: list[Drain] = field(default_factory=list)
    _died: asyncio.Event = field(default_factory=asyncio.Event)
    draining: bool = False

    def side_task(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Runs beside the handlers until the service ends; if it ends earlier, so does the process."""
        task = asyncio.create_task(work, name=f"{self.name}:{name}")
        self._tasks[name] = task
        task.add_done_callback(self._on_side_task_end)
        SIDE_TASKS_ALIVE.labels(self.name).inc()

    def _on_side_task_end(self, task: asyncio.Task[Any]) -> None:
        self._died.set()
        if not self.draining and not task.cancelled():
            log.error("side_task.ended", task=task.get_name(), cause=repr(task.exception()))

    def check(self, name: str, probe: Check) -> None:
        """Asked by /health/ready: None is fine, a sentence is what is wrong."""
        self._checks[name] = probe

    def on_drain(self, drain: Drain) -> None:
        """Called first when the service is told to end, while everything it needs still lives."""
        self._drains.append(drain)

    async def wait_for_dead_side_task(self) -> NoReturn:
        """Raises SideTaskDied as soon as a side task has ended."""
        await self._died.wait()
        name, task = next((name, task) for name, task in self._tasks.items() if task.done())
        raise SideTaskDied(name) from (None if task.cancelled() else task.exception())

    async def problems(self) -> dict[str, str]:
        """What keeps the service from being ready, by check."""
        found = {name: "side task ended" for name, task in self._tasks.items() if task.done()}
        if self.draining:
            found["service"] = "draining"
        for name, probe in self._checks.items():
            try:
                wrong = await asyncio.wait_for(probe(), CHECK_TIMEOUT_S)
            except TimeoutError:
                wrong = f"no answer within {CHECK_TIMEOUT_S} s"
            except Exception as error:  # noqa: BLE001  # readiness reports whatever is wrong, it never fails itself
                wrong = f"{type(error).__name__}: {error}"
            if wrong is not None:
                found[name] = wrong
        return found

    async def drain(self) -> None:
        self.draining = True
        for drain in self._drains:
            await drain()

    async def end_side_tasks(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        if self._tasks:  # one that waits for a server that hangs is left behind: the exit stack cuts its connections
            await asyncio.wait(self._tasks.values(), timeout=SIDE_TASKS_END_TIMEOUT_S)
        SIDE_TASKS_ALIVE.labels(self.name).dec(len(self._tasks))


OpenApp = Callable[[ServiceContext, SettingsT], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class ServiceDefinition(Generic[SettingsT]):
    """What distinguishes one service from another."""

    name: str
    settings: type[SettingsT]
    open_app: OpenApp[SettingsT]
    schema: str
    package: str
    bus_tables: bool = True
    """False: it only publishes, so its schema needs no inbox, outbox and parked tables."""


@dataclass(frozen=True, slots=True)
class RunningService:
    url: str
    context: ServiceContext


def run_service(definition: ServiceDefinition[Any]) -> NoReturn:
    """The `python -m <service>` of every service: serve (default), migrate or healthcheck."""
    parser = argparse.ArgumentParser(prog=definition.package, description=f"prokip-sync {definition.name}")
    parser.add_argument("command", nargs="?", default="serve", choices=("serve", "migrate", "healthcheck"))
    command = parser.parse_args().command
    try:
        settings = load_settings(definition.settings, os.environ)
    except SettingsError as error:
        sys.stderr.write(f"{definition.name}: {error}\n")
        sys.exit(EXIT_BAD_SETTING)
    if command == "healthcheck":
        sys.exit(_healthcheck(settings))
    configure_logs(definition.name, settings.log_level)
    gc.set_threshold(GC_YOUNG_OBJECTS)
    try:
        if command == "migrate":
            asyncio.run(migrate_service(definition, settings))
            sys.exit(0)
        sys.exit(uvloop.run(_serve(definition, settings)))
    except MigrationError as error:
        sys.stderr.write(f"{definition.name}: DATABASE_URL: {error}\n")
        sys.exit(EXIT_BAD_SETTING)


def _healthcheck(settings: ServiceSettings) -> int:
    host = "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host  # noqa: S104  # compared, not bound
    try:
        with urllib.request.urlopen(  # the scheme is fixed here
            f"http://{host}:{settings.port}/health/ready", timeout=HEALTHCHECK_TIMEOUT_S
        ):
            return 0
    except (urllib.error.URLError, OSError) as error:
        sys.stderr.write(f"not ready: {error}\n")
        return 1


async def migrate_service(definition: ServiceDefinition[Any], settings: BusAddress) -> list[str]:
    """Everything that a service keeps in Postgres, for deployments that migrate before they start."""
    applied = await migrate(settings.database_url, schema=definition.schema, package=definition.package)
    return applied + await migrate_bus(settings, schema=definition.schema if definition.bus_tables else None)


async def _migrate(definition: ServiceDefinition[Any], settings: ServiceSettings) -> None:
    applied = await migrate(settings.database_url, schema=definition.schema, package=definition.package)
    log.info("database.migrated", schema=definition.schema, applied=applied)


async def _serve(definition: ServiceDefinition[Any], settings: ServiceSettings) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        async with running(definition, settings) as service:
            log.info("service.started", url=service.url)
            # What is here by now stays: the collector need not walk through all modules again and again.
            gc.collect()
            gc.freeze()
            died = asyncio.create_task(service.context.wait_for_dead_side_task())
            stopped = asyncio.create_task(stop.wait())
            await asyncio.wait({died, stopped}, return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            if died.done():
                await died
            died.cancel()
    except SideTaskDied as error:
        log.error("service.side_task_died", task=str(error), cause=repr(error.__cause__))
        return 1
    except PortUnavailable as error:
        sys.stderr.write(f"{definition.name}: PORT: {error}\n")
        return EXIT_BAD_SETTING
    except (OSError, asyncpg.PostgresError) as error:
        sys.stderr.write(f"{definition.name}: cannot start: {type(error).__name__}: {error}\n")
        return 1
    log.info("service.stopped")
    return 0


@asynccontextmanager
async def running(definition: ServiceDefinition[SettingsT], settings: SettingsT) -> AsyncIterator[RunningService]:
    """A whole service inside the block: migrated, wired, listening; drained within drain_timeout_s at its end."""
    await _migrate(definition, settings)
    async with AsyncExitStack() as stack:
        app = web.Application(middlewares=[base_middleware(definition.name)], client_max_size=BODY_BYTES_MAX)
        context = ServiceContext(definition.name, app, stack)
        _add_health_routes(context)
        try:
            await definition.open_app(context, settings)
        except BaseException:
            await context.end_side_tasks()
            raise
        runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            auto_decompress=False,  # limits count the bytes that came, and nobody has a reason to compress a request
            keepalive_timeout=KEEPALIVE_TIMEOUT_S,
            shutdown_timeout=settings.drain_timeout_s / 2,
        )
        await runner.setup()
        try:
            await _listen(runner, settings)
            host, port = runner.addresses[0][:2]
            yield RunningService(f"http://{host}:{port}", context)
        finally:
            await _end(context, runner, settings.drain_timeout_s)


async def _listen(runner: web.AppRunner, settings: ServiceSettings) -> None:
    try:
        await web.TCPSite(runner, settings.host, settings.port, backlog=LISTEN_BACKLOG).start()
    except OSError as error:
        raise PortUnavailable(f"cannot listen on {settings.host}:{settings.port}: {error.strerror}") from error


async def _end(context: ServiceContext, runner: web.AppRunner, drain_timeout_s: float) -> None:
    """Drain, stop listening, end side tasks. What is not drained in time is left to redelivery."""
    try:
        async with asyncio.timeout(drain_timeout_s):
            await context.drain()
            await runner.cleanup()
    except TimeoutError:
        log.warning("service.drain_timed_out", drain_timeout_s=drain_timeout_s)
        for site in list(runner.sites):  # nobody is let in to what is being taken apart
            await site.stop()
    finally:
        await context.end_side_tasks()


def _add_health_routes(context: ServiceContext) -> None:
    async def live(_request: web.Request) -> web.Response:
        return web.json_response({"status": "alive", "service": context.name})

    async def ready(_request: web.Request) -> web.Response:
        problems = await context.problems()
        status = "not ready" if problems else "ready"
        body = {"status": status, "service": context.name, "problems": problems}
        return web.json_response(body, status=503 if problems else 200)

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=render_metrics(), headers={"Content-Type": "text/plain; version=0.0.4"})

    context.web.router.add_get("/health/live", live)
    context.web.router.add_get("/health/ready", ready)
    context.web.router.add_get("/metrics", metrics)

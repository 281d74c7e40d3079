"""The one-machine run: database, simulated world, five services, a merchant who connects it all, and the feed."""

import asyncio
import json
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from aiohttp import ClientSession

from prokip_onebox.config import OneboxSettings
from prokip_onebox.feed import follow_sales
from prokip_onebox.keys import Keys, load_or_make_keys
from prokip_onebox.merchant import connect_world, first_sync
from prokip_onebox.operator import Operator
from prokip_onebox.postgres import embedded_postgres
from prokip_onebox.processes import Child, Program
from prokip_onebox.programs import sandbox_program, service_programs


def tell(line: str) -> None:
    """To the person at the terminal."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def run(settings: OneboxSettings) -> int:
    """Until SIGINT or SIGTERM. Raises StartFailed when a part does not come up."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    data_dir = settings.data_dir.resolve()
    data_dir.mkdir(parents=True, exist_ok=True)
    keys = load_or_make_keys(data_dir / "keys.json")
    async with AsyncExitStack() as stack:
        database_url = settings.database_url or stack.enter_context(embedded_postgres(data_dir / "postgres"))
        world = await _start_sandbox(stack, settings, data_dir) if settings.sandbox else None
        await _start_services(stack, settings, data_dir, keys, database_url)
        session = await stack.enter_async_context(ClientSession())
        operator = Operator(session, f"http://{settings.host}:{settings.gateway_port}")
        await operator.sign_in(keys.operator_username, keys.operator_password)
        if world is not None:
            await connect_world(operator, world, tell, dialect=settings.sandbox_prokip_dialect)
            await first_sync(operator, tell)
        _tell_where(settings, keys, data_dir)
        feed = asyncio.create_task(follow_sales(operator, tell), name="feed")
        await stop.wait()
        tell("ending; your data stays in " + str(data_dir))
        feed.cancel()
        await asyncio.gather(feed, return_exceptions=True)
    return 0


async def _start(stack: AsyncExitStack, settings: OneboxSettings, data_dir: Path, program: Program) -> Child:
    child = Child(program, data_dir / "logs" / f"{program.name}.log", tell)
    stack.push_async_callback(child.end, timeout_s=settings.stop_timeout_s)
    await child.start(timeout_s=settings.start_timeout_s)
    return child


async def _start_sandbox(stack: AsyncExitStack, settings: OneboxSettings, data_dir: Path) -> dict[str, object]:
    child = await _start(stack, settings, data_dir, sandbox_program(settings))
    world: dict[str, object] = json.loads(await child.line_with('"event": "ready"', timeout_s=settings.start_timeout_s))
    return world


async def _start_services(
    stack: AsyncExitStack, settings: OneboxSettings, data_dir: Path, keys: Keys, database_url: str
) -> None:
    # Together, because a service is ready only when the others' tables are there.
    async with asyncio.TaskGroup() as starts:
        for program in service_programs(settings, keys, database_url):
            starts.create_task(_start(stack, settings, data_dir, program))


def _tell_where(settings: OneboxSettings, keys: Keys, data_dir: Path) -> None:
    gateway = f"http://{settings.host}:{settings.gateway_port}"
    tell("")
    tell(f"  dashboard  {gateway}/   sign in as {keys.operator_username} / {keys.operator_password}")
    tell(f"  API        {gateway}/api/openapi.json")
    tell(f"  webhooks   http://{settings.host}:{settings.ingest_port}/connections/webhook/…")
    tell(f"  logs       {data_dir / 'logs'}")
    if settings.sandbox:
        tell("  the stores, shoppers and Prokip are SIMULATED; SANDBOX=0 runs without them")
    tell("  Ctrl-C ends it; the data is kept")
    tell("")

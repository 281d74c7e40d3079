"""The five services as processes of their own beside a simulated world, for the benchmarks."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import ClientSession
from aiohttp.test_utils import unused_port

from prokip_onebox.config import OneboxSettings
from prokip_onebox.keys import load_or_make_keys
from prokip_onebox.merchant import connect_world
from prokip_onebox.operator import Operator
from prokip_onebox.processes import Child, Program
from prokip_onebox.programs import service_programs
from prokip_sandbox.world import World, WorldSpec
from tests.support.ports import ports_in_a_row

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0


@dataclass(slots=True)
class System:
    world: World
    operator: Operator


@asynccontextmanager
async def open_system(database_url: str, broker_url: str, spec: WorldSpec, folder: Path) -> AsyncIterator[System]:
    """A world in this process, connected and synced once; loopback only."""
    world = World(spec)
    async with (
        world.serve(),
        open_services(database_url, broker_url, folder, shopify_url=world.shopify.url) as operator,
    ):
        await connect_world(operator, world.connections(), lambda _line: None)
        await operator.call("POST", "/sync/manual")
        yield System(world, operator)


@asynccontextmanager
async def open_world_process(folder: Path, *options: str) -> AsyncIterator[dict[str, Any]]:
    """A world in a process of its own; gives what a merchant would type in to connect it."""
    port = ports_in_a_row(2)
    program = Program(
        name="sandbox",
        module="prokip_sandbox",
        ready_url=f"http://127.0.0.1:{port}/",
        environ={"PATH": os.environ["PATH"]},
        arguments=("world", "--port", str(port), "--woocommerce", "0", *options),
    )
    child = Child(program, folder / "sandbox.log", print)
    try:
        await child.start(timeout_s=START_TIMEOUT_S)
        yield json.loads(await child.line_with('"event": "ready"', timeout_s=START_TIMEOUT_S))
    finally:
        await child.end(timeout_s=STOP_TIMEOUT_S)


@asynccontextmanager
async def open_services(
    database_url: str, broker_url: str, folder: Path, *, shopify_url: str
) -> AsyncIterator[Operator]:
    """The five services, each a process, and a signed-in operator."""
    async with AsyncExitStack() as stack:
        settings = OneboxSettings(
            broker_url=broker_url,
            log_level="warning",
            sandbox_port=int(shopify_url.rpartition(":")[2]) - 1,  # Shopify has the port after the sandbox's first one
            data_dir=folder,
            gateway_port=unused_port(),
            ingest_port=unused_port(),
            inventory_port=unused_port(),
            store_push_port=unused_port(),
            poller_port=unused_port(),
        )
        keys = load_or_make_keys(folder / "keys.json")
        async with asyncio.TaskGroup() as starts:
            for program in service_programs(settings, keys, database_url):
                child = Child(program, folder / f"{program.name}.log", print)
                stack.push_async_callback(child.end, timeout_s=STOP_TIMEOUT_S)
                starts.create_task(child.start(timeout_s=START_TIMEOUT_S))
        session = await stack.enter_async_context(ClientSession())
        operator = Operator(session, f"http://{settings.host}:{settings.gateway_port}")
        await operator.sign_in(keys.operator_username, keys.operator_password)
        yield operator

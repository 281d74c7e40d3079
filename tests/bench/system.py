"""The five services as processes of their own, beside a simulated world in this one, for the benchmarks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ClientSession
from aiohttp.test_utils import unused_port

from prokip_onebox.config import OneboxSettings
from prokip_onebox.keys import load_or_make_keys
from prokip_onebox.merchant import connect_world
from prokip_onebox.operator import Operator
from prokip_onebox.processes import Child
from prokip_onebox.programs import service_programs
from prokip_sandbox.world import World, WorldSpec

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0


@dataclass(slots=True)
class System:
    world: World
    operator: Operator


@asynccontextmanager
async def open_system(database_url: str, broker_url: str, spec: WorldSpec, folder: Path) -> AsyncIterator[System]:
    """Connected and synced once; loopback only."""
    world = World(spec)
    async with world.serve(), AsyncExitStack() as stack:
        # The Shopify server listens on the port after the sandbox's first one; see OneboxSettings.sandbox_port.
        shopify_port = int(world.shopify.url.rpartition(":")[2])
        settings = OneboxSettings(
            broker_url=broker_url,
            log_level="warning",
            sandbox_port=shopify_port - 1,
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
        await connect_world(operator, world.connections(), lambda _line: None)
        await operator.call("POST", "/sync/manual")
        yield System(world, operator)

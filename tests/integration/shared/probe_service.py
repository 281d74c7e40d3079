"""A service that only has the runtime's own behaviour, for the tests of that."""

import asyncio

from aiohttp import web

from prokip_shared.runtime import ServiceContext, ServiceDefinition, run_service
from prokip_shared.settings import CommaList, ServiceSettings


class ProbeSettings(ServiceSettings):
    allowed_private_hosts: CommaList = ()


async def open_app(context: ServiceContext, _settings: ProbeSettings) -> None:
    stop = asyncio.Event()
    waiting = asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        waiting.set()
        await asyncio.sleep(float(request.query["s"]))
        return web.Response(text="done")

    async def is_waiting(_request: web.Request) -> web.Response:
        return web.Response(status=200 if waiting.is_set() else 425)

    async def kill_side_task(_request: web.Request) -> web.Response:
        stop.set()
        return web.Response(text="ending")

    async def broken(_request: web.Request) -> web.Response:
        raise RuntimeError("nobody foresaw this")

    async def side_task() -> None:
        await stop.wait()

    context.side_task("side", side_task())
    context.web.router.add_get("/slow", slow)
    context.web.router.add_get("/waiting", is_waiting)
    context.web.router.add_get("/kill-side-task", kill_side_task)
    context.web.router.add_get("/broken", broken)


SERVICE = ServiceDefinition("probe", ProbeSettings, open_app, schema="gateway", package="gateway")

if __name__ == "__main__":
    run_service(SERVICE)

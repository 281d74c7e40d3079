"""All five services in this process, wired as in production, on a real Postgres and either bus."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from aiohttp import ClientSession
from aiohttp.test_utils import unused_port

from prokip_onebox.operator import Operator
from prokip_shared.runtime import RunningService, ServiceDefinition, running
from prokip_shared.settings import load_settings
from tests.support.eventually import eventually
from tests.support.settings import JWT_SECRET, PATIENT_INGEST, service_environ

URL_VARIABLES = {
    "webhook_ingest": "INGEST_URL",
    "inventory": "INVENTORY_URL",
    "prokip_poller": "PROKIP_POLLER_URL",
    "store_push": "STORE_PUSH_URL",
}
"""In the order in which they start: store-push must know where webhooks arrive."""
SERVICE_MODULES = ("gateway", *URL_VARIABLES)


@dataclass(frozen=True, slots=True)
class House:
    """The services by module name, and an operator who is signed in."""

    services: dict[str, RunningService]
    session: ClientSession
    operator: Operator

    def url(self, module: str) -> str:
        return self.services[module].url


def definition(module: str) -> ServiceDefinition[Any]:
    found: ServiceDefinition[Any] = import_module(f"{module}.app").SERVICE
    return found


@asynccontextmanager
async def open_service(module: str, environ: dict[str, str]) -> AsyncIterator[RunningService]:
    """One service with the variables that it knows."""
    service = definition(module)
    known = {name: value for name, value in environ.items() if name.lower() in service.settings.model_fields}
    async with running(service, load_settings(service.settings, known)) as opened:
        yield opened


async def all_ready(services: Mapping[str, RunningService]) -> bool:
    problems = {name: found for name, service in services.items() if (found := await service.context.problems())}
    assert not problems, problems
    return True


@asynccontextmanager
async def open_house(database_url: str, broker_url: str, **more: str) -> AsyncIterator[House]:
    """Further environment variables for all services by upper-case keyword."""
    environ = (
        service_environ(database_url, broker_url, JWT_SECRET=JWT_SECRET, BCRYPT_ROUNDS="4", FIRST_SETTLE_S="0.1")
        | PATIENT_INGEST
        | more
    )
    services: dict[str, RunningService] = {}
    async with AsyncExitStack() as stack:
        for module, variable in URL_VARIABLES.items():
            services[module] = await stack.enter_async_context(open_service(module, environ))
            environ[variable] = services[module].url
            environ.setdefault("PUBLIC_WEBHOOK_URL", environ["INGEST_URL"])
        port = unused_port()  # Shopify's consent page must know the way back before the gateway listens
        doors = {"PORT": str(port), "PUBLIC_URL": f"http://127.0.0.1:{port}"}
        services["gateway"] = await stack.enter_async_context(open_service("gateway", environ | doors))
        await eventually(lambda: all_ready(services), what="every service is ready")
        session = await stack.enter_async_context(ClientSession())
        operator = Operator(session, services["gateway"].url)
        await operator.sign_in("operator", "correct horse battery")
        yield House(services, session, operator)

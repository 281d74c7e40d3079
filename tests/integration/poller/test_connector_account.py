"""The poller on a connector account: the same reads and sales as ever, over Prokip's own API."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from prokip_sandbox.faults import Fault
from prokip_sandbox.prokip import ProkipServer
from prokip_shared.messages import ConnectionChangedV1
from tests.integration.poller.world import PollerWorld, configure_connector, open_world
from tests.support.eventually import eventually

GRANTS = "POST /oauth/token"


@pytest.fixture
async def world(database_url: str, prokip: ProkipServer) -> AsyncIterator[PollerWorld]:
    async with open_world(database_url, prokip, configured=False) as world:
        yield world


async def connect(world: PollerWorld, *, password: str | None = None) -> str:
    """The number of the location."""
    number = await configure_connector(world.pool, world.business_id, world.prokip, password=password)
    await world.say(ConnectionChangedV1(business_id=world.business_id, connection_id=None, change="prokip_configured"))
    return number


async def until_health(world: PollerWorld, number: str, health: str) -> None:
    async def reached() -> bool:
        return (await world.location(number)).get("health") == health

    await eventually(reached, what=f"health {health}")


async def test_stock_is_read_and_sales_are_recorded(world: PollerWorld) -> None:
    number = await connect(world)
    await world.read()
    assert {sku: pair[0] for sku, pair in world.told_pairs().items()} == {"A": 100, "B": 100, "C": 100}
    await world.due("1001", {"A": 2, "B": 1}, location=number)
    record = await world.until_state("1001", "recorded")
    (sale,) = world.prokip.sales
    assert record["prokip_sell_id"] == sale.sell_id
    assert (sale.reference or "").startswith("sync-7-1001-1-")
    await world.read()
    assert world.told_pairs()["A"] == (Decimal(98), Decimal(2))
    assert world.prokip.calls.counts[GRANTS] == 1


async def test_a_login_that_ends_mid_run_is_renewed(world: PollerWorld) -> None:
    number = await connect(world)
    for order in range(6):
        world.prokip.faults.add(Fault("revoke_token" if order % 2 else "expire_token", path="/sell$"))
        await world.due(f"{order}", {"A": 1}, location=number)
        await world.until_state(f"{order}", "recorded")
    assert world.prokip.stock("A") == 94


async def test_a_wrong_password_is_tried_once_and_new_settings_at_once(world: PollerWorld) -> None:
    number = await connect(world, password="wrong")
    await until_health(world, number, "not_authorised")
    await world.due("1001", {"A": 1}, location=number)
    reads = (await world.location(number))["failures"]

    async def tried_again() -> bool:
        return bool((await world.location(number))["failures"] >= reads + 2)

    await eventually(tried_again, what="it was looked at again")
    assert world.prokip.calls.counts[GRANTS] == 1
    await connect(world)
    await world.until_state("1001", "recorded")
    await until_health(world, number, "healthy")
    assert world.prokip.calls.counts[GRANTS] == 2


async def test_a_prokip_that_keeps_failing_is_left_alone_until_it_is_back(world: PollerWorld) -> None:
    number = await connect(world)
    await until_health(world, number, "healthy")
    world.prokip.faults.add(Fault("status", status=502, path="/connector/", times=None))
    await world.due("1001", {"A": 1}, location=number)

    async def is_open() -> bool:
        return bool(await world.pool.fetchval("SELECT bool_or(failures >= 5) FROM prokip.pace"))

    await eventually(is_open, what="the circuit is open")
    world.prokip.faults.clear()
    await world.read()
    await until_health(world, number, "healthy")
    assert await world.pool.fetchval("SELECT failures FROM prokip.pace") == 0

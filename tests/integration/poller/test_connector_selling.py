"""Sales in Prokip's own dialect: doubts settle themselves, refusals stay refusals, every sale exists once."""

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Final

import pytest

from prokip_sandbox.faults import Fault, FaultKind
from prokip_sandbox.prokip import ProkipServer
from prokip_shared.messages import ProkipObservedV1
from tests.integration.poller.world import (
    QUICK,
    PollerWorld,
    configure_connector,
    fetch_value,
    open_poller,
    open_world,
)
from tests.support.eventually import eventually
from tests.support.settings import service_environ

D = Decimal
SKUS: Final = ("A", "B", "C")
SOON: Final = {
    "POST_TIMEOUT_S": "2",
    "POSTING_MARGIN_S": "1",
    "DOUBT_GRACE_S": "0.2",
    "FIRST_LOOK_S": "0.05",
    "DOUBT_LOOK_INTERVAL_S": "0.02",
    "CONNECTOR_FAILURES_MAX": "50",
}


@asynccontextmanager
async def open_connected(database_url: str, prokip: ProkipServer) -> AsyncIterator[tuple[PollerWorld, str]]:
    """The world, and the number of its location."""
    async with open_world(database_url, prokip, configured=False, **SOON) as world:
        number = await configure_connector(world.pool, world.business_id, prokip)
        await world.read()
        yield world, number


@pytest.mark.parametrize(
    "fault",
    [
        Fault("timeout_after", path="/sell$", method="POST", hold_s=3),
        Fault("timeout_before", path="/sell$", method="POST", hold_s=3),
        Fault("reset_after", path="/sell$", method="POST"),
        Fault("wrong_type", path="/sell$", method="POST"),
        Fault("truncated", path="/sell$", method="POST"),
        Fault("status", path="/sell$", method="POST", status=500),
        Fault("revoke_token", path="/sell$", method="POST"),
    ],
    ids=lambda fault: fault.kind,
)
async def test_a_sale_without_an_answer_is_in_prokip_once(
    database_url: str, prokip: ProkipServer, fault: Fault
) -> None:
    async with open_connected(database_url, prokip) as (world, number):
        prokip.faults.add(fault)
        await world.due("1001", {"A": 2, "B": 1}, location=number)
        record = await world.until_state("1001", "recorded")
        (sale,) = prokip.sales
        assert record["prokip_sell_id"] == sale.sell_id
        await world.due("1001", {"A": 0, "B": 0}, location=number)
        await world.until_state("1001", "recorded")
        assert (prokip.stock("A"), prokip.stock("B")) == (100, 100)


@pytest.mark.parametrize("kind", ["timeout_after", "timeout_before", "reset_after", "race"])
async def test_a_refund_delivered_three_times_goes_back_once(
    database_url: str, prokip: ProkipServer, kind: FaultKind
) -> None:
    async with open_connected(database_url, prokip) as (world, number):
        await world.due("1001", {"A": 3, "B": 1}, location=number)
        await world.until_state("1001", "recorded")
        prokip.faults.add(Fault(kind, path="/sell-return$", hold_s=0.2 if kind == "race" else 3))
        for _ in range(3):
            await world.due("1001", {"A": 1, "B": 1}, revision=2, location=number)
        await world.until_state("1001", "recorded")
        await world.due("1001", {"A": 1, "B": 0}, location=number)
        await world.until_state("1001", "recorded")
        assert prokip.sales[0].returned == {"A": 2, "B": 1}
        assert (prokip.stock("A"), prokip.stock("B")) == (99, 100)


async def test_a_200_that_holds_an_error_never_shows_as_recorded_and_disturbs_nothing(
    database_url: str, prokip: ProkipServer
) -> None:
    """Too few purchases although the quantity is there, and overselling off: the ERP says so inside a 200."""
    prokip.erp.allow_overselling = False
    prokip.set_layers("A", 0)
    async with open_connected(database_url, prokip) as (world, number):
        await world.due("bad", {"A": 2, "B": 1}, location=number)
        refused = await world.until_state("bad", "refused")
        assert "Mismatch between sold and purchase quantity" in refused["detail"]
        await world.due("good", {"B": 1}, location=number)
        await world.until_state("good", "recorded")
        assert prokip.recorded("A") == 0, "the ERP books a sale whole or not at all"
        await world.read()
        assert world.told_pairs()["A"] == (D(100), D(0))
        assert world.told_pairs()["B"] == (D(99), D(1))
        assert not [one for one in (await world.record("bad") or {})["postings"] if one["outcome"] == "recorded"]
        prokip.set_layers("A", 10)
        assert await world.act("bad", "retry") == (200, {"state": "due"})
        await world.until_state("bad", "recorded")
        await world.read()
        assert world.told_pairs()["A"] == (D(98), D(2))


@asynccontextmanager
async def poller_process(database_url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The service as a process of its own; killed at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "prokip_poller",
        env=os.environ | service_environ(database_url, **(QUICK | SOON)),
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.parametrize("kind", ["timeout_after", "timeout_before"])
@pytest.mark.parametrize("call", ["/sell$", "/sell-return$"])
async def test_a_killed_process_leaves_a_doubt_that_settles_itself(
    database_url: str, prokip: ProkipServer, kind: FaultKind, call: str
) -> None:
    async with open_connected(database_url, prokip) as (world, number):
        await world.due("1001", {"A": 3}, location=number)
        await world.until_state("1001", "recorded")
        await world.poller.aclose()
        fault = prokip.faults.add(Fault(kind, method="POST", path=call))
        units = 5 if call == "/sell$" else 1
        await world.due("1001", {"A": units}, location=number)
        async with poller_process(database_url) as process:

            async def arrived() -> bool:
                sql = "SELECT count(*) = 1 FROM prokip.sale_posting WHERE outcome = 'posting'"
                return fault.met == 1 and bool(await fetch_value(database_url, sql))

            await eventually(arrived, what="the request met its fault")
            process.kill()
            await process.wait()
        await world.start_poller(**SOON)
        await world.until_state("1001", "recorded")
        assert prokip.recorded("A") == units
        assert prokip.stock("A") == 100 - units
        await world.read()
        assert world.told_pairs()["A"] == (D(100 - units), D(units))


class Day:
    """A merchant's day with a shop counter, in orders and in what was there before any of them."""

    def __init__(self, world: PollerWorld, number: str, chance: random.Random) -> None:
        self.world, self.number, self.chance = world, number, chance
        self.orders: dict[str, dict[str, int]] = {}
        self.bases = {sku: [100] for sku in SKUS}

    def taken(self, sku: str) -> int:
        return sum(order.get(sku, 0) for order in self.orders.values())

    async def step(self) -> None:
        sku = self.chance.choice(SKUS)
        match self.chance.choice(["order", "change", "change", "counter", "delivery", "read"]):
            case "order":
                await self._due(f"{len(self.orders) + 1}")
            case "change" if self.orders:
                await self._due(self.chance.choice(list(self.orders)))
            case "counter":
                self.world.prokip.counter_sale({sku: 1})
                self.bases[sku].append(self.bases[sku][-1] - 1)
            case "delivery":
                self.world.prokip.set_stock(sku, self.world.prokip.stock(sku) + 5)
                self.bases[sku].append(self.bases[sku][-1] + 5)
            case _:
                await self.world.ask_for_round()

    async def _due(self, order_ref: str) -> None:
        units = {sku: self.chance.randint(0, 3) for sku in self.chance.sample(SKUS, 2)}
        self.orders[order_ref] = dict.fromkeys(self.orders.get(order_ref, {}), 0) | units
        await self.world.due(order_ref, self.orders[order_ref], location=self.number)


@pytest.mark.parametrize("seed", [1, 2])
async def test_whatever_interleaves_the_sums_are_the_truth(database_url: str, prokip: ProkipServer, seed: int) -> None:
    for fault in (
        Fault("reset_after", method="POST", path="/sell", times=None, probability=0.15),
        Fault("reset_before", method="POST", path="/sell", times=None, probability=0.05),
        Fault("status", method="POST", path="/sell", status=500, times=None, probability=0.05),
        Fault("revoke_token", path="/sell", times=None, probability=0.05),
        Fault("slow", method="GET", path="/variation", times=None, probability=0.5, hold_s=0.03),
    ):
        prokip.faults.add(fault)
    async with open_connected(database_url, prokip) as (world, number), open_poller(database_url, **SOON):
        day = Day(world, number, random.Random(seed))
        for _ in range(80):
            await day.step()
        prokip.faults.clear()

        async def all_recorded() -> bool:
            """Also that they have all arrived: before that none waits either."""
            location = await world.location(number)
            assert location["sales"] == {}, location
            return all(prokip.recorded(sku) == day.taken(sku) for sku in SKUS)

        await eventually(all_recorded, timeout_s=60, what="every order recorded")
        for sku in SKUS:
            assert prokip.recorded(sku) == day.taken(sku), "Prokip knows every unit once"
            assert prokip.stock(sku) == day.bases[sku][-1] - day.taken(sku)

        async def told() -> bool:
            await world.read()
            pairs = world.told_pairs()
            return all(sum(pairs[sku]) == day.bases[sku][-1] for sku in SKUS)

        await eventually(told, what="available is the truth")
        for message in world.heard_of(ProkipObservedV1):
            for item in message.items:
                assert item.quantity + item.recorded in day.bases[item.sku], "no read ever told an invented base"

"""A process that dies between what it commits and what it sends, sends and hears, hears and stores."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest

from prokip_sandbox.faults import Fault
from prokip_sandbox.prokip import ProkipServer
from tests.integration.poller.world import QUICK, PollerWorld, fetch_value
from tests.support.eventually import eventually
from tests.support.settings import service_environ


@asynccontextmanager
async def poller_process(database_url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The service as a process of its own; killed at the end."""
    environ = service_environ(database_url, **(QUICK | {"POST_TIMEOUT_S": "1"}))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "prokip_poller", env=os.environ | environ, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def posting_started(world: PollerWorld) -> None:
    async def started() -> bool:
        sql = "SELECT count(*) = 1 FROM prokip.sale_posting WHERE outcome = 'posting'"
        return bool(await fetch_value(world.database_url, sql))

    await eventually(started, what="posting committed")


@pytest.mark.parametrize(("kind", "happened"), [("timeout_after", True), ("timeout_before", False)])
async def test_a_request_whose_process_was_killed_is_in_doubt_and_never_sent_again(
    world: PollerWorld, kind: str, happened: bool
) -> None:
    await world.read()
    await world.poller.aclose()
    world.prokip.faults.add(Fault(kind, method="POST"))  # type: ignore[arg-type]  # one of the two kinds above
    await world.due("1001", {"A": 2})
    async with poller_process(world.database_url) as process:
        await posting_started(world)

        async def arrived() -> bool:
            return not world.prokip.faults.rules

        await eventually(arrived, what="the request met its fault")
        process.kill()
        await process.wait()
    await world.start_poller()
    record = await world.until_state("1001", "in_doubt")
    assert "process" in record["detail"]
    await world.due("other", {"A": 1})
    await world.until_state("other", "recorded")
    assert (await world.read())[0].items == (), "A cannot be told while it is in doubt"
    outcome = "recorded" if happened else "not_recorded"
    sell_id = {"sell_id": world.prokip.sales[0].sell_id} if happened else {}
    assert (await world.act("1001", "settle", {"outcome": outcome} | sell_id))[0] == 200
    await world.until_state("1001", "recorded")
    assert world.prokip.recorded("A") == 3
    assert len(world.prokip.sales) == 2
    await world.read()
    assert world.told_pairs()["A"] == (Decimal(97), Decimal(3))


async def test_a_posting_that_was_committed_and_never_sent_is_in_doubt_too(world: PollerWorld) -> None:
    await world.due("1001", {"A": 2})
    await world.until_state("1001", "recorded")
    await world.pool.execute(
        "UPDATE prokip.sale_posting SET outcome = 'posting', expires_at = now() + interval '0.2 s'"
    )
    await world.pool.execute("DELETE FROM prokip.told_line")
    await world.pool.execute("UPDATE prokip.sale SET state = 'posting', next_attempt_at = NULL")
    await world.until_state("1001", "in_doubt")
    assert len(world.prokip.sales) == 1


async def test_an_answer_that_comes_after_the_posting_was_given_up_still_counts(
    world: PollerWorld, prokip: ProkipServer
) -> None:
    prokip.faults.add(Fault("slow", method="POST", hold_s=0.6))
    await world.due("1001", {"A": 2})
    await posting_started(world)
    await world.pool.execute("UPDATE prokip.sale_posting SET expires_at = now()")
    record = await world.until_state("1001", "recorded")
    assert record["prokip_sell_id"] == prokip.sales[0].sell_id
    assert prokip.recorded("A") == 2


async def test_a_database_that_was_away_when_the_answer_came_gets_it_later(world: PollerWorld) -> None:
    world.prokip.faults.add(Fault("slow", method="POST", hold_s=0.4))
    await world.due("1001", {"A": 2})
    await posting_started(world)
    await world.pool.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name LIKE 'prokip-prokip-poller%'"
    )
    await world.until_state("1001", "recorded")
    assert world.prokip.recorded("A") == 2

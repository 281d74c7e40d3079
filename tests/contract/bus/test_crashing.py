"""Conformance of every adapter: processes that are killed with SIGKILL, in the middle."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.contract.bus.harness import (
    DRIFT,
    Recorder,
    all_applied,
    drift,
    drifts,
    make_applied_table,
    member,
    single,
)
from tests.contract.bus.victim import CRASHING, POISON
from tests.support.eventually import eventually

START_TIMEOUT_S = 30
REPOSITORY = Path(__file__).parents[3]


@asynccontextmanager
async def victim(how: str, database_url: str, broker_url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.contract.bus.victim",
        how,
        database_url,
        broker_url,
        cwd=REPOSITORY,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def says(process: asyncio.subprocess.Process, words: str) -> None:
    assert process.stdout is not None
    async with asyncio.timeout(START_TIMEOUT_S):
        async for line in process.stdout:
            if line.decode().startswith(words):
                return
    raise AssertionError(f"the process ended without saying {words!r}")


async def test_what_a_killed_consumer_had_in_hand_is_delivered_to_another(database_url: str, broker_url: str) -> None:
    async with member(database_url, broker_url, limits=CRASHING) as survivor:
        await make_applied_table(survivor.pool)
        async with victim("hang", database_url, broker_url) as process:
            await says(process, "ready")
            await survivor.send(*(single(message) for message in drifts(20)))
            await says(process, "took")
            process.send_signal(signal.SIGKILL)
            await process.wait()
        survivor.bus.consume(DRIFT, Recorder())
        await all_applied(survivor.pool, drifts(20))
        assert await survivor.parked() == []


async def test_a_message_that_kills_every_consumer_is_parked_and_its_neighbours_go_through(
    database_url: str, broker_url: str
) -> None:
    poison = drift(3).model_copy(update={"sku": POISON})
    messages = [*drifts(3), poison, *drifts(6)[3:]]
    deaths = 0
    async with member(database_url, broker_url, limits=CRASHING) as witness:
        await make_applied_table(witness.pool)
        async with victim("hang", database_url, broker_url) as process:
            await says(process, "ready")  # the queue exists
        await witness.send(*(single(message) for message in messages))

        async def is_over() -> bool:
            return (
                len(await witness.parked()) == 1
                and await witness.pool.fetchval("SELECT count(*) FROM public.applied") >= len(messages) - 1
            )

        for _ in range(12):
            async with victim("poison", database_url, broker_url) as process:
                ended = asyncio.create_task(process.wait())
                over = asyncio.create_task(eventually(is_over, timeout_s=START_TIMEOUT_S))
                await asyncio.wait({ended, over}, return_when=asyncio.FIRST_COMPLETED)
                over.cancel()
                ended.cancel()
                if process.returncode is None:
                    break
                deaths += 1
        else:
            raise AssertionError(f"still dying after {deaths} processes")
        await all_applied(witness.pool, [message for message in messages if message.sku != POISON])
        [row] = await witness.parked()
        assert POISON in row["body"]
        assert row["reason"] == "taken more than 1 times without being settled"
        assert deaths >= 2


async def test_what_was_committed_before_a_crash_is_said_after_it(database_url: str, broker_url: str) -> None:
    async with member(database_url, broker_url) as survivor:
        await make_applied_table(survivor.pool)
        survivor.bus.consume(DRIFT, Recorder())
        await survivor.ready()
        async with victim("commit", database_url, broker_url) as process:
            assert await asyncio.wait_for(process.wait(), START_TIMEOUT_S) == -signal.SIGKILL
        await all_applied(survivor.pool, [drift(1)])

"""Side tasks: listening for wake-ups, following the directory, gauges, and forgetting what is old."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

import asyncpg

from prokip_shared.bus.failures import describe
from prokip_shared.database import DATABASE_TROUBLE, Pool, load_queries
from prokip_shared.directory import DirectoryUnavailable
from prokip_shared.logs import Log
from prokip_shared.loops import keep_on
from store_push import metrics
from store_push.first_quantities import FirstQuantities
from store_push.handlers.connections import ConnectionHandlers
from store_push.left_alone import LeftAloneFollower
from store_push.storage.reads import PRUNE_ROWS_MAX, ReadStorage

PUSH_CHANNEL: Final = "prokip_push_due"
CATALOGUE_CHANNEL: Final = "prokip_push_catalogue"
SWEEP_CHANNEL: Final = "prokip_push_sweep"
PLAN_CHANNEL: Final = "prokip_push_plan"
ROUND_CHANNEL: Final = "prokip_push_round"
RULES_CHANNEL: Final = "prokip_push_rules"
CONNECT_TIMEOUT_S: Final = 5.0
RECONNECT_S: Final = 0.5
LISTEN_CHECK_S: Final = 30.0
DIRECTORY_INTERVAL_S: Final = 5.0
LEFT_ALONE_INTERVAL_S: Final = 120.0
GAUGE_INTERVAL_S: Final = 5.0
PRUNE_INTERVAL_S: Final = 600.0
PRUNE_BITES_MAX: Final = 1_000
STILL_THERE: Final = load_queries("store_push", "work.sql")["still_there"]

log = Log("upkeep")


async def listen(database_url: str, heard: Mapping[str, Callable[[], None]]) -> None:
    """Calls what belongs to a channel when it is notified, and once after every (re)connect; runs until cancelled."""
    while True:
        try:
            await _listen_once(database_url, heard)
        except DATABASE_TROUBLE as error:
            log.warning("listen.interrupted", reason=describe(error))
        await asyncio.sleep(RECONNECT_S)


async def _listen_once(database_url: str, heard: Mapping[str, Callable[[], None]]) -> None:
    lost = asyncio.Event()
    connection = await asyncpg.connect(database_url, timeout=CONNECT_TIMEOUT_S)
    try:
        connection.add_termination_listener(lambda _connection: lost.set())
        for channel, wake in heard.items():
            await connection.add_listener(channel, lambda *_event, wake=wake: wake())
            wake()
        while not lost.is_set():
            try:
                await asyncio.wait_for(lost.wait(), LISTEN_CHECK_S)
            except TimeoutError:
                await connection.fetchval(STILL_THERE, timeout=CONNECT_TIMEOUT_S)
    finally:
        await connection.close(timeout=CONNECT_TIMEOUT_S)


async def follow_directory(pool: Pool, handlers: ConnectionHandlers) -> None:
    """Makes up for messages that never came; runs until cancelled."""

    async def look() -> None:
        try:
            async with pool.acquire() as connection, connection.transaction():
                await handlers.follow_directory(connection)
        except DirectoryUnavailable:
            return  # readiness tells; there is nothing to follow yet

    await keep_on(look, every_s=DIRECTORY_INTERVAL_S, log=log, waiting="directory.not_followed")


async def judge_first_quantities(plans: FirstQuantities) -> None:
    """Runs until cancelled."""
    await keep_on(plans.look, every_s=plans.settle_s / 2, log=log, waiting="first_quantities.not_judged")


async def follow_left_alone(follower: LeftAloneFollower) -> None:
    """Runs until cancelled."""
    await keep_on(follower.follow, every_s=LEFT_ALONE_INTERVAL_S, log=log, waiting="left_alone.not_saved")


async def keep_gauges(reads: ReadStorage) -> None:
    """Runs until cancelled."""

    async def measure() -> None:
        row = await reads.gauges()
        if row is not None:
            for health in ("healthy", "throttled", "failing", "needs_reauthorisation"):
                metrics.CONNECTIONS.labels(health).set(row[health])
            metrics.DUE.set(row["due"])
            metrics.OLDEST_DUE_S.set(row["oldest_due_s"])
            metrics.OLDEST_SWEEP_S.set(row["oldest_sweep_s"])
            metrics.HELD_FIRST_QUANTITIES.set(row["held_first_quantities"])

    await keep_on(measure, every_s=GAUGE_INTERVAL_S, log=log, waiting="gauges.not_measured")


async def prune(reads: ReadStorage, *, retention_days: float) -> None:
    """Runs until cancelled."""

    async def bite() -> None:
        for _ in range(PRUNE_BITES_MAX):
            if await reads.prune(retention_days=retention_days) < PRUNE_ROWS_MAX:
                return

    await keep_on(bite, every_s=PRUNE_INTERVAL_S, log=log, waiting="history.not_pruned")

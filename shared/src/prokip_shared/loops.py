"""The loop of work that is looked for by the clock: do what is due, wait out a database that is away."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Never

from prokip_shared.bus.failures import Verdict, describe, verdict_of
from prokip_shared.logs import Log


async def keep_on(
    step: Callable[[], Awaitable[None]], *, every_s: float, failed_s: float | None = None, log: Log, waiting: str
) -> Never:
    """Runs for ever; `waiting` is the log line's action while the database is away, `failed_s` the pause then.

    Raises what is no infrastructure's: that is a bug, and the process ends.
    """
    while True:
        pause_s = every_s
        try:
            await step()
        except Exception as error:
            if verdict_of(error) is not Verdict.HOLD:
                raise
            log.warning(waiting, cause=describe(error))
            pause_s = every_s if failed_s is None else failed_s
        await asyncio.sleep(pause_s)


async def end_all(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancels them and waits until they have ended."""
    ending = list(tasks)
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)

"""Waiting for a condition instead of for a time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

T = TypeVar("T")

PATIENCE_S: Final = 30.0
"""Only ever spent by a test that fails, so it fits a machine that is busy with other things."""


async def eventually(probe: Callable[[], Awaitable[T]], *, timeout_s: float = PATIENCE_S, what: str = "condition") -> T:
    """The first truthy answer of the probe; an AssertionError raised inside counts as not yet.

    Raises AssertionError with the last answer when the time is over.
    """
    deadline = time.monotonic() + timeout_s
    last: object = None
    while True:
        try:
            last = await probe()
            if last:
                return last
        except AssertionError as error:
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not hold within {timeout_s} s; last: {last!r}")
        await asyncio.sleep(0.01)

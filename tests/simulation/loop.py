"""An event loop without sockets and without waiting: when nobody can go on, time jumps to the next timer."""

import asyncio
import random
from collections.abc import Callable
from contextvars import Context
from typing import Any, Final

from typing_extensions import override

TIE_S: Final = 1e-5
"""Timers of one moment are put in an order that the seed decides, by up to so much."""


class Stuck(Exception):
    """Nothing can go on and no timer is set: somebody waits for what will never come."""


class VirtualLoop(asyncio.BaseEventLoop):
    """asyncio's own loop with another clock: tasks, locks and time-outs behave as they always do."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._now_s = 0.0
        self._chance = chance
        self._selector = self  # the base class asks it how long it may sleep

    @override
    def time(self) -> float:
        return self._now_s

    @override
    def call_at(  # type: ignore[override]  # the base is generic in what it passes on
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return super().call_at(when + self._chance.random() * TIE_S, callback, *args, context=context)

    def select(self, timeout: float | None) -> list[Any]:
        """What the base class believes to be a wait for sockets."""
        if timeout is None:
            raise Stuck("no timer is set and nobody can go on")
        self._now_s += timeout
        return []

    def _process_events(self, events: list[Any]) -> None:
        """There are no sockets."""

    def _write_to_self(self) -> None:
        """Nobody sleeps, so nobody needs to be woken."""

"""Where the product touches time and chance, for as long as one history lasts."""

import functools
import random
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta, tzinfo
from types import SimpleNamespace
from typing import Any, Final
from unittest import mock

import structlog
from typing_extensions import override

import prokip_shared.database
import prokip_shared.messages
from tests.simulation.database import EPOCH
from tests.simulation.life import SKEW_S
from tests.simulation.loop import VirtualLoop

PACKAGES: Final = ("prokip_shared.", "inventory.", "store_push.", "prokip_poller.", "webhook_ingest.")
PACES: Final = {
    "store_push.worker.POLL_S": 30.0,
    "store_push.timers.POLL_S": 30.0,
    "prokip_poller.recording.TICK_S": 3.0,
    "prokip_poller.recording.EXPIRY_LOOK_S": 20.0,
    "prokip_poller.looking.TICK_S": 5.0,
    "prokip_poller.reading.TICK_S": 4.0,
    "prokip_poller.reading.QUIET_LOOK_S": 0.5,
}
"""How often somebody looks whether there is anything to do. Looking less often makes histories cheaper, not gentler."""

ERROR_LEVEL: Final = 40

load_once: Final = functools.cache(prokip_shared.database.load_queries)
"""Processes are born often here, and their statements stay the same."""


@contextmanager
def virtual(loop: VirtualLoop, chance: random.Random, note_error: Callable[[str], None]) -> Iterator[None]:
    """The product's clocks are the loop's, its chance is the seed's, and of its log only errors are heard."""

    def hear(_logger: object, _method: str, event: Any) -> Any:
        note_error(" ".join(f"{name}={event[name]}" for name in sorted(event) if name != "exc_info"))
        raise structlog.DropEvent

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(ERROR_LEVEL), processors=[hear])

    class Moments(datetime):
        @classmethod
        @override
        def now(cls, tz: tzinfo | None = None) -> Any:
            return EPOCH + timedelta(seconds=loop.time() + SKEW_S.get())

    clock = SimpleNamespace(monotonic=loop.time, perf_counter=loop.time)
    state = random.getstate()
    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(prokip_shared.messages, "datetime", Moments))
        stack.enter_context(mock.patch.object(uuid, "os", SimpleNamespace(urandom=chance.randbytes)))
        for name, module in sorted(sys.modules.items()):
            if not name.startswith(PACKAGES):
                continue
            if getattr(module, "time", None) is time:
                stack.enter_context(mock.patch.object(module, "time", clock))
            if name != "prokip_shared.database" and hasattr(module, "load_queries"):
                stack.enter_context(mock.patch.object(module, "load_queries", load_once))
        for path, pace in PACES.items():
            stack.enter_context(mock.patch(path, pace))
        random.seed(chance.random())
        try:
            yield
        finally:
            random.setstate(state)

"""Posting webhooks, and losing, repeating, delaying or swapping them when told to."""

import asyncio
import random
import re
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from prokip_sandbox.poster import Poster

Send = Callable[[], Awaitable[bool]]  # true when the receiver took it
DisturbanceKind = Literal["drop", "duplicate", "delay", "reorder"]


@dataclass
class Disturbance:
    """One rule for webhooks under way. The sender believes that a lost, late or held one has arrived.

    `match` is a regular expression searched in `topic source`, for example `order.updated http://127.0.0.1:9101/`.
    """

    kind: DisturbanceKind
    match: str = ""
    times: int | None = 1  # None: until cleared
    probability: float = 1.0
    delay_s: float = 1.0  # delay: how late; reorder: how long to wait for one to overtake
    whole: bool = False  # chance decides once for all webhooks about one version of one thing

    def __post_init__(self) -> None:
        if self.kind not in get_args(DisturbanceKind):
            raise ValueError(f"no disturbance of kind {self.kind}")


@dataclass(frozen=True, slots=True)
class Sent:
    """One request to a webhook's address; status None means that no answer came."""

    topic: str
    url: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    status: int | None


class Courier:
    """Sends requests with one connection pool and keeps the latest ones for assertions."""

    def __init__(self, rng: random.Random, *, connect_timeout_s: float | None, total_timeout_s: float) -> None:
        self._rng = rng
        self._poster = Poster(connect_timeout_s=connect_timeout_s, total_timeout_s=total_timeout_s)
        self._later: set[asyncio.Task[None]] = set()
        self._held: list[Send] = []
        self._hold_timers: list[asyncio.Task[None]] = []
        self.disturbances: list[Disturbance] = []
        self.sent: deque[Sent] = deque(maxlen=2000)
        self.told: dict[str, bool] = {}  # by version: whether any webhook about it went out; those dropped stay False
        self._decided: dict[tuple[int, str], bool] = {}

    async def close(self) -> None:
        for task in self._later:
            task.cancel()
        await asyncio.gather(*self._later, return_exceptions=True)
        self._poster.close()

    @property
    def busy(self) -> bool:
        return bool(self._later)

    def disturb(self, disturbance: Disturbance) -> Disturbance:
        self.disturbances.append(disturbance)
        return disturbance

    async def post(self, topic: str, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> int | None:
        """The status answered, or None for a refusal, a broken connection or a time-out. Redirects are not followed."""
        status: int | None
        try:
            status = await self._poster.post(url, headers, body)
        except (TimeoutError, OSError, ValueError):
            status = None
        self.sent.append(Sent(topic, url, headers, body, status))
        return status

    async def deliver(self, label: str, send: Send, *, version: str = "") -> bool:
        """Send now, unless a disturbance says otherwise; `label` is what its `match` is searched in.

        `version`: which version of which thing is told; empty where nobody keeps count.
        """
        rule = self._pick(label, version)
        if version:
            self.told[version] = self.told.get(version, False) or rule is None or rule.kind != "drop"
        if rule is not None and rule.kind == "drop":
            return True
        if rule is not None and rule.kind == "delay":
            self._send_later(send, rule.delay_s)
            return True
        if rule is not None and rule.kind == "reorder":
            self._held.append(send)
            self._hold_timers.append(self._send_later(self._release_held, rule.delay_s))
            return True
        taken = await send()
        if rule is not None and rule.kind == "duplicate":
            taken = await send()
        await self._release_held()
        for timer in self._hold_timers:
            timer.cancel()
        self._hold_timers.clear()
        return taken

    async def _release_held(self) -> bool:
        held, self._held = self._held, []
        for send in held:
            await send()
        return True

    def _send_later(self, send: Send, delay_s: float) -> asyncio.Task[None]:
        async def wait_and_send() -> None:
            await asyncio.sleep(delay_s)
            await send()

        task = asyncio.create_task(wait_and_send(), name="late_webhook")
        self._later.add(task)
        task.add_done_callback(self._later.discard)
        return task

    @property
    def dropped(self) -> list[str]:
        """The versions of which no webhook went out."""
        return [version for version, told in self.told.items() if not told]

    def _strikes(self, rule: Disturbance, version: str) -> bool:
        if not rule.whole:
            return self._rng.random() < rule.probability
        key = (id(rule), version)
        if key not in self._decided:
            self._decided[key] = self._rng.random() < rule.probability
        return self._decided[key]

    def _pick(self, label: str, version: str) -> Disturbance | None:
        for rule in self.disturbances:
            if re.search(rule.match, label) and self._strikes(rule, version):
                if rule.times is not None:
                    rule.times -= 1
                    if rule.times <= 0:
                        self.disturbances.remove(rule)
                return rule
        return None

"""Shoppers who buy, cancel and send back in every store, and the counter that sells too."""

import asyncio
import contextlib
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from prokip_sandbox.values import OutOfStock

REMEMBERED_ORDERS_MAX = 500
TICK_S = 0.02


class Storefront(Protocol):
    """What a shopper can do in any store."""

    @property
    def tells_orders(self) -> bool: ...
    def buy(self, items: Mapping[str, int]) -> int: ...
    def cancel(self, order_id: int) -> None: ...
    def refund(self, order_id: int, items: Mapping[str, int]) -> None: ...


@dataclass(frozen=True, slots=True)
class Habits:
    """Shares of all steps; what is left of 1 is a purchase."""

    cancel: float = 0.04
    refund: float = 0.04
    counter: float = 0.10
    second_good: float = 0.2  # of the purchases have two goods
    units_max: int = 3


PLAIN_ORDERS: Final = Habits(cancel=0, refund=0, counter=0, second_good=0, units_max=1)
"""One unit of one good each, and nothing else."""


@dataclass
class Shoppers:
    """One step is one purchase, cancellation, refund or counter sale. The seed makes the whole history repeatable."""

    storefronts: Sequence[Storefront]
    skus: Sequence[str]
    counter_sale: Callable[[Mapping[str, float]], object] | None = None
    habits: Habits = field(default_factory=Habits)
    seed: int = 0
    done: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)  # noqa: S311 - a simulation wants chance that can be repeated
        self._open: deque[tuple[Storefront, int, dict[str, int]]] = deque(maxlen=REMEMBERED_ORDERS_MAX)

    def step(self) -> str:
        """Do one thing; its name is counted in `done`."""
        draw, habits = self._rng.random(), self.habits
        if draw < habits.cancel and self._open:
            did = self._cancel()
        elif draw < habits.cancel + habits.refund and self._open:
            did = self._refund()
        elif draw < habits.cancel + habits.refund + habits.counter and self.counter_sale:
            did = self._sell_at_counter(self.counter_sale)
        else:
            did = self._buy()
        self.done[did] += 1
        return did

    async def wait_until_connected(self) -> None:
        """Return when every store has somebody who listens to its orders."""
        while not all(storefront.tells_orders for storefront in self.storefronts):  # noqa: ASYNC110 - stores signal nobody
            await asyncio.sleep(TICK_S)

    async def run(self, orders_per_s: float) -> None:
        """Step at this rate until cancelled; a late step is made up for, so the rate holds under load."""
        began_s, steps = time.monotonic(), 0
        while True:
            due = int((time.monotonic() - began_s) * orders_per_s)
            for _ in range(due - steps):
                self.step()
                await asyncio.sleep(0)
            steps = max(steps, due)
            await asyncio.sleep(max(0.0, began_s + (steps + 1) / orders_per_s - time.monotonic()))

    async def run_for(self, seconds: float, orders_per_s: float) -> None:
        """As `run`, and returns after that time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.run(orders_per_s)

    def _sell_at_counter(self, counter_sale: Callable[[Mapping[str, float]], object]) -> str:
        try:
            counter_sale({self._rng.choice(self.skus): 1})
        except OutOfStock:
            return "out_of_stock"
        return "counter_sale"

    def _buy(self) -> str:
        storefront = self._rng.choice(self.storefronts)
        goods = 2 if self._rng.random() < self.habits.second_good and len(self.skus) > 1 else 1
        items = {sku: self._rng.randint(1, self.habits.units_max) for sku in self._rng.sample(self.skus, goods)}
        try:
            order_id = storefront.buy(items)
        except OutOfStock:
            return "out_of_stock"
        self._open.append((storefront, order_id, items))
        return "order"

    def _cancel(self) -> str:
        storefront, order_id, _ = self._take_open()
        storefront.cancel(order_id)
        return "cancel"

    def _refund(self) -> str:
        storefront, order_id, items = self._take_open()
        storefront.refund(order_id, {self._rng.choice(list(items)): 1})
        return "refund"

    def _take_open(self) -> tuple[Storefront, int, dict[str, int]]:
        n = self._rng.randrange(len(self._open))
        order = self._open[n]
        del self._open[n]
        return order

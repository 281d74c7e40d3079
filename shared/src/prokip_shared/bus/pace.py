"""Batches of a queue begin some time apart, so that a steady trickle shares transactions instead of having one each."""

import asyncio
from collections.abc import Sequence
from typing import Generic

from prokip_shared.bus.port import Delivery, Intake, M, Subscription


class PacedIntake(Generic[M]):
    """Takes for all workers of one subscription.

    The first bundle after a rest is taken at once. What follows within `pace_s` waits until then and comes together;
    a batch that was half full or more shares enough, and after it nobody waits.
    """

    def __init__(self, intake: Intake, subscription: Subscription[M], stopped: asyncio.Event) -> None:
        self._intake = intake
        self._subscription = subscription
        self._stopped = stopped
        self._turn = asyncio.Lock()
        self._next_at_s = 0.0

    async def take(self) -> list[Delivery]:
        """Empty once the intake has been stopped."""
        loop = asyncio.get_running_loop()
        async with self._turn:
            await self._rest(self._next_at_s - loop.time())
            deliveries = await self._intake.take(self._subscription.batch_messages_max)
            pause_s = 0.0 if self._half_full(deliveries) else self._subscription.pace_s
            self._next_at_s = loop.time() + pause_s
            return deliveries

    def _half_full(self, deliveries: Sequence[Delivery]) -> bool:
        messages = sum(delivery.bundle.messages for delivery in deliveries)
        subscription = self._subscription
        return messages * 2 >= subscription.batch_messages_max or len(deliveries) * 2 >= subscription.prefetch_bundles

    async def _rest(self, seconds: float) -> None:
        if seconds <= 0:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
        except TimeoutError:
            return

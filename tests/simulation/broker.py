"""A broker that delivers at least once: late, twice, in another order, and with confirms that may get lost."""

import asyncio
import heapq
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from prokip_shared.bus.port import Bundle, Delivery, SendReport
from tests.simulation.life import Life

if TYPE_CHECKING:
    from tests.simulation.world import World

DELIVERY_S: Final = 0.02
REDELIVERY_S: Final = 1.0


@dataclass(order=True, slots=True)
class Waiting:
    at_s: float
    number: int
    bundle: Bundle
    taken: int = 0


class Queue:
    def __init__(self, broker: "Broker") -> None:
        self._broker = broker
        self._heap: list[Waiting] = []
        self._takers: list[asyncio.Future[None]] = []

    def put(self, waiting: Waiting) -> None:
        heapq.heappush(self._heap, waiting)
        self._broker.world.loop.call_at(waiting.at_s, self._wake)

    def take_ready(self, messages_max: int) -> list[Waiting]:
        now = self._broker.world.loop.time()
        ready: list[Waiting] = []
        messages = 0
        while self._heap and self._heap[0].at_s <= now and messages < messages_max:
            waiting = heapq.heappop(self._heap)
            messages += waiting.bundle.messages
            ready.append(waiting)
        return ready

    async def wait(self) -> None:
        turn = self._broker.world.loop.create_future()
        self._takers.append(turn)
        await turn

    def _wake(self) -> None:
        takers, self._takers = self._takers, []
        for turn in takers:
            if not turn.done():
                turn.set_result(None)

    def __len__(self) -> int:
        return len(self._heap)


class Broker:
    """What only the gateway listens to is taken and forgotten."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.queues: dict[str, Queue] = {}
        self.on_settled: dict[str, Callable[[Bundle], None]] = {}
        """By queue: what is told of each bundle that is acknowledged, so that what came of it can be looked at."""
        self._topics: defaultdict[str, list[str]] = defaultdict(list)
        self._number = 0

    def declare(self, queue: str, topic: str) -> None:
        """Queues are durable: who listens is another matter."""
        if queue not in self.queues:
            self.queues[queue] = Queue(self)
            self._topics[topic].append(queue)

    def at(self, life: Life) -> "Line":
        return Line(self, life)

    def deliver(self, bundle: Bundle) -> None:
        names = [bundle.queue] if bundle.queue is not None else self._topics[bundle.type]
        world, weather, chance = self.world, self.world.weather, self.world.mishaps
        for name in names:
            copies = 2 if chance.random() < weather.broker_repeats else 1
            for _ in range(copies):
                delay_s = chance.random() * DELIVERY_S
                if chance.random() < weather.broker_delays:
                    delay_s = chance.random() * world.scenario.delay_s_max
                self.put(name, bundle, world.loop.time() + delay_s, taken=0)

    def put(self, name: str, bundle: Bundle, at_s: float, *, taken: int) -> None:
        self._number += 1
        self.queues[name].put(Waiting(at_s, self._number, bundle, taken))

    def empty(self) -> bool:
        return not any(len(queue) for queue in self.queues.values())


class Line:
    """The broker as one process sees it: the product's `Broker` port."""

    def __init__(self, broker: Broker, life: Life) -> None:
        self._broker = broker
        self._life = life

    async def send(self, bundles: Sequence[Bundle]) -> SendReport:
        await self._life.pass_through("publish")
        world = self._broker.world
        if world.mishaps.random() < world.weather.broker_refuses:
            if world.mishaps.random() < 0.5:
                for bundle in bundles:
                    self._broker.deliver(bundle)
            return SendReport(problem="no confirm in time")
        for bundle in bundles:
            self._broker.deliver(bundle)
        await self._life.pass_through("confirm")
        return SendReport(frozenset(bundle.bundle_id for bundle in bundles))

    def subscribe(self, queue: str, topic: str, prefetch_bundles: int) -> "Intake":
        self._broker.declare(queue, topic)
        return Intake(self._broker, queue, self._life)

    async def check(self) -> str | None:
        return None


class Intake:
    """One queue in the hands of one process; what it has not settled when it dies comes again."""

    def __init__(self, broker: Broker, name: str, life: Life) -> None:
        self._broker = broker
        self._name = name
        self._life = life
        self._in_hand: dict[int, Waiting] = {}
        life.on_death(self._give_back)

    async def take(self, messages_max: int) -> list[Delivery]:
        queue = self._broker.queues[self._name]
        while self._life.alive:
            ready = queue.take_ready(messages_max)
            if ready:
                self._in_hand |= {waiting.number: waiting for waiting in ready}
                return [Delivery(waiting.bundle, waiting.number) for waiting in ready]
            await queue.wait()
        raise asyncio.CancelledError

    async def settle(self, deliveries: Sequence[Delivery]) -> None:
        await self._life.pass_through("acknowledge")
        for delivery in deliveries:
            self._in_hand.pop(delivery.receipt, None)  # type: ignore[call-overload]  # a receipt is the adapter's own
            if self._name in self._broker.on_settled:
                self._broker.on_settled[self._name](delivery.bundle)

    async def release(self, deliveries: Sequence[Delivery]) -> None:
        await self._life.pass_through("release")
        self._give_back()

    async def stop(self) -> None:
        return

    def _give_back(self) -> None:
        now = self._broker.world.loop.time()
        in_hand, self._in_hand = self._in_hand, {}
        for waiting in in_hand.values():
            self._broker.put(self._name, waiting.bundle, now + REDELIVERY_S, taken=waiting.taken + 1)

"""What services know of the broker: topics, queues, bundles and three ways to fail.

A *bundle* is what travels: several messages of one type in one broker message, so that publishes that arrive
together share one confirm. Queues are per service and message type (`inventory.order.observed.v1`), so that a slow
type never delays another.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from prokip_shared.bus.topology import queue_of, topic_of
from prokip_shared.database import Connection
from prokip_shared.messages import Encoded, Message

M = TypeVar("M", bound=Message)
R = TypeVar("R")
"""What a handler takes: messages, or what its own reader makes of them."""


class BusUnavailable(Exception):
    """The broker cannot be reached or did not confirm in time; what was published may or may not have arrived."""


class Unroutable(Exception):
    """No queue takes this message; publishing it again cannot help until a consumer has declared its queue."""


class PermanentFailure(Exception):
    """No redelivery can fix this message: it is parked at once."""


class TransientFailure(Exception):
    """Try this message again later (backoff with jitter); parked when its attempts are used up."""


class Publisher(Protocol):
    async def publish(self, messages: Sequence[Message]) -> None:
        """Returns when every message is durable at the broker.

        Raises BusUnavailable or Unroutable; then some may have arrived, so a caller publishes all of them again.
        """


@dataclass(frozen=True, slots=True)
class Subscription(Generic[M]):
    """One service's interest in one message type."""

    service: str
    message: type[M]
    batch_messages_max: int = 500
    prefetch_bundles: int = 100
    concurrency: int = 1
    """Batches of this queue that one process works on at a time."""
    attempts_max: int = 8
    pace_s: float = 0.02
    """How far apart batches begin while they are small; a message that comes alone waits for nobody."""

    @property
    def topic(self) -> str:
        return topic_of(self.message)

    @property
    def queue(self) -> str:
        return queue_of(self.service, self.message)


Reader = Callable[[bytes], Sequence[R]]
"""Reads the body of a bundle in place of its message class, for a consumer that takes so many that this pays.

It reads every body that the class writes, and raises ValueError for one that it cannot read.
"""

BatchHandler = Callable[[Connection, Sequence[R]], Awaitable[Sequence[Message | Encoded]]]
"""Applies a batch inside the transaction it is given and returns what is to be said once that has committed.

Raises PermanentFailure or TransientFailure for a message; the batch is then taken apart, so that its neighbours
go through. Handlers are state-based: applying a message twice changes nothing.
"""


@dataclass(frozen=True, slots=True)
class Bundle:
    """One broker message."""

    bundle_id: UUID
    """Stays the same when a bundle is published again, so that a consumer's inbox knows it."""
    type: str
    body: bytes
    """A JSON array of messages of this type."""
    messages: int
    attempts: int = 0
    """How often its messages have failed before."""
    queue: str | None = None
    """Addressed to one queue (a retry, a replay); None goes to every queue that is bound to the type."""


@dataclass(frozen=True, slots=True)
class SendReport:
    """What the broker said about each bundle of one send."""

    confirmed: frozenset[UUID] = frozenset()
    unroutable: frozenset[UUID] = frozenset()
    problem: str | None = None
    """Why the bundles in neither set are not known to be durable."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A bundle in the hands of one consumer until it is settled or released."""

    bundle: Bundle
    receipt: object
    """The adapter's own handle."""
    exhausted: bool = False
    """True: it was taken so often without being settled that it probably kills its consumer."""


class Intake(Protocol):
    """One queue, as one process sees it. Several workers may take from it at a time."""

    async def take(self, messages_max: int) -> list[Delivery]:
        """Waits for the next bundles, about `messages_max` messages; empty once the intake has been stopped."""

    async def settle(self, deliveries: Sequence[Delivery]) -> None:
        """Done, never to come again. A broker that is away is no error: the redelivery meets the inbox."""

    async def release(self, deliveries: Sequence[Delivery]) -> None:
        """Not done, for any consumer to take at once; not counted as a failure."""

    async def stop(self) -> None:
        """Ends every `take` and gives back what no worker has."""


class Sender(Protocol):
    """A place that makes bundles durable: a broker, or the table where they wait for it."""

    async def send(self, bundles: Sequence[Bundle]) -> SendReport:
        """Makes bundles durable; answers within the publish time-out and never raises for the broker's sake."""


class Broker(Sender, Protocol):
    """What an adapter provides. The conformance suite in tests/contract/bus holds every adapter to it."""

    def subscribe(self, queue: str, topic: str, prefetch_bundles: int) -> Intake:
        """Declares the queue, binds it to the topic, now and after every reconnect."""

    async def check(self) -> str | None:
        """None: connected and consuming every subscription; else what is missing."""

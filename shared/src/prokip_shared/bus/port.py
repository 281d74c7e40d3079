"""What services know of the broker: topics, queues, bundles and three ways to fail.

A *bundle* is what travels: several messages of one type in one broker message, so that publishes that arrive
together share one confirm. Queues are per service and message type (`inventory.order.observed.v1`), so that a slow
type never delays another.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from prokip_shared.database import Connection
from prokip_shared.messages import Message

M = TypeVar("M", bound=Message)


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

    @property
    def topic(self) -> str:
        return str(self.message.model_fields["type"].default)

    @property
    def queue(self) -> str:
        return f"{self.service}.{self.topic}"


BatchHandler = Callable[[Connection, Sequence[M]], Awaitable[Sequence[Message]]]
"""Applies a batch inside the transaction it is given and returns what is to be said once that has committed.

Raises PermanentFailure or TransientFailure for a message; the batch is then taken apart, so that its neighbours
go through. Handlers are state-based: applying a message twice changes nothing.
"""

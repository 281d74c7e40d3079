"""Who hears what: every queue of the product, in one table.

A broker keeps a message for the queues that are declared, not for services that have yet to start. So whoever opens
the bus declares the queues of all services, and from the very first message on nothing is said to an empty room.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from prokip_shared.messages import (
    BundleChangedV1,
    ConnectionChangedV1,
    ConnectionHealthChangedV1,
    ConnectionRedactedV1,
    ConnectionUninstalledV1,
    DriftFoundV1,
    LevelHintedV1,
    ListingPushedV1,
    Message,
    OrderObservedV1,
    OrdersCountedV1,
    ProductHintedV1,
    ProkipHeldV1,
    ProkipObservedV1,
    SaleDueV1,
    SaleRecordedV1,
    StockChangedV1,
    StockHoldersObservedV1,
    StockOversoldV1,
    SyncCompletedV1,
    SyncRequestedV1,
)

HEARD: Final[Mapping[str, tuple[type[Message], ...]]] = {
    "inventory": (OrderObservedV1, ProkipObservedV1, StockHoldersObservedV1, SaleRecordedV1),
    "store-push": (
        StockChangedV1,
        OrdersCountedV1,
        LevelHintedV1,
        ProductHintedV1,
        BundleChangedV1,
        ConnectionChangedV1,
        SyncRequestedV1,
    ),
    "prokip-poller": (SaleDueV1, SyncRequestedV1, ConnectionChangedV1),
    "gateway": (
        SaleDueV1,
        SaleRecordedV1,
        DriftFoundV1,
        StockOversoldV1,
        ProkipHeldV1,
        ConnectionChangedV1,
        BundleChangedV1,
        ListingPushedV1,
        ConnectionHealthChangedV1,
        ConnectionUninstalledV1,
        ConnectionRedactedV1,
        SyncCompletedV1,
    ),
}


@dataclass(frozen=True, slots=True)
class Binding:
    """A queue takes every bundle of a topic."""

    queue: str
    topic: str


def topic_of(message: type[Message]) -> str:
    return str(message.model_fields["type"].default)


def queue_of(service: str, message: type[Message]) -> str:
    return f"{service}.{topic_of(message)}"


QUEUES: Final = tuple(
    Binding(queue_of(service, message), topic_of(message)) for service, heard in HEARD.items() for message in heard
)

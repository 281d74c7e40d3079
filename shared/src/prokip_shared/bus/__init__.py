"""The bus between services: one port, two adapters (RabbitMQ, Postgres), chosen by BROKER_URL.

In a composition root:

    bus = await open_bus(context, settings, pool, schema="inventory")
    bus.consume(Subscription("inventory", OrderObservedV1), apply_orders)      # begins at once
    context.web.add_routes(parked_routes(bus.parked))                          # behind `require_business`

A handler applies a batch in the transaction it is given and returns what is to be said after its commit:

    async def apply_orders(connection: Connection, batch: Sequence[OrderObservedV1]) -> Sequence[Message]: ...

Work that no delivery started (a worker, an operator's click) says things through the outbox as well:

    async with bus.outbox.transaction() as transaction:
        await transaction.connection.execute(...)
        transaction.say(ListingPushedV1(...))

Straight to the broker: `await bus.publisher.publish([message])`; for thousands a second
`group = bus.group_publisher()` and `await group.publish_one(message)`. A service without consumers and without an
outbox takes `open_publishing_bus(context, settings)`.

Everything drains, reconnects and reports its readiness by itself through the context. The migration of the three
bus tables (inbox, outbox, parked) and, for the Postgres bus, of the schema `bus` happens in `open_bus`.
"""

from prokip_shared.bus.group import GroupPublisher
from prokip_shared.bus.limits import BusLimits
from prokip_shared.bus.open import Bus, PublishingBus, open_bus, open_publishing_bus
from prokip_shared.bus.outbox import Outbox, OutboxTransaction
from prokip_shared.bus.parked import ParkedMessages, parked_routes
from prokip_shared.bus.port import (
    BatchHandler,
    BusUnavailable,
    PermanentFailure,
    Publisher,
    Subscription,
    TransientFailure,
    Unroutable,
)

__all__ = [
    "BatchHandler",
    "Bus",
    "BusLimits",
    "BusUnavailable",
    "GroupPublisher",
    "Outbox",
    "OutboxTransaction",
    "ParkedMessages",
    "PermanentFailure",
    "Publisher",
    "PublishingBus",
    "Subscription",
    "TransientFailure",
    "Unroutable",
    "open_bus",
    "open_publishing_bus",
    "parked_routes",
]

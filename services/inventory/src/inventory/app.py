"""Composition root: the one place that knows the concrete parts."""

import gc
from typing import Final

from inventory.bundles import Bundles
from inventory.config import InventorySettings
from inventory.handlers import api, bundles
from inventory.handlers.holders import apply_holder_batch
from inventory.handlers.observations import apply_observation_batch
from inventory.handlers.orders import apply_order_batch, apply_order_messages
from inventory.handlers.sales import apply_answer_batch
from inventory.meter import keep_meter
from inventory.recording import Handler, M, recorded
from inventory.telling import read_orders
from prokip_shared.bus.open import open_bus
from prokip_shared.bus.parked import parked_routes
from prokip_shared.bus.port import Subscription
from prokip_shared.database import database_problem, open_pool
from prokip_shared.messages import OrderObservedV1, ProkipObservedV1, SaleRecordedV1, StockHoldersObservedV1
from prokip_shared.runtime import ServiceContext, ServiceDefinition
from prokip_shared.security.tokens import InternalTokens
from prokip_shared.web.internal import require_business

SCHEMA: Final = "inventory"
ORDER_PREFETCH_BUNDLES: Final = 200
"""Enough for the batches in flight and the next one: of many orders several name a SKU, whose row is written once."""
ORDERS_PACE_S: Final = 0.08
"""A batch of few orders costs every service behind this about as much as one of ten: its statements, the messages that it
says, and the transactions of those who hear them, down to a push to each store. So the one long rest on the way of a sale
is here. An order that comes alone, or with many, still waits for nobody."""
ANSWERS_PACE_S: Final = 0.2
"""What Prokip answered to a sale only stands in the sales log, so nobody waits for it."""
READING_BATCH_MESSAGES_MAX: Final = 10
"""A reading of Prokip carries many SKUs, so a batch of few holds its locks about as long as one of many orders."""


GC_THRESHOLDS: Final = (50_000, 20, 50)
"""A batch makes tens of thousands of values and frees them all by reference count. Python's default looks for cycles
every 700 allocations, which costs a third of the time of an order."""


async def open_app(context: ServiceContext, settings: InventorySettings) -> None:
    """The ledger: four queues in, one read API out."""
    context.stack.callback(gc.set_threshold, *gc.get_threshold())
    gc.set_threshold(*GC_THRESHOLDS)
    pool = await open_pool(
        settings.database_url, service=context.name, connections_max=settings.database_connections_max
    )
    context.stack.push_async_callback(pool.close)
    context.check("database", lambda: database_problem(pool))
    bus = await open_bus(context, settings, pool, SCHEMA)
    context.web.middlewares.append(require_business(InternalTokens(settings.internal_secret.get_secret_value())))
    context.web[api.POOL] = pool
    context.web.add_routes(api.routes())
    context.web[bundles.BUNDLES] = Bundles(pool, bus.outbox, record_messages=settings.record_messages)
    context.web.add_routes(bundles.routes())
    context.side_task("webhook meter", keep_meter(pool))
    context.web.add_routes(parked_routes(bus.parked))

    def kept(handler: Handler[M]) -> Handler[M]:
        return recorded(handler) if settings.record_messages else handler

    orders = Subscription(
        SCHEMA,
        OrderObservedV1,
        batch_messages_max=settings.order_batch_messages_max,
        prefetch_bundles=ORDER_PREFETCH_BUNDLES,
        concurrency=settings.order_batches_in_flight,
        pace_s=ORDERS_PACE_S,
    )
    if settings.record_messages:
        bus.consume(orders, recorded(apply_order_messages))
    else:
        bus.consume(orders, apply_order_batch, read=read_orders)
    bus.consume(
        Subscription(SCHEMA, ProkipObservedV1, batch_messages_max=READING_BATCH_MESSAGES_MAX),
        kept(apply_observation_batch),
    )
    bus.consume(
        Subscription(SCHEMA, StockHoldersObservedV1),
        kept(apply_holder_batch),
    )
    bus.consume(Subscription(SCHEMA, SaleRecordedV1, pace_s=ANSWERS_PACE_S), apply_answer_batch)


SERVICE: Final = ServiceDefinition("inventory", InventorySettings, open_app, schema=SCHEMA, package="inventory")

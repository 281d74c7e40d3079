"""The composition root: what webhook-ingest is made of, in the order it is born."""

import asyncio
from functools import partial
from typing import Final

from aiohttp import web

from prokip_shared.bus.group import GroupPublisher
from prokip_shared.bus.limits import BusLimits
from prokip_shared.bus.open import open_publishing_bus
from prokip_shared.bus.parked import parked_routes
from prokip_shared.database import close_pool, open_pool
from prokip_shared.directory import Directory, DirectoryUnavailable
from prokip_shared.runtime import ServiceContext, ServiceDefinition
from prokip_shared.security.tokens import InternalTokens
from prokip_shared.security.vault import Vault
from prokip_shared.web.internal import require_business
from webhook_ingest.compliance import Compliance
from webhook_ingest.config import IngestSettings
from webhook_ingest.domain.events import LEVEL_HINTED, ORDER_OBSERVED, PRODUCT_HINTED
from webhook_ingest.door import Door, Spool
from webhook_ingest.drain import SpoolDrain
from webhook_ingest.handlers.webhooks import Limits, Webhooks
from webhook_ingest.parked import ParkedWebhooks
from webhook_ingest.secrets import SecretUseApi, SecretUses, SecretUseTable
from webhook_ingest.storage import ParkedTable, SpoolTable
from webhook_ingest.stores import Stores

BROKER_SHARE: Final = 2 / 3
"""Of the time in which a store is answered; the rest is the spool's, if the broker does not say anything."""
PACE_S: Final = {LEVEL_HINTED: 0.05, PRODUCT_HINTED: 0.05, ORDER_OBSERVED: 0.012}
"""How far apart bundles begin at least, so that a broker that confirms at once does not get one for each event. Orders
are in a hurry, but each bundle costs every service behind this a good deal more than its events do. Levels and products
are in none, and each of our own writes makes a store tell them: a thousand a second come in crowds, thirty bundles a second."""


async def open_app(context: ServiceContext, settings: IngestSettings) -> None:
    clock = asyncio.get_running_loop().time
    pool = await open_pool(
        settings.database_url, service=context.name, connections_max=settings.database_connections_max
    )
    context.stack.push_async_callback(close_pool, pool)
    directory = _open_directory(context, settings)
    stores = Stores(
        directory,
        pause_s=settings.unknown_store_pause_s,
        clock=clock,
    )

    spool_table = SpoolTable(pool)
    bus = await open_publishing_bus(context, settings, BusLimits(publish_timeout_s=settings.publish_timeout_s))
    spool = Spool(spool_table, timeout_s=settings.spool_timeout_s)
    broker = bus.group_publisher(pace_s=PACE_S, wait_timeout_s=settings.answer_timeout_s * BROKER_SHARE)
    door = Door(
        broker,
        GroupPublisher(spool, BusLimits(bundle_messages_max=settings.spool_row_messages_max)),
        broker_pause_s=settings.broker_pause_s,
        answer_timeout_s=settings.answer_timeout_s,
        clock=clock,
    )
    drain = SpoolDrain(
        pool,
        spool_table,
        broker,
        door,
        interval_s=settings.spool_interval_s,
        batch_rows_max=settings.spool_batch_rows_max,
    )
    context.side_task("spool drain", drain.run())

    parked_table = ParkedTable(pool)
    limits = Limits(
        body_bytes_max=settings.body_bytes_max,
        body_timeout_s=settings.body_timeout_s,
        answer_timeout_s=settings.answer_timeout_s,
        allow_unsigned_custom=settings.allow_unsigned_custom,
    )
    use_table = SecretUseTable(pool)
    uses = SecretUses(use_table)
    context.side_task("secret uses", uses.run())
    use_api = SecretUseApi(use_table, uses, lambda business_id: [one.id for one in directory.of_business(business_id)])
    secrets = (settings.shopify_client_secret, settings.shopify_client_secret_previous)
    app_secrets = [one.get_secret_value() for one in secrets if one is not None and one.get_secret_value()]
    compliance = Compliance(directory, parked_table, door, app_secrets)
    webhooks = Webhooks(stores, door, parked_table, uses, compliance, limits)
    parked = ParkedWebhooks(pool, parked_table, stores, door)
    check = require_business(InternalTokens(settings.internal_secret.get_secret_value()))
    context.web.router.add_routes(
        [
            web.post("/connections/webhook/shopify", webhooks.shopify),
            web.post("/connections/webhook/woocommerce", webhooks.woocommerce),
            web.post("/webhook/{platform}", webhooks.custom),
            # Around these routes only: a middleware of the application would cost every webhook.
            *(web.route(one.method, one.path, partial(check, handler=one.handler)) for one in parked_routes(parked)),
            web.get("/internal/secrets", partial(check, handler=use_api.list_uses)),
        ]
    )


def _open_directory(context: ServiceContext, settings: IngestSettings) -> Directory:
    """It may start before the gateway has made its tables: the directory follows as soon as there are any."""
    directory = Directory(settings.database_url, Vault(settings.encryption_key.get_secret_value()))
    context.side_task("directory", directory.follow())

    async def known() -> str | None:
        try:
            directory.all_connections()
        except DirectoryUnavailable:
            return "not read yet"
        return None

    context.check("directory", known)
    return directory


SERVICE = ServiceDefinition(
    "webhook-ingest", IngestSettings, open_app, schema="ingest", package="webhook_ingest", bus_tables=False
)

"""How stores tell and are looked after: rows of the table."""

from typing import Final

from gateway.handlers import upkeep
from gateway.models.base import Page
from gateway.models.upkeep import StoreWebhooks, Upkeep, WebhookMeter
from gateway.routes.shared import AWAY, ID, V1
from gateway.routing import Docs, route

UPKEEP_ROUTES: Final = (
    route(
        "GET",
        f"{V1}/webhooks",
        upkeep.list_webhook_meters,
        answer=Page[StoreWebhooks],
        docs=Docs("webhooks", "Webhooks missed, late, duplicate and out of order, of every store", AWAY),
    ),
    route(
        "GET",
        f"{V1}/connections/{ID}/webhooks",
        upkeep.show_webhook_meter,
        answer=WebhookMeter,
        docs=Docs("webhooks", "The gap meter of one store: 24 hours, 30 days, and how it went", (404, *AWAY)),
    ),
    route(
        "GET",
        f"{V1}/connections/{ID}/upkeep",
        upkeep.show_upkeep,
        answer=Upkeep,
        docs=Docs("connections", "How a store answers and is looked after: sweeps, webhooks, levels", (404, *AWAY)),
    ),
)

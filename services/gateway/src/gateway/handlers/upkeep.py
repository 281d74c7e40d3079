"""How well stores tell of their sales, and how they are looked after."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from gateway.callers import CALLER
from gateway.handlers.connections import find_connection
from gateway.keys import UPSTREAM
from gateway.models.base import Page
from gateway.models.upkeep import (
    CatalogueReads,
    LevelLooks,
    StoreBudget,
    StoreWebhooks,
    SweepState,
    Upkeep,
    WebhookCare,
    WebhookMeter,
)
from gateway.upstream import path_of

Told = Mapping[str, Any]


async def list_webhook_meters(request: web.Request) -> Page[StoreWebhooks]:
    told = await request.app[UPSTREAM].inventory.get(request[CALLER].business_id, "/internal/webhook-meters")
    return Page[StoreWebhooks](items=[StoreWebhooks.model_validate(row) for row in told["items"]])


async def show_webhook_meter(request: web.Request) -> WebhookMeter:
    store = await find_connection(request)
    told = await request.app[UPSTREAM].inventory.get(
        request[CALLER].business_id, path_of("internal", "webhook-meters", store.id)
    )
    return WebhookMeter.model_validate(told)


async def show_upkeep(request: web.Request) -> Upkeep:
    store = await find_connection(request)
    told = await request.app[UPSTREAM].store_push.get(
        request[CALLER].business_id, path_of("internal", "connections", store.id, "upkeep")
    )
    return upkeep_of(told)


def upkeep_of(row: Told) -> Upkeep:
    custom = row["platform"] == "custom"
    return Upkeep(
        connection_id=row["connection_id"],
        platform=row["platform"],
        health=row["health"],
        health_since=row["health_since"],
        health_detail=row["health_detail"],
        consecutive_failures=row["consecutive_failures"],
        next_attempt_at=row["next_attempt_at"],
        last_push_at=row["last_push_at"],
        sweeps=None if custom else _sweeps_of(row),
        webhooks=None if custom else _webhooks_of(row),
        levels=None if custom else _levels_of(row),
        catalogue=None if custom else _catalogue_of(row),
        budget=_budget_of(row),
    )


def _sweeps_of(row: Told) -> SweepState:
    return SweepState(
        complete_at=row["swept_at"],
        next_at=row["sweep_due_at"],
        behind_s=max(row["sweep_behind_s"] or 0.0, 0.0),
        unfinished=row["sweep_unfinished"],
        orders=row["swept_orders"] or 0,
        unreadable=row["swept_unreadable"] or 0,
        error=row["sweep_error"],
    )


def _webhooks_of(row: Told) -> WebhookCare:
    return WebhookCare(
        checked_at=row["webhooks_checked_at"],
        next_at=row["webhooks_due_at"],
        restored_at=row["webhooks_restored_at"],
        restored_topics=row["webhooks_restored"] or [],
        error=row["webhooks_error"],
    )


def _levels_of(row: Told) -> LevelLooks:
    return LevelLooks(
        looked_at=row["levels_looked_at"],
        next_at=row["levels_due_at"],
        listings=row["levels_listings"] or 0,
        differing=row["levels_differing"] or 0,
        error=row["levels_error"],
    )


def _catalogue_of(row: Told) -> CatalogueReads:
    return CatalogueReads(
        read_at=row["catalogue_read_at"],
        next_at=row["catalogue_due_at"],
        items=row["catalogue_items"],
        error=row["catalogue_error"],
    )


def _budget_of(row: Told) -> StoreBudget:
    return StoreBudget(
        kind="time" if row["points_maximum"] is None else "points",
        points_available=row["points_available"],
        points_maximum=row["points_maximum"],
        points_restored_per_s=row["points_restored_per_s"],
        answer_s=row["answer_s"],
        held_until=row["held_until"],
    )

"""The earlier system's names for per-store calls: thin, over the same acts as the resource paths."""

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from gateway.callers import CALLER
from gateway.handlers.connections import disconnect_store, no_such_store
from gateway.handlers.product_plans import begin_plan
from gateway.handlers.rounds import run_round
from gateway.handlers.translated import pulled_product_of
from gateway.keys import CONNECTIONS, UPSTREAM
from gateway.models.base import Message
from gateway.models.connections import Disconnected
from gateway.models.operations import (
    LegacyPush,
    LegacyPushed,
    LegacySetup,
    LegacyStore,
    LegacyToggled,
    PulledProduct,
    PulledProducts,
)
from gateway.models.product_plans import ProductWishes
from gateway.routing import A_FILE
from gateway.storage.connections import ConnectionRow
from prokip_shared.web.problems import Problem, validate

PULLED_MAX: Final = 10_000
PAGE_ITEMS: Final = 200


async def choose_strategy(request: web.Request, given: LegacySetup) -> Message:
    store = await _store(request, given)
    await request.app[CONNECTIONS].change(request[CALLER].business_id, store.id, choice=given.choice)
    return Message(message=f"Strategy saved: {given.choice}")


async def pull_products(request: web.Request, given: LegacyStore) -> PulledProducts:
    """The store's goods with their match; a catalogue too long for one array has the paged resource."""
    store = await _store(request, given)
    products: list[PulledProduct] = []
    following: Any = 0
    while following is not None:
        query = {"connection": store.id, "limit": PAGE_ITEMS, "after": following}
        told = await request.app[UPSTREAM].store_push.get(request[CALLER].business_id, "/internal/listings", query)
        products += [pulled_product_of(row) for row in told["items"]]
        following = told["next"]
        if following is not None and len(products) >= PULLED_MAX:
            detail = f"The store has more than {PULLED_MAX} goods; read /api/v1/connections/{store.id}/listings."
            raise Problem(422, "Too many products", code="too_many_products", detail=detail)
    return PulledProducts(products)


async def push_products(request: web.Request, given: LegacyPush) -> LegacyPushed:
    """Prices and images become a plan, which somebody looks at before anything is done in the store."""
    wishes = _wishes_of(given.model_extra or {})
    store = await _store(request, given)
    if wishes is None:
        await run_round(request, store.id)
        return LegacyPushed(message="Quantities pushed successfully")
    plan = await begin_plan(request, store.id, wishes)
    address = f"/api/v1/connections/{store.id}/product-plans/{plan.id}"
    return LegacyPushed(message=f"A plan was made; look at it and start it: {address}", plan_id=plan.id)


def _wishes_of(fields: Mapping[str, Any]) -> ProductWishes | None:
    """Raises Problem 422 for a field that is neither a price nor the address of an image."""
    if not fields:
        return None
    prices, images = _named(fields, "price_"), _named(fields, "image_")
    unknown = fields.keys() - {f"price_{sku}" for sku in prices} - {f"image_{sku}" for sku in images}
    if unknown:
        detail = f"price_<SKU> and image_<SKU> are understood, not {', '.join(sorted(unknown))}."
        raise Problem(422, "Invalid input", code="invalid_input", detail=detail)
    files = sorted(sku for sku, image in images.items() if image == A_FILE)
    if files:
        detail = f"Stores fetch images themselves: send the address of image_{files[0]} instead of a file."
        raise Problem(422, "No address", code="image_not_an_address", detail=detail)
    skus = sorted({*prices, *images})
    return validate(ProductWishes, {"skus": skus, "prices": prices, "images": images})


def _named(fields: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {
        name.removeprefix(prefix): value for name, value in fields.items() if name.startswith(prefix) and name != prefix
    }


async def toggle(request: web.Request, given: LegacyStore) -> LegacyToggled:
    store = await _store(request, given)
    enabled = await request.app[CONNECTIONS].toggle(request[CALLER].business_id, store.id)
    if enabled is None:
        raise no_such_store()
    return LegacyToggled(message="Sync enabled" if enabled else "Sync disabled", sync_enabled=enabled)


async def sync_now(request: web.Request, given: LegacyStore) -> Message:
    """One store where one is named, else all."""
    named = given.platform is not None or given.connection_id is not None
    return await run_round(request, (await _store(request, given)).id if named else None)


async def disconnect(request: web.Request, given: LegacyStore) -> Disconnected:
    return await disconnect_store(request, (await _store(request, given)).id)


async def _store(request: web.Request, given: LegacyStore) -> ConnectionRow:
    """Raises Problem: 404 where nothing fits, 409 with the choices where several do, 422 where nothing is named."""
    if given.platform is None and given.connection_id is None:
        raise Problem(422, "Invalid input", code="invalid_input", detail="Name the store: platform or connectionId.")
    found = [
        row
        for row in await request.app[CONNECTIONS].of_business(request[CALLER].business_id)
        if given.platform in {None, row.platform} and given.connection_id in {None, row.id}
    ]
    if not found:
        raise no_such_store()
    if len(found) > 1:
        raise Problem(
            409,
            "Several stores",
            code="choose_connection",
            detail=f"The business has several {given.platform} stores; say which one by connectionId.",
            connections=[{"id": row.id, "storeName": row.store_name, "storeUrl": row.store_url} for row in found],
        )
    return found[0]

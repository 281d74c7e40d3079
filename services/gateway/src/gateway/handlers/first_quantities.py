"""What a store is to show for the first time, and what an operator says to it."""

from typing import Any

from aiohttp import web

from gateway.callers import CALLER
from gateway.handlers.connections import find_connection
from gateway.keys import UPSTREAM
from gateway.models.base import Page
from gateway.models.first_quantities import FirstChange, FirstChangesQuery, FirstDecision, FirstQuantities
from gateway.upstream import path_of


async def list_held_first_quantities(request: web.Request) -> Page[FirstQuantities]:
    told = await request.app[UPSTREAM].store_push.get(request[CALLER].business_id, "/internal/first-quantities")
    return Page[FirstQuantities](items=[FirstQuantities.model_validate(row) for row in told["items"]])


async def show_first_quantities(request: web.Request) -> FirstQuantities:
    told = await request.app[UPSTREAM].store_push.get(request[CALLER].business_id, await _path(request))
    return FirstQuantities.model_validate(told)


async def list_first_changes(request: web.Request, given: FirstChangesQuery) -> Page[FirstChange]:
    query = {"limit": given.limit, "after": given.cursor}
    path = await _path(request, "changes")
    told = await request.app[UPSTREAM].store_push.get(request[CALLER].business_id, path, query)
    return Page[FirstChange](items=[FirstChange.model_validate(row) for row in told["items"]], next=told["next"])


async def release_first_quantities(request: web.Request) -> FirstDecision:
    return await _decide(request, "release", "The store is written to from now on")


async def refuse_first_quantities(request: web.Request) -> FirstDecision:
    return await _decide(request, "refuse", "Nothing is written to the store")


async def reconsider_first_quantities(request: web.Request) -> FirstDecision:
    return await _decide(request, "reconsider", "It is looked at again")


async def _decide(request: web.Request, decision: str, message: str) -> FirstDecision:
    path = await _path(request, decision)
    told: Any = await request.app[UPSTREAM].store_push.post(request[CALLER].business_id, path)
    return FirstDecision(message=message, state=told["state"])


async def _path(request: web.Request, *more: str) -> str:
    """The store is looked up first: another business's store does not exist here."""
    store = await find_connection(request)
    return path_of("internal", "stores", store.id, "first-quantities", *more)

"""A store's catalogue and what an operator says about its items."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from gateway.callers import CALLER
from gateway.domain.operations import listing_name
from gateway.handlers.connections import find_connection
from gateway.keys import UPSTREAM
from gateway.models.base import Message, Page
from gateway.models.catalogue import Catalogue, CatalogueItem, CatalogueQuery, LinkListing, Reading
from gateway.upstream import path_of


async def show_catalogue(request: web.Request) -> Catalogue:
    told = await request.app[UPSTREAM].store_push.get(request[CALLER].business_id, await _path(request))
    return Catalogue(reading=_reading_of(told), counts=told["counts"])


async def list_catalogue(request: web.Request, given: CatalogueQuery) -> Page[CatalogueItem]:
    query = {"kind": given.kind, "search": given.search, "limit": given.limit, "after": given.cursor}
    path = f"{await _path(request)}/items"
    told = await request.app[UPSTREAM].store_push.get(request[CALLER].business_id, path, query)
    return Page[CatalogueItem](items=[_item_of(row) for row in told["items"]], next=told["next"])


async def read_catalogue(request: web.Request) -> Message:
    await request.app[UPSTREAM].store_push.post(request[CALLER].business_id, f"{await _path(request)}/read")
    return Message(message="The store's catalogue is read")


async def link_listing(request: web.Request, given: LinkListing) -> Message:
    await _choose(request, "link", {"sku": given.sku})
    return Message(message=f"The item sells the stock of {given.sku} from now on")


async def ignore_listing(request: web.Request) -> Message:
    await _choose(request, "ignore")
    return Message(message="The item is left alone from now on")


async def reset_listing(request: web.Request) -> Message:
    await _choose(request, "reset")
    return Message(message="The item is matched by its own SKU again")


async def _path(request: web.Request) -> str:
    """The store is looked up first: another business's store does not exist here."""
    store = await find_connection(request)
    return path_of("internal", "stores", store.id, "catalogue")


async def _choose(request: web.Request, what: str, body: Mapping[str, object] | None = None) -> None:
    path = path_of("internal", "listings", request.match_info["id"], what)
    await request.app[UPSTREAM].store_push.post(request[CALLER].business_id, path, body)


def _reading_of(told: Mapping[str, Any]) -> Reading:
    if told["error"] is not None:
        state = "failed"
    elif told["reading"]:
        state = "reading"
    else:
        state = "waiting" if told["read_at"] is None else "read"
    more = {"state": state, "since": told["begun_at"], "next_at": told["due_at"], "counted": told["counted"] or 0}
    return Reading.model_validate({**told, **more})


def _item_of(row: Mapping[str, Any]) -> CatalogueItem:
    name = row["name"] or (listing_name(row) if row["item_ref"] else "")
    return CatalogueItem.model_validate({**row, "listing_id": row["id"], "name": name})

"""Connecting, listing, changing and disconnecting the stores of one business."""

from aiohttp import web

from gateway.callers import CALLER
from gateway.handlers.shown import connection_of, legacy_connection_of
from gateway.keys import CONNECTIONS, DIRECTORY, STORES, UPSTREAM
from gateway.models.base import Page
from gateway.models.connections import (
    ChangeConnection,
    ConnectCustom,
    Connected,
    ConnectedCustom,
    Connection,
    ConnectionsQuery,
    ConnectShopify,
    ConnectWooCommerce,
    Disconnected,
    DueListings,
    LegacyConnections,
)
from gateway.storage.connections import ConnectionRow
from prokip_shared.web.problems import Problem


async def list_connections(request: web.Request, given: ConnectionsQuery) -> Page[Connection]:
    rows = await request.app[CONNECTIONS].of_business(
        request[CALLER].business_id, disconnected_too=given.status == "all"
    )
    return Page[Connection](items=[connection_of(row) for row in rows])


async def list_connections_as_before(request: web.Request) -> LegacyConnections:
    rows = await request.app[CONNECTIONS].of_business(request[CALLER].business_id)
    return LegacyConnections([legacy_connection_of(row) for row in rows])


async def list_due(request: web.Request) -> Page[DueListings]:
    """Apart from the list of stores, which is answered whoever else is away."""
    told = await request.app[UPSTREAM].store_push.get(request[CALLER].business_id, "/internal/due")
    return Page[DueListings](items=[DueListings.model_validate(row) for row in told["items"]])


async def show_connection(request: web.Request) -> Connection:
    return connection_of(await find_connection(request))


async def connect_woocommerce(request: web.Request, given: ConnectWooCommerce) -> Connected:
    location_id = await location_or_default(request, given.location_id)
    connection_id = await request.app[STORES].connect_woocommerce(
        request[CALLER].business_id, given, location_id=location_id
    )
    return await connected_answer(request, connection_id, "WooCommerce store connected successfully")


async def connect_shopify(request: web.Request, given: ConnectShopify) -> Connected:
    location_id = await location_or_default(request, given.location_id)
    connection_id = await request.app[STORES].connect_shopify(
        request[CALLER].business_id, given, location_id=location_id
    )
    return await connected_answer(request, connection_id, "Shopify store connected successfully")


async def connect_custom(request: web.Request, given: ConnectCustom) -> ConnectedCustom:
    location_id = await location_or_default(request, given.location_id)
    made = await request.app[STORES].connect_custom(request[CALLER].business_id, given, location_id=location_id)
    connected = await connected_answer(request, made.connection_id, "Custom store connected successfully")
    return ConnectedCustom(**dict(connected), store_key=made.store_key, secret=made.secret, curl=made.curl)


async def change_connection(request: web.Request, given: ChangeConnection) -> Connection:
    changed = await request.app[CONNECTIONS].change(
        request[CALLER].business_id,
        path_id(request),
        sync_enabled=given.sync_enabled,
        choice=given.choice,
        location_id=given.location_id,
    )
    if not changed:
        raise no_such_store()
    return await show_connection(request)


async def disconnect(request: web.Request) -> Disconnected:
    return await disconnect_store(request, path_id(request))


async def disconnect_store(request: web.Request, connection_id: int) -> Disconnected:
    business_id = request[CALLER].business_id
    directory = request.app[DIRECTORY]
    await directory.refresh()  # the credentials must be today's, not those of a moment ago
    record = directory.by_id(connection_id)
    if record is None or record.business_id != business_id:
        raise no_such_store()
    refusal = await request.app[STORES].disconnect(record)
    detail = (
        "The store's webhooks were removed."
        if refusal is None
        else f"The webhooks could not be removed there and are ignored here: the store {refusal}."
    )
    return Disconnected(
        message="Store disconnected, its stock is kept", webhooks_removed=refusal is None, detail=detail
    )


async def find_connection(request: web.Request) -> ConnectionRow:
    """The store that the path names, if it is the caller's. Raises Problem 404."""
    row = await request.app[CONNECTIONS].one(request[CALLER].business_id, path_id(request))
    if row is None:
        raise no_such_store()
    return row


def path_id(request: web.Request) -> int:
    """The route's pattern lets only digits through."""
    return int(request.match_info["id"])


def no_such_store() -> Problem:
    return Problem(404, "No such store", code="connection_not_found", detail="The business has no such store.")


async def connected_answer(request: web.Request, connection_id: int, message: str) -> Connected:
    row = await request.app[CONNECTIONS].one(request[CALLER].business_id, connection_id)
    if row is None:
        raise no_such_store()
    return Connected(message=message, id=connection_id, connection=connection_of(row))


async def location_or_default(request: web.Request, given: str | None) -> str:
    """The Prokip location of the store's sales: the one that was named, else the one of the Prokip settings."""
    if given is not None:
        return given
    account = await request.app[CONNECTIONS].prokip(request[CALLER].business_id)
    if account is None:
        detail = "Set up Prokip first, or name the location whose stock this store sells (locationId)."
        raise Problem(409, "Prokip is not set up", code="prokip_not_configured", detail=detail)
    return account.location_id

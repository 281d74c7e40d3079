"""Connecting a Shopify shop by an app of the merchant's own."""

from aiohttp import web

from gateway.callers import CALLER
from gateway.handlers.connections import connected_answer, location_or_default
from gateway.handlers.shopify_consent import SHOP_CONNECTED
from gateway.keys import OWN_APP
from gateway.models.connections import Connected
from gateway.models.shopify_own_app import ConnectShopifyApp


async def connect_own_app(request: web.Request, given: ConnectShopifyApp) -> Connected:
    location_id = await location_or_default(request, given.location_id)
    connection_id = await request.app[OWN_APP].connect(request[CALLER].business_id, given, location_id=location_id)
    return await connected_answer(request, connection_id, SHOP_CONNECTED)

"""A Shopify shop by an app of the merchant's own: rows of the table."""

from typing import Final

from gateway.handlers import shopify_own_app
from gateway.models.connections import Connected
from gateway.models.shopify_own_app import ConnectShopifyApp
from gateway.routes.shared import V1
from gateway.routing import Docs, route_given

SHOPIFY_OWN_APP_ROUTES: Final = (
    route_given(
        "POST",
        f"{V1}/connections/shopify/app",
        ConnectShopifyApp,
        shopify_own_app.connect_own_app,
        answer=Connected,
        status=201,
        docs=Docs("connections", "Connect a Shopify shop by client id and secret of its own app", (409, 502)),
    ),
)

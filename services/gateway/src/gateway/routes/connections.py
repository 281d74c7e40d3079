"""Stores: connecting, changing, listings: rows of the table."""

from typing import Final

from gateway.connecting.shopify_consent import CALLBACK_PATH
from gateway.handlers import (
    connections,
    shopify_consent,
)
from gateway.models.base import Message, Page
from gateway.models.connections import (
    ChangeConnection,
    ChoosePlace,
    ConnectCustom,
    Connected,
    ConnectedCustom,
    Connection,
    ConnectionsQuery,
    ConnectShopify,
    ConnectWooCommerce,
    ConsentQuery,
    Disconnected,
    DueListings,
    LegacyConnections,
    WaitingInstall,
    WayToShopify,
)
from gateway.routes.shared import AWAY, ID, V1
from gateway.routing import Docs, route, route_given

STORE_PROBLEMS: Final = (409, 502)

WOOCOMMERCE_DOCS: Final = Docs("connections", "Connect a WooCommerce store by its API keys", STORE_PROBLEMS)

SHOPIFY_DOCS: Final = Docs("connections", "Connect a Shopify shop by an access token", STORE_PROBLEMS)

CUSTOM_DOCS: Final = Docs("connections", "Connect a store of one's own; the secret is shown once", (409,))

CONNECTION_ROUTES: Final = (
    route(
        "GET",
        "/connections",
        connections.list_connections_as_before,
        answer=LegacyConnections,
        docs=Docs("connections", "The connected stores, as a bare array"),
    ),
    route_given(
        "GET",
        "/connections/shopify",
        ConsentQuery,
        shopify_consent.begin_consent,
        answer=WayToShopify,
        docs=Docs("connections", "To Shopify's consent page: a redirect, or its address as JSON", (409,)),
    ),
    route(
        "GET",
        CALLBACK_PATH,
        shopify_consent.finish_consent,
        answer=Message,
        access="open",
        docs=Docs("connections", "Where Shopify's consent page leads back to", (403, *STORE_PROBLEMS)),
    ),
    route(
        "GET",
        f"{V1}/connections/shopify/installs/{{id}}",
        shopify_consent.show_install,
        answer=WaitingInstall,
        docs=Docs("connections", "A shop that let us in and waits for a location", (404, 409, 502)),
    ),
    route_given(
        "POST",
        f"{V1}/connections/shopify/installs/{{id}}",
        ChoosePlace,
        shopify_consent.choose_place,
        answer=Connected,
        status=201,
        docs=Docs("connections", "Choose the location whose stock is written", (404, *STORE_PROBLEMS)),
    ),
    route_given(
        "POST",
        "/connections/woocommerce",
        ConnectWooCommerce,
        connections.connect_woocommerce,
        answer=Connected,
        docs=WOOCOMMERCE_DOCS,
    ),
    route_given(
        "POST",
        "/connections/shopify",
        ConnectShopify,
        connections.connect_shopify,
        answer=Connected,
        docs=SHOPIFY_DOCS,
    ),
    route_given(
        "POST",
        "/connections/custom",
        ConnectCustom,
        connections.connect_custom,
        answer=ConnectedCustom,
        docs=CUSTOM_DOCS,
    ),
    route_given(
        "GET",
        f"{V1}/connections",
        ConnectionsQuery,
        connections.list_connections,
        answer=Page[Connection],
        docs=Docs("connections", "The stores of the business"),
    ),
    route_given(
        "POST",
        f"{V1}/connections/woocommerce",
        ConnectWooCommerce,
        connections.connect_woocommerce,
        answer=Connected,
        status=201,
        docs=WOOCOMMERCE_DOCS,
    ),
    route_given(
        "POST",
        f"{V1}/connections/shopify",
        ConnectShopify,
        connections.connect_shopify,
        answer=Connected,
        status=201,
        docs=SHOPIFY_DOCS,
    ),
    route_given(
        "POST",
        f"{V1}/connections/custom",
        ConnectCustom,
        connections.connect_custom,
        answer=ConnectedCustom,
        status=201,
        docs=CUSTOM_DOCS,
    ),
    route(
        "GET",
        f"{V1}/connections/due",
        connections.list_due,
        answer=Page[DueListings],
        docs=Docs("connections", "How many listings of each store wait to be written", AWAY),
    ),
    route(
        "GET",
        f"{V1}/connections/{ID}",
        connections.show_connection,
        answer=Connection,
        docs=Docs("connections", "One store", (404,)),
    ),
    route_given(
        "PATCH",
        f"{V1}/connections/{ID}",
        ChangeConnection,
        connections.change_connection,
        answer=Connection,
        docs=Docs("connections", "Pause, resume, or change what a store sells", (404,)),
    ),
    route(
        "DELETE",
        f"{V1}/connections/{ID}",
        connections.disconnect,
        answer=Disconnected,
        docs=Docs("connections", "Disconnect a store: webhooks and keys go, stock stays", (404, 409)),
    ),
)

"""Every call of the public API, in one table. What is not in here does not exist."""

from typing import Final

from gateway.handlers import accounts, connections, events, prokip, rounds
from gateway.models.accounts import (
    BusinessChoice,
    Login,
    NewBusiness,
    Register,
    Session,
    SessionToken,
    SwitchBusiness,
)
from gateway.models.base import Message, Page
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
    LegacyConnections,
    ShopQuery,
)
from gateway.models.live import EventsQuery, LiveEvent, RecentQuery
from gateway.models.prokip import Prokip, ProkipChange, ProkipSettings
from gateway.models.rounds import Round
from gateway.routing import Docs, Route, route, route_given

ID: Final = "{id:[0-9]{1,18}}"
UUID_ID: Final = "{id:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}}"
V1: Final = "/api/v1"

ACCOUNT_ROUTES: Final = (
    route_given(
        "POST",
        "/auth/register",
        Register,
        accounts.register,
        answer=Message,
        status=201,
        access="open",
        docs=Docs("accounts", "Register a user and a first business", (403, 409, 429, 503)),
    ),
    route_given(
        "POST",
        "/auth/login",
        Login,
        accounts.login,
        answer=SessionToken,
        access="open",
        docs=Docs("accounts", "Sign in: a token, and a cookie for browsers", (401, 429, 503)),
    ),
    route(
        "POST", "/auth/logout", accounts.logout, answer=Message, docs=Docs("accounts", "End this session everywhere")
    ),
    route("GET", f"{V1}/session", accounts.show_session, answer=Session, docs=Docs("accounts", "Who and where one is")),
    route_given(
        "PUT",
        f"{V1}/session",
        SwitchBusiness,
        accounts.switch_business,
        answer=SessionToken,
        docs=Docs("accounts", "Go on in another business of one's own"),
    ),
    route(
        "GET",
        f"{V1}/businesses",
        accounts.list_businesses,
        answer=Page[BusinessChoice],
        docs=Docs("accounts", "The businesses one belongs to"),
    ),
    route_given(
        "POST",
        f"{V1}/businesses",
        NewBusiness,
        accounts.create_business,
        answer=BusinessChoice,
        status=201,
        docs=Docs("accounts", "Open another business", (409,)),
    ),
)

PROKIP_ROUTES: Final = (
    route_given(
        "POST",
        "/setup/prokip",
        ProkipSettings,
        prokip.configure_as_before,
        answer=Message,
        docs=Docs("prokip", "Set up Prokip; the settings are tried first"),
    ),
    route("GET", f"{V1}/prokip", prokip.show_prokip, answer=Prokip, docs=Docs("prokip", "The settings and the state")),
    route_given(
        "PUT",
        f"{V1}/prokip",
        ProkipChange,
        prokip.configure,
        answer=Prokip,
        docs=Docs("prokip", "Change the settings; they are tried first"),
    ),
)

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
        ShopQuery,
        connections.refuse_consent_page,
        answer=Connected,
        docs=Docs("connections", "Shopify's consent page, not offered yet", (501,)),
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

ROUND_PROBLEMS: Final = (409, 429)
ROUND_ROUTES: Final = (
    route(
        "POST",
        "/sync/manual",
        rounds.sync_and_wait,
        answer=Message,
        docs=Docs("sync", "A whole round, answered when it is over", (*ROUND_PROBLEMS, 502, 504)),
    ),
    route(
        "POST",
        f"{V1}/sync",
        rounds.start_sync,
        answer=Round,
        status=202,
        docs=Docs("sync", "Start a round for all stores", ROUND_PROBLEMS),
    ),
    route(
        "POST",
        f"{V1}/connections/{ID}/sync",
        rounds.start_store_sync,
        answer=Round,
        status=202,
        docs=Docs("sync", "Start a round for one store", (404, *ROUND_PROBLEMS)),
    ),
    route(
        "GET", f"{V1}/sync/{UUID_ID}", rounds.show_round, answer=Round, docs=Docs("sync", "How a round stands", (404,))
    ),
)

LIVE_ROUTES: Final = (
    route_given(
        "GET",
        f"{V1}/events",
        EventsQuery,
        events.stream_events,
        answer=LiveEvent,
        answer_type="text/event-stream",
        docs=Docs("live", "The live feed; each event's data is this object", (503,)),
    ),
    route_given(
        "GET",
        f"{V1}/events/recent",
        RecentQuery,
        events.recent_events,
        answer=Page[LiveEvent],
        docs=Docs("live", "The latest events, newest first"),
    ),
)

ROUTES: Final[tuple[Route, ...]] = (
    *ACCOUNT_ROUTES,
    *PROKIP_ROUTES,
    *CONNECTION_ROUTES,
    *ROUND_ROUTES,
    *LIVE_ROUTES,
)

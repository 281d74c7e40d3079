"""Every call of the public API, in one table. What is not in here does not exist."""

from typing import Final

from gateway.connecting.shopify_consent import CALLBACK_PATH
from gateway.handlers import (
    accounts,
    connections,
    earlier,
    events,
    operations,
    prokip,
    rounds,
    sales,
    shopify_consent,
    stock,
)
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
    Listing,
    ListingsQuery,
    WaitingInstall,
    WayToShopify,
)
from gateway.models.live import EventsQuery, LiveEvent, RecentQuery
from gateway.models.operations import (
    LegacyPush,
    LegacySetup,
    LegacyStore,
    LegacyToggled,
    Overview,
    ParkedPage,
    ParkedQuery,
    PulledProducts,
)
from gateway.models.prokip import ConnectorLogin, Prokip, ProkipChange, ProkipChoices, ProkipConfigured
from gateway.models.rounds import Round
from gateway.models.sales import EnterReturns, Sale, SaleRecord, SaleRecordsQuery, SalesQuery, SaleState, SettleSale
from gateway.models.stock import (
    Explanation,
    MomentQuery,
    Movement,
    Push,
    SkuPageQuery,
    SkuPushesQuery,
    SkuQuery,
    StockAt,
    StockQuery,
    StockRow,
    StoreListing,
)
from gateway.routing import Docs, Route, route, route_given

ID: Final = "{id:[0-9]{1,18}}"
UUID_ID: Final = "{id:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}}"
V1: Final = "/api/v1"
AWAY: Final = (502, 503)
"""Another service has to be asked."""

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
        ProkipChange,
        prokip.configure_as_before,
        answer=ProkipConfigured,
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
    route_given(
        "POST",
        f"{V1}/prokip/choices",
        ConnectorLogin,
        prokip.list_choices,
        answer=ProkipChoices,
        docs=Docs("prokip", "The locations and customers that Prokip offers with these credentials; nothing is kept"),
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
        ConsentQuery,
        shopify_consent.begin_consent,
        answer=WayToShopify,
        docs=Docs("connections", "To Shopify's consent page: a redirect, or its address as JSON", (501,)),
    ),
    route(
        "GET",
        CALLBACK_PATH,
        shopify_consent.finish_consent,
        answer=Message,
        access="open",
        docs=Docs("connections", "Where Shopify's consent page leads back to", (403, *STORE_PROBLEMS, 501)),
    ),
    route(
        "GET",
        f"{V1}/connections/shopify/installs/{{id}}",
        shopify_consent.show_install,
        answer=WaitingInstall,
        docs=Docs("connections", "A shop that let us in and waits for a location", (404, 501, 502)),
    ),
    route_given(
        "POST",
        f"{V1}/connections/shopify/installs/{{id}}",
        ChoosePlace,
        shopify_consent.choose_place,
        answer=Connected,
        status=201,
        docs=Docs("connections", "Choose the location whose stock is written", (404, *STORE_PROBLEMS, 501)),
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

STOCK_ROUTES: Final = (
    route_given(
        "GET",
        f"{V1}/stock",
        StockQuery,
        stock.list_stock,
        answer=Page[StockRow],
        docs=Docs("stock", "Stock by SKU and location, searched and paged", AWAY),
    ),
    route_given(
        "GET",
        f"{V1}/stock/movements",
        SkuPageQuery,
        stock.list_movements,
        answer=Page[Movement],
        docs=Docs("stock", "What changed one SKU, newest first", (404, 409, *AWAY)),
    ),
    route_given(
        "GET",
        f"{V1}/stock/explanation",
        SkuQuery,
        stock.explain_stock,
        answer=Explanation,
        docs=Docs("stock", "Why one quantity is what it is; it adds up", (404, 409, *AWAY)),
    ),
    route_given(
        "GET",
        f"{V1}/stock/at",
        MomentQuery,
        stock.show_stock_at,
        answer=StockAt,
        docs=Docs("stock", "What there was at a past moment, and the movement that made it", (400, 404, 409, *AWAY)),
    ),
    route_given(
        "GET",
        f"{V1}/stock/listings",
        SkuQuery,
        stock.list_store_listings,
        answer=Page[StoreListing],
        docs=Docs("stock", "What each store shows of one SKU, and why", AWAY),
    ),
    route_given(
        "GET",
        f"{V1}/stock/pushes",
        SkuPushesQuery,
        stock.list_pushes,
        answer=Page[Push],
        docs=Docs("stock", "What was written to the stores of one SKU, newest first", AWAY),
    ),
    route_given(
        "GET",
        f"{V1}/connections/{ID}/listings",
        ListingsQuery,
        stock.list_listings,
        answer=Page[Listing],
        docs=Docs("connections", "What one store sells, and how it matches", (404, *AWAY)),
    ),
)

SALE_ID: Final = "{id:[A-Za-z0-9_-]{1,400}}"
SALE_ROUTES: Final = (
    route_given(
        "GET",
        f"{V1}/sales",
        SalesQuery,
        sales.list_sales,
        answer=Page[Sale],
        docs=Docs("sales", "The sales log, newest first", AWAY),
    ),
    route_given(
        "GET",
        f"{V1}/prokip/sales",
        SaleRecordsQuery,
        sales.list_sale_records,
        answer=Page[SaleRecord],
        docs=Docs("sales", "What Prokip was told of each order, oldest change first", AWAY),
    ),
    route_given(
        "POST",
        f"{V1}/prokip/sales/{SALE_ID}/settle",
        SettleSale,
        sales.settle_sale,
        answer=SaleState,
        docs=Docs("sales", "Say what became of a sale in doubt", (404, 409, *AWAY)),
    ),
    route(
        "POST",
        f"{V1}/prokip/sales/{SALE_ID}/retry",
        sales.retry_sale,
        answer=SaleState,
        docs=Docs("sales", "Send a refused sale again", (404, 409, *AWAY)),
    ),
    route_given(
        "POST",
        f"{V1}/prokip/sales/{SALE_ID}/returns-entered",
        EnterReturns,
        sales.enter_returns,
        answer=SaleState,
        body_optional=True,
        docs=Docs("sales", "Say that a return was entered in Prokip by hand", (404, 409, *AWAY)),
    ),
)

OPERATION_ROUTES: Final = (
    route(
        "GET",
        f"{V1}/overview",
        operations.overview,
        answer=Overview,
        docs=Docs("operations", "Counts for a first look"),
    ),
    route_given(
        "GET",
        f"{V1}/parked",
        ParkedQuery,
        operations.list_parked,
        answer=ParkedPage,
        docs=Docs("operations", "Messages that could not be worked on, of all services", AWAY),
    ),
    route(
        "POST",
        f"{V1}/parked/{{service:{'|'.join(operations.SERVICES)}}}/{UUID_ID}/replay",
        operations.replay_parked,
        answer=Message,
        status=202,
        docs=Docs("operations", "Work on a parked message again", (404, *AWAY)),
    ),
)

EARLIER_STORE: Final = (404, 409)
EARLIER_ROUTES: Final = (
    route(
        "GET",
        "/api/connections",
        connections.list_connections_as_before,
        answer=LegacyConnections,
        docs=Docs("earlier names", "As GET /connections"),
    ),
    route_given(
        "POST",
        "/api/setup",
        LegacySetup,
        earlier.choose_strategy,
        answer=Message,
        form_too=True,
        docs=Docs("earlier names", "Choose pull or push for a store", EARLIER_STORE),
    ),
    route_given(
        "POST",
        "/api/pull",
        LegacyStore,
        earlier.pull_products,
        answer=PulledProducts,
        form_too=True,
        docs=Docs("earlier names", "The products of a store with their match", (*EARLIER_STORE, *AWAY)),
    ),
    route_given(
        "POST",
        "/api/push",
        LegacyPush,
        earlier.push_products,
        answer=Message,
        form_too=True,
        docs=Docs("earlier names", "Push the quantities to a store", (*EARLIER_STORE, 429, 501, 502, 504)),
    ),
    route_given(
        "POST",
        "/api/toggle",
        LegacyStore,
        earlier.toggle,
        answer=LegacyToggled,
        form_too=True,
        docs=Docs("earlier names", "Pause or resume a store", EARLIER_STORE),
    ),
    route_given(
        "POST",
        "/api/sync-now",
        LegacyStore,
        earlier.sync_now,
        answer=Message,
        form_too=True,
        docs=Docs("earlier names", "A whole round for one store or all", (*EARLIER_STORE, 429, 502, 504)),
    ),
    route_given(
        "POST",
        "/api/disconnect",
        LegacyStore,
        earlier.disconnect,
        answer=Disconnected,
        form_too=True,
        docs=Docs("earlier names", "Disconnect a store; its stock is kept", EARLIER_STORE),
    ),
)

ROUTES: Final[tuple[Route, ...]] = (
    *ACCOUNT_ROUTES,
    *PROKIP_ROUTES,
    *CONNECTION_ROUTES,
    *ROUND_ROUTES,
    *LIVE_ROUTES,
    *STOCK_ROUTES,
    *SALE_ROUTES,
    *OPERATION_ROUTES,
    *EARLIER_ROUTES,
)

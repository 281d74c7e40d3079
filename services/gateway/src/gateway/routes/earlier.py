"""The earlier system's calls: rows of the table."""

from typing import Final

from gateway.handlers import (
    connections,
    earlier,
)
from gateway.models.base import Message
from gateway.models.connections import (
    Disconnected,
    LegacyConnections,
)
from gateway.models.operations import (
    LegacyPush,
    LegacyPushed,
    LegacySetup,
    LegacyStore,
    LegacyToggled,
    PulledProducts,
)
from gateway.routes.shared import AWAY
from gateway.routing import Docs, route, route_given

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
        answer=LegacyPushed,
        form_too=True,
        docs=Docs(
            "earlier names",
            "Push the quantities to a store; with prices and images, plan these products",
            (*EARLIER_STORE, 429, 502, 504),
        ),
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

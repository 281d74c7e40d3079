"""What handlers find in the application; set once, in the composition root."""

from typing import Final

from aiohttp import web

from gateway.config import GatewaySettings
from gateway.connecting.prokip import ProkipOffice
from gateway.connecting.secrets import SecretDesk
from gateway.connecting.shopify_consent import ShopifyConsent
from gateway.connecting.shopify_own_app import ShopifyOwnApp
from gateway.connecting.stores import StoreOffice
from gateway.connecting.woocommerce_approval import WooApprovalDesk
from gateway.live.hub import EventHub
from gateway.passwords import Passwords
from gateway.rounds import Rounds
from gateway.sessions import Sessions
from gateway.storage.accounts import Accounts
from gateway.storage.connections import Connections
from gateway.storage.live import LiveEvents
from gateway.upstream import Upstream
from prokip_shared.bus.parked import ParkedMessages
from prokip_shared.directory import Directory

SETTINGS: Final = web.AppKey("settings", GatewaySettings)
ACCOUNTS: Final = web.AppKey("accounts", Accounts)
SESSIONS: Final = web.AppKey("sessions", Sessions)
PASSWORDS: Final = web.AppKey("passwords", Passwords)
CONNECTIONS: Final = web.AppKey("connections", Connections)
CONSENT: Final[web.AppKey[ShopifyConsent | None]] = web.AppKey("consent")
"""None where no Shopify app is set up."""
OWN_APP: Final = web.AppKey("own_app", ShopifyOwnApp)
APPROVAL: Final[web.AppKey[WooApprovalDesk | None]] = web.AppKey("approval")
"""None where stores do not know the way back to us."""
SECRETS: Final = web.AppKey("secrets", SecretDesk)
STORES: Final = web.AppKey("stores", StoreOffice)
ROUNDS: Final = web.AppKey("rounds", Rounds)
LIVE_EVENTS: Final = web.AppKey("live_events", LiveEvents)
HUB: Final = web.AppKey("hub", EventHub)
UPSTREAM: Final = web.AppKey("upstream", Upstream)
PROKIP: Final = web.AppKey("prokip", ProkipOffice)
PARKED: Final = web.AppKey("parked", ParkedMessages)
"""The gateway's own."""
DIRECTORY: Final = web.AppKey("directory", Directory)

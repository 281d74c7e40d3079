"""The gateway's composition root: the only place that knows every concrete part."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from aiohttp import ClientSession, DummyCookieJar, web

from gateway import keys
from gateway.callers import Doorkeeper
from gateway.config import GatewaySettings
from gateway.connecting.prokip import ProkipOffice
from gateway.connecting.secrets import SecretDesk
from gateway.connecting.shopify_consent import ShopifyConsent
from gateway.connecting.shopify_own_app import ShopifyOwnApp
from gateway.connecting.shopify_tokens import TokenKeeper
from gateway.connecting.stores import StoreOffice, WayOut
from gateway.connecting.woocommerce_approval import WooApprovalDesk
from gateway.dashboard import add_dashboard
from gateway.headers import add_security_headers
from gateway.live.hub import EventHub
from gateway.live.listener import LIVE_CHANNEL, ROUND_CHANNEL, Listener
from gateway.live.view import LiveView
from gateway.openapi import build_document
from gateway.passwords import Passwords
from gateway.rounds import Rounds
from gateway.routes import ROUTES
from gateway.routing import DOORKEEPER, add_routes
from gateway.sessions import Sessions
from gateway.storage.accounts import Accounts
from gateway.storage.connections import Connections
from gateway.storage.live import LiveEvents
from gateway.storage.rounds import RoundStore
from gateway.storage.shopify_oauth import ShopifyGrants
from gateway.storage.states import ConnectionStates
from gateway.storage.woocommerce_approvals import WooApprovals
from gateway.upstream import InternalApi, Upstream
from prokip_shared import messages
from prokip_shared.bus.open import Bus, open_bus
from prokip_shared.bus.port import M, Subscription
from prokip_shared.database import DATABASE_TROUBLE, open_pool
from prokip_shared.directory import Directory
from prokip_shared.http import open_client
from prokip_shared.logs import Log
from prokip_shared.platforms.shopify_oauth import AppCredentials
from prokip_shared.runtime import ServiceContext, ServiceDefinition
from prokip_shared.security.tokens import InternalTokens
from prokip_shared.security.vault import Vault

SCHEMA: Final = "gateway"
TIDY_EVERY_S: Final = 60.0
LIVE_PACE_S: Final = 0.4
"""What people watch need not be told more often: a busy business's events share transactions."""

log = Log("gateway")


async def open_app(context: ServiceContext, settings: GatewaySettings) -> None:
    pool = await open_pool(
        settings.database_url, service=context.name, connections_max=settings.database_connections_max
    )
    context.stack.push_async_callback(pool.close)
    vault = Vault(settings.encryption_key.get_secret_value())
    directory = Directory(settings.database_url, vault)
    await directory.refresh()
    context.side_task("directory", directory.follow())
    bus = await open_bus(context, settings, pool, SCHEMA)

    accounts, events = Accounts(pool), LiveEvents(pool)
    grants, approvals = ShopifyGrants(pool, vault), WooApprovals(pool, vault)
    connections = Connections(pool, vault, bus.outbox)
    rounds = Rounds(RoundStore(pool, bus.outbox))
    hub = EventHub(clients_max=settings.live_clients_max)
    listener = Listener(
        settings.database_url,
        {LIVE_CHANNEL: hub.on_news, ROUND_CHANNEL: rounds.on_round},
        on_gap=(hub.wake_all, rounds.wake_all),
    )
    context.side_task("listener", listener.run())
    context.check("listener", listener.check)
    context.on_drain(hub.close)
    _consume(bus, LiveView(events, ConnectionStates(), rounds.store, messages.utc_now))
    past = (accounts.forget_past, grants.forget_past, approvals.forget_past, rounds.store.forget_old)
    context.side_task("tidying", _tidy_for_ever(past, events, settings.live_events_kept_max))

    session = await context.stack.enter_async_context(
        open_client(
            allowed_private_hosts=settings.allowed_private_hosts,
            allowed_self_signed_hosts=settings.allowed_self_signed_hosts,
            timeout_s=settings.store_timeout_s,
        )
    )
    passwords = Passwords(
        rounds=settings.bcrypt_rounds,
        at_once_max=settings.passwords_checked_at_once_max,
        waiting_max=settings.passwords_waiting_max,
    )
    context.stack.callback(passwords.close)
    sessions = Sessions(settings.jwt_secret.get_secret_value(), ttl_s=settings.session_ttl_s)
    app = context.web
    app[keys.SETTINGS] = settings
    app[keys.ACCOUNTS] = accounts
    app[keys.SESSIONS] = sessions
    app[keys.PASSWORDS] = passwords
    app[keys.CONNECTIONS] = connections
    way_out = _way_out(settings, session)
    app[keys.STORES] = office = StoreOffice(connections, way_out)
    shopify_app = _shopify_app(settings)
    keeper = TokenKeeper(pool, grants, way_out, shopify_app, messages.utc_now)
    context.side_task("tokens", keeper.run())
    app[keys.CONSENT] = (
        None
        if shopify_app is None or settings.public_url is None
        else ShopifyConsent(grants, office, way_out, shopify_app, settings.public_url)
    )
    app[keys.SECRETS] = SecretDesk(office, way_out, messages.utc_now)
    app[keys.OWN_APP] = ShopifyOwnApp(office, way_out)
    app[keys.APPROVAL] = (
        None if settings.public_url is None else WooApprovalDesk(approvals, office, way_out, settings.public_url)
    )
    app[keys.PROKIP] = ProkipOffice(session, settings.store_timeout_s)
    app[keys.ROUNDS] = rounds
    app[keys.LIVE_EVENTS] = events
    app[keys.HUB] = hub
    app[keys.DIRECTORY] = directory
    app[keys.UPSTREAM] = await _open_upstream(context, settings)
    app[keys.PARKED] = bus.parked
    app[DOORKEEPER] = Doorkeeper(sessions, accounts)
    _add_routes(app, settings)


def _way_out(settings: GatewaySettings, session: ClientSession) -> WayOut:
    return WayOut(
        session=session,
        timeout_s=settings.store_timeout_s,
        allowed_private_hosts=settings.allowed_private_hosts,
        shopify_url_template=settings.shopify_url_template,
        public_webhook_url=settings.public_webhook_url,
    )


def _shopify_app(settings: GatewaySettings) -> AppCredentials | None:
    """None where no Shopify app is set up."""
    if not settings.shopify_client_id or settings.shopify_client_secret is None:
        return None
    return AppCredentials(
        settings.shopify_client_id, settings.shopify_client_secret, settings.shopify_client_secret_previous
    )


async def _open_upstream(context: ServiceContext, settings: GatewaySettings) -> Upstream:
    """Services call each other by a session of their own: their addresses come from settings, not from operators."""
    session = await context.stack.enter_async_context(ClientSession(cookie_jar=DummyCookieJar()))
    tokens = InternalTokens(settings.internal_secret.get_secret_value())

    def api(name: str, base_url: str) -> InternalApi:
        return InternalApi(name, base_url, session, tokens, settings.upstream_timeout_s)

    return Upstream(
        inventory=api("inventory", settings.inventory_url),
        store_push=api("store-push", settings.store_push_url),
        poller=api("prokip-poller", settings.prokip_poller_url),
        ingest=api("webhook-ingest", settings.ingest_url),
    )


def _add_routes(app: web.Application, settings: GatewaySettings) -> None:
    document = json.dumps(build_document(ROUTES))

    async def openapi(_request: web.Request) -> web.Response:
        return web.Response(text=document, content_type="application/json")

    add_routes(app, ROUTES)
    app.router.add_get("/api/openapi.json", openapi)
    add_dashboard(app)
    app.on_response_prepare.append(add_security_headers(behind_https=settings.behind_https))


def _consume(bus: Bus, view: LiveView) -> None:
    def subscription(message: type[M]) -> Subscription[M]:
        return Subscription(SCHEMA, message, pace_s=LIVE_PACE_S)

    bus.consume(subscription(messages.SaleDueV1), view.show)
    bus.consume(subscription(messages.SaleRecordedV1), view.show)
    bus.consume(subscription(messages.DriftFoundV1), view.show)
    bus.consume(subscription(messages.StockOversoldV1), view.show)
    bus.consume(subscription(messages.BundleChangedV1), view.show)
    bus.consume(subscription(messages.ProkipHeldV1), view.show)
    bus.consume(subscription(messages.ConnectionChangedV1), view.show)
    bus.consume(subscription(messages.ListingPushedV1), view.on_pushed)
    bus.consume(subscription(messages.ConnectionHealthChangedV1), view.on_health)
    bus.consume(subscription(messages.ConnectionUninstalledV1), view.on_uninstalled)
    bus.consume(subscription(messages.ConnectionRedactedV1), view.on_redacted)
    bus.consume(subscription(messages.SyncCompletedV1), view.on_round)


async def _tidy_for_ever(
    past: Sequence[Callable[[], Awaitable[None]]], events: LiveEvents, events_kept_max: int
) -> None:
    """Every replica does so; what one has deleted the next does not find."""
    while True:
        try:
            for forget in past:
                await forget()
            await events.forget_old(events_kept_max=events_kept_max)
        except DATABASE_TROUBLE as error:
            log.warning("gateway.not_tidied", cause=repr(error))
        await asyncio.sleep(TIDY_EVERY_S)


SERVICE: Final = ServiceDefinition("gateway", GatewaySettings, open_app, schema=SCHEMA, package="gateway")

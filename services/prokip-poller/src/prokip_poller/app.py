"""The composition root: what there is, in birth order."""

from functools import partial
from typing import Final

from prokip_poller import metrics
from prokip_poller.accounts import Accounts
from prokip_poller.clients import ClientLimits, HttpProkipClients
from prokip_poller.config import PollerSettings
from prokip_poller.deciding import Deciding
from prokip_poller.domain.attempts import RetryPolicy
from prokip_poller.domain.guard import GuardLimits
from prokip_poller.domain.looks import LookPolicy
from prokip_poller.domain.pace import PaceLimits
from prokip_poller.handlers.consume import Consumers
from prokip_poller.handlers.internal import InternalApi
from prokip_poller.handlers.products import ProductApi
from prokip_poller.handlers.reads import ReadApi
from prokip_poller.looking import Looker
from prokip_poller.outcomes import Outcomes, TellLimits
from prokip_poller.pace import KnownPaces
from prokip_poller.reading import Reader, ReadLimits
from prokip_poller.recording import PostingLimits, Recorder
from prokip_poller.settling import Settling
from prokip_poller.storage.logins import Logins
from prokip_poller.storage.polls import Polls
from prokip_poller.storage.reads import Reads
from prokip_poller.storage.sales import Sales
from prokip_poller.storage.views import Views
from prokip_poller.tokens import KnownTokens
from prokip_shared.bus import Subscription, open_bus, parked_routes
from prokip_shared.database import close_pool, database_problem, open_pool
from prokip_shared.directory import Directory
from prokip_shared.http import open_client
from prokip_shared.logs import Log
from prokip_shared.loops import keep_on
from prokip_shared.messages import ConnectionChangedV1, SaleDueV1, SyncRequestedV1
from prokip_shared.platforms.prokip_connector_calls import ConnectorLimits
from prokip_shared.platforms.prokip_simple import SimpleLimits
from prokip_shared.runtime import ServiceContext, ServiceDefinition
from prokip_shared.security.tokens import InternalTokens
from prokip_shared.security.vault import Vault
from prokip_shared.web.internal import require_business

SCHEMA: Final = "prokip"
SALES_PACE_S: Final = 0.1
"""Prokip need not hear of a sale sooner; a busy business's sales share transactions."""
SALE_CONNECTION_IDLE_S_MAX: Final = 1.0
"""Well below what servers keep an idle connection for (2 s in some, 5 s and more in most)."""
GAUGE_INTERVAL_S: Final = 5.0
FORGET_INTERVAL_S: Final = 60.0
FORGET_READS_MAX: Final = 1000

log = Log("app")


async def open_app(context: ServiceContext, settings: PollerSettings) -> None:
    pool = await open_pool(
        settings.database_url, service=context.name, connections_max=settings.database_connections_max
    )
    context.stack.push_async_callback(close_pool, pool)
    context.check("database", partial(database_problem, pool))
    vault = Vault(settings.encryption_key.get_secret_value())
    directory = Directory(settings.database_url, vault)
    context.side_task("directory", directory.follow())
    accounts = Accounts(directory)
    context.check("directory", accounts.check)
    # A sale over a connection that its server is just closing would be in doubt, so only fresh ones are used again. A
    # page whose connection ends is asked for again.
    session = open_client(
        allowed_private_hosts=settings.allowed_private_hosts,
        allowed_self_signed_hosts=settings.allowed_self_signed_hosts,
        timeout_s=settings.read_timeout_s,
        idle_s_max=SALE_CONNECTION_IDLE_S_MAX,
    )
    context.stack.push_async_callback(session.close)
    page_session = open_client(
        allowed_private_hosts=settings.allowed_private_hosts,
        allowed_self_signed_hosts=settings.allowed_self_signed_hosts,
        timeout_s=settings.read_timeout_s,
    )
    context.stack.push_async_callback(page_session.close)
    policy = RetryPolicy(settings.retry_base_s, settings.retry_cap_s, settings.refused_retry_s)
    logins = Logins(pool)
    tokens_known, paces_known, limits = KnownTokens(), KnownPaces(), _client_limits(settings)
    clients = HttpProkipClients(session, logins, vault, tokens_known, paces_known, limits, policy)
    page_clients = HttpProkipClients(page_session, logins, vault, tokens_known, paces_known, limits, policy)

    bus = await open_bus(context, settings, pool, SCHEMA)
    polls, reads, sales, views = Polls(pool), Reads(pool), Sales(pool, process=context.name), Views(pool)
    settling = Settling(sales=sales, polls=polls, outbox=bus.outbox, policy=policy, first_look_s=settings.first_look_s)
    outcomes = Outcomes(
        polls=polls,
        reads=reads,
        outbox=bus.outbox,
        limits=TellLimits(settings.observation_items_max, settings.left_out_retry_s),
        guard=_guard_limits(settings),
        policy=policy,
    )
    reader = Reader(
        polls=polls,
        reads=reads,
        outcomes=outcomes,
        accounts=accounts,
        clients=page_clients,
        outbox=bus.outbox,
        limits=_read_limits(settings),
    )
    deciding = Deciding(reads=reads, outbox=bus.outbox, observation_items_max=settings.observation_items_max)
    recorder = Recorder(
        sales=sales,
        settling=settling,
        accounts=accounts,
        clients=clients,
        outbox=bus.outbox,
        limits=_posting_limits(settings),
    )
    looker = Looker(
        sales=sales,
        settling=settling,
        accounts=accounts,
        clients=clients,
        policy=LookPolicy(settings.first_look_s, settings.retry_cap_s, settings.doubt_grace_s),
        look_timeout_s=settings.look_timeout_s,
        doubt_look_interval_s=settings.doubt_look_interval_s,
    )
    context.on_drain(reader.drain)
    context.on_drain(recorder.drain)
    context.on_drain(bus.outbox.flush)

    consumers = Consumers(sales=sales, polls=polls, logins=logins, accounts=accounts)
    bus.consume(Subscription(context.name, SaleDueV1, pace_s=SALES_PACE_S), consumers.sale_due)
    bus.consume(Subscription(context.name, SyncRequestedV1), consumers.sync_requested)
    bus.consume(Subscription(context.name, ConnectionChangedV1), consumers.connection_changed)
    context.side_task("reading", reader.run())
    context.side_task("recording", recorder.run())
    context.side_task("looking", looker.run())
    context.side_task("postings of dead processes", recorder.give_up_expired())
    context.side_task("gauges", keep_gauges(views))
    context.side_task("old reads", forget_old_reads(reads, kept_s=settings.read_kept_s))

    tokens = InternalTokens(settings.internal_secret.get_secret_value())
    context.web.middlewares.append(require_business(tokens))
    context.web.add_routes(InternalApi(views=views, settling=settling, accounts=accounts).routes())
    context.web.add_routes(ReadApi(views=views, deciding=deciding).routes())
    context.web.add_routes(ProductApi(accounts=accounts, clients=page_clients).routes())
    context.web.add_routes(parked_routes(bus.parked))


async def keep_gauges(views: Views) -> None:
    """Runs for ever: the numbers that an operator watches."""

    async def measure() -> None:
        locations, sales, doubts = await views.gauges(), await views.sale_gauges(), await views.doubt_gauges()
        for row in locations:
            metrics.READ_AGE_S.labels(row["business_id"], row["location_id"]).set(row["read_age_s"])
            metrics.LEFT_OUT.labels(row["business_id"], row["location_id"]).set(row["left_out"])
            metrics.HELD_READS.labels(row["business_id"], row["location_id"]).set(row["held_reads"])
        metrics.SALES.clear()
        for row in sales:
            metrics.SALES.labels(row["business_id"], row["state"]).set(row["sales"])
        metrics.DOUBTS.clear()
        for row in doubts:
            metrics.DOUBTS.labels(row["business_id"], row["settled_by"]).set(row["doubts"])

    await keep_on(measure, every_s=GAUGE_INTERVAL_S, log=log, waiting="gauges.not_measured")


async def forget_old_reads(reads: Reads, *, kept_s: float) -> None:
    """Runs for ever: what reads changed long ago is no longer undone by anybody."""
    forget = partial(reads.forget_old_reads, kept_s=kept_s, reads_max=FORGET_READS_MAX)
    await keep_on(forget, every_s=FORGET_INTERVAL_S, log=log, waiting="reads.not_forgotten")


def _guard_limits(settings: PollerSettings) -> GuardLimits:
    return GuardLimits(
        zeroed_share_max=settings.guard_zeroed_share_max,
        changed_share_max=settings.guard_changed_share_max,
        named_share_min=settings.guard_named_share_min,
        skus_min=settings.guard_skus_min,
    )


def _client_limits(settings: PollerSettings) -> ClientLimits:
    return ClientLimits(
        simple=SimpleLimits(
            connect_timeout_s=settings.connect_timeout_s,
            read_timeout_s=settings.read_timeout_s,
            post_timeout_s=settings.post_timeout_s,
            stock_bytes_max=settings.stock_bytes_max,
        ),
        connector=ConnectorLimits(
            connect_timeout_s=settings.connect_timeout_s,
            read_timeout_s=settings.read_timeout_s,
            post_timeout_s=settings.post_timeout_s,
        ),
        pace=PaceLimits(
            interval_s=settings.connector_request_interval_s,
            burst=settings.connector_request_burst,
            failures_max=settings.connector_failures_max,
            probe_s=settings.read_timeout_s,
        ),
    )


def _posting_limits(settings: PollerSettings) -> PostingLimits:
    return PostingLimits(
        posting_concurrency=settings.posting_concurrency,
        post_timeout_s=settings.post_timeout_s,
        posting_margin_s=settings.posting_margin_s,
        doubt_grace_s=settings.doubt_grace_s,
    )


def _read_limits(settings: PollerSettings) -> ReadLimits:
    return ReadLimits(
        poll_concurrency=settings.poll_concurrency,
        observation_items_max=settings.observation_items_max,
        quiet_after_reads=settings.quiet_after_reads,
        quiet_hold_s_max=settings.quiet_hold_s_max,
    )


SERVICE: Final = ServiceDefinition("prokip-poller", PollerSettings, open_app, SCHEMA, "prokip_poller")

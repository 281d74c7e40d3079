"""The composition root of store-push: everything is wired here, in birth order."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from aiohttp import ClientSession, DummyCookieJar, web

from prokip_shared.bus import Bus, Subscription, open_bus, parked_routes
from prokip_shared.database import Pool, open_pool
from prokip_shared.directory import Directory, DirectoryUnavailable
from prokip_shared.http import open_client
from prokip_shared.messages import ConnectionChangedV1, LevelHintedV1, StockChangedV1, SyncRequestedV1, utc_now
from prokip_shared.platforms.exchange import ExchangeLimits
from prokip_shared.runtime import ServiceContext, ServiceDefinition
from prokip_shared.security.tokens import InternalTokens
from prokip_shared.security.vault import Vault
from prokip_shared.web.internal import require_business
from store_push import upkeep
from store_push.background import Background
from store_push.catalogue import CatalogueReader
from store_push.choosing import Choosing
from store_push.config import StorePushSettings
from store_push.domain.decisions import Patience
from store_push.domain.first_quantities import FirstLimits
from store_push.domain.lingering import Linger
from store_push.first_quantities import FirstQuantities
from store_push.handlers.api import StoreApi
from store_push.handlers.connections import ConnectionHandlers
from store_push.handlers.first_quantities import FirstQuantityApi
from store_push.handlers.matching import MatchingApi
from store_push.handlers.product_plans import ProductPlanApi
from store_push.handlers.rules import RulesApi
from store_push.handlers.stock import StockHandlers
from store_push.left_alone import LeftAloneFollower
from store_push.looking import LevelLooker, LookLimits
from store_push.planning import Planner
from store_push.poller import Poller
from store_push.pusher import Pusher
from store_push.rounds import RoundWatch
from store_push.rules import RuleBook
from store_push.storage.background import BackgroundStorage
from store_push.storage.catalogue import CatalogueStorage
from store_push.storage.connections import ConnectionStorage
from store_push.storage.first_quantities import FirstQuantityStorage
from store_push.storage.intents import IntentStorage
from store_push.storage.looks import LookStorage
from store_push.storage.matching import MatchingStorage
from store_push.storage.product_plans import ProductPlanStorage
from store_push.storage.reads import ReadStorage
from store_push.storage.rounds import RoundStorage
from store_push.storage.rules import RuleStorage
from store_push.storage.subscriptions import SubscriptionStorage
from store_push.storage.sweeps import SweepStorage
from store_push.storage.targets import TargetStorage
from store_push.storage.work import WorkStorage
from store_push.stores import Stores
from store_push.subscriptions import SubscriptionWatch
from store_push.sweeping import Sweeper, SweepLimits
from store_push.timers import DueTimer
from store_push.worker import Dispatcher, Worker

NAME: Final = "store-push"
SCHEMA: Final = "push"
SUBSCRIPTION_WATCHES: Final = 1
"""Stores whose webhooks one process looks at, at a time: seldom and short."""
INTENT_CONNECTIONS: Final = 2
"""Of their own: who claims waits for one while others may wait for what is claimed. Each is held for one statement."""
HINT_PACE_SHARE: Final = 1 / 6
"""Of the time that an order gets to explain a hint: nobody looks earlier, and most hints are explained by then."""


async def open_app(context: ServiceContext, settings: StorePushSettings) -> None:
    pool, claims, beside = await _open_pools(context, settings)
    directory = _open_directory(context, settings)
    session = await context.stack.enter_async_context(
        open_client(
            allowed_private_hosts=settings.allowed_private_hosts,
            allowed_self_signed_hosts=settings.allowed_self_signed_hosts,
            timeout_s=settings.push_timeout_s,
        )
    )
    stores = Stores(
        directory,
        session,
        shopify_url_template=settings.shopify_url_template,
        limits=ExchangeLimits(timeout_s=settings.push_timeout_s),
    )
    bus = await open_bus(context, settings, pool, SCHEMA)

    reads = ReadStorage(pool)
    targets, rounds, connections = TargetStorage(), RoundStorage(), ConnectionStorage()
    rules = RuleStorage()
    work, catalogues, sweeps, subscriptions = WorkStorage(), CatalogueStorage(), SweepStorage(), SubscriptionStorage()
    looks, budgets = LookStorage(), BackgroundStorage()
    background = Background(stores, pool, bus.outbox, budgets)
    patience = Patience(settle_s=settings.settle_s, drift_after_s=settings.drift_after_s)
    pusher = Pusher(patience, utc_now, IntentStorage(beside).note)
    worker = Worker(claims, work, sweeps, bus.outbox, stores, pusher)
    dispatcher = Dispatcher(
        worker,
        pool,
        work,
        workers_max=settings.push_workers,
        failing_workers_max=settings.push_failing_workers_max,
        linger=Linger(settings.push_linger_ms / 1000, settings.push_linger_ms_max / 1000),
    )
    reader = CatalogueReader(
        claims,
        bus.outbox,
        catalogues,
        targets,
        connections,
        background,
        settle_s=settings.settle_s,
        interval_s=settings.catalogue_interval_s,
        hint_pause_s=settings.catalogue_hint_pause_s,
    )
    sweeper = Sweeper(
        claims,
        bus.outbox,
        sweeps,
        background,
        SweepLimits(settings.sweep_interval_s, settings.sweep_overlap_s, settings.sweep_pause_s_min),
    )
    webhooks = SubscriptionWatch(
        claims, subscriptions, background, settings.public_webhook_url, settings.subscription_interval_s
    )
    looker = LevelLooker(claims, looks, targets, background, LookLimits(settings.look_interval_s, settings.settle_s))
    readers = [DueTimer(reader.read_next, reader.next_in_s) for _ in range(settings.catalogue_readers)]
    sweepers = [DueTimer(sweeper.sweep_next, sweeper.next_in_s) for _ in range(settings.sweepers)]
    watches = [DueTimer(webhooks.check_next, webhooks.next_in_s) for _ in range(SUBSCRIPTION_WATCHES)]
    product_plans = ProductPlanStorage(pool)
    poller = await _open_poller(context, settings)
    planner = Planner(claims, product_plans, connections, background, poller)
    planners = [DueTimer(planner.step, planner.next_in_s) for _ in range(settings.planners)]
    lookers = [DueTimer(looker.look_next, looker.next_in_s) for _ in range(settings.lookers)]
    watch = RoundWatch(pool, bus.outbox, rounds, settings.round_timeout_s)
    first = FirstQuantityStorage()
    plans = FirstQuantities(pool, first, connections, _first_limits(settings), settings.first_settle_s)
    follower = ConnectionHandlers(
        directory, connections, targets, rounds, sweeps, subscriptions, first, rules, settings.subscription_interval_s
    )
    book = RuleBook(pool, rules, connections, targets, follower)
    appliers = [DueTimer(book.apply_next, book.next_in_s)]

    context.side_task("dispatcher", dispatcher.run())
    context.on_drain(dispatcher.drain)
    for name, timers in (
        ("catalogue", readers),
        ("sweep", sweepers),
        ("webhooks", watches),
        ("look", lookers),
        ("rules", appliers),
        ("plans", planners),
    ):
        for number, timer in enumerate(timers):
            context.side_task(f"{name} {number}", timer.run())
    context.side_task("rounds", watch.run())
    heard: dict[str, Callable[[], None]] = {
        upkeep.PUSH_CHANNEL: dispatcher.wake,
        upkeep.CATALOGUE_CHANNEL: partial(wake_all, readers),
        upkeep.SWEEP_CHANNEL: partial(wake_all, sweepers),
        upkeep.PLAN_CHANNEL: partial(wake_all, planners),
        upkeep.ROUND_CHANNEL: watch.wake,
        upkeep.RULES_CHANNEL: partial(wake_all, appliers),
    }
    context.side_task("listen", upkeep.listen(settings.database_url, heard))
    context.side_task("follow directory", upkeep.follow_directory(pool, follower))
    context.side_task("first quantities", upkeep.judge_first_quantities(plans))
    context.side_task("left alone", upkeep.follow_left_alone(LeftAloneFollower(pool, poller)))
    context.side_task("gauges", upkeep.keep_gauges(reads))
    context.side_task("prune", upkeep.prune(reads, retention_days=settings.retention_days))

    matching = MatchingStorage(pool)
    choosing = Choosing(bus.outbox, matching, catalogues, connections, targets, settings.settle_s)
    apis = (
        ProductPlanApi(product_plans, planner),
        StoreApi(reads),
        MatchingApi(matching, choosing, connections, pool),
        FirstQuantityApi(pool, first, plans),
        RulesApi(pool, rules, book),
    )
    _add_routes(context.web, settings, [entry for api in apis for entry in api.routes()], bus)
    _consume(
        bus,
        StockHandlers(targets, rounds, catalogues, settings.settle_s),
        follower,
        settings.settle_s * HINT_PACE_SHARE,
    )


async def _open_poller(context: ServiceContext, settings: StorePushSettings) -> Poller:
    """By a session of its own: the poller's address comes from settings, not from operators."""
    session = await context.stack.enter_async_context(ClientSession(cookie_jar=DummyCookieJar()))
    tokens = InternalTokens(settings.internal_secret.get_secret_value())
    return Poller(session, settings.prokip_poller_url, tokens, settings.products_timeout_s)


def _first_limits(settings: StorePushSettings) -> FirstLimits:
    return FirstLimits(
        changed_share_max=settings.first_changed_share_max,
        zeroed_share_max=settings.first_zeroed_share_max,
        skus_min=settings.first_skus_min,
    )


async def _open_pools(context: ServiceContext, settings: StorePushSettings) -> tuple[Pool, Pool, Pool]:
    """For consumers and requests; for claims, which are held for long; for what a claim notes beside itself."""
    claims_max = settings.push_workers + settings.catalogue_readers + settings.sweepers
    claims_max += settings.lookers + settings.planners + SUBSCRIPTION_WATCHES
    sizes = {
        NAME: settings.database_connections_max,
        f"{NAME}-claims": claims_max,
        f"{NAME}-intents": INTENT_CONNECTIONS,
    }
    pool, claims, beside = [
        await context.stack.enter_async_context(
            await open_pool(settings.database_url, service=name, connections_max=connections_max)
        )
        for name, connections_max in sizes.items()
    ]
    return pool, claims, beside


def wake_all(timers: Sequence[DueTimer]) -> None:
    for timer in timers:
        timer.wake()


def _open_directory(context: ServiceContext, settings: StorePushSettings) -> Directory:
    """It may start before the gateway has made its tables: the directory follows as soon as there are any."""
    directory = Directory(settings.database_url, Vault(settings.encryption_key.get_secret_value()))
    context.side_task("directory", directory.follow())

    async def known() -> str | None:
        try:
            directory.all_connections()
        except DirectoryUnavailable:
            return "not read yet"
        return None

    context.check("directory", known)
    return directory


def _consume(bus: Bus, stock: StockHandlers, follower: ConnectionHandlers, hint_pace_s: float) -> None:
    # At once: the ledger's batches keep a distance already, and a push waits for what belongs together.
    bus.consume(Subscription(NAME, StockChangedV1, pace_s=0), stock.mark_due)
    bus.consume(Subscription(NAME, LevelHintedV1, pace_s=hint_pace_s), stock.note_hints)
    bus.consume(Subscription(NAME, ConnectionChangedV1), follower.follow_changes)
    bus.consume(Subscription(NAME, SyncRequestedV1), follower.begin_rounds)


def _add_routes(app: web.Application, settings: StorePushSettings, routes: Sequence[web.RouteDef], bus: Bus) -> None:
    tokens = InternalTokens(settings.internal_secret.get_secret_value())
    app.middlewares.append(require_business(tokens))
    app.add_routes(routes)
    app.add_routes(parked_routes(bus.parked))


SERVICE: Final = ServiceDefinition(
    name=NAME, settings=StorePushSettings, open_app=open_app, schema=SCHEMA, package="store_push"
)

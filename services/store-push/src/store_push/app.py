"""The composition root of store-push: everything is wired here, in birth order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from aiohttp import ClientSession, DummyCookieJar, web

from prokip_shared.bus import Bus, Subscription, open_bus, parked_routes
from prokip_shared.database import Pool, open_pool
from prokip_shared.directory import Directory, DirectoryUnavailable
from prokip_shared.http import open_client
from prokip_shared.messages import (
    BundleChangedV1,
    ConnectionChangedV1,
    LevelHintedV1,
    OrdersCountedV1,
    ProductHintedV1,
    StockChangedV1,
    SyncRequestedV1,
    utc_now,
)
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
from store_push.handlers.bundles import BundleHandlers
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
from store_push.product_looking import ProductLooker
from store_push.pusher import Pusher
from store_push.rounds import RoundWatch
from store_push.rules import RuleBook
from store_push.storage.background import BackgroundStorage
from store_push.storage.bundles import BundleStorage
from store_push.storage.catalogue import CatalogueStorage
from store_push.storage.connections import ConnectionStorage
from store_push.storage.first_quantities import FirstQuantityStorage
from store_push.storage.intents import IntentStorage
from store_push.storage.looks import LookStorage
from store_push.storage.matching import MatchingStorage
from store_push.storage.product_looks import ProductLookStorage
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
PRODUCT_LOOKERS: Final = 1
"""Stores some of whose products one process looks at, at a time: few products, and each store's turn comes anyway."""
SUBSCRIPTION_WATCHES: Final = 1
"""Stores whose webhooks one process looks at, at a time: seldom and short."""
INTENT_CONNECTIONS: Final = 1
"""Of its own: who claims waits for it while others may wait for what is claimed. It is held for one statement at a time,
which all that wait share."""
HINT_PACE_SHARE: Final = 1 / 6
"""Of the time that an order gets to explain a hint: nobody looks earlier, and most hints are explained by then."""


async def open_app(context: ServiceContext, settings: StorePushSettings) -> None:
    pools = await _open_pools(context, settings)
    pool, kept = pools.own, Storages.over(pools.own)
    directory = _open_directory(context, settings)
    stores = await _open_stores(context, settings, directory)
    bus = await open_bus(context, settings, pool, SCHEMA)
    background = Background(stores, pool, bus.outbox, BackgroundStorage())
    poller = await _open_poller(context, settings)
    planner = Planner(pools.claims, kept.product_plans, kept.connections, background, poller)
    plans = FirstQuantities(pool, kept.first, kept.connections, _first_limits(settings), settings.first_settle_s)
    follower = ConnectionHandlers(
        directory,
        kept.connections,
        kept.targets,
        kept.rounds,
        kept.sweeps,
        kept.subscriptions,
        kept.first,
        kept.rules,
        settings.subscription_interval_s,
    )
    book = RuleBook(pool, kept.rules, kept.connections, kept.targets, follower)

    dispatcher = _open_dispatcher(context, settings, pools, kept, bus, stores)
    watch = RoundWatch(pool, bus.outbox, kept.rounds, settings.round_timeout_s)
    timers = _timers(settings, pools.claims, kept, bus, background)
    timers["plans"] = [DueTimer(planner.step, planner.next_in_s) for _ in range(settings.planners)]
    timers["rules"] = [DueTimer(book.apply_next, book.next_in_s)]
    for name, group in timers.items():
        for number, timer in enumerate(group):
            context.side_task(f"{name} {number}", timer.run())
    heard: dict[str, Callable[[], None]] = {
        upkeep.PUSH_CHANNEL: dispatcher.wake,
        upkeep.CATALOGUE_CHANNEL: partial(wake_all, [*timers["catalogue"], *timers["products"]]),
        upkeep.SWEEP_CHANNEL: partial(wake_all, timers["sweep"]),
        upkeep.PLAN_CHANNEL: partial(wake_all, timers["plans"]),
        upkeep.ROUND_CHANNEL: watch.wake,
        upkeep.RULES_CHANNEL: partial(wake_all, timers["rules"]),
    }
    context.side_task("rounds", watch.run())
    context.side_task("listen", upkeep.listen(settings.database_url, heard))
    context.side_task("follow directory", upkeep.follow_directory(pool, follower))
    context.side_task("first quantities", upkeep.judge_first_quantities(plans))
    context.side_task("left alone", upkeep.follow_left_alone(LeftAloneFollower(pool, poller)))
    context.side_task("gauges", upkeep.keep_gauges(kept.reads))
    context.side_task("prune", upkeep.prune(kept.reads, retention_days=settings.retention_days))

    choosing = Choosing(bus.outbox, kept.matching, kept.catalogues, kept.connections, kept.targets, settings.settle_s)
    apis = (
        ProductPlanApi(kept.product_plans, planner),
        StoreApi(kept.reads),
        MatchingApi(kept.matching, choosing, kept.connections, pool),
        FirstQuantityApi(pool, kept.first, plans),
        RulesApi(pool, kept.rules, book),
    )
    _add_routes(context.web, settings, [entry for api in apis for entry in api.routes()], bus)
    bus.consume(Subscription(NAME, BundleChangedV1), BundleHandlers(BundleStorage()).follow)
    _consume(
        bus,
        StockHandlers(kept.targets, kept.rounds, kept.catalogues, kept.product_looks, kept.sweeps, settings.settle_s),
        follower,
        settings.settle_s * HINT_PACE_SHARE,
    )


@dataclass(frozen=True, slots=True)
class Pools:
    """Apart, because who holds a claim waits for the others."""

    own: Pool
    claims: Pool
    intents: Pool


@dataclass(frozen=True, slots=True)
class Storages:
    targets: TargetStorage
    rounds: RoundStorage
    connections: ConnectionStorage
    rules: RuleStorage
    work: WorkStorage
    catalogues: CatalogueStorage
    sweeps: SweepStorage
    subscriptions: SubscriptionStorage
    looks: LookStorage
    first: FirstQuantityStorage
    product_plans: ProductPlanStorage
    product_looks: ProductLookStorage
    matching: MatchingStorage
    reads: ReadStorage

    @classmethod
    def over(cls, pool: Pool) -> "Storages":
        return cls(
            TargetStorage(),
            RoundStorage(),
            ConnectionStorage(),
            RuleStorage(),
            WorkStorage(),
            CatalogueStorage(),
            SweepStorage(),
            SubscriptionStorage(),
            LookStorage(),
            FirstQuantityStorage(),
            ProductPlanStorage(pool),
            ProductLookStorage(),
            MatchingStorage(pool),
            ReadStorage(pool),
        )


async def _open_pools(context: ServiceContext, settings: StorePushSettings) -> Pools:
    async def opened(service: str, connections_max: int) -> Pool:
        pool = await open_pool(settings.database_url, service=service, connections_max=connections_max)
        return await context.stack.enter_async_context(pool)

    claimants = settings.push_workers + settings.catalogue_readers + settings.sweepers
    claimants += settings.lookers + settings.planners + SUBSCRIPTION_WATCHES + PRODUCT_LOOKERS
    return Pools(
        await opened(NAME, settings.database_connections_max),
        await opened(f"{NAME}-claims", claimants),
        await opened(f"{NAME}-intents", INTENT_CONNECTIONS),
    )


async def _open_stores(context: ServiceContext, settings: StorePushSettings, directory: Directory) -> Stores:
    session = await context.stack.enter_async_context(
        open_client(
            allowed_private_hosts=settings.allowed_private_hosts,
            allowed_self_signed_hosts=settings.allowed_self_signed_hosts,
            timeout_s=settings.push_timeout_s,
        )
    )
    return Stores(
        directory,
        session,
        shopify_url_template=settings.shopify_url_template,
        limits=ExchangeLimits(timeout_s=settings.push_timeout_s),
    )


def _open_dispatcher(
    context: ServiceContext, settings: StorePushSettings, pools: Pools, kept: Storages, bus: Bus, stores: Stores
) -> Dispatcher:
    patience = Patience(settle_s=settings.settle_s, drift_after_s=settings.drift_after_s)
    pusher = Pusher(patience, utc_now, IntentStorage(pools.intents).note)
    dispatcher = Dispatcher(
        Worker(pools.claims, kept.work, kept.sweeps, bus.outbox, stores, pusher),
        pools.own,
        kept.work,
        workers_max=settings.push_workers,
        failing_workers_max=settings.push_failing_workers_max,
        linger=Linger(settings.push_linger_ms / 1000, settings.push_linger_ms_max / 1000),
    )
    context.side_task("dispatcher", dispatcher.run())
    context.on_drain(dispatcher.drain)
    return dispatcher


def _timers(
    settings: StorePushSettings, claims: Pool, kept: Storages, bus: Bus, background: Background
) -> dict[str, list[DueTimer]]:
    """What is asked of stores by the clock."""
    reader = CatalogueReader(
        claims,
        bus.outbox,
        kept.catalogues,
        kept.targets,
        kept.connections,
        background,
        settle_s=settings.settle_s,
        interval_s=settings.catalogue_interval_s,
        hint_pause_s=settings.catalogue_hint_pause_s,
    )
    sweep_limits = SweepLimits(settings.sweep_interval_s, settings.sweep_overlap_s, settings.sweep_pause_s_min)
    sweeper = Sweeper(claims, bus.outbox, kept.sweeps, background, sweep_limits)
    webhooks = SubscriptionWatch(
        claims, kept.subscriptions, background, settings.public_webhook_url, settings.subscription_interval_s
    )
    look_limits = LookLimits(settings.look_interval_s, settings.settle_s)
    looker = LevelLooker(claims, kept.looks, kept.targets, background, look_limits)
    products = ProductLooker(
        claims,
        bus.outbox,
        kept.product_looks,
        kept.catalogues,
        kept.matching,
        kept.targets,
        kept.connections,
        background,
        settings.settle_s,
    )
    return {
        "products": [DueTimer(products.look_next, products.next_in_s) for _ in range(PRODUCT_LOOKERS)],
        "catalogue": [DueTimer(reader.read_next, reader.next_in_s) for _ in range(settings.catalogue_readers)],
        "sweep": [DueTimer(sweeper.sweep_next, sweeper.next_in_s) for _ in range(settings.sweepers)],
        "webhooks": [DueTimer(webhooks.check_next, webhooks.next_in_s) for _ in range(SUBSCRIPTION_WATCHES)],
        "look": [DueTimer(looker.look_next, looker.next_in_s) for _ in range(settings.lookers)],
    }


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
    bus.consume(Subscription(NAME, OrdersCountedV1), stock.note_counted)
    bus.consume(Subscription(NAME, LevelHintedV1, pace_s=hint_pace_s), stock.note_hints)
    bus.consume(Subscription(NAME, ProductHintedV1, pace_s=hint_pace_s), stock.note_products)
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

"""The real system in the simulated world: handlers, workers, readers and recorders as they are, wired as in each
service's composition root, with Postgres, the broker, the stores and Prokip replaced.
"""

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

import asyncpg

import inventory.handlers.holders
import inventory.handlers.observations
import inventory.handlers.orders
import inventory.handlers.sales
from inventory.app import ANSWERS_PACE_S
from inventory.telling import read_orders
from prokip_poller.accounts import Accounts
from prokip_poller.app import forget_old_reads
from prokip_poller.domain.attempts import RetryPolicy
from prokip_poller.domain.guard import GuardLimits
from prokip_poller.domain.looks import LookPolicy
from prokip_poller.domain.telling import OrderKey
from prokip_poller.handlers.consume import Consumers
from prokip_poller.looking import Looker
from prokip_poller.outcomes import Outcomes, TellLimits
from prokip_poller.reading import Reader, ReadLimits
from prokip_poller.recording import PostingLimits, Recorder
from prokip_poller.settling import NotSettled, Settling
from prokip_poller.storage.polls import Polls
from prokip_poller.storage.reads import Reads
from prokip_poller.storage.sales import Sales
from prokip_shared.bus.bundles import bundle_of, unpack
from prokip_shared.bus.consumer import Consumer
from prokip_shared.bus.limits import BusLimits
from prokip_shared.bus.outbox import Outbox
from prokip_shared.bus.port import Bundle, Subscription
from prokip_shared.bus.storage import BusTables
from prokip_shared.connections import ConnectionRecord, ProkipAccount
from prokip_shared.directory import Directory
from prokip_shared.messages import (
    LevelHintedV1,
    OrderObservedV1,
    OrdersCountedV1,
    ProkipObservedV1,
    SaleDueV1,
    SaleRecordedV1,
    StockChangedV1,
    StockHoldersObservedV1,
    utc_now,
)
from prokip_shared.platforms.webhooks import UnusableWebhook
from store_push.app import HINT_PACE_SHARE
from store_push.catalogue import CatalogueReader
from store_push.domain.decisions import Patience
from store_push.domain.lingering import Linger
from store_push.handlers.connections import ConnectionHandlers
from store_push.handlers.stock import StockHandlers
from store_push.pusher import Pusher
from store_push.storage.catalogue import CatalogueStorage
from store_push.storage.connections import ConnectionStorage
from store_push.storage.first_quantities import FirstQuantityStorage
from store_push.storage.intents import IntentStorage
from store_push.storage.product_looks import ProductLookStorage
from store_push.storage.rounds import RoundStorage
from store_push.storage.rules import RuleStorage
from store_push.storage.subscriptions import SubscriptionStorage
from store_push.storage.sweeps import SweepStorage
from store_push.storage.targets import TargetStorage
from store_push.storage.work import WorkStorage
from store_push.sweeping import Sweeper, SweepLimits
from store_push.timers import DueTimer
from store_push.worker import Dispatcher, Worker
from tests.simulation.books import check_books
from tests.simulation.database import Database, Pool
from tests.simulation.erp import ErpLink
from tests.simulation.judge import Basis
from tests.simulation.life import Life, Process
from tests.simulation.shops import Body, Shop, ShopLink
from tests.simulation.statements import statements_of
from tests.simulation.statements.poller import units_of
from tests.simulation.statements.push import CATALOGUE_CHANNEL, CLAIMED, PUSH_CHANNEL, SWEEP_CHANNEL
from webhook_ingest.domain.dialects import DIALECTS
from webhook_ingest.domain.events import event_of
from webhook_ingest.ids import make_message_id

if TYPE_CHECKING:
    from tests.simulation.world import World

BUSINESS: Final = 1
PLACE: Final = "LOC-1"
LIMITS: Final = BusLimits(outbox_interval_s=15.0, outbox_grace_s=2.0, retry_base_s=0.5, retry_cap_s=20.0)
SETTLE_S: Final = 3.0
DRIFT_AFTER_S: Final = 90.0
SWEEP: Final = SweepLimits(interval_s=120.0, overlap_s=120.0, pause_s_min=10.0)
OBSERVATION_ITEMS_MAX: Final = 4
READ: Final = ReadLimits(
    poll_concurrency=4, observation_items_max=OBSERVATION_ITEMS_MAX, quiet_after_reads=2, quiet_hold_s_max=30.0
)
TELL: Final = TellLimits(observation_items_max=OBSERVATION_ITEMS_MAX, left_out_retry_s=2.0)
GUARD: Final = GuardLimits(zeroed_share_max=1.0, changed_share_max=1.0, named_share_min=0.0, skus_min=1)
"""Holds nothing: a handful of SKUs is soon sold out."""
READ_KEPT_S: Final = 120.0
POST: Final = PostingLimits(posting_concurrency=4, post_timeout_s=30.0, posting_margin_s=10.0, doubt_grace_s=40.0)
LOOK: Final = LookPolicy(first_s=2.0, cap_s=60.0, grace_s=POST.doubt_grace_s)
LOOK_TIMEOUT_S: Final = 60.0
DOUBT_LOOK_INTERVAL_S: Final = 5.0
POLICY: Final = RetryPolicy(base_s=1.0, cap_s=60.0, refused_s=120.0)
CATALOGUE_S: Final = 300.0
CATALOGUE_SELDOM_S: Final = 7200.0
"""Where nobody edits quantities, nothing may need a catalogue to be put right."""
OPERATOR_S: Final = 45.0
OPERATOR_WAITS_S: Final = 60.0
"""A doubt is looked into when whatever was under way has arrived or never will."""
OPERATOR_TRUSTS_S: Final = 300.0
"""Where doubts are looked up by themselves, somebody looks after those that are still there later."""


class StoreNames:
    """The directory of connections and of the Prokip account, as `prokip_shared.directory` keeps it in memory."""

    def __init__(self, records: Mapping[int, ConnectionRecord], account: ProkipAccount) -> None:
        self._records = records
        self._account = account

    async def refresh(self) -> None:
        """Nothing changes."""

    def all_connections(self) -> list[ConnectionRecord]:
        return list(self._records.values())

    def of_business(self, business_id: int) -> list[ConnectionRecord]:
        return [record for record in self._records.values() if record.business_id == business_id]

    def by_id(self, connection_id: int) -> ConnectionRecord | None:
        return self._records.get(connection_id)

    def prokip_accounts(self) -> list[ProkipAccount]:
        return [self._account]


class ShopLinks:
    def __init__(self, shops: Mapping[int, Shop], life: Life) -> None:
        self._links = {key: ShopLink(shop, life) for key, shop in shops.items()}

    def store_of(self, connection_id: int) -> ShopLink | None:
        return self._links.get(connection_id)


class ErpLinks:
    def __init__(self, world: "World", life: Life) -> None:
        self._link = ErpLink(world.erp, life)

    def of(self, account: ProkipAccount) -> ErpLink:
        return self._link


class Product:
    """Every service, each with its replicas."""

    name: Final = "prokip-sync"

    def __init__(self, world: "World") -> None:
        self._world = world
        clock = world.loop.time
        self.databases = {schema: Database(clock) for schema in ("ingest", "inventory", "push", "prokip")}
        records = {shop.connection_id: shop.record for shop in world.shops}
        self._names = StoreNames(records, world.account)
        self.databases["push"].committed("connection_rule").update(
            {
                key: {"locations": "own", "buffer": Decimal(rule.buffer), "shown_max": rule.shown_max}
                for key, rule in world.rules.items()
            }
        )
        self._ingest: list[Process] = []
        self._pollers: list[Process] = []
        self._settlings: dict[int, Settling] = {}
        CLAIMED.clear()
        for queue, topic in QUEUES:
            world.broker.declare(queue, topic)
        world.broker.on_settled["store-push.stock.changed.v1"] = self._check_targets

    def start(self) -> None:
        world = self._world
        chance = world.chance.stream("replicas")
        parts: list[tuple[str, Callable[[Life], None], list[Process]]] = [
            ("ingest", self._begin_ingest, self._ingest),
            ("inventory", self._begin_inventory, []),
            ("push", self._begin_push, []),
            ("poller", self._begin_poller, self._pollers),
        ]
        for name, begin, processes in parts:
            drawn = chance.choice((1, 1, 2))
            for number in range(world.scenario.replicas or drawn):
                process = Process(world, f"{name}-{number + 1}", begin)
                processes.append(process)
                process.start()
        world.spawn(self._operate())

    # services

    def _open(self, life: Life, schema: str) -> tuple[Any, Outbox]:
        """As `open_bus` does."""
        pool = Pool(self.databases[schema], life, statements_of(schema))
        outbox = Outbox(BusTables(schema), cast("Any", pool), cast("Any", self._world.broker.at(life)), LIMITS)
        life.spawn(outbox.run_fast_path())
        life.spawn(outbox.run_deletes())
        life.spawn(outbox.run_relay())
        return pool, outbox

    def _consume(
        self,
        life: Life,
        schema: str,
        pool: Any,
        outbox: Outbox,
        subscription: Subscription[Any],
        handler: Any,
        read: Any = None,
    ) -> None:
        """As `Bus.consume` does."""
        intake = self._world.broker.at(life).subscribe(subscription.queue, subscription.topic, 100)
        consumer: Consumer[Any] = Consumer(
            subscription,
            handler,
            read=read,
            intake=cast("Any", intake),
            pool=pool,
            tables=BusTables(schema),
            outbox=outbox,
            limits=LIMITS,
        )
        life.spawn(consumer.run())

    def _begin_ingest(self, life: Life) -> None:
        """Its door is `hear`; what the broker does not take waits in an outbox, as in its spool."""
        pool, outbox = self._open(life, "ingest")
        life.memory = (pool, outbox)

    def _begin_inventory(self, life: Life) -> None:
        pool, outbox = self._open(life, "inventory")
        consume = partial(self._consume, life, "inventory", pool, outbox)
        consume(
            Subscription("inventory", OrderObservedV1, concurrency=2, batch_messages_max=8),
            inventory.handlers.orders.apply_order_batch,
            read=read_orders,
        )
        consume(
            Subscription("inventory", ProkipObservedV1, batch_messages_max=4),
            inventory.handlers.observations.apply_observation_batch,
        )
        consume(Subscription("inventory", StockHoldersObservedV1), inventory.handlers.holders.apply_holder_batch)
        consume(
            Subscription("inventory", SaleRecordedV1, pace_s=ANSWERS_PACE_S),
            inventory.handlers.sales.apply_answer_batch,
        )

    def _begin_push(self, life: Life) -> None:
        world = self._world
        pool, outbox = self._open(life, "push")
        stores = cast("Any", ShopLinks({shop.connection_id: shop for shop in world.shops}, life))
        targets, rounds, connections = TargetStorage(), RoundStorage(), ConnectionStorage()
        work, catalogues, sweeps = WorkStorage(), CatalogueStorage(), SweepStorage()
        patience = Patience(settle_s=SETTLE_S, drift_after_s=DRIFT_AFTER_S)
        worker = Worker(pool, work, sweeps, outbox, stores, Pusher(patience, utc_now, IntentStorage(pool).note))
        dispatcher = Dispatcher(worker, pool, work, workers_max=16, failing_workers_max=4, linger=Linger(0.025, 0.12))
        reader = CatalogueReader(
            pool,
            outbox,
            catalogues,
            targets,
            connections,
            stores,
            settle_s=SETTLE_S,
            interval_s=CATALOGUE_S if world.edited and world.scenario.rereads else CATALOGUE_SELDOM_S,
        )
        sweeper = Sweeper(pool, outbox, sweeps, stores, SWEEP)
        catalogue_timer = DueTimer(reader.read_next, reader.next_in_s)
        sweep_timer = DueTimer(sweeper.sweep_next, sweeper.next_in_s)
        follower = ConnectionHandlers(
            cast("Directory", self._names),
            connections,
            targets,
            rounds,
            sweeps,
            SubscriptionStorage(),
            FirstQuantityStorage(),
            RuleStorage(),
            3600.0,
        )
        self._listen(life, "push", PUSH_CHANNEL, dispatcher.wake)
        self._listen(life, "push", CATALOGUE_CHANNEL, catalogue_timer.wake)
        self._listen(life, "push", SWEEP_CHANNEL, sweep_timer.wake)
        life.spawn(dispatcher.run())
        life.spawn(catalogue_timer.run())
        life.spawn(sweep_timer.run())
        life.spawn(_follow(pool, follower))
        stock = StockHandlers(targets, rounds, catalogues, ProductLookStorage(), sweeps, SETTLE_S)
        consume = partial(self._consume, life, "push", pool, outbox)
        consume(Subscription("store-push", StockChangedV1, pace_s=0), stock.mark_due)
        consume(Subscription("store-push", OrdersCountedV1), stock.note_counted)
        consume(Subscription("store-push", LevelHintedV1, pace_s=SETTLE_S * HINT_PACE_SHARE), stock.note_hints)

    def _begin_poller(self, life: Life) -> None:
        pool, outbox = self._open(life, "prokip")
        accounts = Accounts(cast("Directory", self._names))
        clients = cast("Any", ErpLinks(self._world, life))
        polls, reads, sales = Polls(pool), Reads(pool), Sales(pool, process=life.name)
        settling = Settling(sales=sales, polls=polls, outbox=outbox, policy=POLICY, first_look_s=LOOK.first_s)
        outcomes = Outcomes(polls=polls, reads=reads, outbox=outbox, limits=TELL, guard=GUARD, policy=POLICY)
        reader = Reader(
            polls=polls,
            reads=reads,
            outcomes=outcomes,
            accounts=accounts,
            clients=clients,
            outbox=outbox,
            limits=READ,
        )
        recorder = Recorder(
            sales=sales, settling=settling, accounts=accounts, clients=clients, outbox=outbox, limits=POST
        )
        looker = Looker(
            sales=sales,
            settling=settling,
            accounts=accounts,
            clients=clients,
            policy=LOOK,
            look_timeout_s=LOOK_TIMEOUT_S,
            doubt_look_interval_s=DOUBT_LOOK_INTERVAL_S,
        )
        consumers = Consumers(sales=sales, polls=polls, logins=cast("Any", None), accounts=accounts)
        self._consume(life, "prokip", pool, outbox, Subscription("prokip-poller", SaleDueV1), consumers.sale_due)
        life.spawn(reader.run())
        life.spawn(recorder.run())
        life.spawn(looker.run())
        life.spawn(recorder.give_up_expired())
        life.spawn(forget_old_reads(reads, kept_s=READ_KEPT_S))
        life.memory = settling

    def _listen(self, life: Life, schema: str, channel: str, wake: Callable[[], None]) -> None:
        """LISTEN; what a process does not hear, it looks for now and then."""
        listeners = self.databases[schema].listeners.setdefault(channel, [])
        listeners.append(wake)
        life.on_death(lambda: listeners.remove(wake))

    # the outside world's way in

    async def hear(self, shop: Shop, topic: str, body: Body) -> bool:
        """A webhook at the door: True is a 200, and then the event is durable."""
        lives = [process.life for process in self._ingest if process.life is not None]
        if not lives:
            return False
        life = self._world.mishaps.choice(lives)
        try:
            await life.pass_through("webhook")
            return await self._take(life, shop, topic, body)
        except (asyncio.CancelledError, asyncpg.PostgresError):
            return False

    async def _take(self, life: Life, shop: Shop, topic: str, body: Body) -> bool:
        try:
            meaning = DIALECTS[shop.platform].read(topic, body)
        except UnusableWebhook:
            return True
        correlation = f"{shop.connection_id}-{body['id'] if 'id' in body else body['inventory_item_id']}"
        event = event_of(
            meaning,
            shop.record,
            topic=topic,
            message_id=make_message_id(),
            observed_at=utc_now(),
            correlation_id=correlation,
        )
        if event is None:
            return True
        pool, outbox = life.memory
        bundle = bundle_of(event.type, [event.encoded])
        report = await self._world.broker.at(life).send([bundle])
        if report.problem is not None:
            async with pool.acquire() as connection, connection.transaction():
                await outbox.write_bundles(connection, [bundle])
        return True

    # the operator

    async def _operate(self) -> None:
        """Looks into Prokip for what is in doubt, enters by hand what it takes no other way, and says so."""
        while True:
            await asyncio.sleep(OPERATOR_S)
            for key, sale in list(self.databases["prokip"].committed("sale").items()):
                lives = [process.life for process in self._pollers if process.life is not None]
                if lives:
                    settling = lives[0].memory
                    try:
                        await self._attend_to(settling, OrderKey(*key), sale)
                    except (NotSettled, asyncpg.PostgresError, asyncio.CancelledError):
                        continue

    async def _attend_to(self, settling: Settling, key: OrderKey, sale: Mapping[str, Any]) -> None:
        world = self._world
        age_s = (self.databases["prokip"].now() - sale["changed_at"]).total_seconds()
        waits_s = OPERATOR_TRUSTS_S if world.erp.connector else OPERATOR_WAITS_S
        if sale["state"] == "in_doubt" and age_s > waits_s and world.scenario.attended:
            posting = self._doubtful(key)
            sell_id = None if posting is None else self._find(posting)
            if posting is not None:
                await settling.settle(
                    key, recorded=sell_id is not None, sell_id=sell_id, posting_id=posting["posting_id"]
                )
        elif sale["state"] == "return_unsupported" and age_s > OPERATOR_S:
            await self._enter_returns(settling, key, sale["revision"])
        elif sale["state"] == "refused" and world.calm:
            await settling.retry(key)

    def _doubtful(self, key: OrderKey) -> Mapping[str, Any] | None:
        rows = self._postings(key)
        return next((row for row in reversed(rows) if row["outcome"] == "in_doubt"), None)

    def _postings(self, key: OrderKey) -> list[Mapping[str, Any]]:
        table = self.databases["prokip"].committed("sale_posting")
        wanted = (key.business_id, key.connection_id, key.order_ref)
        return [row for row in table.values() if (row["business_id"], row["connection_id"], row["order_ref"]) == wanted]

    def _find(self, posting: Mapping[str, Any]) -> str | None:
        """The sale in Prokip that a doubtful request made; for a return, whether the units went back."""
        erp = self._world.erp
        told = self.databases["prokip"].committed("told_line")
        if posting["kind"] == "sell":
            known = {row["sell_id"] for row in self.databases["prokip"].committed("sale_posting").values()}
            found = [sold for sold in erp.sales.values() if sold.reference == posting["reference"]]
            return next((sold.sell_id for sold in found if sold.sell_id not in known), None)
        origin = self.databases["prokip"].committed("sale_posting")[posting["refund_of"]]
        sold = erp.sales[origin["sell_id"]]
        sku = next(iter(units_of(dict(posting))))
        known_back = told[posting["refund_of"], sku]["returned"]
        return sold.sell_id if sold.returned.get(sku, 0) > known_back else None

    async def _enter_returns(self, settling: Settling, key: OrderKey, revision: int) -> None:
        """What the system then takes as given back is entered in Prokip, however the answer to that came."""
        self._world.hand_entries = True
        before = self._returned(key)
        try:
            await settling.returns_entered(key, revision=revision)
        finally:
            for (sell_id, sku), units in self._returned(key).items():
                if units > before[sell_id, sku]:
                    self._world.erp.take_back(sell_id, {sku: units - before[sell_id, sku]})

    def _returned(self, key: OrderKey) -> dict[tuple[str, str], Decimal]:
        """What the system holds as given back, by sale and SKU."""
        sells = {row["posting_id"]: row["sell_id"] for row in self._postings(key) if row["sell_id"]}
        told = self.databases["prokip"].committed("told_line")
        return {(sells[of], sku): line["returned"] for (of, sku), line in told.items() if of in sells}

    # what the world and its judge ask

    def basis(self, shop: Shop, sku: str) -> Basis | None:
        claimed = CLAIMED.get((shop.connection_id, shop.items[sku]))
        if claimed is None:
            return None
        believed = None if claimed.believed is None else int(claimed.believed)
        return Basis(claimed.target, int(claimed.taken), first=claimed.confirmed_revision == 0, believed=believed)

    def _check_targets(self, bundle: Bundle) -> None:
        """Whoever acknowledges a quantity keeps it, or a newer one."""
        held = self.databases["push"].committed("stock_target")
        for element in unpack(bundle, StockChangedV1).elements:
            for item in element.message.items:
                row = held.get((element.message.business_id, element.message.location_id, item.sku))
                if row is None or row["revision"] < item.revision:
                    self._world.judge.wrong.append(
                        f"push: revision {item.revision} of {item.sku} was heard and not kept"
                    )

    def parked(self) -> int:
        return sum(len(database.committed("parked")) for database in self.databases.values())

    def at_rest(self) -> bool:
        """Nothing is said and not heard yet, nothing is open with Prokip."""
        if any(database.committed("outbox") for database in self.databases.values()) or not self._world.broker.empty():
            return False
        return all(sale["state"] == "recorded" for sale in self.databases["prokip"].committed("sale").values())

    def check(self) -> list[str]:
        return check_books(self._world, self.databases)


QUEUES: Final = [
    ("inventory.order.observed.v1", "order.observed.v1"),
    ("inventory.prokip.observed.v1", "prokip.observed.v1"),
    ("inventory.stock.holders_observed.v1", "stock.holders_observed.v1"),
    ("inventory.sale.recorded.v1", "sale.recorded.v1"),
    ("store-push.stock.changed.v1", "stock.changed.v1"),
    ("store-push.orders.counted.v1", "orders.counted.v1"),
    ("store-push.level.hinted.v1", "level.hinted.v1"),
    ("prokip-poller.sale.due.v1", "sale.due.v1"),
]


async def _follow(pool: Any, follower: ConnectionHandlers) -> None:
    while True:
        try:
            async with pool.acquire() as connection, connection.transaction():
                await follower.follow_directory(connection)
        except (asyncpg.PostgresError, TimeoutError):
            await asyncio.sleep(0.5)
        else:
            return

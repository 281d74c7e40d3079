"""What stands in for Postgres does what Postgres does: the same random scripts, through the same storages, on both."""

import dataclasses
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import asyncpg
import pytest
from pydantic import BaseModel

import inventory.handlers.holders
import inventory.handlers.observations
import inventory.handlers.orders
import inventory.handlers.sales
import inventory.storage
from inventory.domain.observed import as_observed
from inventory.domain.orders import count_orders
from inventory.domain.values import Known
from prokip_poller.deciding import Deciding, NoSuchRead, NotDecided
from prokip_poller.domain.attempts import RetryPolicy
from prokip_poller.domain.guard import GuardLimits
from prokip_poller.domain.sales import Kind, RecordSale, next_step
from prokip_poller.domain.telling import OrderKey
from prokip_poller.outcomes import Claim, FailedRead, GoodRead, Outcomes, TellLimits
from prokip_poller.pages import LeaseLost, PageReads
from prokip_poller.storage.polls import LocationKey, Polls
from prokip_poller.storage.reads import Reads
from prokip_poller.storage.sales import Beginning, LookLater, NewState, PostingEnd, Sales, Told
from prokip_shared.bus.bundles import bundle_of
from prokip_shared.bus.outbox import OutboxTransaction
from prokip_shared.bus.storage import BusTables, ParkedRow, migrate_service_tables
from prokip_shared.database import migrate
from prokip_shared.messages import (
    Observation,
    OrderLine,
    OrderObservedV1,
    OrdersCountedV1,
    OrderSnapshot,
    ProkipObservedV1,
    SaleDueV1,
    SaleLine,
    SaleRecordedV1,
    StockChangedV1,
    StockHolder,
    StockHoldersObservedV1,
    StockOversoldV1,
)
from prokip_shared.platforms.prokip import Goods, StockPage
from prokip_shared.platforms.store import CatalogueItem, CataloguePage, ItemKey, Level
from store_push.domain.decisions import PlannedWrite, Settled
from store_push.domain.health import Health
from store_push.domain.listings import DueListing, Gap
from store_push.domain.matching import ListingDraft
from store_push.pusher import PushRecord
from store_push.storage.catalogue import SAVE_ITEMS_MAX, CatalogueStorage
from store_push.storage.connections import ConnectionStorage, KnownConnection
from store_push.storage.intents import IntentStorage
from store_push.storage.sweeps import SweepStorage
from store_push.storage.targets import Hint, Target, TargetStorage
from store_push.storage.work import WorkStorage
from tests.simulation.database import EPOCH, Database, Pool
from tests.simulation.statements import statements_of
from tests.simulation.statements.registry import SERVICES

Step = Callable[[Any], Awaitable[Any]]
BUSINESS = 1
PLACE = "LOC-1"
SKUS = ("A", 'B"\\,{}', "C")
KINDS: tuple[Kind, ...] = ("sell", "refund")
STATES = {"recorded": "due", "not_sent": "due"}
AFTER_S = {"recorded": 0.0, "not_sent": 0.0, "refused": 3600.0}
"""Where an order stands after an outcome, and for how long."""
STEPS = 50
SAID = {
    str(form.model_fields["type"].default): form
    for form in (StockChangedV1, OrdersCountedV1, SaleDueV1, StockOversoldV1)
}
T0 = datetime(2026, 11, 1, tzinfo=UTC)


class NoGate:
    async def pass_to_database(self, place: str) -> None:
        """Nothing goes wrong here."""


def _seconds_since_epoch() -> float:
    return (datetime.now(UTC) - EPOCH).total_seconds()


def plain(value: Any) -> Any:  # noqa: PLR0911  # one for each kind
    """For comparing: moments and waits only by whether they are there, or over."""
    if isinstance(value, BaseModel):
        return plain({name: one for name, one in value if name != "message_id"})
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    if isinstance(value, float):
        return "later" if value > 1 else "now"
    if isinstance(value, Decimal):
        return str(value.normalize())
    return "moment" if isinstance(value, datetime) else value


class Pair2:
    """The real database and what stands in for it, always asked the same."""

    def __init__(self, real: Any, schema: str) -> None:
        self.database = Database(_seconds_since_epoch)
        self._pools = (real, Pool(self.database, NoGate(), statements_of(schema)))

    async def both(self, step: Step) -> Any:
        """The real answer, which the stand-in has given as well."""
        real, stand_in = [await step(pool) for pool in self._pools]
        assert plain(stand_in) == plain(real)
        return real

    async def within(self, step: Step) -> Any:
        """In a transaction."""

        async def run(pool: Any) -> Any:
            async with pool.acquire() as connection, connection.transaction():
                return await step(connection)

        return await self.both(run)


@pytest.fixture
async def open_pair(database_url: str) -> AsyncIterator[Callable[[str], Awaitable[Pair2]]]:
    pools = []

    async def open_one(schema: str) -> Pair2:
        await migrate(database_url, schema=schema, package=SERVICES[schema])
        await migrate_service_tables(database_url, schema=schema)
        pools.append(await asyncpg.create_pool(database_url, min_size=1, max_size=2))
        return Pair2(pools[-1], schema)

    yield open_one
    for pool in pools:
        await pool.close()


# prokip-poller


@pytest.mark.parametrize("seed", [1, 2])
async def test_poller(open_pair: Callable[[str], Awaitable[Pair2]], seed: int) -> None:
    pair, chance = await open_pair("prokip"), random.Random(seed)
    script = _PollerScript(pair, chance)
    await pair.both(lambda pool: Polls(pool).ensure_locations([script.place]))
    for _ in range(STEPS):
        await chance.choice(script.steps)()


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_poller_reads(open_pair: Callable[[str], Awaitable[Pair2]], seed: int) -> None:
    pair, chance = await open_pair("prokip"), random.Random(seed)
    script = _PollerScript(pair, chance)
    await pair.both(lambda pool: Polls(pool).ensure_locations([script.place]))
    sells = [script.due, script.begin, script.end, script.end, script.block, script.look]
    for _ in range(2 * STEPS):
        await chance.choice([*sells, *[script.read] * 9, *[script.decide] * 6])()
    await pair.both(_tables_of_reads)


READ_TABLES = {
    "location": ("business_id", "location_id"),
    "goods": ("business_id", "sku"),
    "recorded_counter": ("business_id", "location_id", "sku"),
    "sku_snapshot": ("business_id", "location_id", "sku"),
    "left_alone": ("business_id", "location_id", "sku"),
    "held_back": ("business_id", "location_id", "sku"),
    "stock_read": ("read_id",),
    "read_change": ("read_id", "sku"),
}
"""With their keys."""


async def _tables_of_reads(pool: Any) -> Any:
    """Columns that only people read, and what no statement of the script came back to, are compared themselves."""
    found = {}
    for table, key in READ_TABLES.items():
        if isinstance(pool, Pool):
            committed = pool.database.committed(table)
            rows = [{**row, **_named(key, of)} for of, row in committed.items()]
        else:
            rows = [dict(row) for row in await pool.fetch(f"SELECT * FROM prokip.{table}")]  # noqa: S608  # our own words
        kept = [{name: one for name, one in row.items() if name not in {"began_at", "business_id"}} for row in rows]
        found[table] = sorted(
            ({**row, "left_out": json.loads(row.get("left_out", "0"))} for row in kept),
            key=lambda row: [row[name] for name in key[1:] or key],
        )
    return found


def _named(names: Sequence[str], key: Any) -> dict[str, Any]:
    return dict(zip(names, key if isinstance(key, tuple) else (key,), strict=True))


class _PollerScript:
    def __init__(self, pair: Pair2, chance: random.Random) -> None:
        self.pair = pair
        self.chance = chance
        self.place = LocationKey(BUSINESS, PLACE)
        self.open: list[tuple[int, OrderKey, Any]] = []
        self.reader: UUID | None = None
        self.number = 0
        self.pages: list[StockPage] = []
        self.steps = [
            self.due,
            self.due,
            self.begin,
            self.begin,
            self.end,
            self.end,
            self.look,
            self.read,
            self.read,
            self.read,
            self.decide,
            self.block,
            self.look_up,
        ]

    def sales(self, connection: Any) -> Sales:
        return Sales(connection, process="test")

    async def due(self) -> None:
        chance = self.chance
        lines = tuple(
            SaleLine(sku=sku, units=Decimal(chance.randint(0, 3)), unit_price=None, stock_revision=1)
            for sku in chance.sample(SKUS, 2)
        )
        message = SaleDueV1(
            business_id=BUSINESS, connection_id=1, location_id=PLACE, order_ref=str(chance.randint(1, 3)),
            order_number="n", status="paid", sold_at=T0, revision=chance.randint(1, 12), lines=lines,
            correlation_id="c",
        )  # fmt: skip
        await self.pair.within(lambda connection: self.sales(connection).upsert_due(connection, [message]))

    async def begin(self) -> None:
        begun: dict[int, Any] = {}
        findable = self.chance.random() < 0.5

        async def step(connection: Any) -> Any:
            sales = self.sales(connection)
            if not await sales.lock_location(connection, self.place):
                return "blocked"
            under_way = await sales.under_way(connection, self.place)
            held = sorted(await sales.claim(connection, self.place, 10), key=lambda sale: sale.key.order_ref)
            told = await sales.told(connection, BUSINESS, [sale.key for sale in held])
            steps = {sale.key: next_step(sale.due, told[sale.key]) for sale in held}
            rested = [NewState(key, "recorded", "", None, 0) for key, first in steps.items() if first is None]
            if rested:
                await sales.set_states(connection, rested)
            beginnings = [Beginning(sale, first, "r") for sale in held if (first := steps[sale.key]) is not None]
            numbers: dict[OrderKey, int] = {}
            if beginnings:
                numbers = await sales.begin_postings(
                    connection, self.place, beginnings, expires_in_s=-1.0, findable=findable
                )
            begun.update({numbers[one.sale.key]: (one.sale.key, one.step) for one in beginnings})
            postings = sorted(numbers.items(), key=lambda one: one[1])
            doubts = sorted(map(str, await sales.open_doubts(connection, self.place, grace_s=3600.0)))
            return under_way, held, told, postings, doubts

        await self.pair.within(step)
        self.open += [(number, *told) for number, told in begun.items()]

    async def end(self) -> None:
        if not self.open:
            return
        chance = self.chance
        ends: dict[OrderKey, PostingEnd] = {}
        for _ in range(chance.choice((1, 1, 2, 3))):
            if not self.open:
                break
            number, key, step_told = self.open.pop(chance.randrange(len(self.open)))
            outcome: Any = chance.choice(["recorded", "recorded", "refused", "not_sent", "in_doubt"])
            sell_id = f"s{number}" if isinstance(step_told, RecordSale) else None
            ends[key] = PostingEnd(number, key, outcome, sell_id, "w")
        states = [
            NewState(key, STATES.get(end.outcome, end.outcome), "d", AFTER_S.get(end.outcome), 1)  # type: ignore[arg-type]  # one of both
            for key, end in ends.items()
        ]

        async def step(connection: Any) -> Any:
            sales = self.sales(connection)
            locked = await sales.lock(connection, list(ends))
            ended = await sales.end_postings(
                connection, list(ends.values()), only_from={"posting", "in_doubt"}, by_hand=False, first_look_s=0.0
            )
            told = [
                Told(end.posting_id, ended[end.posting_id].step, {"A": "line"})
                for end in ends.values()
                if end.posting_id in ended and end.outcome == "recorded"
            ]
            if told:
                await sales.tell(connection, self.place, told)
                await sales.read_left_out_soon(connection, self.place, {sku for one in told for sku in one.step.units})
            await sales.set_states(connection, states)
            again = await sales.end_postings(
                connection, list(ends.values()), only_from={"posting"}, by_hand=False, first_look_s=0.0
            )
            rest = [
                (
                    await sales.newest_doubt(connection, key),
                    await sales.counted_by_another(connection, end.posting_id, end.sell_id),
                    await sales.posting_outcome(connection, key, end.posting_id),
                )
                for key, end in ends.items()
            ]
            return locked, ended, again, rest

        await self.pair.within(step)

    async def look(self) -> None:
        kept_s = self.chance.choice((-1.0, 3600.0))

        async def step(pool: Any) -> Any:
            polls, reads, sales = Polls(pool), Reads(pool), Sales(pool, process="test")
            await reads.forget_old_reads(kept_s=kept_s, reads_max=2)
            return (
                await reads.look_around(self.place),
                await reads.untold(self.place, SKUS),
                sorted(await reads.left_alone_numbers(self.place)),
                await polls.due_businesses([self.place]),
                await sales.locations_with_due([BUSINESS]),
                await sales.expired(10),
            )

        await self.pair.both(step)

    async def look_up(self) -> None:
        waits_s, doubts_max = self.chance.choice((None, 0.0, 3600.0)), self.chance.choice((1, 100))

        async def step(pool: Any) -> Any:
            sales = Sales(pool, process="test")
            places = await sales.locations_with_looks([BUSINESS])
            doubts = [
                doubt
                for kind in KINDS
                for doubt in await sales.claim_looks(self.place, kind, lease_s=-1.0, grace_s=0.0, doubts_max=doubts_max)
            ]
            await sales.look_later([LookLater(doubt.posting_id, waits_s, "w") for doubt in doubts])
            return places, sorted(doubts, key=lambda doubt: doubt.posting_id)

        await self.pair.both(step)

    async def read(self) -> None:
        """A whole read: claimed, compared page by page, judged, and told, held or failed."""
        chance = self.chance
        self.number += 1
        reader = UUID(int=self.number)
        lost = UUID(int=0) if chance.random() < 0.2 else reader
        if not self.pages or chance.random() < 0.6:
            self.pages = [_page(chance) for _ in range(chance.randint(1, 3))]
        pages = self.pages[:1] if chance.random() < 0.3 else self.pages
        quiet_s, asks_s = chance.choice((0.0, 3600.0)), chance.choice((0.0, 0.0, 3600.0))
        fails, wanted, dies, throttled = (chance.random() < share for share in (0.1, 0.3, 0.1, 0.1))
        strict, answers = chance.random() < 0.6, chance.random() < 0.7

        async def step(pool: Any) -> Any:
            polls, reads, told = Polls(pool), Reads(pool), _Told(pool)
            await polls.read_soon(pool, self.place)
            if answers:
                await self.sales(pool).tell(pool, self.place, [Told(1, RecordSale({}), {})])
            async with told.transaction() as transaction:
                free = await polls.lock_due(transaction.connection, BUSINESS, [PLACE])
                waiting = await polls.rounds_of(transaction.connection, BUSINESS)
                for due in free:
                    await polls.begin_read(transaction.connection, due.key, reader, lease_s=-1.0, quiet_s=quiet_s)
                    await reads.forget_cut_off(transaction.connection, due.key)
            if not free:
                return None
            (due,) = free
            await polls.extend_read(BUSINESS, reader, lease_s=-1.0)
            if wanted:
                await polls.read_soon(pool, self.place)
            if throttled:
                await self.sales(pool).block_location(pool, self.place, health="throttled", reason="r", for_s=3600.0)
            try:
                findings = await PageReads(reads, due, lost, changes_max=2).read(_each(pages))
                if dies:
                    await polls.abandon_read(BUSINESS, reader)
                    return findings
                failed = FailedRead(due, "throttled", "r", asks_s, blocks=asks_s > 0)
                account: Any = SimpleNamespace(business_id=BUSINESS, interval_s=0)
                claim = Claim(account, lost, "c", free, frozenset(), [])
                await _outcomes(pool, told, strict=strict).store(claim, [failed if fails else GoodRead(due, findings)])
            except LeaseLost:
                return "lost"
            return free, waiting, findings, told.messages

        await self.pair.both(step)

    async def decide(self) -> None:
        """Whatever an operator may say of one of the latest reads, where it may be said."""
        what = self.chance.choice(("release", "refuse", "undo", "reconsider"))
        read_id = max(self.pair.database.committed("stock_read"), default=1) - self.chance.choice((0, 0, 0, 1, 2))

        async def step(pool: Any) -> Any:
            told = _Told(pool)
            deciding = Deciding(reads=Reads(pool), outbox=cast("Any", told), observation_items_max=2)
            try:
                decided = await getattr(deciding, what)(BUSINESS, read_id)
            except (NoSuchRead, NotDecided) as error:
                return repr(error)
            return decided, told.messages

        await self.pair.both(step)

    async def block(self) -> None:
        for_s, soon = self.chance.choice((-1.0, 3600.0)), self.chance.random() < 0.7

        async def step(connection: Any) -> Any:
            sales = self.sales(connection)
            await sales.block_location(connection, self.place, health="throttled", reason="r", for_s=for_s)
            if soon:
                await Polls(connection).read_soon(connection, self.place)
                await sales.tell(connection, self.place, [Told(1, RecordSale({}), {})])
            return await sales.failures_of(connection, self.place)

        await self.pair.within(step)


def _page(chance: random.Random) -> StockPage:
    """Not every SKU is on it."""
    skus = chance.sample(SKUS, chance.randint(1, 3))
    counted = {sku: Decimal(chance.choice((0, 0, 1, 5))) for sku in skus if chance.random() < 0.7}
    others = [sku for sku in skus if sku not in counted]
    unusable = {sku: "u" for sku in others if chance.random() < 0.3}
    left_alone = {sku: chance.choice(("bundle", "service")) for sku in others if sku not in unusable}
    goods = {sku: Goods(chance.randint(1, 2), 7) for sku in skus if chance.random() < 0.5}
    return StockPage(counted, unusable, goods=goods, left_alone=left_alone)


async def _each(pages: Sequence[StockPage]) -> AsyncIterator[StockPage]:
    for page in pages:
        yield page


def _outcomes(pool: Any, told: Any, *, strict: bool) -> Outcomes:
    guard = GuardLimits(zeroed_share_max=0.3, changed_share_max=0.3, named_share_min=0.9, skus_min=1)
    none = GuardLimits(zeroed_share_max=1.0, changed_share_max=1.0, named_share_min=0.0, skus_min=1)
    return Outcomes(
        polls=Polls(pool),
        reads=Reads(pool),
        outbox=told,
        limits=TellLimits(observation_items_max=2, left_out_retry_s=0.0),
        guard=guard if strict else none,
        policy=RetryPolicy(0.0, 0.0, 0.0),
        draw=lambda: 0.5,
    )


class _Told:
    """An outbox that keeps what is said for comparing."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self.messages: list[Any] = []

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[OutboxTransaction]:
        async with self._pool.acquire() as connection, connection.transaction():
            transaction = OutboxTransaction(connection)
            yield transaction
        await self.write(connection, transaction.said)

    async def write(self, _connection: Any, messages: Sequence[Any]) -> list[Any]:
        self.messages += [message.model_copy(update={"correlation_id": "c"}) for message in messages]
        return []

    def hand_over(self, bundles: Sequence[Any]) -> None:
        """They are kept already."""


# store-push


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_push(open_pair: Callable[[str], Awaitable[Pair2]], seed: int) -> None:
    pair, chance = await open_pair("push"), random.Random(seed)
    script = _PushScript(pair, chance)
    await script.connect()
    for _ in range(STEPS):
        await chance.choice(script.steps)()


class _PushScript:
    def __init__(self, pair: Pair2, chance: random.Random) -> None:
        self.pair = pair
        self.chance = chance
        self.steps = [self.target, self.target, self.catalogue, self.hint, self.push, self.push, self.sweep, self.look]
        self.steps += [self.intend, self.answer]

    async def connect(self) -> None:
        known = [
            KnownConnection(1, BUSINESS, "shopify", PLACE, "7", writable=True, active=True),
            KnownConnection(2, BUSINESS, "woocommerce", PLACE, None, writable=True, active=True),
        ]

        async def step(connection: Any) -> Any:
            storage = ConnectionStorage()
            await storage.save(connection, known)
            await storage.start_catalogue_reads(connection, [1, 2])
            await SweepStorage().start(connection, {1: T0, 2: T0})
            return await storage.known(connection)

        await self.pair.within(step)

    async def target(self) -> None:
        chance = self.chance
        targets = []
        for sku in sorted(chance.sample(SKUS, 2)):
            available = chance.choice((None, Decimal(chance.randint(-3, 9)), Decimal("2.5")))
            taken = {1: Decimal(chance.randint(0, 3)), 2: Decimal(chance.randint(0, 3))}
            revision = chance.randint(1, 30)
            targets.append(Target(BUSINESS, PLACE, sku, available, revision, taken, "c"))

        async def step(connection: Any) -> None:
            storage = TargetStorage()
            await storage.enter_businesses(connection, [BUSINESS])
            await storage.save(connection, targets)

        await self.pair.within(step)

    async def catalogue(self) -> None:
        chance = self.chance
        quantities = [chance.choice((None, chance.randint(0, 9))) for _ in SKUS]
        gone, pages = chance.random() < 0.2, chance.random() < 0.3
        place = chance.choice(("7", "8"))

        async def step(connection: Any) -> Any:
            storage = CatalogueStorage()
            claim = await storage.claim(connection, hint_pause_s=0.0)
            if claim is None:
                return None
            if pages:
                claim = claim.after(CataloguePage((), "2", counted=3, total=9))
                items = [
                    CatalogueItem(ItemKey(f"i{n}"), SKUS[n], Level("own", n), name="n", price=Decimal(n))
                    for n in (0, 1)
                ]
                await storage.save_page(connection, claim, items)
                await storage.page_done(connection, claim)
                return claim, await storage.items(connection, claim.connection_id)
            await storage.keep(connection, claim, (await storage.unread(connection, claim, rows_max=1)))
            await storage.forget_unread(connection, claim)
            own_place = place if claim.connection_id == 1 else None
            drafts = [
                ListingDraft(
                    ItemKey(f"i{number}", None, own_place), sku, None, "matched" if quantity is not None else "not_tracked",
                    "" if quantity is not None else "r", quantity,
                )
                for number, (sku, quantity) in enumerate(zip(SKUS, quantities, strict=True))
            ]  # fmt: skip
            assert len(drafts) < SAVE_ITEMS_MAX
            await storage.save_items(connection, claim, drafts, settle_s=-1.0)
            await ConnectionStorage().lock_business_listings(connection, BUSINESS)
            refs = [draft.key.item_ref for draft in drafts]
            await storage.mark_gone(connection, claim.connection_id, refs[1:] if gone else refs)
            await TargetStorage().fill(connection, claim.connection_id)
            if gone:
                await storage.failed(connection, claim, error="e", next_in_s=0.0)
            else:
                await storage.done(connection, claim, items=3, next_in_s=0.0)
            return claim

        await self.pair.within(step)

    async def hint(self) -> None:
        chance = self.chance
        hint = Hint(2, f"i{chance.randrange(3)}", None, chance.choice((None, chance.randint(0, 9))))

        async def step(connection: Any) -> None:
            await TargetStorage().note_hints(connection, [hint], settle_s=-1.0)
            await CatalogueStorage().note_unknown(connection, [(hint.connection_id, hint.item_ref)])

        await self.pair.within(step)

    async def push(self) -> None:
        chance = self.chance
        connection_id = chance.choice((1, 2))
        seeds = [chance.random() for _ in SKUS]
        pause_s = chance.choice((0.0, 0.0, 3600.0))

        async def step(connection: Any) -> Any:
            storage = WorkStorage()
            claim = await storage.claim(connection, connection_id)
            if claim is None:
                await ConnectionStorage().forgive(connection, [connection_id])
                return None
            due = sorted(await storage.due_listings(connection, connection_id, 10), key=lambda one: one.listing_id)
            settled = [_settled(one, draw) for one, draw in zip(due, seeds, strict=False)]
            await storage.record_attempt(
                connection, connection_id, Health("failing", T0, "d", 2), pause_s=pause_s, pushed=pause_s == 0
            )
            records = [PushRecord(one.listing, 1, 2, 2, "written", "d", 1.0, None) for one in settled]
            known = [one.listing.listing_id for one, draw in zip(settled, seeds, strict=False) if draw < 0.5]
            await storage.record_results(connection, claim, records, settled, known, T0)
            return claim, due

        await self.pair.within(step)

    async def intend(self) -> None:
        """Beside a claim, which they are to outlive."""
        wanted = [(self.chance.randint(1, 4), self.chance.randint(0, 9)) for _ in range(2)]
        writes = [PlannedWrite(_listing(number), units, None) for number, units in dict(wanted).items()]
        await self.pair.both(lambda pool: IntentStorage(pool).note(writes, T0))

    async def sweep(self) -> None:
        chance = self.chance
        pauses, wants = chance.random() < 0.4, chance.random() < 0.5
        told_at = T0 + timedelta(seconds=chance.randint(0, 1))
        told = [str(chance.randint(1, 3)) for _ in range(chance.randint(0, 3))]

        async def step(connection: Any) -> Any:
            storage = SweepStorage()
            if wants:
                await storage.want(connection, [1, 2])
            sweep = await storage.claim(connection, pause_s_min=-1.0)
            if sweep is None:
                return None
            await storage.note_told(connection, sweep.connection_id, told, told_at)
            last = await storage.last_complete(connection, sweep.connection_id)
            sweep = dataclasses.replace(sweep, sweeping_to=T0, correlation_id="c")
            if pauses:
                held = dataclasses.replace(sweep, cursor="x", orders=1)
                await storage.pause(connection, held, next_in_s=0.0, failures=1, error="e")
            else:
                await storage.done(connection, sweep, next_in_s=3600.0)
            return sweep, last

        await self.pair.within(step)

    async def answer(self) -> None:
        """The ledger's, to words that it has and perhaps to such as were said anew since."""
        chance = self.chance
        counted = [
            (connection_id, str(number), T0 + timedelta(seconds=second))
            for connection_id in (1, 2)
            for number in (1, 2, 3)
            for second in (0, 1)
            if chance.random() < 0.6
        ]

        async def step(connection: Any) -> Any:
            storage = SweepStorage()
            if counted:
                await storage.forget_counted(connection, counted, settle_s=-1.0)
            return [await storage.last_complete(connection, connection_id) for connection_id in (1, 2)]

        await self.pair.within(step)

    async def look(self) -> None:
        async def step(pool: Any) -> Any:
            due = sorted(await WorkStorage().due_connections(pool), key=lambda one: one.connection_id)
            return (
                due,
                await CatalogueStorage().next_in_s(pool, hint_pause_s=0.0),
                await SweepStorage().next_in_s(pool, pause_s_min=0.0),
            )

        await self.pair.both(step)


def _listing(listing_id: int) -> DueListing:
    return DueListing(
        listing_id=listing_id, key=ItemKey("i"), sku="A", target=1, target_revision=1, target_taken=Decimal(listing_id),
        correlation_id="c", confirmed=None, confirmed_taken=Decimal(0), confirmed_revision=0, confirmed_at=None,
        drifted_at=None, must_read=False, hinted=None, hints=0, gap=None,
    )  # fmt: skip


def _settled(listing: Any, draw: float) -> Settled:
    fresh = draw < 0.6
    gap = None if draw < 0.8 else Gap(2, Decimal(1), T0)
    look_at = None if draw < 0.5 else T0 + timedelta(days=9999 if draw < 0.6 else 0)
    return Settled(
        listing, "matched" if draw < 0.95 else "gone", "r", listing.target if fresh else listing.confirmed,
        confirmed_now=fresh, outcome="written", look_at=look_at, gap=gap,
    )  # fmt: skip


# inventory, through its handlers


@pytest.mark.parametrize("seed", [1, 2])
async def test_inventory(open_pair: Callable[[str], Awaitable[Pair2]], seed: int) -> None:
    pair, chance = await open_pair("inventory"), random.Random(seed)
    observe = inventory.handlers.observations.apply_observation_batch
    apply, note = inventory.handlers.orders.apply_order_messages, inventory.handlers.sales.apply_answer_batch
    hold = inventory.handlers.holders.apply_holder_batch
    for sequence in range(1, STEPS // 2):
        if chance.random() < 0.3:
            await pair.within(partial(_handle, observe, [_observed(chance, sequence)]))
            continue
        if chance.random() < 0.1:
            await pair.within(partial(_handle, hold, [_held(chance)]))
        said = await pair.within(partial(_handle, apply, [_order(chance) for _ in range(chance.randint(1, 3))]))
        answers = [_answer(message) for message in said if isinstance(message, SaleDueV1)]
        if answers:
            await pair.within(partial(_handle, note, answers))
    await pair.both(_movements)


async def test_an_order_is_new_once(open_pair: Callable[[str], Awaitable[Pair2]]) -> None:
    pair = await open_pair("inventory")
    count = count_orders(Known(), [as_observed(_order(random.Random(1)))])

    async def write(pool: Any) -> Any:
        try:
            async with pool.acquire() as connection, connection.transaction():
                await inventory.storage.write_orders(connection, count)
        except inventory.storage.LostRace:
            return "lost"

    assert [await pair.both(write) for _ in range(2)] == [None, "lost"]


async def _handle(handler: Any, batch: Any, connection: Any) -> Any:
    """What the handler says, read again."""
    said = await handler(connection, batch)
    return [SAID[one.type].model_validate_json(text) for one in said for text in one.messages]


async def _movements(pool: Any) -> Any:
    """No statement of the product reads what is only written here, so the tables are compared themselves."""
    if isinstance(pool, Pool):
        table = pool.database.committed("movement")
        return [(*key, row["delta"], row["balance_after"], row["reason"]) for key, row in sorted(table.items())]
    rows = await pool.fetch(
        "SELECT business_id, sku, location_id, revision, delta, balance_after, reason FROM inventory.movement "
        'ORDER BY business_id, sku COLLATE "C", location_id, revision'
    )
    return [tuple(row) for row in rows]


def _order(chance: random.Random) -> OrderObservedV1:
    lines = tuple(
        OrderLine(line_ref=str(number), sku=sku, ordered=Decimal(3), taken=Decimal(chance.randint(0, 3)))
        for number, sku in enumerate(SKUS)
        if chance.random() < 0.7
    )
    order = OrderSnapshot(
        order_ref=str(chance.randint(1, 4)), order_number="n", status=chance.choice(("paid", "cancelled")),
        created_at=T0, modified_at=T0 + timedelta(seconds=chance.randint(0, 20)), lines=lines,
    )  # fmt: skip
    return OrderObservedV1(
        business_id=BUSINESS, correlation_id="c", connection_id=chance.choice((1, 2)), location_id=PLACE,
        source=chance.choice(("webhook", "sweep")), observed_at=T0, predates_connection=chance.random() < 0.2,
        order=order,
    )  # fmt: skip


def _held(chance: random.Random) -> StockHoldersObservedV1:
    sku, held_by = chance.sample((*SKUS, "D"), 2)
    return StockHoldersObservedV1(
        business_id=BUSINESS, correlation_id="c", connection_id=chance.choice((1, 2)),
        holders=(StockHolder(sku=sku, held_by=held_by),),
    )  # fmt: skip


def _observed(chance: random.Random, sequence: int) -> ProkipObservedV1:
    items = tuple(
        Observation(sku=sku, quantity=Decimal(chance.randint(0, 9)), recorded=Decimal(chance.randint(0, 3)))
        for sku in chance.sample(SKUS, 2)
    )
    return ProkipObservedV1(
        business_id=BUSINESS, correlation_id="c", location_id=PLACE, sequence=max(1, sequence - chance.randint(0, 3)),
        items=items, first_read_complete=chance.random() < 0.5,
    )  # fmt: skip


def _answer(due: SaleDueV1) -> SaleRecordedV1:
    return SaleRecordedV1(
        business_id=due.business_id, correlation_id="c", connection_id=due.connection_id, location_id=PLACE,
        order_ref=due.order_ref, revision=due.revision, state="recorded", prokip_sell_id="s", detail="d",
    )  # fmt: skip


# the bus


async def test_bus(open_pair: Callable[[str], Awaitable[Pair2]]) -> None:
    pair = await open_pair("prokip")
    tables = BusTables("prokip")
    bundles = [bundle_of("a.v1", [b"1"]) for _ in range(4)]
    ids = [bundle.bundle_id for bundle in bundles]

    async def remember(connection: Any) -> Any:
        fresh = await tables.remember(connection, "q", ids[:2])
        again = await tables.remember(connection, "q", ids[1:3])
        return fresh, again, await tables.seen(connection, "q", ids[0]), await tables.seen(connection, "p", ids[0])

    async def say(connection: Any) -> Any:
        await tables.write_outbox(connection, bundles, [-1.0, -1.0, 3600.0, -1.0])

    async def relay(connection: Any) -> Any:
        due = await tables.due_outbox(connection, [ids[0]], 10)
        await connection.execute(tables.queries["delete_outbox"], [ids[1]])
        await connection.execute(tables.queries["postpone_outbox"], [ids[3]], 3600.0)
        return sorted(bundle.bundle_id for bundle in due)

    async def park(connection: Any) -> Any:
        rows = [ParkedRow(ids[0], 1, "a.v1", "{}", "reason", 1)]
        first, second = await tables.park(connection, "q", rows), await tables.park(connection, "q", rows)
        return first, second

    for step in (remember, say, relay, relay, park, remember):
        await pair.within(step)

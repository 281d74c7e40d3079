"""Recording sales: who is told what next, one request an order at a time, and what its end changes.

`posting` is committed before a request leaves. A request whose end nobody stored becomes `in_doubt`, and what is in
doubt is never sent again before somebody has looked: `looking` where Prokip can be asked, else a person.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from prokip_poller import metrics
from prokip_poller.accounts import Accounts
from prokip_poller.clients import ProkipClients
from prokip_poller.domain.looks import OpenDoubt, must_wait
from prokip_poller.domain.requests import Request, reference_of, return_request, sale_request
from prokip_poller.domain.sales import GiveBack, Kind, RecordSale, SaleState, Sell, by_hand, next_step
from prokip_poller.domain.telling import OrderKey
from prokip_poller.reading import health_of
from prokip_poller.settling import Answer, End, Settling
from prokip_poller.storage.polls import LocationKey
from prokip_poller.storage.sales import Beginning, HeldSale, NewState, Sales
from prokip_shared.bus.failures import Verdict, describe, verdict_of
from prokip_shared.bus.outbox import Outbox, OutboxTransaction
from prokip_shared.logs import Log, bind_correlation
from prokip_shared.loops import end_all, keep_on
from prokip_shared.platforms.prokip import (
    Goods,
    NotAuthorised,
    ProkipClient,
    ProkipError,
    Refused,
    Sale,
    Unavailable,
    Unsupported,
)

TICK_S: Final = 0.1
FAILED_TICK_S: Final = 1.0
GATHER_S: Final = 0.02
"""From the first answer that comes in on: those that come meanwhile are stored with it."""
CROSSING_WAIT_S: Final = 2.0
"""Before a step is tried again that could cross a request without a known end."""
EXPIRY_LOOK_S: Final = 2.0
EXPIRED_POSTINGS_MAX: Final = 100
CROSSING_WORDS: Final = "It waits for an earlier request about the same goods, which Prokip may still be working at."
BY_HAND_WORDS: Final = "The id of the sale in Prokip is not known, so its return has to be entered there by hand."

log = Log("recording")


@dataclass(frozen=True, slots=True)
class PostingLimits:
    posting_concurrency: int
    post_timeout_s: float
    posting_margin_s: float
    doubt_grace_s: float


@dataclass(frozen=True, slots=True)
class Posting:
    """A request that tells Prokip one step of one order."""

    posting_id: int
    key: OrderKey
    location_id: str
    kind: Kind
    request: Request
    correlation_id: str


UnderWay: TypeAlias = dict[asyncio.Task[Answer], Posting]


@dataclass(frozen=True, slots=True)
class Claimed:
    postings: Sequence[Posting]
    sales: int
    """Orders that were looked at; those without a posting needed no request."""


class Recorder:
    """Tells Prokip what is due, location by location."""

    def __init__(
        self,
        *,
        sales: Sales,
        settling: Settling,
        accounts: Accounts,
        clients: ProkipClients,
        outbox: Outbox,
        limits: PostingLimits,
    ) -> None:
        self._sales = sales
        self._settling = settling
        self._accounts = accounts
        self._clients = clients
        self._outbox = outbox
        self._limits = limits
        self._running: dict[LocationKey, asyncio.Task[None]] = {}
        self._draining = False

    async def run(self) -> None:
        """Runs for ever; a database that is away is waited out."""
        try:
            await keep_on(
                self._begin_due_locations,
                every_s=TICK_S,
                failed_s=FAILED_TICK_S,
                log=log,
                waiting="posting.waiting_for_database",
            )
        finally:
            await end_all(self._running.values())

    async def drain(self) -> None:
        """Begins no more requests and waits for the answers of those that have left."""
        self._draining = True
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def give_up_expired(self) -> None:
        """Runs for ever: requests whose process is gone are in doubt. Safe to run in every replica."""
        await keep_on(
            self._give_up_expired,
            every_s=EXPIRY_LOOK_S,
            failed_s=EXPIRY_LOOK_S,
            log=log,
            waiting="posting.expiry_waits_for_database",
        )

    async def _give_up_expired(self) -> None:
        for posting_id, key in await self._sales.expired(EXPIRED_POSTINGS_MAX):
            words = "The process that told Prokip ended before it stored an answer."
            await self._settling.end(posting_id, key, Answer("in_doubt", words), only_from={"posting"})

    async def _begin_due_locations(self) -> None:
        self._running = {place: task for place, task in self._running.items() if not task.done()}
        accounts = self._accounts.all()
        if self._draining or not accounts:
            return
        for place in await self._sales.locations_with_due(accounts):
            if place not in self._running:
                self._running[place] = asyncio.create_task(self._tell_location(place), name=f"tell {place}")

    async def _tell_location(self, place: LocationKey) -> None:
        """Until nothing of the location is due. One location's trouble must not end the others'."""
        under_way: UnderWay = {}
        try:
            await self._tell_due(place, under_way)
        except asyncio.CancelledError:
            await end_all(under_way)
            raise
        except Exception as error:
            if verdict_of(error) is Verdict.HOLD:
                log.warning("posting.waiting_for_database", business_id=place.business_id, cause=describe(error))
            else:
                log.exception("posting.failed_unexpectedly", business_id=place.business_id)
            while under_way:
                await self._store(place, await _answered(under_way))

    async def _tell_due(self, place: LocationKey, under_way: UnderWay) -> None:
        """The account is looked up for each claim: new settings count at once, also for a location that is never idle."""
        while True:
            account = None if self._draining else self._accounts.of(place.business_id)
            send_before_s = time.monotonic() + self._limits.posting_margin_s
            claimed = Claimed((), 0)
            if account is not None:
                client = self._clients.of(account)
                claimed = await self._claim(client, place, self._room(client) - len(under_way))
                for posting in claimed.postings:
                    under_way[asyncio.create_task(self._post(client, posting, send_before_s))] = posting
            if not under_way and not claimed.sales:
                return
            if under_way:
                await self._store(place, await _answered(under_way))

    def _room(self, client: ProkipClient) -> int:
        return 1 if client.one_at_a_time else self._limits.posting_concurrency

    async def _claim(self, client: ProkipClient, place: LocationKey, room: int) -> Claimed:
        """Takes orders that are due and commits what is going to be sent for them."""
        if room <= 0:
            return Claimed((), 0)
        async with self._outbox.transaction() as transaction:
            connection = transaction.connection
            if not await self._sales.lock_location(connection, place):
                return Claimed((), 0)
            under_way = await self._sales.under_way(connection, place)
            free = min(room, self._room(client) - under_way)
            if free <= 0:
                return Claimed((), 0)
            held = await self._sales.claim(connection, place, free)
            if not held:
                return Claimed((), 0)
            told = await self._sales.told(connection, place.business_id, [sale.key for sale in held])
            doubts: list[OpenDoubt] = []
            if client.one_at_a_time:
                doubts = await self._sales.open_doubts(connection, place, grace_s=self._limits.doubt_grace_s)
            beginnings = await self._sort(transaction, held, told, doubts)
            postings = await self._begin(transaction, client, place, beginnings, told) if beginnings else ()
        return Claimed(postings, len(held))

    async def _sort(
        self,
        transaction: OutboxTransaction,
        held: Sequence[HeldSale],
        told: Mapping[OrderKey, list[Sell]],
        doubts: Sequence[OpenDoubt],
    ) -> list[Beginning]:
        """The next step of each order; where no request is needed, or none can be made now, its state says so."""
        beginnings: list[Beginning] = []
        waiting: list[NewState] = []
        for sale in held:
            sells = told[sale.key]
            step = next_step(sale.due, sells)
            if step is None or by_hand(step):
                state: SaleState = "recorded" if step is None else "return_unsupported"
                await self._settling.rest(transaction, sale, state, sells, "" if step is None else BY_HAND_WORDS)
            elif must_wait(step, doubts):
                waiting.append(NewState(sale.key, "due", CROSSING_WORDS, CROSSING_WAIT_S, sale.attempts))
            else:
                reference = reference_of(sale.key.connection_id, sale.key.order_ref, step, sells)
                beginnings.append(Beginning(sale, step, reference))
        if waiting:
            await self._sales.set_states(transaction.connection, waiting)
        return beginnings

    async def _begin(
        self,
        transaction: OutboxTransaction,
        client: ProkipClient,
        place: LocationKey,
        beginnings: Sequence[Beginning],
        told: Mapping[OrderKey, list[Sell]],
    ) -> list[Posting]:
        """What is going to be sent; it leaves after the commit."""
        skus = {sku for one in beginnings if isinstance(one.step, RecordSale) for sku in one.step.units}
        goods = await self._sales.goods_of(transaction.connection, place.business_id, skus) if skus else {}
        numbers = await self._sales.begin_postings(
            transaction.connection,
            place,
            beginnings,
            expires_in_s=self._limits.post_timeout_s + self._limits.posting_margin_s,
            findable=client.lookup is not None,
        )
        return [
            Posting(
                numbers[one.sale.key],
                one.sale.key,
                place.location_id,
                one.step.kind,
                _request_of(one, told[one.sale.key], goods),
                one.sale.correlation_id,
            )
            for one in beginnings
        ]

    async def _post(self, client: ProkipClient, posting: Posting, send_before_s: float) -> Answer:
        """One request. After `send_before_s` (monotonic) it is not sent: the other replicas may give it up while it is
        under way.
        """
        with bind_correlation(posting.correlation_id):
            began_s = time.monotonic()
            if began_s > send_before_s:
                return Answer("not_sent", "This process was too slow to send it.")
            answer = await self._send(client, posting)
            metrics.POSTING_SECONDS.labels(posting.kind).observe(time.monotonic() - began_s)
            return answer

    async def _store(self, place: LocationKey, ends: Sequence[End]) -> None:
        """However long the database takes to come back. One that cannot be stored keeps no other; it is in doubt later."""
        while True:
            try:
                await self._settling.end_answered(ends)
            except Exception as error:
                if verdict_of(error) is not Verdict.HOLD:
                    log.exception("posting.failed_unexpectedly", business_id=place.business_id, orders=len(ends))
                    break
                log.warning("posting.answer_waits_for_database", business_id=place.business_id, cause=describe(error))
                await asyncio.sleep(FAILED_TICK_S)
            else:
                return
        if len(ends) > 1:
            for end in ends:
                await self._store(place, [end])

    async def _send(self, client: ProkipClient, posting: Posting) -> Answer:
        request = posting.request
        try:
            if isinstance(request, Sale):
                recorded = await client.record_sale(posting.location_id, request)
                return Answer("recorded", "", sell_id=recorded.sell_id, line_ids=recorded.line_ids)
            await client.give_back(request.sell_id, request.items)
        except ProkipError as error:
            return answer_of(error)
        except Exception as error:
            log.exception("posting.ended_unexpectedly", order_ref=posting.key.order_ref)
            return Answer("in_doubt", describe(error))
        return Answer("recorded", "")


async def _answered(under_way: UnderWay) -> list[End]:
    """The first answers to come in, one an order, which are then under way no more."""
    done, rest = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
    if rest:
        more, _ = await asyncio.wait(rest, timeout=GATHER_S)
        done |= more
    of_orders: dict[OrderKey, asyncio.Task[Answer]] = {}
    for task, posting in under_way.items():
        if task in done:
            of_orders.setdefault(posting.key, task)
    return [End(under_way.pop(task).posting_id, key, task.result()) for key, task in of_orders.items()]


def _request_of(beginning: Beginning, sells: Sequence[Sell], goods: Mapping[str, Goods]) -> Request:
    sale, step = beginning.sale, beginning.step
    if isinstance(step, GiveBack):
        return return_request(step, next(sell for sell in sells if sell.posting_id == step.posting_id))
    return sale_request(step, reference=beginning.reference, sold_at=sale.sold_at, prices=sale.prices, goods=goods)


def answer_of(error: ProkipError) -> Answer:
    """Sorts the ways in which a request fails; one that is none of the clear ones is in doubt."""
    match error:
        case Refused():
            return Answer("refused", error.words)
        case Unsupported():
            return Answer("unsupported", error.words)
        case NotAuthorised():
            return Answer("not_sent", error.words, health=health_of(error))
        case Unavailable():
            return Answer("not_sent", error.words, health=health_of(error), asked_s=error.retry_after_s)
        case _:
            return Answer("in_doubt", error.words)

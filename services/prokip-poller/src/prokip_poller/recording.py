"""Recording sales: who is told what next, one request an order at a time, and what its end changes.

`posting` is committed before a request leaves. A request whose end nobody stored becomes `in_doubt`, and what is in
doubt is never sent again by itself: this Prokip has no call that finds a sale.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from prokip_poller import metrics
from prokip_poller.accounts import Accounts
from prokip_poller.clients import ProkipClients
from prokip_poller.domain.sales import RecordSale, SaleState, Sell, by_hand, next_step, reference_of
from prokip_poller.reading import health_of
from prokip_poller.settling import Answer, Settling
from prokip_poller.storage.polls import LocationKey
from prokip_poller.storage.sales import HeldSale, Posting, Sales
from prokip_shared.bus.failures import Verdict, describe, verdict_of
from prokip_shared.bus.outbox import Outbox, OutboxTransaction
from prokip_shared.connections import ProkipAccount
from prokip_shared.logs import Log, bind_correlation
from prokip_shared.platforms.prokip import (
    NotAuthorised,
    ProkipClient,
    ProkipError,
    Refused,
    SoldItem,
    Unavailable,
    Unsupported,
)

TICK_S: Final = 0.1
FAILED_TICK_S: Final = 1.0
EXPIRY_LOOK_S: Final = 2.0
EXPIRED_POSTINGS_MAX: Final = 100
BY_HAND_WORDS: Final = "The id of the sale in Prokip is not known, so its return has to be entered there by hand."

log = Log("recording")


@dataclass(frozen=True, slots=True)
class PostingLimits:
    posting_concurrency: int
    post_timeout_s: float
    posting_margin_s: float


@dataclass(frozen=True, slots=True)
class Claimed:
    postings: tuple[Posting, ...]
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
            while True:
                try:
                    await self._begin_due_locations()
                    await asyncio.sleep(TICK_S)
                except Exception as error:
                    if verdict_of(error) is not Verdict.HOLD:
                        raise
                    log.warning("posting.waiting_for_database", cause=describe(error))
                    await asyncio.sleep(FAILED_TICK_S)
        finally:
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def drain(self) -> None:
        """Begins no more requests and waits for the answers of those that have left."""
        self._draining = True
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def give_up_expired(self) -> None:
        """Runs for ever: requests whose process is gone are in doubt. Safe to run in every replica."""
        while True:
            try:
                for posting_id, key in await self._sales.expired(EXPIRED_POSTINGS_MAX):
                    words = "The process that told Prokip ended before it stored an answer."
                    await self._settling.end(posting_id, key, Answer("in_doubt", words), only_from={"posting"})
            except Exception as error:
                if verdict_of(error) is not Verdict.HOLD:
                    raise
                log.warning("posting.expiry_waits_for_database", cause=describe(error))
            await asyncio.sleep(EXPIRY_LOOK_S)

    async def _begin_due_locations(self) -> None:
        self._running = {place: task for place, task in self._running.items() if not task.done()}
        accounts = self._accounts.all()
        if self._draining or not accounts:
            return
        for place in await self._sales.locations_with_due(accounts):
            if place not in self._running:
                self._running[place] = asyncio.create_task(self._tell_location(place), name=f"tell {place}")

    async def _tell_location(self, place: LocationKey) -> None:
        """Until nothing of the location is due. One location's trouble must not end the others'.

        The account is looked up for each claim: new settings count at once, also for a location that is never idle.
        """
        under_way: set[asyncio.Task[None]] = set()
        try:
            while True:
                account = None if self._draining else self._accounts.of(place.business_id)
                room = self._limits.posting_concurrency - len(under_way)
                send_before_s = time.monotonic() + self._limits.posting_margin_s
                claimed = Claimed((), 0)
                if account is not None and room > 0:
                    claimed = await self._claim(place, room)
                    under_way |= {
                        asyncio.create_task(self._post(account, posting, send_before_s)) for posting in claimed.postings
                    }
                if not under_way and not claimed.sales:
                    return
                if under_way:
                    done, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        task.result()
        except asyncio.CancelledError:
            for task in under_way:
                task.cancel()
            raise
        except Exception as error:
            if verdict_of(error) is Verdict.HOLD:
                log.warning("posting.waiting_for_database", business_id=place.business_id, cause=describe(error))
            else:
                log.exception("posting.failed_unexpectedly", business_id=place.business_id)
        finally:
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _claim(self, place: LocationKey, room: int) -> Claimed:
        """Takes orders that are due and commits what is going to be sent for them."""
        async with self._outbox.transaction() as transaction:
            connection = transaction.connection
            if not await self._sales.lock_location(connection, place):
                return Claimed((), 0)
            under_way = await self._sales.under_way(connection, place)
            free = min(room, self._limits.posting_concurrency - under_way)
            if free <= 0:
                return Claimed((), 0)
            held = await self._sales.claim(connection, place, free)
            told = await self._sales.told(connection, place.business_id, [sale.key for sale in held])
            postings = [await self._begin(transaction, sale, told[sale.key]) for sale in held]
        return Claimed(tuple(posting for posting in postings if posting is not None), len(held))

    async def _begin(self, transaction: OutboxTransaction, sale: HeldSale, sells: list[Sell]) -> Posting | None:
        """The posting of an order's next step; None where no request is needed or none can be made."""
        step = next_step(sale.due, sells)
        if step is not None and not by_hand(step):
            await self._sales.set_state(
                transaction.connection, sale.key, "posting", detail="", next_attempt_in_s=None, attempts=sale.attempts
            )
            return await self._sales.begin_posting(
                transaction.connection,
                sale,
                step,
                reference=reference_of(sale.key.connection_id, sale.key.order_ref, sale.revision),
                expires_in_s=self._limits.post_timeout_s + self._limits.posting_margin_s,
            )
        state: SaleState = "recorded" if step is None else "return_unsupported"
        await self._settling.rest(transaction, sale, state, sells, "" if step is None else BY_HAND_WORDS)
        return None

    async def _post(self, account: ProkipAccount, posting: Posting, send_before_s: float) -> None:
        """One request, and the storing of its end however long the database takes to come back.

        After `send_before_s` (monotonic) it is not sent: the other replicas may give it up while it is under way.
        """
        with bind_correlation(posting.correlation_id):
            began_s = time.monotonic()
            if began_s > send_before_s:
                answer = Answer("not_sent", "This process was too slow to send it.")
            else:
                answer = await self._send(self._clients.of(account), posting)
            metrics.POSTING_SECONDS.labels(posting.step.kind).observe(time.monotonic() - began_s)
            stored = await self._stored(posting, answer)
            while not stored:
                await asyncio.sleep(FAILED_TICK_S)
                stored = await self._stored(posting, answer)

    async def _stored(self, posting: Posting, answer: Answer) -> bool:
        """False while the database is away."""
        try:
            await self._settling.end(posting.posting_id, posting.key, answer, only_from={"posting", "in_doubt"})
        except Exception as error:
            if verdict_of(error) is not Verdict.HOLD:
                raise
            log.warning("posting.answer_waits_for_database", order_ref=posting.key.order_ref, cause=describe(error))
            return False
        return True

    async def _send(self, client: ProkipClient, posting: Posting) -> Answer:
        items = [SoldItem(sku, units) for sku, units in posting.step.units.items()]
        try:
            if isinstance(posting.step, RecordSale):
                sell_id = await client.record_sale(posting.location_id, items, reference=posting.reference)
                return Answer("recorded", "", sell_id=sell_id)
            if posting.step.sell_id is None:
                return Answer("unsupported", BY_HAND_WORDS)
            await client.give_back(posting.step.sell_id, items)
        except ProkipError as error:
            return answer_of(error)
        except Exception as error:
            log.exception("posting.ended_unexpectedly", order_ref=posting.key.order_ref)
            return Answer("in_doubt", describe(error))
        return Answer("recorded", "")


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

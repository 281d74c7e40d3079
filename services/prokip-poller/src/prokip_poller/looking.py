"""Looking up what is in doubt, where Prokip can be asked for what it holds.

A look changes nothing in Prokip, so it may be repeated and cut off at any time. One look answers every doubt of its kind
that is due at a location. Who looks at what is a short lease on the requests' rows: other orders, and other requests of
the same location, go on meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, TypeAlias

from prokip_poller import metrics
from prokip_poller.accounts import Accounts
from prokip_poller.clients import ProkipClients
from prokip_poller.domain.looks import Found, LookPolicy, must_read_all, return_found
from prokip_poller.domain.requests import Return, return_request, sale_request
from prokip_poller.domain.sales import GiveBack, Kind, RecordSale, Sell
from prokip_poller.domain.telling import OrderKey
from prokip_poller.settling import Answer, Settling
from prokip_poller.storage.polls import LocationKey
from prokip_poller.storage.sales import Doubt, LookLater, Sales
from prokip_shared.bus.failures import Verdict, describe, verdict_of
from prokip_shared.logs import Log, bind_correlation
from prokip_shared.loops import end_all, keep_on
from prokip_shared.platforms.prokip import ProkipError, RecordedSale, Sale, SaleLookup, Unavailable

TICK_S: Final = 0.2
FAILED_TICK_S: Final = 1.0
LEASE_MARGIN_S: Final = 10.0
"""How much longer than a look may take others see it as taken."""
LOOK_DOUBTS_MAX: Final = 100
"""Answered by one look. The numbers of so many sales fit into an address."""

log = Log("looking")


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look showed of one doubt."""

    found: Found
    words: str
    sales: Sequence[RecordedSale] = ()
    """The sale, where one was looked for and found, and then its repeats."""
    asked_s: float | None = None
    """How long Prokip asked us to wait."""


Sights: TypeAlias = dict[int, Seen]
"""By posting id."""


class Looker:
    """Settles doubts location by location, one look at a time each."""

    def __init__(
        self,
        *,
        sales: Sales,
        settling: Settling,
        accounts: Accounts,
        clients: ProkipClients,
        policy: LookPolicy,
        look_timeout_s: float,
        doubt_look_interval_s: float,
    ) -> None:
        """`doubt_look_interval_s`: between two looks of a location, so that the doubts of a bad time share them."""
        self._sales = sales
        self._settling = settling
        self._accounts = accounts
        self._clients = clients
        self._policy = policy
        self._look_timeout_s = look_timeout_s
        self._look_interval_s = doubt_look_interval_s
        self._running: dict[LocationKey, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Runs for ever; a database that is away is waited out."""
        try:
            await keep_on(
                self._begin_due_looks,
                every_s=TICK_S,
                failed_s=FAILED_TICK_S,
                log=log,
                waiting="look.waiting_for_database",
            )
        finally:
            await end_all(self._running.values())

    async def _begin_due_looks(self) -> None:
        self._running = {place: task for place, task in self._running.items() if not task.done()}
        accounts = self._accounts.all()
        askable = [one for one, account in accounts.items() if self._clients.of(account).lookup is not None]
        if not askable:
            return
        for place in await self._sales.locations_with_looks(askable):
            if place not in self._running:
                self._running[place] = asyncio.create_task(self._look_at(place), name=f"look at {place}")

    async def _look_at(self, place: LocationKey) -> None:
        """Until no look of the location is due. One location's trouble must not end the others'."""
        try:
            while (lookup := self._lookup_of(place)) is not None:
                sells = await self._look(place, "sell", lookup, self._see_sales)
                refunds = await self._look(place, "refund", lookup, self._see_returns)
                if not sells and not refunds:
                    return
                await asyncio.sleep(self._look_interval_s)
        except Exception as error:
            if verdict_of(error) is Verdict.HOLD:
                log.warning("look.waiting_for_database", business_id=place.business_id, cause=describe(error))
            else:
                log.exception("look.failed_unexpectedly", business_id=place.business_id)

    def _lookup_of(self, place: LocationKey) -> SaleLookup | None:
        account = self._accounts.of(place.business_id)
        return None if account is None else self._clients.of(account).lookup

    async def _look(
        self,
        place: LocationKey,
        kind: Kind,
        lookup: SaleLookup,
        see: Callable[[SaleLookup, LocationKey, Sequence[Doubt], Sights], Awaitable[None]],
    ) -> int:
        """How many doubts it was about. A look that fails, in whichever way, proves nothing; what it saw stands."""
        doubts = await self._sales.claim_looks(
            place,
            kind,
            lease_s=self._look_timeout_s + LEASE_MARGIN_S,
            grace_s=self._policy.grace_s,
            doubts_max=LOOK_DOUBTS_MAX,
        )
        if not doubts:
            return 0
        sights: Sights = {}
        failure = Seen("failed", "The look ended without a word about it.")
        try:
            async with asyncio.timeout(self._look_timeout_s):
                await see(lookup, place, doubts, sights)
        except ProkipError as error:
            asked_s = error.retry_after_s if isinstance(error, Unavailable) else None
            failure = Seen("failed", f"Prokip could not be asked: {error.words}", asked_s=asked_s)
        except TimeoutError:
            failure = Seen("failed", f"Prokip could not be asked within {self._look_timeout_s:g} s.")
        await self._store([(doubt, sights.get(doubt.posting_id, failure)) for doubt in doubts])
        return len(doubts)

    async def _see_sales(self, lookup: SaleLookup, place: LocationKey, doubts: Sequence[Doubt], sights: Sights) -> None:
        """First as far as a sale that went well is to be found, then everything for those where that proves nothing."""
        told, goods = await self._sales.known_of(place.business_id, doubts)
        wanted = {
            doubt.posting_id: sale_request(
                doubt.step, reference=doubt.reference, sold_at=doubt.sold_at, prices={}, goods=goods
            )
            for doubt in doubts
            if isinstance(doubt.step, RecordSale)
        }
        sights |= await self._see_some(lookup, place, doubts, wanted, told, whole=False)
        unproved = [
            doubt
            for doubt in doubts
            if must_read_all(
                sights[doubt.posting_id].found, final_in_s=doubt.final_in_s, asked_before=doubt.asked_before
            )
        ]
        for doubt in unproved:
            del sights[doubt.posting_id]
        if unproved:
            sights |= await self._see_some(lookup, place, unproved, wanted, told, whole=True)

    async def _see_some(
        self,
        lookup: SaleLookup,
        place: LocationKey,
        doubts: Sequence[Doubt],
        wanted: dict[int, Sale],
        told: dict[OrderKey, list[Sell]],
        *,
        whole: bool,
    ) -> Sights:
        sought = [wanted[doubt.posting_id] for doubt in doubts]
        found = await lookup.find_sales(place.location_id, sought, whole=whole)
        return {doubt.posting_id: _seen_sale(doubt, found.get(doubt.reference), told[doubt.key]) for doubt in doubts}

    async def _see_returns(
        self, lookup: SaleLookup, place: LocationKey, doubts: Sequence[Doubt], sights: Sights
    ) -> None:
        told, _ = await self._sales.known_of(place.business_id, doubts)
        requests: dict[int, Return] = {}
        for doubt in doubts:
            step = doubt.step
            if isinstance(step, GiveBack):
                sell = next(sell for sell in told[doubt.key] if sell.posting_id == step.posting_id)
                requests[doubt.posting_id] = return_request(step, sell)
        returned = await lookup.returned_units(sorted({request.sell_id for request in requests.values()}))
        for posting_id, request in requests.items():
            sights[posting_id] = _seen_return(request, returned.get(request.sell_id))

    async def _store(self, seen: Sequence[tuple[Doubt, Seen]]) -> None:
        later: list[LookLater] = []
        for doubt, sight in seen:
            with bind_correlation(doubt.correlation_id):
                answer = _answer_of(doubt, sight)
                settled = False
                if answer is not None:
                    settled = await self._settling.end(doubt.posting_id, doubt.key, answer, only_from={"in_doubt"})
                else:
                    later.append(LookLater(doubt.posting_id, self._next_s(doubt, sight), sight.words))
                _report(doubt, sight, settled=settled)
        if later:
            await self._sales.look_later(later)

    def _next_s(self, doubt: Doubt, seen: Seen) -> float | None:
        if seen.found == "unclear":
            return None
        return self._policy.next_s(doubt.looks, final_in_s=doubt.final_in_s, found=seen.found, asked_s=seen.asked_s)


def _seen_sale(doubt: Doubt, found: RecordedSale | None, told: Sequence[Sell]) -> Seen:
    counted = {sell.sell_id for sell in told}
    sales = [] if found is None else [one for one in (found, *found.repeats) if one.sell_id not in counted]
    if not sales:
        return Seen("not_there", f"Prokip shows no sale {doubt.reference} that was not counted before.")
    return Seen("recorded", "Found in Prokip.", sales)


def _seen_return(request: Return, returned: Mapping[str, Decimal] | None) -> Seen:
    if returned is None:
        return Seen("failed", f"Prokip has no sale {request.sell_id} (any more).")
    found = return_found(request.items, returned)
    match found:
        case "recorded":
            return Seen(found, "Found in Prokip.")
        case "not_there":
            return Seen(found, f"Prokip does not show the return on sale {request.sell_id}.")
        case _:
            return Seen(found, f"It is not known which lines of sale {request.sell_id} the units went back on.")


def _answer_of(doubt: Doubt, seen: Seen) -> Answer | None:
    """None where the doubt stays one."""
    if seen.found == "recorded":
        answer = Answer("recorded", seen.words, found=True)
        if seen.sales:
            first, *repeats = seen.sales
            answer = replace(answer, sell_id=first.sell_id, line_ids=first.line_ids, repeats=repeats)
        return answer
    if seen.found == "not_there" and doubt.final_in_s <= 0:
        return Answer("not_recorded", seen.words)
    return None


def _report(doubt: Doubt, seen: Seen, *, settled: bool) -> None:
    metrics.LOOKS.labels(doubt.key.business_id, doubt.step.kind, seen.found).inc()
    log.info(
        "look.ended",
        business_id=doubt.key.business_id,
        order_ref=doubt.key.order_ref,
        posting_id=doubt.posting_id,
        found=seen.found,
        settled=settled,
        looks=doubt.looks,
    )

"""Looking up what is in doubt, where Prokip can be asked for what it holds.

A look changes nothing in Prokip, so it may be repeated and cut off at any time. Who looks at what is a short lease on
the request's row: other orders, and other requests of the same location, go on meanwhile.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from prokip_poller import metrics
from prokip_poller.accounts import Accounts
from prokip_poller.clients import ProkipClients
from prokip_poller.domain.looks import Found, LookPolicy, return_found
from prokip_poller.domain.requests import return_request, sale_request
from prokip_poller.domain.sales import GiveBack, RecordSale
from prokip_poller.loops import end_all, keep_on
from prokip_poller.settling import Answer, Settling
from prokip_poller.storage.polls import LocationKey
from prokip_poller.storage.sales import Doubt, Sales
from prokip_shared.bus.failures import Verdict, describe, verdict_of
from prokip_shared.logs import Log, bind_correlation
from prokip_shared.platforms.prokip import ProkipError, RecordedSale, SaleLookup, Unavailable

TICK_S: Final = 0.2
FAILED_TICK_S: Final = 1.0
LEASE_MARGIN_S: Final = 10.0
"""How much longer than a look may take others see it as taken."""

log = Log("looking")


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look showed."""

    found: Found
    words: str
    sales: Sequence[RecordedSale] = ()
    """The sale, where one was looked for and found, and then its repeats."""
    asked_s: float | None = None
    """How long Prokip asked us to wait."""


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
    ) -> None:
        self._sales = sales
        self._settling = settling
        self._accounts = accounts
        self._clients = clients
        self._policy = policy
        self._look_timeout_s = look_timeout_s
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
                doubt = await self._sales.claim_look(
                    place, lease_s=self._look_timeout_s + LEASE_MARGIN_S, grace_s=self._policy.grace_s
                )
                if doubt is None:
                    return
                with bind_correlation(doubt.correlation_id):
                    seen = await self._look(lookup, place, doubt)
                    await self._store(doubt, seen)
        except Exception as error:
            if verdict_of(error) is Verdict.HOLD:
                log.warning("look.waiting_for_database", business_id=place.business_id, cause=describe(error))
            else:
                log.exception("look.failed_unexpectedly", business_id=place.business_id)

    def _lookup_of(self, place: LocationKey) -> SaleLookup | None:
        account = self._accounts.of(place.business_id)
        return None if account is None else self._clients.of(account).lookup

    async def _look(self, lookup: SaleLookup, place: LocationKey, doubt: Doubt) -> Seen:
        """A look that fails, in whichever way, proves nothing."""
        try:
            async with asyncio.timeout(self._look_timeout_s):
                match doubt.step:
                    case RecordSale() as step:
                        return await self._look_for_sale(lookup, place, doubt, step)
                    case GiveBack() as step:
                        return await self._look_for_return(lookup, doubt, step)
        except ProkipError as error:
            asked_s = error.retry_after_s if isinstance(error, Unavailable) else None
            return Seen("failed", f"Prokip could not be asked: {error.words}", asked_s=asked_s)
        except TimeoutError:
            return Seen("failed", f"Prokip could not be asked within {self._look_timeout_s:g} s.")

    async def _look_for_sale(self, lookup: SaleLookup, place: LocationKey, doubt: Doubt, step: RecordSale) -> Seen:
        sells, goods = await self._sales.known_of(doubt)
        request = sale_request(step, reference=doubt.reference, sold_at=doubt.sold_at, prices={}, goods=goods)
        found = await lookup.find_sale(place.location_id, request)
        counted = {sell.sell_id for sell in sells}
        sales = [] if found is None else [one for one in (found, *found.repeats) if one.sell_id not in counted]
        if not sales:
            return Seen("not_there", f"Prokip shows no sale {doubt.reference} that was not counted before.")
        return Seen("recorded", "Found in Prokip.", sales)

    async def _look_for_return(self, lookup: SaleLookup, doubt: Doubt, step: GiveBack) -> Seen:
        sells, _ = await self._sales.known_of(doubt)
        request = return_request(step, next(sell for sell in sells if sell.posting_id == step.posting_id))
        found = return_found(request.items, await lookup.returned_units(request.sell_id))
        match found:
            case "recorded":
                return Seen(found, "Found in Prokip.")
            case "not_there":
                return Seen(found, f"Prokip does not show the return on sale {request.sell_id}.")
            case _:
                return Seen(found, f"It is not known which lines of sale {request.sell_id} the units went back on.")

    async def _store(self, doubt: Doubt, seen: Seen) -> None:
        settled = False
        if seen.found == "recorded":
            answer = Answer("recorded", seen.words, found=True)
            if seen.sales:
                first, *repeats = seen.sales
                answer = replace(answer, sell_id=first.sell_id, line_ids=first.line_ids, repeats=repeats)
            settled = await self._settling.end(doubt.posting_id, doubt.key, answer, only_from={"in_doubt"})
        elif seen.found == "not_there" and doubt.final_in_s <= 0:
            answer = Answer("not_recorded", seen.words)
            settled = await self._settling.end(doubt.posting_id, doubt.key, answer, only_from={"in_doubt"})
        elif seen.found == "unclear":
            await self._sales.look_later(doubt.posting_id, None, seen.words)
        else:
            in_s = self._policy.next_s(doubt.looks, final_in_s=doubt.final_in_s, found=seen.found, asked_s=seen.asked_s)
            await self._sales.look_later(doubt.posting_id, in_s, seen.words)
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

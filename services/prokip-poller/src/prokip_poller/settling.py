"""What the end of a request changes, whoever knows it: the answer, a process that is gone, a look, or an operator.

Told units, R, the order's state and the message about it move in one transaction.
"""

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from prokip_poller import metrics
from prokip_poller.domain.attempts import Outcome, RetryPolicy, Verdict, judge
from prokip_poller.domain.requests import reference_of
from prokip_poller.domain.sales import GiveBack, SaleState, Sell, newest_sell_id, steps_left
from prokip_poller.domain.telling import OrderKey, sale_message
from prokip_poller.storage.polls import LocationKey, Polls
from prokip_poller.storage.sales import EndedPosting, HeldSale, NewState, PostingEnd, Sales, Told
from prokip_shared.bus.outbox import Outbox, OutboxTransaction
from prokip_shared.database import Connection
from prokip_shared.logs import Log
from prokip_shared.messages import SaleRecordedV1
from prokip_shared.platforms.prokip import RecordedSale

log = Log("settling")


@dataclass(frozen=True, slots=True)
class Answer:
    """How a request ended."""

    outcome: Outcome
    words: str
    sell_id: str | None = None
    line_ids: Mapping[str, str] = field(default_factory=dict)
    """Of the sale's lines, per SKU."""
    found: bool = False
    """A look says so, which cannot tell for which of several requests it happened."""
    repeats: Sequence[RecordedSale] = ()
    """Prokip holds the sale so many times more than it should."""
    health: str | None = None
    """Set where the whole account is in trouble, not this sale: then everything of the location waits."""
    asked_s: float | None = None
    """How long Prokip asked us to wait."""
    by_hand: bool = False


@dataclass(frozen=True, slots=True)
class End:
    """How the request of one order ended."""

    posting_id: int
    key: OrderKey
    answer: Answer


@dataclass(frozen=True, slots=True)
class _Ending:
    """The same with the order's row locked."""

    sale: HeldSale
    posting_id: int
    answer: Answer


class NotSettled(Exception):
    """The order is not in a state in which this can be said of it; the words are for the operator."""


class NoSuchOrder(NotSettled):
    """The business has no such order."""


class Settling:
    def __init__(
        self,
        *,
        sales: Sales,
        polls: Polls,
        outbox: Outbox,
        policy: RetryPolicy,
        first_look_s: float,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._sales = sales
        self._polls = polls
        self._outbox = outbox
        self._policy = policy
        self._first_look_s = first_look_s
        self._draw = draw

    async def end(self, posting_id: int, key: OrderKey, answer: Answer, *, only_from: Collection[Outcome]) -> bool:
        """Gives a request its outcome, once. False: it has another one already, or what a look found is counted for
        another request, which may have happened while it looked.
        """
        async with self._outbox.transaction() as transaction:
            sale = await self._lock(transaction, key)
            if answer.found and await self._sales.counted_by_another(
                transaction.connection, posting_id, answer.sell_id
            ):
                return False
            ending = _Ending(sale, posting_id, answer)
            if await self._end(transaction, [ending], only_from=only_from):
                return True
            await self._hear_late(transaction, ending)
        return False

    async def end_answered(self, ends: Sequence[End]) -> None:
        """What Prokip answered to requests of different orders of one location, in one transaction."""
        async with self._outbox.transaction() as transaction:
            sales = await self._sales.lock(transaction.connection, [end.key for end in ends])
            endings = [_Ending(sales[end.key], end.posting_id, end.answer) for end in ends]
            ended = await self._end(transaction, endings, only_from={"posting", "in_doubt"})
            for ending in endings:
                if ending.posting_id not in ended:
                    await self._hear_late(transaction, ending)

    async def _hear_late(self, transaction: OutboxTransaction, late: _Ending) -> None:
        """An answer to a request that has its outcome. Rare: it came through after somebody had looked and not found it.

        Prokip's own word stands. If it was sold a second time meanwhile, too much is told now and goes back by itself.
        What a later request of the order has counted already is not counted again.
        """
        connection, answer = transaction.connection, late.answer
        held = await self._sales.posting_outcome(connection, late.sale.key, late.posting_id)
        if answer.outcome != "recorded" or held != "not_recorded":
            return
        log.error("posting.settlement_contradicted", order_ref=late.sale.key.order_ref, sell_id=answer.sell_id)
        if not await self._sales.counted_by_another(connection, late.posting_id, answer.sell_id):
            await self._end(transaction, [late], only_from={"not_recorded"})

    async def settle(self, key: OrderKey, *, recorded: bool, sell_id: str | None, posting_id: int | None) -> SaleState:
        """An operator looked into Prokip: the request in doubt did happen, or did not. Saying it twice is saying it
        once. Without a posting id the newest request in doubt is meant. Raises NotSettled.
        """
        outcome: Outcome = "recorded" if recorded else "not_recorded"
        async with self._outbox.transaction() as transaction:
            sale = await self._lock(transaction, key)
            meant = posting_id or await self._sales.newest_doubt(transaction.connection, key)
            await self._check_own(transaction, sale, meant, sell_id)
            answer = Answer(outcome, "Settled by an operator.", sell_id=sell_id, by_hand=True)
            if meant is None or not await self._end(
                transaction, [_Ending(sale, meant, answer)], only_from={"in_doubt"}
            ):
                await self._check_said_before(transaction, sale, meant, outcome)
            await self._polls.read_soon(transaction.connection, LocationKey(key.business_id, sale.location_id))
            settled = await self._lock(transaction, key)
        log.info("sale.settled", business_id=key.business_id, order_ref=key.order_ref, outcome=outcome)
        return settled.state

    async def _check_own(
        self, transaction: OutboxTransaction, sale: HeldSale, posting_id: int | None, sell_id: str | None
    ) -> None:
        """A sale in Prokip is the effect of one request; one that settles two would be counted twice."""
        if posting_id is None or sell_id is None:
            return
        connection = transaction.connection
        in_doubt = await self._sales.posting_outcome(connection, sale.key, posting_id) == "in_doubt"
        if in_doubt and await self._sales.counted_by_another(connection, posting_id, sell_id):
            raise NotSettled(f"Sale {sell_id} in Prokip is counted for another request of this order already.")

    async def _check_said_before(
        self, transaction: OutboxTransaction, sale: HeldSale, posting_id: int | None, outcome: Outcome
    ) -> None:
        """The same word again is fine, another one is not."""
        if posting_id is None:
            held = await self._sales.newest_settled(transaction.connection, sale.key)
        else:
            held = await self._sales.posting_outcome(transaction.connection, sale.key, posting_id)
        if held != outcome:
            raise NotSettled(f"Nothing about this order is in doubt; it is {sale.state}.")

    async def returns_entered(self, key: OrderKey, *, revision: int | None) -> SaleState:
        """An operator entered in Prokip what it takes back by hand only. Saying it twice is saying it once.

        A given revision must be the newest one, so that nobody confirms a return that came after the look.
        Raises NotSettled.
        """
        async with self._outbox.transaction() as transaction:
            sale = await self._lock(transaction, key)
            if sale.state == "recorded":
                return sale.state
            if sale.state != "return_unsupported":
                raise NotSettled(f"No return of this order waits for a person; it is {sale.state}.")
            if revision is not None and revision != sale.revision:
                raise NotSettled(f"The order has changed since: it is at revision {sale.revision}.")
            sells = await self._sells(transaction, key)
            for step in steps_left(sale.due, sells):
                if isinstance(step, GiveBack):
                    await self._enter_by_hand(transaction, sale, step, sells)
            sells = await self._sells(transaction, key)
            if steps_left(sale.due, sells):
                await self._begin_again(transaction, sale)
            else:
                await self.rest(transaction, sale, "recorded", sells, "The return was entered by hand.")
            await self._polls.read_soon(transaction.connection, LocationKey(key.business_id, sale.location_id))
            entered = await self._lock(transaction, key)
        log.info("sale.returns_entered", business_id=key.business_id, order_ref=key.order_ref)
        return entered.state

    async def retry(self, key: OrderKey) -> SaleState:
        """Tries a refused sale, or an unsupported return, again now. Raises NotSettled."""
        async with self._outbox.transaction() as transaction:
            sale = await self._lock(transaction, key)
            if sale.state in {"in_doubt", "posting"}:
                raise NotSettled(f"This order is {sale.state}: sending it again could tell Prokip twice.")
            if sale.state != "recorded":
                await self._begin_again(transaction, sale)
                return "due"
            return sale.state

    async def rest(
        self, transaction: OutboxTransaction, sale: HeldSale, state: SaleState, sells: Sequence[Sell], detail: str
    ) -> None:
        """The order stays in a state by itself, and the others hear of it."""
        await self._sales.set_states(transaction.connection, [NewState(sale.key, state, detail, None, 0)])
        transaction.say(*_about(sale, sale.revision, state, sells, detail))

    async def _lock(self, transaction: OutboxTransaction, key: OrderKey) -> HeldSale:
        found = await self._sales.lock(transaction.connection, [key])
        if key not in found:
            raise NoSuchOrder("The business has no such order.")
        return found[key]

    async def _sells(self, transaction: OutboxTransaction, key: OrderKey) -> list[Sell]:
        return (await self._sales.told(transaction.connection, key.business_id, [key]))[key]

    async def _begin_again(self, transaction: OutboxTransaction, sale: HeldSale) -> None:
        await self._sales.set_states(transaction.connection, [NewState(sale.key, "due", sale.detail, 0.0, 0)])

    async def _enter_by_hand(
        self, transaction: OutboxTransaction, sale: HeldSale, step: GiveBack, sells: Sequence[Sell]
    ) -> None:
        reference = reference_of(sale.key.connection_id, sale.key.order_ref, step, sells)
        await self._sales.add_hand_posting(
            transaction.connection, sale, step, reference=reference, answer="Entered in Prokip by hand."
        )
        place = LocationKey(sale.key.business_id, sale.location_id)
        await self._sales.tell(transaction.connection, place, [Told(step.posting_id, step, {})])

    async def _end(
        self, transaction: OutboxTransaction, endings: Sequence[_Ending], *, only_from: Collection[Outcome]
    ) -> set[int]:
        """Of different orders of one location. Those that have been given their outcome now; others have one already."""
        connection, first = transaction.connection, endings[0]
        place = LocationKey(first.sale.key.business_id, first.sale.location_id)
        ended = await self._sales.end_postings(
            connection,
            [
                PostingEnd(one.posting_id, one.sale.key, one.answer.outcome, one.answer.sell_id, one.answer.words)
                for one in endings
            ],
            only_from=only_from,
            by_hand=first.answer.by_hand,
            first_look_s=self._first_look_s,
        )
        news = [one for one in endings if one.posting_id in ended]
        if not news:
            return set()
        for one in news:
            metrics.POSTINGS.labels(place.business_id, ended[one.posting_id].step.kind, one.answer.outcome).inc()
        await self._tell(connection, place, news, ended)
        trouble = [one.answer for one in news if one.answer.health is not None]
        if trouble:
            await self._block(transaction, place, max(trouble, key=lambda answer: answer.asked_s or 0.0))
        certain = [one for one in news if one.sale.state == "in_doubt" and one.answer.outcome != "in_doubt"]
        if certain:
            skus = {sku for one in certain for sku in ended[one.posting_id].step.units}
            await self._sales.read_left_out_soon(connection, place, skus)
        if "not_recorded" in only_from:
            # Another request about the order may be open; what follows from both is decided at its end.
            news = [one for one in news if one.sale.state not in {"posting", "in_doubt"}]
        if news:
            await self._conclude(transaction, news, ended)
        return set(ended)

    async def _tell(
        self,
        connection: Connection,
        place: LocationKey,
        endings: Sequence[_Ending],
        ended: Mapping[int, EndedPosting],
    ) -> None:
        """What Prokip did. A repeat counts as told like any other sale, so that what is too much goes back by itself."""
        told: list[Told] = []
        for one in endings:
            answer, step = one.answer, ended[one.posting_id].step
            if answer.outcome == "recorded":
                told.append(Told(one.posting_id, step, answer.line_ids))
            for repeat in answer.repeats:
                log.error("posting.repeated_in_prokip", order_ref=one.sale.key.order_ref, sell_id=repeat.sell_id)
                number = await self._sales.add_repeat(connection, one.posting_id, repeat.sell_id)
                told.append(Told(number, step, repeat.line_ids))
        if told:
            await self._sales.tell(connection, place, told)

    async def _conclude(
        self, transaction: OutboxTransaction, endings: Sequence[_Ending], ended: Mapping[int, EndedPosting]
    ) -> None:
        """Where the orders stand now, and what is said of it."""
        business_id = endings[0].sale.key.business_id
        told = await self._sales.told(transaction.connection, business_id, [one.sale.key for one in endings])
        states: list[NewState] = []
        for one in endings:
            sale, answer, posting = one.sale, one.answer, ended[one.posting_id]
            sells = told[sale.key]
            verdict = self._verdict(sale, posting, sells, answer)
            refusals = sale.attempts + 1 if verdict.state == "refused" else 0
            states.append(NewState(sale.key, verdict.state, answer.words, _delay_s(verdict), refusals))
            self._say_end(transaction, sale, posting, sells, answer, verdict)
        await self._sales.set_states(transaction.connection, states)

    def _verdict(self, sale: HeldSale, ended: EndedPosting, sells: Sequence[Sell], answer: Answer) -> Verdict:
        left = len(steps_left(sale.due, sells))
        if answer.outcome in {"refused", "unsupported"} and (sale.revision > ended.revision or not left):
            # The refusal is about a state that is no longer the newest; the newest has not been asked.
            return Verdict("due" if left else "recorded", None)
        refused_in_s = self._policy.after_refusal(chance=self._draw())
        return judge(answer.outcome, steps_left=left, refused_in_s=refused_in_s)

    async def _block(self, transaction: OutboxTransaction, place: LocationKey, answer: Answer) -> None:
        failures = await self._sales.failures_of(transaction.connection, place)
        for_s = self._policy.after_failures(failures + 1, chance=self._draw(), asked_s=answer.asked_s)
        await self._sales.block_location(
            transaction.connection, place, health=answer.health or "unavailable", reason=answer.words, for_s=for_s
        )

    def _say_end(
        self,
        transaction: OutboxTransaction,
        sale: HeldSale,
        ended: EndedPosting,
        sells: Sequence[Sell],
        answer: Answer,
        verdict: Verdict,
    ) -> None:
        """The newest revision where Prokip knows it now; the tried one where the newest is another story."""
        if verdict.state == "recorded":
            transaction.say(*_about(sale, sale.revision, "recorded", sells, ""))
        elif answer.outcome == "recorded" and sale.revision > ended.revision:
            transaction.say(*_about(sale, ended.revision, "recorded", sells, ""))
        else:
            transaction.say(*_about(sale, ended.revision, verdict.state, sells, answer.words))


def _delay_s(verdict: Verdict) -> float | None:
    """Due without a delay is due at once."""
    return 0.0 if verdict.state == "due" and verdict.retry_in_s is None else verdict.retry_in_s


def _about(
    sale: HeldSale, revision: int, state: SaleState, sells: Sequence[Sell], detail: str
) -> Sequence[SaleRecordedV1]:
    return sale_message(
        sale.key,
        location_id=sale.location_id,
        revision=revision,
        state=state,
        prokip_sell_id=newest_sell_id(sells),
        detail=detail,
        correlation_id=sale.correlation_id,
    )

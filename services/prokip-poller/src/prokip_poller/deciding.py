"""What a person says of a read: let it through, refuse it, take it back, or look at it again.

Every decision is newer than any read under way: that read finds its lease gone, and the next one begins at once.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from prokip_poller.domain.observations import Pair
from prokip_poller.domain.telling import HeldState, Listener, LocationRead, held_message, part_messages
from prokip_poller.storage.reads import FIRST_SKU, ReadKey, Reads, ReadState
from prokip_shared.bus.outbox import Outbox, OutboxTransaction
from prokip_shared.bus.port import Bundle
from prokip_shared.logs import Log

STATES_IN_WORDS: Final[dict[ReadState, str]] = {
    "applied": "It was told and waits for nobody.",
    "held": "It waits for somebody to release or refuse it.",
    "released": "It has been released.",
    "refused": "It has been refused.",
    "replaced": "A newer read says something else and has replaced it.",
    "passed": "A newer read was fine again, so it waits no more.",
    "undone": "It has been undone.",
    "reconsidered": "Its refusal has been taken back.",
}

log = Log("deciding")

NextPart = Callable[[str], Awaitable[list[tuple[str, Pair]]]]
"""The changes after a SKU, in SKU order."""


class NoSuchRead(Exception):
    """The business has no such read, or it is forgotten."""


class NotDecided(Exception):
    """The read is not in a state in which this can be said of it; the words are for the operator."""


@dataclass(frozen=True, slots=True)
class Decided:
    state: ReadState
    skus: int
    """How many SKUs were told something else, or are held back or let through now."""


@dataclass(frozen=True, slots=True)
class _Fenced:
    """A read that is being decided about, with the location's row locked."""

    transaction: OutboxTransaction
    read: ReadKey
    sequence: int
    correlation_id: str
    bundles: list[Bundle]


class Deciding:
    def __init__(self, *, reads: Reads, outbox: Outbox, observation_items_max: int) -> None:
        self._reads = reads
        self._outbox = outbox
        self._items_max = observation_items_max

    async def release(self, business_id: int, read_id: int) -> Decided:
        """What was held is told. Raises NoSuchRead and NotDecided."""
        async with self._fenced(business_id, read_id, {"held"}) as fenced:
            connection = fenced.transaction.connection

            async def next_part(after: str) -> list[tuple[str, Pair]]:
                return await self._reads.changes_to_tell(
                    connection, read_id, after=after, items_max=self._items_max, only_unmoved=False
                )

            skus = await self._tell(fenced, next_part)
            await self._reads.accept_named(connection, read_id)
            await self._reads.decide_read(connection, read_id, "released", fenced.sequence)
            self._say(fenced, "released", skus)
        log.info("read.released", business_id=business_id, read_id=read_id, skus=skus)
        return Decided("released", skus)

    async def refuse(self, business_id: int, read_id: int) -> Decided:
        """What was held is not told, and not asked again until Prokip shows something else.

        Raises NoSuchRead and NotDecided.
        """
        async with self._fenced(business_id, read_id, {"held"}) as fenced:
            connection = fenced.transaction.connection
            skus = await self._reads.hold_back_changes(connection, fenced.read, only_told=False)
            await self._reads.decide_read(connection, read_id, "refused")
            self._say(fenced, "refused", skus)
        log.info("read.refused", business_id=business_id, read_id=read_id, skus=skus)
        return Decided("refused", skus)

    async def undo(self, business_id: int, read_id: int) -> Decided:
        """The bases from before the read are told again, for SKUs that no later read has changed.

        Sales since then have moved Q and R together, so the base of before is right and the quantity of before is not.
        Raises NoSuchRead and NotDecided.
        """
        async with self._fenced(business_id, read_id, {"applied", "released"}) as fenced:
            connection = fenced.transaction.connection
            await self._reads.hold_back_changes(connection, fenced.read, only_told=True)

            async def next_part(after: str) -> list[tuple[str, Pair]]:
                return await self._reads.changes_to_undo(
                    connection, fenced.read, after=after, items_max=self._items_max
                )

            skus = await self._tell(fenced, next_part)
            if not skus:
                raise NotDecided("Nothing is left to undo: it moved no base that is still told.")
            await self._reads.decide_read(connection, read_id, "undone", fenced.sequence)
            self._say(fenced, "undone", skus)
        log.info("read.undone", business_id=business_id, read_id=read_id, skus=skus)
        return Decided("undone", skus)

    async def reconsider(self, business_id: int, read_id: int) -> Decided:
        """A refusal or an undoing is taken back: what Prokip shows is looked at as if nothing had been said.

        Raises NoSuchRead and NotDecided.
        """
        async with self._fenced(business_id, read_id, {"refused", "undone"}) as fenced:
            connection = fenced.transaction.connection
            skus = await self._reads.let_through(connection, fenced.read)
            if not skus:
                raise NotDecided("Nothing of it is held back any more: Prokip has shown something else since.")
            await self._reads.decide_read(connection, read_id, "reconsidered")
            self._say(fenced, "reconsidered", skus)
        log.info("read.reconsidered", business_id=business_id, read_id=read_id, skus=skus)
        return Decided("reconsidered", skus)

    @asynccontextmanager
    async def _fenced(self, business_id: int, read_id: int, states: Collection[ReadState]) -> AsyncIterator[_Fenced]:
        bundles: list[Bundle] = []
        async with self._outbox.transaction() as transaction:
            connection = transaction.connection
            key = await self._reads.location_of(connection, business_id, read_id)
            if key is None:
                raise NoSuchRead
            sequence = await self._reads.fence(connection, key)
            state = await self._reads.lock_state(connection, business_id, read_id)
            if state is None:
                raise NoSuchRead
            if state not in states:
                raise NotDecided(STATES_IN_WORDS[state])
            yield _Fenced(transaction, ReadKey(read_id, key), sequence, uuid4().hex, bundles)
        self._outbox.hand_over(bundles)

    @staticmethod
    def _say(fenced: _Fenced, state: HeldState, skus: int) -> None:
        key = fenced.read.key
        fenced.transaction.say(
            held_message(
                key.business_id,
                key.location_id,
                fenced.read.read_id,
                state,
                skus=skus,
                detail="",
                correlation_id=fenced.correlation_id,
            )
        )

    async def _tell(self, fenced: _Fenced, next_part: NextPart) -> int:
        """Part by part; how many SKUs that were."""
        connection, key = fenced.transaction.connection, fenced.read.key
        read = LocationRead(key.location_id, fenced.sequence, 1, first_read_complete=False, news=True)
        listener = Listener(fenced.correlation_id)
        skus, after = 0, FIRST_SKU
        while part := await next_part(after):
            skus, after = skus + len(part), part[-1][0]
            await self._reads.save_sent(connection, key, fenced.sequence, part)
            messages = part_messages(key.business_id, read, [listener], 1, part)
            fenced.bundles.extend(await self._outbox.write(connection, messages))
        return skus

"""Durable whatever the broker does: events it does not take go to the spool, in groups either way."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from prokip_shared.bus.group import GroupPublisher
from prokip_shared.bus.port import Bundle, BusUnavailable, SendReport, Unroutable
from prokip_shared.logs import Log
from webhook_ingest.domain.events import Event
from webhook_ingest.metrics import SPOOLED
from webhook_ingest.storage import DATABASE_AWAY, SpoolTable

NEITHER: Final = "neither broker nor database takes events"

log = Log("door")


class Spool:
    """The table as a Sender, so that one INSERT carries what one publish would have carried."""

    def __init__(self, table: SpoolTable, *, timeout_s: float) -> None:
        self._table = table
        self._timeout_s = timeout_s

    async def send(self, bundles: Sequence[Bundle]) -> SendReport:
        adding = asyncio.create_task(self._table.add(bundles), name="add to spool")
        await asyncio.wait({adding}, timeout=self._timeout_s)
        if not adding.done():
            # Left behind, not waited for: asyncpg gives a cancelled connection back only when the server has answered.
            adding.cancel()
            adding.add_done_callback(_look_away)
            return SendReport(problem=f"{NEITHER}: no answer within {self._timeout_s} s")
        error = adding.exception()
        if error is None:
            return SendReport(confirmed=frozenset(bundle.bundle_id for bundle in bundles))
        if isinstance(error, DATABASE_AWAY):
            return SendReport(problem=f"{NEITHER}: {error!r}")
        raise error


def _look_away(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        task.exception()  # told already as no answer


class Door:
    """Broker first, spool second.

    After a failure the events of that type do not ask the broker again for `broker_pause_s`, so that a dead broker
    costs one group its time-out and not every group. The spool has what is left of `answer_timeout_s` then: nearly all
    of it where the broker says no at once.
    """

    def __init__(
        self,
        broker: GroupPublisher,
        spool: GroupPublisher,
        *,
        broker_pause_s: float,
        answer_timeout_s: float,
        clock: Callable[[], float],
    ) -> None:
        self._broker = broker
        self._spool = spool
        self._broker_pause_s = broker_pause_s
        self._answer_timeout_s = answer_timeout_s
        self._clock = clock
        self._ask_broker_at: dict[str, float] = {}

    async def publish(self, event: Event) -> None:
        """Returns when the event is durable, at the broker or in Postgres; raises BusUnavailable if in neither."""
        began_at = self._clock()
        if began_at >= self._ask_broker_at.get(event.type, 0.0):
            try:
                await self._broker.publish_encoded(event.type, event.encoded)
            except (BusUnavailable, Unroutable) as error:
                self._pause(event.type, error)
            else:
                return
        left_s = began_at + self._answer_timeout_s - self._clock()
        try:
            async with asyncio.timeout(left_s):
                await self._spool.publish_encoded(event.type, event.encoded)
        except TimeoutError as error:
            raise BusUnavailable(f"{NEITHER}: no answer within {self._answer_timeout_s} s") from error
        SPOOLED.inc()

    def broker_takes(self, message_type: str) -> None:
        """The drain has found that the broker is back."""
        self._ask_broker_at.pop(message_type, None)

    def _pause(self, message_type: str, error: Exception) -> None:
        now = self._clock()
        if now >= self._ask_broker_at.get(message_type, 0.0):  # the first of a group tells, the others share its fate
            log.warning("events.spooling", type=message_type, cause=repr(error))
        self._ask_broker_at[message_type] = now + self._broker_pause_s

"""How well a store's webhooks tell of its orders: what each observation counts as. See docs/adr/0020-gap-meter.md.

A *change* is a state of an order that differs from the one before in what is kept of it, and that the store was connected
for. It belongs to the hour of its version, by the store's own clock, so that a webhook that comes days later still
finds the number that it was counted in.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct
from msgspec.structs import astuple, replace

from inventory.domain.observed import OrderObserved

LATE_AFTER: Final = timedelta(minutes=2)
"""How much later than its change a webhook may come. WordPress sends them about once a minute, if anybody visits it."""
IN_FLIGHT: Final = timedelta(seconds=10)
"""A webhook this young was merely overtaken by a sweep."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
HOUR_S: Final = 3600
TELLERS_MAX: Final = 12
"""Webhooks that are remembered of one state of an order."""
SECOND_OVER_AFTER: Final = timedelta(seconds=15)
"""A version is a second of the store's clock; this much later by ours it is over, whatever our own clocks are off."""
MESSAGE_MASK: Final = 0xFFFFFFFFFFFF
"""Of a message's id, 48 bits: the messages about one state of one order only have to differ."""


class Teller(Struct, frozen=True, gc=False, array_like=True):
    """One webhook that told of an order."""

    topic: str | None
    message: str


class Told(Struct, frozen=True, gc=False, omit_defaults=True):
    """Who told of the newest state of an order."""

    at: datetime
    """When it was first told, by our clock."""
    by: tuple[Teller, ...] = ()
    """The webhooks that told it, the first ones last."""
    found: bool = False
    """True: a sweep found the change first, and no webhook has told it yet."""
    older: tuple[str, ...] = ()
    """Webhooks that brought an older state after it."""
    final: bool = False
    """True: a sweep read it when the second of its version was over, so nothing else of that version can be newer."""

    def knows(self, message: str) -> bool:
        return message in self.older or any(teller.message == message for teller in self.by)


class GapHour(Struct, frozen=True, order=True, gc=False):
    """One store's hour."""

    business_id: int
    connection_id: int
    hour: datetime


class Gaps(Struct, gc=False):
    """Counts to be added to those of one hour; below zero where a webhook made good what was counted before."""

    changes: int = 0
    missed: int = 0
    late: int = 0
    duplicates: int = 0
    out_of_order: int = 0


class GapCount:
    """What the observations of one batch count as."""

    __slots__ = ("_hours",)

    def __init__(self) -> None:
        self._hours: dict[tuple[int, int, int], Gaps] = {}
        # By business, connection and hours since 1970: cheaper to find than by a moment.

    def __iter__(self) -> Iterator[tuple[GapHour, Gaps]]:
        """The hours to which something is to be added, in one order for everybody."""
        counted = [(key, gaps) for key, gaps in sorted(self._hours.items()) if gaps != Gaps()]
        return iter([(GapHour(*key[:2], EPOCH + timedelta(hours=key[2])), gaps) for key, gaps in counted])

    def first_sight(self, message: OrderObserved) -> Told:
        """An order from before the connection is a baseline: no webhook of it was ever due."""
        return self.new_state(message, changed=not message.predates_connection)

    def new_state(self, message: OrderObserved, *, changed: bool, before: Told | None = None) -> Told:
        """A version that was not known, or says something else than it did `before`. `changed`: it differs in content."""
        swept = message.source == "sweep"
        if changed:
            gaps = self._of(message)
            gaps.changes += 1
            if swept:
                gaps.missed += 1
            elif _delay(message) > LATE_AFTER:
                gaps.late += 1
        tellers = () if swept else (_teller(message),)
        return Told(message.observed_at, tellers, found=swept and changed, final=_is_over(before, message))

    def same_state(self, told: Told | None, message: OrderObserved) -> Told | None:
        """What is known already is told again: by a sweep as it should be, by a redelivery of ours, or by the store."""
        if message.source == "sweep":
            return told if told is None or told.final else replace(told, final=_is_over(told, message))
        teller = _teller(message)
        if told is None:
            return Told(message.observed_at, (teller,))
        if told.knows(teller.message):
            return told
        if told.found:
            gaps = self._of(message)
            gaps.missed -= 1
            if _delay(message) > IN_FLIGHT:
                gaps.late += 1
        elif any(known.topic == teller.topic for known in told.by):
            self._of(message).duplicates += 1
        return replace(told, by=(teller, *told.by)[:TELLERS_MAX], found=False)

    def older_state(self, told: Told | None, message: OrderObserved) -> Told | None:
        """One that came to us before the newest did was only overtaken on the way through our own queues."""
        if told is None or message.source == "sweep" or message.observed_at <= told.at:
            return told
        teller = _teller(message)
        if told.knows(teller.message):
            return told
        self._of(message).out_of_order += 1
        return replace(told, older=(teller.message, *told.older)[:TELLERS_MAX])

    def _of(self, message: OrderObserved) -> Gaps:
        at = message.order.modified_at or message.observed_at
        key = (message.business_id, message.connection_id, int(at.timestamp()) // HOUR_S)
        gaps = self._hours.get(key)
        if gaps is None:
            gaps = self._hours[key] = Gaps()
        return gaps


def _is_over(told: Told | None, message: OrderObserved) -> bool:
    """Whether a sweep reads a version that has been known for so long that its second is over."""
    return message.source == "sweep" and told is not None and message.observed_at - told.at > SECOND_OVER_AFTER


def _teller(message: OrderObserved) -> Teller:
    return Teller(message.topic, f"{message.message_id.int & MESSAGE_MASK:012x}")


def _delay(message: OrderObserved) -> timedelta:
    """From the change to its webhook; stores without a clock are never late."""
    modified_at = message.order.modified_at
    return timedelta(0) if modified_at is None else message.observed_at - modified_at


DAY_HOURS: Final = 24
MONTH_DAYS: Final = 30


def first_hour(now: datetime, hours: int) -> datetime:
    """Where a window of so many hours begins whose last one is the hour that is running."""
    return _hour_of(now) - timedelta(hours=hours - 1)


def per_cent(part: int, changes: int) -> float | None:
    """None where there were no changes."""
    return round(100 * part / changes, 2) if changes > 0 else None


def in_all(counts: Iterable[Gaps]) -> Gaps:
    total = Gaps()
    for count in counts:
        total = _sum(total, count)
    return total


def by_hour(hours: Mapping[datetime, Gaps], now: datetime) -> list[tuple[datetime, Gaps]]:
    """Each of the last 24 hours, also those in which nothing changed."""
    first = first_hour(now, DAY_HOURS)
    return [(hour, hours.get(hour, Gaps())) for hour in (first + timedelta(hours=n) for n in range(DAY_HOURS))]


def by_day(hours: Mapping[datetime, Gaps], now: datetime) -> list[tuple[datetime, Gaps]]:
    """Each of the last 30 times 24 hours, by when it began."""
    first = first_hour(now, DAY_HOURS * MONTH_DAYS)
    days = {first + timedelta(days=n): Gaps() for n in range(MONTH_DAYS)}
    for hour, gaps in hours.items():
        day = first + timedelta(days=(hour - first) // timedelta(days=1))
        if day in days:
            days[day] = _sum(days[day], gaps)
    return list(days.items())


def _sum(one: Gaps, other: Gaps) -> Gaps:
    return Gaps(*(a + b for a, b in zip(astuple(one), astuple(other), strict=True)))


def _hour_of(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)

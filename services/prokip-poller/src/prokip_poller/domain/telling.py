"""What the other services are told, as messages."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from prokip_poller.domain.observations import Pair
from prokip_poller.domain.sales import SaleState
from prokip_shared.messages import (
    Message,
    Observation,
    ProkipObservedV1,
    RoundPart,
    SaleRecordedV1,
    SyncCompletedV1,
)

Part = Sequence[tuple[str, Pair]]


@dataclass(frozen=True, slots=True)
class LocationRead:
    """A read that succeeded, ready to be told."""

    location_id: str
    sequence: int
    parts: Sequence[Part]
    """At least one; a part may be empty."""
    first_read_complete: bool
    news: bool
    """False: nothing changed since it was last told, so that only a waiting round hears of it."""


@dataclass(frozen=True, slots=True)
class Round:
    """Somebody waits for these locations to be read, applied and pushed."""

    round_id: UUID
    connection_id: int | None
    correlation_id: str
    locations: frozenset[str]


def read_messages(
    business_id: int,
    reads: Sequence[LocationRead],
    failures: Mapping[str, str],
    rounds: Sequence[Round],
    correlation_id: str,
) -> list[Message]:
    """Each read once, under the round that waits for it; again for each further round, so that every round is whole.

    `failures` are sentences by location; a round that needs such a location has failed.
    """
    messages: list[Message] = []
    told: set[str] = set()
    for waiting in rounds:
        reasons = [f"{place}: {failures[place]}" for place in sorted(waiting.locations) if place in failures]
        if reasons:
            messages.append(failed_round(business_id, waiting, "Prokip could not be read. " + " ".join(reasons)))
            continue
        scope = [read for read in reads if read.location_id in waiting.locations]
        told.update(read.location_id for read in scope)
        messages += _round_messages(business_id, waiting, scope)
    for read in reads:
        if read.news and read.location_id not in told:
            messages += [_observed(business_id, read, part, correlation_id, None) for part in read.parts]
    return messages


def failed_round(business_id: int, waiting: Round, detail: str) -> SyncCompletedV1:
    return SyncCompletedV1(
        business_id=business_id,
        correlation_id=waiting.correlation_id,
        round_id=waiting.round_id,
        state="failed",
        detail=detail,
        connections=(),
    )


def _round_messages(business_id: int, waiting: Round, reads: Sequence[LocationRead]) -> Iterable[Message]:
    parts = [(read, part) for read in reads for part in read.parts]
    for number, (read, part) in enumerate(parts, start=1):
        place = RoundPart(round_id=waiting.round_id, connection_id=waiting.connection_id, part=number, parts=len(parts))
        yield _observed(business_id, read, part, waiting.correlation_id, place)


def _observed(
    business_id: int, read: LocationRead, part: Part, correlation_id: str, place: RoundPart | None
) -> ProkipObservedV1:
    return ProkipObservedV1(
        business_id=business_id,
        correlation_id=correlation_id,
        location_id=read.location_id,
        sequence=read.sequence,
        items=tuple(Observation(sku=sku, quantity=pair.quantity, recorded=pair.recorded) for sku, pair in part),
        first_read_complete=read.first_read_complete,
        round=place,
    )


@dataclass(frozen=True, slots=True)
class OrderKey:
    business_id: int
    connection_id: int
    order_ref: str


def sale_message(
    key: OrderKey,
    *,
    location_id: str,
    revision: int,
    state: SaleState,
    prokip_sell_id: str | None,
    detail: str,
    correlation_id: str,
) -> list[SaleRecordedV1]:
    """What became of a revision; nothing while it is still on its way."""
    match state:
        case "due" | "posting":
            return []
        case _:
            told = SaleRecordedV1(
                business_id=key.business_id,
                correlation_id=correlation_id,
                connection_id=key.connection_id,
                location_id=location_id,
                order_ref=key.order_ref,
                revision=revision,
                state=state,
                prokip_sell_id=prokip_sell_id,
                detail=detail,
            )
            return [told]

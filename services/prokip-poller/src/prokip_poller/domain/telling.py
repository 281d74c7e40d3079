"""What the other services are told, as messages."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from prokip_poller.domain.observations import Pair
from prokip_poller.domain.sales import SaleState
from prokip_shared.messages import (
    Observation,
    ProkipHeldV1,
    ProkipObservedV1,
    RoundPart,
    SaleRecordedV1,
    SyncCompletedV1,
)

HeldState = Literal["held", "passed", "released", "refused", "undone", "reconsidered"]
Part = Sequence[tuple[str, Pair]]


@dataclass(frozen=True, slots=True)
class LocationRead:
    """A read that succeeded, ready to be told part by part."""

    location_id: str
    sequence: int
    parts: int
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


@dataclass(frozen=True, slots=True)
class Listener:
    """Under which round, if any, the parts of one read are told."""

    correlation_id: str
    round: Round | None = None
    parts_before: int = 0
    """Of the round's other locations."""
    parts: int = 0
    """Of the whole round."""


def listeners_of(
    reads: Sequence[LocationRead], failed: Collection[str], rounds: Sequence[Round], correlation_id: str
) -> dict[str, list[Listener]]:
    """By location: each read once, under the round that waits for it; again for each further round, so that every
    round is whole. A round that needs a failed location hears nothing: it is told that it failed.
    """
    listeners: dict[str, list[Listener]] = {read.location_id: [] for read in reads}
    for waiting in rounds:
        if not waiting.locations.isdisjoint(failed):
            continue
        scope = [read for read in reads if read.location_id in waiting.locations]
        parts, before = sum(read.parts for read in scope), 0
        for read in scope:
            listeners[read.location_id].append(Listener(waiting.correlation_id, waiting, before, parts))
            before += read.parts
    for read in reads:
        if read.news and not listeners[read.location_id]:
            listeners[read.location_id].append(Listener(correlation_id))
    return listeners


def part_messages(
    business_id: int, read: LocationRead, listeners: Sequence[Listener], number: int, part: Part
) -> list[ProkipObservedV1]:
    """Part `number` (from 1) of a read, for everybody who hears it."""
    items = tuple(Observation(sku=sku, quantity=pair.quantity, recorded=pair.recorded) for sku, pair in part)
    return [
        ProkipObservedV1(
            business_id=business_id,
            correlation_id=listener.correlation_id,
            location_id=read.location_id,
            sequence=read.sequence,
            items=items,
            first_read_complete=read.first_read_complete,
            part=number,
            parts=read.parts,
            round=_place(listener, number),
        )
        for listener in listeners
    ]


def _place(listener: Listener, number: int) -> RoundPart | None:
    if listener.round is None:
        return None
    return RoundPart(
        round_id=listener.round.round_id,
        connection_id=listener.round.connection_id,
        part=listener.parts_before + number,
        parts=listener.parts,
    )


def failed_rounds(business_id: int, failures: Mapping[str, str], rounds: Sequence[Round]) -> list[SyncCompletedV1]:
    """`failures` are sentences by location; a round that needs such a location has failed."""
    return [
        SyncCompletedV1(
            business_id=business_id,
            correlation_id=waiting.correlation_id,
            round_id=waiting.round_id,
            state="failed",
            detail=" ".join(failures[place] for place in sorted(waiting.locations) if place in failures),
            connections=(),
        )
        for waiting in rounds
        if not waiting.locations.isdisjoint(failures)
    ]


def held_message(
    business_id: int, location_id: str, read_id: int, state: HeldState, *, skus: int, detail: str, correlation_id: str
) -> ProkipHeldV1:
    return ProkipHeldV1(
        business_id=business_id,
        correlation_id=correlation_id,
        location_id=location_id,
        read_id=read_id,
        state=state,
        skus=skus,
        detail=detail,
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

"""What a read says, and to which round."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from uuid import UUID, uuid4

from prokip_poller.domain.observations import Pair
from prokip_poller.domain.telling import (
    LocationRead,
    OrderKey,
    Round,
    failed_rounds,
    listeners_of,
    part_messages,
    sale_message,
)
from prokip_shared.messages import Message, ProkipObservedV1, SyncCompletedV1

ROUND = uuid4()
OTHER = uuid4()


def read(location_id: str, *parts: int, news: bool = True) -> tuple[LocationRead, tuple[int, ...]]:
    """Parts of so many SKUs each."""
    return LocationRead(location_id, 4, len(parts), first_read_complete=True, news=news), parts


def read_messages(
    reads: Sequence[tuple[LocationRead, tuple[int, ...]]], failures: Mapping[str, str], rounds: Sequence[Round]
) -> list[Message]:
    listeners = listeners_of([one for one, _ in reads], failures, rounds, "corr")
    messages: list[Message] = [*failed_rounds(1, failures, rounds)]
    pair = Pair(Decimal(1), Decimal(0))
    for one, parts in reads:
        for number, size in enumerate(parts, start=1):
            part = [(f"{one.location_id}-{number}-{index}", pair) for index in range(size)]
            messages += part_messages(1, one, listeners[one.location_id], number, part)
    return messages


def waiting(round_id: UUID, *locations: str) -> Round:
    return Round(round_id, None, f"corr-{round_id}", frozenset(locations))


def told(messages: list[Message]) -> list[tuple[str, int, UUID | None, int | None, int | None]]:
    return [
        (
            message.location_id,
            len(message.items),
            message.round.round_id if message.round else None,
            message.round.part if message.round else None,
            message.round.parts if message.round else None,
        )
        for message in messages
        if isinstance(message, ProkipObservedV1)
    ]


def test_news_travels_without_a_round_and_no_news_does_not_travel() -> None:
    messages = read_messages([read("L1", 2, 1), read("L2", 0, news=False)], {}, [])
    assert told(messages) == [("L1", 2, None, None, None), ("L1", 1, None, None, None)]
    assert {message.correlation_id for message in messages} == {"corr"}


def test_the_parts_of_a_round_are_counted_over_all_its_locations() -> None:
    messages = read_messages([read("L1", 2, 1), read("L2", 0, news=False)], {}, [waiting(ROUND, "L1", "L2")])
    assert told(messages) == [("L1", 2, ROUND, 1, 3), ("L1", 1, ROUND, 2, 3), ("L2", 0, ROUND, 3, 3)]
    assert {message.correlation_id for message in messages} == {f"corr-{ROUND}"}


def test_two_rounds_are_each_whole() -> None:
    rounds = [waiting(ROUND, "L1"), waiting(OTHER, "L1", "L2")]
    messages = read_messages([read("L1", 1), read("L2", 1)], {}, rounds)
    assert told(messages) == [("L1", 1, ROUND, 1, 1), ("L1", 1, OTHER, 1, 2), ("L2", 1, OTHER, 2, 2)]


def test_a_round_that_needs_an_unread_location_fails_and_the_others_are_told_all_the_same() -> None:
    rounds = [waiting(ROUND, "L1", "L2"), waiting(OTHER, "L1")]
    messages = read_messages([read("L1", 1)], {"L2": "Prokip is closed."}, rounds)
    assert told(messages) == [("L1", 1, OTHER, 1, 1)]
    (failed,) = [message for message in messages if isinstance(message, SyncCompletedV1)]
    assert (failed.round_id, failed.state) == (ROUND, "failed")
    assert failed.detail == "Prokip is closed."


def test_what_was_read_is_told_although_the_round_that_wanted_it_failed() -> None:
    messages = read_messages([read("L1", 1)], {"L2": "closed"}, [waiting(ROUND, "L1", "L2")])
    assert told(messages) == [("L1", 1, None, None, None)]


def test_a_sale_on_its_way_is_no_news() -> None:
    key = OrderKey(1, 7, "1001")
    about = {"location_id": "L1", "revision": 1, "prokip_sell_id": None, "detail": "", "correlation_id": "corr"}
    assert sale_message(key, state="due", **about) == []  # type: ignore[arg-type]  # one table for both calls
    assert len(sale_message(key, state="recorded", **about)) == 1  # type: ignore[arg-type]  # as above

"""The bus's decisions as functions of values."""

import json
from decimal import Decimal
from uuid import uuid4

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prokip_shared.bus import BusUnavailable, PermanentFailure, Subscription, TransientFailure
from prokip_shared.bus.backoff import full_jitter_s
from prokip_shared.bus.bundles import (
    BUSINESS_UNKNOWN,
    bundles_of,
    business_of,
    element_texts,
    encode,
    parked_id,
    storable,
    unpack,
)
from prokip_shared.bus.failures import Verdict, verdict_of
from prokip_shared.bus.port import Bundle
from prokip_shared.bus.rabbitmq import SettledTags
from prokip_shared.bus.storage import BusTables
from prokip_shared.messages import ConnectionUninstalledV1, DriftFoundV1, Encoded, StockOversoldV1

QUICK = settings(max_examples=50, deadline=None)
"""A busy machine is no failure."""


@QUICK
@given(st.integers(0, 10_000), st.floats(0.001, 10), st.floats(0.001, 1000), st.floats(0, 1, exclude_max=True))
def test_a_delay_stays_between_nothing_and_its_cap(attempt: int, base_s: float, cap_s: float, fraction: float) -> None:
    delay_s = full_jitter_s(attempt, base_s=base_s, cap_s=cap_s, fraction=fraction)
    assert 0 <= delay_s <= cap_s


def test_the_span_of_the_delay_doubles_with_each_attempt_up_to_the_cap() -> None:
    spans = [full_jitter_s(attempt, base_s=1, cap_s=10, fraction=1) for attempt in range(6)]
    assert spans == [1, 2, 4, 8, 10, 10]


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (asyncpg.ConnectionDoesNotExistError("gone"), Verdict.HOLD),
        (asyncpg.CannotConnectNowError("starting"), Verdict.HOLD),
        (asyncpg.AdminShutdownError("bye"), Verdict.HOLD),
        (asyncpg.TooManyConnectionsError("full"), Verdict.HOLD),
        (asyncpg.DiskFullError("full"), Verdict.HOLD),
        (asyncpg.SerializationError("again"), Verdict.HOLD),
        (asyncpg.DeadlockDetectedError("again"), Verdict.HOLD),
        (asyncpg.QueryCanceledError("slow"), Verdict.HOLD),
        (asyncpg.ReadOnlySQLTransactionError("standby"), Verdict.HOLD),
        (asyncpg.InterfaceError("connection is closed"), Verdict.HOLD),
        (asyncpg.InterfaceError("pool is closing"), Verdict.HOLD),
        (asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress"), Verdict.HOLD),
        (asyncpg.InternalClientError("no such codec"), Verdict.RETRY),
        (ConnectionRefusedError("no"), Verdict.HOLD),
        (TimeoutError(), Verdict.HOLD),
        (BusUnavailable("away"), Verdict.HOLD),
        (PermanentFailure("never"), Verdict.PARK),
        (asyncpg.NumericValueOutOfRangeError("big"), Verdict.PARK),
        (asyncpg.CharacterNotInRepertoireError("nul"), Verdict.PARK),
        (TransientFailure("later"), Verdict.RETRY),
        (asyncpg.InterfaceError("the server expects 2 arguments, 1 was passed"), Verdict.RETRY),
        (asyncpg.UniqueViolationError("twice"), Verdict.RETRY),
        (asyncpg.UndefinedTableError("not migrated"), Verdict.RETRY),
        (KeyError("bug"), Verdict.RETRY),
    ],
)
def test_one_place_decides_what_an_error_means(error: Exception, verdict: Verdict) -> None:
    assert verdict_of(error) is verdict


def drifts(count: int) -> list[DriftFoundV1]:
    return [
        DriftFoundV1(business_id=1, connection_id=1, sku=f"s{n}", expected=Decimal(1), shown=Decimal(2), cause="")
        for n in range(count)
    ]


def test_bundles_hold_one_type_each_and_keep_the_order() -> None:
    oversold = StockOversoldV1(business_id=1, location_id="1", sku="x", available=Decimal(-1))
    first, second, third = drifts(3)
    bundles = bundles_of([first, oversold, second, third], messages_max=2, bytes_max=10**6)
    assert [(bundle.type, bundle.messages) for bundle in bundles] == [
        ("drift.found.v1", 2),
        ("drift.found.v1", 1),
        ("stock.oversold.v1", 1),
    ]
    assert [e.message for b in bundles[:2] for e in unpack(b, DriftFoundV1).elements] == [first, second, third]


def test_messages_that_are_written_already_are_bundled_like_others() -> None:
    first, second, third = drifts(3)
    written = Encoded(first.type, [encode(first), encode(second)])
    bundles = bundles_of([written, third], messages_max=2, bytes_max=10**6)
    assert [e.message for b in bundles for e in unpack(b, DriftFoundV1).elements] == [first, second, third]


def test_a_bundle_stays_below_its_size_unless_one_message_alone_is_larger() -> None:
    big = ConnectionUninstalledV1(business_id=1, connection_id=1, reason="x" * 2000)
    small = ConnectionUninstalledV1(business_id=1, connection_id=1, reason="x")
    bundles = bundles_of([small, big, small, small], messages_max=100, bytes_max=1000)
    assert [bundle.messages for bundle in bundles] == [1, 1, 2]


def test_nothing_makes_no_bundle() -> None:
    assert bundles_of([], messages_max=1, bytes_max=1) == []


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda c: st.lists(c) | st.dictionaries(st.text(), c)
)


@QUICK
@given(st.lists(JSON_VALUES), st.sampled_from([(",", ":"), (" , ", " : "), (",\n\t", ":\r\n")]))
def test_the_elements_of_an_array_are_cut_out_exactly_as_written(
    values: list[object], separators: tuple[str, str]
) -> None:
    written = [json.dumps(value, separators=separators) for value in values]
    assert element_texts(" [ " + separators[0].join(written) + "\n] ") == written


@QUICK
@given(st.text(alphabet='[]{},:" \\0ax1-\n', max_size=30))
def test_whatever_is_no_array_is_refused_and_never_guessed(text: str) -> None:
    try:
        expected = json.loads(text)
    except ValueError:
        expected = None
    if isinstance(expected, list):
        assert [json.loads(part) for part in element_texts(text)] == expected
    else:
        with pytest.raises(ValueError):  # noqa: PT011  # any of json's
            element_texts(text)


@QUICK
@given(st.binary(max_size=200))
def test_unpacking_never_raises_and_what_it_keeps_fits_into_the_database(body: bytes) -> None:
    unpacked = unpack(Bundle(uuid4(), "drift.found.v1", body, 1), DriftFoundV1)
    for reject in unpacked.rejects:
        assert "\x00" not in reject.text
        reject.text.encode()


@pytest.mark.parametrize(
    ("text", "business_id"),
    [
        ('{"business_id": 7}', 7),
        ('{"business_id": "7"}', BUSINESS_UNKNOWN),
        ('{"business_id": -1}', BUSINESS_UNKNOWN),
        ('{"business_id": true}', 1),
        (f'{{"business_id": {2**63}}}', BUSINESS_UNKNOWN),
        ("[7]", BUSINESS_UNKNOWN),
        ("{", BUSINESS_UNKNOWN),
    ],
)
def test_a_business_is_believed_only_where_it_is_readable(text: str, business_id: int) -> None:
    assert business_of(text) == business_id


def test_text_is_made_storable_without_losing_what_it_was() -> None:
    assert storable("a\x00b") == "a\\x00b"
    assert storable("\ud800") == "\\ud800"
    assert storable("ü") == "ü"


def test_the_same_element_has_the_same_parked_id_and_its_neighbour_another() -> None:
    bundle = Bundle(uuid4(), "t", b"[]", 2)
    assert parked_id(bundle, 0) == parked_id(bundle, 0) != parked_id(bundle, 1)


def test_queues_are_named_by_service_and_type() -> None:
    assert Subscription("inventory", DriftFoundV1).queue == "inventory.drift.found.v1"


def test_a_schema_name_that_could_be_sql_is_refused() -> None:
    with pytest.raises(ValueError, match="plain lower-case"):
        BusTables('x"; DROP SCHEMA y')


@QUICK
@given(st.permutations(range(1, 13)), st.lists(st.integers(1, 4), min_size=1))
def test_an_answer_for_many_deliveries_never_covers_one_that_is_not_settled(order: list[int], sizes: list[int]) -> None:
    tags, settled = SettledTags(), set[int]()
    waiting = list(order)
    for size in [*sizes, len(order)]:
        batch, waiting = waiting[:size], waiting[size:]
        settled |= set(batch)
        covered = tags.settle(batch)
        assert covered in {0, *batch}
        assert set(range(1, covered + 1)) <= settled
    assert tags.settle([13]) == 13


def test_bundles_that_came_one_after_the_other_are_answered_at_once() -> None:
    tags = SettledTags()
    assert tags.settle([1, 2, 3]) == 3
    assert tags.settle([6, 5]) == 0
    assert tags.settle([4]) == 4
    assert tags.settle([7]) == 7

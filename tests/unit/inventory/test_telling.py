"""The ledger reads and writes messages without their classes; what travels must be the same."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.domain.values import (
    Decision,
    HeldOrder,
    LocationKey,
    OrderKey,
    SaleDue,
    SaleLine,
    StockChanged,
    StockItem,
    StockKey,
    StockOversold,
)
from inventory.telling import read_orders, tell
from prokip_shared.bus.bundles import bundle_of, encode, unpack
from prokip_shared.messages import (
    MESSAGE_TYPES,
    OrderLine,
    OrderObservedV1,
    OrderSnapshot,
    RoundPart,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
skus = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
ids = st.integers(1, 2**62)
numbers = st.decimals(allow_nan=False, allow_infinity=False)
zones = st.sampled_from([UTC, timezone(timedelta(hours=2)), timezone(-timedelta(hours=5, minutes=30))])
moments = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=zones)  # noqa: DTZ001  # zones are drawn

sales = st.builds(
    SaleDue,
    order=st.builds(
        HeldOrder,
        key=st.builds(OrderKey, ids, ids, texts),
        location_id=texts,
        order_number=texts,
        status=texts,
        modified_at=st.none(),
        sold_at=moments,
        needs_sweep=st.just(False),
        revision=ids,
        due_revision=ids,
        sale_state=st.just("due"),
        lines=st.just(()),
        former_skus=st.just(()),
    ),
    lines=st.lists(st.builds(SaleLine, skus, numbers, st.none() | numbers, ids), max_size=3),
    correlation_id=texts,
)
parts = st.builds(RoundPart, round_id=st.uuids(), connection_id=st.none() | ids, part=ids, parts=ids)
items = st.builds(StockItem, skus, st.none() | numbers, ids, st.dictionaries(ids, numbers, max_size=3), texts)
changes = st.builds(
    StockChanged, st.builds(LocationKey, ids, texts), st.lists(items, max_size=3), texts, st.none() | parts
)
oversold = st.builds(StockOversold, st.builds(StockKey, ids, skus, texts), numbers, texts)
decisions = st.builds(
    Decision,
    stock=st.just(()),
    movements=st.just(()),
    changes=st.lists(changes, max_size=2),
    due=st.lists(sales, max_size=3),
    oversold=st.lists(oversold, max_size=2),
)


@given(decisions)
@settings(deadline=None)
def test_what_is_told_is_written_as_its_class_writes_it(decision: Decision) -> None:
    told = tell(decision)
    for word in told:
        for text in word.messages:
            assert encode(MESSAGE_TYPES[word.type].model_validate_json(text)) == text
    assert sum(len(word.messages) for word in told) == sum(
        map(len, (decision.changes, decision.due, decision.oversold))
    )


def test_every_message_has_an_id_of_its_own() -> None:
    change = StockChanged(LocationKey(1, "L"), [], "c")
    decision = Decision((), (), [change] * 300, (), ())
    told = [UUID(json.loads(text)["message_id"]) for _ in range(3) for text in tell(decision)[0].messages]
    assert len(set(told)) == len(told)
    assert {one.version for one in told} == {4}


lines = st.builds(
    OrderLine,
    line_ref=texts,
    sku=st.none() | texts,
    ordered=numbers,
    taken=numbers,
    unit_price=st.none() | numbers,
)
snapshots = st.builds(
    OrderSnapshot,
    order_ref=texts,
    order_number=texts,
    status=texts,
    created_at=st.none() | moments,
    modified_at=st.none() | moments,
    lines=st.lists(lines, max_size=3).map(tuple),
    partial=st.booleans(),
)
observed = st.builds(
    OrderObservedV1,
    business_id=ids,
    correlation_id=texts,
    message_id=st.uuids(),
    connection_id=ids,
    location_id=texts,
    source=st.sampled_from(["webhook", "sweep"]),
    observed_at=moments,
    predates_connection=st.booleans(),
    order=snapshots,
)


@given(observed)
@settings(deadline=None)
def test_an_order_is_read_as_its_class_reads_it(message: OrderObservedV1) -> None:
    (read,) = read_orders(b"[" + encode(message) + b"]")
    for name in ("correlation_id", "business_id", "connection_id", "location_id", "source", "observed_at"):
        assert getattr(read, name) == getattr(message, name)
    assert read.predates_connection == message.predates_connection
    for name in ("order_ref", "order_number", "status", "created_at", "modified_at", "partial"):
        assert getattr(read.order, name) == getattr(message.order, name)
    for line, expected in zip(read.order.lines, message.order.lines, strict=True):
        for name in ("line_ref", "sku", "ordered", "taken", "unit_price"):
            assert getattr(line, name) == getattr(expected, name)


ORDER = OrderObservedV1(
    business_id=1,
    connection_id=2,
    location_id="L",
    source="webhook",
    observed_at=datetime(2026, 3, 1, tzinfo=UTC),
    predates_connection=False,
    order=OrderSnapshot(
        order_ref="1",
        order_number="#1",
        status="processing",
        created_at=None,
        modified_at=None,
        lines=(OrderLine(line_ref="l", sku="A", ordered=Decimal(8), taken=Decimal(7), unit_price=Decimal(9)),),
    ),
)


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ('"ordered":"8"', '"ordered":"NaN"'),
        ('"taken":"7"', '"taken":"Infinity"'),
        ('"unit_price":"9"', '"unit_price":"sNaN"'),
        ('"observed_at":"2026-03-01T00:00:00Z"', '"observed_at":"2026-03-01T00:00:00"'),
        ('"business_id":1', '"business_id":null'),
        ('"source":"webhook"', '"source":"rumour"'),
        ('"lines":[', '"line":['),
    ],
)
def test_what_its_class_refuses_is_refused_and_its_neighbours_are_read(written: str, instead: str) -> None:
    good = encode(ORDER).decode()
    assert written in good
    bundle = bundle_of(ORDER.type, [good.encode(), good.replace(written, instead).encode()])
    unpacked = unpack(bundle, OrderObservedV1, read_orders)
    assert [element.message for element in unpacked.elements] == read_orders(f"[{good}]".encode())
    assert [reject.index for reject in unpacked.rejects] == [1]


def test_what_only_its_class_can_read_is_read_through_it() -> None:
    """Pydantic takes a number written as text; a struct does not."""
    good = encode(ORDER).decode()
    unpacked = unpack(
        bundle_of(ORDER.type, [good.replace('"business_id":1', '"business_id":"1"').encode()]),
        OrderObservedV1,
        read_orders,
    )
    assert [element.message for element in unpacked.elements] == read_orders(f"[{good}]".encode())

"""The live view: messages of the other services become events that reach whoever watches."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import asyncpg
import pytest
from aiohttp import ClientSession

from gateway.keys import HUB
from prokip_shared.messages import (
    ConnectionHealthChangedV1,
    ConnectionRedactedV1,
    ConnectionUninstalledV1,
    DriftFoundV1,
    ListingPushedV1,
    Message,
    PushedListing,
    SaleDueV1,
    SaleLine,
    SaleRecordedV1,
    StockOversoldV1,
)
from tests.integration.gateway.client import Gateway, Person, open_gateway
from tests.integration.gateway.neighbours import Neighbours, open_neighbours
from tests.integration.gateway.streams import open_stream
from tests.support.eventually import eventually

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
async def neighbours(gateway: Gateway, database_url: str) -> AsyncIterator[Neighbours]:
    del gateway  # its tables are there first
    async with open_neighbours(database_url) as opened:
        yield opened


@pytest.fixture
async def alice(gateway: Gateway) -> Person:
    return await gateway.person()


async def store_of(person: Person, name: str = "Corner Shop") -> tuple[int, int]:
    """A connected store: its id and its business."""
    made = await person.ok("POST", "/connections/custom", {"name": name, "locationId": "LOC001"})
    await wait_for_events(person, 1)
    return made["id"], await person.business_id()


async def wait_for_events(person: Person, number: int) -> list[dict[str, object]]:
    """The newest events, newest first, once there are so many."""

    async def there() -> list[dict[str, object]]:
        items: list[dict[str, object]] = (await person.ok("GET", "/api/v1/events/recent"))["items"]
        return items if len(items) >= number else []

    return await eventually(there, what=f"{number} events")


def drift(business_id: int, connection_id: int, sku: str = "SHIRT") -> DriftFoundV1:
    return DriftFoundV1(
        business_id=business_id,
        connection_id=connection_id,
        sku=sku,
        expected=Decimal(96),
        shown=Decimal(90),
        cause="unexplained",
    )


def pushed(business_id: int, connection_id: int, at: datetime, outcome: str = "written") -> ListingPushedV1:
    listing = PushedListing.model_validate(
        {
            "listing_id": 1,
            "sku": "SHIRT",
            "target": "96",
            "revision": 7,
            "outcome": outcome,
            "expected": "98",
            "detail": "the store said no" if outcome == "refused" else "",
            "correlation_id": "c1",
        }
    )
    return ListingPushedV1(business_id=business_id, connection_id=connection_id, pushed_at=at, listings=(listing,))


async def test_each_kind_of_message_becomes_a_sentence_with_its_values(alice: Person, neighbours: Neighbours) -> None:
    store, business = await store_of(alice)
    sale = SaleDueV1(
        business_id=business,
        connection_id=store,
        location_id="LOC001",
        order_ref="17",
        order_number="#1001",
        status="paid",
        sold_at=NOON,
        revision=1,
        lines=(SaleLine(sku="SHIRT", units=Decimal(2), unit_price=None, stock_revision=7),),
    )
    recorded = SaleRecordedV1(
        business_id=business,
        connection_id=store,
        location_id="LOC001",
        order_ref="17",
        revision=1,
        state="recorded",
        prokip_sell_id="S1",
        detail="",
    )
    oversold = StockOversoldV1(business_id=business, location_id="LOC001", sku="SHIRT", available=Decimal(-3))
    failing = ConnectionHealthChangedV1(
        business_id=business, connection_id=store, health="failing", since=NOON, detail="HTTP 500"
    )
    said: list[tuple[Message, str]] = [
        (sale, "Corner Shop: order #1001 holds 2 of SHIRT"),
        (recorded, "Prokip recorded order 17"),
        (pushed(business, store, NOON), "Corner Shop shows SHIRT = 96"),
        (drift(business, store), "Corner Shop showed 90 of SHIRT, expected 96"),
        (oversold, "SHIRT is oversold: -3"),
        (failing, "Corner Shop does not take our writes"),
    ]
    async with open_stream(alice) as stream:
        for message, sentence in said:
            await neighbours.say(message)
            block = await stream.next()
            assert block.fields["event"] == message.type.removesuffix(".v1")
            assert block.data["sentence"] == sentence
            assert block.data["correlationId"] == message.correlation_id
            assert block.data["id"] == int(block.fields["id"])
    recent = await wait_for_events(alice, len(said) + 1)
    assert [item["sentence"] for item in reversed(recent)][1:] == [sentence for _, sentence in said]


async def test_a_stream_resumes_after_the_last_event_that_was_seen(alice: Person, neighbours: Neighbours) -> None:
    store, business = await store_of(alice)
    await neighbours.say(*(drift(business, store, f"SKU-{number}") for number in range(5)))
    events = await wait_for_events(alice, 6)
    first = min(int(str(event["id"])) for event in events)
    async with open_stream(alice, Last_Event_ID=str(first + 2)) as stream:
        assert [(await stream.next()).data["id"] for _ in range(3)] == [first + 3, first + 4, first + 5]
    async with open_stream(alice, f"/api/v1/events?after={first + 4}") as stream:
        assert (await stream.next()).data["id"] == first + 5
    async with open_stream(alice, Last_Event_ID="99999") as stream:
        gap = await stream.next()
        assert (gap.fields["event"], gap.fields["id"]) == ("gap", str(first + 5))


async def test_numbers_rise_without_holes_while_replicas_write_at_once(
    alice: Person, neighbours: Neighbours, environ: dict[str, str], http: ClientSession
) -> None:
    store, business = await store_of(alice)
    async with open_gateway(environ, http), open_stream(alice) as stream:
        for number in range(20):
            await asyncio.gather(
                neighbours.say(drift(business, store, f"A-{number}")),
                neighbours.say(pushed(business, store, NOON)),
            )
        numbers = [(await stream.next()).data["id"] for _ in range(40)]
    assert numbers == list(range(numbers[0], numbers[0] + 40))


async def test_nobody_sees_another_businesss_events(gateway: Gateway, alice: Person, neighbours: Neighbours) -> None:
    bob = await gateway.person("bob")
    store, business = await store_of(alice)
    mine, my_business = await store_of(bob, "Bobs Shop")
    async with open_stream(bob) as stream:
        await neighbours.say(drift(business, store), drift(my_business, mine))
        assert (await stream.next()).data["storeName"] == "Bobs Shop"
    bobs = await wait_for_events(bob, 2)
    assert "Corner Shop" not in str(bobs)


async def test_the_newest_word_on_a_store_wins_whatever_order_it_comes_in(
    alice: Person, neighbours: Neighbours
) -> None:
    store, business = await store_of(alice)
    late, early = datetime.now(UTC) + timedelta(hours=2), datetime.now(UTC) + timedelta(hours=1)
    healthy = ConnectionHealthChangedV1(
        business_id=business, connection_id=store, health="healthy", since=late, detail=""
    )
    failing = healthy.model_copy(update={"health": "failing", "since": early, "detail": "HTTP 500"})
    await neighbours.say(healthy, failing)
    await neighbours.say(pushed(business, store, late), pushed(business, store, early))
    await neighbours.say(pushed(business, store, late + timedelta(hours=1), outcome="refused"))
    await wait_for_events(alice, 6)
    shown = await alice.ok("GET", f"/api/v1/connections/{store}")
    assert shown["health"] == "healthy"
    assert datetime.fromisoformat(shown["lastSync"]) == late


async def test_a_message_that_names_another_businesss_store_changes_nothing(
    gateway: Gateway, alice: Person, neighbours: Neighbours
) -> None:
    bob = await gateway.person("bob")
    store, _business = await store_of(alice)
    bobs_business = await bob.business_id()
    await neighbours.say(
        ConnectionUninstalledV1(business_id=bobs_business, connection_id=store, reason="forged"),
        pushed(bobs_business, store, datetime.now(UTC)),
    )
    await wait_for_events(bob, 2)
    shown = await alice.ok("GET", f"/api/v1/connections/{store}")
    assert (shown["status"], shown["lastSync"]) == ("connected", None)


async def test_a_store_that_removed_us_asks_to_be_connected_again(alice: Person, neighbours: Neighbours) -> None:
    store, business = await store_of(alice)
    await neighbours.say(ConnectionUninstalledV1(business_id=business, connection_id=store, reason="app/uninstalled"))
    await wait_for_events(alice, 2)
    assert (await alice.ok("GET", f"/api/v1/connections/{store}"))["status"] == "needs_reauthorisation"


async def test_a_store_that_left_for_good_is_forgotten_and_one_that_is_connected_is_not(
    alice: Person, neighbours: Neighbours, database_url: str
) -> None:
    store, business = await store_of(alice)
    redaction = ConnectionRedactedV1(business_id=business, connection_id=store)
    await neighbours.say(redaction)
    await neighbours.say(ConnectionUninstalledV1(business_id=business, connection_id=store, reason="app/uninstalled"))
    await wait_for_events(alice, 2)
    assert (await alice.ok("GET", f"/api/v1/connections/{store}"))["status"] == "needs_reauthorisation"
    bob = await alice.gateway.person("bob")
    await neighbours.say(ConnectionRedactedV1(business_id=await bob.business_id(), connection_id=store), redaction)

    async def forgotten() -> bool:
        return str((await alice.ok("GET", f"/api/v1/connections/{store}"))["status"]) == "disconnected"

    await eventually(forgotten, what="the store is gone")
    admin = await asyncpg.connect(database_url)
    try:
        row = await admin.fetchrow("SELECT store_key, store_url, store_name, credentials FROM gateway.connection")
        assert row is not None
        assert tuple(row) == (f"redacted-{store}", "", "Erased store", None)
        events = await admin.fetch("SELECT body::text FROM gateway.live_event")
        assert not any("Corner Shop" in event["body"] for event in events)
    finally:
        await admin.close()


async def test_a_quiet_line_is_kept_open_and_ends_with_the_session(
    environ: dict[str, str], http: ClientSession
) -> None:
    async with open_gateway(environ | {"LIVE_HEARTBEAT_S": "0.05"}, http) as gateway:
        alice = await gateway.person()
        async with open_stream(alice) as stream:
            assert await stream.comment() == ": still here\n"
            await alice.ok("POST", "/auth/logout")
            with pytest.raises(EOFError):
                await stream.next()


async def test_streams_are_counted_and_end_when_the_service_does(environ: dict[str, str], http: ClientSession) -> None:
    async with open_gateway(environ | {"LIVE_CLIENTS_MAX": "1"}, http) as gateway:
        alice = await gateway.person()
        async with open_stream(alice) as stream:
            second = await alice.call("GET", "/api/v1/events")
            assert (second.status, second.body["code"]) == (503, "live_busy")
            await gateway.context.drain()
            with pytest.raises(EOFError):
                await stream.next()


async def test_old_events_are_forgotten_and_a_late_reader_is_told_of_the_gap(
    environ: dict[str, str], http: ClientSession, database_url: str
) -> None:
    async with open_gateway(environ, http) as gateway, open_neighbours(database_url) as neighbours:
        alice = await gateway.person()
        store, business = await store_of(alice)
        await neighbours.say(*(drift(business, store, f"SKU-{number}") for number in range(30)))
        await wait_for_events(alice, 31)
    async with open_gateway(environ | {"LIVE_EVENTS_KEPT_MAX": "10"}, http) as gateway:
        alice = Person(gateway, "alice", alice.token)

        async def forgotten() -> bool:
            return len((await alice.ok("GET", "/api/v1/events/recent?limit=200"))["items"]) == 10

        await eventually(forgotten, what="old events are gone")
        async with open_stream(alice, Last_Event_ID="1") as stream:
            assert (await stream.next()).fields["event"] == "gap"


async def test_a_client_that_does_not_read_is_dropped(
    environ: dict[str, str], http: ClientSession, database_url: str
) -> None:
    async with open_gateway(environ | {"LIVE_SEND_TIMEOUT_S": "0.3"}, http) as gateway:
        alice = await gateway.person()
        await store_of(alice)
        database = await asyncpg.connect(database_url)
        await database.execute(
            """WITH made AS (
                INSERT INTO gateway.live_event (business_id, number, kind, at, body)
                SELECT e.business_id, e.number + n, e.kind, e.at, e.body || jsonb_build_object('sentence', repeat('x', 50000))
                FROM gateway.live_event AS e, generate_series(1, 400) AS n RETURNING number
            ) UPDATE gateway.live_cursor SET last_number = (SELECT max(number) FROM made)"""
        )
        await database.close()
        host, port = gateway.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
        writer.write(
            f"GET /api/v1/events?after=1 HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {alice.token}\r\n\r\n".encode()
        )
        hub = gateway.context.web[HUB]

        async def watched() -> bool:
            return hub.watchers == 1

        async def dropped() -> bool:
            return hub.watchers == 0

        await eventually(watched, what="the stream is open")
        await eventually(dropped, what="the slow client is dropped")
        assert reader is not None
        writer.close()

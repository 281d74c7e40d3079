"""The internal routes over real parked rows: one business sees and replays its own, by token alone."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from prokip_shared.bus import PermanentFailure, parked_routes
from prokip_shared.bus.storage import ParkedRow
from prokip_shared.security.tokens import InternalTokens
from prokip_shared.web.internal import require_business
from prokip_shared.web.middleware import base_middleware
from tests.contract.bus.harness import DRIFT, Member, all_applied, drift, make_applied_table, member
from tests.contract.bus.test_failing import Failing
from tests.support.eventually import eventually
from tests.support.settings import INTERNAL_SECRET

Client = TestClient[web.Request, web.Application]
TOKENS = InternalTokens(INTERNAL_SECRET)


def as_business(business_id: int) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS.mint(business_id, ttl_s=60)}"}


@pytest.fixture
async def one(database_url: str) -> AsyncIterator[Member]:
    async with member(database_url, "postgres") as opened:
        await make_applied_table(opened.pool)
        yield opened


@pytest.fixture
async def client(one: Member) -> AsyncIterator[Client]:
    app = web.Application(middlewares=[base_middleware("inventory"), require_business(TOKENS)])
    app.add_routes(parked_routes(one.bus.parked))
    async with TestClient(TestServer(app)) as opened:
        yield opened


async def park(one: Member, business_id: int, count: int) -> list[str]:
    rows = [ParkedRow(uuid4(), business_id, "drift.found.v1", f'{{"n": {n}}}', "why", 1) for n in range(count)]
    async with one.pool.acquire() as connection:
        await one.bus._tables.park(connection, DRIFT.queue, rows)
    return [str(row.id) for row in rows]


async def test_without_a_token_nothing_is_told(client: Client) -> None:
    for call in (client.get("/internal/parked"), client.post("/internal/parked/replay")):
        answer = await call
        assert answer.status == 401


async def test_a_business_sees_only_its_own(client: Client, one: Member) -> None:
    mine, _others, _nobodys = await park(one, 1, 2), await park(one, 2, 2), await park(one, 0, 1)
    body = await (await client.get("/internal/parked", headers=as_business(1))).json()
    assert {row["id"] for row in body["parked"]} == set(mine)
    assert body["parked"][0]["queue"] == DRIFT.queue
    assert body["next"] is None


async def test_pages_follow_each_other_without_gap_or_overlap(client: Client, one: Member) -> None:
    expected = await park(one, 1, 450)
    seen: list[str] = []
    place: str | None = ""
    for _ in range(3):
        answer = await client.get("/internal/parked", params={"after": place or ""}, headers=as_business(1))
        body = await answer.json()
        seen += [row["id"] for row in body["parked"]]
        place = body["next"]
    assert place is None
    assert sorted(seen) == sorted(expected)


@pytest.mark.parametrize("place", ["nonsense", "2026-01-01", "2026-01-01T00:00:00Z_x", "_"])
async def test_a_place_that_nobody_gave_out_is_a_bad_request(client: Client, place: str) -> None:
    answer = await client.get("/internal/parked", params={"after": place}, headers=as_business(1))
    assert answer.status == 400
    assert (await answer.json())["code"] == "bad_place"


async def test_another_businesss_message_is_not_replayed(client: Client, one: Member) -> None:
    [parked_id] = await park(one, 2, 1)
    for wrong in (parked_id, str(uuid4()), "no-id"):
        answer = await client.post(f"/internal/parked/{wrong}/replay", headers=as_business(1))
        assert answer.status == 404
    assert len(await one.parked(2)) == 1


async def test_a_message_replayed_over_http_goes_through(client: Client, one: Member) -> None:
    failing = Failing(PermanentFailure("no"), {"sku-1", "sku-2"})
    one.bus.consume(DRIFT, failing)
    await one.ready()
    await one.bus.publisher.publish([drift(1), drift(2)])
    await eventually(lambda: both_parked(one))
    failing.bad = set()
    [first, _second] = await one.parked()
    answer = await client.post(f"/internal/parked/{first['id']}/replay", headers=as_business(1))
    assert (answer.status, await answer.json()) == (200, {"replayed": 1})
    answer = await client.post("/internal/parked/replay", headers=as_business(1))
    assert (answer.status, await answer.json()) == (200, {"replayed": 1})
    await all_applied(one.pool, [drift(1), drift(2)])


async def both_parked(one: Member) -> bool:
    return len(await one.parked()) == 2

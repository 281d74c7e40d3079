"""Sync now: asked on one replica, ended by a message that another may take."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from prokip_shared.messages import SyncCompletedV1, SyncedConnection, SyncRequestedV1
from tests.integration.gateway.client import Gateway, Person, open_gateway
from tests.integration.gateway.neighbours import Neighbours, open_neighbours
from tests.support.eventually import eventually


@pytest.fixture
async def prokip() -> AsyncIterator[dict[str, str]]:
    async def inventory(_request: web.Request) -> web.Response:
        return web.json_response([{"sku": "SHIRT", "quantity": 100}])

    app = web.Application()
    app.router.add_get("/inventory", inventory)
    async with TestServer(app) as server:
        yield {"token": "prokip-token", "apiUrl": str(server.make_url("")), "locationId": "LOC001"}


@pytest.fixture
async def neighbours(gateway: Gateway, database_url: str) -> AsyncIterator[Neighbours]:
    del gateway  # its tables are there first
    async with open_neighbours(database_url) as opened:
        yield opened


@pytest.fixture
async def alice(gateway: Gateway, prokip: dict[str, str]) -> Person:
    person = await gateway.person()
    await person.ok("POST", "/setup/prokip", prokip)
    return person


def ended(asked: SyncRequestedV1, state: str = "completed", *stores: SyncedConnection) -> SyncCompletedV1:
    return SyncCompletedV1.model_validate(
        {
            "business_id": asked.business_id,
            "round_id": asked.round_id,
            "state": state,
            "detail": "Prokip does not accept the token." if state == "failed" else "",
            "connections": stores,
        }
    )


async def test_manual_sync_answers_when_the_round_is_over(alice: Person, neighbours: Neighbours) -> None:
    waiting = asyncio.create_task(alice.call("POST", "/sync/manual"))
    (asked,) = await neighbours.hear(SyncRequestedV1)
    assert asked.connection_id is None
    assert not waiting.done()
    await neighbours.say(ended(asked))
    answer = await waiting
    assert (answer.status, answer.body) == (200, {"message": "Sync completed successfully"})


async def test_a_round_ends_on_every_replica(
    alice: Person, neighbours: Neighbours, environ: dict[str, str], http: ClientSession
) -> None:
    async with open_gateway(environ, http) as other:
        here = Person(other, "alice", alice.token)
        waiting = [asyncio.create_task(person.call("POST", "/sync/manual")) for person in (alice, here, alice, here)]
        asked = await neighbours.hear(SyncRequestedV1, 4)
        await neighbours.say(*(ended(one) for one in asked))
        assert [(await one).status for one in waiting] == [200] * 4


async def test_the_answer_names_who_failed(alice: Person, neighbours: Neighbours) -> None:
    store = await alice.ok("POST", "/connections/custom", {"name": "Corner Shop"})
    failing = SyncedConnection(connection_id=store["id"], state="failing", listings=3, detail="HTTP 500")
    for number, (state, store_state, status, words) in enumerate(
        (
            ("failed", failing, 502, "does not accept the token"),
            ("completed", failing, 502, "Corner Shop: HTTP 500"),
            ("completed", failing.model_copy(update={"state": "paused"}), 200, None),
        )
    ):
        waiting = asyncio.create_task(alice.call("POST", "/sync/manual"))
        asked = await neighbours.hear(SyncRequestedV1, number + 1)
        await neighbours.say(ended(asked[-1], state, store_state))
        answer = await waiting
        assert answer.status == status
        assert words is None or words in answer.body["detail"]


async def test_a_round_that_takes_too_long_is_said_to_go_on(
    environ: dict[str, str], http: ClientSession, prokip: dict[str, str]
) -> None:
    async with open_gateway(environ | {"SYNC_TIMEOUT_S": "0.2"}, http) as gateway:
        alice = await gateway.person()
        await alice.ok("POST", "/setup/prokip", prokip)
        answer = await alice.call("POST", "/sync/manual")
        assert (answer.status, answer.body["code"]) == (504, "sync_timed_out")
        shown = await alice.ok("GET", f"/api/v1/sync/{answer.body['round']}")
        assert (shown["state"], shown["completedAt"]) == ("running", None)


async def test_a_round_that_nobody_ended_is_shown_as_lost(alice: Person, database_url: str) -> None:
    started = await alice.ok("POST", "/api/v1/sync")
    database = await asyncpg.connect(database_url)
    await database.execute("UPDATE gateway.sync_round SET requested_at = now() - interval '11 minutes'")
    await database.close()
    assert (await alice.ok("GET", f"/api/v1/sync/{started['id']}"))["state"] == "timed_out"


async def test_without_prokip_there_is_nothing_to_sync(gateway: Gateway) -> None:
    alice = await gateway.person()
    for path in ("/sync/manual", "/api/v1/sync", "/api/sync-now"):
        answer = await alice.call("POST", path)
        assert (answer.status, answer.body["code"]) == (409, "prokip_not_configured")


async def test_a_round_can_be_looked_at_while_it_runs(alice: Person, neighbours: Neighbours) -> None:
    store = await alice.ok("POST", "/connections/custom", {"name": "Corner Shop"})
    started = await alice.call("POST", f"/api/v1/connections/{store['id']}/sync")
    assert started.status == 202
    place = started.headers["Location"]
    assert (await alice.ok("GET", place))["state"] == "running"
    (asked,) = await neighbours.hear(SyncRequestedV1)
    assert asked.connection_id == store["id"]
    confirmed = SyncedConnection(connection_id=store["id"], state="confirmed", listings=3, detail="")
    again = asyncio.create_task(alice.call("POST", "/sync/manual"))
    _, second = await neighbours.hear(SyncRequestedV1, 2)
    await neighbours.say(ended(asked, "completed", confirmed), ended(second))
    assert (await again).status == 200
    shown = await alice.ok("GET", place)
    assert (shown["state"], shown["connections"][0]["listings"]) == ("completed", 3)
    (listed,) = await alice.ok("GET", "/connections")
    assert listed["lastSync"] is not None
    assert (await alice.call("GET", f"/api/v1/sync/{uuid4()}")).status == 404
    assert (await alice.call("GET", "/api/v1/sync/nonsense")).status == 404


async def test_a_business_runs_only_so_many_rounds_at_once(alice: Person) -> None:
    answers = await asyncio.gather(*(alice.call("POST", "/api/v1/sync") for _ in range(8)))
    assert sorted(answer.status for answer in answers) == [202] * 5 + [429] * 3


async def test_another_businesss_word_does_not_end_a_round(alice: Person, neighbours: Neighbours) -> None:
    started = await alice.ok("POST", "/api/v1/sync")
    (asked,) = await neighbours.hear(SyncRequestedV1)
    stranger = asked.model_copy(update={"business_id": asked.business_id + 1})
    honest = await alice.ok("POST", "/api/v1/sync")
    _, second = await neighbours.hear(SyncRequestedV1, 2)
    await neighbours.say(ended(stranger), ended(second))

    async def over() -> bool:
        return bool((await alice.ok("GET", f"/api/v1/sync/{honest['id']}"))["state"] == "completed")

    await eventually(over, what="the honest round is over")
    assert (await alice.ok("GET", f"/api/v1/sync/{started['id']}"))["state"] == "running"

"""A 200 is a promise: whatever breaks afterwards or meanwhile, the event is said."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit, urlunsplit

import aio_pika
import asyncpg
import pytest
from aiohttp import ClientConnectionError, ClientSession
from aiohttp.test_utils import unused_port

from prokip_shared.bus.limits import DEFAULT_LIMITS
from prokip_shared.bus.rabbitmq import declare_queues
from prokip_shared.bus.topology import QUEUES, Binding, queue_of, topic_of
from prokip_shared.platforms.signatures import sign
from tests.integration.ingest.world import (
    HEARD,
    SHOP,
    Gate,
    Listener,
    World,
    connect_three_stores,
    gate_to,
    ingest_world,
    listening,
    order_body,
)
from tests.support.eventually import eventually
from tests.support.settings import service_environ
from tests.unit.webhooks.recorded import WOO_SECRET, WOO_STORE

ANSWER_S = 5.0
"""Until then a store waits."""
IMPATIENT = {"PUBLISH_TIMEOUT_S": "0.3", "SPOOL_TIMEOUT_S": "0.4", "ANSWER_TIMEOUT_S": "0.9"}
END_S = 30.0


@asynccontextmanager
async def gated(url: str) -> AsyncIterator[tuple[str, Gate]]:
    """The same server through a gate that the test can shut."""
    parts = urlsplit(url)
    folder = parse_qs(parts.query).get("host", [""])[0]
    socket_path = f"{folder}/.s.PGSQL.{parts.port or 5432}" if folder.startswith("/") else ""
    async with gate_to(parts.hostname or "127.0.0.1", parts.port or 5432, socket_path) as gate:
        user, at, _ = parts.netloc.rpartition("@")
        yield urlunsplit(parts._replace(netloc=f"{user}{at}127.0.0.1:{gate.listen_port}", query="")), gate


async def spooled(world: World) -> int:
    return int((await world.fetch("SELECT coalesce(sum(messages), 0) AS events FROM ingest.spool"))[0]["events"])


async def timed_status(world: World, body: bytes) -> int:
    """What the store is answered, which is soon, whatever it is."""
    async with asyncio.timeout(ANSWER_S):
        return (await world.woo(body)).status


async def test_an_order_reaches_its_consumer_over_either_broker(world: World, listener: Listener) -> None:
    assert [(await world.woo(order_body(ref))).status for ref in range(1, 6)] == [200] * 5
    assert await listener.order_refs(5) == ["1", "2", "3", "4", "5"]
    assert await spooled(world) == 0


async def test_many_stores_posting_at_once_are_all_heard(world: World, listener: Listener) -> None:
    answers = await asyncio.gather(*(world.woo(order_body(ref)) for ref in range(1, 301)))
    assert {answer.status for answer in answers} == {200}

    async def all_heard() -> bool:
        """A confirm that comes too late has the event spooled as well, so one may be heard twice; none is missing."""
        return set(await listener.order_refs(300)) == {str(ref) for ref in range(1, 301)}

    await eventually(all_heard, what="all 300 orders are heard")


async def delete_queues(broker_url: str, database_url: str) -> None:
    """As a hand that tidies up the broker does."""
    if broker_url == "postgres":
        database = await asyncpg.connect(database_url)
        await database.execute("DELETE FROM bus.binding")
        await database.close()
        return
    async with await aio_pika.connect(broker_url) as broker:
        channel = await broker.channel()
        for one in QUEUES:
            await channel.queue_delete(one.queue)


async def declare_listener(broker_url: str, database_url: str) -> None:
    """Its queues alone: with everybody's, which any opening of the bus declares, events would go to some before they go to it."""
    queues = [Binding(queue_of("listener", message), topic_of(message)) for message in HEARD]
    if broker_url == "postgres":
        database = await asyncpg.connect(database_url)
        await database.executemany(
            "INSERT INTO bus.binding (type, queue) VALUES ($1, $2)", [(one.topic, one.queue) for one in queues]
        )
        await database.close()
        return
    async with await aio_pika.connect(broker_url) as broker:
        await declare_queues(broker, queues, DEFAULT_LIMITS)


async def test_events_that_no_queue_takes_wait_and_follow_when_one_does(broker_url: str, database_url: str) -> None:
    async with ingest_world(database_url, broker_url) as world:
        await delete_queues(broker_url, database_url)
        for ref in range(1, 6):
            assert await timed_status(world, order_body(ref)) == 200
        assert (await world.shopify(b'{"id": 632910392}', "products/delete")).status == 200
        redact = b'{"shop_domain": "%s"}' % SHOP.encode()
        assert (await world.shopify(redact, "shop/redact")).status == 200
        assert await spooled(world) == 7, "of every type"
        await declare_listener(broker_url, database_url)
        async with listening(broker_url, database_url) as listener:
            assert await listener.order_refs(5) == ["1", "2", "3", "4", "5"]

            async def empty() -> bool:
                return await spooled(world) == 0

            await eventually(empty, what="the spool is empty")


@pytest.mark.rabbitmq
@pytest.mark.parametrize("outage", ["shut", "frozen"])
async def test_a_broker_that_goes_away_delays_events_and_loses_none(
    amqp_url: str, database_url: str, outage: str
) -> None:
    async with (
        gated(amqp_url) as (gated_url, gate),
        listening(amqp_url, database_url) as listener,
        ingest_world(database_url, gated_url, PUBLISH_TIMEOUT_S="0.3") as world,
    ):
        assert await timed_status(world, order_body(1)) == 200
        assert await listener.order_refs(1) == ["1"]
        gate.shut() if outage == "shut" else gate.freeze()
        for ref in range(2, 12):
            assert await timed_status(world, order_body(ref)) == 200
        assert await spooled(world) >= 10
        gate.open()

        async def all_heard() -> bool:
            return {str(ref) for ref in range(1, 12)} <= set(await listener.order_refs(1))

        await eventually(all_heard, what="every order heard")

        async def empty() -> bool:
            return await spooled(world) == 0

        await eventually(empty, what="the spool is empty")
        assert await timed_status(world, order_body(99)) == 200


async def test_with_neither_broker_nor_database_the_store_is_told_to_come_again(
    listener: Listener, broker_url: str, database_url: str
) -> None:
    async with gated(database_url) as (gated_database, gate):
        if broker_url == "postgres":
            async with ingest_world(gated_database, "postgres", direct_url=database_url) as world:
                await _refuses_and_recovers(world, [gate], listener)
            return
        async with (
            gated(broker_url) as (gated_broker, broker_gate),
            ingest_world(gated_database, gated_broker, direct_url=database_url) as world,
        ):
            await _refuses_and_recovers(world, [gate, broker_gate], listener)


async def _refuses_and_recovers(world: World, gates: list[Gate], listener: Listener) -> None:
    for gate in gates:
        gate.shut()
    async with asyncio.timeout(ANSWER_S):
        response = await world.woo(order_body(1))
    assert (response.status, response.headers["Retry-After"]) == (503, "1")
    assert (await response.json())["code"] == "unavailable"
    for gate in gates:
        gate.open()

    async def taken() -> bool:
        return await timed_status(world, order_body(2)) == 200

    await eventually(taken, what="ingest takes events again")
    assert "2" in await listener.order_refs(1)


async def test_a_database_that_hangs_hangs_neither_the_store_nor_the_end_of_the_process(database_url: str) -> None:
    async with (
        gated(database_url) as (gated_database, gate),
        ingest_world(gated_database, "postgres", direct_url=database_url, **IMPATIENT) as world,
    ):
        gate.freeze()
        assert await timed_status(world, order_body(1)) == 503
        async with asyncio.timeout(ANSWER_S):
            unusable = await world.woo(b'{"code": "gone"}')
        assert unusable.status == 503
        async with asyncio.timeout(ANSWER_S):
            unknown = await world.post("/webhook/nobody", b"{}")
        assert unknown.status == 503
        told_to_end_at = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - told_to_end_at < END_S


@pytest.fixture
def ingest_process(broker_url: str, database_url: str) -> tuple[str, dict[str, str]]:
    port = unused_port()
    environ = service_environ(database_url, broker_url, PORT=str(port), PATH=os.environ["PATH"])
    return f"http://127.0.0.1:{port}", environ


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
async def test_every_event_that_was_answered_200_survives_the_end_of_the_process(
    listener: Listener, ingest_process: tuple[str, dict[str, str]], database_url: str, end: signal.Signals
) -> None:
    url, environ = ingest_process
    await connect_three_stores(database_url)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "webhook_ingest", env=environ, stdout=asyncio.subprocess.DEVNULL
    )
    accepted: set[str] = set()
    refused: set[int] = set()
    try:
        async with ClientSession() as session:
            await _until_ready(session, url)
            shoppers = [asyncio.create_task(_shop(session, url, lane, accepted, refused)) for lane in range(16)]

            async def busy() -> bool:
                return len(accepted) >= 200

            await eventually(busy, what="200 orders accepted")
            process.send_signal(end)
            code = await asyncio.wait_for(process.wait(), 15)
            await asyncio.gather(*shoppers)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert code == (0 if end is signal.SIGTERM else -signal.SIGKILL)
    assert refused == set()

    async def all_heard() -> bool:
        return accepted <= set(await listener.order_refs(1))

    await eventually(all_heard, what="every accepted order heard")


async def _until_ready(session: ClientSession, url: str) -> None:
    async def ready() -> bool:
        try:
            async with session.get(f"{url}/health/ready") as response:
                return response.status == 200
        except ClientConnectionError:
            return False

    await eventually(ready, what="the process is ready")


async def _shop(session: ClientSession, url: str, lane: int, accepted: set[str], refused: set[int]) -> None:
    """Posts until the service is gone."""
    for number in range(1, 100_000):
        ref = lane * 1_000_000 + number
        body = order_body(ref)
        headers = {
            "Content-Type": "application/json",
            "X-WC-Webhook-Source": WOO_STORE,
            "X-WC-Webhook-Topic": "order.created",
            "X-WC-Webhook-Signature": sign(body, WOO_SECRET),
        }
        try:
            async with session.post(f"{url}/connections/webhook/woocommerce", data=body, headers=headers) as response:
                if response.status == 200:
                    accepted.add(str(ref))
                else:
                    refused.add(response.status)
                await response.read()
        except ClientConnectionError:
            return


async def every_row(world: World) -> str:
    """All tables of all schemas, as text."""
    tables = await world.fetch(
        "SELECT format('SELECT t::text AS row FROM %I.%I t', table_schema, table_name) AS query"
        " FROM information_schema.tables"
        " WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')"
    )
    assert len(tables) > 10
    rows = [row["row"] for table in tables for row in await world.fetch(table["query"])]
    return "\n".join(rows)


async def test_no_personal_data_is_said_or_stored(world: World, listener: Listener, database_url: str) -> None:
    shopify = json.dumps(
        {
            "id": 5,
            "name": "#5",
            "email": "zebulon@example.test",
            "updated_at": "2026-11-22T12:00:00Z",
            "note": "for Zebulon",
            "customer": {"first_name": "Zebulon"},
            "line_items": [
                {"id": 1, "sku": "RING", "quantity": 1, "name": "Ring for Zebulon", "properties": ["Zebulon"]}
            ],
        }
    ).encode()
    sale = {"orderId": "1", "sku": "RING", "quantity": 1, "status": "completed", "email": "zebulon@example.test"}
    assert (await world.woo(order_body(1))).status == 200
    assert (await world.shopify(shopify)).status == 200
    assert (await world.custom(json.dumps(sale).encode())).status == 200
    assert (await world.woo(order_body(2, line_items="lost"))).status == 200
    assert (await world.woo(order_body(3, status=None))).status == 200
    assert (await world.shopify(shopify.replace(b'"quantity": 1', b'"quantity": "?"'))).status == 200
    assert (await world.custom(json.dumps(sale | {"status": "lost"}).encode())).status == 200
    assert (await world.shopify(b'{"email": "zebulon@example.test"}', "customers/redact")).status == 200
    said = " ".join(message.model_dump_json() for message in await listener.wait_for(3))
    kept = await every_row(world)
    assert "RING" in said
    assert len(await world.fetch("SELECT 1 FROM ingest.parked")) == 4
    for trace in ("Zebulon", "zebulon", "555-0100"):
        assert trace not in said
        assert trace not in kept
        assert trace.encode().hex() not in kept

"""Bundles against a real Postgres and over the internal API; the world in memory says what must come out."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import ClientSession
from msgspec.structs import replace

from inventory import storage
from inventory.domain.values import StockKey
from inventory.handlers.observations import apply_observation_batch
from inventory.handlers.orders import apply_order_batch, apply_order_messages
from inventory.recording import recorded
from prokip_shared.database import Pool
from prokip_shared.messages import Message, OrderObservedV1, OrdersCountedV1
from prokip_shared.security.tokens import InternalTokens
from tests.integration.inventory.books import held_orders, held_stock, movements, read, sell
from tests.integration.inventory.test_applying import contents, timeless
from tests.integration.inventory.test_rebuild import compare
from tests.support.house import open_service
from tests.support.settings import INTERNAL_SECRET, service_environ
from tests.unit.inventory.world import BUSINESS, LOCATION, World, decoded, heard, line, reading, seen

SKUS = ("CUP", "POT", "BOX", "SET")


class House:
    """The service's internal API, asked as one business."""

    def __init__(self, session: ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def ask(self, path: str, *, business_id: int = BUSINESS) -> tuple[int, Any]:
        async with self._session.get(self._url + path, headers=self._headers(business_id)) as response:
            return response.status, await response.json(content_type=None)

    async def post(self, path: str, body: Any, *, business_id: int = BUSINESS) -> tuple[int, Any]:
        headers = self._headers(business_id)
        async with self._session.post(self._url + path, headers=headers, json=body) as response:
            return response.status, await response.json(content_type=None)

    async def put(self, sku: str, parts: dict[str, Any], *, business_id: int = BUSINESS) -> tuple[int, Any]:
        named = [{"sku": part, "quantity": str(quantity)} for part, quantity in parts.items()]
        body = {"sku": sku, "parts": named, "changed_by": "ada"}
        return await self.post("/internal/bundles", body, business_id=business_id)

    async def dissolve(self, sku: str) -> tuple[int, Any]:
        return await self.post("/internal/bundles/dissolve", {"sku": sku, "changed_by": "ada"})

    def _headers(self, business_id: int) -> dict[str, str]:
        return {"Authorization": f"Bearer {InternalTokens(INTERNAL_SECRET).mint(business_id)}"}


@pytest.fixture
async def house(ledger_url: str) -> AsyncIterator[House]:
    environ = service_environ(ledger_url) | {"RECORD_MESSAGES": "true"}
    async with open_service("inventory", environ) as service, ClientSession() as session:
        yield House(session, service.url)


async def apply(pool: Pool, handler: Any, *messages: Message) -> Sequence[Message]:
    """As the service's consumers do where messages are recorded."""
    async with pool.acquire() as connection, connection.transaction():
        return decoded(await recorded(handler)(connection, messages))


async def test_a_history_with_bundles_ends_in_postgres_as_in_memory_and_is_rebuilt(
    ledger_url: str, pool: Pool, house: House
) -> None:
    dice, world = random.Random(11), World()
    for sequence in range(1, 60):
        chance = dice.random()
        if chance < 0.2:
            quantities = {sku: dice.randint(-3, 40) for sku in dice.sample(["CUP", "POT", "JAR"], 2)}
            observation = reading(sequence, quantities, complete=sequence > 20)
            said = await apply(pool, apply_observation_batch, observation)
            assert contents(said) == contents(world.read(observation).messages)
        elif chance < 0.35:
            sku = dice.choice(["BOX", "SET"])
            recipe: dict[str, int] = dice.choice([{"CUP": 2, "POT": 1}, {"JAR": 3}, {}])
            status, _ = await (house.put(sku, recipe) if recipe else house.dissolve(sku))
            assert status in {200, 404}
            world.put_bundle(sku, **recipe)
        else:
            batch = [_order(dice) for _ in range(dice.randint(1, 5))]
            decided = world.sell(*batch)
            assert contents(await apply(pool, apply_order_messages, *batch)) == contents(decided.messages)
    assert await held_orders(pool) == world.orders
    found = {key: replace(timeless(row), role=None) for key, row in (await held_stock(pool)).items()}
    assert found == {key: timeless(row) for key, row in world.stock.items()}
    expected = sorted(world.movements, key=lambda movement: (movement.key, movement.revision))
    assert await movements(pool) == expected
    checked, differing, notes = await compare(ledger_url)
    assert (differing, notes) == ([], [])
    assert checked.messages > 60


async def test_a_sweep_that_tells_of_a_sold_bundle_is_answered_with_how_many_its_parts_make(
    pool: Pool, house: House
) -> None:
    await apply(pool, apply_observation_batch, reading(1, {"CUP": 10, "POT": 4}))
    await house.put("BOX", {"CUP": 2, "POT": 1, "LID": 1})
    swept = seen("1", 1, line("l", "BOX", 1), source="sweep")
    [unknown] = [said for said in await apply(pool, apply_order_messages, swept) if isinstance(said, OrdersCountedV1)]
    assert [(item.sku, item.available) for item in unknown.items] == [("BOX", None)], "nothing is known of its lid"
    await house.put("BOX", {"CUP": 2, "POT": 1})
    [told] = await apply(pool, apply_order_messages, swept.model_copy(update={"message_id": uuid4()}))
    assert isinstance(told, OrdersCountedV1)
    [item] = told.items
    assert (item.sku, item.available, item.taken) == ("BOX", Decimal(3), {swept.connection_id: Decimal(1)})


async def test_a_batch_pays_for_bundles_only_where_it_touches_one(pool: Pool, house: House) -> None:
    async def statements(*batch: OrderObservedV1) -> int:
        seen_statements: list[str] = []
        async with pool.acquire() as connection, connection.transaction():
            with connection.query_logger(lambda record: seen_statements.append(record.query)):
                await apply_order_batch(connection, heard(batch))
        return len(seen_statements)

    await read(pool, reading(1, {"CUP": 100, "POT": 100, "HAT": 100}))
    await statements(seen("0", 1, line("l", "HAT", 1)))  # asyncpg learns the types
    before = await statements(seen("1", 1, line("l", "HAT", 1)))
    for number in range(30):
        await house.put(f"BOX-{number}", {"CUP": number + 1, "POT": 1})
    assert await statements(seen("2", 1, line("l", "HAT", 1))) == before
    one = await statements(seen("3", 1, line("l", "CUP", 1)))
    assert one == before + 2
    many = [seen(f"many-{number}", 1, line("l", f"BOX-{number}", 1), line("m", "CUP", 1)) for number in range(30)]
    assert await statements(*many) <= before + 3


async def test_orders_of_several_replicas_and_changes_of_recipes_end_balanced(
    ledger_url: str, pool: Pool, house: House
) -> None:
    await apply(pool, apply_observation_batch, reading(1, {"CUP": 1000, "POT": 1000}))

    async def shop(connection_id: int) -> None:
        dice = random.Random(connection_id)
        for number in range(12):
            skus = dice.sample(["CUP", "POT", "BOX"], 2)
            lines = [line(sku, sku, dice.randint(1, 3)) for sku in skus]
            await again(seen(f"{number}", 1, *lines, connection_id=connection_id))

    async def again(message: OrderObservedV1) -> None:
        """As the consumer does with a batch that lost a race."""
        lost = True
        while lost:
            with suppress(storage.LostRace):
                await apply(pool, apply_order_messages, message)
                lost = False

    async def operator() -> None:
        for number in range(6):
            await house.put("BOX", {"CUP": 1 + number % 3, "POT": 1})
        await house.dissolve("BOX")
        await house.put("BOX", {"CUP": 2})

    await asyncio.gather(*(shop(connection_id) for connection_id in (1, 2, 3)), operator())
    _, differing, _ = await compare(ledger_url)
    assert differing == []
    stock = await held_stock(pool)
    cups = stock[StockKey(BUSINESS, "CUP", LOCATION)].available
    _, page = await house.ask("/internal/stock?search=BOX")
    assert [(item["sku"], item["state"], item["available"]) for item in page["items"]] == [
        ("BOX", "bundle", str(cups // 2))
    ]


async def test_a_bundle_and_its_parts_are_explained_and_add_up(pool: Pool, house: House) -> None:
    await read(pool, reading(1, {"CUP": 9, "POT": 5}))
    assert (await house.put("BOX", {"CUP": 2, "POT": 1}))[0] == 200
    await sell(pool, seen("1", 1, line("l", "BOX", 1), line("m", "CUP", 1)))
    _, box = await house.ask("/internal/stock/BOX/explanation")
    assert (box["state"], box["available"], box["adds_up"]) == ("bundle", "3", True)
    assert box["made_of"] == [
        {"sku": "CUP", "quantity": "2", "available": "6", "makes": "3", "least": True},
        {"sku": "POT", "quantity": "1", "available": "4", "makes": "4", "least": False},
    ]
    _, cup = await house.ask("/internal/stock/CUP/explanation")
    assert (cup["available"], cup["taken"], cup["bundle_units"]) == ("6", "3", "2")
    assert [(order["units"], order["bundle_units"], order["bundle_skus"]) for order in cup["orders"]] == [
        ("3", "2", ["BOX"])
    ]
    _, sale = await house.ask("/internal/sales/1/1")
    assert [(sold["sku"], sold["counted"]) for sold in sale["lines"]] == [("BOX", "1"), ("CUP", "1")]
    assert sale["lines"][0]["parts"] == [
        {"sku": "CUP", "quantity": "2", "counted": "2"},
        {"sku": "POT", "quantity": "1", "counted": "1"},
    ]
    _, listed = await house.ask("/internal/bundles")
    (bundle,) = listed["items"]
    assert (bundle["sku"], bundle["changed_by"]) == ("BOX", "ada")
    assert bundle["places"] == [
        {"location_id": LOCATION, "available": "3", "held_by_prokip": False, "parts": box["made_of"]}
    ]
    _, found = await house.ask("/internal/stock?state=bundle")
    assert [item["available"] for item in found["items"]] == ["3"]
    _, counts = await house.ask("/internal/summary")
    assert counts["unmatched"] == 0


async def test_what_cannot_be_a_bundle_is_refused_with_a_reason(pool: Pool, house: House) -> None:
    await read(pool, reading(1, {"CUP": 9}))
    assert (await house.put("BOX", {"CUP": 2}))[0] == 200
    for sku, parts, status, code in (
        ("CUP", {"POT": 1}, 409, "held_by_prokip"),
        ("CRATE", {"BOX": 1}, 409, "part_is_bundle"),
        ("CRATE", {"CRATE": 1}, 409, "part_of_itself"),
        ("CRATE", {}, 409, "no_parts"),
        ("CRATE", {"CUP": 0}, 422, "invalid_input"),
        ("CRATE", {"CUP": "0.0001"}, 422, "invalid_input"),
        ("CRATE", {"CUP": "NaN"}, 422, "invalid_input"),
    ):
        found, problem = await house.put(sku, parts)
        assert (found, problem["code"]) == (status, code), problem
    twice = [{"sku": "CUP", "quantity": "1"}, {"sku": "CUP", "quantity": "2"}]
    status, problem = await house.post("/internal/bundles", {"sku": "X", "parts": twice, "changed_by": "ada"})
    assert (status, problem["code"]) == (422, "invalid_input")
    await house.put("SET", {"TIN": 1})
    found, problem = await house.put("TIN", {"CUP": 1})
    assert (found, problem["code"]) == (409, "is_part")
    assert (await house.dissolve("NOTHING"))[0] == 404


async def test_a_business_sees_and_changes_its_own_bundles_alone(pool: Pool, house: House) -> None:
    await read(pool, reading(1, {"CUP": 9}), reading(1, {"CUP": 30}, business_id=8))
    await house.put("BOX", {"CUP": 2})
    assert (await house.ask("/internal/bundles", business_id=8))[1]["items"] == []
    await house.put("BOX", {"CUP": 3}, business_id=8)
    assert (await house.dissolve("BOX"))[0] == 200
    assert (await house.ask("/internal/bundles"))[1]["items"] == []
    _, others = await house.ask("/internal/bundles", business_id=8)
    assert [place["available"] for place in others["items"][0]["places"]] == ["10"]


async def test_bundles_are_paged(house: House) -> None:
    for number in range(5):
        await house.put(f"BOX-{number}", {"CUP": 1})
    _, first = await house.ask("/internal/bundles?limit=3")
    _, rest = await house.ask(f"/internal/bundles?limit=3&after={first['next']}")
    assert [item["sku"] for item in first["items"] + rest["items"]] == [f"BOX-{number}" for number in range(5)]
    assert rest["next"] is None


def _order(dice: random.Random) -> OrderObservedV1:
    lines = [line(ref, dice.choice(SKUS), dice.randint(0, 4), price=9) for ref in dice.sample("lm", dice.randint(1, 2))]
    number = dice.randrange(6)
    return seen(str(number), dice.randrange(9), *lines, connection_id=1 + number % 2)

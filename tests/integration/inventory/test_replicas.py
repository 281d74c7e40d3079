"""Many appliers at once, on the same orders and SKUs."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from functools import partial

import pytest

from inventory import storage
from inventory.domain.orders import count_orders, order_key
from inventory.domain.values import Known
from inventory.handlers.holders import apply_holder_batch
from inventory.handlers.observations import apply_observation_batch
from inventory.handlers.orders import apply_order_batch
from inventory.storage import LostRace
from prokip_shared.database import Pool
from prokip_shared.messages import OrderObservedV1, StockHolder, StockHoldersObservedV1
from tests.integration.inventory.books import held_stock, random_snapshot, read, sell, unbalanced_skus
from tests.support.eventually import eventually
from tests.unit.inventory.world import BUSINESS, World, heard, line, reading, seen

APPLIERS = 6


async def until_through(work: Callable[[], Awaitable[object]]) -> None:
    """Begins again after a lost race for a new row, as the consumer does; a deadlock above all is raised."""
    while True:
        try:
            await work()
        except LostRace:
            continue
        return


async def apply_until_through(pool: Pool, batch: Sequence[OrderObservedV1]) -> None:
    await until_through(lambda: sell(pool, *batch))


async def test_appliers_on_overlapping_orders_and_skus_never_deadlock_and_the_sums_are_right(pool: Pool) -> None:
    dice = random.Random(11)
    skus = [f"SKU-{number}" for number in range(12)]

    async def orders(seed: int) -> None:
        own = random.Random(seed)
        for _ in range(15):
            await apply_until_through(pool, [random_snapshot(own, skus, orders=40) for _ in range(20)])

    async def readings(seed: int) -> None:
        own = random.Random(seed)
        for _ in range(15):
            some = own.sample(skus, 6)
            observation = reading(own.randint(1, 30), {sku: own.randint(0, 99) for sku in some})
            await until_through(partial(read, pool, observation))

    async def hear(message: StockHoldersObservedV1) -> None:
        async with pool.acquire() as connection, connection.transaction():
            await apply_holder_batch(connection, [message])

    async def holders(seed: int) -> None:
        own = random.Random(seed)
        for _ in range(8):
            message = StockHoldersObservedV1(
                business_id=BUSINESS,
                connection_id=own.randint(1, 3),
                holders=tuple(StockHolder(sku=sku, held_by=own.choice(skus)) for sku in own.sample(skus, 2)),
            )
            await until_through(partial(hear, message))

    async with asyncio.TaskGroup() as group:
        for _ in range(APPLIERS - 2):
            group.create_task(orders(dice.randrange(1000)))
        group.create_task(readings(1))
        group.create_task(holders(2))
    assert await unbalanced_skus(pool) == []
    deadlocks = await pool.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    assert deadlocks == 0


async def test_snapshots_spread_over_replicas_end_as_they_would_one_by_one(pool: Pool) -> None:
    """Distinct versions, matched SKUs: whatever replica takes which batch when, the end is the same."""
    skus = [f"SKU-{number}" for number in range(5)]
    stock: dict[str, Decimal | int | str] = dict.fromkeys(skus, 100)
    dice = random.Random(3)
    history = [
        seen(str(order), version, *(line(ref, dice.choice(skus), dice.randint(0, 9)) for ref in "lm"))
        for order in range(30)
        for version in range(6)
    ]
    world = World()
    world.read(reading(1, stock))
    world.sell(*history)
    await read(pool, reading(1, stock))
    dice.shuffle(history)
    batches = [history[start : start + 9] for start in range(0, len(history), 9)]
    async with asyncio.TaskGroup() as group:
        for batch in batches:
            group.create_task(apply_until_through(pool, batch))
    ended = {key.sku: (row.available, row.taken_by_connection) for key, row in (await held_stock(pool)).items()}
    assert ended == {key.sku: (row.available, row.taken_by_connection) for key, row in world.stock.items()}
    assert await unbalanced_skus(pool) == []


async def test_two_replicas_that_see_an_order_first_apply_it_once(pool: Pool) -> None:
    await read(pool, reading(1, {"A": 100}))
    batch = [seen(str(number), 1, line("l", "A", 1)) for number in range(20)]
    async with asyncio.TaskGroup() as group:
        for _ in range(APPLIERS):
            group.create_task(apply_until_through(pool, batch))
    ((_, row),) = (await held_stock(pool)).items()
    assert row.available == 80


async def test_a_sku_that_prokip_tells_while_its_sale_is_counted_is_counted_again(pool: Pool) -> None:
    """The count is made before the stock is locked: what it took for unknown must still be so when it is written."""
    await read(pool, reading(1, {"A": 5}))
    sale = heard([seen("1", 1, line("l", "X", 2))])
    async with pool.acquire() as one, pool.acquire() as other:
        await other.execute("BEGIN")
        await apply_observation_batch(other, [reading(2, {"X": 10})])
        await one.execute("BEGIN")
        counting = asyncio.create_task(apply_order_batch(one, sale))
        await eventually(lambda: waits_for_a_lock(pool), what="the sale waits for the stock")
        await other.execute("COMMIT")
        with pytest.raises(LostRace):
            await counting
        await one.execute("ROLLBACK")
    await sell(pool, seen("1", 1, line("l", "X", 2)))
    assert {key.sku: row.available for key, row in (await held_stock(pool)).items()} == {"A": 5, "X": 8}
    assert await unbalanced_skus(pool) == []


async def waits_for_a_lock(pool: Pool) -> bool:
    return bool(await waiting(pool))


async def waiting(pool: Pool) -> int:
    """How many wait for a lock."""
    count: int = await pool.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    return count


async def test_who_changes_an_order_that_another_takes_for_new_is_never_waited_for(pool: Pool) -> None:
    """A looked before order 9 was there, and comes to it after its own 5. B changes 9, and takes 5 for new as well. C
    keeps B at an order before 5, so that A and B meet: whoever inserts a row that somebody else is changing waits for
    that one, who must not insert anything after it.
    """
    late = heard([seen("5", 1, line("l", "A", 1)), seen("9", 1, line("l", "A", 1))])
    async with pool.acquire() as a, pool.acquire() as b, pool.acquire() as c:
        await a.execute("BEGIN")
        assert await storage.lock_orders(a, {order_key(message) for message in late}) == {}
        await sell(pool, seen("9", 1, line("l", "A", 1)))
        await c.execute("BEGIN")
        await apply_order_batch(c, heard([seen("1", 1, line("l", "A", 1))]))
        await b.execute("BEGIN")
        mixed = heard([seen("1", 1, line("l", "A", 1)), seen("5", 1, line("l", "A", 1)), seen("9", 2)])
        changing = asyncio.create_task(apply_order_batch(b, mixed))
        await eventually(lambda: waits_for_a_lock(pool), what="B waits for C")
        inserting = asyncio.create_task(storage.write_orders(a, count_orders(Known(), late)))

        async def met() -> bool:
            return inserting.done() or await waiting(pool) == 2

        await eventually(met, what="A is over, or waits for B")
        await c.execute("ROLLBACK")
        with pytest.raises(LostRace):
            await inserting
        await changing
        await b.execute("COMMIT")
        await a.execute("ROLLBACK")
    await apply_until_through(pool, [seen("5", 1, line("l", "A", 1)), seen("9", 1, line("l", "A", 1))])
    ((_, row),) = (await held_stock(pool)).items()
    assert row.taken == 2  # of orders 1 and 5; a later word on 9 was that it holds nothing
    assert await unbalanced_skus(pool) == []


async def test_batches_that_share_no_location_do_not_wait_for_each_other(pool: Pool) -> None:
    async with pool.acquire() as one, pool.acquire() as other:
        await one.execute("BEGIN")
        await apply_order_batch(one, heard([seen("1", 1, line("l", "A", 2))]))
        async with other.transaction():
            await other.execute("SET LOCAL lock_timeout = '5s'")
            await apply_order_batch(other, heard([seen("2", 1, line("l", "A", 1), location_id="elsewhere")]))
        await one.execute("COMMIT")
    assert await unbalanced_skus(pool) == []

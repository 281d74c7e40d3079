"""The write path against a real Postgres; the world in memory says what must come out."""

import random
from collections.abc import Sequence
from decimal import Decimal

import asyncpg
import pytest
from msgspec.structs import replace

from inventory import storage
from inventory.domain.values import HolderKey, StockRow
from inventory.handlers.holders import apply_holder_batch
from inventory.handlers.orders import apply_order_batch
from inventory.handlers.sales import apply_answer_batch
from prokip_shared.bus.port import PermanentFailure
from prokip_shared.database import Pool
from prokip_shared.messages import (
    Message,
    OrderObservedV1,
    SaleDueV1,
    SaleRecordedV1,
    SaleState,
    StockChangedV1,
    StockHolder,
    StockHoldersObservedV1,
)
from tests.integration.inventory.books import (
    held_orders,
    held_stock,
    movements,
    random_snapshot,
    read,
    sell,
    unbalanced_skus,
)
from tests.unit.inventory.world import BUSINESS, LOCATION, World, decoded, heard, line, reading, seen

SKUS = ("A", "B", "X", "Grün/Größe 40 %2F", "quote'\"\\")


async def test_a_history_in_postgres_ends_as_the_same_history_in_memory(pool: Pool) -> None:
    dice = random.Random(7)
    world = World()
    for sequence in range(40):
        if dice.random() < 0.3:
            quantities = {sku: dice.randint(-5, 50) for sku in dice.sample(SKUS[:2] + SKUS[3:], 2)}
            observation = reading(dice.randint(1, 40), quantities, recorded={"A": 1}, complete=sequence > 20)
            world.read(observation)
            await read(pool, observation)
        else:
            batch = [random_snapshot(dice, SKUS, orders=6) for _ in range(dice.randint(1, 8))]
            decided = world.sell(*batch)
            assert contents(await sell(pool, *batch)) == contents(decided.messages)
    assert await held_orders(pool) == world.orders
    assert {key: timeless(row) for key, row in (await held_stock(pool)).items()} == {
        key: timeless(row) for key, row in world.stock.items()
    }
    expected = sorted(world.movements, key=lambda movement: (movement.key, movement.revision))
    assert await movements(pool) == expected
    assert await unbalanced_skus(pool) == []


def timeless(row: StockRow) -> StockRow:
    return replace(row, observed_at=None)


def contents(messages: Sequence[Message]) -> list[dict[str, object]]:
    return sorted((message.model_dump(exclude={"message_id"}) for message in messages), key=repr)


async def test_a_batch_takes_the_same_number_of_statements_for_one_order_and_for_hundreds(pool: Pool) -> None:
    async def statements(batch: Sequence[OrderObservedV1]) -> int:
        seen_statements: list[str] = []
        async with pool.acquire() as connection, connection.transaction():
            with connection.query_logger(lambda record: seen_statements.append(record.query)):
                await apply_order_batch(connection, heard(batch))
        return len(seen_statements)

    def batch_of(orders: int, version: int) -> list[OrderObservedV1]:
        refs = [*range(orders), *range(1000 * version, 1000 * version + orders)]
        return [seen(str(ref), version, line("l", f"SKU-{ref % 50}", version)) for ref in refs]

    await sell(pool, *[seen(str(ref), 0, line("l", f"SKU-{ref % 50}", 1)) for ref in range(200)])
    assert await statements(batch_of(1, 1)) == await statements(batch_of(200, 2))
    assert await statements(batch_of(1, 3)) <= 9, "and two COPY, of which the logger does not know"


async def test_the_same_batch_again_writes_nothing(pool: Pool) -> None:
    await read(pool, reading(1, {"A": 10}))
    batch = [seen("1", 1, line("l", "A", 2)), seen("2", 1, line("l", "A", 1))]
    await sell(pool, *batch)
    before = (
        await pool.fetch("SELECT xmin::text, * FROM inventory.stock"),
        await pool.fetch("SELECT xmin::text, * FROM inventory.orders ORDER BY order_ref"),
    )
    assert await sell(pool, *batch) == []
    after = (
        await pool.fetch("SELECT xmin::text, * FROM inventory.stock"),
        await pool.fetch("SELECT xmin::text, * FROM inventory.orders ORDER BY order_ref"),
    )
    assert after == before


async def test_what_a_reading_repeats_is_not_told_but_its_sequence_is_kept(pool: Pool) -> None:
    await read(pool, reading(1, {"A": 10}))
    changed_at = await pool.fetchval("SELECT changed_at FROM inventory.stock")
    assert await read(pool, reading(2, {"A": 8}, recorded={"A": 2})) == []
    row = await pool.fetchrow("SELECT observed_sequence, quantity, recorded, changed_at FROM inventory.stock")
    assert row is not None
    assert tuple(row) == (2, Decimal(8), Decimal(2), changed_at)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE inventory.movement SET delta = 1",
        "DELETE FROM inventory.movement",
        "TRUNCATE inventory.movement",
    ],
)
async def test_movements_cannot_be_rewritten(pool: Pool, statement: str) -> None:
    await sell(pool, seen("1", 1, line("l", "A", 2)))
    with pytest.raises(asyncpg.RestrictViolationError):
        await pool.execute(statement)
    assert len(await movements(pool)) == 1


async def test_a_business_never_touches_anothers_rows(pool: Pool) -> None:
    await read(pool, reading(1, {"A": 10}), reading(1, {"A": 5}, business_id=8))
    await sell(pool, seen("1", 1, line("l", "A", 2)), seen("1", 1, line("l", "A", 1), business_id=8))
    stock = {key.business_id: row.available for key, row in (await held_stock(pool)).items()}
    assert stock == {BUSINESS: Decimal(8), 8: Decimal(4)}


async def test_a_quantity_beyond_counting_is_a_permanent_failure_and_leaves_nothing(pool: Pool) -> None:
    with pytest.raises(PermanentFailure):
        await sell(pool, seen("1", 1, line("l", "A", 2)), seen("2", 1, line("l", "A", "1e12")))
    assert await held_orders(pool) == {}


async def test_a_text_that_postgres_cannot_store_is_a_failure_of_that_message(pool: Pool) -> None:
    """DataError is what parks a message; the batch is taken apart, so its neighbours go through."""
    with pytest.raises(asyncpg.DataError):
        await sell(pool, seen("1", 1, line("l", "A", 2)), seen("2", 1, line("l", "A\x00B", 1)))
    assert await held_orders(pool) == {}


async def tell_holders(pool: Pool, **holders: str) -> Sequence[Message]:
    message = StockHoldersObservedV1(
        business_id=BUSINESS,
        connection_id=1,
        holders=tuple(StockHolder(sku=sku, held_by=held_by) for sku, held_by in holders.items()),
    )
    async with pool.acquire() as connection, connection.transaction():
        return decoded(await apply_holder_batch(connection, [message]))


async def test_orders_counted_before_their_holder_was_known_are_counted_again(pool: Pool) -> None:
    await read(pool, reading(1, {"P": 10}))
    await sell(
        pool,
        seen("1", 1, line("l", "red", 2)),
        seen("2", 1, line("l", "red", 3), connection_id=2),
        seen("3", 1, line("l", "P", 1)),
    )
    said = await tell_holders(pool, red="P", blue="P")
    stock = {key.sku: row.available for key, row in (await held_stock(pool)).items()}
    assert stock == {"P": Decimal(7), "red": Decimal(0)}, "the order of the other connection stays where it is"
    assert [message.order_ref for message in said if isinstance(message, SaleDueV1)] == ["1"]
    assert await tell_holders(pool, red="P", blue="P") == []
    await sell(pool, seen("4", 1, line("l", "blue", 1)))
    assert (await held_stock(pool))[next(key for key in await held_stock(pool) if key.sku == "P")].available == 6
    assert await unbalanced_skus(pool) == []


async def test_holders_wait_for_the_orders_that_are_being_applied(pool: Pool) -> None:
    """Without the connection's lock the order would be counted without its holder and never again."""
    await read(pool, reading(1, {"P": 10}))
    async with pool.acquire() as one, pool.acquire() as other:
        await one.execute("BEGIN")
        await apply_order_batch(one, heard([seen("1", 1, line("l", "red", 2))]))
        await other.execute("SET lock_timeout = '100ms'")
        with pytest.raises(asyncpg.LockNotAvailableError):
            async with other.transaction():
                await storage.seize_connections(other, [1])
        await one.execute("COMMIT")
        await other.execute("RESET lock_timeout")
    await tell_holders(pool, red="P")
    async with pool.acquire() as connection, connection.transaction():
        assert await storage.holders_of(connection, [HolderKey(BUSINESS, 1, "red")]) == {
            HolderKey(BUSINESS, 1, "red"): "P"
        }
    assert {key.sku: row.available for key, row in (await held_stock(pool)).items()}["P"] == 8


def answer(revision: int, state: SaleState, sell_id: str | None = None, detail: str = "") -> SaleRecordedV1:
    return SaleRecordedV1(
        business_id=BUSINESS,
        connection_id=1,
        location_id=LOCATION,
        order_ref="1",
        revision=revision,
        state=state,
        prokip_sell_id=sell_id,
        detail=detail,
    )


async def hear(pool: Pool, *answers: SaleRecordedV1) -> tuple[str, str | None, str]:
    async with pool.acquire() as connection, connection.transaction():
        await apply_answer_batch(connection, answers)
    row = await pool.fetchrow("SELECT sale_state, prokip_sell_id, sale_detail FROM inventory.orders")
    assert row is not None
    return row["sale_state"], row["prokip_sell_id"], row["sale_detail"]


async def test_prokips_answer_is_written_into_the_sales_log(pool: Pool) -> None:
    await sell(pool, seen("1", 1, line("l", "A", 2)))
    assert await hear(pool, answer(1, "in_doubt", None, "no answer")) == ("in_doubt", None, "no answer")
    assert await hear(pool, answer(1, "recorded", "S-1")) == ("recorded", "S-1", "")
    await sell(pool, seen("1", 2, line("l", "A", 3)))
    assert await hear(pool, answer(1, "recorded", "S-1")) == ("due", "S-1", ""), "more is due than was recorded"
    assert await hear(pool, answer(2, "recorded", "S-1")) == ("recorded", "S-1", "")


async def test_an_older_answer_never_wins(pool: Pool) -> None:
    await sell(pool, seen("1", 1, line("l", "A", 2)), seen("1", 2, line("l", "A", 3)))
    assert await hear(pool, answer(2, "refused", None, "no stock"), answer(1, "recorded", "S-1")) == (
        "refused",
        None,
        "no stock",
    )


async def test_a_change_of_the_order_keeps_what_prokip_answered(pool: Pool) -> None:
    await sell(pool, seen("1", 1, line("l", "A", 2)))
    await hear(pool, answer(1, "recorded", "S-1"))
    await sell(pool, seen("1", 2, line("l", "A", 2), status="completed"))
    assert await pool.fetchval("SELECT sale_state FROM inventory.orders") == "recorded", "nothing new is due"


async def test_an_answer_about_an_unknown_order_cannot_be_applied(pool: Pool) -> None:
    with pytest.raises(PermanentFailure):
        await hear(pool, answer(1, "recorded", "S-1"))


async def test_each_part_of_a_round_is_answered_once(pool: Pool) -> None:
    said = await read(pool, reading(1, {"A": 1}, part=1), reading(2, {}, part=2))
    assert [m.round.part for m in said if isinstance(m, StockChangedV1) and m.round is not None] == [1, 2]

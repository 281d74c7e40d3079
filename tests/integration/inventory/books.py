"""Applies messages to a real database as the consumer does, and reads back what it holds."""

import random
from collections.abc import Sequence
from decimal import Decimal

import asyncpg

from inventory.domain.values import HeldOrder, Movement, OrderKey, StockKey, StockRow
from inventory.handlers.observations import apply_observation_batch
from inventory.handlers.orders import apply_order_batch
from inventory.rows import order_of, stock_of
from prokip_shared.database import Pool
from prokip_shared.messages import Message, OrderLine, OrderObservedV1, ProkipObservedV1
from tests.unit.inventory.world import decoded, heard, line, seen


async def sell(pool: Pool, *messages: OrderObservedV1) -> Sequence[Message]:
    async with pool.acquire() as connection, connection.transaction():
        return decoded(await apply_order_batch(connection, heard(messages)))


async def read(pool: Pool, *messages: ProkipObservedV1) -> Sequence[Message]:
    async with pool.acquire() as connection, connection.transaction():
        return decoded(await apply_observation_batch(connection, messages))


async def held_orders(pool: Pool) -> dict[OrderKey, HeldOrder]:
    return {order.key: order for order in map(order_of, await pool.fetch("SELECT * FROM inventory.orders"))}


async def held_stock(pool: Pool) -> dict[StockKey, StockRow]:
    return {row.key: row for row in map(stock_of, await pool.fetch("SELECT * FROM inventory.stock"))}


async def movements(pool: Pool) -> list[Movement]:
    rows = await pool.fetch("SELECT * FROM inventory.movement ORDER BY business_id, sku, location_id, revision")
    return [_movement(row) for row in rows]


def _movement(row: asyncpg.Record) -> Movement:
    return Movement(
        StockKey(row["business_id"], row["sku"], row["location_id"]),
        row["revision"],
        row["reason"],
        row["connection_id"],
        row["order_ref"],
        row["delta"],
        row["balance_after"],
        row["correlation_id"],
    )


async def unbalanced_skus(pool: Pool) -> list[str]:
    """SKUs whose movements, row and orders do not tell the same number. Must be empty, always."""
    stock, orders = await held_stock(pool), await held_orders(pool)
    moved: dict[StockKey, Decimal] = {}
    for movement in await movements(pool):
        moved[movement.key] = moved.get(movement.key, Decimal(0)) + movement.delta
        if moved[movement.key] != movement.balance_after:
            return [f"{movement.key.sku}: balance after revision {movement.revision}"]
    taken: dict[StockKey, Decimal] = {}
    for order in orders.values():
        for held in order.lines:
            if held.stock_sku is not None:
                key = StockKey(order.key.business_id, held.stock_sku, order.location_id)
                taken[key] = taken.get(key, Decimal(0)) + held.counted
    return [
        row.key.sku
        for row in stock.values()
        if moved.get(row.key, Decimal(0)) != row.available
        or taken.get(row.key, Decimal(0)) != row.taken
        or sum(row.taken_by_connection.values(), Decimal(0)) != row.taken
    ]


def random_snapshot(dice: random.Random, skus: Sequence[str], orders: int, versions: int = 9) -> OrderObservedV1:
    """One version of one of a few orders, so that snapshots collide."""
    lines: list[OrderLine] = [
        line(ref, dice.choice([*skus, None]), Decimal(dice.randint(0, 40)) / 4, ordered=10, price=dice.randint(1, 9))
        for ref in dice.sample("lmnop", dice.randint(0, 3))
    ]
    return seen(
        str(dice.randrange(orders)),
        dice.randrange(versions),
        *lines,
        connection_id=dice.randint(1, 3),
        status=dice.choice(["processing", "cancelled"]),
        predates=dice.random() < 0.1,
    )

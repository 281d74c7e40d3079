"""The ledger's write path: what a batch needs is locked, what it decides is written, a constant number of statements.

Every function runs inside the consumer's transaction. The lock order is told in sql/ledger.sql.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import asyncpg
from pydantic_core import to_json

from inventory.domain.sales import SaleLog
from inventory.domain.search import fold, grams
from inventory.domain.values import (
    Decision,
    HeldOrder,
    HolderKey,
    LocationKey,
    Movement,
    OrderKey,
    StockKey,
    StockRow,
    new_stock,
)
from inventory.rows import array_literal, encode_lines, encode_taken, order_of, sale_log_of, stock_of
from prokip_shared.database import Connection, load_queries

QUERIES: Final = load_queries("inventory", "ledger.sql")


class LostRace(asyncpg.SerializationError):
    """Another replica inserted one of this batch's new rows first; the batch is to be done again.

    It is a serialization failure like those that Postgres raises itself, and is retried in place like them.
    """


async def share_connections(connection: Connection, connection_ids: Iterable[int]) -> None:
    await connection.execute(QUERIES["share_connections"], sorted(set(connection_ids)))


async def seize_connections(connection: Connection, connection_ids: Iterable[int]) -> None:
    await connection.execute(QUERIES["seize_connections"], sorted(set(connection_ids)))


async def lock_orders(connection: Connection, keys: Collection[OrderKey]) -> dict[OrderKey, HeldOrder]:
    rows = await connection.fetch(QUERIES["lock_orders"], *_columns(keys, 3))
    return _by_key(rows)


async def lock_orders_with_skus(connection: Connection, keys: Collection[HolderKey]) -> dict[OrderKey, HeldOrder]:
    """Every order of the named connections with a line of one of the named SKUs."""
    rows = await connection.fetch(QUERIES["lock_orders_with_skus"], *_columns(keys, 3))
    return _by_key(rows)


def _by_key(rows: Iterable[asyncpg.Record]) -> dict[OrderKey, HeldOrder]:
    return {order.key: order for order in map(order_of, rows)}


async def holders_of(connection: Connection, keys: Collection[HolderKey]) -> dict[HolderKey, str]:
    rows = await connection.fetch(QUERIES["holders_of"], *_columns(keys, 3))
    return {HolderKey(row["business_id"], row["connection_id"], row["sku"]): row["held_by"] for row in rows}


async def lock_stock(
    connection: Connection, needed: Collection[StockKey], optional: Collection[StockKey] = ()
) -> tuple[dict[StockKey, StockRow], frozenset[LocationKey]]:
    """The rows of all needed SKUs and of those optional ones that exist, and which locations are told completely.

    Raises LostRace.
    """
    rows = await connection.fetch(QUERIES["lock_stock"], *_columns((*needed, *optional), 3))
    stock = {row.key: row for row in map(stock_of, rows)}
    complete = {LocationKey(row["business_id"], row["location_id"]) for row in rows if row["first_read_complete"]}
    missing = [key for key in needed if key not in stock]
    if missing:
        await _create_stock(connection, missing)
        stock |= {key: new_stock(key) for key in missing}
        complete |= await _told_locations(
            connection, {LocationKey(key.business_id, key.location_id) for key in missing}
        )
    return stock, frozenset(complete)


async def _create_stock(connection: Connection, keys: Sequence[StockKey]) -> None:
    folded = [fold(key.sku) for key in keys]
    pieces = [to_json(grams(key.business_id, text)).decode() for key, text in zip(keys, folded, strict=True)]
    inserted = await connection.fetch(
        QUERIES["create_stock"], *_columns(keys, 3), array_literal(folded), array_literal(pieces)
    )
    if len(inserted) != len(keys):
        raise LostRace("another replica took one of the new SKUs first")


async def _told_locations(connection: Connection, keys: Collection[LocationKey]) -> set[LocationKey]:
    rows = await connection.fetch(QUERIES["told_locations"], *_columns(keys, 2))
    return {LocationKey(*row) for row in rows}


async def write(connection: Connection, decision: Decision, at: datetime) -> None:
    """Carries out a decision about rows that this transaction has locked. Raises LostRace."""
    if decision.stock:
        await connection.execute(QUERIES["write_stock"], *_stock_columns(decision.stock), at)
    if decision.movements:
        await connection.execute(QUERIES["insert_movements"], *_movement_columns(decision.movements), at)
    if decision.changed_orders:
        await connection.execute(QUERIES["update_orders"], *_changed_order_columns(decision.changed_orders))
    if decision.new_orders:
        inserted = await connection.fetch(QUERIES["insert_orders"], *_new_order_columns(decision.new_orders))
        if len(inserted) != len(decision.new_orders):
            raise LostRace("another replica took one of the new orders first")


async def complete_locations(connection: Connection, locations: Collection[LocationKey]) -> None:
    if not locations:
        return
    await connection.execute(QUERIES["complete_locations"], *_columns(locations, 2))


async def write_holders(connection: Connection, holders: Mapping[HolderKey, str]) -> None:
    await connection.execute(QUERIES["write_holders"], *_columns(holders, 3), array_literal(list(holders.values())))


async def lock_sale_logs(connection: Connection, keys: Collection[OrderKey]) -> dict[OrderKey, SaleLog]:
    rows = await connection.fetch(QUERIES["lock_sale_logs"], *_columns(keys, 3))
    return {OrderKey(row["business_id"], row["connection_id"], row["order_ref"]): sale_log_of(row) for row in rows}


async def write_sale_logs(connection: Connection, logs: Mapping[OrderKey, SaleLog]) -> None:
    answers = [(log.answered_revision, log.state, log.prokip_sell_id, log.detail) for log in logs.values()]
    await connection.execute(QUERIES["write_sale_logs"], *_columns(logs, 3), *_columns(answers, 4))


def _columns(rows: Iterable[tuple[object, ...]], width: int) -> list[str]:
    """Rows turned into the array literals of an unnest."""
    columns = [array_literal(column) for column in zip(*rows, strict=True)]
    return columns or ["{}"] * width


def _new_order_columns(orders: Sequence[HeldOrder]) -> list[str]:
    rows = [
        (
            *order.key,
            order.location_id,
            order.order_number,
            order.status,
            order.modified_at,
            order.sold_at,
            order.needs_sweep,
            order.revision,
            order.due_revision,
            order.sale_state,
            encode_lines(order.lines),
            _encode_skus(order.former_skus),
        )
        for order in orders
    ]
    return _columns(rows, 14)


def _changed_order_columns(orders: Sequence[HeldOrder]) -> list[str]:
    rows = [
        (
            *order.key,
            order.order_number,
            order.status,
            order.modified_at,
            order.needs_sweep,
            order.revision,
            order.due_revision,
            order.sale_state,
            encode_lines(order.lines),
            _encode_skus(order.former_skus),
        )
        for order in orders
    ]
    return _columns(rows, 12)


def _encode_skus(skus: Sequence[str]) -> str | None:
    return to_json(skus).decode() if skus else None


def _stock_columns(stock: Sequence[StockRow]) -> list[str]:
    rows = [
        (
            *row.key,
            str(row.base),
            str(row.taken),
            encode_taken(row.taken_by_connection),
            row.revision,
            row.observed_sequence,
            None if row.quantity is None else str(row.quantity),
            None if row.recorded is None else str(row.recorded),
            row.observed_at,
        )
        for row in stock
    ]
    return _columns(rows, 11)


def _movement_columns(movements: Sequence[Movement]) -> list[str]:
    rows = [
        (
            *movement.key,
            movement.revision,
            movement.reason,
            movement.connection_id,
            movement.order_ref,
            str(movement.delta),
            str(movement.balance_after),
            movement.correlation_id,
        )
        for movement in movements
    ]
    return _columns(rows, 10)

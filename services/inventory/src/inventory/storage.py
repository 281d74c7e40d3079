"""The ledger's write path: what a batch needs is locked, what it decides is written, a constant number of statements.

Every function runs inside the consumer's transaction. The lock order is told in sql/ledger.sql.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from io import BytesIO
from typing import Final

import asyncpg
from msgspec.structs import astuple, replace
from pydantic_core import to_json

from inventory.domain.gaps import GapHour, Gaps
from inventory.domain.observations import ReadingPart
from inventory.domain.sales import SaleLog
from inventory.domain.search import fold, grams
from inventory.domain.values import (
    Bundle,
    Count,
    HeldOrder,
    HolderKey,
    LocationKey,
    Movement,
    OrderKey,
    Recipe,
    StockKey,
    StockRow,
    new_stock,
)
from inventory.rows import (
    copy_text,
    decode_recipe,
    encode_lines,
    encode_taken,
    encode_told,
    order_of,
    sale_log_of,
    stock_of,
)
from prokip_shared.arrays import array_literal
from prokip_shared.database import Connection, load_queries

QUERIES: Final = load_queries("inventory", "ledger.sql")
SCHEMA: Final = "inventory"

# New rows are copied: that costs Postgres half of an INSERT ... SELECT FROM unnest. A COPY takes no parameters and its
# statement is asyncpg's, so what it writes stands here instead of in ledger.sql.
ORDER_COLUMNS: Final = (
    "business_id",
    "connection_id",
    "order_ref",
    "location_id",
    "order_number",
    "status",
    "modified_at",
    "sold_at",
    "needs_sweep",
    "revision",
    "due_revision",
    "sale_state",
    "lines",
    "former_skus",
    "told",
)
MOVEMENT_COLUMNS: Final = (
    "business_id",
    "sku",
    "location_id",
    "revision",
    "at",
    "reason",
    "connection_id",
    "order_ref",
    "delta",
    "balance_after",
    "correlation_id",
)


class LostRace(asyncpg.SerializationError):
    """Another batch inserted a new row first, or changed what was read without a lock; this one is to be done again.

    It is a serialization failure like those that Postgres raises itself, and is retried in place like them.
    """


async def share_connections(connection: Connection, connection_ids: Iterable[int]) -> None:
    await connection.execute(QUERIES["share_connections"], sorted(set(connection_ids)))


async def seize_connections(connection: Connection, connection_ids: Iterable[int]) -> None:
    await connection.execute(QUERIES["seize_connections"], sorted(set(connection_ids)))


async def lock_orders(connection: Connection, keys: Collection[OrderKey]) -> dict[OrderKey, HeldOrder]:
    rows = await connection.fetch(QUERIES["lock_orders"], *_key_columns(keys, 3))
    return _by_key(rows)


async def lock_orders_with_skus(connection: Connection, keys: Collection[HolderKey]) -> dict[OrderKey, HeldOrder]:
    """Every order of the named connections with a line of one of the named SKUs."""
    rows = await connection.fetch(QUERIES["lock_orders_with_skus"], *_key_columns(keys, 3))
    return _by_key(rows)


def _by_key(rows: Iterable[asyncpg.Record]) -> dict[OrderKey, HeldOrder]:
    return {order.key: order for order in map(order_of, rows)}


async def holders_of(connection: Connection, keys: Collection[HolderKey]) -> dict[HolderKey, str]:
    rows = await connection.fetch(QUERIES["holders_of"], *_key_columns(keys, 3))
    return {HolderKey(row["business_id"], row["connection_id"], row["sku"]): row["held_by"] for row in rows}


async def any_holders(connection: Connection, connection_keys: Collection[tuple[int, int]]) -> bool:
    """Whether any SKU of these stores (business, connection) takes its stock from another one."""
    return bool(await connection.fetchval(QUERIES["any_holders"], *_columns(connection_keys, 2)))


async def untold_stock(
    connection: Connection, keys: Collection[StockKey]
) -> tuple[dict[StockKey, bool], dict[StockKey, Recipe]]:
    """The SKUs among these that Prokip has not told, and whether it has told their whole location; and what those of them
    are made of that are bundles.
    """
    rows = await connection.fetch(QUERIES["untold_stock"], *_key_columns(keys, 3))
    untold = {StockKey(row["business_id"], row["sku"], row["location_id"]): row for row in rows}
    recipes = {key: decode_recipe(row["recipe"]) for key, row in untold.items() if row["recipe"] is not None}
    return {key: row["unknown"] for key, row in untold.items()}, recipes


async def lock_stock(
    connection: Connection, needed: Collection[StockKey], optional: Collection[StockKey] = ()
) -> dict[StockKey, StockRow]:
    """The rows of all needed SKUs, made where they are missing, and of those optional ones that exist.

    Raises LostRace.
    """
    keys = {*needed, *optional}
    locations = {LocationKey(key.business_id, key.location_id) for key in keys}
    await connection.execute(QUERIES["enter_locations"], *_key_columns(sorted(locations), 2))
    return await _lock_rows(connection, needed, keys)


async def _lock_rows(
    connection: Connection, needed: Collection[StockKey], keys: Collection[StockKey]
) -> dict[StockKey, StockRow]:
    rows = await connection.fetch(QUERIES["lock_stock"], *_key_columns(keys, 3))
    stock = {row.key: row for row in map(stock_of, rows)}
    missing = [key for key in needed if key not in stock]
    return stock | await _create_stock(connection, missing) if missing else stock


async def lock_bundles(
    connection: Connection, stock: Mapping[StockKey, StockRow]
) -> tuple[Sequence[Bundle], dict[StockKey, StockRow]]:
    """The bundles that the locked stock is, or is part of, at its own locations; with the rows of their own and of all
    their parts. Their locations are entered, so nobody else has those. No statement where the stock is in no bundle.
    """
    places: dict[LocationKey, set[str]] = {}
    for key, row in stock.items():
        if row.role is not None:
            places.setdefault(LocationKey(key.business_id, key.location_id), set()).add(key.sku)
    if not places:
        return (), {}
    skus = {(place.business_id, sku) for place, named in places.items() for sku in named}
    rows = await connection.fetch(QUERIES["bundles_around"], *_columns(skus, 2))
    recipes = [(row["business_id"], row["sku"], decode_recipe(row["recipe"])) for row in rows]
    bundles = [
        Bundle(StockKey(business_id, sku, place.location_id), parts)
        for place, named in places.items()
        for business_id, sku, parts in recipes
        if business_id == place.business_id and (sku in named or any(part.sku in named for part in parts))
    ]
    own = {bundle.key for bundle in bundles} - stock.keys()
    parts = {key for bundle in bundles for key in bundle.part_keys()} - stock.keys()
    more = await _lock_rows(connection, own, own | parts) if own or parts else {}
    more |= {key: new_stock(key) for key in parts if key not in more}
    known = {**stock, **more}
    return [bundle for bundle in bundles if not known[bundle.key].matched], more


async def read_stock(
    connection: Connection, keys: Collection[StockKey]
) -> tuple[dict[StockKey, StockRow], Sequence[Bundle]]:
    """Rows that exist, without a lock: at least as new as every order that this transaction has locked. And the bundles
    among them, with the rows of all their parts.
    """
    rows = await connection.fetch(QUERIES["read_stock"], *_key_columns(keys, 3))
    stock = {row.key: row for row in map(stock_of, rows)}
    recipes = [(stock_of(row).key, decode_recipe(row["recipe"])) for row in rows if row["recipe"] is not None]
    bundles = [Bundle(key, parts) for key, parts in recipes if key in keys and not stock[key].matched]
    missing = {key for bundle in bundles for key in bundle.part_keys()} - stock.keys()
    return stock | {key: new_stock(key) for key in missing}, bundles


async def _create_stock(connection: Connection, keys: Sequence[StockKey]) -> dict[StockKey, StockRow]:
    folded = [fold(key.sku) for key in keys]
    pieces = [to_json(grams(key.business_id, text)).decode() for key, text in zip(keys, folded, strict=True)]
    inserted = await connection.fetch(
        QUERIES["create_stock"], *_key_columns(keys, 3), array_literal(folded), array_literal(pieces)
    )
    if len(inserted) != len(keys):
        raise LostRace("another replica took one of the new SKUs first")
    made = {StockKey(row["business_id"], row["sku"], row["location_id"]): row["role"] for row in inserted}
    return {key: replace(new_stock(key), role=role) if role else new_stock(key) for key, role in made.items()}


async def write_orders(connection: Connection, count: Count) -> None:
    """New orders and changed ones, which this transaction has locked. Raises LostRace.

    The new ones first: whoever takes an order for new that another batch has made and a third one changes just now waits
    for that third one, which therefore inserts nothing after its changes.
    """
    if count.new_orders:
        await _create_orders(connection, count)
    if count.changed_orders:
        await connection.execute(QUERIES["update_orders"], *_changed_order_columns(count.changed_orders))


async def _create_orders(connection: Connection, count: Count) -> None:
    rows = sorted([_new_order_row(order) for order in count.new_orders])
    try:
        await connection.copy_records_to_table("orders", schema_name=SCHEMA, columns=ORDER_COLUMNS, records=rows)
    except asyncpg.UniqueViolationError as error:
        raise LostRace("another replica took one of the new orders first") from error


async def write_stock(connection: Connection, stock: Sequence[StockRow], at: datetime) -> None:
    """Rows that this transaction has locked, as Prokip's readings leave them."""
    if stock:
        await connection.execute(QUERIES["write_stock"], *_stock_columns(stock), at)


async def take_stock(connection: Connection, stock: Sequence[StockRow], at: datetime) -> None:
    """As `write_stock`, where only orders moved them."""
    if stock:
        rows = [
            (*astuple(row.key), str(row.taken), encode_taken(row.taken_by_connection), row.revision) for row in stock
        ]
        await connection.execute(QUERIES["take_stock"], *_columns(rows, 6), at)


async def insert_movements(connection: Connection, movements: Sequence[Movement], at: datetime) -> None:
    """History, in the order in which it came about; `at` is when the ledger learned it."""
    if movements:
        moment = str(at)
        await connection.copy_to_table(
            "movement",
            schema_name=SCHEMA,
            columns=MOVEMENT_COLUMNS,
            source=BytesIO(copy_text([_movement_row(movement, moment) for movement in movements])),
        )


async def count_gaps(connection: Connection, gaps: Sequence[tuple[GapHour, Gaps]]) -> None:
    """Adds to what is known of the stores' webhooks."""
    if gaps:
        rows = [(*astuple(hour), *astuple(count)) for hour, count in gaps]
        await connection.execute(QUERIES["count_gaps"], *_columns(rows, 8))


async def note_reading_parts(connection: Connection, parts: Collection[ReadingPart]) -> set[LocationKey]:
    """Locations of which all parts of a whole reading are here now. Their stock is held by this transaction."""
    if not parts:
        return set()
    rows = await connection.fetch(QUERIES["note_reading_parts"], *_columns([tuple(part) for part in parts], 5))
    return {LocationKey(row["business_id"], row["location_id"]) for row in rows}


async def complete_locations(connection: Connection, locations: Collection[LocationKey]) -> None:
    if not locations:
        return
    await connection.execute(QUERIES["complete_locations"], *_key_columns(locations, 2))
    await connection.execute(QUERIES["forget_reading_parts"], *_key_columns(locations, 2))


async def write_holders(connection: Connection, holders: Mapping[HolderKey, str]) -> None:
    await connection.execute(QUERIES["write_holders"], *_key_columns(holders, 3), array_literal(list(holders.values())))


async def lock_sale_logs(connection: Connection, keys: Collection[OrderKey]) -> dict[OrderKey, SaleLog]:
    rows = await connection.fetch(QUERIES["lock_sale_logs"], *_key_columns(keys, 3))
    return {OrderKey(row["business_id"], row["connection_id"], row["order_ref"]): sale_log_of(row) for row in rows}


async def write_sale_logs(connection: Connection, logs: Mapping[OrderKey, SaleLog]) -> None:
    answers = [(log.answered_revision, log.state, log.prokip_sell_id, log.detail) for log in logs.values()]
    await connection.execute(QUERIES["write_sale_logs"], *_key_columns(logs, 3), *_columns(answers, 4))


def _key_columns(keys: Iterable[OrderKey | StockKey | HolderKey | LocationKey], width: int) -> list[str]:
    return _columns(map(astuple, keys), width)


def _columns(rows: Iterable[tuple[object, ...]], width: int) -> list[str]:
    """Rows turned into the array literals of an unnest."""
    columns = [array_literal(column) for column in zip(*rows, strict=True)]
    return columns or ["{}"] * width


def _new_order_row(order: HeldOrder) -> tuple[object, ...]:
    key = order.key
    return (
        key.business_id,
        key.connection_id,
        key.order_ref,
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
        encode_told(order.told),
    )


def _changed_order_columns(orders: Sequence[HeldOrder]) -> list[str]:
    rows = [
        (
            *astuple(order.key),
            order.order_number,
            order.status,
            order.modified_at,
            order.needs_sweep,
            order.revision,
            order.due_revision,
            order.sale_state,
            encode_lines(order.lines),
            _encode_skus(order.former_skus),
            encode_told(order.told),
        )
        for order in orders
    ]
    return _columns(rows, 13)


def _encode_skus(skus: Sequence[str]) -> str | None:
    return to_json(skus).decode() if skus else None


def _stock_columns(stock: Sequence[StockRow]) -> list[str]:
    rows = [
        (
            *astuple(row.key),
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


def _movement_row(movement: Movement, at: str) -> tuple[str | None, ...]:
    key, connection_id = movement.key, movement.connection_id
    return (
        str(key.business_id),
        key.sku,
        key.location_id,
        str(movement.revision),
        at,
        movement.reason,
        None if connection_id is None else str(connection_id),
        movement.order_ref,
        str(movement.delta),
        str(movement.balance_after),
        movement.correlation_id,
    )

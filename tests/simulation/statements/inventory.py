"""inventory/sql/ledger.sql."""

import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import asyncpg

from tests.simulation.database import Transaction, Values
from tests.simulation.statements.registry import column, copies_into, lock_existing, moment, number, stands_in, truth

ledger = stands_in("inventory", "ledger.sql")

Literal = str
Reader = Callable[[str], Any]
CHANGED_COLUMNS = (
    "business_id",
    "connection_id",
    "order_ref",
    "order_number",
    "status",
    "modified_at",
    "needs_sweep",
    "revision",
    "due_revision",
    "sale_state",
    "lines",
    "former_skus",
    "told",
)
MOVEMENT_READERS: dict[str, Reader] = {
    "business_id": int,
    "revision": int,
    "at": moment,
    "connection_id": int,
    "delta": Decimal,
    "balance_after": Decimal,
}
GAP_COLUMNS = ("business_id", "connection_id", "hour", "changes", "missed", "late", "duplicates", "out_of_order")
NO_ANSWER = {"answered_revision": 0, "prokip_sell_id": None, "sale_detail": ""}


def order_keys(businesses: Literal, connections: Literal, refs: Literal) -> list[tuple[int, int, str]]:
    return sorted(zip(column(businesses, int), column(connections, int), column(refs), strict=True))


def stock_keys(businesses: Literal, skus: Literal, locations: Literal) -> list[tuple[int, str, str]]:
    return sorted(zip(column(businesses, int), column(skus), column(locations), strict=True))


@ledger
async def share_connections(tx: Transaction, connection_ids: Sequence[int]) -> list[Values]:
    await tx.share("advisory", connection_ids)
    return []


@ledger
async def seize_connections(tx: Transaction, connection_ids: Sequence[int]) -> list[Values]:
    await tx.lock("advisory", connection_ids)
    return []


@ledger
async def any_holders(tx: Transaction, businesses: Literal, connections: Literal) -> list[Values]:
    stores = set(zip(column(businesses, int), column(connections, int), strict=True))
    return [{"exists": any(key[:2] in stores for key, _ in tx.rows("stock_holder"))}]


@ledger
async def lock_orders(tx: Transaction, *keys: Literal) -> list[Values]:
    return await lock_existing(tx, "orders", order_keys(*keys))


@ledger
async def lock_orders_with_skus(tx: Transaction, *columns: Literal) -> list[Values]:
    named = set(order_keys(*columns))
    found = [
        key
        for key, row in tx.rows("orders")
        if any((key[0], key[1], line["sku"]) in named for line in json.loads(row["lines"]))
    ]
    return await lock_existing(tx, "orders", sorted(found))


@ledger
async def holders_of(tx: Transaction, *columns: Literal) -> list[Values]:
    return [row for key in order_keys(*columns) if (row := tx.get("stock_holder", key)) is not None]


@ledger
async def untold_stock(tx: Transaction, *columns: Literal) -> list[Values]:
    untold = []
    for key in stock_keys(*columns):
        held = tx.get("stock", key)
        if held is None or held["observed_sequence"] is None:
            business_id, sku, location_id = key
            row = {"business_id": business_id, "sku": sku, "location_id": location_id}
            untold.append(row | {"unknown": _told(tx, business_id, location_id), "recipe": None})
    return untold


def _told(tx: Transaction, business_id: int, location_id: str) -> bool:
    place = tx.get("location", (business_id, location_id))
    return place is not None and bool(place["first_read_complete"])


@ledger
async def enter_locations(tx: Transaction, businesses: Literal, locations: Literal) -> list[Values]:
    places = list(zip(column(businesses, int), column(locations), strict=True))
    await tx.share("advisory", [("recipes", business_id) for business_id, _ in places])
    await tx.lock("advisory", [("stock", *place) for place in places])
    return []


@ledger
async def lock_stock(tx: Transaction, *columns: Literal) -> list[Values]:
    return await lock_existing(tx, "stock", stock_keys(*columns))


@ledger
async def read_stock(tx: Transaction, *columns: Literal) -> list[Values]:
    found = [tx.get("stock", key) for key in stock_keys(*columns)]
    return [row | {"recipe": None} for row in found if row is not None]


@ledger
async def create_stock(
    tx: Transaction, businesses: Literal, skus: Literal, locations: Literal, _folded: Literal, _grams: Literal
) -> list[Values]:
    made = []
    for key in stock_keys(businesses, skus, locations):
        await tx.lock("stock", [key])
        if tx.get("stock", key) is None:
            business_id, sku, location_id = key
            row = {"business_id": business_id, "sku": sku, "location_id": location_id, "base": "0", "taken": "0"}
            row |= {"taken_by_connection": "{}", "revision": 0, "observed_sequence": None, "quantity": None}
            await tx.put("stock", key, row | {"recorded": None, "observed_at": None, "role": None})
            made.append({"business_id": business_id, "sku": sku, "location_id": location_id, "role": None})
    return made


@copies_into("inventory", "orders")
async def copy_orders(tx: Transaction, rows: Sequence[Values]) -> list[Values]:
    for row in rows:
        key = (row["business_id"], row["connection_id"], row["order_ref"])
        await tx.lock("orders", [key])
        if tx.get("orders", key) is not None:
            raise asyncpg.UniqueViolationError(f"order {key} is there already")
        await tx.put("orders", key, row | NO_ANSWER)
    return []


@ledger
async def update_orders(tx: Transaction, *columns: Literal) -> list[Values]:
    readers: tuple[Reader, ...] = (int, int, str, str, str, moment, truth, int, int, str, str, str, str)
    for values in zip(*(column(*pair) for pair in zip(columns, readers, strict=True)), strict=True):
        row = dict(zip(CHANGED_COLUMNS, values, strict=True))
        await tx.change("orders", values[:3], **row)
    return []


@ledger
async def write_stock(tx: Transaction, *columns: Any) -> list[Values]:
    names: tuple[str, ...] = ("business_id", "sku", "location_id", "base", "taken", "taken_by_connection", "revision")
    names += ("observed_sequence", "quantity", "recorded", "observed_at")
    readers: tuple[Reader, ...] = (int, str, str, str, str, str, int, number, str, str, moment)
    for values in zip(*(column(*pair) for pair in zip(columns[:-1], readers, strict=True)), strict=True):
        await tx.change("stock", values[:3], **dict(zip(names, values, strict=True)))
    return []


@ledger
async def take_stock(tx: Transaction, *columns: Any) -> list[Values]:
    names = ("business_id", "sku", "location_id", "taken", "taken_by_connection", "revision")
    readers: tuple[Reader, ...] = (int, str, str, str, str, int)
    for values in zip(*(column(*pair) for pair in zip(columns[:-1], readers, strict=True)), strict=True):
        await tx.change("stock", values[:3], **dict(zip(names, values, strict=True)))
    return []


@copies_into("inventory", "movement")
async def copy_movements(tx: Transaction, rows: Sequence[Values]) -> list[Values]:
    for texts in rows:
        row = texts | {name: read(texts[name]) for name, read in MOVEMENT_READERS.items() if texts[name] is not None}
        key = (row["business_id"], row["sku"], row["location_id"], row["revision"])
        if tx.get("movement", key) is not None:
            raise AssertionError(f"a revision moves a SKU once: {key}")
        await tx.put("movement", key, row)
    return []


@ledger
async def count_gaps(tx: Transaction, *columns: Literal) -> list[Values]:
    readers: tuple[Reader, ...] = (int, int, moment, int, int, int, int, int)
    for values in zip(*(column(*pair) for pair in zip(columns, readers, strict=True)), strict=True):
        row = dict(zip(GAP_COLUMNS, values, strict=True))
        await tx.put("webhook_gap_added", (tx.database.next_number("webhook_gap_added"),), row)
    return []


@ledger
async def note_reading_parts(
    tx: Transaction, businesses: Literal, locations: Literal, sequences: Literal, parts: Literal, counts: Literal
) -> list[Values]:
    given = set(
        zip(
            column(businesses, int),
            column(locations),
            column(sequences, int),
            column(parts, int),
            column(counts, int),
            strict=True,
        )
    )
    given = {row for row in given if not _told(tx, row[0], row[1])}
    for business_id, location_id, sequence, part, _ in sorted(given):
        key = (business_id, location_id, sequence, part)
        row = {"business_id": business_id, "location_id": location_id, "sequence": sequence, "part": part}
        await tx.put("first_reading_part", key, row)
    here = [key[:3] for key, _ in tx.rows("first_reading_part")]
    whole = {row[:2] for row in given if here.count(row[:3]) == row[4]}
    return [{"business_id": business_id, "location_id": location_id} for business_id, location_id in sorted(whole)]


@ledger
async def forget_reading_parts(tx: Transaction, businesses: Literal, locations: Literal) -> list[Values]:
    done = set(zip(column(businesses, int), column(locations), strict=True))
    for key, _ in list(tx.rows("first_reading_part")):
        if key[:2] in done:
            await tx.delete("first_reading_part", key)
    return []


@ledger
async def complete_locations(tx: Transaction, businesses: Literal, locations: Literal) -> list[Values]:
    for key in sorted(zip(column(businesses, int), column(locations), strict=True)):
        if not _told(tx, *key):
            await tx.put("location", key, {"first_read_complete": True})
    return []


@ledger
async def write_holders(
    tx: Transaction, businesses: Literal, connections: Literal, skus: Literal, held_by: Literal
) -> list[Values]:
    rows = zip(column(businesses, int), column(connections, int), column(skus), column(held_by), strict=True)
    for business_id, connection_id, sku, holder in rows:
        row = {"business_id": business_id, "connection_id": connection_id, "sku": sku, "held_by": holder}
        await tx.put("stock_holder", (business_id, connection_id, sku), row)
    return []


@ledger
async def lock_sale_logs(tx: Transaction, *keys: Literal) -> list[Values]:
    return await lock_existing(tx, "orders", order_keys(*keys))


@ledger
async def write_sale_logs(tx: Transaction, *columns: Literal) -> list[Values]:
    readers: tuple[Reader, ...] = (int, int, str, int, str, str, str)
    for values in zip(*(column(*pair) for pair in zip(columns, readers, strict=True)), strict=True):
        answered, state, sell_id, detail = values[3:]
        news = {"answered_revision": answered, "sale_state": state, "prokip_sell_id": sell_id, "sale_detail": detail}
        await tx.change("orders", values[:3], **news)
    return []

"""prokip_poller/sql: reads."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from itertools import zip_longest
from typing import Any
from uuid import UUID

import asyncpg

from tests.simulation.database import Transaction, Values
from tests.simulation.statements.registry import column, lock_existing, stands_in

reads = stands_in("prokip_poller", "reads.sql")

ZERO = Decimal(0)
NO_COUNTER: Mapping[str, Any] = {"units": ZERO, "moved_at": 0}


def _of_place(tx: Transaction, table: str, business_id: int, place: str) -> list[tuple[Any, Values]]:
    return [(key, row) for key, row in tx.rows(table) if key[:2] == (business_id, place)]


def _open(tx: Transaction, business_id: int, place: str) -> dict[str, list[str]]:
    """SKUs of requests under way, and of those in doubt."""
    found: dict[str, set[str]] = {"posting": set(), "in_doubt": set()}
    for row in tx.values("sale_posting"):
        if (row["business_id"], row["location_id"]) == (business_id, place) and row["outcome"] in found:
            found[row["outcome"]].update(json.loads(row["units"]))
    return {outcome: sorted(skus) for outcome, skus in found.items()}


def _moves(tx: Transaction, business_id: int, place: str) -> int | None:
    row = tx.get("location", (business_id, place))
    return None if row is None else row["counter_moves"]


@reads
async def look_around(tx: Transaction, business_id: int, place: str) -> list[Values]:
    return [{"moves": _moves(tx, business_id, place), **_open(tx, business_id, place)}]


@reads
async def look_at_page(
    tx: Transaction, business_id: int, place: str, read_id: int | None, *page: Sequence[Any] | Any
) -> list[Values]:
    *columns, open_before, moves_before = page
    open_now = _open(tx, business_id, place)
    uncertain = {*open_before, *open_now["posting"], *open_now["in_doubt"]}
    numbers, left_alone_numbers, left_alone_differ, goods_differ = [], [], [], []
    special: list[Values] = []
    reads_as = (str, Decimal, str, int, int)
    given = [column(literal, read) for literal, read in zip(columns, reads_as, strict=True)]
    for sku, quantity, reason, product_id, variation_id in zip_longest(*given):
        key = (business_id, place, sku)
        sent, counter = tx.get("sku_snapshot", key) or {}, tx.get("recorded_counter", key) or NO_COUNTER
        found = tx.get("read_change", (read_id, sku)) or {}
        held_back, left_alone = tx.get("held_back", key) or {}, tx.get("left_alone", key) or {}
        goods = tx.get("goods", (business_id, sku)) or {}
        if sent:
            numbers.append(sent["number"])
        if left_alone:
            left_alone_numbers.append(left_alone["number"])
        if reason != left_alone.get("reason"):
            left_alone_differ.append(sku)
        if product_id is not None and (product_id, variation_id) != (
            goods.get("product_id"),
            goods.get("variation_id"),
        ):
            goods_differ.append(sku)
        same = (sent.get("quantity"), sent.get("recorded")) == (quantity, counter["units"])
        moved = counter["moved_at"] > moves_before
        if quantity is not None and (not same or moved or found or held_back or sku in uncertain):
            row = {"skus": sku, "sku_numbers": sent.get("number"), **counter, "held_back": held_back.get("base")}
            row |= {"quantities": sent.get("quantity"), "recorded": sent.get("recorded")}
            row |= {"found_quantities": found.get("after_quantity"), "found_recorded": found.get("after_recorded")}
            special.append(row)
    names = ("skus", "sku_numbers", "quantities", "recorded", "units", "moved_at", "found_quantities", "found_recorded")
    arrays = {name: [row[name] for row in special] for name in (*names, "held_back")}
    arrays |= {"numbers": numbers, "left_alone_numbers": left_alone_numbers}
    arrays |= {"left_alone_differ": left_alone_differ, "goods_differ": goods_differ}
    aggregated = {name: array or None for name, array in arrays.items()}
    return [{"moves": _moves(tx, business_id, place), **open_now, **aggregated}]


@reads
async def save_goods(
    tx: Transaction, business_id: int, skus: Sequence[str], products: Sequence[int], variations: Sequence[int]
) -> list[Values]:
    for sku, product_id, variation_id in sorted(zip(skus, products, variations, strict=True)):
        await tx.put("goods", (business_id, sku), {"product_id": product_id, "variation_id": variation_id})
    return []


@reads
async def save_left_alone(
    tx: Transaction, business_id: int, place: str, skus: Sequence[str], reasons: Sequence[str]
) -> list[Values]:
    for sku, reason in zip(skus, reasons, strict=True):
        key, number = (business_id, place, sku), tx.database.next_number("left_alone")
        await tx.lock("left_alone", [key])
        held = tx.get("left_alone", key)
        await tx.put("left_alone", key, {"number": number} | (held or {}) | {"reason": reason})
    return []


async def _delete(
    tx: Transaction, table: str, rows: Iterable[tuple[Any, Values]], which: Callable[[Values], Any]
) -> list[Any]:
    """DELETE: those that are still so once they are ours."""
    gone = []
    for key, _ in rows:
        for row in await lock_existing(tx, table, [key]):
            if which(row):
                await tx.delete(table, key)
                gone.append(key)
    return gone


@reads
async def forget_left_alone(tx: Transaction, business_id: int, place: str, skus: Sequence[str]) -> list[Values]:
    rows = [(key, row) for key, row in _of_place(tx, "left_alone", business_id, place) if key[2] in skus]
    await _delete(tx, "left_alone", rows, lambda _: True)
    return []


@reads
async def left_alone_numbers(tx: Transaction, business_id: int, place: str) -> list[Values]:
    return [{"number": row["number"]} for _, row in _of_place(tx, "left_alone", business_id, place)]


@reads
async def forget_left_alone_numbers(
    tx: Transaction, business_id: int, place: str, numbers: Sequence[int]
) -> list[Values]:
    rows = [(key, row) for key, row in _of_place(tx, "left_alone", business_id, place) if row["number"] in numbers]
    await _delete(tx, "left_alone", rows, lambda row: row["number"] in numbers)
    return []


def _reads_of(tx: Transaction, business_id: int, place: str, state: str) -> list[tuple[Any, Values]]:
    wanted = (business_id, place, state)
    return [
        (key, row)
        for key, row in tx.rows("stock_read")
        if (row["business_id"], row["location_id"], row["state"]) == wanted
    ]


def _changes(tx: Transaction, read_id: int | None) -> list[tuple[str, Values]]:
    """In SKU order."""
    return sorted((key[1], row) for key, row in tx.rows("read_change") if key[0] == read_id)


async def _forget_reads(tx: Transaction, rows: Iterable[tuple[Any, Values]], which: Callable[[Values], Any]) -> None:
    for read_id in await _delete(tx, "stock_read", rows, which):
        for sku, _ in _changes(tx, read_id):
            await tx.delete("read_change", (read_id, sku))


@reads
async def forget_cut_off_reads(tx: Transaction, business_id: int, place: str) -> list[Values]:
    rows = _reads_of(tx, business_id, place, "reading")
    await _forget_reads(tx, rows, lambda row: row["state"] == "reading")
    return []


@reads
async def open_read(tx: Transaction, business_id: int, place: str, sequence: int, reader: UUID) -> list[Values]:
    row = tx.get("location", (business_id, place))
    return [] if row is None or row["reader"] != reader else await add_read(tx, business_id, place, sequence)


COUNTS = ("known_skus", "named_skus", "changed_skus", "zeroed_skus", "named_before_skus")


@reads
async def add_read(tx: Transaction, business_id: int, place: str, sequence: int) -> list[Values]:
    read_id = tx.database.next_number("stock_read")
    row = {"read_id": read_id, "business_id": business_id, "location_id": place, "sequence": sequence}
    row |= {"state": "reading", "held_for": [], "decided_at": None, **dict.fromkeys(COUNTS, 0)}
    await tx.put("stock_read", read_id, row)
    return [{"read_id": read_id}]


CHANGE_COLUMNS = ("before_quantity", "before_recorded", "after_quantity", "after_recorded")


@reads
async def collect_changes(
    tx: Transaction, read_id: int, business_id: int, skus: Sequence[str], *columns: Sequence[Decimal | None]
) -> list[Values]:
    await tx.share("stock_read", [read_id])
    if tx.get("stock_read", read_id) is None:
        raise asyncpg.ForeignKeyViolationError("read_change_read_id_fkey")
    for sku, *values in zip(skus, *columns, strict=True):
        row = dict(zip(CHANGE_COLUMNS, values, strict=True)) | {"business_id": business_id}
        held = tx.get("read_change", (read_id, sku))
        if held is not None:
            row = held | {name: row[name] for name in CHANGE_COLUMNS[2:]}
        await tx.put("read_change", (read_id, sku), row)
    return []


@reads
async def drop_changes(tx: Transaction, read_id: int, skus: Sequence[str]) -> list[Values]:
    for sku, _ in _changes(tx, read_id):
        if sku in skus:
            await tx.delete("read_change", (read_id, sku))
    return []


def _base(row: Values) -> Decimal:
    base: Decimal = row["after_quantity"] + row["after_recorded"]
    return base


def _moves_base(row: Values) -> bool:
    """Not one that was never told."""
    return row["before_quantity"] is not None and row["before_quantity"] + row["before_recorded"] != _base(row)


def _zeroes(row: Values) -> bool:
    return row["before_quantity"] is not None and row["before_quantity"] > 0 >= row["after_quantity"]


@reads
async def tally(
    tx: Transaction, business_id: int, place: str, read_id: int | None, left_out: Sequence[str]
) -> list[Values]:
    waiting = [
        row
        for held_id, _ in _reads_of(tx, business_id, place, "held")
        for sku, row in _changes(tx, held_id)
        if sku in left_out
    ]
    changes = [row for _, row in _changes(tx, read_id)]
    counted = {
        "known": len(_of_place(tx, "sku_snapshot", business_id, place)),
        "left_alone": len(_of_place(tx, "left_alone", business_id, place)),
        "still_held": len(waiting),
        "still_held_zeroed": sum(map(_zeroes, waiting)),
        "changes": len(changes),
        "never_told": sum(row["before_quantity"] is None for row in changes),
        "changed": sum(map(_moves_base, changes)),
        "zeroed": sum(_moves_base(row) and _zeroes(row) for row in changes),
    }
    return [counted]


@reads
async def untold(tx: Transaction, business_id: int, place: str, skus: Sequence[str]) -> list[Values]:
    return [{"sku": sku} for sku in skus if tx.get("sku_snapshot", (business_id, place, sku)) is None]


@reads
async def held_read(
    tx: Transaction, business_id: int, place: str, newer: int | None, left_out: Sequence[str]
) -> list[Values]:
    found = []
    for read_id, _ in _reads_of(tx, business_id, place, "held"):
        for row in await lock_existing(tx, "stock_read", [read_id]):
            old = {sku: _base(change) for sku, change in _changes(tx, read_id) if sku not in left_out}
            new = {sku: _base(change) for sku, change in _changes(tx, newer) if _moves_base(change)}
            if row["state"] == "held":
                found.append({"read_id": read_id, "same": old == new})
    return found


@reads
async def changes_to_tell(tx: Transaction, read_id: int, after: str, items_max: int, only_unmoved: Any) -> list[Values]:
    rows = [
        {"sku": sku, "quantity": row["after_quantity"], "recorded": row["after_recorded"]}
        for sku, row in _changes(tx, read_id)
        if sku > after and not (only_unmoved and _moves_base(row))
    ]
    return rows[:items_max]


@reads
async def sent(tx: Transaction, business_id: int, place: str, after: str, items_max: int) -> list[Values]:
    rows = sorted(
        (sku, row) for (business, at, sku), row in tx.rows("sku_snapshot") if (business, at) == (business_id, place)
    )
    return [{"sku": sku, "quantity": row["quantity"], "recorded": row["recorded"]} for sku, row in rows if sku > after][
        :items_max
    ]


@reads
async def keep_only_moved(tx: Transaction, read_id: int) -> list[Values]:
    for sku, row in _changes(tx, read_id):
        if not _moves_base(row):
            await tx.delete("read_change", (read_id, sku))
    return []


@reads
async def save_sent(tx: Transaction, business_id: int, place: str, sequence: int, *columns: Any) -> list[Values]:
    for sku, quantity, recorded in zip(*columns, strict=True):
        key, number = (business_id, place, sku), tx.database.next_number("sku_snapshot")
        await tx.lock("sku_snapshot", [key])
        held = tx.get("sku_snapshot", key)
        if held is None or held["sequence"] < sequence:
            news = {"quantity": quantity, "recorded": recorded, "sequence": sequence}
            await tx.put("sku_snapshot", key, {"number": number} | (held or {}) | news)
    return []


@reads
async def end_read(tx: Transaction, read_id: int, state: str, held_for: Sequence[str], *counts: int) -> list[Values]:
    news: Values = dict(zip(COUNTS, counts, strict=True)) | {"held_for": list(held_for)}
    await tx.change("stock_read", read_id, state=state, decided_at=None if state == "held" else tx.now, **news)
    return []


@reads
async def end_held_read(tx: Transaction, read_id: int, state: str) -> list[Values]:
    for row in await lock_existing(tx, "stock_read", [read_id]):
        if row["state"] == "held":
            await tx.change("stock_read", read_id, state=state, decided_at=tx.now)
    return []


@reads
async def forget_read(tx: Transaction, read_id: int) -> list[Values]:
    await _forget_reads(tx, [(read_id, {})], lambda _: True)
    return []


@reads
async def lift(tx: Transaction, business_id: int, place: str, skus: Sequence[str]) -> list[Values]:
    rows = [(key, row) for key, row in _of_place(tx, "held_back", business_id, place) if key[2] in skus]
    await _delete(tx, "held_back", rows, lambda _: True)
    return []


@reads
async def location_of_read(tx: Transaction, business_id: int, read_id: int) -> list[Values]:
    row = tx.get("stock_read", read_id)
    known = row is not None and row["business_id"] == business_id and row["state"] != "reading"
    return [{"location_id": row["location_id"]}] if row is not None and known else []


@reads
async def lock_read(tx: Transaction, business_id: int, read_id: int) -> list[Values]:
    rows = await lock_existing(tx, "stock_read", [read_id])
    return [{"state": row["state"]} for row in rows if row["business_id"] == business_id]


@reads
async def fence(tx: Transaction, business_id: int, place: str) -> list[Values]:
    key = (business_id, place)
    rows = await lock_existing(tx, "location", [key])
    for row in rows:
        free = {"reader": None, "reader_until": None, "posting_held_until": None, "next_poll_at": tx.now}
        await tx.change("location", key, sequence=row["sequence"] + 1, **free)
    return [{"sequence": row["sequence"] + 1} for row in rows]


@reads
async def decide_read(tx: Transaction, read_id: int, state: str, sequence: int | None) -> list[Values]:
    news: Values = {} if sequence is None else {"sequence": sequence}
    await tx.change("stock_read", read_id, state=state, decided_at=tx.now, **news)
    return []


@reads
async def accept_named(tx: Transaction, read_id: int) -> list[Values]:
    row = tx.get("stock_read", read_id)
    if row is not None:
        await tx.change("location", (row["business_id"], row["location_id"]), skus=row["named_skus"])
    return []


@reads
async def hold_back_changes(
    tx: Transaction, business_id: int, place: str, read_id: int, only_told: Any
) -> list[Values]:
    held = []
    for sku, row in _changes(tx, read_id):
        key = (business_id, place, sku)
        sent = tx.get("sku_snapshot", key)
        is_told = sent is not None and sent["quantity"] + sent["recorded"] == _base(row)
        if _moves_base(row) and (is_told or not only_told):
            await tx.put("held_back", key, {"base": _base(row), "read_id": read_id})
            held.append({"sku": sku})
    return held


@reads
async def changes_to_undo(
    tx: Transaction, business_id: int, place: str, read_id: int, after: str, items_max: int
) -> list[Values]:
    rows = []
    for sku, row in _changes(tx, read_id):
        key = (business_id, place, sku)
        held_back, counter = tx.get("held_back", key), tx.get("recorded_counter", key) or NO_COUNTER
        if sku > after and held_back is not None and held_back["read_id"] == read_id:
            units = counter["units"]
            before = row["before_quantity"] + row["before_recorded"]
            rows.append({"sku": sku, "quantity": before - units, "recorded": units})
    return rows[:items_max]


@reads
async def let_through(tx: Transaction, business_id: int, read_id: int) -> list[Values]:
    rows = [(key, row) for key, row in tx.rows("held_back") if (key[0], row["read_id"]) == (business_id, read_id)]
    gone = await _delete(tx, "held_back", rows, lambda row: row["read_id"] == read_id)
    return [{"sku": key[2]} for key in gone]


@reads
async def forget_old_reads(tx: Transaction, kept_s: float, reads_max: int) -> list[Values]:
    kept = {row["read_id"] for row in tx.values("held_back")}
    since = tx.now - timedelta(seconds=kept_s)

    def is_old(row: Values) -> bool:
        return row["state"] not in {"held", "reading"} and row["decided_at"] < since and row["read_id"] not in kept

    old = sorted(key for key, row in tx.rows("stock_read") if is_old(row))
    await _forget_reads(tx, [(key, {}) for key in old[:reads_max]], is_old)
    return []

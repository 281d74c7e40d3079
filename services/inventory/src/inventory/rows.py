"""Ledger values to and from what Postgres holds; pure.

Numbers travel as text, because asyncpg's numeric codec costs more than the cast in the statement.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import asyncpg
from pydantic_core import to_json

from inventory.domain.sales import SaleLog
from inventory.domain.values import HeldLine, HeldOrder, OrderKey, StockKey, StockRow

NUL: Final = "\x00"


def array_literal(column: Sequence[object]) -> str:
    """A column as Postgres reads it back with a cast: `{1,2}` or `{"a","b"}`, None as NULL.

    https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
    Postgres stores no NUL character: a text with one is passed on for it to refuse, and else NUL is a safe separator.
    """
    if not column:
        return "{}"
    if type(column[0]) is int and None not in column:
        return "{" + ",".join(map(str, column)) + "}"
    try:
        joined = NUL.join(column)  # type: ignore[arg-type]  # a column that is not all text raises TypeError
    except TypeError:
        return "{" + ",".join([_element(value) for value in column]) + "}"
    if joined.count(NUL) != len(column) - 1:
        return "{" + ",".join([_element(value) for value in column]) + "}"
    joined = joined.replace("\\", "\\\\").replace('"', '\\"').replace(NUL, '","')
    return f'{{"{joined}"}}'


def _element(value: object) -> str:
    if type(value) is int:
        return str(value)
    if value is None:
        return "NULL"
    text = str(value)
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def encode_lines(lines: Sequence[HeldLine]) -> str:
    """Fields that say nothing new are left out: a plain sale is `{"ref", "sku", "ordered", "taken"}`."""
    return to_json([_line_fields(line) for line in lines]).decode()


def _line_fields(line: HeldLine) -> dict[str, object]:
    fields: dict[str, object] = {"ref": line.line_ref, "sku": line.sku, "ordered": line.ordered, "taken": line.taken}
    if line.stock_sku != line.sku:
        fields["stock_sku"] = line.stock_sku
    if line.baseline:
        fields["baseline"] = line.baseline
    if line.unmatched:
        fields["unmatched"] = line.unmatched
    if line.unit_price is not None:
        fields["price"] = line.unit_price
    if line.sku_at is not None:
        fields["sku_at"] = line.sku_at
    return fields


def decode_lines(text: str) -> tuple[HeldLine, ...]:
    return tuple(_line(fields) for fields in json.loads(text))


def _line(fields: Mapping[str, Any]) -> HeldLine:
    sku = fields["sku"]
    price, sku_at = fields.get("price"), fields.get("sku_at")
    return HeldLine(
        fields["ref"],
        sku,
        fields.get("stock_sku", sku),
        Decimal(fields["ordered"]),
        Decimal(fields["taken"]),
        Decimal(fields.get("baseline", 0)),
        Decimal(fields.get("unmatched", 0)),
        None if price is None else Decimal(price),
        None if sku_at is None else datetime.fromisoformat(sku_at),
    )


def order_of(row: asyncpg.Record) -> HeldOrder:
    return HeldOrder(
        OrderKey(row["business_id"], row["connection_id"], row["order_ref"]),
        row["location_id"],
        row["order_number"],
        row["status"],
        row["modified_at"],
        row["sold_at"],
        row["needs_sweep"],
        row["revision"],
        row["due_revision"],
        row["sale_state"],
        decode_lines(row["lines"]),
        () if row["former_skus"] is None else tuple(json.loads(row["former_skus"])),
    )


def stock_of(row: asyncpg.Record) -> StockRow:
    quantity, recorded = row["quantity"], row["recorded"]
    return StockRow(
        StockKey(row["business_id"], row["sku"], row["location_id"]),
        Decimal(row["base"]),
        Decimal(row["taken"]),
        decode_taken(row["taken_by_connection"]),
        row["revision"],
        row["observed_sequence"],
        None if quantity is None else Decimal(quantity),
        None if recorded is None else Decimal(recorded),
        row["observed_at"],
    )


def encode_taken(taken: Mapping[int, Decimal]) -> str:
    return to_json(taken).decode()


def decode_taken(text: str) -> dict[int, Decimal]:
    return {int(connection_id): Decimal(units) for connection_id, units in json.loads(text).items()}


def sale_log_of(row: asyncpg.Record) -> SaleLog:
    return SaleLog(
        row["due_revision"], row["answered_revision"], row["sale_state"], row["prokip_sell_id"], row["sale_detail"]
    )

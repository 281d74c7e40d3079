"""Ledger values to and from what Postgres holds; pure.

Numbers travel as text, because asyncpg's numeric codec costs more than the cast in the statement.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import asyncpg
import msgspec

from inventory.domain.bundles import recipe_of
from inventory.domain.gaps import Told
from inventory.domain.sales import SaleLog
from inventory.domain.values import ZERO, HeldLine, HeldOrder, HeldPart, OrderKey, Recipe, StockKey, StockRow

COPY_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def copy_text(rows: Sequence[Sequence[str | None]]) -> bytes:
    """Rows of equal width as Postgres copies them in: fields end with tabs, rows with newlines, None is NULL.

    https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS
    """
    try:
        text = "\n".join(["\t".join(row) for row in rows])  # type: ignore[arg-type]  # None raises TypeError
    except TypeError:
        return _escaped(rows)
    plain = text.count("\n") == len(rows) - 1 and text.count("\t") == (len(rows[0]) - 1) * len(rows)
    return text.encode() if plain and "\\" not in text and "\r" not in text else _escaped(rows)


def _escaped(rows: Sequence[Sequence[str | None]]) -> bytes:
    lines = ["\t".join(["\\N" if field is None else field.translate(COPY_ESCAPES) for field in row]) for row in rows]
    return "\n".join(lines).encode()


class _Part(msgspec.Struct, omit_defaults=True, gc=False):
    sku: str
    quantity: Decimal
    unmatched: Decimal = ZERO


class _Line(msgspec.Struct, omit_defaults=True, gc=False):
    """Fields that say nothing new are left out: a plain sale is `{"ref", "sku", "ordered", "taken"}`."""

    ref: str
    sku: str | None
    ordered: Decimal
    taken: Decimal
    stock_sku: str | msgspec.UnsetType | None = msgspec.UNSET
    baseline: Decimal = ZERO
    unmatched: Decimal = ZERO
    price: Decimal | None = None
    sku_at: datetime | None = None
    parts: tuple[_Part, ...] = ()


_encode = msgspec.json.Encoder(decimal_format="string").encode
_decode_lines = msgspec.json.Decoder(list[_Line]).decode
_decode_taken = msgspec.json.Decoder(dict[int, Decimal]).decode
_decode_recipe = msgspec.json.Decoder(dict[str, Decimal]).decode
_decode_told = msgspec.json.Decoder(Told).decode


def encode_lines(lines: Sequence[HeldLine]) -> str:
    return _encode(
        [
            _Line(
                line.line_ref,
                line.sku,
                line.ordered,
                line.taken,
                msgspec.UNSET if line.stock_sku == line.sku else line.stock_sku,
                line.baseline or ZERO,  # left out by identity
                line.unmatched or ZERO,
                line.unit_price,
                line.sku_at,
                tuple([_Part(part.sku, part.quantity, part.unmatched or ZERO) for part in line.parts])
                if line.parts
                else (),
            )
            for line in lines
        ]
    ).decode()


def decode_lines(text: str) -> tuple[HeldLine, ...]:
    return tuple(
        HeldLine(
            line.ref,
            line.sku,
            line.sku if line.stock_sku is msgspec.UNSET else line.stock_sku,
            line.ordered,
            line.taken,
            line.baseline,
            line.unmatched,
            line.price,
            line.sku_at,
            tuple([HeldPart(part.sku, part.quantity, part.unmatched) for part in line.parts]) if line.parts else (),
        )
        for line in _decode_lines(text)
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
        None if row["told"] is None else _decode_told(row["told"]),
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
        row["role"],
    )


def encode_told(told: Told | None) -> str | None:
    return None if told is None else _encode(told).decode()


def encode_taken(taken: Mapping[int, Decimal]) -> str:
    return _encode(taken).decode()


def decode_taken(text: str) -> dict[int, Decimal]:
    return _decode_taken(text)


def decode_recipe(text: str) -> Recipe:
    return recipe_of(_decode_recipe(text))


def sale_log_of(row: asyncpg.Record) -> SaleLog:
    return SaleLog(
        row["due_revision"], row["answered_revision"], row["sale_state"], row["prokip_sell_id"], row["sale_detail"]
    )

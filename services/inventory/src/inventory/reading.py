"""The ledger's read path: SQL in, plain JSON values out. It bypasses the domain where nothing is decided."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal

import asyncpg

from inventory.domain.explanation import BundleExplanation, PartStock, explain, explain_bundle
from inventory.domain.search import GRAM_CHARS, fold, grams, prefix_end
from inventory.domain.values import Recipe
from inventory.rows import decode_lines, decode_recipe, order_of, stock_of
from prokip_shared.database import Connection, Pool, load_queries

QUERIES: Final = load_queries("inventory", "reads.sql")
EXPLAINED_MOVEMENTS_MAX: Final = 2_000
EXPLAINED_ORDERS_MAX: Final = 200
TROUBLED_ORDERS_MAX: Final = 500
"""Of a business, looked through for one SKU: however long ago it moved, an order in trouble explains it."""
TROUBLED_STATES: Final = frozenset({"in_doubt", "refused", "return_unsupported"})
"""In these a sale waits for a person; they are few."""

StockState = Literal["managed", "pending", "unmatched", "oversold", "bundle"]
Made = Mapping[tuple[str, str], BundleExplanation]
"""By bundle and location."""
StockPlace = tuple[str, str, str]
"""Folded SKU, SKU, location: where a page of stock ended."""
SalePlace = tuple[datetime, int, str]
"""Sold at, connection, order: where a page of sales ended."""


@dataclass(frozen=True, slots=True)
class StockFilter:
    search: str
    state: StockState | None
    location_id: str | None


class AmbiguousLocation(Exception):
    """The SKU is held at several locations, and none was named."""

    def __init__(self, location_ids: list[str]) -> None:
        super().__init__(f"held at {', '.join(location_ids)}")
        self.location_ids = location_ids


async def list_stock(
    pool: Pool, business_id: int, wanted: StockFilter, after: StockPlace, rows_max: int
) -> tuple[list[asyncpg.Record], Made]:
    """A page, and what the bundles on it have: read at one moment."""
    query, *more = _stock_query(business_id, wanted)
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        rows = await connection.fetch(
            QUERIES[query], business_id, wanted.location_id, *after, rows_max, wanted.state, *more
        )
        return rows, await _made(connection, business_id, rows)


async def _made(connection: Connection, business_id: int, rows: Iterable[asyncpg.Record]) -> Made:
    """What the bundles among these stock rows have; no statement where there is none."""
    bundles = [row for row in rows if row["state"] == "bundle"]
    if not bundles:
        return {}
    told = await connection.fetch(QUERIES["recipes_of"], business_id, sorted({row["sku"] for row in bundles}))
    recipes = {row["sku"]: decode_recipe(row["recipe"]) for row in told}
    places = await _available_by_place(connection, business_id, recipes.values())
    return {
        (row["sku"], row["location_id"]): explain_bundle(recipes[row["sku"]], places.get(row["location_id"], {}))
        for row in bundles
    }


async def _available_by_place(
    connection: Connection, business_id: int, recipes: Iterable[Recipe]
) -> dict[str, dict[str, Decimal | None]]:
    """What each location has of the parts."""
    skus = sorted({part.sku for recipe in recipes for part in recipe})
    places: dict[str, dict[str, Decimal | None]] = {}
    for row in await connection.fetch(QUERIES["stock_of_skus"], business_id, skus):
        places.setdefault(row["location_id"], {})[row["sku"]] = row["available"]
    return places


async def list_bundles(pool: Pool, business_id: int, after: str, rows_max: int) -> list[dict[str, Any]]:
    """In the order of SKUs, with what each location that knows them has."""
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        rows = await connection.fetch(QUERIES["list_bundles"], business_id, after, rows_max)
        recipes = {row["sku"]: decode_recipe(row["recipe"]) for row in rows}
        held = await connection.fetch(QUERIES["stock_of_skus"], business_id, list(recipes))
        places = await _available_by_place(connection, business_id, recipes.values())
    return [
        {
            "sku": row["sku"],
            "parts": [{"sku": part.sku, "quantity": plain(part.quantity)} for part in recipes[row["sku"]]],
            "places": [
                _place_as_json(own, explain_bundle(recipes[row["sku"]], places.get(own["location_id"], {})))
                for own in held
                if own["sku"] == row["sku"]
            ],
            "changed_by": row["changed_by"],
            "changed_at": row["changed_at"],
        }
        for row in rows
    ]


def _place_as_json(own: asyncpg.Record, told: BundleExplanation) -> dict[str, Any]:
    """`held_by_prokip`: there it is no bundle, because Prokip has a quantity of it itself."""
    return {
        "location_id": own["location_id"],
        "available": _plain_or_none(told.available),
        "held_by_prokip": own["matched"],
        "parts": [_part_as_json(part) for part in told.parts],
    }


def _part_as_json(part: PartStock) -> dict[str, Any]:
    return {
        "sku": part.sku,
        "quantity": plain(part.quantity),
        "available": _plain_or_none(part.available),
        "makes": _plain_or_none(part.makes),
        "least": part.least,
    }


def _stock_query(business_id: int, wanted: StockFilter) -> tuple[Any, ...]:
    """Which statement serves a filter, and its arguments after the common ones."""
    text = fold(wanted.search)
    if wanted.state == "oversold":
        return "list_oversold_stock", text
    if wanted.state in {"unmatched", "pending", "bundle"}:
        return "list_untold_stock", text
    if not text:
        return ("list_stock",)
    if len(text) < GRAM_CHARS:
        return "list_stock_by_prefix", text, prefix_end(text)
    return "search_stock", text, grams(business_id, text)


def stock_place(row: asyncpg.Record) -> StockPlace:
    return row["sku_folded"], row["sku"], row["location_id"]


def _available(row: asyncpg.Record, made: BundleExplanation | None) -> str | None:
    """Prokip's word, else what the parts of a bundle make."""
    if row["matched"]:
        return plain(row["base"] - row["taken"])
    return None if made is None else _plain_or_none(made.available)


def stock_as_json(row: asyncpg.Record, made: Made) -> dict[str, Any]:
    return {
        "sku": row["sku"],
        "location_id": row["location_id"],
        "state": row["state"],
        "available": _available(row, made.get((row["sku"], row["location_id"]))),
        "base": plain(row["base"]),
        "taken": plain(row["taken"]),
        "quantity": _plain_or_none(row["quantity"]),
        "recorded": _plain_or_none(row["recorded"]),
        "revision": row["revision"],
        "observed_at": row["observed_at"],
        "changed_at": row["changed_at"],
    }


async def find_sku(
    connection: Connection | Pool, business_id: int, sku: str, location_id: str | None
) -> asyncpg.Record | None:
    """The stock of one SKU. Raises AmbiguousLocation."""
    rows = await connection.fetch(QUERIES["stock_of_sku"], business_id, sku, location_id)
    if len(rows) > 1:
        raise AmbiguousLocation([row["location_id"] for row in rows])
    return rows[0] if rows else None


async def list_movements(
    pool: Pool, business_id: int, stock: asyncpg.Record, before_revision: int, rows_max: int
) -> list[asyncpg.Record]:
    return await pool.fetch(
        QUERIES["list_movements"], business_id, stock["sku"], stock["location_id"], before_revision, rows_max
    )


def movement_as_json(stock: asyncpg.Record, row: asyncpg.Record) -> dict[str, Any]:
    return {
        "sku": stock["sku"],
        "location_id": stock["location_id"],
        "revision": row["revision"],
        "at": row["at"],
        "reason": row["reason"],
        "delta": plain(row["delta"]),
        "balance_after": plain(row["balance_after"]),
        "connection_id": row["connection_id"],
        "order_ref": row["order_ref"],
        "order_number": row["order_number"],
        "correlation_id": row["correlation_id"],
    }


async def stock_at(
    pool: Pool, business_id: int, sku: str, location_id: str | None, moment: datetime
) -> dict[str, Any] | None:
    """A SKU's quantity at a past moment, by the times at which the ledger learned. Raises AmbiguousLocation.

    Nothing is known of it before its first movement, and no quantity before Prokip told one.
    """
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        stock = await find_sku(connection, business_id, sku, location_id)
        if stock is None:
            return None
        movement = await connection.fetchrow(QUERIES["movement_at"], business_id, sku, stock["location_id"], moment)
    return {
        "sku": sku,
        "location_id": stock["location_id"],
        "moment": moment,
        "available": plain(movement["balance_after"]) if movement is not None and movement["told"] else None,
        "movement": None if movement is None else movement_as_json(stock, movement),
    }


async def explain_sku(pool: Pool, business_id: int, sku: str, location_id: str | None) -> dict[str, Any] | None:
    """The parts of one quantity, all read at one moment so that they add up. Raises AmbiguousLocation."""
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        stock = await find_sku(connection, business_id, sku, location_id)
        if stock is None:
            return None
        orders = await connection.fetch(
            QUERIES["orders_holding_units"], business_id, sku, stock["location_id"], EXPLAINED_MOVEMENTS_MAX
        )
        orders += await connection.fetch(QUERIES["troubled_orders"], business_id, TROUBLED_ORDERS_MAX)
        made = (await _made(connection, business_id, [stock])).get((sku, stock["location_id"]))
    told = explain(stock_of(stock), map(order_of, orders), orders_max=EXPLAINED_ORDERS_MAX)
    words = {(row["connection_id"], row["order_ref"]): row["sale_detail"] for row in orders}
    return {
        "sku": sku,
        "location_id": stock["location_id"],
        "state": stock["state"],
        "quantity": _plain_or_none(told.quantity),
        "recorded": _plain_or_none(told.recorded),
        "base": plain(told.base),
        "taken": plain(told.taken),
        "available": _available(stock, made),
        "balance": plain(told.available),
        "observed_at": stock["observed_at"],
        "revision": stock["revision"],
        "orders": [
            asdict(order)
            | {
                "units": plain(order.units),
                "bundle_units": plain(order.bundle_units),
                "sale_detail": words[order.connection_id, order.order_ref],
            }
            for order in told.orders
        ],
        "bundle_units": plain(told.bundle_units),
        "made_of": [] if made is None else [_part_as_json(part) for part in made.parts],
        "open_units": plain(told.open_units),
        "earlier_orders_units": plain(told.earlier_orders_units),
        "adds_up": told.adds_up,
    }


async def list_sales(
    pool: Pool, business_id: int, connection_id: int | None, state: str | None, before: SalePlace, rows_max: int
) -> list[asyncpg.Record]:
    query = "list_troubled_sales" if state in TROUBLED_STATES else "list_sales"
    return await pool.fetch(QUERIES[query], business_id, connection_id, *before, rows_max, state)


def sale_place(row: asyncpg.Record) -> SalePlace:
    return row["sold_at"], row["connection_id"], row["order_ref"]


async def read_sale(pool: Pool, business_id: int, connection_id: int, order_ref: str) -> asyncpg.Record | None:
    return await pool.fetchrow(QUERIES["read_sale"], business_id, connection_id, order_ref)


def sale_as_json(row: asyncpg.Record) -> dict[str, Any]:
    return {
        "connection_id": row["connection_id"],
        "order_ref": row["order_ref"],
        "order_number": row["order_number"],
        "location_id": row["location_id"],
        "status": row["status"],
        "sold_at": row["sold_at"],
        "needs_sweep": row["needs_sweep"],
        "revision": row["revision"],
        "due_revision": row["due_revision"],
        "sale_state": row["sale_state"],
        "prokip_sell_id": row["prokip_sell_id"],
        "sale_detail": row["sale_detail"],
        "lines": [
            {
                "line_ref": line.line_ref,
                "sku": line.sku,
                "stock_sku": line.stock_sku,
                "ordered": plain(line.ordered),
                "taken": plain(line.taken),
                "counted": plain(line.counted),
                "unit_price": _plain_or_none(line.unit_price),
                "parts": [
                    {"sku": part.sku, "quantity": plain(part.quantity), "counted": plain(line.counted_of(part))}
                    for part in line.parts
                ],
            }
            for line in decode_lines(row["lines"])
        ],
    }


async def summarise(pool: Pool, business_id: int, since: datetime) -> dict[str, Any]:
    """Counts for the dashboard; `since` is where the operator's day began."""
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        stock = await connection.fetchrow(QUERIES["count_stock"], business_id)
        sales = await connection.fetchval(QUERIES["count_sales_since"], business_id, since)
        rows = await connection.fetch(QUERIES["count_troubled_sales"], business_id)
    assert stock is not None  # noqa: S101  # an aggregate always has a row
    troubled: Mapping[str, int] = {row["sale_state"]: row["orders"] for row in rows}
    return {
        "skus": stock["skus"],
        "oversold": stock["oversold"],
        "unmatched": stock["unmatched"],
        "pending": stock["untold"] - stock["unmatched"],
        "sales_since": sales,
        "since": since,
        **{f"sales_{state}": troubled.get(state, 0) for state in sorted(TROUBLED_STATES)},
    }


def plain(number: Decimal) -> str:
    """Without an exponent and without zeros that say nothing: 98, not 98.0000 or 9.8E+1."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _plain_or_none(number: Decimal | None) -> str | None:
    return None if number is None else plain(number)

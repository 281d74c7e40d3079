"""What operators see. Read only; every statement is bound to one business but the gauges."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import asyncpg

from prokip_poller.domain.guard import Tally, words_of
from prokip_poller.domain.telling import OrderKey
from prokip_shared.database import Pool, load_queries

ReadPlace = tuple[str, str]
Place = tuple[datetime, int, str]
FIRST_PLACE: Final[Place] = (datetime(9999, 1, 1, tzinfo=UTC), 0, "")


class Views:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = load_queries("prokip_poller", "views.sql")

    async def locations(self, business_id: int) -> list[dict[str, Any]]:
        rows = await self._pool.fetch(self._queries["locations"], business_id)
        return [_location(row) for row in rows]

    async def sale_records(
        self, business_id: int, *, state: str | None, before: Place, rows_max: int
    ) -> list[dict[str, Any]]:
        rows = await self._pool.fetch(self._queries["sale_records"], business_id, state, *before, rows_max)
        return [_sale(row) for row in rows]

    async def sale_record(self, key: OrderKey) -> dict[str, Any] | None:
        """One order with every request about it."""
        arguments = (key.business_id, key.connection_id, key.order_ref)
        row = await self._pool.fetchrow(self._queries["sale_record"], *arguments)
        if row is None:
            return None
        postings = await self._pool.fetch(self._queries["postings_of_order"], *arguments)
        return {**_sale(row), "postings": [_posting(posting) for posting in postings]}

    async def reads(self, business_id: int, *, state: str | None, before: int, rows_max: int) -> list[dict[str, Any]]:
        rows = await self._pool.fetch(self._queries["reads"], business_id, state, before, rows_max)
        return [_read(row) for row in rows]

    async def read_changes(
        self, business_id: int, read_id: int, *, after: str, rows_max: int
    ) -> list[dict[str, Any]] | None:
        """None: the business has no such read."""
        if await self._pool.fetchval(self._queries["read_exists"], business_id, read_id) is None:
            return None
        rows = await self._pool.fetch(self._queries["read_changes"], business_id, read_id, after, rows_max)
        return [{name: _number(value) for name, value in row.items()} for row in rows]

    async def held_back(self, business_id: int, *, after: ReadPlace, rows_max: int) -> list[dict[str, Any]]:
        rows = await self._pool.fetch(self._queries["held_back"], business_id, *after, rows_max)
        return [{name: _number(value) for name, value in row.items()} for row in rows]

    async def left_alone(self, business_id: int, *, after: ReadPlace, rows_max: int) -> list[dict[str, Any]]:
        rows = await self._pool.fetch(self._queries["left_alone"], business_id, *after, rows_max)
        return [dict(row) for row in rows]

    async def gauges(self) -> list[asyncpg.Record]:
        return await self._pool.fetch(self._queries["gauges"])

    async def sale_gauges(self) -> list[asyncpg.Record]:
        return await self._pool.fetch(self._queries["sale_gauges"])

    async def doubt_gauges(self) -> list[asyncpg.Record]:
        return await self._pool.fetch(self._queries["doubt_gauges"])


def _location(row: asyncpg.Record) -> dict[str, Any]:
    left_out = json.loads(row["left_out"])
    return {
        "location_id": row["location_id"],
        "health": row["health"],
        "reason": row["reason"],
        "failures": row["failures"],
        "blocked_until": _moment(row["blocked_until"]),
        "last_read_at": _moment(row["last_read_at"]),
        "next_read_at": _moment(row["next_poll_at"]),
        "first_read_complete": row["first_read_complete"],
        "sequence": row["sequence"],
        "skus": row["skus"],
        "skus_missing": row["skus_missing"],
        "rows_without_sku": row["rows_without_sku"],
        "left_out": [{"sku": sku, **entry} for sku, entry in sorted(left_out.items())],
        "left_alone": json.loads(row["left_alone"] or "{}"),
        "held_read_id": row["held_read_id"],
        "held_back_skus": row["held_back_skus"],
        "sales": json.loads(row["sales"]),
    }


def _read(row: asyncpg.Record) -> dict[str, Any]:
    tally = Tally(
        known=row["known_skus"],
        named=row["named_skus"],
        named_before=row["named_before_skus"],
        changed=row["changed_skus"],
        zeroed=row["zeroed_skus"],
    )
    return {
        "id": row["read_id"],
        "location_id": row["location_id"],
        "sequence": row["sequence"],
        "state": row["state"],
        "rules": row["held_for"],
        "words": words_of(row["held_for"], tally) if row["held_for"] else "",
        "known_skus": tally.known,
        "named_skus": tally.named,
        "named_before_skus": tally.named_before,
        "changed_skus": tally.changed,
        "zeroed_skus": tally.zeroed,
        "held_back_skus": row["held_back_skus"],
        "read_at": _moment(row["began_at"]),
        "decided_at": _moment(row["decided_at"]),
    }


def _sale(row: asyncpg.Record) -> dict[str, Any]:
    return {
        "connection_id": row["connection_id"],
        "order_ref": row["order_ref"],
        "location_id": row["location_id"],
        "order_number": row["order_number"],
        "order_status": row["order_status"],
        "sold_at": _moment(row["sold_at"]),
        "revision": row["revision"],
        "lines": json.loads(row["lines"]),
        "state": row["state"],
        "prokip_sell_id": row["prokip_sell_id"],
        "doubt_posting_id": row["doubt_posting_id"],
        "detail": row["detail"],
        "attempts": row["attempts"],
        "next_attempt_at": _moment(row["next_attempt_at"]),
        "changed_at": _moment(row["changed_at"]),
        "looks": row["looks"],
        "next_look_at": _moment(row["next_look_at"]),
        "look_words": row["look_words"],
    }


def _posting(row: asyncpg.Record) -> dict[str, Any]:
    return {
        "posting_id": row["posting_id"],
        "revision": row["revision"],
        "kind": row["kind"],
        "refund_of": row["refund_of"],
        "reference": row["reference"],
        "units": json.loads(row["units"]),
        "outcome": row["outcome"],
        "sell_id": row["sell_id"],
        "answer": row["answer"],
        "by_hand": row["by_hand"],
        "started_at": _moment(row["started_at"]),
        "ended_at": _moment(row["ended_at"]),
        "looks": row["looks"],
        "next_look_at": _moment(row["next_look_at"]),
        "look_words": row["look_words"],
    }


def _number(value: Any) -> Any:
    """Decimals travel as text, so that nothing is rounded on the way."""
    return str(value) if isinstance(value, Decimal) else value


def _moment(value: datetime | None) -> str | None:
    """A `+` would be a space in a query string, and pages are named by moments."""
    return None if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")

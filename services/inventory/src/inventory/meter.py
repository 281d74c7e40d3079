"""The meter of webhooks: what the write path counted, read for people and for machines, and kept small.

See docs/adr/0020-gap-meter.md.
"""

from datetime import datetime
from functools import partial
from typing import Any, Final

import asyncpg

from inventory import metrics
from inventory.domain.gaps import (
    DAY_HOURS,
    MONTH_DAYS,
    Gaps,
    by_day,
    by_hour,
    first_hour,
    in_all,
    per_cent,
)
from prokip_shared.database import Pool, load_queries
from prokip_shared.logs import Log
from prokip_shared.loops import keep_on
from prokip_shared.messages import utc_now

QUERIES: Final = load_queries("inventory", "gaps.sql")
FOLD_INTERVAL_S: Final = 15.0
FOLD_ROWS_MAX: Final = 5_000
KEPT_DAYS: Final = MONTH_DAYS + 3
"""Some more than are shown: a webhook that comes days late corrects the hour of its change."""
KINDS: Final = ("missed", "late", "duplicates", "out_of_order")

log = Log("meter")


async def store_meter(pool: Pool, business_id: int, connection_id: int, now: datetime) -> dict[str, Any]:
    """One store over 24 hours and 30 days, and how it went."""
    since = first_hour(now, DAY_HOURS * MONTH_DAYS)
    rows = await pool.fetch(QUERIES["gap_hours"], business_id, connection_id, since)
    hours = {row["hour"]: _gaps(row) for row in rows}
    last_day = by_hour(hours, now)
    return {
        "connection_id": connection_id,
        "day": _told(in_all(gaps for _, gaps in last_day)),
        "month": _told(in_all(hours.values())),
        "hours": [{"at": at, **_told(gaps)} for at, gaps in last_day],
        "days": [{"at": at, **_told(gaps)} for at, gaps in by_day(hours, now)],
    }


async def meters_of(pool: Pool, business_id: int, now: datetime) -> list[dict[str, Any]]:
    """Every store of a business of which anything was counted, over 24 hours and 30 days."""
    day = await _stores(pool, business_id, first_hour(now, DAY_HOURS))
    month = await _stores(pool, business_id, first_hour(now, DAY_HOURS * MONTH_DAYS))
    return [
        {"connection_id": key[1], "day": _told(day.get(key, Gaps())), "month": _told(gaps)}
        for key, gaps in month.items()
    ]


async def keep_meter(pool: Pool) -> None:
    """Runs until cancelled."""
    await keep_on(partial(tend, pool), every_s=FOLD_INTERVAL_S, log=log, waiting="meter.not_kept")


async def tend(pool: Pool) -> None:
    """Folds what batches added into hours, forgets old ones, and shows the day as gauges."""
    await fold(pool)
    await pool.execute(QUERIES["prune_gaps"], KEPT_DAYS)
    await _show(pool)


async def fold(pool: Pool) -> None:
    while await pool.fetchval(QUERIES["fold_gaps"], FOLD_ROWS_MAX) == FOLD_ROWS_MAX:
        pass


async def _show(pool: Pool) -> None:
    """Stores of which nothing was counted for a day leave: a share of nothing is no number."""
    stores = await _stores(pool, None, first_hour(utc_now(), DAY_HOURS))
    metrics.WEBHOOK_CHANGES.clear()
    metrics.WEBHOOK_GAPS.clear()
    for (business_id, connection_id), gaps in stores.items():
        metrics.WEBHOOK_CHANGES.labels(business_id, connection_id).set(gaps.changes)
        for kind in KINDS:
            metrics.WEBHOOK_GAPS.labels(business_id, connection_id, kind).set(getattr(gaps, kind))


async def _stores(pool: Pool, business_id: int | None, since: datetime) -> dict[tuple[int, int], Gaps]:
    rows = await pool.fetch(QUERIES["gaps_of_stores"], business_id, since)
    return {(row["business_id"], row["connection_id"]): _gaps(row) for row in rows}


def _gaps(row: asyncpg.Record) -> Gaps:
    return Gaps(row["changes"], row["missed"], row["late"], row["duplicates"], row["out_of_order"])


def _told(gaps: Gaps) -> dict[str, Any]:
    """Counts, and each kind as a share of the changes in per cent."""
    counts = {kind: getattr(gaps, kind) for kind in KINDS}
    shares = {f"{kind}_percent": per_cent(count, gaps.changes) for kind, count in counts.items()}
    return {"changes": gaps.changes, **counts, **shares}

"""prokip_poller/sql: polls, sales. What reads find is in poller_reads."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from tests.simulation.database import Transaction, Values
from tests.simulation.statements.registry import from_json, lock_existing, stands_in

polls = stands_in("prokip_poller", "polls.sql")
sales = stands_in("prokip_poller", "sales.sql")

NEW_LOCATION: Mapping[str, Any] = {
    "sequence": 0,
    "counter_moves": 0,
    "first_read_complete": False,
    "last_read_at": None,
    "health": "waiting",
    "reason": "",
    "failures": 0,
    "blocked_until": None,
    "skus": 0,
    "skus_missing": 0,
    "rows_without_sku": 0,
    "left_out": "{}",
    "reader": None,
    "reader_until": None,
    "posting_held_until": None,
}


NEVER_LOOKED: Mapping[str, Any] = {
    "sold_at": None,
    "findable": False,
    "looks": 0,
    "next_look_at": None,
    "looking_until": None,
    "look_words": "",
}


def _over(moment: datetime | None, now: datetime) -> bool:
    return moment is None or moment <= now


def _in(now: datetime, seconds: float | None) -> datetime | None:
    return None if seconds is None else now + timedelta(seconds=seconds)


@polls
async def ensure_locations(tx: Transaction, businesses: Sequence[int], places: Sequence[str]) -> list[Values]:
    for key in sorted(set(zip(businesses, places, strict=True))):
        if tx.get("location", key) is not None:
            continue
        await tx.lock("location", [key])
        if tx.get("location", key) is None:
            row = {"business_id": key[0], "location_id": key[1], "next_poll_at": tx.now, **NEW_LOCATION}
            await tx.put("location", key, row)
    return []


def _readable(tx: Transaction, row: Values) -> bool:
    waited_for = row["next_poll_at"] <= tx.now or any(
        one["business_id"] == row["business_id"] for one in tx.values("round")
    )
    return waited_for and _over(row["reader_until"], tx.now) and _over(row["blocked_until"], tx.now)


@polls
async def due_businesses(tx: Transaction, businesses: Sequence[int], places: Sequence[str]) -> list[Values]:
    found = set()
    for key in zip(businesses, places, strict=True):
        row = tx.get("location", key)
        if row is not None and _readable(tx, row):
            found.add(key[0])
    return [{"business_id": business_id} for business_id in sorted(found)]


@polls
async def lock_due_locations(tx: Transaction, business_id: int, places: Sequence[str]) -> list[Values]:
    locked = []
    for place in sorted(places):
        row = tx.get("location", (business_id, place))
        if row is not None and _readable(tx, row) and tx.try_lock("location", (business_id, place)):
            row = tx.get("location", (business_id, place))
            if row is not None and _readable(tx, row):
                locked.append(row | {"due": row["next_poll_at"] <= tx.now, "claimed_at": tx.now})
    return locked


@polls
async def begin_read(
    tx: Transaction, business_id: int, place: str, reader: UUID, lease_s: float, quiet_s: float
) -> list[Values]:
    row = tx.get("location", (business_id, place))
    assert row is not None
    await tx.change(
        "location",
        (business_id, place),
        sequence=row["sequence"] + 1,
        reader=reader,
        reader_until=_in(tx.now, lease_s),
        posting_held_until=_in(tx.now, quiet_s) if quiet_s > 0 else None,
    )
    return []


async def _change_read(tx: Transaction, business_id: int, of: UUID, **news: Any) -> None:
    for key, row in tx.rows("location"):
        if row["business_id"] == business_id and row["reader"] == of:
            await tx.lock("location", [key])
            held = tx.get("location", key)
            if held is not None and held["reader"] == of:
                await tx.change("location", key, **news)


@polls
async def extend_read(tx: Transaction, business_id: int, reader: UUID, lease_s: float) -> list[Values]:
    await _change_read(tx, business_id, reader, reader_until=_in(tx.now, lease_s))
    return []


@polls
async def abandon_read(tx: Transaction, business_id: int, reader: UUID) -> list[Values]:
    await _change_read(
        tx, business_id, reader, reader=None, reader_until=None, posting_held_until=None, next_poll_at=tx.now
    )
    return []


@polls
async def rounds_of_business(tx: Transaction, business_id: int) -> list[Values]:
    rows = [row for row in tx.values("round") if row["business_id"] == business_id]
    return sorted(rows, key=lambda row: (row["requested_at"], row["round_id"]))


async def _own_read(tx: Transaction, business_id: int, place: str, reader: UUID) -> Values | None:
    key = (business_id, place)
    await tx.lock("location", [key])
    row = tx.get("location", key)
    return row if row is not None and row["reader"] == reader else None


@polls
async def hold_lease(tx: Transaction, business_id: int, place: str, reader: UUID) -> list[Values]:
    row = await _own_read(tx, business_id, place, reader)
    return [] if row is None else [{"location_id": place}]


@polls
async def finish_read(
    tx: Transaction, business_id: int, place: str, reader: UUID, next_in_s: float, complete: Any, *told: Any
) -> list[Values]:
    row = await _own_read(tx, business_id, place, reader)
    if row is None:
        return []
    skus, missing, without_sku, left_out, claimed_at = told
    waits = row["health"] == "throttled" and not _over(row["blocked_until"], tx.now)
    wanted_meanwhile = claimed_at < row["next_poll_at"] <= tx.now
    await tx.change(
        "location",
        (business_id, place),
        reader=None,
        reader_until=None,
        posting_held_until=None,
        failures=0,
        blocked_until=row["blocked_until"] if waits else None,
        health=row["health"] if waits else "healthy",
        reason=row["reason"] if waits else "",
        last_read_at=tx.now,
        next_poll_at=row["next_poll_at"] if wanted_meanwhile else _in(tx.now, next_in_s),
        first_read_complete=complete,
        skus=row["skus"] if skus is None else skus,
        skus_missing=missing,
        rows_without_sku=without_sku,
        left_out=left_out,
    )
    return []


@polls
async def fail_read(
    tx: Transaction,
    business_id: int,
    place: str,
    reader: UUID,
    health: str,
    reason: str,
    retry_in_s: float,
    blocks: Any,
) -> list[Values]:
    row = await _own_read(tx, business_id, place, reader)
    if row is None:
        return []
    await tx.change(
        "location",
        (business_id, place),
        reader=None,
        reader_until=None,
        posting_held_until=None,
        health=health,
        reason=reason,
        failures=row["failures"] + 1,
        next_poll_at=_in(tx.now, retry_in_s),
        blocked_until=_in(tx.now, retry_in_s) if blocks else row["blocked_until"],
    )
    return []


@polls
async def read_soon(tx: Transaction, business_id: int, place: str) -> list[Values]:
    await tx.change("location", (business_id, place), next_poll_at=tx.now)
    return []


SALE_COLUMNS = (
    "business_id",
    "connection_id",
    "order_ref",
    "location_id",
    "order_number",
    "order_status",
    "sold_at",
    "revision",
    "lines",
    "correlation_id",
)


@sales
async def upsert_due_sales(tx: Transaction, *columns: Sequence[Any]) -> list[Values]:
    rows = [dict(zip(SALE_COLUMNS, values, strict=True)) for values in zip(*columns, strict=True)]
    for row in sorted(rows, key=lambda row: (row["business_id"], row["connection_id"], row["order_ref"])):
        key = (row["business_id"], row["connection_id"], row["order_ref"])
        await tx.lock("sale", [key])
        held = tx.get("sale", key)
        if held is None:
            fresh = {"state": "due", "attempts": 0, "next_attempt_at": tx.now, "detail": "", "changed_at": tx.now}
            await tx.put("sale", key, row | fresh)
        elif held["revision"] < row["revision"]:
            busy = held["state"] in {"posting", "in_doubt"}
            news = {name: row[name] for name in SALE_COLUMNS[4:]} | {"attempts": 0, "changed_at": tx.now}
            news["state"] = held["state"] if busy else "due"
            news["next_attempt_at"] = None if busy else tx.now
            await tx.put("sale", key, held | news)
    return []


def _due(row: Values, now: datetime) -> bool:
    at = row["next_attempt_at"]
    return row["state"] in {"due", "refused"} and at is not None and at <= now


@sales
async def locations_with_due_sales(tx: Transaction, business_ids: Sequence[int]) -> list[Values]:
    found = []
    for key, row in tx.rows("location"):
        if key[0] not in business_ids or not _over(row["blocked_until"], tx.now):
            continue
        if not _over(row["posting_held_until"], tx.now):
            continue
        if any((sale["business_id"], sale["location_id"]) == key and _due(sale, tx.now) for sale in tx.values("sale")):
            found.append({"business_id": key[0], "location_id": key[1]})
    return found


def _open(row: Values, now: datetime) -> bool:
    return _over(row["blocked_until"], now) and _over(row["posting_held_until"], now)


@sales
async def lock_location_for_posting(tx: Transaction, business_id: int, place: str) -> list[Values]:
    key = (business_id, place)
    row = tx.get("location", key)
    if row is None or not _open(row, tx.now):
        return []
    await tx.lock("location", [key])
    row = tx.get("location", key)
    return [{"location_id": place}] if row is not None and _open(row, tx.now) else []


@sales
async def postings_under_way(tx: Transaction, business_id: int, place: str) -> list[Values]:
    under_way = [
        row
        for row in tx.values("sale_posting")
        if (row["business_id"], row["location_id"]) == (business_id, place) and row["outcome"] == "posting"
    ]
    return [{"count": len(under_way)}]


@sales
async def claim_sales(tx: Transaction, business_id: int, place: str, sales_max: int) -> list[Values]:
    due = [
        (row["next_attempt_at"], key)
        for key, row in tx.rows("sale")
        if (row["business_id"], row["location_id"]) == (business_id, place) and _due(row, tx.now)
    ]
    claimed: list[Values] = []
    for _, key in sorted(due):
        if len(claimed) >= sales_max:
            break
        if tx.try_lock("sale", key):
            row = tx.get("sale", key)
            if row is not None and _due(row, tx.now):
                claimed.append(row)
    return claimed


@sales
async def lock_sales(
    tx: Transaction, business_id: int, connection_ids: Sequence[int], order_refs: Sequence[str]
) -> list[Values]:
    keys = [(business_id, *pair) for pair in sorted(zip(connection_ids, order_refs, strict=True))]
    return await lock_existing(tx, "sale", keys)


def _key(row: Values) -> tuple[int, int, str]:
    return (row["business_id"], row["connection_id"], row["order_ref"])


@sales
async def told_lines(
    tx: Transaction, business_id: int, connection_ids: Sequence[int], order_refs: Sequence[str]
) -> list[Values]:
    wanted = {(business_id, *pair) for pair in zip(connection_ids, order_refs, strict=True)}
    postings = {key: row for key, row in tx.rows("sale_posting") if _key(row) in wanted}
    found = []
    for (posting_id, sku), line in sorted(tx.rows("told_line")):
        posting = postings.get(posting_id)
        if posting is not None:
            found.append(posting | {"posting_id": posting_id, "sku": sku, **line})
    return found


BEGUN_COLUMNS = ("connection_id", "order_ref", "revision", "kind", "refund_of", "reference", "units", "sold_at")


@sales
async def begin_postings(
    tx: Transaction,
    business_id: int,
    place: str,
    process: str,
    expires_in_s: float,
    findable: Any,
    *columns: Sequence[Any],
) -> list[Values]:
    begun = []
    for values in zip(*columns, strict=True):
        posting_id = tx.database.next_number("sale_posting")
        row = {**NEVER_LOOKED, **dict(zip(BEGUN_COLUMNS, values, strict=True))}
        row |= {"posting_id": posting_id, "business_id": business_id, "location_id": place, "process": process}
        row |= {"outcome": "posting", "sell_id": None, "answer": "", "by_hand": False, "findable": findable}
        await tx.put("sale_posting", posting_id, row | {"expires_at": _in(tx.now, expires_in_s)})
        await tx.change("sale", _key(row), state="posting", detail="", next_attempt_at=None, changed_at=tx.now)
        begun.append(row)
    return begun


@sales
async def end_postings(
    tx: Transaction,
    business_id: int,
    posting_ids: Sequence[int],
    connection_ids: Sequence[int],
    order_refs: Sequence[str],
    outcomes: Sequence[str],
    sell_ids: Sequence[str | None],
    answers: Sequence[str],
    first_look_s: float,
    only_from: Sequence[str],
    by_hand: Any,
) -> list[Values]:
    ended = []
    columns = (posting_ids, connection_ids, order_refs, outcomes, sell_ids, answers)
    for posting_id, connection_id, order_ref, outcome, sell_id, answer in zip(*columns, strict=True):
        await tx.lock("sale_posting", [posting_id])
        row = tx.get("sale_posting", posting_id)
        if row is None or _key(row) != (business_id, connection_id, order_ref) or row["outcome"] not in only_from:
            continue
        news = {"outcome": outcome, "sell_id": sell_id or row["sell_id"], "answer": answer, "by_hand": by_hand}
        news["next_look_at"] = _in(tx.now, first_look_s) if outcome == "in_doubt" and row["findable"] else None
        await tx.put("sale_posting", posting_id, row | news | {"looking_until": None})
        ended.append(row)
    return ended


@sales
async def add_hand_posting(tx: Transaction, *values: Any) -> list[Values]:
    names = ("business_id", "connection_id", "order_ref", "location_id", "revision", "refund_of", "reference", "units")
    *columns, answer, process = values
    posting_id = tx.database.next_number("sale_posting")
    row = dict(zip(names, columns, strict=True)) | {"posting_id": posting_id, "kind": "refund", "outcome": "recorded"}
    row |= {
        "answer": answer,
        "by_hand": True,
        "process": process,
        "sell_id": None,
        "expires_at": tx.now,
        **NEVER_LOOKED,
    }
    await tx.put("sale_posting", posting_id, row)
    return []


@sales
async def add_told_lines(
    tx: Transaction,
    _business_id: int,
    posting_ids: Sequence[int],
    skus: Sequence[str],
    units: Sequence[Decimal],
    line_ids: Sequence[str | None],
) -> list[Values]:
    for posting_id, sku, number, line_id in zip(posting_ids, skus, units, line_ids, strict=True):
        if tx.get("told_line", (posting_id, sku)) is not None:
            raise AssertionError(f"posting {posting_id} was told {sku} twice")
        await tx.put("told_line", (posting_id, sku), {"sold": number, "returned": Decimal(0), "line_id": line_id})
    return []


@sales
async def add_returned(
    tx: Transaction, _business_id: int, posting_ids: Sequence[int], skus: Sequence[str], units: Sequence[Decimal]
) -> list[Values]:
    for posting_id, sku, number in zip(posting_ids, skus, units, strict=True):
        await tx.lock("told_line", [(posting_id, sku)])
        row = tx.get("told_line", (posting_id, sku))
        if row is None:
            continue
        returned = row["returned"] + number
        if not 0 <= returned <= row["sold"]:
            raise AssertionError(f"posting {posting_id}: {returned} of {row['sold']} {sku} given back")
        await tx.change("told_line", (posting_id, sku), returned=returned)
    return []


@sales
async def move_location(tx: Transaction, business_id: int, place: str) -> list[Values]:
    key = (business_id, place)
    await tx.lock("location", [key])
    row = tx.get("location", key)
    if row is None:
        return []
    moves = row["counter_moves"] + 1
    troubled = row["health"] in {"unavailable", "not_authorised", "throttled"}
    news = {"counter_moves": moves, "failures": 0, "blocked_until": None}
    if troubled:
        news |= {"health": "healthy", "reason": ""}
    await tx.change("location", key, **news)
    return [{"counter_moves": moves}]


@sales
async def move_counters(
    tx: Transaction, business_id: int, place: str, moved_at: int, skus: Sequence[str], units: Sequence[Decimal]
) -> list[Values]:
    for sku, number in sorted(zip(skus, units, strict=True)):
        key = (business_id, place, sku)
        await tx.lock("recorded_counter", [key])
        held = tx.get("recorded_counter", key)
        total = number if held is None else held["units"] + number
        await tx.put("recorded_counter", key, {"units": total, "moved_at": moved_at})
    return []


@sales
async def set_sale_states(tx: Transaction, business_id: int, *columns: Sequence[Any]) -> list[Values]:
    for connection_id, order_ref, state, detail, next_in_s, attempts in zip(*columns, strict=True):
        news = {"state": state, "detail": detail, "next_attempt_at": _in(tx.now, next_in_s), "attempts": attempts}
        await tx.change("sale", (business_id, connection_id, order_ref), **news, changed_at=tx.now)
    return []


@sales
async def block_location(
    tx: Transaction, business_id: int, place: str, health: str, reason: str, for_s: float
) -> list[Values]:
    key = (business_id, place)
    await tx.lock("location", [key])
    row = tx.get("location", key)
    if row is None:
        return []
    blocked = not _over(row["blocked_until"], tx.now)
    until = tx.now + timedelta(seconds=for_s)
    if row["blocked_until"] is not None:
        until = max(until, row["blocked_until"])
    failures = row["failures"] + (0 if blocked else 1)
    await tx.change("location", key, health=health, reason=reason, failures=failures, blocked_until=until)
    return []


@sales
async def location_failures(tx: Transaction, business_id: int, place: str) -> list[Values]:
    row = tx.get("location", (business_id, place))
    return [] if row is None else [{"failures": row["failures"]}]


@sales
async def expired_postings(tx: Transaction, postings_max: int) -> list[Values]:
    rows = [row for row in tx.values("sale_posting") if row["outcome"] == "posting" and row["expires_at"] < tx.now]
    return sorted(rows, key=lambda row: row["posting_id"])[:postings_max]


@sales
async def counted_by_another(tx: Transaction, posting_id: int, sell_id: str | None) -> list[Values]:
    late = tx.get("sale_posting", posting_id)
    counted = late is not None and any(
        other["sell_id"] == sell_id
        and sell_id is not None
        and (other["kind"], other["outcome"]) == ("sell", "recorded")
        if late["kind"] == "sell"
        else other["refund_of"] == late["refund_of"] and other["posting_id"] > posting_id
        for other in tx.values("sale_posting")
        if other["posting_id"] != posting_id and _key(other) == _key(late)
    )
    return [{"exists": counted}]


@sales
async def add_repeat(tx: Transaction, posting_id: int, sell_id: str) -> list[Values]:
    first = tx.get("sale_posting", posting_id)
    if first is None:
        return []
    number = tx.database.next_number("sale_posting")
    row = first | {"posting_id": number, "outcome": "recorded", "sell_id": sell_id, "expires_at": tx.now}
    await tx.put(
        "sale_posting", number, row | {**NEVER_LOOKED, "sold_at": first["sold_at"], "findable": first["findable"]}
    )
    return [{"posting_id": number}]


@sales
async def goods_of(tx: Transaction, business_id: int, skus: Sequence[str]) -> list[Values]:
    rows = ((sku, tx.get("goods", (business_id, sku))) for sku in skus)
    return [{"sku": sku, **row} for sku, row in rows if row is not None]


@sales
async def open_doubts(tx: Transaction, business_id: int, place: str, grace_s: float) -> list[Values]:
    found = {
        (row["kind"], sku)
        for row in tx.values("sale_posting")
        if (row["business_id"], row["location_id"], row["outcome"]) == (business_id, place, "in_doubt")
        and row["expires_at"] + timedelta(seconds=grace_s) > tx.now
        for sku in json.loads(row["units"])
    }
    return [{"kind": kind, "sku": sku} for kind, sku in sorted(found)]


def _to_look_at(row: Values, now: datetime) -> bool:
    due = row["outcome"] == "in_doubt" and row["next_look_at"] is not None and row["next_look_at"] <= now
    return due and _over(row["looking_until"], now)


@sales
async def locations_with_looks(tx: Transaction, business_ids: Sequence[int]) -> list[Values]:
    waiting = {
        (row["business_id"], row["location_id"]) for row in tx.values("sale_posting") if _to_look_at(row, tx.now)
    }
    return [
        {"business_id": key[0], "location_id": key[1]}
        for key, row in tx.rows("location")
        if key in waiting and key[0] in business_ids and _over(row["blocked_until"], tx.now)
    ]


@sales
async def claim_looks(
    tx: Transaction, business_id: int, place: str, lease_s: float, grace_s: float, kind: str, doubts_max: int
) -> list[Values]:
    due = [
        (row["next_look_at"], key)
        for key, row in tx.rows("sale_posting")
        if (row["business_id"], row["location_id"], row["kind"]) == (business_id, place, kind)
        and _to_look_at(row, tx.now)
    ]
    claimed: list[Values] = []
    for _, key in sorted(due):
        if len(claimed) >= doubts_max:
            break
        if not tx.try_lock("sale_posting", key):
            continue
        row = tx.get("sale_posting", key)
        if row is None or not _to_look_at(row, tx.now):
            continue
        sale = tx.get("sale", _key(row))
        if sale is None:
            continue
        news = {"looking_until": _in(tx.now, lease_s), "looks": row["looks"] + 1}
        await tx.put("sale_posting", key, row | news)
        final_in_s = (row["expires_at"] + timedelta(seconds=grace_s) - tx.now).total_seconds()
        told = {"sold_at": row["sold_at"] or sale["sold_at"], "correlation_id": sale["correlation_id"]}
        claimed.append(row | news | told | {"final_in_s": final_in_s, "asked_before": _asked_before(tx, row)})
    return claimed


def _asked_before(tx: Transaction, row: Values) -> bool:
    return any(
        _key(other) == _key(row)
        and other["reference"] == row["reference"]
        and other["posting_id"] != row["posting_id"]
        and other["outcome"] not in {"not_sent", "refused"}
        for other in tx.values("sale_posting")
    )


@sales
async def look_later(
    tx: Transaction, posting_ids: Sequence[int], in_s: Sequence[float | None], words: Sequence[str]
) -> list[Values]:
    for posting_id, after_s, found in sorted(zip(posting_ids, in_s, words, strict=True)):
        await tx.lock("sale_posting", [posting_id])
        row = tx.get("sale_posting", posting_id)
        if row is not None and row["outcome"] == "in_doubt":
            news = {"looking_until": None, "look_words": found, "next_look_at": _in(tx.now, after_s)}
            await tx.put("sale_posting", posting_id, row | news)
    return []


@sales
async def read_left_out_soon(tx: Transaction, business_id: int, place: str, skus: Sequence[str]) -> list[Values]:
    row = tx.get("location", (business_id, place))
    if row is not None and set(skus) & set(json.loads(row["left_out"])):
        await tx.change("location", (business_id, place), next_poll_at=tx.now)
    return []


def _newest(tx: Transaction, key: tuple[int, int, str], column: str, value: Any) -> Values | None:
    rows = [row for row in tx.values("sale_posting") if _key(row) == key and row[column] == value]
    return max(rows, key=lambda row: row["posting_id"], default=None)


@sales
async def newest_doubt(tx: Transaction, *key: Any) -> list[Values]:
    row = _newest(tx, key, "outcome", "in_doubt")
    return [] if row is None else [{"posting_id": row["posting_id"]}]


@sales
async def newest_settled(tx: Transaction, *key: Any) -> list[Values]:
    row = _newest(tx, key, "by_hand", value=True)
    return [] if row is None else [{"outcome": row["outcome"]}]


@sales
async def posting_outcome(
    tx: Transaction, business_id: int, connection_id: int, order_ref: str, posting_id: int
) -> list[Values]:
    row = tx.get("sale_posting", posting_id)
    if row is None or _key(row) != (business_id, connection_id, order_ref):
        return []
    return [{"outcome": row["outcome"]}]


def units_of(row: Values) -> dict[str, Decimal]:
    """The units of a posting, for those who look at what differs."""
    return {sku: Decimal(number) for sku, number in from_json(row["units"]).items()}

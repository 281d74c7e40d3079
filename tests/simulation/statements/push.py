"""store_push/sql: targets, work, connections, catalogue."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from store_push.domain.rules import SkuRule, StoreRule, shown_of
from store_push.storage.work import HISTORY_COLUMNS
from tests.simulation.database import Transaction, Values
from tests.simulation.statements.registry import column, from_json, moment, stands_in, truth

targets = stands_in("store_push", "targets.sql")
work = stands_in("store_push", "work.sql")
waiting = stands_in("store_push", "waiting.sql")
intents = stands_in("store_push", "intents.sql")
connections = stands_in("store_push", "connections.sql")
catalogue = stands_in("store_push", "catalogue.sql")

rules = stands_in("store_push", "rules.sql")

PUSH_CHANNEL = "prokip_push_due"
CATALOGUE_CHANNEL = "prokip_push_catalogue"


class Claimed(NamedTuple):
    """What each look at a listing and each write of it is about."""

    target: int
    taken: Decimal
    """The units of the store's own sales that the target knows of."""
    confirmed_revision: int
    """0 where nothing was confirmed before."""
    believed: Decimal | None


CLAIMED: dict[tuple[int, str], Claimed] = {}

NEW_LISTING: Mapping[str, Any] = {
    "parent_ref": None,
    "place_ref": None,
    "held_by": None,
    "reason": "",
    "target": None,
    "target_revision": 0,
    "target_taken": Decimal(0),
    "correlation_id": "",
    "confirmed": None,
    "confirmed_taken": Decimal(0),
    "confirmed_revision": 0,
    "confirmed_at": None,
    "drifted_at": None,
    "due_at": None,
    "must_read": False,
    "hinted": None,
    "hints": 0,
    "gap": None,
    "gap_taken": None,
    "gap_since": None,
}
NO_INTENT: Values = {"shows": None, "taken": None, "since": None}
KNOWN_COLUMNS = (
    "connection_id",
    "business_id",
    "platform",
    "location_id",
    "place_ref",
    "writable",
    "active",
    "own_location_id",
)
NEW_WORK: Mapping[str, Any] = {
    "health": "healthy",
    "health_detail": "",
    "consecutive_failures": 0,
    "last_attempt_at": None,
    "last_push_at": None,
}


def earlier(one: datetime | None, other: datetime) -> datetime:
    """least(), which ignores NULL."""
    return other if one is None else min(one, other)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


@targets
async def enter_businesses(tx: Transaction, business_ids: Sequence[int]) -> list[Values]:
    await tx.share("advisory", [("listing", business_id) for business_id in business_ids])
    return []


@connections
async def lock_business_listings(tx: Transaction, business_id: int) -> list[Values]:
    await tx.lock("advisory", [("listing", business_id)])
    return []


@targets
async def save_targets(tx: Transaction, *columns: Sequence[Any]) -> list[Values]:
    # What the real statement lists in custom stores is left out, so there must be none.
    assert all(row["platform"] != "custom" for row in tx.values("connection_work"))
    names = ("business_id", "location_id", "sku", "available", "revision", "taken", "correlation_id")
    for values in zip(*columns, strict=True):
        row = dict(zip(names, values, strict=True))
        key = values[:3]
        await tx.lock("stock_target", [key])
        held = tx.get("stock_target", key)
        if held is None or held["revision"] < row["revision"]:
            await tx.put("stock_target", key, row | {"taken": from_json(row["taken"])})
    tx.notify(PUSH_CHANNEL)
    return []


def target_by_rules(tx: Transaction, listing: Values, available: Decimal | None) -> int | None:
    """push.shown() with the rules of the listing's store and SKU."""
    rule = tx.get("connection_rule", listing["connection_id"]) or {}
    own = tx.get("sku_rule", (listing["connection_id"], listing["sku"])) or {}
    return shown_of(
        available,
        StoreRule(rule.get("buffer", Decimal(0)), rule.get("shown_max")),
        SkuRule(own.get("buffer"), own.get("shown_max"), own.get("push", "on")),
    )


def taken_of(taken: Mapping[str, str], connection_id: int) -> Decimal:
    return Decimal(taken.get(str(connection_id), "0"))


def with_target(tx: Transaction, listing: Values, news: Mapping[str, Any]) -> Values:
    """What mark_due and fill_targets have in common."""
    target = target_by_rules(tx, listing, news["available"])
    taken = taken_of(news["taken"], listing["connection_id"])
    first = listing["target_revision"] == 0 and taken != 0
    due = listing["state"] == "matched" and target is not None
    return listing | {
        "target": target,
        "target_revision": news["revision"],
        "target_taken": taken,
        "correlation_id": news["correlation_id"],
        "confirmed": None if first else listing["confirmed"],
        "due_at": earlier(listing["due_at"], tx.now) if due else None,
    }


@targets
async def mark_due(tx: Transaction, *columns: Sequence[Any]) -> list[Values]:
    named = set(zip(*columns, strict=True))
    for key, listing in sorted(tx.rows("listing")):
        place = (listing["business_id"], listing["location_id"], listing["sku"])
        one = tx.get("stock_target", place) if place in named else None
        if one is None or listing["target_revision"] >= one["revision"]:
            continue
        await tx.lock("listing", [key])
        held = tx.get("listing", key)
        if held is not None and held["target_revision"] < one["revision"]:
            await tx.put("listing", key, with_target(tx, held, one))
    return []


@targets
async def fill_targets(tx: Transaction, connection_id: int) -> list[Values]:
    for key, listing in sorted(tx.rows("listing")):
        if listing["connection_id"] != connection_id:
            continue
        one = _target_to_fill(tx, listing)
        if one is None:
            continue
        await tx.lock("listing", [key])
        held = tx.get("listing", key)
        if held is not None and (one := _target_to_fill(tx, held)) is not None:
            await tx.put("listing", key, with_target(tx, held, one))
    return []


def _target_to_fill(tx: Transaction, listing: Values) -> Values | None:
    one = tx.get("stock_target", (listing["business_id"], listing["location_id"], listing["sku"]))
    if one is None or listing["state"] != "matched":
        return None
    behind = listing["target_revision"] < one["revision"]
    unpushed = listing["confirmed_revision"] < one["revision"] and listing["due_at"] is None
    return one if behind or unpushed else None


@targets
async def end_moved_differences(tx: Transaction, connection_id: int) -> list[Values]:
    """Nobody is asked anything here."""
    return []


@targets
async def note_hints(
    tx: Transaction, connection_ids: str, item_refs: str, place_refs: str, quantities: str, settle_s: float
) -> list[Values]:
    hints = {}
    for connection_id, item_ref, place_ref, quantity in zip(
        column(connection_ids, int), column(item_refs), column(place_refs), column(quantities, int), strict=True
    ):
        hints[connection_id, item_ref, place_ref] = quantity
    for key, listing in sorted(tx.rows("listing")):
        name = (listing["connection_id"], listing["item_ref"], listing["place_ref"])
        if name not in hints or not _worth_a_look(listing, hints[name]):
            continue
        await tx.lock("listing", [key])
        held = tx.get("listing", key)
        if held is None or not _worth_a_look(held, hints[name]):
            continue
        due_at = earlier(held["due_at"], tx.now + seconds(settle_s))
        news = {"hinted": hints[name], "hints": held["hints"] + 1, "must_read": True, "due_at": due_at}
        await tx.put("listing", key, held | news)
    return []


def _worth_a_look(listing: Values, quantity: int | None) -> bool:
    if listing["state"] != "matched" or listing["target"] is None:
        return False
    if quantity is None or listing["confirmed"] is None:
        return True
    believed = listing["confirmed"] + listing["confirmed_taken"] - listing["target_taken"]
    return bool(quantity != listing["target"] and quantity != believed)


@targets
async def wake_workers(tx: Transaction) -> list[Values]:
    tx.notify(PUSH_CHANNEL)
    return []


@work
async def due_connections(tx: Transaction) -> list[Values]:
    first: dict[int, datetime] = {}
    for listing in tx.values("listing"):
        if listing["due_at"] is not None:
            connection_id = listing["connection_id"]
            first[connection_id] = earlier(first.get(connection_id), listing["due_at"])
    found = []
    for row in tx.values("connection_work"):
        due_at = first.get(row["connection_id"])
        if due_at is None or not row["active"] or not row["writable"]:
            continue
        ready_in_s = (max(row["next_attempt_at"], due_at) - tx.now).total_seconds()
        failing = row["health"] in {"failing", "needs_reauthorisation"}
        found.append({"connection_id": row["connection_id"], "failing": failing, "ready_in_s": ready_in_s})
    return sorted(found, key=lambda row: row["ready_in_s"])


@work
async def claim_connection(tx: Transaction, connection_id: int) -> list[Values]:
    row = tx.get("connection_work", connection_id)
    if row is None or not row["active"] or not row["writable"] or row["next_attempt_at"] > tx.now:
        return []
    if not tx.try_lock("advisory", ("work", connection_id)):
        return []
    return [row | {"claimed_at": tx.clock(), "asks": False}]


@waiting
async def begin_waiting(_tx: Transaction) -> list[Values]:
    return []


@work
async def due_listings(tx: Transaction, connection_id: int, listings_max: int) -> list[Values]:
    now = tx.clock()
    due = [
        row
        for row in tx.values("listing")
        if row["connection_id"] == connection_id
        and row["state"] == "matched"
        and row["due_at"] is not None
        and row["due_at"] <= now
    ]
    claimed = sorted(due, key=lambda row: (row["target"] != 0, row["due_at"], row["id"]))[:listings_max]
    for row in claimed:
        read = row["confirmed"]
        believed = None if read is None else read + row["confirmed_taken"] - row["target_taken"]
        CLAIMED[connection_id, row["item_ref"]] = Claimed(
            row["target"], row["target_taken"], row["confirmed_revision"], believed
        )
    return [{**row, "held": False} | (tx.get("intent", row["id"]) or NO_INTENT) for row in claimed]


@intents
async def note_intents(tx: Transaction, *columns: str) -> list[Values]:
    readers: tuple[Callable[[str], Any], ...] = (int, int, Decimal, moment)
    for listing_id, shows, taken, since in zip(*map(column, columns, readers), strict=True):
        await tx.put("intent", listing_id, {"shows": shows, "taken": taken, "since": since})
    return []


@work
async def record_results(
    tx: Transaction, business_id: int, connection_id: int, at: datetime, *columns_and_known: str
) -> list[Values]:
    """The history of pushes is for people; nothing acts on it."""
    *columns, known = columns_and_known
    for listing_id in column(known, int):
        await tx.delete("intent", listing_id)
    names: tuple[str, ...] = (
        "id",
        "state",
        "reason",
        "confirmed",
        "confirmed_taken",
        "confirmed_revision",
        "confirmed_at",
    )
    names += (
        "drifted_at",
        "due_at",
        "must_read",
        "gap",
        "gap_taken",
        "gap_since",
        "revision",
        "hints",
        "target",
        "held",
    )
    readers: tuple[Callable[[str], Any], ...] = (int, str, str, int, Decimal, int, moment, moment, moment)
    readers += (truth, int, Decimal, moment, int, int, int, truth)
    news_columns = map(column, columns[HISTORY_COLUMNS:], readers)
    for values in sorted(zip(*news_columns, strict=True), key=lambda values: values[0]):
        news = dict(zip(names, values, strict=True))
        key = news.pop("id")
        await tx.lock("listing", [key])
        held = tx.get("listing", key)
        if held is None:
            continue
        revision, hints, target = news.pop("revision"), news.pop("hints"), news.pop("target")
        assert not news.pop("held"), "nobody is asked here"
        news["must_read"] = news["must_read"] or held["hints"] > hints
        if news["state"] != "matched":
            news["due_at"] = None
        elif (held["target_revision"] > revision or held["target"] != target) and held["target"] is not None:
            news["due_at"] = tx.now
        elif held["hints"] > hints:
            due_at = held["due_at"]
            news["due_at"] = due_at if news["due_at"] is None else earlier(due_at, news["due_at"])
        await tx.put("listing", key, held | news)
    return []


@work
async def record_drift(
    tx: Transaction, business_id: int, connection_id: int, at: datetime, *columns: Sequence[Any]
) -> list[Values]:
    for listing_id, sku, expected, shown, _cause in zip(*columns, strict=True):
        row = {"listing_id": listing_id, "sku": sku, "expected": expected, "shown": shown, "at": at}
        await tx.put("drift", tx.database.next_number("drift"), row)
    return []


@work
async def record_attempt(
    tx: Transaction,
    connection_id: int,
    health: str,
    since: datetime,
    detail: str,
    failures: int,
    pause_s: float,
    pushed: bool,  # the statement's own parameter
) -> list[Values]:
    news: dict[str, Any] = {"health": health, "health_since": since, "health_detail": detail}
    news |= {"consecutive_failures": failures, "next_attempt_at": tx.clock() + seconds(pause_s)}
    news["last_attempt_at"] = tx.now
    if pushed:
        news["last_push_at"] = tx.clock()
    await tx.change("connection_work", connection_id, **news)
    return []


@rules
async def unified_connections(tx: Transaction) -> list[Values]:
    return [{"connection_id": key} for key, row in tx.rows("connection_rule") if row["locations"] == "all"]


@connections
async def known_connections(tx: Transaction) -> list[Values]:
    return [{name: row[name] for name in KNOWN_COLUMNS} for row in tx.values("connection_work")]


@connections
async def wait_for_pushes(tx: Transaction, connection_ids: Sequence[int]) -> list[Values]:
    await tx.lock("advisory", [("work", connection_id) for connection_id in sorted(connection_ids)])
    return []


@connections
async def save_connections(tx: Transaction, *columns: Sequence[Any]) -> list[Values]:
    names = KNOWN_COLUMNS
    for values in zip(*columns, strict=True):
        row = dict(zip(names, values, strict=True))
        key = row["connection_id"]
        await tx.lock("connection_work", [key])
        held = tx.get("connection_work", key)
        if held is None:
            await tx.put("connection_work", key, {**NEW_WORK, "health_since": tx.now, "next_attempt_at": tx.now, **row})
        else:
            kept = ("location_id", "place_ref", "writable", "active", "own_location_id")
            await tx.put("connection_work", key, held | {name: row[name] for name in kept})
    return []


@connections
async def start_catalogue_reads(tx: Transaction, connection_ids: Sequence[int]) -> list[Values]:
    for key in connection_ids:
        row = tx.get("connection_work", key)
        if row is None or not row["active"] or row["platform"] == "custom":
            continue
        await tx.lock("catalogue_read", [key])
        held = tx.get("catalogue_read", key)
        due_at = tx.now if held is None else earlier(held["due_at"], tx.now)
        news = {"due_at": due_at, "consecutive_failures": 0, "wanted_at": tx.clock()}
        await tx.put("catalogue_read", key, {**NEW_READ, **(held or {}), **news})
    return []


@connections
async def wake_readers(tx: Transaction) -> list[Values]:
    tx.notify(CATALOGUE_CHANNEL)
    return []


@connections
async def hold_connection(tx: Transaction, key: int) -> list[Values]:
    """Nobody disconnects anything here."""
    return [{"held": True}] if tx.get("connection_work", key) is not None else []


@connections
async def forgive_connections(tx: Transaction, connection_ids: Sequence[int]) -> list[Values]:
    for key in connection_ids:
        await tx.change("connection_work", key, next_attempt_at=tx.now, consecutive_failures=0)
    return []


NEW_READ: Mapping[str, Any] = {
    "cursor": None,
    "begun_at": None,
    "counted": 0,
    "total": None,
    "tried_at": None,
    "wanted_at": None,
    "hinted_at": None,
}


def _due_at(row: Values, hint_pause_s: float) -> datetime:
    tried_at: datetime = row["tried_at"] or datetime.min.replace(tzinfo=UTC)
    if row["consecutive_failures"] > 0 or row["cursor"] is not None:
        due: datetime = row["due_at"]
    elif row["wanted_at"] is not None and row["wanted_at"] > tried_at:
        due = min(row["due_at"], row["wanted_at"])
    elif row["hinted_at"] is not None and row["tried_at"] is not None and row["hinted_at"] > tried_at:
        due = min(row["due_at"], tried_at + seconds(hint_pause_s))
    else:
        due = row["due_at"]
    return due


@catalogue
async def next_catalogue_in_s(tx: Transaction, hint_pause_s: float) -> list[Values]:
    due = [_due_at(row, hint_pause_s) for row in tx.values("catalogue_read")]
    return [{"wait": (min(due) - tx.now).total_seconds() if due else None}]


@catalogue
async def lock_catalogue(tx: Transaction, hint_pause_s: float) -> list[Values]:
    due = [(row["due_at"], key) for key, row in tx.rows("catalogue_read") if _due_at(row, hint_pause_s) <= tx.now]
    for _, key in sorted(due):
        connection = tx.get("connection_work", key)
        if connection is not None and connection["active"] and tx.try_lock("advisory", ("catalogue", key)):
            return [{"connection_id": key}]
    return []


@catalogue
async def claim_catalogue(tx: Transaction, hint_pause_s: float, key: int) -> list[Values]:
    row, connection = tx.get("catalogue_read", key), tx.get("connection_work", key)
    if row is None or connection is None or not connection["active"] or _due_at(row, hint_pause_s) > tx.now:
        return []
    claim = {"connection_id": key, "business_id": connection["business_id"]}
    claim |= {name: row[name] for name in ("consecutive_failures", "cursor", "begun_at", "counted")}
    return [claim | {"claimed_at": tx.clock()}]


@catalogue
async def save_page(tx: Transaction, connection_id: int, read_at: datetime, *columns: Sequence[Any]) -> list[Values]:
    names = (
        "item_ref", "parent_ref", "place_ref", "sku", "parent_sku", "name", "product_ref", "variant_ref", "price",
        "level_state", "quantity",
    )  # fmt: skip
    for values in zip(*columns, strict=True):
        row = dict(zip(names, values, strict=True))
        key = (connection_id, row["item_ref"])
        await tx.put("catalogue_item", key, row | {"read_at": read_at})
    return []


@catalogue
async def page_done(
    tx: Transaction, connection_id: int, cursor: str, begun_at: datetime, counted: int, total: int | None
) -> list[Values]:
    news: dict[str, Any] = {"cursor": cursor, "begun_at": begun_at, "counted": counted, "total": total}
    await tx.change("catalogue_read", connection_id, **news, due_at=tx.now, consecutive_failures=0, error=None)
    return []


@catalogue
async def unread_items(tx: Transaction, connection_id: int, begun_at: datetime, rows_max: int) -> list[Values]:
    old = [row for key, row in sorted(tx.rows("catalogue_item")) if key[0] == connection_id]
    names = ("item_ref", "parent_ref", "place_ref")
    return [{name: row[name] for name in names} for row in old if row["read_at"] < begun_at][:rows_max]


@catalogue
async def keep_items(tx: Transaction, connection_id: int, begun_at: datetime, item_refs: Sequence[str]) -> list[Values]:
    for item_ref in item_refs:
        await tx.change("catalogue_item", (connection_id, item_ref), read_at=begun_at)
    return []


@catalogue
async def forget_unread_items(tx: Transaction, connection_id: int, begun_at: datetime) -> list[Values]:
    for key, row in list(tx.rows("catalogue_item")):
        if key[0] == connection_id and row["read_at"] < begun_at:
            await tx.delete("catalogue_item", key)
    return []


@catalogue
async def read_items(tx: Transaction, connection_id: int) -> list[Values]:
    return [row for key, row in sorted(tx.rows("catalogue_item")) if key[0] == connection_id]


@catalogue
async def choices(tx: Transaction, connection_id: int) -> list[Values]:
    """Nobody chooses anything here."""
    return []


@catalogue
async def note_unknown_items(tx: Transaction, connection_ids: Sequence[int], item_refs: Sequence[str]) -> list[Values]:
    for key, item_ref in zip(connection_ids, item_refs, strict=True):
        row = tx.get("catalogue_read", key)
        unknown = tx.get("catalogue_item", (key, item_ref)) is None
        if row is not None and row.get("read_at") is not None and unknown and tx.try_lock("catalogue_read", key):
            await tx.change("catalogue_read", key, hinted_at=tx.clock())
    return []


@catalogue
async def save_items(
    tx: Transaction, connection_id: int, claimed_at: datetime, *columns_and_settle: Any
) -> list[Values]:
    *columns, settle_s = columns_and_settle
    names = ("item_ref", "parent_ref", "place_ref", "sku", "held_by", "state", "reason", "quantity")
    connection = tx.get("connection_work", connection_id)
    if connection is None:
        return []
    known = {row["item_ref"]: key for key, row in tx.rows("listing") if row["connection_id"] == connection_id}
    for values in sorted(zip(*columns, strict=True)):
        item = dict(zip(names, values, strict=True))
        key = known.get(item["item_ref"])
        if key is None:
            quantity = item.pop("quantity")
            row = {
                **NEW_LISTING,
                **item,
                "id": tx.database.next_number("listing"),
                "business_id": connection["business_id"],
                "connection_id": connection_id,
                "location_id": connection["location_id"],
                "confirmed": quantity,
                "confirmed_at": claimed_at if quantity is not None else None,
            }
            await tx.put("listing", row["id"], row)
            continue
        await tx.lock("listing", [key])
        held = tx.get("listing", key)
        if held is not None:
            await tx.put("listing", key, held | _reread(held, item, tx.now + seconds(settle_s)))
    return []


def _reread(held: Values, item: Values, look_at: datetime) -> Values:
    renamed = held["sku"] != item["sku"]
    anew = held["confirmed"] is None or renamed or held["place_ref"] != item["place_ref"]
    shown = item["quantity"]
    believed = None if held["confirmed"] is None else held["confirmed"] + held["confirmed_taken"] - held["target_taken"]
    # A comparison with NULL is not true.
    odd = (
        held["target"] is not None
        and shown is not None
        and shown != held["target"]
        and believed is not None
        and shown != believed
    )
    confirmed = held["confirmed"]
    if renamed:
        confirmed = shown
    elif anew:
        confirmed = shown if held["target_taken"] == 0 else None
    keeps_reason = held["state"] == item["state"] and not item["reason"]
    due_at = held["due_at"]
    if item["state"] != "matched":
        due_at = None
    elif odd:
        due_at = earlier(due_at, look_at)
    return {
        "parent_ref": item["parent_ref"],
        "held_by": item["held_by"],
        "reason": held["reason"] if keeps_reason else item["reason"],
        "state": item["state"],
        "sku": item["sku"],
        "place_ref": item["place_ref"],
        "target": None if renamed else held["target"],
        "target_revision": 0 if renamed else held["target_revision"],
        "confirmed": confirmed,
        "confirmed_taken": Decimal(0) if anew else held["confirmed_taken"],
        "confirmed_revision": 0 if anew else held["confirmed_revision"],
        "must_read": held["must_read"] or odd,
        "hinted": shown if odd else held["hinted"],
        "hints": held["hints"] + 1 if odd else held["hints"],
        "due_at": due_at,
    }


@catalogue
async def mark_gone(tx: Transaction, connection_id: int, item_refs: Sequence[str]) -> list[Values]:
    for key, row in sorted(tx.rows("listing")):
        if row["connection_id"] == connection_id and row["state"] != "gone" and row["item_ref"] not in item_refs:
            await tx.change("listing", key, state="gone", reason="no longer in the store's catalogue", due_at=None)
    return []


@catalogue
async def catalogue_done(
    tx: Transaction,
    connection_id: int,
    next_in_s: float,
    begun_at: datetime,
    items: int,
    counted: int,
    total: int | None,
) -> list[Values]:
    news: dict[str, Any] = {"due_at": tx.now + seconds(next_in_s), "consecutive_failures": 0, "read_at": begun_at}
    news |= {"tried_at": begun_at, "items": items, "cursor": None, "begun_at": None, "counted": counted, "total": total}
    await tx.change("catalogue_read", connection_id, **news, error=None)
    return []


@catalogue
async def catalogue_failed(
    tx: Transaction,
    connection_id: int,
    next_in_s: float,
    error: str,
    claimed_at: datetime,
    cursor: str | None,
    begun_at: datetime | None,
) -> list[Values]:
    held = {**NEW_READ, "consecutive_failures": 0, **(tx.get("catalogue_read", connection_id) or {})}
    wanted = held["wanted_at"] is not None and held["wanted_at"] > claimed_at
    failures = 0 if wanted else held["consecutive_failures"] + 1
    news: dict[str, Any] = {"cursor": cursor, "begun_at": begun_at, "tried_at": claimed_at, "error": error}
    due_at = tx.now if wanted else tx.now + seconds(next_in_s)
    await tx.change("catalogue_read", connection_id, **news, due_at=due_at, consecutive_failures=failures)
    return []


def told(row: Values) -> str:
    """A row as text, for those who look at what differs."""
    return json.dumps(row, default=str, sort_keys=True)


first_quantities = stands_in("store_push", "first_quantities.sql")
sweeps = stands_in("store_push", "sweeps.sql")
subscriptions = stands_in("store_push", "subscriptions.sql")

SWEEP_CHANNEL = "prokip_push_sweep"


@subscriptions
async def start_subscription_checks(tx: Transaction, connection_ids: Sequence[int], first_in_s: float) -> list[Values]:
    """Nobody looks after subscriptions here: a store that lost them is one whose webhooks are all dropped."""
    return []


@first_quantities
async def start_first_quantities(tx: Transaction, connection_ids: Sequence[int]) -> list[Values]:
    """Nothing is held here: every connection is as one that is older than the guard."""
    return []


@subscriptions
async def want_subscription_checks(tx: Transaction, connection_ids: Sequence[int]) -> list[Values]:
    """As above."""
    return []


@sweeps
async def start_sweeps(tx: Transaction, connection_ids: Sequence[int], moments: Sequence[datetime]) -> list[Values]:
    for key, connected_at in sorted(zip(connection_ids, moments, strict=True)):
        if tx.get("connection_work", key) is None or tx.get("sweep", key) is not None:
            continue
        await tx.lock("sweep", [key])
        if tx.get("sweep", key) is not None:
            continue
        row: Values = {"connected_at": connected_at, "swept_to": connected_at, "cursor": None, "sweeping_to": None}
        row |= {"due_at": tx.now, "consecutive_failures": 0, "begun_at": None, "complete_from": None}
        row |= {"complete_at": None, "orders": 0, "unreadable": 0}
        await tx.put("sweep", key, row)
        tx.notify(SWEEP_CHANNEL)
    return []


@sweeps
async def want_sweeps(tx: Transaction, connection_ids: Sequence[int]) -> list[Values]:
    for key in connection_ids:
        await tx.change("connection_work", key, sweep_wanted_at=tx.now)
        tx.notify(SWEEP_CHANNEL)
    return []


def _sweep_due_at(tx: Transaction, key: int, row: Values, pause_s_min: float) -> datetime:
    connection = tx.get("connection_work", key)
    wanted_at = None if connection is None else connection.get("sweep_wanted_at")
    begun_at: datetime | None = row["begun_at"]
    due_at: datetime = row["due_at"]
    if wanted_at is None or row["consecutive_failures"] or (begun_at is not None and wanted_at <= begun_at):
        return due_at
    return min(due_at, tx.now if begun_at is None else begun_at + seconds(pause_s_min))


@sweeps
async def next_sweep_in_s(tx: Transaction, pause_s_min: float) -> list[Values]:
    due = [_sweep_due_at(tx, key, row, pause_s_min) for key, row in tx.rows("sweep")]
    return [{"wait": (min(due) - tx.now).total_seconds() if due else None}]


@sweeps
async def lock_sweep(tx: Transaction, pause_s_min: float) -> list[Values]:
    due = [(row["due_at"], key) for key, row in tx.rows("sweep") if _sweep_due_at(tx, key, row, pause_s_min) <= tx.now]
    held = next((key for _, key in sorted(due) if tx.try_lock("advisory", ("sweep", key))), None)
    return [] if held is None else [{"connection_id": held}]


@sweeps
async def claim_sweep(tx: Transaction, pause_s_min: float, key: int) -> list[Values]:
    row, connection = tx.get("sweep", key), tx.get("connection_work", key)
    if row is None or connection is None or _sweep_due_at(tx, key, row, pause_s_min) > tx.now:
        return []
    whose = {name: connection[name] for name in ("connection_id", "business_id", "location_id")}
    return [whose | row | {"claimed_at": tx.clock()}]


@sweeps
async def sweep_done(
    tx: Transaction,
    key: int,
    swept_to: datetime,
    next_in_s: float,
    begun_at: datetime,
    orders: int,
    unreadable: int,
) -> list[Values]:
    news: dict[str, Any] = {"swept_to": swept_to, "cursor": None, "sweeping_to": None, "consecutive_failures": 0}
    news |= {"due_at": tx.now + seconds(next_in_s), "begun_at": begun_at, "complete_from": begun_at}
    await tx.change("sweep", key, **news, complete_at=tx.clock(), orders=orders, unreadable=unreadable)
    for word, told in tx.rows("swept_order"):
        if word[0] == key and told["noted_at"] < tx.now - seconds(3600.0):
            await tx.delete("swept_order", word)
    return []


@sweeps
async def sweep_paused(
    tx: Transaction,
    key: int,
    cursor: str | None,
    sweeping_to: datetime | None,
    next_in_s: float,
    failures: int,
    begun_at: datetime,
    orders: int,
    unreadable: int,
    error: str | None,
) -> list[Values]:
    news: dict[str, Any] = {"cursor": cursor, "sweeping_to": sweeping_to, "due_at": tx.now + seconds(next_in_s)}
    news |= {"consecutive_failures": failures, "begun_at": begun_at, "orders": orders, "unreadable": unreadable}
    await tx.change("sweep", key, **news, error=error)
    return []


@sweeps
async def last_complete_sweep(tx: Transaction, key: int) -> list[Values]:
    row = tx.get("sweep", key)
    if row is None or row["complete_at"] is None:
        return []
    told = (row for word, row in tx.rows("swept_order") if word[0] == key)
    counted = not any(one["noted_at"] <= row["complete_at"] for one in told)
    return [{"complete_from": row["complete_from"], "complete_at": row["complete_at"], "counted": counted}]


@sweeps
async def note_told(tx: Transaction, key: int, order_refs: Sequence[str], told_at: datetime) -> list[Values]:
    for order_ref in sorted(set(order_refs)):
        word = (key, order_ref, told_at)
        if tx.get("swept_order", word) is None:
            await tx.put("swept_order", word, {"noted_at": tx.now})
    return []


@sweeps
async def forget_counted(
    tx: Transaction, connection_ids: Sequence[int], order_refs: Sequence[str], told_at: Sequence[datetime]
) -> list[Values]:
    for word in sorted(zip(connection_ids, order_refs, told_at, strict=True)):
        if tx.get("swept_order", word) is not None:
            await tx.delete("swept_order", word)
    return []


@sweeps
async def look_at_differences(tx: Transaction, connection_ids: Sequence[int], settle_s: float) -> list[Values]:
    waited_for = {word[0] for word, _ in tx.rows("swept_order")}
    look_at = tx.now + seconds(settle_s)

    def waits(row: Values) -> bool:
        ours = row["connection_id"] in connection_ids and row["connection_id"] not in waited_for
        return ours and row["gap"] is not None and row["due_at"] is not None and row["due_at"] > look_at

    for key, row in sorted(tx.rows("listing")):
        if not waits(row) or not tx.try_lock("listing", key):
            continue
        held = tx.get("listing", key)
        if held is not None and waits(held):
            await tx.put("listing", key, held | {"due_at": look_at, "hints": held["hints"] + 1, "must_read": True})
            tx.notify(PUSH_CHANNEL)
    return []

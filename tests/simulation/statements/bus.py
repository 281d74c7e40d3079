"""bus_storage.sql."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from tests.simulation.database import Transaction, Values
from tests.simulation.statements.registry import stands_in

bus = stands_in("prokip_shared", "bus_storage.sql")


@bus
async def remember_bundles(tx: Transaction, queue: str, bundle_ids: Sequence[UUID]) -> list[Values]:
    fresh = []
    for bundle_id in sorted(set(bundle_ids)):
        await tx.lock("inbox", [(queue, bundle_id)])
        if tx.get("inbox", (queue, bundle_id)) is None:
            await tx.put("inbox", (queue, bundle_id), {"seen_at": tx.now})
            fresh.append({"bundle_id": bundle_id})
    return fresh


@bus
async def bundle_seen(tx: Transaction, queue: str, bundle_id: UUID) -> list[Values]:
    return [{"exists": tx.get("inbox", (queue, bundle_id)) is not None}]


@bus
async def write_outbox(tx: Transaction, *columns: Sequence[Any]) -> list[Values]:
    for bundle_id, kind, queue, body, messages, attempts, due_in_s in zip(*columns, strict=True):
        row = {
            "bundle_id": bundle_id,
            "type": kind,
            "queue": queue,
            "body": body,
            "messages": messages,
            "attempts": attempts,
            "due_at": tx.clock() + timedelta(seconds=due_in_s),
        }
        await tx.put("outbox", bundle_id, row)
    return []


@bus
async def due_outbox(tx: Transaction, without: Sequence[UUID], bundles_max: int) -> list[Values]:
    due = sorted(
        (row for key, row in tx.rows("outbox") if row["due_at"] <= tx.now and key not in without),
        key=lambda row: row["due_at"],
    )
    return [row for row in due if tx.try_lock("outbox", row["bundle_id"])][:bundles_max]


@bus
async def delete_outbox(tx: Transaction, bundle_ids: Sequence[UUID]) -> list[Values]:
    for bundle_id in sorted(bundle_ids):
        if tx.get("outbox", bundle_id) is not None:
            await tx.delete("outbox", bundle_id)
    return []


@bus
async def postpone_outbox(tx: Transaction, bundle_ids: Sequence[UUID], seconds: float) -> list[Values]:
    for bundle_id in sorted(bundle_ids):
        await tx.change("outbox", bundle_id, due_at=tx.now + timedelta(seconds=seconds))
    return []


@bus
async def park(tx: Transaction, queue: str, *columns: Sequence[Any]) -> list[Values]:
    parked = []
    for key, business_id, kind, body, reason, attempts in zip(*columns, strict=True):
        await tx.lock("parked", [key])
        if tx.get("parked", key) is None:
            row = {"id": key, "business_id": business_id, "queue": queue, "type": kind, "body": body}
            await tx.put("parked", key, row | {"reason": reason, "attempts": attempts})
            parked.append({"id": key})
    return parked


@bus
async def unpark(tx: Transaction, ids: Sequence[UUID]) -> list[Values]:
    for key in ids:
        await tx.delete("parked", key)
    return []

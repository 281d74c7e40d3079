"""A store's webhook secret: which one is in use, and a new one."""

from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from gateway.callers import CALLER
from gateway.handlers.connections import no_such_store, path_id
from gateway.keys import DIRECTORY, SECRETS, UPSTREAM
from gateway.models.secrets import RotatedSecret, RotateSecret, SecretUse
from gateway.upstream import answer_or_none
from prokip_shared.connections import ConnectionRecord
from prokip_shared.messages import utc_now
from prokip_shared.platforms.signatures import fingerprint


async def rotate_secret(request: web.Request, given: RotateSecret) -> RotatedSecret:
    record = await _record(request)
    rotated = await request.app[SECRETS].rotate(record, given.secret, overlap=timedelta(hours=given.overlap_hours))
    return RotatedSecret(
        message="The new secret is active",
        previous_valid_until=rotated.previous_until,
        secret=rotated.secret,
        curl=rotated.curl,
    )


async def show_secret_use(request: web.Request) -> SecretUse:
    record, now = await _record(request), utc_now()
    told = await answer_or_none(request.app[UPSTREAM].ingest.get(record.business_id, "/internal/secrets"))
    valid = record.credentials.valid_secrets(now)
    used = _uses(told, record.id)
    return SecretUse(
        active_used_at=used.get(fingerprint(valid[0])),
        previous_used_at=used.get(fingerprint(valid[1])) if len(valid) > 1 else None,
        previous_valid_until=record.credentials.previous_until if len(valid) > 1 else None,
        known=told is not None,
    )


def _uses(told: Any, connection_id: int) -> dict[str, datetime]:
    rows = () if told is None else told["items"]
    return {
        row["fingerprint"]: datetime.fromisoformat(row["used_at"])
        for row in rows
        if row["connection_id"] == connection_id
    }


async def _record(request: web.Request) -> ConnectionRecord:
    """The store that the path names, with today's credentials, if it is the caller's. Raises Problem 404."""
    directory = request.app[DIRECTORY]
    await directory.refresh()
    record = directory.by_id(path_id(request))
    if record is None or record.business_id != request[CALLER].business_id:
        raise no_such_store()
    return record

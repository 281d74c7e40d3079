"""What reads of Prokip changed, and what a person decides about those that would change too much."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from aiohttp import web

from gateway.callers import CALLER
from gateway.keys import UPSTREAM
from gateway.models.base import Page
from gateway.models.reads import (
    HeldBack,
    LeftAlone,
    ReadChange,
    ReadDecision,
    ReadPartsQuery,
    ReadsQuery,
    StockRead,
)
from gateway.upstream import path_of


async def list_reads(request: web.Request, given: ReadsQuery) -> Page[StockRead]:
    query = {"state": given.state, "limit": given.limit, "after": given.cursor}
    told = await _get(request, "/internal/prokip/reads", query)
    items = [StockRead.model_validate({**row, "sentence": row["words"]}) for row in told["reads"]]
    return Page[StockRead](items=items, next=told["next"])


async def list_changes(request: web.Request, given: ReadPartsQuery) -> Page[ReadChange]:
    path = path_of("internal", "prokip", "reads", request.match_info["id"], "changes")
    told = await _get(request, path, {"limit": given.limit, "after": given.cursor})
    return Page[ReadChange](items=[_change_of(row) for row in told["changes"]], next=told["next"])


async def list_held_back(request: web.Request, given: ReadPartsQuery) -> Page[HeldBack]:
    told = await _get(request, "/internal/prokip/held-back", {"limit": given.limit, "after": given.cursor})
    items = [
        HeldBack.model_validate({**row, "in_prokip": row["base"], "told": row["told_base"]})
        for row in told["held_back"]
    ]
    return Page[HeldBack](items=items, next=told["next"])


async def list_left_alone(request: web.Request, given: ReadPartsQuery) -> Page[LeftAlone]:
    told = await _get(request, "/internal/prokip/left-alone", {"limit": given.limit, "after": given.cursor})
    return Page[LeftAlone](items=[LeftAlone.model_validate(row) for row in told["left_alone"]], next=told["next"])


async def release_read(request: web.Request) -> ReadDecision:
    return await _decide(request, "release", "The stores are told")


async def refuse_read(request: web.Request) -> ReadDecision:
    return await _decide(request, "refuse", "It is not told until Prokip shows something else")


async def undo_read(request: web.Request) -> ReadDecision:
    return await _decide(request, "undo", "The stores are told what was there before")


async def reconsider_read(request: web.Request) -> ReadDecision:
    return await _decide(request, "reconsider", "Prokip is read again")


async def _get(request: web.Request, path: str, query: Mapping[str, object]) -> Any:
    return await request.app[UPSTREAM].poller.get(request[CALLER].business_id, path, query)


async def _decide(request: web.Request, decision: str, message: str) -> ReadDecision:
    path = path_of("internal", "prokip", "reads", request.match_info["id"], decision)
    told = await request.app[UPSTREAM].poller.post(request[CALLER].business_id, path)
    return ReadDecision(message=message, state=told["state"], skus=told["skus"])


def _change_of(row: dict[str, Any]) -> ReadChange:
    before = None
    if row["before_quantity"] is not None:
        before = Decimal(row["before_quantity"]) + Decimal(row["before_recorded"])
    after = Decimal(row["after_quantity"]) + Decimal(row["after_recorded"])
    return ReadChange(sku=row["sku"], before=before, after=after)

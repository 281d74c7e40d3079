"""The overview and the parked messages: every service asked at once, and shown without those that do not answer."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final, get_args
from uuid import UUID

from aiohttp import web

from gateway.callers import CALLER
from gateway.handlers.shown import status_of
from gateway.handlers.translated import held_reads_in, parked_message_of, prokip_state_of
from gateway.keys import CONNECTIONS, PARKED, UPSTREAM
from gateway.models.base import Message
from gateway.models.operations import (
    Overview,
    ParkedMessage,
    ParkedPage,
    ParkedQuery,
    ProkipSummary,
    SaleCounts,
    ServiceName,
    StockCounts,
    StoreCounts,
)
from gateway.storage.connections import ConnectionRow, ProkipRow
from gateway.upstream import InternalApi, Upstream, answer_or_none, path_of
from prokip_shared.web.problems import Problem

SERVICES: Final[tuple[ServiceName, ...]] = get_args(ServiceName)
NOT_PARKED: Final = "It is not parked, or replayed already."


async def overview(request: web.Request) -> Overview:
    business_id, upstream = request[CALLER].business_id, request.app[UPSTREAM]
    connections = request.app[CONNECTIONS]
    stores, account, summary, prokip, parked = await asyncio.gather(
        connections.of_business(business_id),
        connections.prokip(business_id),
        answer_or_none(upstream.inventory.get(business_id, "/internal/summary")),
        answer_or_none(upstream.poller.get(business_id, "/internal/prokip")),
        asyncio.gather(*(_first_parked(request, service) for service in SERVICES)),
    )
    away: set[ServiceName] = {service for service, rows in zip(SERVICES, parked, strict=True) if rows is None}
    if summary is None:
        away.add("inventory")
    if prokip is None:
        away.add("prokip-poller")
    return Overview(
        stores=_store_counts(stores),
        stock=None if summary is None else StockCounts.model_validate(summary),
        sales=None if summary is None else _sale_counts(summary),
        parked=sum(len(rows) for rows in parked if rows is not None),
        prokip=_prokip_summary(account, prokip),
        unavailable=sorted(away),
    )


async def list_parked(request: web.Request, given: ParkedQuery) -> ParkedPage:
    if given.service is not None:
        rows, following = await _parked_page(request, given.service, given.cursor)
        items = [parked_message_of(given.service, row) for row in rows]
        return ParkedPage(items=items, next=following, unavailable=[])
    pages = await asyncio.gather(*(_first_parked(request, service) for service in SERVICES))
    found: list[ParkedMessage] = []
    for service, page in zip(SERVICES, pages, strict=True):
        found += [parked_message_of(service, row) for row in page or ()]
    found.sort(key=lambda message: message.parked_at, reverse=True)
    away = [service for service, page in zip(SERVICES, pages, strict=True) if page is None]
    return ParkedPage(items=found[: given.limit], unavailable=away)


async def replay_parked(request: web.Request) -> Message:
    service, parked_id = request.match_info["service"], UUID(request.match_info["id"])
    business_id = request[CALLER].business_id
    if service == "gateway":
        if not await request.app[PARKED].replay(business_id, parked_id):
            raise Problem(404, "Not parked", code="parked_not_found", detail=NOT_PARKED)
    else:
        path = path_of("internal", "parked", str(parked_id), "replay")
        await _api_of(request.app[UPSTREAM], service).post(business_id, path)
    return Message(message="The message is worked on again")


async def _first_parked(request: web.Request, service: ServiceName) -> list[Any] | None:
    page = await answer_or_none(_parked_page(request, service, None))
    return None if page is None else page[0]


async def _parked_page(request: web.Request, service: ServiceName, cursor: str | None) -> tuple[list[Any], str | None]:
    business_id = request[CALLER].business_id
    if service == "gateway":  # its own table; the first page is all that is shown of it
        return list(await request.app[PARKED].page(business_id)), None
    told = await _api_of(request.app[UPSTREAM], service).get(business_id, "/internal/parked", {"after": cursor})
    return told["parked"], told["next"]


def _api_of(upstream: Upstream, service: str) -> InternalApi:
    """The route's pattern lets only names of services through."""
    apis = (upstream.inventory, upstream.store_push, upstream.poller, upstream.ingest)
    return next(api for api in apis if api.name == service)


def _store_counts(stores: Sequence[ConnectionRow]) -> StoreCounts:
    states = [status_of(row) for row in stores]
    working = [row for row, state in zip(stores, states, strict=True) if state == "connected"]
    return StoreCounts(
        total=len(stores),
        healthy=sum(row.health == "healthy" for row in working),
        failing=sum(row.health == "failing" for row in working) + states.count("needs_reauthorisation"),
        paused=states.count("paused"),
    )


def _sale_counts(summary: dict[str, Any]) -> SaleCounts:
    return SaleCounts(
        today=summary["sales_since"], in_doubt=summary["sales_in_doubt"], refused=summary["sales_refused"]
    )


def _prokip_summary(account: ProkipRow | None, told: dict[str, Any] | None) -> ProkipSummary:
    state = prokip_state_of(told["locations"], account.location_id) if account and told else None
    return ProkipSummary(
        configured=account is not None,
        last_read_at=state.last_read_at if state else None,
        last_error=state.last_error if state else None,
        held_reads=held_reads_in(told["locations"]) if told else 0,
    )

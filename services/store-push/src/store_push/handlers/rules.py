"""Rules and differences as the gateway asks for them, on behalf of one operator of one business."""

import json
from decimal import Decimal
from typing import Any, Final, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from prokip_shared.database import Pool
from prokip_shared.web.internal import BUSINESS
from prokip_shared.web.problems import Problem, read_json, validate
from store_push.domain.listings import QUANTITY_MAX
from store_push.domain.rules import Differences, Locations, Pushing, SkuRule, StoreRule
from store_push.handlers.api import ID_MAX, PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX, json_row
from store_push.rules import RuleBook
from store_push.storage.rules import RuleStorage

BUFFER_DIGITS: Final = 4


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    changed_by: str = Field(min_length=1, max_length=255)


class StoreRuleBody(_Body):
    buffer: Decimal = Field(ge=0, le=QUANTITY_MAX, decimal_places=BUFFER_DIGITS)
    shown_max: int | None = Field(ge=0, le=QUANTITY_MAX)
    locations: Locations
    differences: Differences


class SkuRuleBody(_Body):
    sku: str = Field(min_length=1, max_length=255)
    buffer: Decimal | None = Field(ge=0, le=QUANTITY_MAX, decimal_places=BUFFER_DIGITS)
    shown_max: int | None = Field(ge=0, le=QUANTITY_MAX)
    push: Pushing


class DecisionBody(_Body):
    decision: Literal["push", "leave"]


class _Page(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: int = Field(PAGE_ROWS_DEFAULT, ge=1, le=PAGE_ROWS_MAX)


class SkuRulesQuery(_Page):
    after: str = Field("", max_length=255)


class ChangesQuery(_Page):
    before: int | None = Field(None, ge=1, le=ID_MAX)


class DifferencesQuery(ChangesQuery):
    connection: int | None = Field(None, ge=1, le=ID_MAX)
    state: Literal["open", "left", "pushed", "explained"] | None = None


class RulesApi:
    def __init__(self, pool: Pool, storage: RuleStorage, book: RuleBook) -> None:
        self._pool = pool
        self._storage = storage
        self._book = book

    def routes(self) -> list[web.RouteDef]:
        rules = "/internal/connections/{id:[0-9]{1,18}}/rules"
        return [
            web.get(rules, self.show_store_rule),
            web.post(rules, self.change_store_rule),
            web.get(f"{rules}/skus", self.list_sku_rules),
            web.post(f"{rules}/skus", self.change_sku_rule),
            web.get(f"{rules}/changes", self.list_changes),
            web.get("/internal/differences", self.list_differences),
            web.post("/internal/differences/{id:[0-9]{1,18}}", self.decide),
        ]

    async def show_store_rule(self, request: web.Request) -> web.Response:
        rule, applying = await self._storage.store_rule(self._pool, request[BUSINESS], _id(request))
        return web.json_response(_store_rule_json(rule) | {"applying": applying})

    async def change_store_rule(self, request: web.Request) -> web.Response:
        body = await read_json(request, StoreRuleBody)
        await self._writable(request)
        rule = StoreRule(body.buffer, body.shown_max, body.locations, body.differences)
        await self._book.change_store(request[BUSINESS], _id(request), rule, changed_by=body.changed_by)
        return await self.show_store_rule(request)

    async def list_sku_rules(self, request: web.Request) -> web.Response:
        """By SKU; `next` is the `after` of the next page."""
        query = validate(SkuRulesQuery, dict(request.query))
        rows = await self._storage.sku_rules(
            self._pool, request[BUSINESS], _id(request), after_sku=query.after, rows_max=query.limit + 1
        )
        shown = rows[: query.limit]
        following = shown[-1]["sku"] if len(rows) > query.limit else None
        return web.json_response({"items": [json_row(row) for row in shown], "next": following})

    async def change_sku_rule(self, request: web.Request) -> web.Response:
        """One that says no more than the store's own is taken away."""
        body = await read_json(request, SkuRuleBody)
        await self._writable(request)
        rule = SkuRule(body.buffer, body.shown_max, body.push)
        await self._book.change_sku(request[BUSINESS], _id(request), body.sku, rule, changed_by=body.changed_by)
        buffer = None if rule.buffer is None else f"{rule.buffer:f}"
        return web.json_response({"sku": body.sku, "buffer": buffer, "shown_max": rule.shown_max, "push": rule.push})

    async def list_changes(self, request: web.Request) -> web.Response:
        """Newest first; `next` is the `before` of the next page."""
        query = validate(ChangesQuery, dict(request.query))
        rows = await self._storage.changes(
            self._pool, request[BUSINESS], _id(request), before_id=query.before, rows_max=query.limit + 1
        )
        shown = rows[: query.limit]
        items = [
            json_row(row) | {"before": json.loads(row["before"]), "after": json.loads(row["after"])} for row in shown
        ]
        following = shown[-1]["id"] if len(rows) > query.limit else None
        return web.json_response({"items": items, "next": following})

    async def list_differences(self, request: web.Request) -> web.Response:
        """Newest first; `next` is the `before` of the next page."""
        query = validate(DifferencesQuery, dict(request.query))
        rows = await self._storage.differences(
            self._pool,
            request[BUSINESS],
            before_id=query.before,
            connection_id=query.connection,
            state=query.state,
            rows_max=query.limit + 1,
        )
        shown = rows[: query.limit]
        following = shown[-1]["id"] if len(rows) > query.limit else None
        return web.json_response({"items": [json_row(row) for row in shown], "next": following})

    async def decide(self, request: web.Request) -> web.Response:
        """One that was left may be pushed later; anything else is decided once."""
        body = await read_json(request, DecisionBody)
        business_id, difference_id = request[BUSINESS], _id(request)
        async with self._pool.acquire() as connection:
            row = await self._storage.difference(connection, business_id, difference_id)
        if row is None:
            detail = "The business has no such difference."
            raise Problem(404, "No such difference", code="difference_not_found", detail=detail)
        state = "pushed" if body.decision == "push" else "left"
        if not await self._book.decide(
            business_id, difference_id, row["listing_id"], state, decided_by=body.changed_by
        ):
            detail = "It has been decided already, or has gone away; load the list again."
            raise Problem(409, "Already decided", code="difference_decided", detail=detail)
        return web.json_response({"id": difference_id, "state": state})

    async def _writable(self, request: web.Request) -> None:
        if await self._storage.platform_of(self._pool, request[BUSINESS], _id(request)) is None:
            detail = "The store is not connected, or not known here yet; try again in a moment."
            raise Problem(409, "Not connected", code="store_not_followed", detail=detail)


def _store_rule_json(rule: StoreRule) -> dict[str, Any]:
    return {
        "buffer": f"{rule.buffer:f}",
        "shown_max": rule.shown_max,
        "locations": rule.locations,
        "differences": rule.differences,
    }


def _id(request: web.Request) -> int:
    """The route's pattern lets only digits through."""
    return int(request.match_info["id"])

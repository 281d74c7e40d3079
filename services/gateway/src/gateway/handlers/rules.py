"""Rules of stores and SKUs, and differences that an operator decides about."""

from collections.abc import Mapping
from typing import Any, Literal

from aiohttp import web

from gateway.callers import CALLER
from gateway.handlers.connections import find_connection
from gateway.keys import UPSTREAM
from gateway.models.base import Page
from gateway.models.rules import (
    Difference,
    DifferenceDecision,
    DifferencesQuery,
    RuleChange,
    RuleChangesQuery,
    SkuRule,
    SkuRuleShown,
    SkuRulesQuery,
    StoreRule,
    StoreRuleShown,
)
from gateway.upstream import path_of


async def show_store_rule(request: web.Request) -> StoreRuleShown:
    return StoreRuleShown.model_validate(await _get(request, await _rules_path(request)))


async def change_store_rule(request: web.Request, given: StoreRule) -> StoreRuleShown:
    return StoreRuleShown.model_validate(
        await _post(request, await _rules_path(request), given.model_dump(mode="json"))
    )


async def list_sku_rules(request: web.Request, given: SkuRulesQuery) -> Page[SkuRuleShown]:
    path = await _rules_path(request, "skus")
    told = await _get(request, path, {"limit": given.limit, "after": given.cursor})
    return Page[SkuRuleShown](items=[SkuRuleShown.model_validate(row) for row in told["items"]], next=told["next"])


async def change_sku_rule(request: web.Request, given: SkuRule) -> SkuRuleShown:
    path = await _rules_path(request, "skus")
    return SkuRuleShown.model_validate(await _post(request, path, given.model_dump(mode="json")))


async def list_rule_changes(request: web.Request, given: RuleChangesQuery) -> Page[RuleChange]:
    path = await _rules_path(request, "changes")
    told = await _get(request, path, {"limit": given.limit, "before": given.cursor})
    items = [RuleChange.model_validate(row) for row in told["items"]]
    return Page[RuleChange](items=items, next=_cursor(told["next"]))


async def list_differences(request: web.Request, given: DifferencesQuery) -> Page[Difference]:
    query = {
        "state": given.state,
        "connection": given.connection_id,
        "limit": given.limit,
        "before": given.cursor,
    }
    told = await _get(request, "/internal/differences", query)
    items = [
        Difference.model_validate(
            row | {"target": row["target_now"] if row["state"] in {"open", "left"} else row["target"]}
        )
        for row in told["items"]
    ]
    return Page[Difference](items=items, next=_cursor(told["next"]))


async def push_difference(request: web.Request) -> DifferenceDecision:
    return await _decide(request, "push", "Prokip's number is written to the store")


async def leave_difference(request: web.Request) -> DifferenceDecision:
    return await _decide(request, "leave", "The store's number stays, and the item is not written")


async def _decide(request: web.Request, decision: Literal["push", "leave"], message: str) -> DifferenceDecision:
    told = await _post(request, path_of("internal", "differences", request.match_info["id"]), {"decision": decision})
    return DifferenceDecision(message=message, id=told["id"], state=told["state"])


async def _rules_path(request: web.Request, *more: str) -> str:
    """The store is looked up first: another business's store does not exist here."""
    store = await find_connection(request)
    return path_of("internal", "connections", store.id, "rules", *more)


async def _get(request: web.Request, path: str, query: Mapping[str, object] | None = None) -> Any:
    return await request.app[UPSTREAM].store_push.get(request[CALLER].business_id, path, query)


async def _post(request: web.Request, path: str, body: Mapping[str, object]) -> Any:
    caller = request[CALLER]
    return await request.app[UPSTREAM].store_push.post(
        caller.business_id, path, {**body, "changed_by": caller.username}
    )


def _cursor(following: int | None) -> str | None:
    return None if following is None else str(following)

"""Rules and differences: rows of the table."""

from typing import Final

from gateway.handlers import rules
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
from gateway.routes.shared import AWAY, ID, V1
from gateway.routing import Docs, route, route_given

RULES: Final = f"{V1}/connections/{ID}/rules"

RULE_ROUTES: Final = (
    route(
        "GET",
        RULES,
        rules.show_store_rule,
        answer=StoreRuleShown,
        docs=Docs("rules", "What one store shows differently from what there is", (404, *AWAY)),
    ),
    route_given(
        "PUT",
        RULES,
        StoreRule,
        rules.change_store_rule,
        answer=StoreRuleShown,
        docs=Docs("rules", "Buffer, maximum, locations and differences of one store", (404, 409, *AWAY)),
    ),
    route_given(
        "GET",
        f"{RULES}/skus",
        SkuRulesQuery,
        rules.list_sku_rules,
        answer=Page[SkuRuleShown],
        docs=Docs("rules", "SKUs of one store with a rule of their own", (404, *AWAY)),
    ),
    route_given(
        "PUT",
        f"{RULES}/skus",
        SkuRule,
        rules.change_sku_rule,
        answer=SkuRuleShown,
        docs=Docs("rules", "What differs for one SKU in one store", (404, 409, *AWAY)),
    ),
    route_given(
        "GET",
        f"{RULES}/changes",
        RuleChangesQuery,
        rules.list_rule_changes,
        answer=Page[RuleChange],
        docs=Docs("rules", "Who changed which rule of a store, newest first", (404, *AWAY)),
    ),
    route_given(
        "GET",
        f"{V1}/differences",
        DifferencesQuery,
        rules.list_differences,
        answer=Page[Difference],
        docs=Docs("rules", "Differences that an operator is asked about, newest first", AWAY),
    ),
    route(
        "POST",
        f"{V1}/differences/{ID}/push",
        rules.push_difference,
        answer=DifferenceDecision,
        docs=Docs("rules", "Write Prokip's number over a difference", (404, 409, *AWAY)),
    ),
    route(
        "POST",
        f"{V1}/differences/{ID}/leave",
        rules.leave_difference,
        answer=DifferenceDecision,
        docs=Docs("rules", "Leave a difference; the item is not written", (404, 409, *AWAY)),
    ),
)

"""Plans of products: rows of the table."""

from typing import Final

from gateway.handlers import (
    product_plans,
)
from gateway.models.base import Page
from gateway.models.product_plans import (
    PlanStep,
    ProductChoice,
    ProductChosen,
    ProductPlan,
    ProductPlanItem,
    ProductPlanItemsQuery,
    ProductPlansQuery,
    ProductWishes,
)
from gateway.routes.shared import AWAY, ID, V1
from gateway.routing import Docs, route, route_given

PLAN: Final = f"{V1}/product-plans/{ID}"
ITEM: Final = "{item:[0-9]{1,18}}"
SAID: Final = (404, 409, *AWAY)

PRODUCT_PLAN_ROUTES: Final = (
    route_given(
        "POST",
        f"{V1}/connections/{ID}/product-plans",
        ProductWishes,
        product_plans.begin_product_plan,
        answer=ProductPlan,
        docs=Docs("product plans", "Plan what would be made or changed in a store; nothing is done yet", SAID),
        status=201,
        body_optional=True,
    ),
    route_given(
        "GET",
        f"{V1}/product-plans",
        ProductPlansQuery,
        product_plans.list_product_plans,
        answer=Page[ProductPlan],
        docs=Docs("product plans", "Plans, newest first", AWAY),
    ),
    route(
        "GET",
        PLAN,
        product_plans.show_product_plan,
        answer=ProductPlan,
        docs=Docs("product plans", "One plan and how far it is", (404, *AWAY)),
    ),
    route_given(
        "GET",
        f"{PLAN}/items",
        ProductPlanItemsQuery,
        product_plans.list_product_plan_items,
        answer=Page[ProductPlanItem],
        docs=Docs("product plans", "What is done with each product, why, and what became of it", (404, *AWAY)),
    ),
    route_given(
        "POST",
        f"{PLAN}/items/{ITEM}/choose",
        ProductChoice,
        product_plans.choose_for_product,
        answer=ProductChosen,
        docs=Docs("product plans", "Choose prices and an image for one product, before the plan starts", SAID),
    ),
    route(
        "POST",
        f"{PLAN}/start",
        product_plans.start_product_plan,
        answer=PlanStep,
        docs=Docs("product plans", "Carry a plan out, in the background", SAID),
    ),
    route(
        "POST",
        f"{PLAN}/stop",
        product_plans.stop_product_plan,
        answer=PlanStep,
        docs=Docs("product plans", "Stop it after the product under way", SAID),
    ),
    route(
        "POST",
        f"{PLAN}/undo",
        product_plans.undo_product_plan,
        answer=PlanStep,
        docs=Docs("product plans", "Set back what it did, where nobody has changed it since", SAID),
    ),
    route(
        "POST",
        f"{PLAN}/discard",
        product_plans.discard_product_plan,
        answer=PlanStep,
        docs=Docs("product plans", "Never carry it out", SAID),
    ),
)

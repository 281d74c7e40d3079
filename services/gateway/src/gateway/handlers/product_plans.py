"""Plans of products: made, shown, carried out, undone."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from aiohttp import web

from gateway.callers import CALLER
from gateway.handlers.connections import find_connection
from gateway.keys import UPSTREAM
from gateway.models.base import Page
from gateway.models.product_plans import (
    PlannedVariation,
    PlanStep,
    ProductChoice,
    ProductChosen,
    ProductPlan,
    ProductPlanItem,
    ProductPlanItemsQuery,
    ProductPlansQuery,
    ProductWishes,
)
from gateway.upstream import InternalApi, path_of


async def list_product_plans(request: web.Request, given: ProductPlansQuery) -> Page[ProductPlan]:
    query = {"connection": given.connection_id, "limit": given.limit, "before": given.cursor}
    told = await _store_push(request).get(request[CALLER].business_id, "/internal/product-plans", query)
    return Page[ProductPlan](items=[ProductPlan.model_validate(row) for row in told["items"]], next=_text(told["next"]))


async def begin_product_plan(request: web.Request, given: ProductWishes) -> ProductPlan:
    """The store is looked up first: another business's store does not exist here."""
    return await begin_plan(request, (await find_connection(request)).id, given)


async def begin_plan(request: web.Request, connection_id: int, given: ProductWishes) -> ProductPlan:
    path = path_of("internal", "stores", connection_id, "product-plans")
    wishes = given.model_dump(mode="json")
    return ProductPlan.model_validate(await _store_push(request).post(request[CALLER].business_id, path, wishes))


async def show_product_plan(request: web.Request) -> ProductPlan:
    return ProductPlan.model_validate(await _store_push(request).get(request[CALLER].business_id, _path(request)))


async def list_product_plan_items(request: web.Request, given: ProductPlanItemsQuery) -> Page[ProductPlanItem]:
    query = {
        "action": given.action,
        "state": given.state,
        "search": given.search,
        "limit": given.limit,
        "after": given.cursor,
    }
    told = await _store_push(request).get(request[CALLER].business_id, _path(request, "items"), query)
    return Page[ProductPlanItem](items=[_item_of(row) for row in told["items"]], next=_text(told["next"]))


async def choose_for_product(request: web.Request, given: ProductChoice) -> ProductChosen:
    path = _path(request, "items", request.match_info["item"], "choose")
    choice = given.model_dump(mode="json")
    told = await _store_push(request).post(request[CALLER].business_id, path, choice)
    return ProductChosen(message="Noted", action=told["action"], why=told["why"])


async def start_product_plan(request: web.Request) -> PlanStep:
    return await _say(request, "start", "It is carried out")


async def stop_product_plan(request: web.Request) -> PlanStep:
    return await _say(request, "stop", "It stops after the product under way")


async def undo_product_plan(request: web.Request) -> PlanStep:
    return await _say(request, "undo", "What it did is set back")


async def discard_product_plan(request: web.Request) -> PlanStep:
    return await _say(request, "discard", "It is not carried out")


async def _say(request: web.Request, step: str, message: str) -> PlanStep:
    told = await _store_push(request).post(request[CALLER].business_id, _path(request, step))
    return PlanStep(message=message, state=told["state"])


def _store_push(request: web.Request) -> InternalApi:
    return request.app[UPSTREAM].store_push


def _path(request: web.Request, *more: str) -> str:
    return path_of("internal", "product-plans", request.match_info["id"], *more)


def _item_of(row: Mapping[str, Any]) -> ProductPlanItem:
    product, chosen = row["product"], row["choice"]
    prices = chosen.get("prices", {})
    variations = [
        PlannedVariation(sku=one["sku"], name=one["name"], price=_price(prices.get(one["sku"], one["price"])))
        for one in product["variations"]
    ]
    image_url = chosen.get("image_url") or product["image_url"]
    return ProductPlanItem.model_validate({**row, "variations": variations, "image_url": image_url})


def _price(told: str | None) -> str | None:
    """In whole hundredths, as it is written."""
    return None if told is None else f"{Decimal(told):.2f}"


def _text(following: int | None) -> str | None:
    return None if following is None else str(following)

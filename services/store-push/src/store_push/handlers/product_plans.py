"""Plans of products: what would be made or changed in a store, carrying it out, and setting it back."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any, get_args

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from prokip_shared.web.internal import BUSINESS
from prokip_shared.web.problems import Problem, read_json, validate
from store_push.domain.product_plans import Action, Choice, ItemState, Step, Wishes
from store_push.handlers.api import ID_MAX, PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX, json_value
from store_push.handlers.matching import path_id
from store_push.planning import NoSuchPlan, PlanConflict, Planner
from store_push.storage.product_plans import ProductPlanStorage

BODY_BYTES_MAX = 262_144


class _Query(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: Annotated[int, Field(ge=1, le=PAGE_ROWS_MAX)] = PAGE_ROWS_DEFAULT


class PlansQuery(_Query):
    connection: Annotated[int, Field(ge=1, le=ID_MAX)] | None = None
    before: Annotated[int, Field(ge=1, le=ID_MAX)] | None = None


class PlanItemsQuery(_Query):
    action: Action | None = None
    state: ItemState | None = None
    search: Annotated[str, Field(max_length=255)] | None = None
    after: Annotated[int, Field(ge=0, le=ID_MAX)] = 0


class ProductPlanApi:
    def __init__(self, storage: ProductPlanStorage, planner: Planner) -> None:
        self._storage = storage
        self._planner = planner

    def routes(self) -> list[web.RouteDef]:
        plan = "/internal/product-plans/{plan}"
        steps: list[Step] = list(get_args(Step))
        return [
            web.get("/internal/product-plans", self.plans),
            web.post("/internal/stores/{connection}/product-plans", self.begin),
            web.get(plan, self.show),
            web.get(f"{plan}/items", self.items),
            web.post(f"{plan}/items/{{item}}/choose", self.choose),
            *(web.post(f"{plan}/{step}", self._saying(step)) for step in steps),
        ]

    async def plans(self, request: web.Request) -> web.Response:
        """Newest first; `next` is the `before` of the next page."""
        query = validate(PlansQuery, dict(request.query))
        rows = await self._storage.plans(
            request[BUSINESS],
            connection_id=query.connection,
            before_id=query.before,
            rows_max=query.limit + 1,
        )
        shown = rows[: query.limit]
        following = shown[-1]["id"] if len(rows) > query.limit else None
        return web.json_response({"items": [_told(row) for row in shown], "next": following})

    async def begin(self, request: web.Request) -> web.Response:
        """Nothing is done in the store but by `start`."""
        wishes = await read_json(request, Wishes, body_bytes_max=BODY_BYTES_MAX)
        try:
            plan_id = await self._planner.begin(request[BUSINESS], path_id(request, "connection"), wishes)
        except (NoSuchPlan, PlanConflict) as error:
            raise _problem_of(error) from error
        return web.json_response(await self._one(request, plan_id), status=201)

    async def show(self, request: web.Request) -> web.Response:
        return web.json_response(await self._one(request, path_id(request, "plan")))

    async def items(self, request: web.Request) -> web.Response:
        """In the order in which they are done; `next` is the `after` of the next page."""
        query = validate(PlanItemsQuery, dict(request.query))
        plan = await self._one(request, path_id(request, "plan"))
        rows = await self._storage.items(
            request[BUSINESS],
            plan["id"],
            after_id=query.after,
            action=query.action,
            state=query.state,
            search=query.search or None,
            rows_max=query.limit + 1,
        )
        shown = rows[: query.limit]
        following = shown[-1]["id"] if len(rows) > query.limit else None
        return web.json_response({"items": [_told(row) for row in shown], "next": following})

    async def choose(self, request: web.Request) -> web.Response:
        """Prices and an image for one product, or that it is left; while the plan is only shown."""
        choice = await read_json(request, Choice, body_bytes_max=BODY_BYTES_MAX)
        plan, item = path_id(request, "plan"), path_id(request, "item")
        try:
            planned = await self._planner.choose(request[BUSINESS], plan, item, choice)
        except (NoSuchPlan, PlanConflict) as error:
            raise _problem_of(error) from error
        return web.json_response({"action": planned.action, "why": planned.why})

    def _saying(self, step: Step) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        return partial(self._say, step)

    async def _say(self, step: Step, request: web.Request) -> web.StreamResponse:
        try:
            state = await self._planner.say(request[BUSINESS], path_id(request, "plan"), step)
        except (NoSuchPlan, PlanConflict) as error:
            raise _problem_of(error) from error
        return web.json_response({"state": state})

    async def _one(self, request: web.Request, plan_id: int) -> dict[str, Any]:
        rows = await self._storage.plans(request[BUSINESS], plan_id=plan_id)
        if not rows:
            raise _problem_of(NoSuchPlan())
        return _told(rows[0])


def _told(row: dict[str, Any]) -> dict[str, Any]:
    return {name: json_value(value) for name, value in row.items()}


def _problem_of(error: NoSuchPlan | PlanConflict) -> Problem:
    if isinstance(error, PlanConflict):
        return Problem(409, "Conflict", code=error.code, detail=error.words)
    return Problem(404, "Not found", code="plan_not_found", detail="There is no such plan, or no such store.")

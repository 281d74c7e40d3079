"""What a store is to show for the first time: the plan, and what an operator says to it."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Final, get_args

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from prokip_shared.database import Pool
from prokip_shared.web.internal import BUSINESS
from prokip_shared.web.problems import Problem, validate
from store_push.domain.first_quantities import Decision, PlanState
from store_push.first_quantities import FirstQuantities, NoSuchPlan, NotInThisState
from store_push.handlers.api import PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX, json_row
from store_push.handlers.matching import path_id
from store_push.storage.first_quantities import FirstQuantityStorage

STATE_WORDS: Final[dict[PlanState, str]] = {
    "waiting": "it is not complete yet",
    "held": "it waits for a decision",
    "refused": "it was refused",
    "released": "it was released",
    "passed": "it went by itself",
}


class ChangesQuery(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    after: Annotated[str, Field(max_length=255)] = ""
    limit: Annotated[int, Field(ge=1, le=PAGE_ROWS_MAX)] = PAGE_ROWS_DEFAULT


class FirstQuantityApi:
    def __init__(self, pool: Pool, storage: FirstQuantityStorage, plans: FirstQuantities) -> None:
        self._pool = pool
        self._storage = storage
        self._plans = plans

    def routes(self) -> list[web.RouteDef]:
        store = "/internal/stores/{connection}/first-quantities"
        decisions: list[Decision] = list(get_args(Decision))
        return [
            web.get("/internal/first-quantities", self.held),
            web.get(store, self.show),
            web.get(f"{store}/changes", self.changes),
            *(web.post(f"{store}/{decision}", self._deciding(decision)) for decision in decisions),
        ]

    async def held(self, request: web.Request) -> web.Response:
        """Stores that wait for a decision."""
        rows = await self._storage.held(self._pool, request[BUSINESS])
        return web.json_response({"items": [json_row(row) for row in rows]})

    async def show(self, request: web.Request) -> web.Response:
        row = await self._storage.of_store(self._pool, request[BUSINESS], path_id(request, "connection"))
        if row is None:
            raise _no_such_plan()
        return web.json_response(json_row(row))

    async def changes(self, request: web.Request) -> web.Response:
        """In the order of SKUs; `next` is the `after` of the next page."""
        query = validate(ChangesQuery, dict(request.query))
        rows = await self._storage.changes(
            self._pool,
            request[BUSINESS],
            path_id(request, "connection"),
            after_sku=query.after,
            rows_max=query.limit + 1,
        )
        shown = rows[: query.limit]
        following = shown[-1]["sku"] if len(rows) > query.limit else None
        return web.json_response({"items": [json_row(row) for row in shown], "next": following})

    def _deciding(self, decision: Decision) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        return partial(self._decide, decision)

    async def _decide(self, decision: Decision, request: web.Request) -> web.StreamResponse:
        try:
            state = await self._plans.decide(request[BUSINESS], path_id(request, "connection"), decision)
        except NoSuchPlan as error:
            raise _no_such_plan() from error
        except NotInThisState as error:
            words = STATE_WORDS[error.state]
            raise Problem(
                409, "Conflict", code="plan_not_in_this_state", detail=f"Nothing to decide: {words}."
            ) from error
        return web.json_response({"state": state})


def _no_such_plan() -> Problem:
    return Problem(404, "Not found", code="plan_not_found", detail="The business has no such store with a plan.")

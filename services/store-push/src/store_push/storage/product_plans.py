"""Plans of products: what is to be made or changed in a store, and what became of it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from prokip_shared.database import Connection, Pool, load_queries
from prokip_shared.platforms.store import CatalogueItem
from store_push.domain.product_plans import (
    Choice,
    ItemState,
    PlannedProduct,
    PlanState,
    ProkipProduct,
    Wishes,
)
from store_push.storage.catalogue import catalogue_item


@dataclass(frozen=True, slots=True)
class PlanClaim:
    """A plan that goes on, held by a row lock."""

    plan_id: int
    business_id: int
    connection_id: int
    state: PlanState
    wishes: Wishes
    page: int
    consecutive_failures: int


@dataclass(frozen=True, slots=True)
class PlanItem:
    item_id: int
    product: ProkipProduct
    choice: Choice
    planned: PlannedProduct
    product_ref: str | None


class ProductPlanStorage:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = load_queries("store_push", "product_plans.sql")

    async def begin(self, connection: Connection, business_id: int, connection_id: int, wishes: Wishes) -> int | None:
        """None: the business has no such store, or it has no products of its own. Raises UniqueViolationError where
        the store has an open plan.
        """
        plan_id: int | None = await connection.fetchval(
            self._queries["begin_plan"], business_id, connection_id, wishes.model_dump_json()
        )
        await connection.execute(self._queries["wake_plans"])
        return plan_id

    async def next_in_s(self) -> float | None:
        wait_s: float | None = await self._pool.fetchval(self._queries["next_plan_in_s"])
        return wait_s

    async def claim(self, connection: Connection) -> PlanClaim | None:
        row = await connection.fetchrow(self._queries["claim_plan"])
        if row is None:
            return None
        return PlanClaim(
            plan_id=row["id"],
            business_id=row["business_id"],
            connection_id=row["connection_id"],
            state=row["state"],
            wishes=Wishes.model_validate_json(row["wishes"]),
            page=row["page"],
            consecutive_failures=row["consecutive_failures"],
        )

    async def go_on(self, connection: Connection, plan_id: int) -> None:
        await connection.execute(self._queries["go_on"], plan_id)

    async def page_read(
        self, connection: Connection, plan_id: int, *, next_page: int | None, products: int, total: int | None
    ) -> None:
        await connection.execute(self._queries["page_read"], plan_id, next_page, products, total)

    async def failed(self, connection: Connection, plan_id: int, *, error: str, next_in_s: float) -> None:
        await connection.execute(self._queries["plan_failed"], plan_id, next_in_s, error)

    async def set_state(self, connection: Connection, plan_id: int, state: PlanState) -> None:
        await connection.execute(self._queries["set_plan_state"], plan_id, state)
        await connection.execute(self._queries["wake_plans"])

    async def lock(self, connection: Connection, business_id: int, plan_id: int) -> asyncpg.Record | None:
        """State, connection_id and wishes."""
        return await connection.fetchrow(self._queries["lock_plan"], business_id, plan_id)

    async def items_with_skus(
        self, connection: Connection, connection_id: int, skus: Sequence[str]
    ) -> list[CatalogueItem]:
        rows = await connection.fetch(self._queries["items_with_skus"], connection_id, skus)
        return [catalogue_item(row) for row in rows]

    async def save_items(
        self, connection: Connection, plan_id: int, planned: Sequence[tuple[ProkipProduct, Choice, PlannedProduct]]
    ) -> None:
        rows = [
            (
                product.product_id,
                product.name,
                product.model_dump_json(),
                choice.model_dump_json(),
                one.action,
                one.why,
                one.model_dump_json(),
                state_of(one),
                one.product_ref,
            )
            for product, choice, one in planned
        ]
        if rows:
            columns = map(list, zip(*rows, strict=True))
            await connection.execute(self._queries["save_plan_items"], plan_id, *columns)

    async def next_item(self, connection: Connection, plan_id: int, state: ItemState) -> PlanItem | None:
        row = await connection.fetchrow(self._queries["next_plan_item"], plan_id, state)
        return None if row is None else _plan_item(row)

    async def item(self, connection: Connection, plan_id: int, item_id: int) -> PlanItem | None:
        row = await connection.fetchrow(self._queries["plan_item"], plan_id, item_id)
        return None if row is None else _plan_item(row)

    async def settle(
        self, connection: Connection, item_id: int, state: ItemState, *, product_ref: str | None, result: str
    ) -> None:
        await connection.execute(self._queries["settle_plan_item"], item_id, state, product_ref, result)

    async def replan(self, connection: Connection, item_id: int, choice: Choice, planned: PlannedProduct) -> None:
        await connection.execute(
            self._queries["replan_item"],
            item_id,
            choice.model_dump_json(),
            planned.action,
            planned.why,
            planned.model_dump_json(),
            state_of(planned),
            planned.product_ref,
        )

    async def plans(
        self,
        business_id: int,
        *,
        connection_id: int | None = None,
        plan_id: int | None = None,
        before_id: int | None = None,
        rows_max: int = 1,
    ) -> list[dict[str, Any]]:
        rows = await self._pool.fetch(self._queries["plans"], business_id, connection_id, plan_id, before_id, rows_max)
        return [_read(row, "wishes", "counts") for row in rows]

    async def items(
        self,
        business_id: int,
        plan_id: int,
        *,
        after_id: int,
        action: str | None,
        state: str | None,
        search: str | None,
        rows_max: int,
    ) -> list[dict[str, Any]]:
        rows = await self._pool.fetch(
            self._queries["plan_items"], business_id, plan_id, after_id, action, state, search, rows_max
        )
        return [_read(row, "product", "choice", "planned") for row in rows]


def state_of(planned: PlannedProduct) -> ItemState:
    return "left" if planned.action == "leave" else "planned"


def _plan_item(row: asyncpg.Record) -> PlanItem:
    return PlanItem(
        item_id=row["id"],
        product=ProkipProduct.model_validate_json(row["product"]),
        choice=Choice.model_validate_json(row["choice"]),
        planned=PlannedProduct.model_validate_json(row["planned"]),
        product_ref=row["product_ref"],
    )


def _read(row: asyncpg.Record, *json_columns: str) -> dict[str, Any]:
    return {name: json.loads(value) if name in json_columns else value for name, value in row.items()}

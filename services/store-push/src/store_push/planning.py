"""Plans of products: read and compared page by page, shown, then carried out product by product, and undone if wanted.

A page and a product are a transaction each, so a crash repeats one at most; a product that was made is found again by
what we wrote on it, so repeating makes none twice.
"""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import asyncpg

from prokip_shared.database import Connection, Pool
from prokip_shared.logs import Log
from prokip_shared.platforms.errors import Refused, StoreError, StoreUnavailable
from prokip_shared.platforms.store import CatalogueItem
from prokip_shared.platforms.store_products import ProductStore
from store_push.domain.health import pause_s
from store_push.domain.product_plans import (
    STEPS,
    Choice,
    ItemState,
    PlannedProduct,
    PlanState,
    PriceChange,
    ProkipProduct,
    Step,
    Wishes,
    choice_of,
    is_wanted,
    new_product,
    plan_product,
)
from store_push.poller import Poller
from store_push.ports import StoreDirectory
from store_push.storage.connections import ConnectionStorage
from store_push.storage.product_plans import PlanClaim, PlanItem, ProductPlanStorage

log = Log("planning")


class NoSuchPlan(Exception):
    """The business has none with this id, or no such store."""


class PlanConflict(Exception):
    """The words are for the operator."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code
        self.words = words


@dataclass(frozen=True, slots=True)
class _Result:
    state: ItemState
    words: str
    product_ref: str | None = None


@dataclass(frozen=True, slots=True)
class Planner:
    pool: Pool
    """For claims, which are held as long as a page or a product takes."""
    storage: ProductPlanStorage
    connections: ConnectionStorage
    stores: StoreDirectory
    poller: Poller

    async def next_in_s(self) -> float | None:
        return await self.storage.next_in_s()

    async def step(self) -> bool:
        """One page or one product of a plan that goes on; False when none does."""
        async with self.pool.acquire() as connection, connection.transaction():
            claim = await self.storage.claim(connection)
            if claim is None:
                return False
            try:
                if claim.state == "reading":
                    await self._read_page(connection, claim)
                else:
                    await self._work(connection, claim)
            except StoreError as error:
                await self._note_failure(connection, claim, error)
        return True

    async def _read_page(self, connection: Connection, claim: PlanClaim) -> None:
        page = await self.poller.products(claim.business_id, claim.page)
        wanted = [product for product in page.products if is_wanted(product, claim.wishes)]
        found = await self._found(connection, claim.connection_id, wanted)
        planned = [
            (product, choice, plan_product(product, found[product.product_id], claim.wishes, choice))
            for product in wanted
            for choice in (choice_of(product, claim.wishes),)
        ]
        await self.storage.save_items(connection, claim.plan_id, planned)
        await self.storage.page_read(
            connection, claim.plan_id, next_page=page.next, products=len(page.products), total=page.total
        )
        if page.next is None:
            log.info("plan.ready", plan_id=claim.plan_id, connection_id=claim.connection_id)

    async def _found(
        self, connection: Connection, connection_id: int, products: Sequence[ProkipProduct]
    ) -> dict[int, list[CatalogueItem]]:
        """What the store's catalogue has of each product."""
        owner = {one.sku: product.product_id for product in products for one in product.variations if one.sku}
        items = await self.storage.items_with_skus(connection, connection_id, sorted(owner))
        found: defaultdict[int, list[CatalogueItem]] = defaultdict(list)
        for item in items:
            found[owner[item.sku or ""]].append(item)
        return found

    async def _work(self, connection: Connection, claim: PlanClaim) -> None:
        undoing = claim.state == "undoing"
        item = await self.storage.next_item(connection, claim.plan_id, "done" if undoing else "planned")
        store = self.stores.products_of(claim.connection_id)
        if store is None:
            raise StoreUnavailable("the store is not in the directory of connections just now")
        if item is None:
            await self._end(connection, claim, "undone" if undoing else "done")
            return
        try:
            result = await (_undo(store, item) if undoing else _do(store, item, claim.wishes))
        except Refused as error:
            result = _Result("kept" if undoing else "failed", str(error))
        await self.storage.settle(
            connection, item.item_id, result.state, product_ref=result.product_ref, result=result.words
        )
        await self.storage.go_on(connection, claim.plan_id)

    async def _end(self, connection: Connection, claim: PlanClaim, state: PlanState) -> None:
        """What was made is found by the next reading of the catalogue, and gets its quantities then."""
        await self.storage.set_state(connection, claim.plan_id, state)
        await self.connections.start_catalogue_reads(connection, [claim.connection_id])
        log.info("plan.ended", plan_id=claim.plan_id, connection_id=claim.connection_id, state=state)

    async def _note_failure(self, connection: Connection, claim: PlanClaim, error: StoreError) -> None:
        wait_s = pause_s(error, claim.consecutive_failures + 1, fraction=random.random())  # noqa: S311  # spreads load
        await self.storage.failed(connection, claim.plan_id, error=str(error), next_in_s=wait_s)
        log.warning("plan.waits", plan_id=claim.plan_id, reason=str(error), next_in_s=round(wait_s, 1))

    # what operators say

    async def begin(self, business_id: int, connection_id: int, wishes: Wishes) -> int:
        """Raises NoSuchPlan where the store has no products, PlanConflict where it has an open plan."""
        try:
            async with self.pool.acquire() as connection, connection.transaction():
                plan_id = await self.storage.begin(connection, business_id, connection_id, wishes)
        except asyncpg.UniqueViolationError:
            raise PlanConflict("plan_open", "This store has an open plan; carry it out or discard it first.") from None
        if plan_id is None:
            raise NoSuchPlan
        return plan_id

    async def say(self, business_id: int, plan_id: int, step: Step) -> PlanState:
        """Raises NoSuchPlan or PlanConflict."""
        fitting, following = STEPS[step]
        try:
            async with self.pool.acquire() as connection, connection.transaction():
                row = await self.storage.lock(connection, business_id, plan_id)
                if row is None:
                    raise NoSuchPlan
                if row["state"] not in fitting:
                    raise PlanConflict("plan_not_in_this_state", f"The plan is {row['state']}.")
                await self.storage.set_state(connection, plan_id, following)
        except asyncpg.UniqueViolationError:
            raise PlanConflict("plan_open", "This store has another open plan; end that one first.") from None
        return following

    async def choose(self, business_id: int, plan_id: int, item_id: int, choice: Choice) -> PlannedProduct:
        """Only while the plan is only shown. Raises NoSuchPlan or PlanConflict."""
        async with self.pool.acquire() as connection, connection.transaction():
            row = await self.storage.lock(connection, business_id, plan_id)
            item = None if row is None else await self.storage.item(connection, plan_id, item_id)
            if row is None or item is None:
                raise NoSuchPlan
            if row["state"] != "ready":
                raise PlanConflict("plan_not_in_this_state", f"The plan is {row['state']}.")
            unknown = choice.prices.keys() - {one.sku for one in item.product.variations}
            if unknown:
                raise PlanConflict("unknown_sku", f"The product has no SKU {min(unknown)}.")
            found = await self._found(connection, row["connection_id"], [item.product])
            wishes = Wishes.model_validate_json(row["wishes"])
            planned = plan_product(item.product, found[item.product.product_id], wishes, choice)
            await self.storage.replan(connection, item_id, choice, planned)
        return planned


async def _do(store: ProductStore, item: PlanItem, wishes: Wishes) -> _Result:
    """Raises StoreError; Refused ends the item, the others let it wait."""
    if item.planned.action == "create":
        return await _create(store, item, wishes)
    ref = item.planned.product_ref or ""
    changes = item.planned.changes
    if changes:
        shown = await store.prices(ref, [change.key for change in changes])
        moved = [one for one in changes if shown.get(one.item_ref) not in {one.before, one.after}]
        if moved:
            return _Result("failed", f"{moved[0].sku} costs {_shown(shown, moved[0])} by now; make a new plan")
        await store.write_prices(ref, [(change.key, change.after) for change in changes])
    if item.planned.image_url is not None:
        await store.add_image(ref, item.planned.image_url)
    return _Result("done", "changed", ref)


async def _create(store: ProductStore, item: PlanItem, wishes: Wishes) -> _Result:
    """The store is asked first: its catalogue may have changed since the plan, or we may have died after making it."""
    product = new_product(item.product, item.planned, wishes, item.choice)
    found = await store.find_variants([variant.sku for variant in product.variants])
    others = [one for one in found if one.made_for != product.made_for]
    if others:
        return _Result("failed", f"the store has {others[0].sku} by now, in its product {others[0].product_ref}")
    ref = await store.create_product(product)
    return _Result("done", "made" if not found else "was made already", ref)


async def _undo(store: ProductStore, item: PlanItem) -> _Result:
    """What was made becomes a draft; prices are set back unless somebody has changed them since."""
    ref = item.product_ref or ""
    if item.planned.action == "create":
        drafted = await store.withdraw(ref)
        return _Result("undone", "made a draft") if drafted else _Result("kept", "it is gone from the store")
    changes = item.planned.changes
    shown = await store.prices(ref, [change.key for change in changes]) if changes else {}
    moved = [one for one in changes if shown.get(one.item_ref) not in {one.before, one.after}]
    if moved:
        return _Result("kept", f"{moved[0].sku} was changed since, to {_shown(shown, moved[0])}")
    await store.write_prices(ref, [(change.key, change.before) for change in changes])
    left = "; the image stays" if item.planned.image_url is not None else ""
    return _Result("undone", f"set back{left}")


def _shown(shown: Mapping[str, Decimal | None], change: PriceChange) -> str:
    if change.item_ref not in shown:
        return "nothing (it is gone)"
    price = shown[change.item_ref]
    return "no price" if price is None else str(price)

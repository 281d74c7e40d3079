"""One day of an operator with both kinds of store: connects them, sees what matches what, makes products by a plan,
sells, loses a webhook, has a quantity edited in a store; and at its end every number on every side is explained.
"""

from decimal import Decimal
from typing import Any, Final

import pytest

from prokip_onebox.merchant import connect_world
from prokip_sandbox import Disturbance, Good, WorldSpec
from prokip_sandbox.world import World
from tests.support.eventually import eventually
from tests.support.market import Market, open_market

SPEC: Final = WorldSpec(woocommerce_stores=1, shopify_shops=1, goods=6, simple_only=True)
ENVIRON: Final = {
    "CONNECTOR_REQUEST_INTERVAL_S": "0",
    "SETTLE_S": "0.3",
    "DRIFT_AFTER_S": "1.5",
    "SWEEP_INTERVAL_S": "2",
    "SWEEP_PAUSE_S_MIN": "0.2",
}
NEW_IN_PROKIP: Final = [
    Good("SHIRT-S", "Shirt - S", 1000, 8, "variation", "SHIRT", "S"),
    Good("SHIRT-M", "Shirt - M", 1250, 9, "variation", "SHIRT", "M"),
    Good("MUG", "Mug", 500, 7),
]
ONLY_IN_STORES: Final = Good("GIFT-CARD", "Gift card", 2000, 3)


class Day:
    """The operator, by the public API alone."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.world = market.world
        self.woo = market.world.woocommerce[0]
        self.shop = next(iter(market.world.shopify.shops.values()))

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        return await self.market.house.operator.call(method, path, body)

    async def stores(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.call("GET", "/api/v1/connections"))["items"]
        return found

    async def shown(self, sku: str, quantity: int) -> None:
        await self.market.expect(sku, quantity)

    async def plan_is(self, plan_id: int, state: str) -> dict[str, Any]:
        async def reached() -> dict[str, Any]:
            plan: dict[str, Any] = await self.call("GET", f"/api/v1/product-plans/{plan_id}")
            assert plan["state"] == state, plan
            return plan

        return await eventually(reached, what=f"plan is {state}")


@pytest.fixture
def world() -> World:
    """Prokip holds goods that the stores do not have, and each store one that Prokip does not have."""
    world = World(SPEC)
    place = next(iter(world.prokip.location_numbers.values()))
    world.prokip.catalogue.seed(NEW_IN_PROKIP, [place])
    world.woocommerce[0].seed_goods([ONLY_IN_STORES])
    world.shopify.seed_goods([ONLY_IN_STORES])
    return world


async def test_an_operator_s_day_with_both_kinds_of_store(database_url: str, world: World) -> None:
    async with open_market(database_url, "postgres", SPEC, connect=False, world=world, settings=ENVIRON) as market:
        day = Day(market)
        await connect_world(market.house.operator, world.connections(), market.told.append, dialect="connector")
        await day.call("POST", "/sync/manual")
        await _sees_what_matches(day)
        await _makes_the_missing_products(day)
        await _sells(day)
        await _loses_a_webhook(day)
        await _has_a_quantity_edited(day)
        await _every_number_is_explained(day)


async def _sees_what_matches(day: Day) -> None:
    for store in await day.stores():
        path = f"/api/v1/connections/{store['id']}/catalogue"

        async def complete(path: str = path) -> bool:
            found = await day.call("GET", path)
            assert found["counts"] == {"matched": 6, "only_in_store": 1, "only_in_prokip": 3}, found
            return bool(found["reading"]["state"] == "read")

        await eventually(complete, what="the match report")
        (missing, *_) = (await day.call("GET", f"{path}/items?kind=only_in_store"))["items"]
        assert missing["why"] == "Not written to: Prokip has no such SKU at this location."
        plan = await day.call("GET", f"/api/v1/connections/{store['id']}/first-quantities")
        assert plan["state"] in {"waiting", "passed"}


async def _makes_the_missing_products(day: Day) -> None:
    for store in await day.stores():
        products_before = len(day.woo.state.products) + len(day.shop.state.products)
        begun = await day.call("POST", f"/api/v1/connections/{store['id']}/product-plans", {"publish": True})
        ready = await day.plan_is(begun["id"], "ready")
        assert ready["counts"] == {"create": 2, "leave": 6}
        assert len(day.woo.state.products) + len(day.shop.state.products) == products_before
        await day.call("POST", f"/api/v1/product-plans/{begun['id']}/start")
        done = await day.plan_is(begun["id"], "done")
        assert done["counts"] == {"done": 2, "leave": 6}
    for sku, quantity in (("SHIRT-S", 8), ("SHIRT-M", 9), ("MUG", 7)):
        await day.shown(sku, quantity)


async def _sells(day: Day) -> None:
    day.woo.buy({"SHIRT-S": 2})
    day.shop.buy({"SHIRT-S": 1, "MUG": 3})
    await day.shown("SHIRT-S", 5)
    await day.shown("MUG", 4)


async def _loses_a_webhook(day: Day) -> None:
    courier = day.woo.courier
    courier.disturb(Disturbance("drop", match="order|product", times=None))
    day.woo.buy({"MUG": 1})
    await day.shown("MUG", 3)  # a sweep found the order
    courier.disturbances.clear()


async def _has_a_quantity_edited(day: Day) -> None:
    day.shop.set_stock("SHIRT-M", 50)

    async def told() -> bool:
        recent = (await day.call("GET", "/api/v1/events/recent?limit=200"))["items"]
        return any(event["kind"] == "drift.found" and event["sku"] == "SHIRT-M" for event in recent)

    await eventually(told, what="the edit is told as drift")
    await day.shown("SHIRT-M", 9)  # Prokip is the truth


async def _every_number_is_explained(day: Day) -> None:
    rows = (await day.call("GET", "/api/v1/stock?limit=200"))["items"]
    assert {row["sku"] for row in rows if row["available"] is not None} >= {"SHIRT-S", "SHIRT-M", "MUG", "SKU-0001"}
    for row in rows:
        sku = row["sku"]
        explained = await day.call("GET", f"/api/v1/stock/explanation?sku={sku}")
        assert explained["addsUp"], explained
        if row["available"] is None:
            continue
        assert Decimal(row["available"]) == day.world.prokip.stock(sku)
        listings = (await day.call("GET", f"/api/v1/stock/listings?sku={sku}"))["items"]
        assert {one["sentence"] for one in listings} == {f"It should show {row['available']}, and does."}
        assert len(listings) == 2
    for store in await day.stores():
        items = (await day.call("GET", f"/api/v1/connections/{store['id']}/catalogue/items?limit=200"))["items"]
        assert {one["kind"] for one in items} == {"matched", "only_in_store"}
        assert all(one["why"] for one in items)

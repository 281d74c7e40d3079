"""An operator looks at first quantities, and makes products by a plan that is shown before anything is done."""

import pytest
from playwright.async_api import Browser, expect

from prokip_sandbox import Good
from prokip_sandbox.world import World, WorldSpec
from tests.browser.person import operator_at
from tests.support.eventually import eventually
from tests.support.market import open_market

pytestmark = pytest.mark.browser

SPEC = WorldSpec(woocommerce_stores=1, shopify_shops=0, goods=25, simple_only=True)


async def test_first_quantities_are_released_and_a_missing_product_is_made_and_set_back(
    chromium: Browser, database_url: str
) -> None:
    world = World(SPEC)
    (woo,) = world.woocommerce
    for product in woo.state.products.values():
        product.stock_quantity = 1
    place = next(iter(world.prokip.location_numbers.values()))
    world.prokip.catalogue.seed([Good("MUG", "Mug", 500, 7)], [place])
    async with (
        open_market(
            database_url, "postgres", SPEC, world=world, dialect="connector", CONNECTOR_REQUEST_INTERVAL_S="0"
        ) as market,
        operator_at(chromium, market) as person,
    ):
        store = (await market.house.operator.call("GET", "/api/v1/connections"))["items"][0]
        await person.open("/dashboard/stores")
        await person.follow("Look at its first quantities")
        await person.sees("25 of 25 listings would change")
        await expect(person.row("SKU-0001")).to_contain_text("100")
        await person.press("Write them")
        await person.press("Change 25 listings")

        async def written() -> bool:
            return all(woo.stock(sku) == 100 for sku in market.world.skus)

        await eventually(written, what="first quantities written")

        await person.open(f"/dashboard/stores/{store['id']}/products")
        await person.press("Make a plan")
        await person.sees_heading("Plan")
        await person.sees("1 to make", within=person.page.locator("main"))
        row = person.row("Mug")
        await expect(row).to_contain_text("made as a draft")
        await person.press("Choose", within=row)
        await person.fill({"Price of MUG": "6.50", "Address of an image": "https://img.example.test/mug.png"})
        await person.press("Use these")
        await expect(row).to_contain_text("6.50")
        await person.press("Start")
        await person.press("Make or change 1 product")
        await person.sees("1 done")
        (made,) = [product for product in woo.state.products.values() if product.sku == "MUG"]
        assert (made.price_cents, made.status, made.images) == (650, "draft", ["https://img.example.test/mug.png"])

        await person.press("Set back")
        await person.press("Set 1 product back")
        await person.sees("1 set back")

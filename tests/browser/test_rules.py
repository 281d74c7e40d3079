"""A store that shows something else than there is, because the operator wants it so."""

import pytest
from playwright.async_api import Browser, expect

from prokip_sandbox.world import WorldSpec
from tests.browser.person import operator_at
from tests.support.eventually import eventually
from tests.support.market import open_market

pytestmark = pytest.mark.browser

SPEC = WorldSpec(woocommerce_stores=1, shopify_shops=0, goods=2, simple_only=True)


async def test_units_are_kept_back_and_a_sku_is_left_alone(chromium: Browser, database_url: str) -> None:
    async with open_market(database_url, "postgres", SPEC) as market:
        sku, other = market.world.skus
        page = await market.house.operator.call("GET", "/api/v1/connections")
        store = page["items"][0]
        refused = frozenset({(422, f"/api/v1/connections/{store['id']}/rules")})
        async with operator_at(chromium, market, refused=refused) as person:
            await person.open(f"/dashboard/stores/{store['id']}/rules")
            await person.sees("Nothing waits for a decision.")
            await person.fill({"Kept back (safety buffer)": "-3"})
            await person.press("Save the rule")
            await person.sees("greater than or equal to 0")
            await person.fill({"Kept back (safety buffer)": "3"})
            await person.press("Save the rule")
            await expect(person.row("the whole store")).to_contain_text("kept back: 0 → 3")

            async def shown() -> bool:
                return market.shown(sku) == [97]

            await eventually(shown, what="the store shows three fewer")
            assert await market.available(sku) == 100

            await person.fill({"SKU": other})
            await person.page.get_by_label("Writing", exact=True).select_option("never")
            await person.press("Save for this SKU")
            await expect(person.row(other).first).to_contain_text("never")

            async def left_alone() -> bool:
                told = await market.house.operator.call("GET", f"/api/v1/stock/listings?sku={other}")
                return bool(told["items"][0]["target"] is None)

            await eventually(left_alone, what="the SKU is left alone")
            await person.open(f"/dashboard/stock/{store['locationId']}/{sku}")
            await person.sees("100 less 3 kept back = 97")
            await person.sees("keeps 3 back")

"""Finding a SKU and understanding its number."""

import re

import pytest
from playwright.async_api import Browser, Locator, expect

from prokip_sandbox.world import WorldSpec
from tests.browser.person import operator_at
from tests.support.market import open_market

pytestmark = pytest.mark.browser

SPEC = WorldSpec(woocommerce_stores=1, shopify_shops=1, goods=12, simple_only=True)
MARKUP_SKU = "<img src=x onerror=\"document.title='broken in'\">"


async def numbers(rows: Locator) -> list[int]:
    texts = await rows.locator("td.number").all_inner_texts()
    return [int(text.replace("\N{MINUS SIGN}", "-").replace("\u202f", "")) for text in texts]


async def test_a_row_opens_an_explanation_that_adds_up_and_every_movement(chromium: Browser, database_url: str) -> None:
    async with open_market(database_url, "postgres", SPEC) as market, operator_at(chromium, market) as person:
        sku = market.world.skus[0]
        market.world.woocommerce[0].buy({sku: 2})
        await market.expect(sku, 98)
        await person.open("/dashboard/stock")
        await person.page.get_by_label("SKU", exact=True).fill(sku.lower())
        await person.page.wait_for_url(re.compile(r"search="))
        await person.row(sku).click()
        await person.sees_heading(sku)

        sum_table = person.page.get_by_role("table", name="How the quantity comes about")
        prokip, recorded, taken = await numbers(sum_table.locator("tbody tr:not(.part)"))
        parts = await numbers(sum_table.locator("tbody tr.part"))
        (available,) = await numbers(sum_table.locator("tfoot tr"))
        assert prokip + recorded - taken == available == 98
        assert sum(parts) == taken == 2

        movements = person.page.get_by_role("table", name="Movements")
        newest = movements.locator("tbody tr").first
        await expect(newest).to_contain_text("Sold")
        assert await numbers(newest) == [-2, 98]
        pushes = person.page.get_by_role("table", name="Writes to the stores")
        await expect(pushes.locator("tbody tr").filter(has_text="written").first).to_be_visible()


async def test_filters_live_in_the_address_and_survive_a_reload(chromium: Browser, database_url: str) -> None:
    async with open_market(database_url, "postgres", SPEC) as market, operator_at(chromium, market) as person:
        first, second = market.world.skus[:2]
        await person.open("/dashboard/stock")
        await person.page.get_by_label("SKU", exact=True).fill(first)
        await expect(person.row(second)).to_have_count(0)
        await person.page.reload()
        await person.ready()
        await expect(person.page.get_by_label("SKU", exact=True)).to_have_value(first)
        await expect(person.row(second)).to_have_count(0)
        await person.page.get_by_label("State").select_option("oversold")
        await person.sees("No SKU fits")
        assert "state=oversold" in person.path()


async def test_a_sku_that_looks_like_markup_is_shown_as_text(chromium: Browser, database_url: str) -> None:
    async with open_market(database_url, "postgres", SPEC) as market, operator_at(chromium, market) as person:
        market.world.prokip.set_stock(MARKUP_SKU, 7)
        await market.house.operator.call("POST", "/sync/manual")
        await person.open("/dashboard/stock?search=onerror")
        await expect(person.row(MARKUP_SKU)).to_be_visible()
        await person.row(MARKUP_SKU).click()
        await person.sees_heading(MARKUP_SKU)
        assert await person.page.locator("main img").count() == 0
        assert "broken in" not in (await person.page.title()).split("·")[1]

"""Watching sales travel."""

import pytest
from playwright.async_api import Browser, expect

from prokip_sandbox.world import WorldSpec
from tests.browser.person import operator_at, units_of
from tests.support.market import open_market

pytestmark = pytest.mark.browser

SPEC = WorldSpec(woocommerce_stores=1, shopify_shops=1, goods=3, simple_only=True)


async def test_the_feed_shows_a_sale_and_the_writes_that_follow(chromium: Browser, database_url: str) -> None:
    async with open_market(database_url, "postgres", SPEC) as market, operator_at(chromium, market) as person:
        sku = market.world.skus[0]
        await person.open("/dashboard/live")
        await expect(person.page.locator(".live-state")).to_have_text("Live")
        market.world.woocommerce[0].buy({sku: 3})
        feed = person.page.get_by_role("log")
        await expect(feed.locator(".event.sale").filter(has_text=units_of(3, sku))).to_be_visible()
        await expect(feed.locator(".event.push").filter(has_text=f"{sku} = 97").first).to_be_visible()


async def test_the_feed_goes_on_where_it_broke_off(chromium: Browser, database_url: str) -> None:
    async with open_market(database_url, "postgres", SPEC) as market, operator_at(chromium, market) as person:
        sku = market.world.skus[0]
        await person.open("/dashboard/live")
        await expect(person.page.locator(".live-state")).to_have_text("Live")
        market.world.woocommerce[0].buy({sku: 1})
        feed = person.page.get_by_role("log")
        await expect(feed.locator(".event").filter(has_text=units_of(1, sku)).first).to_be_visible()
        await person.page.context.set_offline(True)
        await person.page.evaluate("dispatchEvent(new Event('offline'))")
        market.world.woocommerce[0].buy({sku: 4})
        await market.expect(sku, 95)
        await person.page.context.set_offline(False)
        await expect(feed.locator(".event").filter(has_text=units_of(4, sku)).first).to_be_visible()


async def test_a_held_feed_waits_and_counts_what_is_new(chromium: Browser, database_url: str) -> None:
    async with open_market(database_url, "postgres", SPEC) as market, operator_at(chromium, market) as person:
        sku = market.world.skus[0]
        await person.open("/dashboard/live")
        await expect(person.page.locator(".live-state")).to_have_text("Live")
        await person.press("Hold")
        market.world.woocommerce[0].buy({sku: 5})
        button = person.page.get_by_role("button", name="Show")
        await expect(button).to_be_visible()
        feed = person.page.get_by_role("log")
        await expect(feed.locator(".event").filter(has_text=units_of(5, sku))).to_have_count(0)
        await button.click()
        await expect(feed.locator(".event").filter(has_text=units_of(5, sku)).first).to_be_visible()


async def test_an_open_page_follows_a_sale_without_a_reload(chromium: Browser, database_url: str) -> None:
    async with open_market(database_url, "postgres", SPEC) as market, operator_at(chromium, market) as person:
        sku = market.world.skus[0]
        await person.open(f"/dashboard/stock?search={sku}")
        await expect(person.row(sku)).to_contain_text("100")
        market.world.woocommerce[0].buy({sku: 6})
        await expect(person.row(sku).locator("td").first).to_have_text("94")

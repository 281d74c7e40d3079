"""A read of Prokip that would change too much, and what an operator does about it."""

import pytest
from playwright.async_api import Browser, expect

from prokip_sandbox.world import WorldSpec
from tests.browser.person import Person, operator_at
from tests.support.eventually import eventually
from tests.support.market import Market, open_market

pytestmark = pytest.mark.browser

SPEC = WorldSpec(woocommerce_stores=1, shopify_shops=0, goods=25, simple_only=True)


async def empty_prokip(market: Market, person: Person) -> None:
    """Every quantity in Prokip becomes 0, and the overview says that a read waits."""
    for sku in market.world.skus:
        market.world.prokip.set_stock(sku, 0)
    await market.house.operator.call("POST", "/api/v1/sync")
    await person.open("/dashboard/")
    await person.page.get_by_role("link", name="1 Reads held", exact=True).click()
    await person.sees_heading("Reads of Prokip")
    await person.sees("25 of 25 SKUs would fall to zero")


async def told(market: Market, quantity: int) -> None:
    """The ledger and every store hold it, whatever Prokip shows."""
    sku = market.world.skus[0]

    async def equal() -> bool:
        assert await market.available(sku) == quantity
        return all(shown == quantity for shown in market.shown(sku))

    await eventually(equal, what=f"{quantity} told")


async def test_a_held_read_is_looked_at_released_and_undone(chromium: Browser, database_url: str) -> None:
    async with open_market(database_url, "postgres", SPEC) as market, operator_at(chromium, market) as person:
        sku = market.world.skus[0]
        await empty_prokip(market, person)
        await person.page.get_by_role("rowheader").get_by_role("link").first.click()
        await person.sees_heading("Changes of a read")
        await expect(person.row(sku)).to_contain_text("100")
        await person.open("/dashboard/prokip/reads?state=held")
        await person.press("Release")
        await person.press("Change 25 SKUs")
        await told(market, 0)
        await person.open("/dashboard/prokip/reads?state=released")
        await person.press("Undo")
        await person.press("Undo this read")
        await told(market, 100)
        await person.open("/dashboard/prokip/reads")
        await person.sees("Not told, because somebody refused or undid it")


async def test_a_held_read_is_refused_and_the_refusal_taken_back(chromium: Browser, database_url: str) -> None:
    async with open_market(database_url, "postgres", SPEC) as market, operator_at(chromium, market) as person:
        await empty_prokip(market, person)
        await person.press("Refuse")
        await person.press("Do not tell the stores")
        await person.open("/dashboard/prokip/reads?state=refused")
        await person.press("Take this back")
        await person.press("Read Prokip again")
        await person.open("/dashboard/prokip/reads?state=held")
        await person.sees("25 of 25 SKUs would fall to zero")
        await told(market, 100)

"""Finding a SKU and understanding its number."""

import re
from datetime import datetime, timedelta

import asyncpg
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


async def test_a_past_moment_shows_the_quantity_then_and_the_movement_that_made_it(
    chromium: Browser, database_url: str
) -> None:
    async with open_market(database_url, "postgres", SPEC) as market, operator_at(chromium, market) as person:
        sku = market.world.skus[0]
        order = market.world.woocommerce[0].buy({sku: 2})
        await market.expect(sku, 98)
        movements = (await market.house.operator.call("GET", f"/api/v1/stock/movements?sku={sku}"))["items"]
        location = movements[0]["locationId"]
        await person.open(f"/dashboard/stock/{location}/{sku}")
        past = person.page.get_by_role("region", name="At a past moment")
        field = past.get_by_label("Date and time")

        async def ask(moment: datetime) -> None:
            """As one types it, on one's own clock, which has seconds."""
            local = await person.page.evaluate(
                "iso => { const d = new Date(iso);"
                " return new Date(d.getTime() - d.getTimezoneOffset() * 60000).toISOString().slice(0, 19); }",
                moment.isoformat(),
            )
            await field.fill(local)
            await field.dispatch_event("change")

        told = datetime.fromisoformat(movements[-1]["at"])
        await ask(told - timedelta(days=1))
        await person.sees("nothing was known of this SKU yet", within=past)
        assert "moment=" in person.path()
        await set_back(database_url, sku)
        await ask(told - timedelta(days=2, hours=-1))
        await person.sees("there were 100", within=past)
        await person.sees("Prokip told a new quantity (+100)", within=past)
        await person.page.reload()
        await person.ready()
        await person.sees("there were 100", within=past)
        stores = person.page.get_by_role("table", name="What the stores show")
        await expect(stores.locator("tbody tr")).to_have_count(2)
        await expect(stores.locator("tbody tr").first).to_contain_text("It should show 98, and does.")
        newest = person.page.get_by_role("table", name="Movements").locator("tbody tr").first
        await expect(newest).to_contain_text(f"order {order} at")
        await person.open(f"/dashboard/stock/{location}/{sku}?moment=2999-01-01T00:00:00Z")
        await person.sees("is still to come", within=past)
        await expect(newest).to_be_visible()
        person.refusals.discard((400, "/api/v1/stock/at"))


async def set_back(database_url: str, sku: str) -> None:
    """As if Prokip had told the SKU two days ago: nobody waits for seconds to pass."""
    connection = await asyncpg.connect(database_url)
    await connection.execute("ALTER TABLE inventory.movement DISABLE TRIGGER movement_append_only")
    await connection.execute(
        "UPDATE inventory.movement SET at = at - interval '2 days' WHERE sku = $1 AND reason = 'prokip'", sku
    )
    await connection.execute("ALTER TABLE inventory.movement ENABLE TRIGGER movement_append_only")
    await connection.close()


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

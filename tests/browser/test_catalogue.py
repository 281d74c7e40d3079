"""An operator looks at what matches what, and says what an item is."""

import pytest
from playwright.async_api import Browser, expect

from prokip_sandbox import Good
from prokip_sandbox.world import World, WorldSpec
from tests.browser.person import operator_at
from tests.support.eventually import eventually
from tests.support.market import open_market

pytestmark = pytest.mark.browser

SPEC = WorldSpec(woocommerce_stores=1, shopify_shops=0, goods=3, simple_only=True)


async def test_an_item_with_another_sku_is_found_linked_and_matched_by_its_own_again(
    chromium: Browser, database_url: str
) -> None:
    world = World(SPEC)
    (woo,) = world.woocommerce
    woo.seed_goods([Good("SHOP-9", "Blue shirt", 100, 5)])
    world.prokip.catalogue.seed([Good("SHIRT", "Shirt", 100, 40)], [world.prokip.state.locations[0].id])
    async with (
        open_market(database_url, "postgres", SPEC, world=world) as market,
        operator_at(chromium, market) as person,
    ):
        store = (await market.house.operator.call("GET", "/api/v1/connections"))["items"][0]
        await person.open(f"/dashboard/stores/{store['id']}")
        await person.follow("Catalogue: what matches what, and why")
        await person.sees_heading("Catalogue")
        await person.sees("Read completely (4 of 4)")
        await person.follow("1 Only in Prokip")
        await expect(person.row("SHIRT")).to_contain_text("this store has no item with this SKU")
        await person.open(f"/dashboard/stores/{store['id']}/catalogue?kind=only_in_store")
        row = person.row("Blue shirt")
        await expect(row).to_contain_text("Prokip has no such SKU at this location")
        await person.press("Link", within=row)
        await person.fill({"SKU in Prokip": "SHIRT"})
        await person.press("Link them")

        async def written() -> bool:
            return woo.stock("SHOP-9") == 40

        await eventually(written, what="the linked item shows Prokip's quantity")
        await person.open(f"/dashboard/stores/{store['id']}/catalogue?search=shirt")
        row = person.row("Blue shirt")
        await expect(row).to_contain_text("linked by hand")
        await person.press("Match by its own SKU", within=row)
        await expect(row).to_contain_text("Only in the store")
        await person.press("Leave alone", within=row)
        await expect(row).to_contain_text("somebody chose to leave this item alone")

"""A SKU of the stores that is made of others: said, seen, changed and taken back."""

from decimal import Decimal

import pytest
from playwright.async_api import Browser, expect

from prokip_sandbox import Good
from prokip_sandbox.world import World, WorldSpec
from tests.browser.person import operator_at
from tests.support.eventually import eventually
from tests.support.market import open_market

pytestmark = pytest.mark.browser

BOX = "BOX/2"
"""A SKU may hold what means something in addresses."""
SPEC = WorldSpec(woocommerce_stores=1, shopify_shops=0, goods=2, simple_only=True)


async def test_a_bundle_is_said_changed_and_taken_back(chromium: Browser, database_url: str) -> None:
    world = World(SPEC)
    world.woocommerce[0].seed_goods([Good(BOX, "Box", 2000, 7)])
    cup, pot = world.skus
    refused = frozenset({(409, "/api/v1/bundles"), (422, "/api/v1/bundles")})
    async with (
        open_market(database_url, "postgres", SPEC, world=world) as market,
        operator_at(chromium, market, refused=refused) as person,
    ):
        await person.open("/dashboard/stock")
        await person.follow("Bundles")
        await person.sees("No SKU is made of others yet.")
        await person.fill({"SKU of the bundle": cup, "Part 1": pot})
        await person.press("Save the bundle")
        await person.sees(f"Prokip has a quantity of {cup} itself, so it is no bundle.")
        await person.fill({"SKU of the bundle": BOX, "Part 1": cup, "Units of part 1": "-2", "Part 2": pot})
        await person.press("Save the bundle")
        await person.sees("greater than 0")
        await person.fill({"Units of part 1": "2"})
        await person.press("Save the bundle")
        await expect(person.row(BOX)).to_contain_text(f"2 of {cup}, 1 of {pot}")
        await expect(person.row(BOX)).to_contain_text("50 at LOC001")

        async def shown() -> bool:
            return market.shown(BOX) == [50]

        await eventually(shown, what="the store shows what the parts make")

        await person.follow("Change")
        await person.sees(f"Change {BOX}")
        await person.fill({"Units of part 1": "4"})
        await person.press("Save the bundle")
        await expect(person.row(BOX)).to_contain_text(f"4 of {cup}")

        await person.follow(BOX)
        await person.sees("The least counts")
        await expect(person.row(cup).first).to_contain_text("25")

        world.woocommerce[0].buy({BOX: 1})
        await market.expect(cup, 96)
        await person.open("/dashboard/live")
        await person.sees(f"{BOX} is a bundle of 4 of {cup}, 1 of {pot}")

        await person.open("/dashboard/bundles")
        await person.press("No bundle any more")
        await person.sees("No SKU is made of others yet.")
        assert await market.available(BOX) is None
        assert await market.available(cup) == Decimal(96)

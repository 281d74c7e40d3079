"""Keeping an eye on the stores."""

import asyncio

import pytest
from playwright.async_api import Browser, expect

from prokip_sandbox import Disturbance
from prokip_sandbox.world import WorldSpec
from tests.browser.person import PASSWORD, operator_at
from tests.support.eventually import eventually
from tests.support.market import Market, open_market

pytestmark = pytest.mark.browser

SPEC = WorldSpec(woocommerce_stores=1, shopify_shops=1, goods=3, simple_only=True)


async def store_names(market: Market) -> list[str]:
    page = await market.house.operator.call("GET", "/api/v1/connections")
    return [item["storeName"] for item in page["items"]]


async def test_a_store_is_paused_resumed_synced_and_disconnected(chromium: Browser, database_url: str) -> None:
    async with open_market(database_url, "postgres", SPEC) as market, operator_at(chromium, market) as person:
        name, other = await store_names(market)
        await person.open("/dashboard/stores")
        card = person.store(name)

        await person.press("Pause", within=card)
        await person.sees("paused", within=card)
        await expect(card.get_by_role("button", name="Sync now")).to_have_count(0)
        await person.press("Resume", within=card)
        await person.sees("healthy", within=card)

        await person.press("Sync now", within=card)
        await person.sees("in step.", within=card)

        await person.press("Disconnect", within=card)
        question = person.page.get_by_role("dialog", name=f"Disconnect {name}?")
        await person.sees("Your stock and its history are kept", within=question)
        await person.page.keyboard.press("Escape")
        await expect(question).to_have_count(0)
        assert await store_names(market) == [name, other]

        await person.press("Disconnect", within=card)
        await person.press(f"Disconnect {name}", within=question)
        await expect(card).to_have_count(0)
        await expect(person.store(other)).to_be_visible()
        assert await store_names(market) == [other]
        assert await market.available(market.world.skus[0]) == 100


async def test_a_store_s_page_lists_what_it_sells_and_how_far_each_is(chromium: Browser, database_url: str) -> None:
    async with open_market(database_url, "postgres", SPEC) as market, operator_at(chromium, market) as person:
        name, _ = await store_names(market)
        sku = market.world.skus[0]
        await person.open("/dashboard/stores")
        await person.follow(name)
        await person.sees_heading(name)
        await expect(person.row(sku)).to_contain_text("in step")
        await expect(person.page.get_by_role("region", name="Webhooks")).to_contain_text("No order has changed yet")
        await expect(person.page.get_by_role("region", name="Looked after")).to_contain_text("Orders swept")
        await person.page.get_by_label("SKU", exact=True).fill("no such thing")
        await person.sees("No listing fits")


async def test_a_store_s_page_tells_what_its_webhooks_missed(chromium: Browser, database_url: str) -> None:
    async with (
        open_market(database_url, "postgres", SPEC, SWEEP_INTERVAL_S="1") as market,
        operator_at(chromium, market) as person,
    ):
        (woo,) = market.world.woocommerce
        connections = (await market.house.operator.call("GET", "/api/v1/connections"))["items"]
        (store,) = [one for one in connections if one["platform"] == "woocommerce"]
        woo.courier.disturb(Disturbance("drop", match="order", times=None))
        woo.buy({market.world.skus[0]: 1})

        async def found() -> bool:
            meter = await market.house.operator.call("GET", f"/api/v1/connections/{store['id']}/webhooks")
            return bool(meter["day"]["missed"] == 1)

        await eventually(found, what="the sweep found it")
        await person.open(f"/dashboard/stores/{store['id']}")
        webhooks = person.page.get_by_role("region", name="Webhooks")
        await expect(webhooks).to_contain_text("Of 1 changes in 24 hours and 1 in 30 days")
        await expect(webhooks.get_by_role("row", name="Missed")).to_contain_text("100 % (1)")
        await expect(webhooks.get_by_role("img", name="Missed in each of the last 24 hours")).to_be_visible()


async def test_a_secret_is_rotated_and_the_line_that_is_shown_reports_a_sale(
    chromium: Browser, database_url: str
) -> None:
    async with open_market(database_url, "postgres", SPEC) as market, operator_at(chromium, market) as person:
        made = await market.house.operator.call("POST", "/connections/custom", {"name": "Kiosk"})
        assert await run(made["curl"]) == '{"status":"accepted"}'
        await person.open(f"/dashboard/stores/{made['id']}")
        section = person.page.get_by_role("region", name="Webhook secret")
        await person.press("Rotate the secret", within=section)
        question = person.page.get_by_role("dialog", name="Rotate the secret of Kiosk?")
        await question.get_by_label("Old secret valid for, in hours").fill("2")
        await person.press("Rotate", within=question)
        told = person.page.get_by_role("dialog", name="The new secret")
        secret = await told.locator("#rotated-secret").inner_text()
        curl = await told.locator("#rotated-curl").inner_text()
        assert secret != made["secret"]
        assert await run(curl) == '{"status":"accepted"}'
        assert await run(made["curl"]) == '{"status":"accepted"}'
        assert "bad_signature" in await run(curl.replace(secret, "somebody-else-s"))
        await person.press("I have copied it", within=told)
        await person.sees("The one before is valid until", within=section)


async def run(line: str) -> str:
    """What a shell answers that the line was pasted into."""
    shell = await asyncio.create_subprocess_exec("/bin/bash", "-c", line, stdout=asyncio.subprocess.PIPE)
    return (await shell.communicate())[0].decode()


async def test_a_session_that_ends_in_the_middle_of_a_form_costs_nothing(chromium: Browser, database_url: str) -> None:
    refused = frozenset({(401, "/api/v1/connections/custom")})
    async with (
        open_market(database_url, "postgres", SPEC) as market,
        operator_at(chromium, market, refused=refused) as person,
    ):
        await person.open("/dashboard/stores/connect/custom")
        await person.fill({"Name": "Night market"})
        await person.page.context.clear_cookies()
        await person.press("Connect")
        dialog = person.page.get_by_role("dialog", name="Sign in again")
        await expect(dialog).to_be_visible()
        await dialog.get_by_label("Password").fill(PASSWORD)
        await person.press("Sign in", within=dialog)
        await person.sees("Night market is connected")

        async def connected() -> bool:
            return "Night market" in await store_names(market)

        await eventually(connected, what="the store is connected")

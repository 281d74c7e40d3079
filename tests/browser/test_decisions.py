"""What only a person can decide: sales that Prokip did not simply take, and messages that nobody could read."""

import base64
import hashlib
import hmac
import json

import pytest
from aiohttp import ClientSession
from playwright.async_api import Browser, expect

from prokip_sandbox.faults import Fault
from prokip_sandbox.prokip import Policies
from prokip_sandbox.world import WorldSpec
from tests.browser.person import Person, operator_at
from tests.support.eventually import eventually
from tests.support.market import Market, open_market

pytestmark = pytest.mark.browser

SPEC = WorldSpec(woocommerce_stores=1, shopify_shops=0, goods=3, simple_only=True)
NO_RETURNS = WorldSpec(
    woocommerce_stores=1,
    shopify_shops=0,
    goods=3,
    simple_only=True,
    prokip_policies=Policies(serves_refunds=False),
)


async def open_from_overview(person: Person, tile: str) -> None:
    """The count says 1, and its link leads to that sale."""
    await person.open("/dashboard/")
    await person.page.get_by_role("link", name=f"1 {tile}", exact=True).click()
    await person.sees_heading("Sales")


async def test_a_sale_in_doubt_that_is_in_prokip_is_settled_and_not_sent_again(
    chromium: Browser, database_url: str
) -> None:
    async with open_market(database_url, "postgres", SPEC) as market, operator_at(chromium, market) as person:
        prokip = market.world.prokip
        prokip.faults.add(Fault("reset_after", path="/sells"))
        order = market.world.woocommerce[0].buy({market.world.skus[0]: 2})
        await open_from_overview(person, "Sales in doubt")
        await person.press("It is in Prokip", within=person.row(str(order)))
        question = person.page.get_by_role("dialog", name=f"Is order {order} in Prokip?")
        await question.get_by_label("Number of the sale in Prokip").fill(prokip.sales[0].sell_id)
        await person.press(f"Yes, order {order} is recorded", within=question)
        await person.sees("No sale fits")
        await person.open("/dashboard/sales?show=prokip")
        await expect(person.row(str(order))).to_contain_text("recorded")
        await expect(person.row(str(order))).to_contain_text(prokip.sales[0].sell_id)
        assert len(prokip.sales) == 1


async def test_a_sale_in_doubt_that_is_not_in_prokip_is_sent_again(chromium: Browser, database_url: str) -> None:
    async with open_market(database_url, "postgres", SPEC) as market, operator_at(chromium, market) as person:
        prokip = market.world.prokip
        prokip.faults.add(Fault("reset_before", path="/sells"))
        order = market.world.woocommerce[0].buy({market.world.skus[0]: 2})
        await open_from_overview(person, "Sales in doubt")
        assert prokip.sales == []
        await person.press("It is not", within=person.row(str(order)))
        await person.press(f"Send order {order} again")

        async def sent_once() -> bool:
            return [(item.sku, item.quantity) for sale in prokip.sales for item in sale.items] == [
                (market.world.skus[0], 2)
            ]

        await eventually(sent_once, what="Prokip has the sale once")


async def test_a_return_that_prokip_does_not_take_is_told_and_ticked_off(chromium: Browser, database_url: str) -> None:
    async with open_market(database_url, "postgres", NO_RETURNS) as market, operator_at(chromium, market) as person:
        (woocommerce,) = market.world.woocommerce
        sku = market.world.skus[0]
        order = woocommerce.buy({sku: 2})
        await market.expect(sku, 98)
        woocommerce.refund(order, {sku: 1})
        await person.open("/dashboard/sales?show=prokip&state=return_unsupported")
        await person.press("Entered by hand", within=person.row(str(order)))
        await person.press(f"Yes, the return of order {order} is entered")
        await person.sees("No sale fits")


async def send_unreadable_webhook(market: Market) -> None:
    (store,) = market.world.woocommerce
    secret = next(iter(store.state.webhooks.values())).secret
    body = json.dumps({"id": 77, "line_items": "none of your business"}).encode()
    signature = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
    headers = {
        "Content-Type": "application/json",
        "X-WC-Webhook-Topic": "order.updated",
        "X-WC-Webhook-Source": store.url,
        "X-WC-Webhook-Signature": signature,
    }
    url = f"{market.house.url('webhook_ingest')}/connections/webhook/woocommerce"
    async with ClientSession() as session, session.post(url, data=body, headers=headers) as answer:
        assert answer.status == 200


async def test_a_parked_message_tells_its_reason_and_what_came_of_its_replay(
    chromium: Browser, database_url: str
) -> None:
    async with open_market(database_url, "postgres", SPEC) as market, operator_at(chromium, market) as person:
        await send_unreadable_webhook(market)
        await person.open("/dashboard/")
        await person.page.get_by_role("link", name="1 Parked messages", exact=True).click()
        await person.sees_heading("Parked messages")
        row = person.row("order.updated")
        await person.sees("the order has no status", within=row)
        await person.press("Replay", within=row)
        await expect(row.get_by_role("status")).not_to_be_empty()
        statuses = {status for status, path in person.refusals if path.endswith("/replay")}
        assert statuses == {409}  # still unreadable
        person.refusals.clear()

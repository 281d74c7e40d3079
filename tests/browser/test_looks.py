"""Colours, sizes and keys."""

import pytest
from playwright.async_api import Browser, Page, expect

from prokip_sandbox.world import WorldSpec
from tests.browser.person import DESKTOP, PHONE, operator_at
from tests.support.market import open_market

pytestmark = pytest.mark.browser

SPEC = WorldSpec(woocommerce_stores=1, shopify_shops=1, goods=3, simple_only=True)
PAGES = (
    "/dashboard/",
    "/dashboard/stores",
    "/dashboard/stores/connect",
    "/dashboard/stores/connect/woocommerce",
    "/dashboard/stores/connect/shopify",
    "/dashboard/stores/connect/custom",
    "/dashboard/stock",
    "/dashboard/sales",
    "/dashboard/sales?show=prokip",
    "/dashboard/live",
    "/dashboard/parked",
    "/dashboard/prokip",
)
CONTRAST_MIN = 4.5  # https://www.w3.org/TR/WCAG22/#contrast-minimum

# Each text's colour against what is painted behind it, by the formula of WCAG 2.2; colours are read through a canvas,
# which knows every notation.
LOWEST_CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3]));
  const behind = (element) => {
    if (!element) return rgba(getComputedStyle(document.body).backgroundColor);
    const own = rgba(getComputedStyle(element).backgroundColor);
    return own[3] === 1 ? own : [...over(own, behind(element.parentElement)), 1];
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.slice(0, 3).map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  let lowest = [21, ""];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    const back = behind(element);
    const [a, b] = [light(over(rgba(getComputedStyle(element).color), back)), light(back)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < lowest[0]) lowest = [ratio, walker.currentNode.data.trim()];
  }
  return lowest;
}"""


async def background(page: Page) -> str:
    found: str = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    return found


async def test_no_page_is_wider_than_a_phone(chromium: Browser, database_url: str) -> None:
    async with (
        open_market(database_url, "postgres", SPEC) as market,
        operator_at(chromium, market, size=PHONE) as person,
    ):
        sku = market.world.skus[0]
        connections = await market.house.operator.call("GET", "/api/v1/connections")
        store = f"/dashboard/stores/{connections['items'][0]['id']}"
        for path in (*PAGES, store, f"/dashboard/stock/LOC001/{sku}"):
            await person.open(path)
            assert await person.page.evaluate("document.documentElement.scrollWidth") <= PHONE[0], path
        await person.press("Menu")
        await person.follow("Stock")
        await person.sees_heading("Stock")
        await expect(person.page.get_by_role("link", name="Sales")).to_be_hidden()


@pytest.mark.parametrize("colours", ["light", "dark"])
async def test_every_text_can_be_told_from_its_ground(chromium: Browser, database_url: str, colours: str) -> None:
    async with (
        open_market(database_url, "postgres", SPEC) as market,
        operator_at(chromium, market, size=DESKTOP, colours="dark" if colours == "dark" else "light") as person,
    ):
        for path in (*PAGES, f"/dashboard/stock/LOC001/{market.world.skus[0]}"):
            await person.open(path)
            ratio, text = await person.page.evaluate(LOWEST_CONTRAST)
            assert ratio >= CONTRAST_MIN, f"{path}: {text!r} has {ratio:.2f}"


async def test_colours_follow_the_system_until_somebody_chooses(chromium: Browser, database_url: str) -> None:
    async with (
        open_market(database_url, "postgres", SPEC, connect=False) as market,
        operator_at(chromium, market, colours="dark") as person,
    ):
        dark = await background(person.page)
        await person.press("Light")
        light = await background(person.page)
        assert light != dark
        await person.page.reload()
        await person.ready()
        assert await background(person.page) == light
        await person.press("Dark")
        assert await background(person.page) == dark


async def test_the_keyboard_alone_reaches_the_content_and_opens_a_row(chromium: Browser, database_url: str) -> None:
    async with open_market(database_url, "postgres", SPEC) as market, operator_at(chromium, market) as person:
        await person.open("/dashboard/stock")
        await person.page.keyboard.press("Tab")
        focused = person.page.locator(":focus")
        await expect(focused).to_have_text("Skip to the content")
        await person.page.keyboard.press("Enter")
        await expect(person.page.locator("main")).to_be_focused()
        for _ in range(3):  # search, state, first row
            await person.page.keyboard.press("Tab")
        sku = await focused.inner_text()
        assert sku in market.world.skus
        await person.page.keyboard.press("Enter")
        await person.sees_heading(sku)


async def test_every_control_has_a_name(chromium: Browser, database_url: str) -> None:
    async with open_market(database_url, "postgres", SPEC) as market, operator_at(chromium, market) as person:
        for path in PAGES:
            await person.open(path)
            nameless = await person.page.evaluate(
                """() => [...document.querySelectorAll("main :is(input, select, button, a), header :is(select, button, a)")]
                  .filter((e) => !(e.labels?.length || e.ariaLabel || e.textContent.trim())).map((e) => e.outerHTML)"""
            )
            assert nameless == [], path

"""Colours, sizes and keys."""

from typing import Literal

import pytest
from playwright.async_api import Browser, Page, expect

from prokip_sandbox.world import WorldSpec
from tests.browser.person import PHONE, operator_at
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
COLOURS: tuple[Literal["light", "dark"], ...] = ("light", "dark")
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


NAMELESS_CONTROLS = """() =>
  [...document.querySelectorAll("main :is(input, select, button, a), header :is(select, button, a)")]
    .filter((element) => !(element.labels?.length || element.ariaLabel || element.textContent.trim()))
    .map((element) => element.outerHTML)"""


async def background(page: Page) -> str:
    found: str = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    return found


TOO_WIDE = """(width) =>
  [...document.querySelectorAll("main *")]
    .filter((element) => element.getBoundingClientRect().right > width)
    .map((element) => element.outerHTML.slice(0, 200))
    .slice(-3)"""


async def narrow_enough(page: Page) -> None:
    await page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    fits = await page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    assert fits, f"{page.url} scrolls sideways: {await page.evaluate(TOO_WIDE, PHONE[0])}"


async def readable(page: Page) -> None:
    for colours in COLOURS:
        await page.emulate_media(color_scheme=colours)
        ratio, text = await page.evaluate(LOWEST_CONTRAST)
        assert ratio >= CONTRAST_MIN, f"{page.url}, {colours}: {text!r} has {ratio:.2f}"


async def all_controls_named(page: Page) -> None:
    assert await page.evaluate(NAMELESS_CONTROLS) == [], page.url


async def test_every_page_fits_a_phone_is_readable_in_both_colours_and_names_its_controls(
    chromium: Browser, database_url: str
) -> None:
    async with open_market(database_url, "postgres", SPEC) as market, operator_at(chromium, market) as person:
        connections = await market.house.operator.call("GET", "/api/v1/connections")
        store = f"/dashboard/stores/{connections['items'][0]['id']}"
        for path in (*PAGES, store, f"/dashboard/stock/LOC001/{market.world.skus[0]}"):
            await person.open(path)
            await all_controls_named(person.page)
            await readable(person.page)
            await narrow_enough(person.page)


async def test_a_phone_folds_the_pages_into_a_menu(chromium: Browser, database_url: str) -> None:
    async with (
        open_market(database_url, "postgres", SPEC, connect=False) as market,
        operator_at(chromium, market, size=PHONE) as person,
    ):
        stock = person.page.get_by_role("navigation", name="Pages").get_by_role("link", name="Stock")
        await expect(stock).to_be_hidden()
        await person.press("Menu")
        await stock.click()
        await person.sees_heading("Stock")
        await expect(stock).to_be_hidden()


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
        for _ in range(4):  # bundles, search, state, first row
            await person.page.keyboard.press("Tab")
        sku = await focused.inner_text()
        assert sku in market.world.skus
        await person.page.keyboard.press("Enter")
        await person.sees_heading(sku)

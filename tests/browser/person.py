"""Somebody at the dashboard: a browser window, what it complained about, and whom it talked to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from playwright.async_api import Browser, ConsoleMessage, Locator, Page, Request, Response, expect

from tests.support.market import Market

USERNAME = "operator"
PASSWORD = "correct horse battery"
DESKTOP = (1280, 800)
PHONE = (360, 740)

REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
"""


def units_of(units: int, sku: str) -> str:
    """How the feed says it."""
    return f"holds {units} of {sku}"


@dataclass(slots=True)
class Person:
    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    """Errors on the console, scripts that failed, policy violations, requests to another host."""
    refusals: set[tuple[int, str]] = field(default_factory=set)
    """Answers of 400 and above, as (status, path); a test names those that it provokes."""

    async def open(self, path: str) -> None:
        await self.page.goto(self.url + path)
        await self.ready()

    async def ready(self) -> None:
        await expect(self.page.locator("main:not([aria-busy]) h1")).to_be_visible()

    async def sign_in(self, username: str = USERNAME, password: str = PASSWORD) -> None:
        await self.open("/dashboard/sign-in")
        await self.fill({"User name": username, "Password": password})
        await self.press("Sign in")
        await self.sees_heading("Overview")

    async def fill(self, values: dict[str, str]) -> None:
        for label, value in values.items():
            await self.page.get_by_label(label, exact=True).fill(value)

    async def press(self, name: str, *, within: Locator | None = None) -> None:
        await (within or self.page).get_by_role("button", name=name, exact=True).click()

    async def follow(self, name: str) -> None:
        await self.page.get_by_role("link", name=name, exact=True).first.click()
        await self.ready()

    async def sees_heading(self, name: str) -> None:
        await expect(self.page.get_by_role("heading", level=1, name=name, exact=True)).to_be_visible()
        await self.ready()

    async def sees(self, text: str, *, within: Locator | None = None) -> None:
        await expect((within or self.page).get_by_text(text).first).to_be_visible()

    def store(self, name: str) -> Locator:
        return self.page.get_by_role("article", name=name, exact=True)

    def row(self, text: str) -> Locator:
        return self.page.get_by_role("row").filter(has_text=text)

    def path(self) -> str:
        address = urlsplit(self.page.url)
        return address.path + (f"?{address.query}" if address.query else "")


@asynccontextmanager
async def at_dashboard(
    browser: Browser,
    url: str,
    *,
    size: tuple[int, int] = DESKTOP,
    colours: Literal["light", "dark"] = "light",
    refused: frozenset[tuple[int, str]] = frozenset(),
    led_to: frozenset[str] = frozenset(),
) -> AsyncIterator[Person]:
    """A fresh window, which may be led to the hosts `led_to` and ask no other. Leaving it checks that nothing went wrong in it but the `refused` answers that were wanted."""
    context = await browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=colours)
    await context.add_init_script(REPORT_VIOLATIONS)
    page = await context.new_page()
    person = Person(page, url)
    _watch(person, led_to)
    try:
        yield person
        assert person.complaints == []
        # Whoever is not signed in yet is told so; the page asks once.
        assert person.refusals - {(401, "/api/v1/session")} == refused
    finally:
        await context.close()


@asynccontextmanager
async def operator_at(
    browser: Browser,
    market: Market,
    *,
    size: tuple[int, int] = DESKTOP,
    colours: Literal["light", "dark"] = "light",
    refused: frozenset[tuple[int, str]] = frozenset(),
) -> AsyncIterator[Person]:
    """The market's operator, signed in."""
    url = market.house.url("gateway")
    async with at_dashboard(browser, url, size=size, colours=colours, refused=refused) as person:
        await person.sign_in()
        yield person


def _watch(person: Person, led_to: frozenset[str]) -> None:
    hosts = led_to | {urlsplit(person.url).netloc}

    def on_console(message: ConsoleMessage) -> None:
        # The browser reports refused answers on the console as well; those are watched as answers.
        if message.type in {"error", "warning"} and not message.text.startswith("Failed to load resource"):
            person.complaints.append(message.text)

    def on_request(request: Request) -> None:
        if urlsplit(request.url).netloc not in hosts:
            person.complaints.append(f"asked another host: {request.url}")

    def on_response(response: Response) -> None:
        if response.status >= 400:
            person.refusals.add((response.status, urlsplit(response.url).path))

    person.page.on("console", on_console)
    person.page.on("pageerror", lambda error: person.complaints.append(str(error)))
    person.page.on("request", on_request)
    person.page.on("response", on_response)

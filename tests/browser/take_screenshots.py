"""Makes the pictures in docs/images from the running product: `python -m tests.browser.take_screenshots docs/images`."""

import asyncio
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from playwright.async_api import async_playwright

from prokip_onebox.postgres import embedded_postgres
from prokip_sandbox.world import WorldSpec
from tests.browser.person import DESKTOP, PHONE, Person, operator_at
from tests.support.chromium import LAUNCH_FLAGS, MISSING, find_chromium
from tests.support.market import Market, open_market

WORLD = WorldSpec(woocommerce_stores=1, shopify_shops=2, goods=40, simple_only=True)
ORDERS_PER_S = 4.0
SHOPPING_S = 12.0


async def take(folder: Path, database_url: str) -> None:
    path = find_chromium()
    if path is None:
        raise SystemExit(MISSING)
    async with async_playwright() as playwright, open_market(database_url, "postgres", WORLD) as market:
        browser = await playwright.chromium.launch(executable_path=path, args=LAUNCH_FLAGS)
        async with market.world.shopping(ORDERS_PER_S):
            await asyncio.sleep(SHOPPING_S)
        await market.world.settled()
        sku = await busiest_sku(market)
        async with operator_at(browser, market, size=DESKTOP) as person:
            await shoot(person, "/dashboard/", folder / "overview-light.png")
            await shoot(person, "/dashboard/stores", folder / "stores-light.png")
        async with operator_at(browser, market, size=DESKTOP, colours="dark") as person:
            await shoot(person, f"/dashboard/stock/LOC001/{sku}", folder / "explanation-dark.png")
        async with operator_at(browser, market, size=PHONE) as person:
            await shoot(person, "/dashboard/live", folder / "live-phone.png")
        await browser.close()


async def busiest_sku(market: Market) -> str:
    page = await market.house.operator.call("GET", "/api/v1/stock?limit=200")
    return str(max(page["items"], key=lambda row: float(row["taken"]))["sku"])


async def shoot(person: Person, path: str, target: Path) -> None:
    await person.open(path)
    await person.page.screenshot(path=target)


async def main(folder: Path, postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("CREATE DATABASE screenshots")
    await connection.close()
    await take(folder, urlunsplit(urlsplit(postgres_url)._replace(path="/screenshots")))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        Path(home).chmod(0o755)  # the server runs as its own user when this runs as root
        with embedded_postgres(Path(home) / "data") as url:
            asyncio.run(main(Path(sys.argv[1]), url))

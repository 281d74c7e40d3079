"""A real headless Chromium for the browser tests, driven by Playwright; the browser is the distribution's."""

import os
import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, async_playwright, expect

from tests.support.eventually import PATIENCE_S

LAUNCH_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
MISSING = "no Chromium: the dashboard was NOT tested. On Debian: apt-get install chromium, or set CHROMIUM to its path"


def find_chromium() -> str | None:
    """The path of the browser; CHROMIUM in the environment overrides the search."""
    given = os.environ.get("CHROMIUM")
    return given or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    path = find_chromium()
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    expect.set_options(timeout=PATIENCE_S * 1000)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, headless=True, args=LAUNCH_FLAGS)
        try:
            yield browser
        finally:
            await browser.close()

"""Fixtures of the browser tests: the browser, and a market of real services with a person at the dashboard."""

from tests.support.chromium import chromium

__all__ = ["chromium"]

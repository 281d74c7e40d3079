"""Which look around a page is compared with: always one from before that page was asked for."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast
from uuid import uuid4

import pytest

from prokip_poller import pages
from prokip_poller.domain.observations import After, Before, Counter, Known, OpenPostings
from prokip_poller.storage.polls import FreeLocation, LocationKey
from prokip_poller.storage.reads import Counted, Look
from prokip_shared.platforms.prokip import StockPage

D = Decimal


class SlowDatabase:
    """While it compares the first page, Prokip answers the second one and then books a sale of X, which ends here."""

    def __init__(self) -> None:
        self.answered = asyncio.Event()
        self.open = OpenPostings(frozenset({"X"}))
        self.moves = 0
        self.told: list[str] = []

    async def look_around(self, _key: LocationKey) -> Before:
        return Before(self.moves, self.open)

    async def look_at_page(self, _key: LocationKey, _read_id: int | None, _before: Before, page: StockPage) -> Look:
        if "A" in page.quantities:
            await self.answered.wait()
            self.open, self.moves = OpenPostings(), 1
        counters = {"X": Counter(D(self.moves), self.moves)}
        known = {sku: Known(counters.get(sku, Counter())) for sku in page.quantities}
        return Look(After(self.open, known), self.moves, dict.fromkeys(known), (), (), (), ())

    async def open_read(self, *_arguments: Any) -> int:
        return 1

    async def collect_changes(self, _read_id: int, _reader: object, changes: dict[str, object]) -> bool:
        self.told += changes
        return True

    async def drop_changes(self, *_arguments: Any) -> None:
        return None

    async def count(self, *_arguments: Any) -> Counted:
        return Counted(0, 0, 0, 0, 2, 2, 0, 0)

    async def untold(self, *_arguments: Any) -> set[str]:
        return set()


async def test_a_sale_that_ends_while_an_answered_page_waits_leaves_its_sku_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Q was read before the sale was booked, R after it: together they would tell a base that never was."""
    seconds = itertools.count()
    monkeypatch.setattr("prokip_poller.pages.time.monotonic", lambda: float(next(seconds)))  # every look is old at once
    reads = SlowDatabase()

    async def source() -> AsyncIterator[StockPage]:
        yield StockPage({"A": D(1)})
        reads.answered.set()
        yield StockPage({"X": D(10)})

    due = FreeLocation(LocationKey(1, "L"), 0, False, {}, 0, 0, True, datetime(2026, 11, 22, tzinfo=UTC))
    findings = await pages.PageReads(cast("Any", reads), due, uuid4(), changes_max=100).read(source())
    assert findings.left_out.keys() == {"X"}
    assert reads.told == ["A"]

"""Pushes that begin together share what has to reach the disk before their writes leave; none fails for another."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import cast

import asyncpg
import pytest

from prokip_shared.database import Pool
from prokip_shared.platforms.store import ItemKey
from store_push.domain.decisions import PlannedWrite
from store_push.domain.listings import DueListing
from store_push.storage.intents import IntentStorage

NOW = datetime(2026, 11, 26, tzinfo=UTC)
REFUSED = 13


class Statements:
    """A pool that keeps which listings each statement notes, and waits before it answers until it may."""

    def __init__(self) -> None:
        self.noted: list[str] = []
        self.go = asyncio.Event()

    async def execute(self, _query: str, listing_ids: str, *_columns: str) -> str:
        self.noted.append(listing_ids)
        await self.go.wait()
        if str(REFUSED) in listing_ids.strip("{}").split(","):
            raise asyncpg.DataError("refused")
        return "INSERT"


def write_to(listing_id: int) -> PlannedWrite:
    listing = DueListing(
        listing_id=listing_id,
        key=ItemKey(str(listing_id), None, None),
        sku="A",
        target=5,
        target_revision=1,
        target_taken=Decimal(0),
        correlation_id="c",
        confirmed=6,
        confirmed_taken=Decimal(0),
        confirmed_revision=0,
        confirmed_at=None,
        drifted_at=None,
        must_read=False,
        hinted=None,
        hints=0,
        gap=None,
    )
    return PlannedWrite(listing, 5, None)


async def begin(storage: IntentStorage, *listing_ids: int) -> "asyncio.Task[None]":
    """A push that is about to write; returns once it waits."""
    task = asyncio.create_task(storage.note([write_to(number) for number in listing_ids], NOW))
    await asyncio.sleep(0)
    return task


async def test_what_comes_while_a_statement_is_under_way_shares_the_next() -> None:
    pool = Statements()
    storage = IntentStorage(cast("Pool", pool))
    pushes = [await begin(storage, 1), await begin(storage, 2, 3), await begin(storage, 4), await begin(storage, 5)]
    assert pool.noted == ["{1}"]
    pool.go.set()
    await asyncio.gather(*pushes)
    assert pool.noted == ["{1}", "{2,3,4,5}"]


async def test_one_that_cannot_be_noted_fails_alone() -> None:
    pool = Statements()
    storage = IntentStorage(cast("Pool", pool))
    first, good, bad, better = [await begin(storage, number) for number in (1, 2, REFUSED, 4)]
    pool.go.set()
    await asyncio.gather(first, good, better)
    with pytest.raises(asyncpg.DataError):
        await bad
    await storage.note([write_to(5)], NOW)
    assert pool.noted[-1] == "{5}"


async def test_one_that_is_cancelled_leaves_the_others_to_the_next() -> None:
    pool = Statements()
    storage = IntentStorage(cast("Pool", pool))
    first, second = await begin(storage, 1), await begin(storage, 2)
    first.cancel()
    await asyncio.wait([first])
    pool.go.set()
    await second
    assert pool.noted == ["{1}", "{2}"]

"""The whole house, a random merchant's day, and every message recorded: replayed, it comes to the stock that is held."""

import asyncio
import random
import sys
from typing import Final

import asyncpg
import pytest

from inventory.domain.replay import Difference
from inventory.rebuild import rebuild
from prokip_sandbox import WorldSpec
from tests.support.eventually import eventually
from tests.support.history import History, StoreClock, world_with_clock
from tests.support.market import Market, open_market

STEPS: Final = 120
WORLD: Final = WorldSpec(woocommerce_stores=2, shopify_shops=1, goods=8, quantity=25)
ENVIRON: Final = {"RECORD_MESSAGES": "true", "SETTLE_S": "0.2", "DRIFT_AFTER_S": "1"}


async def differences(database_url: str) -> tuple[int, list[tuple[str, Difference]]]:
    """How many messages were replayed, and what differs."""
    found: list[tuple[str, Difference]] = []
    notes: list[str] = []
    checked = await rebuild(database_url, None, lambda source, one: found.append((source, one)), notes.append)
    assert notes == []
    return checked.messages, found


async def expect_ledger_to_be_true(market: Market, history: History) -> None:
    await market.house.operator.call("POST", "/sync/manual")

    async def true() -> bool:
        page = await market.house.operator.call("GET", "/api/v1/stock?limit=200")
        held = {row["sku"]: row["available"] for row in page["items"]}
        wrong = {sku: (held[sku], history.truth(sku)) for sku in history.start if held[sku] != str(history.truth(sku))}
        assert not wrong, wrong
        return True

    await eventually(true, what="the ledger tells the truth")


@pytest.mark.parametrize("seed", [7])
async def test_the_recorded_messages_of_a_day_come_to_the_stock_that_is_held(database_url: str, seed: int) -> None:
    rng, clock = random.Random(seed), StoreClock()
    world = world_with_clock(WORLD, clock)
    async with open_market(database_url, "postgres", WORLD, world=world, settings=ENVIRON) as market:
        location = (await market.house.operator.call("GET", "/api/v1/prokip"))["locationId"]
        start = {sku: int(quantity) for sku, quantity in world.prokip.held(location).items()}
        history = History(world, clock, rng, start)
        for step in range(STEPS):
            history.step()
            await asyncio.sleep(0)
            if step % 40 == 20:  # in the middle of it all
                assert (await differences(database_url))[1] == []
        await expect_ledger_to_be_true(market, history)
        replayed, found = await differences(database_url)
        assert found == []
        assert replayed > STEPS / 2

    connection = await asyncpg.connect(database_url)
    sku = await connection.fetchval("SELECT sku FROM inventory.stock WHERE taken > 0 ORDER BY sku LIMIT 1")
    await connection.execute("UPDATE inventory.stock SET taken = taken - 1 WHERE sku = $1", sku)
    await connection.close()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "inventory", "rebuild", env={"DATABASE_URL": database_url}, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 1
    *named, summary = out.decode().splitlines()
    assert len(named) == 5
    assert all(f"SKU {sku!r} at {location!r}" in one for one in named), out
    assert summary.startswith("differences: 5 (businesses 1, ")

"""Two of twenty stores go bad: how much later do the other eighteen hear of a sale?

One answers nothing for a minute, one says 429 to everything. Quiet and bad times take turns in one run, so that the ratio
does not hang on what else the machine was doing.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final

from aiohttp import ClientSession

from prokip_onebox.merchant import connect_world
from prokip_onebox.operator import Operator
from tests.bench.figures import Figure, percentile
from tests.bench.propagation import Shoppers, Witness, all_finished, open_witness, shopify_url_of
from tests.bench.system import open_services, open_world_process
from tests.support.eventually import eventually

STORES: Final = 20
SKUS: Final = 200
ORDERS_PER_S: Final = 4
TURNS: Final = 2
TURN_S: Final = 15
WARM_UP_S: Final = 5
SILENT_S: Final = 60
CAUGHT_UP_S_MAX: Final = 60.0
RATIO_MAX: Final = 1.1


async def run(database_url: str, broker_url: str, folder: Path) -> list[Figure]:
    options = ("--shopify", str(STORES), "--goods", str(SKUS), "--quantity", "100000", "--simple-only", "--unlimited")
    async with (
        open_world_process(folder, *options) as world,
        open_services(database_url, broker_url, folder, shopify_url=shopify_url_of(world)) as operator,
    ):
        await connect_world(operator, world, lambda _line: None)
        await operator.call("POST", "/sync/manual")
        silent, throttled, *good = [shop["shop"] for shop in world["shopify"]["shops"]]
        async with (
            open_witness(operator, database_url, broker_url, watched=good) as witness,
            ClientSession() as session,
        ):
            url = shopify_url_of(world)
            shoppers = Shoppers(session, url, good, orders_per_s=ORDERS_PER_S)
            await _shop(shoppers, witness, WARM_UP_S)
            quiet: list[int] = []
            bad: list[int] = []
            sold = 0
            for _turn in range(TURNS):
                sold += await _timed(shoppers, witness, quiet)
                async with _faults(session, url, silent, throttled):
                    sold += await _timed(shoppers, witness, bad)
                await _caught_up(operator)
    return [_figure(quiet, bad, sold)]


async def _timed(shoppers: Shoppers, witness: Witness, took: list[int]) -> int:
    before = len(witness.finished)
    sold = await _shop(shoppers, witness, TURN_S)
    took += [sale.took_ms for sale in witness.finished[before:]]
    return sold


async def _shop(shoppers: Shoppers, witness: Witness, seconds: float) -> int:
    before = len(witness.finished)
    sold = await shoppers.shop(seconds)
    await all_finished(witness, before + sold)
    return sold


@asynccontextmanager
async def _faults(session: ClientSession, url: str, silent: str, throttled: str) -> AsyncIterator[None]:
    rules: Sequence[dict[str, Any]] = (
        {"kind": "timeout_before", "path": f"/{silent}/", "times": None, "hold_s": SILENT_S},
        {"kind": "rate_limit", "path": f"/{throttled}/", "times": None, "retry_after_s": 1},
    )
    for rule in rules:
        async with session.post(f"{url}/_sandbox/faults", json=rule) as answer:
            answer.raise_for_status()
    try:
        yield
    finally:
        async with session.delete(f"{url}/_sandbox/faults") as answer:
            answer.raise_for_status()


async def _caught_up(operator: Operator) -> None:
    """The bad stores are shown what they missed; or not, and then the next quiet time is a little less quiet."""

    async def nothing_due() -> bool:
        return not any(item["due"] for item in (await operator.call("GET", "/api/v1/connections/due"))["items"])

    with contextlib.suppress(AssertionError):
        await eventually(nothing_due, timeout_s=CAUGHT_UP_S_MAX)
    await asyncio.sleep(1)


def _figure(quiet: Sequence[int], bad: Sequence[int], sold: int) -> Figure:
    before, after = percentile(quiet, 0.99), percentile(bad, 0.99)
    return Figure(
        f"{STORES} stores, one silent and one that says 429: sale accepted → the other {STORES - 2} confirmed",
        after,
        "ms p99",
        before,
        "ms p99 without the faults, same run",
        f"ratio under {RATIO_MAX}, none missing",
        after < before * RATIO_MAX and len(quiet) + len(bad) >= sold,
        {
            "p50 ms": median(bad),
            "p50 ms without": median(quiet),
            "sales": sold,
            "confirmed": len(quiet) + len(bad),
        },
    )

"""Two of twenty stores go bad: how much later do the other eighteen hear of a sale?

One answers nothing, one says 429 to everything. Quiet and bad times take turns of a minute in one run, so that the ratio does
not hang on what else the machine was doing; the quiet ones are around the bad ones, so that it does not hang on what grows
with the orders sold either.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

from aiohttp import ClientSession

from prokip_onebox.merchant import connect_world
from prokip_onebox.operator import Operator
from tests.bench.figures import Figure, percentile
from tests.bench.processor import used_s
from tests.bench.propagation import Shoppers, Witness, all_finished, open_witness, shopify_url_of
from tests.bench.system import open_services, open_world_process
from tests.support.eventually import eventually

STORES: Final = 20
SKUS: Final = 200
ORDERS_PER_S: Final = 6
TURN_S: Final = 60
"""Quiet, bad, bad, quiet. The p99 of 236 sales, as it was with shorter turns, is the third slowest: chance moved it by more than
the goal allows."""
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
            await all_finished(witness, await shoppers.shop(WARM_UP_S))
            quiet, bad = Times(folder.parent), Times(folder.parent)
            await quiet.add(shoppers, witness)
            async with _faults(session, url, silent, throttled):
                await bad.add(shoppers, witness)
                await bad.add(shoppers, witness)
            await _caught_up(operator)
            await quiet.add(shoppers, witness)
    return [_figure(quiet, bad)]


@dataclass(slots=True)
class Times:
    """What was measured in all turns of one kind."""

    folder: Path
    """Of all that runs."""
    took_ms: list[int] = field(default_factory=list)
    sold: int = 0
    cpu_s: float = 0.0

    async def add(self, shoppers: Shoppers, witness: Witness) -> None:
        before, used_before = len(witness.finished), used_s(self.folder)
        sold = await shoppers.shop(TURN_S)
        self.cpu_s += (used_s(self.folder) - used_before).total()
        await all_finished(witness, before + sold)
        self.took_ms += [sale.took_ms for sale in witness.finished[before:]]
        self.sold += sold

    @property
    def cpu_ms(self) -> float:
        """For each order, of everything on the machine."""
        return self.cpu_s / self.sold * 1000


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


def _figure(quiet: Times, bad: Times) -> Figure:
    before, after = percentile(quiet.took_ms, 0.99), percentile(bad.took_ms, 0.99)
    sold, confirmed = quiet.sold + bad.sold, len(quiet.took_ms) + len(bad.took_ms)
    return Figure(
        f"{STORES} stores, one silent and one that says 429: sale accepted → the other {STORES - 2} confirmed",
        after,
        "ms p99",
        before,
        "ms p99 without the faults, same run",
        f"ratio under {RATIO_MAX}, none missing",
        after < before * RATIO_MAX and confirmed >= sold,
        {
            "p50 ms": median(bad.took_ms),
            "p50 ms without": median(quiet.took_ms),
            "CPU ms an order": bad.cpu_ms,
            "CPU ms without": quiet.cpu_ms,
            "sales": sold,
            "confirmed": confirmed,
        },
    )

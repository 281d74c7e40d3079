"""Where a sale's time goes on its way, hop by hop, from the times that the services keep anyway."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from statistics import median
from typing import Final

import asyncpg

from prokip_shared.bus.topology import queue_of
from prokip_shared.messages import StockChangedV1

SALES: Final = (
    "SELECT connection_id, order_ref, sku, revision, at FROM inventory.movement WHERE reason = 'sale' AND at >= $1"
)
MARKINGS: Final = "SELECT seen_at FROM push.inbox WHERE queue = $2 AND seen_at >= $1 ORDER BY seen_at"
MARKING_QUEUE: Final = queue_of("store-push", StockChangedV1)
WRITES: Final = """
SELECT connection_id, sku, revision, at, answer_ms FROM push.push WHERE outcome = 'written' AND at >= $1 ORDER BY at
"""


async def hops_ms(database_url: str, accepted: Mapping[tuple[int, str], datetime], since: datetime) -> dict[str, float]:
    """Medians. A marking is told by its time alone: the first one that began after the ledger learned of the sale."""
    connection = await asyncpg.connect(database_url)
    try:
        sales = await connection.fetch(SALES, since)
        markings = [row["seen_at"] for row in await connection.fetch(MARKINGS, since, MARKING_QUEUE)]
        writes: dict[str, list[asyncpg.Record]] = defaultdict(list)
        for row in await connection.fetch(WRITES, since):
            writes[row["sku"]].append(row)
    finally:
        await connection.close()
    hops: dict[str, list[float]] = defaultdict(list)
    for sale in sales:
        at = accepted.get((sale["connection_id"], sale["order_ref"]))
        marking = bisect_left(markings, sale["at"])
        first: dict[int, asyncpg.Record] = {}
        for write in writes[sale["sku"]]:
            shows = write["connection_id"] == sale["connection_id"]  # the store that sold has the new quantity already
            if write["revision"] >= sale["revision"] and not shows:
                first.setdefault(write["connection_id"], write)
        if at is None or marking == len(markings) or not first:
            continue
        marked, stored = markings[marking], [write["at"] for write in first.values()]
        leaves = min(write["at"] - timedelta(milliseconds=write["answer_ms"]) for write in first.values())
        hops["accepted → ledger"].append(_ms(sale["at"] - at))
        hops["→ marked due"].append(_ms(marked - sale["at"]))
        hops["→ first write leaves"].append(_ms(leaves - marked))
        hops["→ last store's answer stored"].append(_ms(max(stored) - leaves))
    return {name: median(times) for name, times in hops.items()}


def _ms(time: timedelta) -> float:
    return time.total_seconds() * 1000

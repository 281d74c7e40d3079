"""Follows the live feed and prints one line for each sale that every store has confirmed."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from aiohttp import ClientError

from prokip_onebox.operator import Event, Operator
from prokip_onebox.tracking import FinishedSale, SaleTracker

RECONNECT_S = 1.0


async def follow_sales(operator: Operator, tell: Callable[[str], None]) -> None:
    """Runs until cancelled; goes on where it was when the gateway comes back."""
    last_id = ""
    tracker: SaleTracker | None = None
    while True:
        try:
            if tracker is None:
                tracker = SaleTracker(await _listed(operator))
            async for event in operator.events(last_id):
                last_id = event.id or last_id
                for sale in _track(tracker, event):
                    tell(_sentence(sale))
        except (ClientError, OSError, TimeoutError):
            pass
        await asyncio.sleep(RECONNECT_S)


async def _listed(operator: Operator) -> dict[int, frozenset[str]]:
    connections = await operator.call("GET", "/api/v1/connections")
    return {item["id"]: await operator.listed_skus(item["id"]) for item in connections["items"]}


def _track(tracker: SaleTracker, event: Event) -> list[FinishedSale]:
    message = event.data["data"]
    if event.kind == "sale.due":
        wanted = {line["sku"]: int(line["stock_revision"]) for line in message["lines"]}
        at = datetime.fromisoformat(event.data["at"])
        finished = tracker.sale(message["connection_id"], message["order_ref"], title_of(event), at, wanted)
        return [finished] if finished is not None else []
    if event.kind == "listing.pushed":
        shown = [
            (line["sku"], int(line["revision"]))
            for line in message["listings"]
            if line["outcome"] in {"written", "already"}
        ]
        return tracker.pushed(message["connection_id"], datetime.fromisoformat(message["pushed_at"]), shown)
    return []


def title_of(event: Event) -> str:
    """A refund, a cancellation or an edit tells what the order holds since."""
    message = event.data["data"]
    store = event.data["storeName"] or f"store {message['connection_id']}"
    goods = ", ".join(f"{Decimal(line['units']).normalize():f} of {line['sku']}" for line in message["lines"])
    if message["revision"] == 1:
        return f"sale {message['order_number']} at {store}: {goods}"
    return f"order {message['order_number']} at {store} now holds {goods}"


def _sentence(sale: FinishedSale) -> str:
    return f"{sale.title}; right in {sale.stores} stores after {sale.took_ms} ms"

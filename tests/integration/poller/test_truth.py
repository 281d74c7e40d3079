"""Whatever happens at once, what is told adds up: available = Q + R - T is what is really there."""

import random
from typing import Any

import pytest

from prokip_sandbox.faults import Fault
from prokip_sandbox.prokip import ProkipServer
from prokip_shared.messages import ProkipObservedV1
from tests.integration.poller.world import LOCATION, PollerWorld, open_poller, open_world
from tests.support.eventually import eventually

SKUS = ("A", "B", "C")


class Shop:
    """What really is on the shelves: what was there, less the counter's sales, less the stores' orders."""

    def __init__(self, world: PollerWorld, chance: random.Random) -> None:
        self.world = world
        self.chance = chance
        self.orders: dict[str, dict[str, int]] = {}
        self.base = dict.fromkeys(SKUS, 100)
        self.bases = {sku: [100] for sku in SKUS}
        """Every base there ever was, in order: what was there before any order."""

    def taken(self, sku: str) -> int:
        return sum(order.get(sku, 0) for order in self.orders.values())

    async def step(self) -> None:
        action = self.chance.choice(
            ["order", "order", "change", "change", "counter", "delivery", "read", "late", "look"]
        )
        sku = self.chance.choice(SKUS)
        if action == "order":
            await self._due(f"{len(self.orders) + 1}")
        elif action == "change" and self.orders:
            await self._due(self.chance.choice(list(self.orders)))
        elif action == "late" and self.orders:
            order_ref = self.chance.choice(list(self.orders))
            await self.world.due(order_ref, {"A": 50}, revision=0)
        elif action == "counter":
            self.world.prokip.counter_sale({sku: 1})
            self._rebase(sku, -1)
        elif action == "delivery":
            self.world.prokip.set_stock(sku, self.world.prokip.stock(sku) + 5)
            self._rebase(sku, 5)
        elif action == "read":
            await self.world.ask_for_round()
        else:
            await self.settle_doubts()

    async def _due(self, order_ref: str) -> None:
        units = {sku: self.chance.randint(0, 3) for sku in self.chance.sample(SKUS, 2)}
        held = self.orders.get(order_ref, {})
        self.orders[order_ref] = dict.fromkeys(held, 0) | units
        await self.world.due(order_ref, self.orders[order_ref])

    def _rebase(self, sku: str, units: int) -> None:
        self.base[sku] += units
        self.bases[sku].append(self.base[sku])

    async def settle_doubts(self) -> None:
        """As an operator who looks into Prokip and says what is there."""
        _, page = await self.world.ask("GET", "/internal/sale-records?state=in_doubt&limit=200")
        for record in page["sale_records"]:
            found = await self.world.record(record["order_ref"])
            assert found is not None
            doubt = found["postings"][-1]
            sale = self._in_prokip(found, doubt)
            body = {"outcome": "not_recorded", "posting_id": doubt["posting_id"]}
            if sale is not None:
                body = {"outcome": "recorded", "posting_id": doubt["posting_id"], "sell_id": sale}
            status, answer = await self.world.act(record["order_ref"], "settle", body)
            assert status == 200, answer

    def _in_prokip(self, record: dict[str, Any], doubt: dict[str, Any]) -> str | None:
        """The id of the sale if the request in doubt did happen."""
        recorded = [one for one in record["postings"] if one["outcome"] == "recorded"]
        sales = self.world.prokip.sales
        if doubt["kind"] == "sell":
            known = {one["sell_id"] for one in recorded if one["kind"] == "sell"}
            same = [sale.sell_id for sale in sales if sale.reference == doubt["reference"]]
            return next((sell_id for sell_id in same if sell_id not in known), None)
        origin = next(one for one in recorded if one["posting_id"] == doubt["refund_of"])
        sale = next(sale for sale in sales if sale.sell_id == origin["sell_id"])
        told = [one["units"] for one in recorded if one["refund_of"] == doubt["refund_of"]]
        told_units = sum(float(number) for units in told for number in units.values())
        return sale.sell_id if sum(sale.returned.values()) > told_units else None


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_whatever_interleaves_the_sums_are_the_truth(database_url: str, prokip: ProkipServer, seed: int) -> None:
    chance = random.Random(seed)
    prokip.faults.add(Fault("reset_after", method="POST", times=None, probability=0.05))
    prokip.faults.add(Fault("reset_before", method="POST", times=None, probability=0.05))
    prokip.faults.add(Fault("rate_limit", method="POST", times=None, probability=0.05, retry_after_s=0.05))
    prokip.faults.add(Fault("slow", method="GET", times=None, probability=0.5, hold_s=0.03))
    async with open_world(database_url, prokip, RETRY_CAP_S="0.1") as world, open_poller(database_url):
        shop = Shop(world, chance)
        for _ in range(150):
            await shop.step()
        prokip.faults.clear()

        async def all_recorded() -> bool:
            """Of the newest revision of each: one still on its way over the bus has no open sale yet."""
            await shop.settle_doubts()
            _, page = await world.ask("GET", "/internal/sale-records?limit=200")
            known = {record["order_ref"]: (record["state"], record["revision"]) for record in page["sale_records"]}
            assert known == {order_ref: ("recorded", newest) for order_ref, newest in world.revisions.items()}
            return True

        await eventually(all_recorded, what="every order recorded", timeout_s=60)
        await world.read()
        for sku in SKUS:
            assert prokip.recorded(sku) == shop.taken(sku), "Prokip knows every unit once"
            assert prokip.stock(sku) == shop.base[sku] - shop.taken(sku)

        async def told() -> bool:
            await world.read()
            pairs = world.told_pairs()
            assert {sku: sum(pairs[sku]) for sku in SKUS} == shop.base
            return all(sum(pairs[sku]) - shop.taken(sku) == prokip.stock(sku) for sku in SKUS)

        await eventually(told, what="available is the truth")
        for message in sorted(world.heard_of(ProkipObservedV1), key=lambda message: message.sequence):
            assert message.location_id == LOCATION
            for item in message.items:
                assert item.quantity + item.recorded in shop.bases[item.sku], "no read ever told an invented base"

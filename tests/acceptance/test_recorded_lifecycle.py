"""82 steps recorded on a real WooCommerce 9.9.5, replayed over HTTP with their real signatures.

After each step in order, and at the end of every other run, the ledger's change of every SKU with a managed stock
equals the store's own. What the store does without telling is listed below with the reason.
"""

import base64
import hashlib
import hmac
import json
import random
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest
from aiohttp import ClientSession
from pydantic import SecretStr

from prokip_shared.connections import WooCredentials
from prokip_shared.database import migrate
from prokip_shared.directory import seal_credentials
from prokip_shared.security.vault import Vault
from tests.support.eventually import eventually
from tests.support.house import all_ready, open_service
from tests.support.settings import ENCRYPTION_KEY, PATIENT_INGEST, service_environ

DATA: Final = Path(__file__).parents[1] / "data" / "woocommerce"
STORE_KEY: Final = "https://127.0.0.1:8443"
SECRET: Final = "whsec-local-0123456789"
LOCATION: Final = "LOC001"

# Steps in which the store's number moves, or stays, for a reason that no order tells.
CHANGED_WITHOUT_AN_ORDER: Final = {
    "Q1": "the product was edited: stock typed in",
    "Q3": "the product was edited: stock typed in",
    "Q4": "the variation was edited: stock typed in",
    "Q8": "the product was edited: inventory_delta",
    "Q9": "the product was edited: stock typed in as a string",
    "Q10": "the product was edited: null became 0",
    "Q11": "the product was edited: a negative stock typed in",
}
NOT_COUNTED_BY_SKU: Final = {
    "No sku": "the product has no SKU, so no ledger row can be its",
    "VARP-01-S": "has no stock of its own: its sales come out of VARP-01's, its parent",
    "VARP-01-M": "has no stock of its own: it reads VARP-01's, its parent",
}
TELLS_NOTHING: Final = {
    "A12": "a note on an order",
    "C6": "a refund was deleted; the stock stays where the refund put it",
    "F3": "a trashed order was revived by REST; the stock was never given back",
    "G4": "a processing order was deleted for good; WooCommerce does not give the stock back",
    "G8": "a cancelled order was deleted for good",
    "O4": "a product was deleted for good",
    "Q5": "refused by the store (404)",
    "Q7": "refused by the store (400)",
    "Q13": "refused by the store (400)",
    "S5": "refused by the store (400)",
}


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    before: dict[str, int | None]
    after: dict[str, int | None]
    deliveries: Sequence[dict[str, Any]]

    @property
    def code(self) -> str:
        return self.name.split()[0]


def _steps() -> list[Step]:
    return [
        Step(raw["step"], raw["stock_before"], raw["stock_after"], raw["deliveries"])
        for file in ("orders", "checkout", "products_and_edits")
        for raw in map(json.loads, (DATA / f"lifecycle_{file}.jsonl").read_text(encoding="utf-8").splitlines())
    ]


STEPS: Final = _steps()


def _change_by_orders(steps: Iterable[Step]) -> dict[str, int]:
    """By how much the store's own quantity of each managed SKU moved because of orders."""
    change: dict[str, int] = {}
    for step in steps:
        for sku, after in step.after.items():
            before = step.before[sku]
            if after is None or before is None or sku in NOT_COUNTED_BY_SKU:
                continue
            moved = 0 if step.code in CHANGED_WITHOUT_AN_ORDER else after - before
            change[sku] = change.get(sku, 0) + moved
    return change


@dataclass(slots=True)
class Replay:
    """A connected store's webhooks on one side, the ledger on the other."""

    session: ClientSession
    webhook_url: str
    database: "asyncpg.Connection[asyncpg.Record]"
    sentinels: int = 0

    async def deliver(self, delivery: dict[str, Any]) -> None:
        async with self.session.post(
            self.webhook_url, data=delivery["body"].encode(), headers=delivery["headers"]
        ) as answer:
            assert answer.status == 200, await answer.text()

    async def catch_up(self) -> None:
        """A sale of its own goes through after all others; when the ledger has it, it has what came before."""
        self.sentinels += 1
        order = {
            "id": 1_000_000 + self.sentinels,
            "number": str(self.sentinels),
            "status": "processing",
            "date_created_gmt": "2026-11-22T13:00:00",
            "date_modified_gmt": "2026-11-22T13:00:00",
            "line_items": [
                {
                    "id": 1_000_000 + self.sentinels,
                    "product_id": 1,
                    "variation_id": 0,
                    "sku": "SENTINEL",
                    "quantity": 1,
                    "price": 1,
                    "meta_data": [{"id": 1, "key": "_reduced_stock", "value": "1"}],
                }
            ],
            "refunds": [],
        }
        body = json.dumps(order)
        signature = base64.b64encode(hmac.digest(SECRET.encode(), body.encode(), hashlib.sha256)).decode()
        headers = {
            "Content-Type": "application/json",
            "X-WC-Webhook-Source": f"{STORE_KEY}/",
            "X-WC-Webhook-Topic": "order.created",
            "X-WC-Webhook-Signature": signature,
        }
        await self.deliver({"body": body, "headers": headers})

        async def arrived() -> bool:
            return (await self.changes()).get("SENTINEL") == -self.sentinels

        await eventually(arrived, what="the ledger has caught up")

    async def changes(self) -> dict[str, Decimal]:
        """By how much the ledger's orders moved each SKU."""
        rows = await self.database.fetch("SELECT sku, -taken AS change FROM inventory.stock")
        return {row["sku"]: row["change"] for row in rows}

    async def expect(self, steps: Sequence[Step], when: str) -> None:
        expected = _change_by_orders(steps)

        async def equal() -> bool:
            ledger = await self.changes()
            wrong = {
                sku: (change, ledger.get(sku, 0)) for sku, change in expected.items() if change != ledger.get(sku, 0)
            }
            assert not wrong, f"{when}: store and ledger differ: {wrong}"
            return True

        await eventually(equal, what=when)

    async def expect_movements_to_add_up(self) -> None:
        wrong = await self.database.fetch(
            """SELECT sku FROM inventory.stock JOIN (
                   SELECT sku, sum(delta) AS moved FROM inventory.movement GROUP BY sku) AS history USING (sku)
               WHERE base - taken <> moved"""
        )
        assert not wrong


async def connect_store(database: "asyncpg.Connection[asyncpg.Record]") -> int:
    vault = Vault(base64.b64decode(ENCRYPTION_KEY))
    business = await database.fetchval("INSERT INTO gateway.business (name) VALUES ('Recorded shop') RETURNING id")
    credentials = WooCredentials(
        consumer_key=SecretStr("ck"), consumer_secret=SecretStr("cs"), webhook_secret=SecretStr(SECRET)
    )
    connection_id: int = await database.fetchval(
        """INSERT INTO gateway.connection
           (business_id, platform, store_key, store_url, store_name, location_id, status, connected_at, credentials)
           VALUES ($1, 'woocommerce', $2, $2, 'Recorded', $3, 'connected', $4, $5) RETURNING id""",
        business,
        STORE_KEY,
        LOCATION,
        datetime(2026, 11, 22, tzinfo=UTC) - timedelta(days=1),
        seal_credentials(vault, business, STORE_KEY, credentials),
    )
    # As store-push learns from the catalogue: the parent holds its variations' stock.
    await database.executemany(
        "INSERT INTO inventory.stock_holder (business_id, connection_id, sku, held_by) VALUES ($1, $2, $3, 'VARP-01')",
        [(business, connection_id, sku) for sku in ("VARP-01-S", "VARP-01-M")],
    )
    return connection_id


@asynccontextmanager
async def _replay(database_url: str, broker_url: str) -> AsyncIterator[Replay]:
    environ = service_environ(database_url, broker_url, **PATIENT_INGEST)
    await migrate(database_url, schema="gateway", package="gateway")
    database = await asyncpg.connect(database_url)
    try:
        async with (
            open_service("inventory", environ) as inventory,
            open_service("webhook_ingest", environ) as ingest,
            ClientSession() as session,
        ):
            services = {"inventory": inventory, "webhook-ingest": ingest}
            await eventually(lambda: all_ready(services), what="both services are ready")
            await connect_store(database)
            yield Replay(session, f"{ingest.url}/connections/webhook/woocommerce", database)
    finally:
        await database.close()


def test_all_recorded_steps_are_there_and_every_silent_one_is_explained() -> None:
    assert len(STEPS) == 82
    silent = {step.code for step in STEPS if not step.deliveries}
    assert silent == set(TELLS_NOTHING)
    managed = {sku for step in STEPS for sku, stock in step.before.items() if stock is not None}
    assert len(managed - set(NOT_COUNTED_BY_SKU)) >= 20


async def test_in_order_the_ledger_follows_the_store_step_by_step(database_url: str, broker_url: str) -> None:
    async with _replay(database_url, broker_url) as replay:
        for number, step in enumerate(STEPS, start=1):
            for delivery in step.deliveries:
                await replay.deliver(delivery)
            await replay.catch_up()
            await replay.expect(STEPS[:number], step.name)
        await replay.expect_movements_to_add_up()


async def test_three_times_over_changes_nothing_more(database_url: str, broker_url: str) -> None:
    async with _replay(database_url, broker_url) as replay:
        for step in STEPS:
            for delivery in step.deliveries:
                for _time in range(3):
                    await replay.deliver(delivery)
        await replay.catch_up()
        await replay.expect(STEPS, "every delivery three times")
        await replay.expect_movements_to_add_up()


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
async def test_in_any_order_the_ledger_ends_where_the_store_is(database_url: str, broker_url: str, seed: int) -> None:
    deliveries = [delivery for step in STEPS for delivery in step.deliveries]
    random.Random(seed).shuffle(deliveries)
    async with _replay(database_url, broker_url) as replay:
        for delivery in deliveries:
            await replay.deliver(delivery)
        await replay.catch_up()
        await replay.expect(STEPS, f"shuffled with seed {seed}")
        await replay.expect_movements_to_add_up()

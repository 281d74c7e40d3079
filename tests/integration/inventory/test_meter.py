"""The meter of webhooks in Postgres: exact, whatever comes twice, and cheap to keep."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from prometheus_client import REGISTRY

from inventory import meter
from inventory.domain.gaps import first_hour
from inventory.handlers.orders import apply_order_batch
from prokip_shared.database import Pool
from prokip_shared.messages import OrderObservedV1
from tests.integration.inventory.books import sell
from tests.unit.inventory.world import BUSINESS, NOON, heard, line, seen

STORE = 1
NOW = NOON + timedelta(minutes=20)
NOTHING = {"missed": 0, "late": 0, "duplicates": 0, "out_of_order": 0}


def webhook(order: int, version: int = 0, units: int = 2, **more: Any) -> OrderObservedV1:
    return seen(str(order), version, line("l", "A", units, ordered=2), **more)


def counts(told: dict[str, Any]) -> dict[str, int]:
    return {kind: told[kind] for kind in ("changes", *NOTHING)}


async def day_of(pool: Pool, connection_id: int = STORE, now: datetime = NOW) -> dict[str, int]:
    return counts((await meter.store_meter(pool, BUSINESS, connection_id, now))["day"])


async def test_known_gaps_are_counted_exactly(pool: Pool) -> None:
    """Of 200 orders 10 are missed, 6 late, 5 told twice by one topic; 4 of another 8 changes come out of order."""
    for order in range(200):
        if order < 16:
            await sell(pool, webhook(order, source="sweep", delay_s=90))
        else:
            await sell(pool, webhook(order, topic="order.created"), webhook(order, topic="order.updated"))
    await sell(pool, *[webhook(order, delay_s=300) for order in range(6)])
    await sell(pool, *[webhook(order, topic="order.updated") for order in range(50, 55)])
    await sell(pool, *[webhook(order, 5, 1) for order in range(100, 108)])
    await sell(pool, *[webhook(order, 2, 2, delay_s=60) for order in range(100, 104)])
    expected = {"changes": 208, "missed": 10, "late": 6, "duplicates": 5, "out_of_order": 4}
    assert await day_of(pool) == expected
    await meter.fold(pool)
    assert await day_of(pool) == expected
    assert await pool.fetchval("SELECT count(*) FROM inventory.webhook_gap_added") == 0
    told = (await meter.store_meter(pool, BUSINESS, STORE, NOW))["day"]
    shares = [told[f"{kind}_percent"] for kind in NOTHING]
    assert shares == [round(100 * count / 208, 2) for count in (10, 6, 5, 4)]


async def test_a_batch_that_is_done_again_is_counted_once(pool: Pool) -> None:
    batch = [webhook(1), webhook(1, topic="order.created"), webhook(2, source="sweep", delay_s=90)]
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await apply_order_batch(connection, heard(batch))
        await transaction.rollback()
    await sell(pool, *batch)
    await sell(pool, *batch)
    assert await day_of(pool) == NOTHING | {"changes": 2, "missed": 1}


async def test_five_per_cent_of_lost_webhooks_read_as_five_per_cent(pool: Pool) -> None:
    dice = random.Random(20)
    lost = 0
    for start in range(0, 2_000, 100):
        batch = []
        for order in range(start, start + 100):
            gone = dice.random() < 0.05
            lost += gone
            batch.append(webhook(order, source="sweep", delay_s=90) if gone else webhook(order))
        await sell(pool, *batch)
        await sell(pool, *[webhook(order, source="sweep", delay_s=95) for order in range(start, start + 100)])
    told = (await meter.store_meter(pool, BUSINESS, STORE, NOW))["day"]
    assert (told["changes"], told["missed"]) == (2_000, lost)
    assert told["missed_percent"] == round(lost / 20, 2)


async def test_stores_and_businesses_are_kept_apart(pool: Pool) -> None:
    await sell(pool, webhook(1), webhook(1, connection_id=2, source="sweep"), webhook(1, business_id=8))
    assert await day_of(pool) == NOTHING | {"changes": 1}
    assert await day_of(pool, connection_id=2) == NOTHING | {"changes": 1, "missed": 1}
    told = await meter.meters_of(pool, BUSINESS, NOW)
    assert [(one["connection_id"], counts(one["month"])) for one in told] == [
        (1, NOTHING | {"changes": 1}),
        (2, NOTHING | {"changes": 1, "missed": 1}),
    ]


async def test_a_day_has_24_hours_a_month_30_days_and_both_show_how_it_went(pool: Pool) -> None:
    day_ago = int(timedelta(hours=-24).total_seconds())
    await sell(
        pool, webhook(1), webhook(2, day_ago, source="sweep"), webhook(3, 29 * day_ago), webhook(4, 31 * day_ago)
    )
    told = await meter.store_meter(pool, BUSINESS, STORE, NOW)
    assert (told["day"]["changes"], told["month"]["changes"], told["month"]["missed"]) == (1, 3, 1)
    assert (len(told["hours"]), len(told["days"])) == (24, 30)
    assert told["hours"][-1] | {"changes": 1} == told["hours"][-1]
    assert told["hours"][-1]["at"] == first_hour(NOW, 1)
    assert sum(one["changes"] for one in told["hours"]) == 1
    assert [one["changes"] for one in told["days"] if one["changes"]] == [1, 1, 1]
    assert {one["missed_percent"] for one in told["days"]} == {None, 0.0, 100.0}


async def test_old_hours_are_forgotten_and_the_gauges_show_a_day(pool: Pool) -> None:
    today = int((datetime.now(UTC) - NOON).total_seconds())
    await sell(pool, webhook(1, today), webhook(2, today, source="sweep"), webhook(3, today - 40 * 86_400))
    await meter.tend(pool)
    assert await pool.fetchval("SELECT count(*) FROM inventory.webhook_gap") == 1
    store = {"business_id": str(BUSINESS), "connection_id": str(STORE)}
    assert REGISTRY.get_sample_value("prokip_webhook_changes", store) == 2
    assert REGISTRY.get_sample_value("prokip_webhook_gaps", store | {"kind": "missed"}) == 1

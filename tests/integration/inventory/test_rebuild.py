"""A rebuild of a true ledger finds nothing; of a spoiled one it finds what was spoiled, and names it."""

import asyncio
import json
import os
import random
import re
import sys
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from inventory.domain.replay import Difference
from inventory.domain.values import StockKey
from inventory.handlers.holders import apply_holder_batch
from inventory.handlers.observations import apply_observation_batch
from inventory.handlers.orders import apply_order_batch
from inventory.rebuild import Checked, rebuild
from inventory.recording import recorded
from prokip_shared.database import Pool
from prokip_shared.messages import (
    Message,
    OrderObservedV1,
    ProkipObservedV1,
    StockHolder,
    StockHoldersObservedV1,
)
from tests.integration.inventory.books import held_stock, random_snapshot, read, sell
from tests.unit.inventory.world import BUSINESS, LOCATION, line, reading, seen

SKUS = ("A", "B", "Grün/Größe 40\u2028\x85", "quote'\"\\", "X")
OTHER_BUSINESS = 8


async def apply(pool: Pool, messages: Sequence[Message], *, record: bool) -> None:
    """As the service's consumers do, a batch of one kind at a time."""
    handlers: dict[type[Message], Callable[..., Awaitable[Sequence[Message]]]] = {
        OrderObservedV1: apply_order_batch,
        ProkipObservedV1: apply_observation_batch,
        StockHoldersObservedV1: apply_holder_batch,
    }
    handler = handlers[type(messages[0])]
    async with pool.acquire() as connection, connection.transaction():
        await (recorded(handler) if record else handler)(connection, messages)


def random_batches(seed: int) -> list[list[Message]]:
    """Orders in all their versions, readings old and new, holders that are learned late; of two businesses."""
    dice = random.Random(seed)
    batches: list[list[Message]] = []
    for step in range(120):
        business_id = dice.choice((BUSINESS, BUSINESS, OTHER_BUSINESS))
        draw = dice.random()
        if draw < 0.25:
            quantities = {sku: dice.randint(-5, 50) for sku in dice.sample(SKUS[:-1], 2)}
            batches.append(
                [
                    reading(
                        dice.randint(1, 120),
                        quantities,
                        recorded={"A": dice.randint(0, 4)},
                        complete=step > 60,
                        business_id=business_id,
                    )
                ]
            )
        elif draw < 0.3:
            holder = StockHolder(sku=dice.choice(SKUS), held_by=dice.choice(SKUS))
            batches.append(
                [StockHoldersObservedV1(business_id=business_id, connection_id=dice.randint(1, 3), holders=(holder,))]
            )
        else:
            orders = [random_snapshot(dice, SKUS, orders=25) for _ in range(dice.randint(1, 12))]
            batches.append(
                [order.model_copy(update={"business_id": dice.choice((BUSINESS, business_id))}) for order in orders]
            )
    return batches


def dump(path: Path, messages: Sequence[Message]) -> Path:
    """As a listener on the bus writes it."""
    lines = [json.dumps({"type": message.type, "body": json.loads(message.model_dump_json())}) for message in messages]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


async def compare(url: str, file: Path | None = None) -> tuple[Checked, list[tuple[str, Difference]], list[str]]:
    found: list[tuple[str, Difference]] = []
    notes: list[str] = []
    checked = await rebuild(url, file, lambda source, difference: found.append((source, difference)), notes.append)
    return checked, found, notes


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_long_random_history_comes_to_what_is_held_whatever_it_is_rebuilt_from(
    ledger_url: str, pool: Pool, tmp_path: Path, seed: int
) -> None:
    batches = random_batches(seed)
    for batch in batches:
        await apply(pool, batch, record=True)
    messages = [message for batch in batches for message in batch]
    checked, found, notes = await compare(ledger_url)
    assert (found, notes) == ([], [])
    assert (checked.businesses, checked.messages) == (2, len(messages))
    assert checked.skus == len(await held_stock(pool))
    assert checked.orders == await pool.fetchval("SELECT count(*) FROM inventory.orders") > 30
    assert checked.movements == await pool.fetchval("SELECT count(*) FROM inventory.movement") > 200
    checked, found, _ = await compare(ledger_url, dump(tmp_path / "bus.jsonl", messages))
    assert found == []
    assert (checked.businesses, checked.messages) == (2, len(messages))


KEY = StockKey(BUSINESS, "A", LOCATION)

PLANTED = {
    "units taken that no order holds": (
        "UPDATE inventory.stock SET taken = taken + 1 WHERE business_id = 7 AND sku = 'A'",
        {
            ("movements", "available", "7", "6"),
            ("orders and readings", "taken", "3", "4"),
            ("orders and readings", "available", "7", "6"),
            ("recorded messages", "taken", "3", "4"),
            ("recorded messages", "available", "7", "6"),
        },
    ),
    "units on the wrong store": (
        'UPDATE inventory.stock SET taken_by_connection = \'{"1": "1", "2": "2"}\' WHERE business_id = 7 AND sku = \'A\'',
        {
            (source, figure, expected, held)
            for source in ("orders and readings", "recorded messages")
            for figure, expected, held in (("taken by connection 1", "2", "1"), ("taken by connection 2", "1", "2"))
        },
    ),
    "a base that Prokip never told": (
        "UPDATE inventory.stock SET base = base - 2 WHERE business_id = 7 AND sku = 'A'",
        {
            ("movements", "available", "7", "5"),
            ("orders and readings", "base", "10", "8"),
            ("orders and readings", "available", "7", "5"),
            ("recorded messages", "base", "10", "8"),
            ("recorded messages", "available", "7", "5"),
        },
    ),
    "a movement too many": (
        """INSERT INTO inventory.movement (business_id, sku, location_id, revision, at, reason, delta, balance_after,
        correlation_id) VALUES (7, 'A', 'main', 99, now(), 'prokip', 4, 7, '')""",
        {("movements", "available", "11", "7"), ("movements", "balance after revision 99", "11", "7")},
    ),
    "an order that is gone": (
        "DELETE FROM inventory.orders WHERE business_id = 7 AND order_ref = '2'",
        {
            ("orders and readings", "taken by connection 2", "0", "1"),
            ("orders and readings", "taken", "2", "3"),
            ("orders and readings", "available", "8", "7"),
        },
    ),
    "a stock row that is gone": (
        "DELETE FROM inventory.stock WHERE business_id = 7 AND sku = 'A'",
        {
            ("movements", "available", "7", "0"),
            ("orders and readings", "taken by connection 1", "2", "0"),
            ("orders and readings", "taken by connection 2", "1", "0"),
            ("orders and readings", "taken", "3", "0"),
            ("orders and readings", "available", "-3", "0"),
            ("recorded messages", "taken by connection 1", "2", "0"),
            ("recorded messages", "taken by connection 2", "1", "0"),
            ("recorded messages", "taken", "3", "0"),
            ("recorded messages", "quantity", "10", "None"),
            ("recorded messages", "recorded", "0", "None"),
            ("recorded messages", "base", "10", "0"),
            ("recorded messages", "available", "7", "0"),
        },
    ),
}


@pytest.fixture
async def small(pool: Pool) -> Pool:
    """10 of A in Prokip, 2 sold in one store and 1 in another; and a neighbour who has the same."""
    for business_id in (BUSINESS, OTHER_BUSINESS):
        await apply(pool, [reading(1, {"A": 10, "B": 5}, business_id=business_id)], record=True)
        await apply(
            pool,
            [
                seen("1", 1, line("l", "A", 2), business_id=business_id),
                seen("2", 1, line("l", "A", 1), connection_id=2, business_id=business_id),
            ],
            record=True,
        )
    return pool


@pytest.mark.parametrize("what", PLANTED)
async def test_what_is_spoiled_is_found_and_named_and_nothing_else(ledger_url: str, small: Pool, what: str) -> None:
    statement, expected = PLANTED[what]
    await small.execute(statement)
    checked, found, _ = await compare(ledger_url)
    assert {difference.key for _, difference in found} == {KEY}
    assert {(source, one.figure, plain(one.expected), plain(one.held)) for source, one in found} == expected
    assert checked.differences == len(found)


def plain(number: Decimal | None) -> str:
    return str(number)


async def test_a_record_that_began_after_the_ledger_is_not_replayed_and_says_so(ledger_url: str, pool: Pool) -> None:
    await sell(pool, seen("1", 1, line("l", "A", 2)))
    await apply(pool, [reading(1, {"A": 10})], record=True)
    checked, found, notes = await compare(ledger_url)
    assert (found, checked.messages) == ([], 0)
    assert re.fullmatch(
        r"business 7: its messages are recorded since .* UTC, after .*; they are not replayed", " ".join(notes)
    )


async def test_the_ledger_goes_on_while_it_is_rebuilt_and_is_seen_at_one_moment(ledger_url: str, pool: Pool) -> None:
    for batch in random_batches(4):
        await apply(pool, batch, record=True)
    stop = asyncio.Event()

    async def go_on_selling() -> int:
        number = 0
        while not stop.is_set():
            number += 1
            await apply(pool, [seen(f"more-{number}", 1, line("l", "A", 1))], record=True)
        return number

    selling = asyncio.create_task(go_on_selling())
    try:
        for _ in range(3):
            assert (await compare(ledger_url))[1] == []
    finally:
        stop.set()
    assert await selling > 1


async def test_recorded_messages_are_never_changed(small: Pool) -> None:
    for statement in ("UPDATE inventory.recorded_messages SET messages = 0", "DELETE FROM inventory.recorded_messages"):
        with pytest.raises(Exception, match="append-only"):
            await small.execute(statement)


async def test_a_message_that_fails_is_not_recorded(pool: Pool) -> None:
    with pytest.raises(Exception, match="beyond"):
        await apply(pool, [seen("1", 1, line("l", "A", 10**12))], record=True)
    assert await pool.fetchval("SELECT count(*) FROM inventory.recorded_messages") == 0


async def run_command(url: str, *arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "inventory",
        "rebuild",
        *arguments,
        env={"PATH": os.environ["PATH"], **({"DATABASE_URL": url} if url else {})},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_the_command_ends_with_0_where_nothing_differs_and_with_1_naming_the_sku(
    ledger_url: str, pool: Pool, tmp_path: Path
) -> None:
    messages = [reading(1, {"A": 10}), seen("1", 1, line("l", "A", 2))]
    await read(pool, messages[0])  # type: ignore[arg-type]  # the list holds both kinds
    await sell(pool, messages[1])  # type: ignore[arg-type]  # as above
    file = dump(tmp_path / "bus.jsonl", messages)
    code, out, _ = await run_command(ledger_url)
    assert (code, out) == (0, "differences: 0 (businesses 1, SKUs 1, movements 2, orders 1, messages 0)\n")
    code, out, _ = await run_command(ledger_url, "--messages", str(file))
    assert (code, out) == (0, "differences: 0 (businesses 1, SKUs 0, movements 0, orders 0, messages 2)\n")
    await pool.execute("UPDATE inventory.stock SET quantity = 9 WHERE sku = 'A'")
    code, out, _ = await run_command(ledger_url, "--messages", str(file))
    assert code == 1
    assert "business 7, SKU 'A' at 'main': quantity is 9, but the messages of bus.jsonl come to 10" in out


async def test_the_command_says_in_one_line_why_it_cannot_compare(ledger_url: str, tmp_path: Path) -> None:
    file = tmp_path / "bus.jsonl"
    file.write_text('{"type": "sale.due.v1", "body": {}}\n\n{"type": "order.observed.v1", "body": {"order": 1}}\n')
    for url, arguments, words in (
        ("", (), "DATABASE_URL: is not set"),
        (ledger_url, ("--messages", str(file)), "line 3 is no message"),
        (ledger_url, ("--messages", str(tmp_path / "none")), "No such file"),
    ):
        code, out, err = await run_command(url, *arguments)
        assert (code, out, len(err.splitlines())) == (2, "", 1)
        assert words in err

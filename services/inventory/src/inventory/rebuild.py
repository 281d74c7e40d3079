"""`python -m inventory rebuild`: stock once more from what is kept of its history, compared with what is held.

It reads only, in one snapshot of the database, one business at a time, and waits for nobody and lets nobody wait.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import asyncpg
from pydantic import Field, ValidationError
from pydantic_core import from_json

from inventory.domain.replay import MOVING_TYPES, Difference, Replay, differences, newest_reading
from inventory.domain.values import StockKey, new_stock
from inventory.reading import plain
from inventory.recording import unpack
from inventory.rows import order_of, stock_of
from prokip_shared.database import Connection, load_queries
from prokip_shared.messages import Message, utc_now
from prokip_shared.settings import Settings, SettingsError, load_settings

QUERIES: Final = load_queries("inventory", "rebuild.sql")
ROWS_AHEAD: Final = 500
BATCHES_AHEAD: Final = 5
EXIT_SAME, EXIT_DIFFERENT, EXIT_CANNOT = 0, 1, 2

Report = Callable[[str, Difference], None]
"""Told of each difference at once, with what the expected figure was rebuilt from."""


class RebuildSettings(Settings):
    database_url: Annotated[str, Field(pattern=r"^postgres(ql)?://")]


class UnreadableRecord(ValueError):
    """A file that is no list of messages; the words name the line."""


@dataclass(slots=True)
class Checked:
    businesses: int = 0
    skus: int = 0
    movements: int = 0
    orders: int = 0
    messages: int = 0
    differences: int = 0


class Rebuild:
    """One comparison, inside a transaction that sees one moment."""

    def __init__(self, connection: Connection, report: Report, note: Callable[[str], None]) -> None:
        self._connection = connection
        self._report = report
        self._note = note
        self.checked = Checked()

    async def from_what_is_held(self) -> None:
        """From movements, order states and newest readings; and from the recorded messages where there are all."""
        for row in await self._connection.fetch(QUERIES["businesses"]):
            business_id = row["id"]
            self.checked.businesses += 1
            await self._from_movements(business_id)
            await self._from_states(business_id)
            if await self._is_recorded_from_its_beginning(business_id):
                await self._from_messages(business_id, self._recorded(business_id), "recorded messages")

    async def from_file(self, path: Path) -> None:
        """From a dump of the bus, which is read once for each business in it. Raises UnreadableRecord."""
        for business_id in sorted({message.business_id for message in messages_in(_lines(path))}):
            self.checked.businesses += 1
            await self._from_messages(business_id, _of_business(path, business_id), f"messages of {path.name}")

    async def _from_movements(self, business_id: int) -> None:
        async for row in self._connection.cursor(QUERIES["balances"], business_id, prefetch=ROWS_AHEAD):
            key = StockKey(business_id, row["sku"], row["location_id"])
            self.checked.skus += 1
            self.checked.movements += row["movements"]
            if row["moved"] != row["available"]:
                self._differs("movements", Difference(key, "available", row["moved"], row["available"]))
            if row["broken"] is not None:
                revision, total, balance = row["broken"]
                self._differs("movements", Difference(key, f"balance after revision {revision}", total, balance))

    async def _from_states(self, business_id: int) -> None:
        """T from each order's newest state, the base from each SKU's newest reading, by the rules of the ledger."""
        replay, at = Replay(keeps_orders=False), utc_now()
        async for row in self._connection.cursor(QUERIES["orders_of"], business_id, prefetch=ROWS_AHEAD):
            self.checked.orders += 1
            replay.hear_standing(order_of(row))
        async for row in self._connection.cursor(QUERIES["stock_of"], business_id, prefetch=ROWS_AHEAD):
            held = stock_of(row)
            reading = newest_reading(held)
            if reading is not None:
                replay.hear(reading, at)
            for difference in differences(held, replay.stock.pop(held.key, None)):
                self._differs("orders and readings", difference)
        self._differ_from_nothing("orders and readings", replay)

    async def _from_messages(self, business_id: int, messages: AsyncIterator[Message], source: str) -> None:
        replay, at = Replay(), utc_now()
        async for message in messages:
            self.checked.messages += 1
            replay.hear(message, at)
        async for row in self._connection.cursor(QUERIES["stock_of"], business_id, prefetch=ROWS_AHEAD):
            held = stock_of(row)
            for difference in differences(held, replay.stock.pop(held.key, None)):
                self._differs(source, difference)
        self._differ_from_nothing(source, replay)

    async def _is_recorded_from_its_beginning(self, business_id: int) -> bool:
        row = await self._connection.fetchrow(QUERIES["recorded_since"], business_id)
        if row is None or row["recorded_at"] is None:
            return False
        if row["moved_at"] is not None and row["moved_at"] < row["recorded_at"]:
            self._note(
                f"business {business_id}: its messages are recorded since {row['recorded_at']:%Y-%m-%d %H:%M:%S} UTC,"
                " after its stock had first moved; they are not replayed"
            )
            return False
        return True

    async def _recorded(self, business_id: int) -> AsyncIterator[Message]:
        query = QUERIES["recorded_messages_of"]
        async for row in self._connection.cursor(query, business_id, prefetch=BATCHES_AHEAD):
            for message in messages_in(unpack(row["lines"])):
                yield message

    def _differ_from_nothing(self, source: str, replay: Replay) -> None:
        for key, expected in sorted(replay.stock.items()):
            for difference in differences(new_stock(key), expected):
                self._differs(source, difference)

    def _differs(self, source: str, difference: Difference) -> None:
        self.checked.differences += 1
        self._report(source, difference)


def messages_in(lines: Iterable[str]) -> Iterator[Message]:
    """The messages that move stock, of lines `{"type": …, "body": …}`. Raises UnreadableRecord."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry = from_json(line)
            kind, body = MOVING_TYPES.get(entry["type"]), entry["body"]
            if kind is not None:
                yield kind.model_validate_json(body) if isinstance(body, str) else kind.model_validate(body)
        except (ValidationError, ValueError, LookupError, TypeError) as error:
            raise UnreadableRecord(f"line {number} is no message: {str(error).splitlines()[0]}") from error


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", newline="\n") as file:
        yield from file


async def _of_business(path: Path, business_id: int) -> AsyncIterator[Message]:
    for message in messages_in(_lines(path)):
        if message.business_id == business_id:
            yield message


async def rebuild(database_url: str, file: Path | None, report: Report, note: Callable[[str], None]) -> Checked:
    """Raises UnreadableRecord, and what asyncpg raises."""
    connection = await asyncpg.connect(database_url, server_settings={"application_name": "prokip-rebuild"})
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            work = Rebuild(connection, report, note)
            await (work.from_what_is_held() if file is None else work.from_file(file))
            return work.checked
    finally:
        await connection.close()


def main(arguments: Sequence[str]) -> int:
    """0: no difference; 1: differences, each on a line of standard output; 2: could not be compared."""
    parser = argparse.ArgumentParser(prog="inventory rebuild", description="rebuild stock from its history and compare")
    parser.add_argument("--messages", type=Path, metavar="FILE", help='replay these JSON lines: {"type": …, "body": …}')
    file = parser.parse_args(arguments).messages
    try:
        settings = load_settings(RebuildSettings, os.environ)
        checked = asyncio.run(rebuild(settings.database_url, file, _print_difference, _print_line))
    except (SettingsError, UnreadableRecord, OSError, asyncpg.PostgresError) as error:
        sys.stderr.write(f"inventory: {error}\n")
        return EXIT_CANNOT
    _print_line(_summary(checked))
    return EXIT_DIFFERENT if checked.differences else EXIT_SAME


def _print_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _print_difference(source: str, difference: Difference) -> None:
    key = difference.key
    expected, held = ("none" if number is None else plain(number) for number in (difference.expected, difference.held))
    _print_line(
        f"business {key.business_id}, SKU {key.sku!r} at {key.location_id!r}: {difference.figure} is {held},"
        f" but the {source} come to {expected}"
    )


def _summary(checked: Checked) -> str:
    return (
        f"differences: {checked.differences} (businesses {checked.businesses}, SKUs {checked.skus}, movements"
        f" {checked.movements}, orders {checked.orders}, messages {checked.messages})"
    )

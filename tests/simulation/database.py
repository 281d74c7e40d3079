"""A Postgres of the mind: the product's named statements, done to dictionaries, under transactions and row locks.

It has the face of an asyncpg pool, so that every storage, the outbox and the consumers run as they are. What a
statement does is written in `statements`; the tests in test_statements.py hold that to the real server.

A transaction reads what is committed and what it wrote itself (READ COMMITTED). A written or locked row belongs to its
transaction until that ends; who waits for it sees it as it is then.
"""

import asyncio
import re
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any, Final, Protocol, TypeAlias

from typing_extensions import override

Key: TypeAlias = Any
Values: TypeAlias = dict[str, Any]
Statement = Callable[..., Awaitable[Sequence[Values]]]

EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)
COPY_ESCAPED: Final = re.compile(r"\\(.)")
COPY_MEANS: Final = {"t": "\t", "n": "\n", "r": "\r"}
COMMAND_TIMEOUT_S: Final = 30.0
"""As `prokip_shared.database` sets it: a statement that waits longer for a lock is given up."""


def copy_of(schema: str, table: str) -> str:
    """The name of what asyncpg writes itself."""
    return f"COPY {schema}.{table}"


def copied_rows(text: str) -> Iterator[list[str | None]]:
    """Postgres' text format of COPY, backwards."""
    for line in text.split("\n"):
        yield [None if field == "\\N" else COPY_ESCAPED.sub(_meant, field) for field in line.split("\t")]


def _meant(escaped: re.Match[str]) -> str:
    return COPY_MEANS.get(escaped[1], escaped[1])


class Row(dict[str, Any]):
    """As an asyncpg record: by name, and its values when unpacked."""

    __slots__ = ()

    @override
    def __iter__(self) -> Iterator[Any]:
        return iter(self.values())


class Gate(Protocol):
    """What stands between a process and everything outside of it: delays, broken connections, its own death."""

    async def pass_to_database(self, place: str) -> None: ...


class Database:
    """Committed rows of one service, who holds which of them, and whom a notification wakes."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.tables: dict[str, dict[Key, Values]] = {}
        self.holders: dict[Key, set[Transaction]] = {}
        self.exclusive: set[Key] = set()
        self.waiting: dict[Key, deque[asyncio.Future[None]]] = {}
        self.listeners: dict[str, list[Callable[[], None]]] = {}
        self._numbers: dict[str, int] = {}

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self._clock())

    def next_number(self, table: str) -> int:
        """An identity column."""
        number = self._numbers[table] = self._numbers.get(table, 0) + 1
        return number

    def committed(self, table: str) -> dict[Key, Values]:
        return self.tables.setdefault(table, {})


class Transaction:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = database.now()
        """Postgres' now(): when the transaction began."""
        self._writes: dict[str, dict[Key, Values | None]] = {}
        self._locks: list[Key] = []
        self._notices: set[str] = set()
        self.ended = False

    def clock(self) -> datetime:
        """Postgres' clock_timestamp()."""
        return self.database.now()

    def get(self, table: str, key: Key) -> Values | None:
        written = self._writes.get(table)
        if written is not None and key in written:
            return written[key]
        return self.database.committed(table).get(key)

    def rows(self, table: str) -> list[tuple[Key, Values]]:
        """Every row, in the order in which they came into the table."""
        committed = self.database.committed(table)
        written = self._writes.get(table)
        if not written:
            return list(committed.items())
        merged: dict[Key, Values | None] = {**committed, **written}
        return [(key, row) for key, row in merged.items() if row is not None]

    def values(self, table: str) -> list[Values]:
        return [row for _, row in self.rows(table)]

    async def lock(self, table: str, keys: Iterable[Key]) -> None:
        """In the order given; waits for others, and gives up as a statement does."""
        for key in keys:
            await self._take((table, key), shared=False)

    async def share(self, table: str, keys: Iterable[Key]) -> None:
        for key in keys:
            await self._take((table, key), shared=True)

    def try_lock(self, table: str, key: Key) -> bool:
        """False where another transaction has it: SKIP LOCKED."""
        return self._try((table, key), shared=False)

    async def put(self, table: str, key: Key, row: Values) -> None:
        await self._take((table, key), shared=False)
        self._writes.setdefault(table, {})[key] = row

    async def change(self, table: str, key: Key, **news: Any) -> None:
        """Some columns of a row that exists."""
        await self._take((table, key), shared=False)
        held = self.get(table, key)
        if held is not None:
            self._writes.setdefault(table, {})[key] = {**held, **news}

    async def delete(self, table: str, key: Key) -> None:
        await self._take((table, key), shared=False)
        self._writes.setdefault(table, {})[key] = None

    def notify(self, channel: str) -> None:
        self._notices.add(channel)

    def commit(self) -> None:
        for table, written in self._writes.items():
            committed = self.database.committed(table)
            for key, row in written.items():
                if row is None:
                    committed.pop(key, None)
                else:
                    committed[key] = row
        self._release()
        for channel in sorted(self._notices):
            for wake in self.database.listeners.get(channel, ()):
                wake()

    def roll_back(self) -> None:
        self._release()

    def _try(self, key: Key, *, shared: bool) -> bool:
        database = self.database
        holders = database.holders.get(key)
        if not holders:
            database.holders[key] = {self}
        elif holders == {self}:
            if not shared:
                database.exclusive.add(key)
            return True
        elif shared and key not in database.exclusive:
            if self in holders:
                return True
            holders.add(self)
        else:
            return False
        if not shared:
            database.exclusive.add(key)
        self._locks.append(key)
        return True

    async def _take(self, key: Key, *, shared: bool) -> None:
        if self.ended:
            raise asyncio.CancelledError
        if self._try(key, shared=shared):
            return
        async with asyncio.timeout(COMMAND_TIMEOUT_S):
            while not self._try(key, shared=shared):
                turn = asyncio.get_running_loop().create_future()
                self.database.waiting.setdefault(key, deque()).append(turn)
                await turn
                if self.ended:
                    raise asyncio.CancelledError

    def _release(self) -> None:
        if self.ended:
            return
        self.ended = True
        database = self.database
        for key in self._locks:
            holders = database.holders[key]
            holders.discard(self)
            if holders:
                continue
            del database.holders[key]
            database.exclusive.discard(key)
            for turn in database.waiting.pop(key, ()):
                if not turn.done():
                    turn.set_result(None)


class Connection:
    """The part of an asyncpg connection that the product uses."""

    def __init__(self, database: Database, gate: Gate, statements: Mapping[str, tuple[str, Statement]]) -> None:
        self._database = database
        self._gate = gate
        self._statements = statements
        self._transaction: Transaction | None = None

    @asynccontextmanager
    async def transaction(self) -> Any:
        if self._transaction is not None:
            raise AssertionError("the stand-in knows no savepoints")
        transaction = self._transaction = Transaction(self._database)
        try:
            yield transaction
            await self._gate.pass_to_database("before commit")
            if transaction.ended:
                raise asyncio.CancelledError
            transaction.commit()
            await self._gate.pass_to_database("after commit")
        finally:
            self._transaction = None
            transaction.roll_back()

    async def fetch(self, sql: str, *arguments: Any) -> list[Row]:
        name, statement = self._statements[sql]
        await self._gate.pass_to_database(name)
        transaction = self._transaction
        if transaction is not None:
            return [Row(row) for row in await statement(transaction, *arguments)]
        alone = Transaction(self._database)
        try:
            rows = await statement(alone, *arguments)
            alone.commit()
        finally:
            alone.roll_back()
        return [Row(row) for row in rows]

    async def execute(self, sql: str, *arguments: Any) -> str:
        await self.fetch(sql, *arguments)
        return ""

    async def fetchrow(self, sql: str, *arguments: Any) -> Row | None:
        rows = await self.fetch(sql, *arguments)
        return rows[0] if rows else None

    async def fetchval(self, sql: str, *arguments: Any) -> Any:
        rows = await self.fetch(sql, *arguments)
        return next(iter(rows[0])) if rows else None

    async def copy_records_to_table(
        self, table: str, *, schema_name: str, columns: Sequence[str], records: Iterable[Sequence[Any]]
    ) -> str:
        rows = [dict(zip(columns, record, strict=True)) for record in records]
        return await self.execute(copy_of(schema_name, table), rows)

    async def copy_to_table(self, table: str, *, schema_name: str, columns: Sequence[str], source: BytesIO) -> str:
        records = copied_rows(source.getvalue().decode())
        return await self.copy_records_to_table(table, schema_name=schema_name, columns=columns, records=records)


class Pool:
    """As many connections as are asked for: how many there may be is no question of right or wrong."""

    def __init__(self, database: Database, gate: Gate, statements: Mapping[str, tuple[str, Statement]]) -> None:
        self.database = database
        self._parts = (database, gate, statements)

    @asynccontextmanager
    async def acquire(self) -> Any:
        yield Connection(*self._parts)

    async def fetch(self, sql: str, *arguments: Any) -> list[Row]:
        return await Connection(*self._parts).fetch(sql, *arguments)

    async def execute(self, sql: str, *arguments: Any) -> str:
        return await Connection(*self._parts).execute(sql, *arguments)

    async def fetchrow(self, sql: str, *arguments: Any) -> Row | None:
        return await Connection(*self._parts).fetchrow(sql, *arguments)

    async def fetchval(self, sql: str, *arguments: Any) -> Any:
        return await Connection(*self._parts).fetchval(sql, *arguments)

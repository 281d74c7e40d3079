"""What all replicas share about a connector account: its tokens and its pace."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import astuple, dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from prokip_poller.domain.pace import PaceState
from prokip_shared.database import Connection, Pool, load_queries


@dataclass(frozen=True, slots=True)
class HeldLogin:
    version: int
    tokens: bytes | None
    refused: str | None
    usable_s: float | None
    """Until they are to be renewed; None: when they are refused."""

    @property
    def due(self) -> bool:
        return self.usable_s is not None and self.usable_s <= 0


@dataclass(frozen=True, slots=True)
class LoginInHand:
    """A login whose row is locked until the transaction ends."""

    held: HeldLogin
    business_id: int
    connection: Connection
    queries: Any

    async def save_tokens(self, sealed: bytes, *, renew_in_s: float | None) -> None:
        await self.connection.execute(self.queries["save_tokens"], self.business_id, sealed, renew_in_s)

    async def save_refusal(self, words: str) -> None:
        await self.connection.execute(self.queries["save_refusal"], self.business_id, words)


@dataclass(frozen=True, slots=True)
class PaceInHand:
    """A pace whose row is locked until the transaction ends."""

    state: PaceState
    now: datetime
    """By the database's clock, which all replicas share."""
    business_id: int
    connection: Connection
    queries: Any

    async def save(self, state: PaceState) -> None:
        await self.connection.execute(
            self.queries["save_pace"], self.business_id, state.next_turn_at, state.closed_until, state.failures
        )


class Logins:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = load_queries("prokip_poller", "accounts.sql")

    async def read(self, business_id: int, version: int) -> HeldLogin | None:
        row = await self._pool.fetchrow(self._queries["read_login"], business_id, version)
        return None if row is None else HeldLogin(**row)

    @asynccontextmanager
    async def exclusive(self, business_id: int, version: int) -> AsyncIterator[LoginInHand]:
        """One at a time over all replicas; whoever waited finds what the one before did."""
        async with self._pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(self._queries["lock_login"], business_id, version)
            yield LoginInHand(HeldLogin(**rows[0]), business_id, connection, self._queries)

    @asynccontextmanager
    async def pace(self, business_id: int) -> AsyncIterator[PaceInHand]:
        async with self._pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(self._queries["lock_pace"], business_id)
            state = dict(rows[0])
            now = state.pop("now")
            yield PaceInHand(PaceState(**state), now, business_id, connection, self._queries)

    async def take_turn(self, business_id: int, known: PaceState, after: PaceState) -> datetime | None:
        """The database's time; None, and nothing is taken, where the pace is not as it was known."""
        states = (astuple(after), astuple(known))
        now: datetime | None = await self._pool.fetchval(self._queries["take_turn"], business_id, *chain(*states))
        return now

    async def forget(self, connection: Connection, business_ids: Collection[int]) -> None:
        """New settings: tokens of the old ones and waits are gone."""
        await connection.execute(self._queries["forget_logins"], list(business_ids))
        await connection.execute(self._queries["forget_paces"], list(business_ids))

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from gateway.domain.accounts import username_key
from prokip_shared.database import Pool, load_queries


@dataclass(frozen=True, slots=True)
class StoredUser:
    id: int
    password_hash: str
    business_id: int | None


@dataclass(frozen=True, slots=True)
class BusinessRow:
    id: int
    name: str


@dataclass(frozen=True, slots=True)
class CallerNames:
    username: str
    business_name: str


@dataclass(frozen=True, slots=True)
class Attempts:
    count: int
    window_left_s: float


class TooManyBusinesses(Exception):
    """The person has as many businesses as one may have."""


class Accounts:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = load_queries("gateway", "accounts.sql")

    async def register(self, username: str, password_hash: str, business_name: str) -> bool:
        """The user and the first business together; False if the name is taken."""
        async with self._pool.acquire() as connection, connection.transaction():
            user_id = await connection.fetchval(
                self._queries["create_user"], username, username_key(username), password_hash
            )
            if user_id is None:
                return False
            await connection.execute(self._queries["create_business"], user_id, business_name)
            return True

    async def user_for_login(self, username: str) -> StoredUser | None:
        row = await self._pool.fetchrow(self._queries["user_for_login"], username_key(username))
        return StoredUser(row["id"], row["password_hash"], row["business_id"]) if row else None

    async def caller(self, user_id: int, business_id: int, session_id: UUID) -> CallerNames | None:
        """None: signed out, or not a member of that business."""
        row = await self._pool.fetchrow(self._queries["caller"], user_id, business_id, session_id)
        return CallerNames(row["username"], row["business_name"]) if row else None

    async def businesses(self, user_id: int) -> Sequence[BusinessRow]:
        rows = await self._pool.fetch(self._queries["businesses_of_user"], user_id)
        return [BusinessRow(row["id"], row["name"]) for row in rows]

    async def create_business(self, user_id: int, name: str, *, businesses_max: int) -> BusinessRow:
        """Raises TooManyBusinesses."""
        async with self._pool.acquire() as connection, connection.transaction():
            if await connection.fetchval(self._queries["count_businesses_of_user"], user_id) >= businesses_max:
                raise TooManyBusinesses
            row = await connection.fetchrow(self._queries["create_business"], user_id, name)
        assert row is not None  # noqa: S101  # the statement always returns what it made
        return BusinessRow(row["id"], row["name"])

    async def revoke_session(self, session_id: UUID, expires_at: datetime) -> None:
        await self._pool.execute(self._queries["revoke_session"], session_id, expires_at)

    async def count_attempt(self, purpose: str, username: str, address: str, *, window_s: float) -> Attempts:
        row = await self._pool.fetchrow(
            self._queries["count_attempt"], _who(purpose, username, address), float(window_s)
        )
        assert row is not None  # noqa: S101  # the statement always returns the count
        return Attempts(row["attempts"], row["window_left_s"])

    async def forget_attempts(self, purpose: str, username: str, address: str) -> None:
        await self._pool.execute(self._queries["forget_attempts"], _who(purpose, username, address))

    async def forget_past(self) -> None:
        await self._pool.execute(self._queries["forget_expired_sessions"])
        await self._pool.execute(self._queries["forget_past_attempts"])


def _who(purpose: str, username: str, address: str) -> bytes:
    """A fixed size whatever was typed, and no list of names and addresses in the database."""
    return hashlib.sha256("\n".join((purpose, username_key(username), address)).encode()).digest()

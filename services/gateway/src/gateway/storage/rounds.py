import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID, uuid4

from prokip_shared.bus.outbox import Outbox
from prokip_shared.database import Connection, Pool, load_queries
from prokip_shared.messages import SyncCompletedV1, SyncRequestedV1

RUNNING_S_MAX = 600.0
"""A round that nobody ended by then is lost, and no longer counts as running."""
ROUNDS_KEPT_DAYS = 30


class TooManyRounds(Exception):
    """The business has as many rounds running as it may."""


@dataclass(frozen=True, slots=True)
class RoundRow:
    id: UUID
    connection_id: int | None
    state: Literal["running", "completed", "failed"]
    detail: str
    connections: list[dict[str, Any]]
    requested_at: datetime
    completed_at: datetime | None


class RoundStore:
    def __init__(self, pool: Pool, outbox: Outbox) -> None:
        self._pool = pool
        self._outbox = outbox
        self._queries = load_queries("gateway", "rounds.sql")

    async def start(
        self, business_id: int, connection_id: int | None, *, correlation_id: str, running_max: int
    ) -> RoundRow:
        """The round and the message that asks for it, together. Raises TooManyRounds."""
        round_id = uuid4()
        async with self._outbox.transaction() as transaction:
            connection = transaction.connection
            await connection.execute(self._queries["lock_rounds_of_business"], business_id)
            running = await connection.fetchval(self._queries["count_running_rounds"], business_id, RUNNING_S_MAX)
            if running >= running_max:
                raise TooManyRounds
            requested_at = await connection.fetchval(
                self._queries["create_round"], round_id, business_id, connection_id
            )
            transaction.say(
                SyncRequestedV1(
                    business_id=business_id,
                    round_id=round_id,
                    connection_id=connection_id,
                    correlation_id=correlation_id,
                )
            )
        return RoundRow(round_id, connection_id, "running", "", [], requested_at, None)

    async def one(self, business_id: int, round_id: UUID) -> RoundRow | None:
        row = await self._pool.fetchrow(self._queries["round_of_business"], business_id, round_id)
        if row is None:
            return None
        fields = dict(row)
        return RoundRow(**fields | {"connections": json.loads(fields["connections"])})

    async def complete(self, connection: Connection, message: SyncCompletedV1, *, now: datetime) -> None:
        await connection.execute(
            self._queries["complete_round"],
            message.round_id,
            message.business_id,
            message.state,
            message.detail,
            json.dumps([store.model_dump(mode="json") for store in message.connections]),
            now,
        )

    async def forget_old(self) -> None:
        await self._pool.execute(self._queries["forget_old_rounds"], ROUNDS_KEPT_DAYS)

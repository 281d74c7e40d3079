"""Rounds that an operator asked for."""

from collections.abc import Sequence
from uuid import UUID

from prokip_shared.database import Connection, Pool, load_queries
from prokip_shared.messages import RoundPart
from store_push.domain.rounds import ConnectionProgress, Round


class RoundStorage:
    def __init__(self) -> None:
        self._queries = load_queries("store_push", "rounds.sql")

    async def request(
        self, connection: Connection, round_id: UUID, business_id: int, connection_id: int | None
    ) -> None:
        await connection.execute(self._queries["request_round"], round_id, business_id, connection_id)

    async def note_parts(self, connection: Connection, parts: Sequence[tuple[int, RoundPart]]) -> None:
        """Pairs of business id and part."""
        await connection.execute(
            self._queries["note_parts"],
            [part.round_id for _, part in parts],
            [business_id for business_id, _ in parts],
            [part.connection_id for _, part in parts],
            [part.part for _, part in parts],
            [part.parts for _, part in parts],
        )

    async def wake(self, connection: Connection) -> None:
        await connection.execute(self._queries["wake_rounds"])

    async def any_under_way(self, pool: Pool) -> bool:
        return bool(await pool.fetchval(self._queries["rounds_under_way"]))

    async def open(self, connection: Connection) -> list[Round]:
        """Locked until the transaction ends."""
        return [Round(**row) for row in await connection.fetch(self._queries["open_rounds"])]

    async def progress(self, connection: Connection, one: Round) -> list[ConnectionProgress]:
        rows = await connection.fetch(
            self._queries["round_connections"], one.business_id, one.connection_id, one.requested_at
        )
        return [ConnectionProgress(**{**row, "attempted": bool(row["attempted"])}) for row in rows]

    async def end(self, connection: Connection, round_id: UUID) -> None:
        await connection.execute(self._queries["end_round"], round_id)

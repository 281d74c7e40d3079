"""Sweeps of the stores' orders: cursors and claims."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import uuid4

from prokip_shared.database import Connection, Pool, load_queries
from store_push.domain.decisions import Swept
from store_push.domain.sweeps import Sweep


class SweepStorage:
    """How far the orders of each store have been read."""

    def __init__(self) -> None:
        self._queries = load_queries("store_push", "sweeps.sql")

    async def start(self, connection: Connection, starts: Mapping[int, datetime]) -> None:
        """For connections that have no sweep yet: from when on, by the store's clock."""
        await connection.execute(self._queries["start_sweeps"], list(starts), list(starts.values()))

    async def want(self, connection: Connection, connection_ids: Sequence[int]) -> None:
        await connection.execute(self._queries["want_sweeps"], connection_ids)

    async def next_in_s(self, pool: Pool, *, pause_s_min: float) -> float | None:
        wait_s: float | None = await pool.fetchval(self._queries["next_sweep_in_s"], pause_s_min)
        return wait_s

    async def claim(self, connection: Connection, *, pause_s_min: float) -> Sweep | None:
        """An unfinished sweep goes on where it was."""
        key = await connection.fetchval(self._queries["lock_sweep"], pause_s_min)
        row = None if key is None else await connection.fetchrow(self._queries["claim_sweep"], pause_s_min, key)
        if row is None:
            return None
        goes_on = row["cursor"] is not None
        return Sweep(
            connection_id=row["connection_id"],
            business_id=row["business_id"],
            location_id=row["location_id"],
            connected_at=row["connected_at"],
            swept_to=row["swept_to"],
            cursor=row["cursor"],
            sweeping_to=row["sweeping_to"],
            consecutive_failures=row["consecutive_failures"],
            begun_at=row["begun_at"] if goes_on else row["claimed_at"],
            correlation_id=uuid4().hex,
            orders=row["orders"] if goes_on else 0,
            unreadable=row["unreadable"] if goes_on else 0,
        )

    async def done(self, connection: Connection, sweep: Sweep, *, next_in_s: float) -> None:
        await connection.execute(
            self._queries["sweep_done"],
            sweep.connection_id,
            sweep.sweeping_to,
            next_in_s,
            sweep.begun_at,
            sweep.orders,
            sweep.unreadable,
        )

    async def pause(
        self, connection: Connection, sweep: Sweep, *, next_in_s: float, failures: int, error: str | None
    ) -> None:
        await connection.execute(
            self._queries["sweep_paused"],
            sweep.connection_id,
            sweep.cursor,
            sweep.sweeping_to,
            next_in_s,
            failures,
            sweep.begun_at,
            sweep.orders,
            sweep.unreadable,
            error,
        )

    async def last_complete(self, connection: Connection, connection_id: int) -> Swept | None:
        row = await connection.fetchrow(self._queries["last_complete_sweep"], connection_id)
        return None if row is None else Swept(row["complete_from"], row["complete_at"], counted=row["counted"])

    async def note_told(
        self, connection: Connection, connection_id: int, order_refs: Sequence[str], told_at: datetime
    ) -> None:
        """Of these orders the ledger is to say that they are counted."""
        await connection.execute(self._queries["note_told"], connection_id, order_refs, told_at)

    async def forget_counted(
        self, connection: Connection, counted: Sequence[tuple[int, str, datetime]], *, settle_s: float
    ) -> None:
        """By connection, order and when it was told. Differences that waited for that are looked at in `settle_s`."""
        columns = [list(column) for column in zip(*counted, strict=True)]
        await connection.execute(self._queries["forget_counted"], *columns)
        connection_ids = sorted({connection_id for connection_id, _, _ in counted})
        await connection.execute(self._queries["look_at_differences"], connection_ids, settle_s)

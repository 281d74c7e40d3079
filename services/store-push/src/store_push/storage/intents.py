"""Writes that are about to leave."""

from collections.abc import Sequence
from datetime import datetime

from prokip_shared.database import Pool, load_queries
from store_push.domain.decisions import PlannedWrite


class IntentStorage:
    """Beside the claim's transaction, because it has to outlive that; so the pool must not be the claims' own."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queries = load_queries("store_push", "intents.sql")

    async def note(self, writes: Sequence[PlannedWrite], now: datetime) -> None:
        """Returns when a crash can no longer undo it; one round trip."""
        await self._pool.execute(
            self._queries["note_intents"],
            [write.listing.listing_id for write in writes],
            [write.shows for write in writes],
            [write.listing.target_taken for write in writes],
            now,
        )

"""Targets and hints: what stock.changed and level.hinted leave behind."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from prokip_shared.arrays import array_literal
from prokip_shared.database import Connection, load_queries


@dataclass(frozen=True, slots=True)
class Target:
    """The newest word on one SKU."""

    business_id: int
    location_id: str
    sku: str
    available: Decimal | None
    revision: int
    taken: dict[int, Decimal]
    correlation_id: str


@dataclass(frozen=True, slots=True)
class Hint:
    """A store says that one of its quantities changed; None: it does not say to what."""

    connection_id: int
    item_ref: str
    place_ref: str | None
    quantity: int | None


class TargetStorage:
    """What stock.changed and level.hinted leave behind."""

    def __init__(self) -> None:
        self._queries = load_queries("store_push", "targets.sql")

    async def enter_businesses(self, connection: Connection, business_ids: Sequence[int]) -> None:
        await connection.execute(self._queries["enter_businesses"], business_ids)

    async def save(self, connection: Connection, targets: Sequence[Target]) -> None:
        """Constant number of statements; targets are unique by business, location and SKU, and sorted so."""
        businesses = [target.business_id for target in targets]
        locations = [target.location_id for target in targets]
        skus = [target.sku for target in targets]
        available = [target.available for target in targets]
        revisions = [target.revision for target in targets]
        taken = [json.dumps({str(key): str(units) for key, units in target.taken.items()}) for target in targets]
        correlations = [target.correlation_id for target in targets]
        await connection.execute(
            self._queries["save_targets"],
            businesses, locations, skus, available, revisions, taken, correlations,
        )  # fmt: skip
        await connection.execute(self._queries["mark_due"], businesses, locations, skus)

    async def sum_locations(self, connection: Connection, business_id: int) -> None:
        """What stores with one unified stock show; the business's listings are locked."""
        await connection.execute(self._queries["sum_locations"], business_id)

    async def note_hints(self, connection: Connection, hints: Sequence[Hint], *, settle_s: float) -> None:
        await self._note(connection, hints, settle_s)

    async def note_levels(self, connection: Connection, hints: Sequence[Hint], *, settle_s: float) -> int:
        """As `note_hints`, for what we have seen ourselves; how many of them are to be looked at again."""
        return int((await self._note(connection, hints, settle_s)).rpartition(" ")[2])

    async def _note(self, connection: Connection, hints: Sequence[Hint], settle_s: float) -> str:
        return await connection.execute(
            self._queries["note_hints"],
            array_literal([hint.connection_id for hint in hints]),
            array_literal([hint.item_ref for hint in hints]),
            array_literal([hint.place_ref for hint in hints]),
            array_literal([hint.quantity for hint in hints]),
            settle_s,
        )

    async def fill(self, connection: Connection, connection_id: int) -> None:
        """For listings that are new or matched anew: the targets that are known already."""
        await connection.execute(self._queries["end_moved_differences"], connection_id)
        await connection.execute(self._queries["fill_targets"], connection_id)
        await connection.execute(self._queries["wake_workers"])

    async def wake_workers(self, connection: Connection) -> None:
        await connection.execute(self._queries["wake_workers"])

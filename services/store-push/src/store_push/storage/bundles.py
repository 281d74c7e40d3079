"""Which SKUs are made of others."""

import json
from collections.abc import Sequence

from prokip_shared.database import Connection, load_queries
from prokip_shared.messages import BundleChangedV1


class BundleStorage:
    def __init__(self) -> None:
        self._queries = load_queries("store_push", "bundles.sql")

    async def save(self, connection: Connection, changes: Sequence[BundleChangedV1]) -> None:
        """One change for each SKU."""
        await connection.execute(
            self._queries["save_bundles"],
            [change.business_id for change in changes],
            [change.sku for change in changes],
            [change.version for change in changes],
            [json.dumps([part.sku for part in change.parts]) for change in changes],
        )

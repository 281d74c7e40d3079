"""bundle.changed: what a SKU is made of, for the words about it."""

from collections.abc import Sequence
from dataclasses import dataclass

from prokip_shared.database import Connection
from prokip_shared.messages import BundleChangedV1, Message
from store_push.storage.bundles import BundleStorage


@dataclass(frozen=True, slots=True)
class BundleHandlers:
    bundles: BundleStorage

    async def follow(self, connection: Connection, batch: Sequence[BundleChangedV1]) -> Sequence[Message]:
        newest = {
            (message.business_id, message.sku): message
            for message in sorted(batch, key=lambda message: message.version)
        }
        await self.bundles.save(connection, list(newest.values()))
        return ()

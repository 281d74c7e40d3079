"""stock.changed, orders.counted, level.hinted and product.hinted: the newest word on many SKUs becomes due listings,
and on many products looks at them, in a few statements a batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from prokip_shared.database import Connection
from prokip_shared.messages import LevelHintedV1, Message, OrdersCountedV1, ProductHintedV1, StockChangedV1
from store_push.domain.listings import QUANTITY_MAX
from store_push.domain.products import ToldProduct, gather_products
from store_push.storage.catalogue import CatalogueStorage
from store_push.storage.product_looks import ProductLookStorage
from store_push.storage.rounds import RoundStorage
from store_push.storage.sweeps import SweepStorage
from store_push.storage.targets import Hint, Target, TargetStorage

QUANTITY_MIN: Final = -QUANTITY_MAX


def newest_targets(batch: Sequence[StockChangedV1 | OrdersCountedV1]) -> list[Target]:
    """One target for each business, location and SKU, in that order: replicas then lock rows in the same order."""
    newest: dict[tuple[int, str, str], Target] = {}
    for message in batch:
        for item in message.items:
            key = (message.business_id, message.location_id, item.sku)
            known = newest.get(key)
            if known is None or known.revision < item.revision:
                newest[key] = Target(
                    *key,
                    available=item.available,
                    revision=item.revision,
                    taken=item.taken,
                    correlation_id=item.correlation_id,
                )
    return [newest[key] for key in sorted(newest)]


def newest_hints(batch: Sequence[LevelHintedV1]) -> list[Hint]:
    """One hint for each item and place: the last one that arrived. Numbers that no store can hold say nothing."""
    newest = {(hint.connection_id, hint.item_ref, hint.place_ref or ""): hint for hint in batch}
    return [
        Hint(hint.connection_id, hint.item_ref, hint.place_ref, _whole(hint.quantity))
        for _, hint in sorted(newest.items())
    ]


def _whole(quantity: Decimal | None) -> int | None:
    if quantity is None or not quantity.is_finite() or not QUANTITY_MIN <= quantity <= QUANTITY_MAX:
        return None
    return int(quantity) if quantity == quantity.to_integral_value() else None


@dataclass(frozen=True, slots=True)
class StockHandlers:
    targets: TargetStorage
    rounds: RoundStorage
    catalogues: CatalogueStorage
    products: ProductLookStorage
    sweeps: SweepStorage
    settle_s: float

    async def mark_due(self, connection: Connection, batch: Sequence[StockChangedV1]) -> Sequence[Message]:
        targets = newest_targets(batch)
        parts = [(message.business_id, message.round) for message in batch if message.round is not None]
        await self._save(connection, targets)
        if parts:
            await self.rounds.note_parts(connection, parts)
            await self.rounds.wake(connection)
        return ()

    async def note_counted(self, connection: Connection, batch: Sequence[OrdersCountedV1]) -> Sequence[Message]:
        """Quantities and what they include, together: a store may be judged by those sweeps from here on."""
        await self._save(connection, newest_targets(batch))
        counted = [
            (message.connection_id, order.order_ref, order.observed_at) for message in batch for order in message.orders
        ]
        if counted:
            await self.sweeps.forget_counted(connection, counted, settle_s=self.settle_s)
        return ()

    async def _save(self, connection: Connection, targets: Sequence[Target]) -> None:
        if targets:
            await self.targets.enter_businesses(connection, sorted({target.business_id for target in targets}))
            await self.targets.save(connection, targets)

    async def note_hints(self, connection: Connection, batch: Sequence[LevelHintedV1]) -> Sequence[Message]:
        """An item that is not known yet is a product that is new: it is looked at where the hint tells of its product,
        else its store's catalogue is read soon.
        """
        await self.targets.note_hints(connection, newest_hints(batch), settle_s=self.settle_s)
        named = sorted({(hint.connection_id, hint.item_ref) for hint in batch if hint.product is None})
        if named:
            await self.catalogues.note_unknown(connection, named)
        await self._note_products(
            connection,
            gather_products((hint.connection_id, hint.product) for hint in batch if hint.product is not None),
        )
        return ()

    async def note_products(self, connection: Connection, batch: Sequence[ProductHintedV1]) -> Sequence[Message]:
        await self._note_products(connection, gather_products((hint.connection_id, hint.product) for hint in batch))
        return ()

    async def _note_products(self, connection: Connection, told: Sequence[ToldProduct]) -> None:
        """What a store says of a product as we know it, as after each of our own writes, ends here."""
        if told:
            await self.products.note(connection, told)

"""One example per message class, with every field set to something that says what it is."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from prokip_shared.messages import (
    BundleChangedV1,
    BundlePart,
    ConnectionChangedV1,
    ConnectionHealthChangedV1,
    ConnectionRedactedV1,
    ConnectionUninstalledV1,
    CountedOrder,
    DriftFoundV1,
    LevelHintedV1,
    ListingPushedV1,
    Message,
    Observation,
    OrderLine,
    OrderObservedV1,
    OrdersCountedV1,
    OrderSnapshot,
    ProductHint,
    ProductHintedV1,
    ProductItem,
    ProkipHeldV1,
    ProkipObservedV1,
    PushedListing,
    RoundPart,
    SaleDueV1,
    SaleLine,
    SaleRecordedV1,
    StockChangedV1,
    StockHolder,
    StockHoldersObservedV1,
    StockItem,
    StockOversoldV1,
    SyncCompletedV1,
    SyncedConnection,
    SyncRequestedV1,
)

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
ROUND_ID = UUID("aaaaaaaa-0000-4000-8000-000000000001")
CORRELATION = "c0ffee00c0ffee00c0ffee00c0ffee00"
COMMON: dict[str, Any] = {
    "message_id": UUID("00000000-0000-4000-8000-000000000007"),
    "correlation_id": CORRELATION,
    "business_id": 7,
}
PRODUCT = ProductHint(
    product_ref="44",
    items_count=2,
    items=(
        ProductItem(item_ref="4401", sku="MUG-RED", tracked=True),
        ProductItem(item_ref="4402", sku=None, tracked=None),
    ),
)
PART = RoundPart(round_id=ROUND_ID, connection_id=3, part=1, parts=2)

EXAMPLES: tuple[Message, ...] = (
    OrderObservedV1(
        **COMMON,
        connection_id=3,
        location_id="12",
        source="webhook",
        observed_at=AT,
        predates_connection=False,
        order=OrderSnapshot(
            order_ref="1001",
            order_number="#1001",
            status="processing",
            created_at=AT,
            modified_at=AT,
            lines=(
                OrderLine(
                    line_ref="1", sku="MUG-RED", ordered=Decimal(2), taken=Decimal(2), unit_price=Decimal("9.90")
                ),
                OrderLine(line_ref="2", sku=None, ordered=Decimal("0.5"), taken=Decimal(0)),
            ),
            partial=False,
        ),
        topic="orders/updated",
    ),
    LevelHintedV1(
        **COMMON,
        connection_id=3,
        item_ref="4401",
        place_ref="55",
        quantity=Decimal(98),
        observed_at=AT,
        product=PRODUCT,
    ),
    ProductHintedV1(**COMMON, connection_id=3, product=PRODUCT, observed_at=AT),
    ConnectionRedactedV1(**COMMON, connection_id=3),
    ConnectionUninstalledV1(**COMMON, connection_id=3, reason="app/uninstalled"),
    ConnectionChangedV1(**COMMON, connection_id=3, change="paused"),
    SyncRequestedV1(**COMMON, round_id=ROUND_ID, connection_id=None),
    ProkipHeldV1(
        **COMMON,
        location_id="12",
        read_id=88,
        state="held",
        skus=40,
        detail="40 of 40 SKUs would fall to zero.",
    ),
    ProkipObservedV1(
        **COMMON,
        location_id="12",
        sequence=42,
        items=(Observation(sku="MUG-RED", quantity=Decimal("96.5"), recorded=Decimal(4)),),
        first_read_complete=True,
        round=PART,
    ),
    StockChangedV1(
        **COMMON,
        location_id="12",
        items=(
            StockItem(
                sku="MUG-RED",
                available=Decimal("96.5"),
                revision=17,
                taken={3: Decimal(2), 4: Decimal(0)},
                correlation_id=CORRELATION,
            ),
            StockItem(sku="MUG-BLUE", available=None, revision=1, taken={}, correlation_id=CORRELATION),
        ),
        round=PART,
    ),
    OrdersCountedV1(
        **COMMON,
        connection_id=3,
        location_id="12",
        orders=(CountedOrder(order_ref="1001", observed_at=AT),),
        items=(
            StockItem(
                sku="MUG-RED",
                available=Decimal("96.5"),
                revision=17,
                taken={3: Decimal(2), 4: Decimal(0)},
                correlation_id=CORRELATION,
            ),
        ),
    ),
    SaleDueV1(
        **COMMON,
        connection_id=3,
        location_id="12",
        order_ref="1001",
        order_number="#1001",
        status="processing",
        sold_at=AT,
        revision=2,
        lines=(SaleLine(sku="MUG-RED", units=Decimal(2), unit_price=Decimal("9.90"), stock_revision=17),),
    ),
    SaleRecordedV1(
        **COMMON,
        connection_id=3,
        location_id="12",
        order_ref="1001",
        revision=2,
        state="recorded",
        prokip_sell_id="8812",
        detail="",
    ),
    StockOversoldV1(**COMMON, location_id="12", sku="MUG-RED", available=Decimal(-1)),
    BundleChangedV1(
        **COMMON,
        sku="BREAKFAST",
        version=4,
        parts=(
            BundlePart(sku="MUG-BLUE", quantity=Decimal("0.5")),
            BundlePart(sku="MUG-RED", quantity=Decimal(2)),
        ),
    ),
    StockHoldersObservedV1(**COMMON, connection_id=3, holders=(StockHolder(sku="SHIRT-M", held_by="SHIRT"),)),
    ListingPushedV1(
        **COMMON,
        connection_id=3,
        pushed_at=AT,
        listings=(
            PushedListing(
                listing_id=9,
                sku="MUG-RED",
                target=Decimal(96),
                revision=17,
                outcome="written",
                expected=Decimal(98),
                detail="",
                correlation_id=CORRELATION,
            ),
        ),
    ),
    DriftFoundV1(
        **COMMON, connection_id=3, sku="MUG-RED", expected=Decimal(96), shown=Decimal(95), cause="edited in the store"
    ),
    ConnectionHealthChangedV1(
        **COMMON, connection_id=3, health="throttled", since=AT, detail="The store asks to wait 2 s."
    ),
    SyncCompletedV1(
        **COMMON,
        round_id=ROUND_ID,
        state="completed",
        detail="",
        connections=(SyncedConnection(connection_id=3, state="confirmed", listings=120, detail=""),),
    ),
)

"""The ledger's words as they travel: orders in, what it says out; pure but for the ids.

Read and written without the message classes, which cost more than the decision between. Tests hold every form to its
class, byte for byte.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, TypeVar
from uuid import UUID

import msgspec

from inventory.domain.observed import OrderObserved
from inventory.domain.shelves import items_of
from inventory.domain.values import (
    Bundle,
    CountedOrder,
    Decision,
    SaleDue,
    SaleLine,
    StockChanged,
    StockItem,
    StockKey,
    StockOversold,
    StockRow,
    SweptOrders,
)
from prokip_shared.messages import Encoded, Message, OrdersCountedV1, SaleDueV1, StockChangedV1, StockOversoldV1

ID_BITS: Final = 128

V = TypeVar("V")


def _name(message: type[Message]) -> str:
    return str(message.model_fields["type"].default)


SALE_DUE: Final = _name(SaleDueV1)
STOCK_CHANGED: Final = _name(StockChangedV1)
STOCK_OVERSOLD: Final = _name(StockOversoldV1)
ORDERS_COUNTED: Final = _name(OrdersCountedV1)

_decode_orders = msgspec.json.Decoder(list[OrderObserved]).decode
_encode = msgspec.json.Encoder(decimal_format="string").encode


def read_orders(body: bytes) -> list[OrderObserved]:
    """The messages of a bundle. Raises ValueError for a body that is not made of them."""
    orders = _decode_orders(body)
    for order in orders:
        for line in order.order.lines:
            price = line.unit_price
            if not (line.ordered.is_finite() and line.taken.is_finite() and (price is None or price.is_finite())):
                raise ValueError("a quantity or price that is no number")
    return orders


def tell(decision: Decision) -> list[Encoded]:
    return [
        *_told(STOCK_CHANGED, _stock_changed, decision.changes),
        *_told(SALE_DUE, _sale_due, decision.due),
        *_told(STOCK_OVERSOLD, _stock_oversold, decision.oversold),
    ]


def _told(name: str, form: Callable[[V, str], msgspec.Struct], values: Sequence[V]) -> list[Encoded]:
    ids = _new_ids(len(values))
    if not values:
        return []
    return [Encoded(name, [_encode(form(value, new_id)) for value, new_id in zip(values, ids, strict=True)])]


class _SaleDue(msgspec.Struct, gc=False):
    message_id: str
    correlation_id: str
    business_id: int
    type: str
    connection_id: int
    location_id: str
    order_ref: str
    order_number: str
    status: str
    sold_at: datetime
    revision: int
    lines: list[SaleLine]


def _sale_due(said: SaleDue, message_id: str) -> _SaleDue:
    order = said.order
    key = order.key
    return _SaleDue(
        message_id,
        said.correlation_id,
        key.business_id,
        SALE_DUE,
        key.connection_id,
        order.location_id,
        key.order_ref,
        order.order_number,
        order.status,
        order.sold_at,
        order.revision,
        said.lines,
    )


class _RoundPart(msgspec.Struct, gc=False):
    round_id: UUID
    connection_id: int | None
    part: int
    parts: int


class _StockChanged(msgspec.Struct, gc=False):
    message_id: str
    correlation_id: str
    business_id: int
    type: str
    location_id: str
    items: list[StockItem]
    round: _RoundPart | None


def _stock_changed(said: StockChanged, message_id: str) -> _StockChanged:
    part = said.round
    return _StockChanged(
        message_id,
        said.correlation_id,
        said.location.business_id,
        STOCK_CHANGED,
        said.location.location_id,
        said.items,
        None if part is None else _RoundPart(part.round_id, part.connection_id, part.part, part.parts),
    )


class _OrdersCounted(msgspec.Struct, gc=False):
    message_id: str
    correlation_id: str
    business_id: int
    type: str
    connection_id: int
    location_id: str
    orders: list[CountedOrder]
    items: list[StockItem]


def tell_counted(
    answers: Sequence[SweptOrders], stock: Mapping[StockKey, StockRow], bundles: Sequence[Bundle]
) -> list[Encoded]:
    """What sweeps told is in the stock, as it is now. `bundles`: those of the named SKUs that are some."""

    def form(said: SweptOrders, message_id: str) -> _OrdersCounted:
        named = [key for key in said.stock_keys() if key in stock and stock[key].revision]
        location = said.location
        return _OrdersCounted(
            message_id,
            said.correlation_id,
            location.business_id,
            ORDERS_COUNTED,
            said.connection_id,
            location.location_id,
            said.orders,
            items_of(stock, named, bundles, said.correlation_id),
        )

    return _told(ORDERS_COUNTED, form, answers)


class _StockOversold(msgspec.Struct, gc=False):
    message_id: str
    correlation_id: str
    business_id: int
    type: str
    location_id: str
    sku: str
    available: Decimal


def _stock_oversold(said: StockOversold, message_id: str) -> _StockOversold:
    key = said.key
    return _StockOversold(
        message_id,
        said.correlation_id,
        key.business_id,
        STOCK_OVERSOLD,
        key.location_id,
        key.sku,
        said.available,
    )


def _new_ids(number: int) -> list[str]:
    """Version 4 UUIDs without a system call and an object each: one random beginning, and numbers from there.

    They are names, no keys, and only have to differ.
    """
    digits = f"{random.getrandbits(ID_BITS):032x}"  # guards nothing
    head, first = f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-", int(digits[21:], 16)
    return [f"{head}{count:012x}" for count in range(first, first + number)]

"""The project's own dialect for stores without a platform: `{orderId, sku, quantity, status}`.

`quantity` is the total of that order and SKU in that status, a state and no difference: telling it twice changes
nothing. Sold and returned units are two lines of one order, so either may be told first.
"""

from decimal import Decimal
from typing import Any, Final, TypedDict

from prokip_shared.messages import OrderSnapshot
from prokip_shared.platforms.webhooks import (
    Meaning,
    OrderFields,
    OrderSeen,
    UnusableWebhook,
    keep_scalars,
    line_fields,
    read_object,
    read_quantity,
    read_reference,
    read_sku,
)

HEADER_STORE: Final = "X-Prokip-Store"
HEADER_SIGNATURE: Final = "X-Prokip-Signature"
TOPIC: Final = "order"
"""The dialect has one kind of message; the name appears in metrics and parked rows."""
TOPICS: Final = frozenset({TOPIC})


class Body(TypedDict, total=False):
    """What is looked at in a body, for a decoder that need not build the rest; a body may be of any other form."""

    orderId: Any
    sku: Any
    quantity: Any
    status: Any


_FIELDS: Final = ("orderId", "sku", "quantity", "status")


def read_webhook(_topic: str, payload: Any) -> Meaning:
    """Raises UnusableWebhook."""
    return OrderSeen(read_fields(payload))


def read_order(payload: Any) -> OrderSnapshot:
    """A partial snapshot: the order's other lines keep their state. Raises UnusableWebhook."""
    return OrderSnapshot.model_validate(read_fields(payload))


def read_fields(payload: Any) -> OrderFields:
    """As `read_order`, ready to be encoded."""
    body = read_object(payload, "the body")
    order_ref = read_reference(body.get("orderId"), "orderId")
    sku = read_sku(body.get("sku"), "sku")
    if sku is None:
        raise UnusableWebhook("sku is missing")
    units = read_quantity(body.get("quantity"), "quantity")
    if units < 0:
        raise UnusableWebhook("quantity is negative")
    status = body.get("status")
    if status == "completed":
        line = line_fields(line_ref=f"{sku}#sold", sku=sku, ordered=units, taken=units)
    elif status == "refunded":
        line = line_fields(line_ref=f"{sku}#returned", sku=sku, ordered=Decimal(0), taken=-units)
    else:
        raise UnusableWebhook("status is neither completed nor refunded")
    return {
        "order_ref": order_ref,
        "order_number": order_ref,
        "status": status,
        "created_at": None,
        "modified_at": None,
        "lines": [line],
        "partial": True,
    }


def project(payload: Any) -> dict[str, Any]:
    """The four fields of the dialect: all that is ever kept of a body."""
    return keep_scalars(payload, _FIELDS)

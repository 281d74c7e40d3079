"""What the other services answer, in the words of the public API."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from gateway.domain.operations import (
    SETTLED_STATES,
    SaleKey,
    explain_in_words,
    explain_listing,
    listing_name,
    listing_status,
    summarise_parked,
)
from gateway.models.connections import Listing
from gateway.models.operations import ParkedMessage, PulledProduct, ServiceName
from gateway.models.prokip import ProkipState
from gateway.models.sales import Sale, SaleRecord
from gateway.models.stock import Explanation, ExplanationPart, Movement, Push, StockAt, StockRow, StoreListing

Told = Mapping[str, Any]


def stock_row_of(row: Told) -> StockRow:
    return StockRow.model_validate({**row, "updated_at": row["changed_at"]})


def movement_of(row: Told) -> Movement:
    renamed = {"id": row["revision"], "cause": row["reason"], "balance": row["balance_after"]}
    return Movement.model_validate({**row, **renamed})


def stock_at_of(told: Told) -> StockAt:
    movement = told["movement"]
    return StockAt.model_validate({**told, "movement": None if movement is None else movement_of(movement)})


def store_listing_of(row: Told) -> StoreListing:
    more = {"name": listing_name(row), "detail": row["reason"] or "", "sentence": explain_listing(row)}
    return StoreListing.model_validate({**row, **more})


def explanation_of(told: Told, posting: frozenset[SaleKey]) -> Explanation:
    """`posting`: the orders of which Prokip is being told right now."""
    parts = [
        ExplanationPart(
            label="",
            quantity=order["units"],
            connection_id=order["connection_id"],
            order_ref=order["order_ref"],
            order_number=order["order_number"],
            prokip_state="posting"
            if SaleKey(order["connection_id"], order["order_ref"]) in posting and order["sale_state"] == "due"
            else order["sale_state"],
            open=order["sale_state"] not in SETTLED_STATES,
            detail=order["sale_detail"],
            bundle_units=order["bundle_units"],
            bundle_skus=order["bundle_skus"],
        )
        for order in told["orders"]
    ]
    earlier_units = Decimal(told["earlier_orders_units"])
    if earlier_units:
        parts.append(ExplanationPart(label="Earlier orders", quantity=earlier_units))
    more = {"prokip_quantity": told["quantity"], "parts": parts, "sentence": explain_in_words(told)}
    return Explanation.model_validate({**told, **more})


def push_of(row: Told) -> Push:
    return Push.model_validate({**row, "target": row["sent"], "detail": row["detail"] or ""})


def listing_of(row: Told) -> Listing:
    renamed = {"name": listing_name(row), "confirmed": row["believed"], "detail": row["reason"] or ""}
    return Listing.model_validate({**row, **renamed})


def pulled_product_of(row: Told) -> PulledProduct:
    return PulledProduct(
        sku=row["sku"],
        name=listing_name(row),
        price=row["price"],
        quantity=row["believed"],
        status=listing_status(row),
    )


def sales_of(order: Told) -> list[Sale]:
    """One row per SKU: two lines of one SKU are one sale of it."""
    units: defaultdict[str | None, Decimal] = defaultdict(Decimal)
    for line in order["lines"]:
        units[line["sku"]] += Decimal(line["taken"])
    return [
        Sale(
            id=f"{SaleKey(order['connection_id'], order['order_ref']).encode()}.{number}",
            at=order["sold_at"],
            connection_id=order["connection_id"],
            order_ref=order["order_ref"],
            order_number=order["order_number"],
            status=order["status"],
            sku=sku,
            units=held,
            prokip_state=order["sale_state"],
            prokip_sell_id=order["prokip_sell_id"],
            detail=order["sale_detail"] or "",
        )
        for number, (sku, held) in enumerate(units.items())
    ]


def sale_record_of(row: Told) -> SaleRecord:
    renamed = {
        "id": SaleKey(row["connection_id"], row["order_ref"]).encode(),
        "at": row["changed_at"],
        "detail": row["detail"] or "",
    }
    return SaleRecord.model_validate({**row, **renamed})


def parked_message_of(service: ServiceName, row: Told) -> ParkedMessage:
    return ParkedMessage.model_validate(
        {**row, "service": service, "id": str(row["id"]), "summary": summarise_parked(row["type"], row["body"])}
    )


def prokip_state_of(locations: Sequence[Told], location_id: str) -> ProkipState | None:
    """The location of the settings; sales in trouble are counted wherever they are."""
    found = next((location for location in locations if location["location_id"] == location_id), None)
    if found is None:
        return None
    return ProkipState(
        last_read_at=found["last_read_at"],
        last_error=found["reason"] if found["health"] != "healthy" and found["reason"] else None,
        next_read_at=found["next_read_at"],
        first_read_complete=found["first_read_complete"],
        skus=found["skus"],
        sales_in_doubt=sum(location["sales"].get("in_doubt", 0) for location in locations),
        sales_refused=sum(location["sales"].get("refused", 0) for location in locations),
        held_reads=held_reads_in(locations),
        held_back_skus=sum(location["held_back_skus"] for location in locations),
        left_alone=_left_alone_in(locations),
    )


def held_reads_in(locations: Sequence[Told]) -> int:
    return sum(location["held_read_id"] is not None for location in locations)


def _left_alone_in(locations: Sequence[Told]) -> dict[str, int]:
    counts: defaultdict[str, int] = defaultdict(int)
    for location in locations:
        for reason, skus in location["left_alone"].items():
            counts[reason] += skus
    return dict(counts)

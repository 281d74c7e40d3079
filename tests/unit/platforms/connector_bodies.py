"""Answers of the connector as both generations of the ERP give them, in the shapes that its source builds."""

import json
from typing import Any

from prokip_shared.platforms.prokip_http import Answer


def answer(body: Any, status: int = 200, *, complete: bool = True, **headers: str) -> Answer:
    """`body`: bytes as they are, anything else as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, content, complete)


def meta(page: int, last_page: int) -> dict[str, Any]:
    return {"current_page": page, "last_page": last_page, "per_page": 100, "total": 100 * last_page, "path": "x"}


def variation(sku: Any, number: int, *details: tuple[Any, Any], **more: Any) -> dict[str, Any]:
    """A row of the list of variations; each detail is a location and its quantity."""
    stock = [
        {"id": number * 10 + n, "location_id": place, "qty_available": quantity, "updated_at": "2026-11-20 10:00:00"}
        for n, (place, quantity) in enumerate(details)
    ]
    return {
        "variation_id": number,
        "product_id": number - 50,
        "variation_name": "",
        "product_name": f"Good {sku}",
        "sku": "0001",
        "sub_sku": sku,
        "type": "single",
        "enable_stock": 1,
        "not_for_selling": 0,
        "sell_price_inc_tax": 100,
        "variation_location_details": stock,
    } | more


def sell(number: int, invoice_no: str, *lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "business_id": 4,
        "location_id": 3,
        "type": "sell",
        "status": "final",
        "invoice_no": invoice_no,
        "source": "prokip-sync",
        "final_total": 20,
        "sell_lines": list(lines),
        "payment_lines": [],
    } | more


def line(number: int, variation_id: int, returned: Any = "0.0000", price: Any = "10.0000") -> dict[str, Any]:
    return {
        "id": number,
        "product_id": variation_id - 50,
        "variation_id": variation_id,
        "quantity": 2,
        "unit_price_inc_tax": price,
        "quantity_returned": returned,
    }


def envelope(message: str) -> dict[str, Any]:
    """An error inside a 200: a whole answer, serialised; its own status is lost."""
    return {"headers": {}, "original": {"error": {"message": message}}, "exception": None}

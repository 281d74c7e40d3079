"""What stores' webhooks tell of products, gathered from a batch of messages."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from prokip_shared.messages import ProductHint


@dataclass(frozen=True, slots=True)
class ToldProduct:
    connection_id: int
    product_ref: str
    items_count: int | None = None
    """None: nobody told how many."""
    items: dict[str, dict[str, str | bool | None]] = field(default_factory=dict)
    """By item_ref: its SKU and whether it is counted."""


def gather_products(hints: Iterable[tuple[int, ProductHint]]) -> list[ToldProduct]:
    """One for each product, sorted. Of an item the last word counts: variations come in messages of their own."""
    found: dict[tuple[int, str], ToldProduct] = {}
    for connection_id, hint in hints:
        key = (connection_id, hint.product_ref)
        known = found.get(key) or ToldProduct(*key)
        count = known.items_count if hint.items_count is None else hint.items_count
        told = {item.item_ref: {"sku": item.sku, "tracked": item.tracked} for item in hint.items}
        kept = {} if hint.items_count == 0 else known.items | told
        found[key] = replace(known, items_count=count, items=kept)
    return [found[key] for key in sorted(found)]

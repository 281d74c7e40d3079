"""In words: why an item of a store is or is not written to."""

from typing import Final, Literal, get_args

from store_push.domain.decisions import REASON_OF_STATE
from store_push.domain.listings import ListingState

MatchKind = Literal[
    "matched",  # in both, and written to
    "only_in_store",  # Prokip does not know the SKU
    "only_in_prokip",  # the store has no item with the SKU
    "no_quantity",  # Prokip knows the SKU and tells no quantity
    "duplicate_sku",
    "no_sku",
    "not_tracked",
    "inactive",
    "held_by_parent",
    "ignored",
    "gone",
]
KINDS: Final[tuple[MatchKind, ...]] = get_args(MatchKind)

WORDS: Final[dict[MatchKind, str]] = {
    "only_in_store": "Not written to: Prokip has no such SKU at this location.",
    "only_in_prokip": "Not written to: this store has no item with this SKU.",
    "no_quantity": "Not written to: Prokip knows this SKU and tells no quantity of it.",
}


def explain_match(
    kind: MatchKind, state: ListingState | None, reason: str, store_sku: str | None, sku: str | None
) -> str:
    """One sentence. `reason` as the listing has it."""
    if kind == "matched":
        linked = "" if store_sku == sku else f" It is {store_sku} in the store and was linked by hand."
        refused = f" The last write was refused: {reason}." if reason else ""
        return f"Written to: it shows what Prokip has of {sku}.{linked}{refused}"
    if kind in WORDS:
        return WORDS[kind]
    why = reason or (REASON_OF_STATE[state] if state is not None else kind)
    return f"Not written to: {why}."

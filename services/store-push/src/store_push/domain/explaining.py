"""In words: why an item of a store is or is not written to."""

from dataclasses import dataclass
from typing import Final, Literal, get_args

from store_push.domain.decisions import REASON_OF_STATE
from store_push.domain.first_quantities import PlanState
from store_push.domain.listings import ListingState
from store_push.domain.rules import Pushing

MatchKind = Literal[
    "matched",  # in both, and written to
    "only_in_store",  # Prokip does not know the SKU
    "only_in_prokip",  # the store has no item with the SKU
    "rule",  # a rule of the SKU has it left alone
    "left_alone",  # Prokip knows the SKU and tells no quantity, for a reason: not tracked, inactive
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


RULES: Final[dict[Pushing, str]] = {
    "on": "",
    "paused": "Not written to: a rule has this SKU paused.",
    "never": "Not written to: a rule says never to write this SKU.",
}


@dataclass(frozen=True, slots=True)
class Match:
    """What is known of one item."""

    kind: MatchKind
    state: ListingState | None
    reason: str
    """As the listing has it."""
    sku: str | None
    store_sku: str | None
    rule: Pushing = "on"
    active: bool = True
    """False: the store is paused."""
    plan: PlanState | None = None
    """Of the store's first quantities."""
    asked: bool = False
    """An operator is to decide about its difference."""
    bundle: bool = False
    """The SKU is made of others."""
    lacks: str | None = None
    """Of a bundle without a number: the part that has none."""


def explain_match(match: Match) -> str:
    """Why an item is, or is not, written to."""
    kind = match.kind
    if kind == "matched":
        linked = f" It is {match.store_sku} in the store and was linked by hand."
        refused = f" The last write was refused: {match.reason}." if match.reason else ""
        said = linked if match.store_sku != match.sku else ""
        what = (
            f"how many of the bundle {match.sku} its parts make" if match.bundle else f"what Prokip has of {match.sku}"
        )
        return f"Written to: it shows {what}.{said}{refused}{_not_now(match)}"
    if kind == "rule":
        return RULES[match.rule]
    if kind == "left_alone":
        return f"Not written to: {match.reason}."
    if kind == "no_quantity" and match.bundle:
        return f"Not written to: {_without_number(match)}."
    if kind in WORDS:
        return WORDS[kind]
    why = match.reason or (REASON_OF_STATE[match.state] if match.state is not None else kind)
    return f"Not written to: {why}."


def _without_number(match: Match) -> str:
    if match.lacks is None:
        return f"{match.sku} is a bundle, and how many of it there are is not known yet"
    return f"{match.sku} is a bundle, and Prokip tells no quantity of its part {match.lacks}"


def _not_now(match: Match) -> str:
    if not match.active:
        return " Not now: the store is paused."
    if match.plan in {"waiting", "held", "refused"}:
        return " Not now: the store's first quantities are not released."
    return " Not now: somebody has to decide about its difference." if match.asked else ""

"""A SKU made of others: sold as its parts, shown as the least of them. See docs/adr/0021-bundles.md."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from decimal import ROUND_FLOOR, Decimal
from typing import Final, NamedTuple

from inventory.domain.values import ZERO, Bundle, Known, Part, Recipe, StockKey, StockRow

PARTS_MAX: Final = 50
BUNDLES_OF_PART_MAX: Final = 200
"""Each change of a part's stock looks at all bundles that it is part of."""
QUANTITY_MAX: Final = Decimal(10_000)
QUANTITY_DECIMALS_MAX: Final = 3
PRICE_STEP: Final = Decimal("0.0001")
"""What Prokip keeps of a price."""
GIVEN_STEPS_MAX: Final = 100


class Made(NamedTuple):
    """How many of a bundle there are."""

    available: Decimal | None
    """Whole bundles; below zero where a part is oversold; None: a part has no quantity."""
    least: str
    """The part that decides: the one that makes the fewest, or that has no quantity."""


def units_made(available: Decimal, quantity: Decimal) -> Decimal:
    """Whole bundles that this much of a part makes, rounded down also below zero."""
    whole, rest = divmod(available, quantity)
    return whole - 1 if rest < 0 else whole


def made_of(parts: Recipe, available_of: Callable[[str], Decimal | None]) -> Made:
    """The least of the parts. Unknown is never zero: one part without a quantity leaves the bundle without one."""
    fewest: Made | None = None
    for part in parts:
        available = available_of(part.sku)
        if available is None:
            return Made(None, part.sku)
        units = units_made(available, part.quantity)
        if fewest is None or fewest.available is None or units < fewest.available:
            fewest = Made(units, part.sku)
    if fewest is None:
        raise ValueError("a bundle is made of something")
    return fewest


def split_price(price: Decimal, parts: Sequence[Part]) -> list[Decimal]:
    """One price a unit for each part, so that the parts of one bundle cost together what the bundle cost.

    Each unit costs the same, rounded down to what Prokip keeps of a price; the part with the smallest quantity takes the
    rest. Where that cannot be shared out evenly, another part gives up some steps until it can. Exact whenever one of the
    quantities is 1, or two have no divisor in common; else right to half a step a unit.
    """
    each = (price / sum((part.quantity for part in parts), ZERO)).quantize(PRICE_STEP, rounding=ROUND_FLOOR)
    taker = min(parts, key=lambda part: (part.quantity, part.sku))
    others = [part for part in parts if part is not taker]
    left = price - sum((part.quantity for part in others), ZERO) * each
    giver, steps = _giver(others, left, taker.quantity, each)
    if giver is not None:
        left += steps * PRICE_STEP * giver.quantity
    prices = {part.sku: each for part in others} | {taker.sku: (left / taker.quantity).quantize(PRICE_STEP)}
    if giver is not None:
        prices[giver.sku] -= steps * PRICE_STEP
    return [prices[part.sku] for part in parts]


def _giver(others: Sequence[Part], left: Decimal, quantity: Decimal, each: Decimal) -> tuple[Part | None, int]:
    """Which part gives up how many steps of its price, so that what is left divides evenly; None: no part has to, or can."""
    if _divides(left, quantity):
        return None, 0
    for other in others:
        for steps in range(1, min(int(quantity), GIVEN_STEPS_MAX) + 1):
            if steps * PRICE_STEP < each and _divides(left + steps * PRICE_STEP * other.quantity, quantity):
                return other, steps
    return None, 0


def _divides(left: Decimal, quantity: Decimal) -> bool:
    return (left / quantity).quantize(PRICE_STEP) * quantity == left


def recipe_of(parts: Mapping[str, Decimal]) -> Recipe:
    """In the one order of its parts."""
    return tuple(Part(sku, quantity) for sku, quantity in sorted(parts.items()))


class Refusal(NamedTuple):
    """Why a SKU cannot be made of these parts."""

    code: str
    words: str


class Around(NamedTuple):
    """What has to be known of a SKU and its parts before it becomes a bundle."""

    held_by_prokip: bool
    """Prokip has told a quantity of the SKU itself, at some location."""
    part_of: Collection[str]
    """Bundles that the SKU is part of."""
    bundles: Collection[str]
    """Those of the parts that are bundles themselves."""
    busiest: int
    """The most bundles that one of the parts is part of, without this one."""


def refusal_of(sku: str, recipe: Recipe, around: Around) -> Refusal | None:
    """None: it can be a bundle."""
    return next(_refusals(sku, recipe, around), None)


def _refusals(sku: str, recipe: Recipe, around: Around) -> Iterator[Refusal]:
    if not recipe:
        yield Refusal("no_parts", "A bundle is made of at least one part.")
    if len(recipe) > PARTS_MAX:
        yield Refusal("too_many_parts", f"A bundle has at most {PARTS_MAX} parts.")
    if any(part.sku == sku for part in recipe):
        yield Refusal("part_of_itself", f"{sku} cannot be a part of itself.")
    if around.held_by_prokip:
        yield Refusal("held_by_prokip", f"Prokip has a quantity of {sku} itself, so it is no bundle.")
    if around.part_of:
        yield Refusal("is_part", f"{sku} is a part of {min(around.part_of)}, and a bundle is not made of bundles.")
    if around.bundles:
        yield Refusal("part_is_bundle", f"{min(around.bundles)} is a bundle, and a bundle is not made of bundles.")
    if around.busiest >= BUNDLES_OF_PART_MAX:
        yield Refusal("too_many_bundles", f"A SKU is part of at most {BUNDLES_OF_PART_MAX} bundles.")


def still_made_so(known: Known, stock: Mapping[StockKey, StockRow], bundles: Sequence[Bundle]) -> bool:
    """Whether the recipes by which orders were counted without a lock are those that the locked stock has."""
    recipes = {bundle.key: bundle.parts for bundle in bundles}
    return all(known.recipes.get(key, ()) == recipes.get(key, ()) for key in known.untold if key in stock)

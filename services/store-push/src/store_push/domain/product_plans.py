"""What to make or change in a store so that it has Prokip's products: decided product by product, before anything is done.

Values that are stored and shown are pydantic models, because a plan lives longer than a process.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from prokip_shared.platforms.store import CatalogueItem, ItemKey
from prokip_shared.platforms.store_products import NewProduct, NewVariant, PriceKey

PlanState = Literal[
    "reading",  # Prokip's products are read and compared; nothing is done
    "ready",  # shown, waits for an operator
    "running",
    "stopped",  # by an operator, somewhere on its way
    "done",
    "undoing",
    "undone",
    "discarded",
]
Action = Literal["create", "update", "leave"]
ItemState = Literal[
    "planned",
    "done",
    "failed",  # the store refused it
    "left",  # nothing is to be done
    "undone",
    "kept",  # could not be undone: somebody changed it since
]
Step = Literal["start", "stop", "undo", "discard"]
STEPS: Final[Mapping[Step, tuple[frozenset[PlanState], PlanState]]] = {
    "start": (frozenset({"ready", "stopped"}), "running"),
    "stop": (frozenset({"running", "undoing"}), "stopped"),
    "undo": (frozenset({"done", "stopped"}), "undoing"),
    "discard": (frozenset({"reading", "ready"}), "discarded"),
}
"""What an operator may say, in which states, and what follows."""
OPEN_STATES: Final[tuple[PlanState, ...]] = ("reading", "ready", "running", "undoing")
WORKING_STATES: Final[tuple[PlanState, ...]] = ("reading", "running", "undoing")
PRICE_MAX: Final = Decimal(10) ** 9

Price = Annotated[Decimal, Field(ge=0, le=PRICE_MAX, decimal_places=4)]
ImageUrl = Annotated[str, Field(pattern=r"^https?://[^\s]+$", max_length=2000)]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ProkipVariation(_Value):
    variation_id: int
    sku: str | None
    name: str
    price: Decimal | None


class ProkipProduct(_Value):
    """As the poller tells it."""

    product_id: int
    name: str
    sku: str | None
    tracked: bool
    inactive: bool
    for_sale: bool
    image_url: str | None
    option: str
    variations: tuple[ProkipVariation, ...]


class Wishes(_Value):
    """What an operator wants of a whole plan."""

    create: bool = True
    """Make products that the store does not have."""
    update: bool = False
    """Write prices over those of products that it has."""
    publish: bool = False
    """False: what is made is a draft that no shopper sees."""
    skus: Annotated[frozenset[str], Field(max_length=1000)] | None = None
    """Only products with one of these; None: all."""
    prices: Annotated[dict[str, Price], Field(max_length=1000)] = Field(default_factory=dict)
    """By SKU, instead of Prokip's."""
    images: Annotated[dict[str, ImageUrl], Field(max_length=1000)] = Field(default_factory=dict)
    """By a SKU of the product, instead of Prokip's."""


class Choice(_Value):
    """What an operator wants of one product instead of what Prokip says."""

    prices: Annotated[dict[str, Price], Field(max_length=2048)] = Field(default_factory=dict)
    """By SKU."""
    image_url: ImageUrl | None = None
    leave: bool = False
    """Do nothing with it."""


class PriceChange(_Value):
    sku: str
    item_ref: str
    parent_ref: str | None
    variant_ref: str | None
    before: Decimal | None
    after: Decimal

    @property
    def key(self) -> PriceKey:
        return PriceKey(ItemKey(self.item_ref, self.parent_ref), self.variant_ref)


class PlannedProduct(_Value):
    """What is to be done with one product."""

    action: Action
    why: str
    product_ref: str | None = None
    """The store's product that is changed."""
    changes: tuple[PriceChange, ...] = ()
    image_url: str | None = None
    """To be made with it, or added to it."""


def is_wanted(product: ProkipProduct, wishes: Wishes) -> bool:
    return wishes.skus is None or any(one.sku in wishes.skus for one in product.variations)


def choice_of(product: ProkipProduct, wishes: Wishes) -> Choice:
    """What the wishes say about this product alone."""
    skus = [one.sku for one in product.variations if one.sku is not None]
    return Choice(
        prices={sku: wishes.prices[sku] for sku in skus if sku in wishes.prices},
        image_url=next((wishes.images[sku] for sku in skus if sku in wishes.images), None),
    )


def plan_product(
    product: ProkipProduct, found: Sequence[CatalogueItem], wishes: Wishes, choice: Choice
) -> PlannedProduct:
    """`found`: every item of the store's catalogue that has one of the product's SKUs."""
    problem = _unfit(product, choice)
    if problem is not None:
        return PlannedProduct(action="leave", why=problem)
    counts = Counter(item.sku for item in found)
    twice = sorted(sku for sku, count in counts.items() if sku is not None and count > 1)
    if twice:
        return _left(f"several items of the store have the SKU {twice[0]}, so it is not known which is meant")
    if len({item.product_ref for item in found}) > 1:
        return _left("its variations belong to several products of the store")
    if not found:
        return _plan_new(product, wishes, choice)
    return _plan_change(product, found, wishes, choice)


def _unfit(product: ProkipProduct, choice: Choice) -> str | None:
    """Why a product is left, whatever the store has."""
    skus = [one.sku for one in product.variations]
    problem = None
    if choice.leave:
        problem = "somebody chose to leave it"
    elif not skus or None in skus or len(set(skus)) < len(skus):
        problem = "not each of its variations has a SKU of its own in Prokip"
    elif product.inactive:
        problem = "it is inactive in Prokip"
    elif not product.for_sale:
        problem = "it is not for sale in Prokip"
    elif not product.tracked:
        problem = "Prokip does not count its stock"
    return problem


def _plan_new(product: ProkipProduct, wishes: Wishes, choice: Choice) -> PlannedProduct:
    if not wishes.create:
        return _left("the store does not have it, and new products are not wanted")
    if not product.name:
        return _left("it has no name in Prokip")
    unpriced = [one.sku for one in product.variations if price_of(one, choice) is None]
    if unpriced:
        return _left(f"Prokip tells no price of {unpriced[0]}; choose one")
    names = [one.name for one in product.variations]
    if len(names) > 1 and (not all(names) or len(set(names)) < len(names)):
        return _left("its variations do not differ in a name")
    image = choice.image_url or product.image_url
    shown = "for everybody to see" if wishes.publish else "as a draft"
    count = "" if len(names) == 1 else f" with {len(names)} variations"
    return PlannedProduct(action="create", why=f"the store does not have it: made{count} {shown}", image_url=image)


def _plan_change(
    product: ProkipProduct, found: Sequence[CatalogueItem], wishes: Wishes, choice: Choice
) -> PlannedProduct:
    by_sku = {item.sku: item for item in found}
    missing = [one.sku for one in product.variations if one.sku not in by_sku]
    partly = f"; the store lacks {', '.join(str(sku) for sku in missing)}, to be added there" if missing else ""
    ref = found[0].product_ref
    if not wishes.update and not choice.prices and choice.image_url is None:
        return PlannedProduct(action="leave", why=f"the store has it{partly}", product_ref=ref)
    changes = tuple(
        change
        for one in product.variations
        if one.sku in by_sku and (change := _price_change(one, by_sku[one.sku], wishes, choice)) is not None
    )
    if ref is None or (not changes and choice.image_url is None):
        return PlannedProduct(action="leave", why=f"the store has it as it should be{partly}", product_ref=ref)
    said = [f"{change.sku} from {_shown(change.before)} to {change.after}" for change in changes[:3]]
    more = f" and {len(changes) - 3} more" if len(changes) > 3 else ""  # noqa: PLR2004  # the three that are named
    image = ["an image is added where there is none"] if choice.image_url is not None else []
    return PlannedProduct(
        action="update",
        why=f"{', '.join([*said, *image])}{more}{partly}",
        product_ref=ref,
        changes=changes,
        image_url=choice.image_url,
    )


def _price_change(
    variation: ProkipVariation, item: CatalogueItem, wishes: Wishes, choice: Choice
) -> PriceChange | None:
    chosen = choice.prices.get(variation.sku or "")
    after = chosen if chosen is not None or not wishes.update else price_of(variation, choice)
    if after is None or after == item.price:
        return None
    return PriceChange(
        sku=variation.sku or "",
        item_ref=item.key.item_ref,
        parent_ref=item.key.parent_ref,
        variant_ref=item.variant_ref,
        before=item.price,
        after=after,
    )


def price_of(variation: ProkipVariation, choice: Choice) -> Decimal | None:
    """The chosen one, or Prokip's, in whole hundredths: stores have no smaller ones."""
    price = choice.prices.get(variation.sku or "", variation.price)
    return None if price is None else round(price, 2)


def new_product(product: ProkipProduct, planned: PlannedProduct, wishes: Wishes, choice: Choice) -> NewProduct:
    """Of a planned `create`."""
    variants = tuple(
        NewVariant(one.sku or "", one.name, price)
        for one in product.variations
        if (price := price_of(one, choice)) is not None
    )
    skus = {variant.sku for variant in variants}
    several = len(variants) > 1
    return NewProduct(
        made_for=str(product.product_id),
        name=product.name,
        sku=product.sku if several and product.sku not in skus else None,
        option=(product.option or "Option") if several else "",
        image_url=planned.image_url,
        published=wishes.publish,
        variants=variants if several else tuple(NewVariant(one.sku, "", one.price) for one in variants),
    )


def _left(why: str) -> PlannedProduct:
    return PlannedProduct(action="leave", why=why)


def _shown(price: Decimal | None) -> str:
    return "no price" if price is None else str(price)

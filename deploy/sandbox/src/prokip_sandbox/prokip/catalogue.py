"""Which products the ERP holds and how they are found: by number, by exact SKU, by what part of a SKU they contain."""

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from prokip_sandbox.catalogue import Good, families
from prokip_sandbox.prokip.fixed import ONE
from prokip_sandbox.prokip.model import Product, ProductType, State, StockRow, Variation
from prokip_sandbox.values import Clock

CENTS = ONE // 100
SELECTIONS_MAX = 32


@dataclass(frozen=True, slots=True)
class NewVariation:
    """`quantities` by location number; a location that is not in it has no stock row. `layers` None: as quantities."""

    sku: str
    quantities: Mapping[int, int] = field(default_factory=dict)
    layers: Mapping[int, int] | None = None
    name: str = ""
    price: int = 100 * ONE


class Catalogue:
    """The products of one business. Whatever changes which rows there are goes through here, so lists can be kept."""

    def __init__(self, state: State, clock: Clock) -> None:
        self._state = state
        self._clock = clock
        self._by_sku: dict[str, int] = {}
        self._by_product: dict[int, list[int]] = {}
        self._selections: dict[Hashable, Sequence[int]] = {}
        self.reindex()

    def reindex(self) -> None:
        """After the state was replaced."""
        self._by_sku.clear()
        self._by_product.clear()
        for variation in self._state.variations.values():
            self._index(variation)
        self._selections.clear()

    def find(self, sku: str) -> Variation | None:
        """By the exact SKU; the first that was made, where several share it."""
        variation_id = self._by_sku.get(sku)
        return None if variation_id is None else self._state.variations[variation_id]

    def variations_of(self, product_id: int) -> list[Variation]:
        known = [self._state.variations[one] for one in self._by_product.get(product_id, ())]
        return [one for one in known if not one.is_deleted]

    def add(
        self,
        variations: Iterable[NewVariation],
        *,
        sku: str | None = None,
        name: str = "",
        kind: ProductType = "single",
        enable_stock: bool = True,
        is_inactive: bool = False,
        not_for_selling: bool = False,
        location_ids: tuple[int, ...] | None = None,
    ) -> Product:
        """A product with its variations. Even product numbers and odd variation numbers can never be mistaken."""
        new = list(variations)
        product_id = 20 + 2 * len(self._state.products)
        product = Product(
            product_id,
            new[0].sku if sku is None else sku,
            name or new[0].sku,
            kind,
            enable_stock,
            is_inactive,
            not_for_selling,
            location_ids,
        )
        self._state.products[product_id] = product
        for one in new:
            self._add_variation(product, one)
        self._selections.clear()
        return product

    def delete(self, variation: Variation) -> None:
        """Softly, as the ERP does: the row stays, nobody is shown it."""
        self._state.variations[variation.id] = variation._replace(is_deleted=True)
        self.reindex()

    def row(self, location_id: int, variation_id: int) -> StockRow:
        """The stock row; made with 0 when there was none, as the ERP does before it writes."""
        rows = self._state.stock[location_id]
        if variation_id not in rows:
            rows[variation_id] = StockRow(0, 0, self._clock())
            self._selections.clear()
        return rows[variation_id]

    def remove_row(self, location_id: int, variation_id: int) -> None:
        """KeyError when there is none."""
        del self._state.stock[location_id][variation_id]
        self._selections.clear()

    def seed(self, goods: Iterable[Good], location_ids: Sequence[int]) -> None:
        """Hold these goods at these locations. A good without a SKU is left out: the ERP gives each product one."""
        for members in families(goods).values():
            named = [good for good in members if good.sku]
            if not named:
                continue
            if named[0].kind == "shared":
                named = [Good(named[0].family, named[0].name, named[0].price_cents, named[0].quantity)]
            if named[0].kind == "variation":
                self._seed_product(named, location_ids, sku=named[0].family, kind="variable")
            else:
                for good in named:
                    self._seed_product([good], location_ids, sku=good.sku, kind="single")

    def select(self, key: Hashable, choose: Callable[[], Sequence[int]]) -> Sequence[int]:
        """What `choose` gives, kept under `key` until the catalogue changes: pages of a large list stay cheap."""
        found = self._selections.pop(key, None)
        if found is None:
            found = choose()
            while len(self._selections) >= SELECTIONS_MAX:
                del self._selections[next(iter(self._selections))]
        self._selections[key] = found  # last again: those longest unused go first
        return found

    def _seed_product(self, goods: Sequence[Good], location_ids: Sequence[int], *, sku: str, kind: ProductType) -> None:
        """What is known already only gets its stock at these locations."""
        new = []
        for good in goods:
            amounts = {} if good.kind == "unmanaged" else dict.fromkeys(location_ids, good.quantity * ONE)
            known = self.find(good.sku)
            if known is None:
                new.append(NewVariation(good.sku, amounts, name=good.option, price=good.price_cents * CENTS))
                continue
            for location_id, amount in amounts.items():
                self.fill(location_id, known.id, amount)
        if new:
            self.add(new, sku=sku, name=goods[0].name, kind=kind, enable_stock=goods[0].kind != "unmanaged")

    def fill(self, location_id: int, variation_id: int, quantity: int) -> None:
        """A delivery or a stock take: purchases cover afterwards just what is there."""
        row = self.row(location_id, variation_id)
        row.quantity, row.layers, row.updated_s = quantity, max(0, quantity), self._clock()

    def _add_variation(self, product: Product, new: NewVariation) -> None:
        variation_id = 301 + 2 * len(self._state.variations)
        variation = Variation(variation_id, product.id, new.sku, new.name, new.price)
        self._state.variations[variation_id] = variation
        for location_id, quantity in new.quantities.items():
            layers = max(0, quantity) if new.layers is None else new.layers.get(location_id, 0)
            self._state.stock[location_id][variation_id] = StockRow(quantity, layers, self._clock())
        self._index(variation)

    def _index(self, variation: Variation) -> None:
        self._by_product.setdefault(variation.product_id, []).append(variation.id)
        if not variation.is_deleted:
            self._by_sku.setdefault(variation.sku, variation.id)


def like(text: str) -> Callable[[str], bool]:
    """SQL's `LIKE '%text%'` under the usual collation: any case, `%` and `_` inside the text are wildcards."""
    if not {"%", "_"} & set(text):
        folded = text.casefold()
        return lambda value: folded in value.casefold()
    pattern = re.compile(re.escape(text).replace("%", ".*").replace("_", "."), re.IGNORECASE | re.DOTALL)
    return lambda value: pattern.search(value) is not None

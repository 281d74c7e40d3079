"""The goods that every simulated store and the simulated Prokip hold: made from a number and a seed, always the same."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

OPTIONS = ("S", "M", "L")
GROUP_SIZE = 20  # how many goods one round of kinds makes


@dataclass(frozen=True, slots=True)
class Good:
    """One thing that can be sold.

    kind: `simple`; `variation` with its own stock in product `family`; `shared`, a variation whose stock is that of
    product `family`, counted under the SKU `family`; `unmanaged`, sold without counting.
    """

    sku: str  # may be empty: stores allow goods without one
    name: str
    price_cents: int
    quantity: int
    kind: Literal["simple", "variation", "shared", "unmanaged"] = "simple"
    family: str = ""
    option: str = ""

    @property
    def stock_sku(self) -> str:
        """The SKU that its units are counted under; empty when they are not counted or cannot be named."""
        if self.kind == "unmanaged":
            return ""
        return self.family if self.kind == "shared" else self.sku


def make_goods(count: int, *, seed: int = 0, quantity: int = 100, simple_only: bool = False) -> list[Good]:
    """`count` goods: mostly simple, some variations, a shared stock, one without SKU, one unmanaged in every twenty."""
    rng = random.Random(seed)  # noqa: S311 - the same goods every time
    goods: list[Good] = []
    while len(goods) < count:
        goods.extend(_group(len(goods), rng, quantity, simple_only=simple_only))
    return goods[:count]


def stock_by_sku(goods: Iterable[Good]) -> dict[str, int]:
    """What an ERP would hold of these goods."""
    return {good.stock_sku: good.quantity for good in goods if good.stock_sku}


def families(goods: Iterable[Good]) -> dict[str, list[Good]]:
    """Goods by product: each simple or unmanaged one alone, variations together, in the order given."""
    grouped: dict[str, list[Good]] = {}
    for good in goods:
        grouped.setdefault(good.family or f"{good.sku}/{good.name}", []).append(good)
    return grouped


def _group(start: int, rng: random.Random, quantity: int, *, simple_only: bool) -> Sequence[Good]:
    number = start // GROUP_SIZE + 1
    price_cents = rng.randrange(100, 20_000, 50)
    simple = [
        Good(f"SKU-{start + n:04d}", f"Simple {start + n:04d}", rng.randrange(100, 20_000, 50), quantity)
        for n in range(1, GROUP_SIZE + 1)
    ]
    if simple_only:
        return simple
    own = [
        Good(
            f"VAR-{number:03d}-{o}",
            f"Variable {number} - {o}",
            price_cents,
            quantity,
            "variation",
            f"VAR-{number:03d}",
            o,
        )
        for o in OPTIONS
    ]
    shared = [
        Good(f"PAR-{number:03d}-{o}", f"Shared {number} - {o}", price_cents, quantity, "shared", f"PAR-{number:03d}", o)
        for o in OPTIONS
    ]
    rest = [
        Good("", f"No SKU {number}", price_cents, quantity),
        Good(f"FREE-{number:03d}", f"Unmanaged {number}", price_cents, 0, "unmanaged"),
    ]
    return [*simple[: GROUP_SIZE - 8], *own, *shared, *rest]

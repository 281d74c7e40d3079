"""What is asked of Prokip for one step of an order, and under which name it can be found again."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, TypeAlias

from prokip_poller.domain.sales import ZERO, GiveBack, RecordSale, Sell, Step
from prokip_shared.platforms.prokip import Goods, ReturnedItem, Sale, SoldItem

PRICE_STEP: Final = Decimal("0.0001")
"""What an ERP keeps of a price."""
ORDER_CHARACTERS_MAX: Final = 64
SAFE_ORDER: Final = re.compile(rf"[A-Za-z0-9._-]{{1,{ORDER_CHARACTERS_MAX}}}")
UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class DueLine:
    """One line of an order as Prokip should know it."""

    sku: str
    units: Decimal
    unit_price: Decimal | None


@dataclass(frozen=True, slots=True)
class Return:
    sell_id: str
    items: Sequence[ReturnedItem]


Request: TypeAlias = Sale | Return


def due_units(lines: Sequence[DueLine]) -> dict[str, Decimal]:
    due: dict[str, Decimal] = {}
    for line in lines:
        due[line.sku] = due.get(line.sku, ZERO) + line.units
    return due


def unit_prices(lines: Sequence[DueLine]) -> dict[str, Decimal]:
    """One price a SKU, so that the order's sum stays right where two lines sell it at different ones.

    A SKU that a line sells without a price is left out: Prokip's own counts then.
    """
    units, sums = dict[str, Decimal](), dict[str, Decimal]()
    unpriced: set[str] = set()
    for line in lines:
        if line.units > ZERO and line.unit_price is None:
            unpriced.add(line.sku)
        elif line.units > ZERO and line.unit_price is not None:
            units[line.sku] = units.get(line.sku, ZERO) + line.units
            sums[line.sku] = sums.get(line.sku, ZERO) + line.units * line.unit_price
    return {sku: (sums[sku] / units[sku]).quantize(PRICE_STEP) for sku in sums if sku not in unpriced}


def sale_request(
    step: RecordSale,
    *,
    reference: str,
    sold_at: datetime,
    prices: Mapping[str, Decimal],
    goods: Mapping[str, Goods],
) -> Sale:
    items = [SoldItem(sku, units, prices.get(sku), goods.get(sku)) for sku, units in step.units.items()]
    return Sale(items, reference, sold_at)


def return_request(step: GiveBack, sell: Sell) -> Return:
    """Names every line of the sale that units have ever gone back on, never more than was sold.

    Raises ValueError for a sale without a known id, whose returns a person enters.
    """
    if sell.sell_id is None:
        raise ValueError("units go back by hand on a sale whose id is not known")
    items = []
    for sku, line in sorted(sell.lines.items()):
        now = min(step.units.get(sku, ZERO), line.kept)
        total = line.returned + now
        if total > ZERO:
            items.append(ReturnedItem(sku, now, total, line.line_id))
    return Return(sell.sell_id, items)


def reference_of(connection_id: int, order_ref: str, step: Step, sells: Sequence[Sell]) -> str:
    """Under which a sale is found again: its shop, its order, which sale of the order it is, and what it sells.

    The same for every attempt, also if newer states of the order came in between; never the same for two sales: the
    number rises with each that is recorded, and one that sells something else has another digest. Safe in an address
    and shorter than 190 characters. A return, which has no number of its own in Prokip, is named by its sale.
    """
    order = f"sync-{connection_id}-{_safe(order_ref)}"
    if isinstance(step, GiveBack):
        earlier = [sell for sell in sells if sell.posting_id <= step.posting_id]
        return f"{order}-{len(earlier)}-return"
    sold = "\n".join(f"{sku}\t{units.normalize():f}" for sku, units in sorted(step.units.items()))
    return f"{order}-{len(sells) + 1}-{_digest(sold, characters=10)}"


def _safe(order_ref: str) -> str:
    """The order's own name where it is short and plain; `~` marks one that had to be shortened."""
    if SAFE_ORDER.fullmatch(order_ref):
        return order_ref
    plain = UNSAFE.sub("_", order_ref)[: ORDER_CHARACTERS_MAX // 2]
    return f"{plain}~{_digest(order_ref, characters=16)}"


def _digest(text: str, *, characters: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:characters]

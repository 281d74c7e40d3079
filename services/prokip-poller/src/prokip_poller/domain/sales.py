"""Telling Prokip about an order, state to state: what it should know against what it was told.

The next step is decided from the two states alone, so a crash, a duplicate or a newer state in between changes nothing
about how it is decided. See docs/adr/0008-sale-states.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal, TypeAlias

ZERO = Decimal(0)

SaleState = Literal[
    "due",  # what Prokip should know differs from what it was told, or nobody has compared yet
    "posting",  # a request is under way
    "recorded",  # Prokip knows what it should
    "in_doubt",  # a request ended without an answer; looked up where Prokip can be asked, else an operator settles it
    "refused",  # Prokip said no; asked again slowly
    "return_unsupported",  # units must go back that this Prokip takes back by hand only
]
Kind = Literal["sell", "refund"]


@dataclass(frozen=True, slots=True)
class ToldLine:
    sold: Decimal
    returned: Decimal = ZERO
    line_id: str | None = None
    """Of the sale's line in Prokip; None where the dialect has none."""

    @property
    def kept(self) -> Decimal:
        return self.sold - self.returned


@dataclass(frozen=True, slots=True)
class Sell:
    """One sale that Prokip has recorded for the order."""

    posting_id: int
    sell_id: str | None
    """None: an operator settled that it is recorded, without its id; returns on it are then entered by hand."""
    lines: Mapping[str, ToldLine]


@dataclass(frozen=True, slots=True)
class RecordSale:
    """The order holds more units than Prokip was told."""

    units: Mapping[str, Decimal]
    kind: Literal["sell"] = "sell"


@dataclass(frozen=True, slots=True)
class GiveBack:
    """The order holds fewer units than Prokip was told; they go back on the sale that told them."""

    posting_id: int
    """Of the sale they go back on."""
    sell_id: str | None
    """None: that sale's id is not known, so only a person can enter the return."""
    units: Mapping[str, Decimal]
    kind: Literal["refund"] = "refund"


Step: TypeAlias = RecordSale | GiveBack


def told_units(sells: Sequence[Sell]) -> dict[str, Decimal]:
    """Units per SKU that Prokip holds as sold for the order."""
    told: dict[str, Decimal] = {}
    for sell in sells:
        for sku, line in sell.lines.items():
            told[sku] = told.get(sku, ZERO) + line.kept
    return told


def steps_left(due: Mapping[str, Decimal], sells: Sequence[Sell]) -> list[Step]:
    """What brings Prokip from what it was told to what it should know, in order; empty if it knows.

    Further units come first: a return that Prokip does not take must not hold back a sale. Units go back on the newest
    sale first, which is the one a correction most likely belongs to.
    """
    told = told_units(sells)
    missing = {sku: units - told.get(sku, ZERO) for sku, units in sorted(due.items()) if units > told.get(sku, ZERO)}
    steps: list[Step] = [RecordSale(missing)] if missing else []
    surplus = {sku: units - due.get(sku, ZERO) for sku, units in sorted(told.items()) if units > due.get(sku, ZERO)}
    for sell in sorted(sells, key=lambda sell: sell.posting_id, reverse=True):
        back = {
            sku: min(units, sell.lines[sku].kept)
            for sku, units in surplus.items()
            if sku in sell.lines and units > ZERO and sell.lines[sku].kept > ZERO
        }
        if back:
            steps.append(GiveBack(sell.posting_id, sell.sell_id, back))
            surplus = {sku: units - back.get(sku, ZERO) for sku, units in surplus.items()}
    return steps


def next_step(due: Mapping[str, Decimal], sells: Sequence[Sell]) -> Step | None:
    """The one request to make now. Steps that only a person can take come after all others."""
    steps = steps_left(due, sells)
    return next((step for step in steps if not by_hand(step)), steps[0] if steps else None)


def by_hand(step: Step) -> bool:
    return isinstance(step, GiveBack) and step.sell_id is None


def counter_moves(step: Step) -> dict[str, Decimal]:
    """How much the recorded counters move once the step is certain."""
    sign = Decimal(1) if isinstance(step, RecordSale) else Decimal(-1)
    return {sku: sign * units for sku, units in step.units.items()}


def apply_step(sells: Sequence[Sell], step: Step, *, posting_id: int, sell_id: str | None) -> list[Sell]:
    """What Prokip was told, once the step is certain."""
    if isinstance(step, RecordSale):
        return [*sells, Sell(posting_id, sell_id, {sku: ToldLine(units) for sku, units in step.units.items()})]
    return [_with_returns(sell, step) if sell.posting_id == step.posting_id else sell for sell in sells]


def _with_returns(sell: Sell, step: GiveBack) -> Sell:
    back = step.units
    lines = {sku: replace(line, returned=line.returned + back.get(sku, ZERO)) for sku, line in sell.lines.items()}
    return replace(sell, lines=lines)


def newest_sell_id(sells: Sequence[Sell]) -> str | None:
    """The id under which an operator finds the order in Prokip."""
    known = [sell for sell in sells if sell.sell_id is not None]
    return max(known, key=lambda sell: sell.posting_id).sell_id if known else None

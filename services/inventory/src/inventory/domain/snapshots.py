"""Which of two snapshots of one order is the newer, and what the lines are once both are taken into account."""

from datetime import datetime
from decimal import Decimal
from enum import Enum, auto
from typing import Final

from msgspec.structs import replace

from inventory.domain.observed import OrderLine, OrderSnapshot
from inventory.domain.values import ZERO, HeldLine, HeldOrder

UNITS_MAX: Final = Decimal(1_000_000_000)
UNITS_EXPONENT_MIN: Final = -9
"""Nine digits after the point: with UNITS_MAX every sum stays exact in 28-digit decimal arithmetic."""

SKU_CHARS_MAX: Final = 255
"""As in the messages that name SKUs (`prokip_shared.messages.Sku`)."""


class Uncountable(ValueError):
    """A quantity or SKU that no stock can have; counting it would break the sums or the messages about them."""


def countable_sku(sku: str | None) -> str | None:
    """None for a line without a SKU, which some stores tell as an empty one. Raises Uncountable."""
    if not sku:
        return None
    if len(sku) > SKU_CHARS_MAX:
        raise Uncountable(f"a SKU of {len(sku)} characters; at most {SKU_CHARS_MAX}")
    return sku


class Age(Enum):
    NEWER = auto()
    SAME = auto()
    """Carries the held version: says the same again, or something else within one second of the store's clock."""
    OLDER = auto()


def age_of(snapshot: OrderSnapshot, held: HeldOrder) -> Age:
    """A snapshot without a version (custom stores) is the newest word by being the latest delivery."""
    if snapshot.partial or snapshot.modified_at is None or held.modified_at is None:
        return Age.NEWER
    if snapshot.modified_at == held.modified_at:
        return Age.SAME
    return Age.NEWER if snapshot.modified_at > held.modified_at else Age.OLDER


def exact(units: Decimal) -> Decimal:
    """`units`, or Uncountable raised."""
    if not -UNITS_MAX <= units <= UNITS_MAX:
        raise Uncountable(f"quantity {units:.3e} is beyond {UNITS_MAX}")
    if units != units.to_integral_value():
        exponent = units.as_tuple().exponent
        if isinstance(exponent, int) and exponent < UNITS_EXPONENT_MIN:
            raise Uncountable(f"quantity {units} has more than {-UNITS_EXPONENT_MIN} digits after the point")
    return units


def first_lines(snapshot: OrderSnapshot, *, predates_connection: bool) -> tuple[HeldLine, ...]:
    """Lines at the first sight of an order; what it holds from before the connection is its baseline."""
    return tuple(
        _new_line(line, exact(line.taken) if predates_connection else ZERO) for line in _last_of_each(snapshot)
    )


def newest_lines(held: HeldOrder, snapshot: OrderSnapshot) -> tuple[HeldLine, ...]:
    """The held lines brought to a newer snapshot; a line that a full snapshot no longer names holds nothing."""
    named = {line.line_ref: line for line in _last_of_each(snapshot)}
    lines = []
    for line in held.lines:
        word = named.pop(line.line_ref, None)
        if word is not None:
            lines.append(_updated(line, word, _named_at(line, held, snapshot)))
        elif snapshot.partial:
            lines.append(line)
        else:
            lines.append(
                replace(line, ordered=ZERO, taken=ZERO, unit_price=None, sku_at=_named_at(line, held, snapshot))
            )
    lines.extend(_new_line(word, ZERO) for word in named.values())
    return tuple(lines)


def lines_taught_by_older(held: HeldOrder, snapshot: OrderSnapshot) -> tuple[HeldLine, ...]:
    """An older snapshot changes no quantity, but it may know a SKU that the store has forgotten since.

    That happens when a product is deleted: the order's newer versions name no SKU for its lines. A line that the
    newer snapshot no longer has is remembered as removed, for a later version that brings it back without its SKU.
    """
    named = {line.line_ref: line for line in _last_of_each(snapshot)}
    lines = []
    for line in held.lines:
        word = named.pop(line.line_ref, None)
        if word is not None and word.sku and _named_before(line, held, snapshot.modified_at):
            line = replace(line, sku=countable_sku(word.sku), sku_at=snapshot.modified_at)  # noqa: PLW2901  (reads as what it is)
        lines.append(line)
    lines.extend(
        HeldLine(
            word.line_ref,
            countable_sku(word.sku),
            None,
            ZERO,
            ZERO,
            ZERO,
            ZERO,
            None,
            snapshot.modified_at if word.sku else None,
        )
        for word in named.values()
    )
    return tuple(lines)


def _named_before(line: HeldLine, held: HeldOrder, version: datetime | None) -> bool:
    """Whether the line's SKU is missing, or was named by a version even older than this one."""
    if line.sku is None:
        return True
    named_at = line.sku_at
    return named_at is not None and version is not None and held.modified_at is not None and named_at < version


def _last_of_each(snapshot: OrderSnapshot) -> tuple[OrderLine, ...]:
    lines = snapshot.lines
    if len(lines) < 2:  # noqa: PLR2004  (one line cannot name itself twice)
        return lines
    return tuple({line.line_ref: line for line in lines}.values())


def _new_line(line: OrderLine, baseline: Decimal) -> HeldLine:
    sku = countable_sku(line.sku)
    return HeldLine(
        line.line_ref,
        sku,
        sku,
        line.ordered,
        exact(line.taken),
        baseline,
        ZERO,
        line.unit_price,
        None,
    )


def _named_at(line: HeldLine, held: HeldOrder, snapshot: OrderSnapshot) -> datetime | None:
    """The version of the line's known SKU once a snapshot that does not repeat it is the order's newest."""
    if line.sku is None:
        return None
    named_at = line.sku_at or held.modified_at
    return None if named_at == snapshot.modified_at else named_at


def _updated(line: HeldLine, word: OrderLine, named_at: datetime | None) -> HeldLine:
    sku = countable_sku(word.sku)
    return HeldLine(
        line.line_ref,
        sku or line.sku,
        line.stock_sku,
        word.ordered,
        exact(word.taken),
        line.baseline,
        line.unmatched,
        word.unit_price,
        named_at if sku is None else None,
        line.parts,
    )

"""Quantities and money as the ERP's database keeps them: decimals of four places, here whole ten-thousandths."""

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

ONE = 10_000


def to_fixed(value: Any) -> int:
    """A number, or a string that looks like one; ValueError for all else."""
    if isinstance(value, bool):
        value = None  # a yes is no number here
    try:
        return int((Decimal(str(value)) * ONE).to_integral_value(ROUND_HALF_UP))
    except (InvalidOperation, OverflowError, ValueError) as error:
        raise ValueError("not a number") from error


def times(one: int, other: int) -> int:
    return int((Decimal(one) * other / ONE).to_integral_value(ROUND_HALF_UP))


def as_number(fixed: int) -> float:
    """For a JSON number: whole when it is whole."""
    whole, rest = divmod(fixed, ONE)
    return fixed / ONE if rest else whole


def as_text(fixed: int) -> str:
    """`20.0000`, the way the database's driver hands decimals out."""
    whole, rest = divmod(abs(fixed), ONE)
    return f"{'-' if fixed < 0 else ''}{whole}.{rest:04d}"

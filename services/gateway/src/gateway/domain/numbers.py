from decimal import Decimal


def plain_number(value: Decimal) -> str:
    """`96`, `1.5`: no exponent and no trailing zeros, so that equal quantities are equal strings."""
    text = f"{value:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text

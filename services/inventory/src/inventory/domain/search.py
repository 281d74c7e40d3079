"""How SKUs are found by a part of their name with a plain GIN index, on any Postgres without extensions."""

from typing import Final

GRAM_CHARS: Final = 3


def fold(text: str) -> str:
    """The form in which SKUs are compared and ordered for people: without case."""
    return text.casefold()


def grams(business_id: int, folded: str) -> list[str]:
    """The three-letter pieces of a folded SKU, once each; the business in front keeps tenants apart."""
    pieces = {folded[start : start + GRAM_CHARS] for start in range(len(folded) - GRAM_CHARS + 1)}
    return [f"{business_id}:{piece}" for piece in sorted(pieces)]


def prefix_end(folded: str) -> str | None:
    """The first text, by code points, after everything that starts with `folded`; None: there is none."""
    for end in range(len(folded), 0, -1):
        code = ord(folded[end - 1])
        if code < 0x10FFFF:  # noqa: PLR2004  (the last code point has no successor)
            successor = 0xE000 if code + 1 == 0xD800 else code + 1  # noqa: PLR2004  (surrogates are no characters)
            return folded[: end - 1] + chr(successor)
    return None

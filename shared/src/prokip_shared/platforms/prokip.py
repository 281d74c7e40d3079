"""What prokip-sync asks of Prokip, whichever dialect it speaks: read stock, record a sale, give units back.

Adapters: `prokip_simple`. Every call ends in its result or in exactly one of the errors below; the difference between
"certainly not done" and "perhaps done" is what keeps a sale from being recorded twice.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol


class ProkipError(Exception):
    """The words are a sentence for an operator: Prokip's own where it gave any. They never hold a token."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


class NotAuthorised(ProkipError):
    """Prokip does not accept the token; nothing was done, and nothing will be until an operator sets a new one."""


class Refused(ProkipError):
    """Prokip read the request and said no; nothing was done."""


class Unsupported(ProkipError):
    """Prokip, in this dialect or version, has no such call; nothing was done."""


class Unavailable(ProkipError):
    """Prokip could not be reached, or asked us to wait; nothing was done."""

    def __init__(self, words: str, retry_after_s: float | None = None) -> None:
        super().__init__(words)
        self.retry_after_s = retry_after_s


class Unusable(ProkipError):
    """A read was answered with something that is no stock list; it tells nothing about stock, least of all zero."""


class InDoubt(ProkipError):
    """The request left and no answer settles it: Prokip may or may not have done it. Never send it again unasked."""


@dataclass(frozen=True, slots=True)
class StockPage:
    """One answer to a stock read. A SKU that is in neither mapping was not told, which is not zero."""

    quantities: Mapping[str, Decimal]
    unusable: Mapping[str, str] = field(default_factory=dict)
    """SKUs whose rows contradict each other or hold no number, with the reason."""
    rows_without_sku: int = 0


@dataclass(frozen=True, slots=True)
class SoldItem:
    sku: str
    units: Decimal
    """More than 0."""


@dataclass(frozen=True, slots=True)
class StockCheck:
    """What a read-only call with an account's settings found, for the person who typed them in."""

    skus: int
    problem: str | None
    """None: the settings work. Else one plain sentence that says which of them is wrong."""


class ProkipClient(Protocol):
    def stock_pages(self, location_id: str) -> AsyncIterator[StockPage]:
        """The stock of one location; each page is fetched when it is asked for, not earlier.

        Raises NotAuthorised, Refused, Unavailable or Unusable; what was yielded before then is still true.
        """
        ...

    async def record_sale(self, location_id: str, items: Sequence[SoldItem], *, reference: str) -> str:
        """Records one sale and returns Prokip's id of it. Raises any ProkipError but Unusable."""
        ...

    async def give_back(self, sell_id: str, items: Sequence[SoldItem]) -> None:
        """Takes units back from a recorded sale (a difference, not a total). Raises any ProkipError but Unusable."""
        ...

    async def check(self, location_id: str) -> StockCheck:
        """Tries the settings with a read-only call; a problem is a result here, never an error."""
        ...

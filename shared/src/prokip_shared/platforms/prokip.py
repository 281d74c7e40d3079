"""What prokip-sync asks of Prokip, whichever dialect it speaks: read stock, record a sale, give units back.

Adapters: `prokip_simple` and `prokip_connector`. Every call ends in its result or in exactly one of the errors below; the difference between
"certainly not done" and "perhaps done" is what keeps a sale from being recorded twice.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol

import msgspec


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


class Goods(msgspec.Struct, frozen=True, gc=False):
    """The ids under which Prokip sells one SKU. They are never equal by rule: a product has one or more variations."""

    product_id: int
    variation_id: int


@dataclass(frozen=True, slots=True)
class StockPage:
    """One answer to a stock read. A SKU that is in no mapping was not told, which is not zero."""

    quantities: Mapping[str, Decimal]
    unusable: Mapping[str, str] = field(default_factory=dict)
    """SKUs whose rows contradict each other or hold no number, with the reason."""
    rows_without_sku: int = 0
    goods: Mapping[str, Goods] = field(default_factory=dict)
    """Ids of the page's SKUs, where the dialect sells by id; also of those left alone."""
    left_alone: Mapping[str, str] = field(default_factory=dict)
    """SKUs that Prokip knows and tells no quantity for (not tracked, inactive, no stock row yet), with the reason."""
    rows_total: int | None = None
    """Of the whole list, as Prokip counts it; None: it does not tell."""
    row_ids: Collection[int] = field(default=(), compare=False)
    """What Prokip calls the page's rows. One that is told again on another page has moved between the two."""
    rows_without_id: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class SoldItem:
    sku: str
    units: Decimal
    """More than 0."""
    unit_price: Decimal | None = None
    """In the shop's currency; None: Prokip's own price."""
    goods: Goods | None = None
    """None: not known yet; a dialect that sells by id looks it up by the exact SKU."""


@dataclass(frozen=True, slots=True)
class Sale:
    """One sale as Prokip is to hold it."""

    items: Sequence[SoldItem]
    reference: str
    """The same for every attempt, so that the sale can be found again by whoever can look."""
    sold_at: datetime


@dataclass(frozen=True, slots=True)
class RecordedSale:
    """A sale that Prokip certainly holds."""

    sell_id: str
    line_ids: Mapping[str, str] = field(default_factory=dict)
    """Per SKU the id of the sale's line, which returns name; empty where the dialect has none."""
    repeats: Sequence["RecordedSale"] = ()
    """Where it was looked for: what else Prokip holds under its reference, because a request came through twice."""


@dataclass(frozen=True, slots=True)
class ReturnedItem:
    """One line of a sale that units go back on."""

    sku: str
    units: Decimal
    """How many go back now; 0 for a line that is only named because earlier units went back on it."""
    returned_total: Decimal
    """How many have gone back once this is done, the earlier ones included."""
    line_id: str | None = None


@dataclass(frozen=True, slots=True)
class StockCheck:
    """What a read-only call with an account's settings found, for the person who typed them in."""

    skus: int
    problem: str | None
    """None: the settings work. Else one plain sentence that says which of them is wrong."""
    warnings: tuple[str, ...] = ()
    """What works and will yet surprise: one plain sentence each."""
    contact_id: int | None = None
    """The customer to write sales to, as given or Prokip's default; None where the dialect has none."""
    timezone: str | None = None
    """The one to date sales in, as given or Prokip's own; None where the dialect needs none."""


class ProkipClient(Protocol):
    @property
    def lookup(self) -> "SaleLookup | None":
        """None where Prokip has no call that finds a sale again, so that a person must settle what is in doubt."""
        ...

    @property
    def one_at_a_time(self) -> bool:
        """Whether requests that change stock at one location must each wait for the end of the one before, because
        Prokip would lose one of two that cross.
        """
        ...

    def stock_pages(self, location_id: str) -> AsyncIterator[StockPage]:
        """The stock of one location; each page is fetched when it is asked for, not earlier.

        Raises NotAuthorised, Refused, Unavailable or Unusable; what was yielded before then is still true.
        """
        ...

    async def record_sale(self, location_id: str, sale: Sale) -> RecordedSale:
        """Records one sale. Raises any ProkipError but Unusable."""
        ...

    async def give_back(self, sell_id: str, items: Sequence[ReturnedItem]) -> None:
        """Takes units back on a recorded sale; `items` names every line of it that units have ever gone back on.

        Raises any ProkipError but Unusable.
        """
        ...

    async def check(self, location_id: str) -> StockCheck:
        """Tries the settings with a read-only call; a problem is a result here, never an error."""
        ...


class SaleLookup(Protocol):
    """Raises NotAuthorised, Refused, Unavailable or Unusable."""

    async def find_sales(self, location_id: str, sales: Sequence[Sale], *, whole: bool) -> Mapping[str, RecordedSale]:
        """Those of the sales that Prokip holds, by reference.

        `whole`: everything is read that could hold one of them. Then what is not among them was not there at the moment
        of the look, and what is there twice is found twice. Otherwise reading ends once each was found, or where it
        should have been: enough to find what went well, proof of nothing else.
        """
        ...

    async def returned_units(self, sell_ids: Sequence[str]) -> Mapping[str, Mapping[str, Decimal]]:
        """Units that have gone back on each sale, by line id; without the sales that Prokip does not have (any more)."""
        ...

"""Sales and returns in the connector dialect, without I/O.

- A sale that failed is answered 200 like one that did not; only a sale's integer id is success.
- Nothing makes a sale unique, so a repeat sells twice. Our `source` tag and the exact `invoice_no` find a sale again.
- A return names the units that have gone back in total, so a repeat changes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from prokip_shared.platforms.prokip import Goods, InDoubt, Refused, ReturnedItem, Sale, SoldItem, Unusable
from prokip_shared.platforms.prokip_connector_wire import Request, error_of, only_element, paged, parse_id
from prokip_shared.platforms.prokip_http import Answer, json_number, load_json, parse_quantity, words_of

SOURCE_TAG: Final = "prokip-sync"
"""Marks our sales in Prokip. No name of a platform: those mean links to orders that we do not make."""
DAY: Final = timedelta(days=1)
ZERO: Final = Decimal(0)


def sell_request(
    location: int, sale: Sale, goods: Mapping[str, Goods], *, contact_id: int, timezone: ZoneInfo
) -> Request:
    """One sale. More in one request would each succeed or fail for itself."""
    sell = {
        "location_id": location,
        "contact_id": contact_id,
        "transaction_date": local_time(sale.sold_at, timezone),
        "invoice_no": sale.reference,
        "source": SOURCE_TAG,
        "status": "final",
        "products": [_sold_product(item, goods[item.sku]) for item in sale.items],
    }
    return Request("POST", "/sell", body={"sells": [sell]})


def _sold_product(item: SoldItem, ids: Goods) -> dict[str, object]:
    """Raises Refused: Prokip itself would take a negative quantity and raise the stock."""
    if item.units <= ZERO:
        raise Refused(f"{item.units} units of {item.sku} are no sale.")
    price = {} if item.unit_price is None else {"unit_price": json_number(item.unit_price)}
    return {
        "product_id": ids.product_id,
        "variation_id": ids.variation_id,
        "quantity": json_number(item.units),
        **price,
    }


def local_time(moment: datetime, timezone: ZoneInfo) -> str:
    """As the ERP takes it: without an offset, in the business's own time."""
    return f"{moment.astimezone(timezone):%Y-%m-%d %H:%M:%S}"


@dataclass(frozen=True, slots=True)
class SellLine:
    id: int
    variation_id: int | None
    returned: Decimal
    unit_price: Any
    """With tax, as Prokip wrote it."""


@dataclass(frozen=True, slots=True)
class HeldSell:
    """A sale as Prokip holds it."""

    id: int
    invoice_no: str
    sold_at: str
    """As Prokip wrote it; see `local_time`."""
    lines: Sequence[SellLine]

    def line_ids(self, goods: Mapping[str, Goods]) -> dict[str, str]:
        """Per SKU the line of its variation; a SKU whose line cannot be told is left out."""
        by_variation = {line.variation_id: str(line.id) for line in self.lines}
        return {sku: by_variation[ids.variation_id] for sku, ids in goods.items() if ids.variation_id in by_variation}


def held_sell(row: Any) -> HeldSell | None:
    """None for a row that is no sale."""
    number = row.get("id") if isinstance(row, dict) else None
    if not isinstance(number, int) or isinstance(number, bool) or row.get("type", "sell") != "sell":
        return None
    lines = row.get("sell_lines")
    return HeldSell(
        number,
        str(row.get("invoice_no") or ""),
        str(row.get("transaction_date") or ""),
        [*_sell_lines(lines if isinstance(lines, list) else ())],
    )


def _sell_lines(rows: Iterable[Any]) -> Iterable[SellLine]:
    for row in rows:
        number = parse_id(row.get("id")) if isinstance(row, dict) else None
        if number is not None:
            yield SellLine(
                number,
                parse_id(row.get("variation_id")),
                parse_quantity(row.get("quantity_returned")) or ZERO,
                row.get("unit_price_inc_tax", row.get("unit_price", 0)),
            )


def recorded_sell(answer: Answer) -> HeldSell:
    """The sale that an answer to `sell_request` proves. Raises Refused in the ERP's words, or InDoubt."""
    try:
        element = only_element(load_json(answer.body))
    except Unusable:
        element = None
    words = error_of(element)
    sell = held_sell(element)
    if words is not None and sell is None:
        raise Refused(explain_refusal(words))
    if words is not None or sell is None:
        raise InDoubt(f"Prokip's answer does not tell whether the sale was recorded: {words or words_of(answer)}")
    return sell


def explain_refusal(words: str) -> str:
    """Loosely, because Prokip translates its messages; its own words stay at the end."""
    said = words.lower()
    if "mismatch between sold and purchase" in said:
        why = (
            "Prokip has less purchased stock than this sale needs, and selling more (overselling) is switched off there"
        )
    elif "sell_price_inc_tax" in said or "app\\variation" in said:
        why = "Prokip does not know one of the products of this sale (any more)"
    elif "app\\contact" in said:
        why = "Prokip does not know the customer of our settings"
    elif "location" in said and "no query results" in said:
        why = "Prokip does not know the business location"
    else:
        return words
    return f"{why}: {words}"


@dataclass(frozen=True, slots=True)
class Group:
    """Sales to look for in one list."""

    references: frozenset[str]
    days: tuple[date, date]
    """From the day before the oldest of them to the day after the newest, both included."""
    oldest_at: str
    """When the oldest of them was sold; see `local_time`."""

    def is_past(self, page: Sequence[HeldSell]) -> bool:
        """Whether what a page shows, newest first, has come to sales older than all of these."""
        return bool(page) and "" < page[-1].sold_at < self.oldest_at


def grouped_by_days(wanted: Sequence[Sale], timezone: ZoneInfo) -> list[Group]:
    """Sales whose days touch are looked for together. The days are the business's own, with one on either side."""
    groups: list[Group] = []
    for sale in sorted(wanted, key=lambda sale: sale.sold_at):
        day = sale.sold_at.astimezone(timezone).date()
        if groups and day - DAY <= groups[-1].days[1]:
            last = groups[-1]
            groups[-1] = Group(last.references | {sale.reference}, (last.days[0], day + DAY), last.oldest_at)
        else:
            sold_at = local_time(sale.sold_at, timezone)
            groups.append(Group(frozenset({sale.reference}), (day - DAY, day + DAY), sold_at))
    return groups


def sells_request(location: int, days: tuple[date, date], page: int) -> Request:
    """Our sales of these days, newest first."""
    return Request(
        "GET",
        "/sell",
        paged(
            page,
            source=SOURCE_TAG,
            location_id=str(location),
            start_date=days[0].isoformat(),
            end_date=days[1].isoformat(),
            order_by_date="desc",
        ),
    )


def sell_permission_request(location: int) -> Request:
    return Request("GET", "/sell", {"location_id": str(location), "source": SOURCE_TAG, "per_page": "1"})


def one_sell_request(sell_id: str) -> Request:
    """Raises Refused."""
    number = parse_id(sell_id)
    if number is None:
        raise Refused(f"Prokip numbers its sales, and {sell_id} is no number.")
    return Request("GET", f"/sell/{number}")


def some_sells_request(sell_ids: Sequence[str]) -> Request | None:
    """None where none of them can be one of Prokip's: it numbers its sales."""
    numbers = [str(number) for sell_id in sell_ids if (number := parse_id(sell_id)) is not None]
    return Request("GET", f"/sell/{','.join(numbers)}") if numbers else None


def no_such_sell(sell_id: str) -> Refused:
    return Refused(f"Prokip has no sale {sell_id} (any more).")


def returned_totals(sell: HeldSell, items: Sequence[ReturnedItem], line_ids: Mapping[str, str]) -> dict[int, Decimal]:
    """Units gone back per line once `items` are done: every line that units have ever gone back on.

    Never fewer than Prokip holds already: a smaller total would take stock out again that a person put back.
    Raises Refused for a line that the sale has not, which Prokip would ignore and call a success.
    """
    totals = {line.id: line.returned for line in sell.lines if line.returned > ZERO}
    known = {str(line.id): line for line in sell.lines}
    for item in items:
        line = known.get(item.line_id or line_ids.get(item.sku, ""))
        if line is None:
            raise Refused(f"Sale {sell.id} in Prokip has no line for {item.sku} (any more).")
        totals[line.id] = max(line.returned, item.returned_total)
    return totals


def sell_return_request(sell: HeldSell, totals: Mapping[int, Decimal]) -> Request:
    """Without a date: the ERP cannot read one here."""
    prices = {line.id: line.unit_price for line in sell.lines}
    products = [
        {"sell_line_id": line, "quantity": json_number(units), "unit_price_inc_tax": _price(prices[line])}
        for line, units in sorted(totals.items())
    ]
    return Request("POST", "/sell-return", body={"transaction_id": sell.id, "products": products})


def _price(told: Any) -> int | float:
    return json_number(parse_quantity(told) or ZERO)


def check_return(answer: Answer) -> None:
    """Raises Refused in the ERP's words, or InDoubt for an answer that proves no return."""
    try:
        element = only_element(load_json(answer.body))
    except Unusable:
        element = None
    words = error_of(element)
    if words is not None:
        raise Refused(explain_refusal(words))
    if not isinstance(element, dict) or parse_id(element.get("id")) is None:
        raise InDoubt(f"Prokip's answer does not tell whether the return was recorded: {words_of(answer)}")

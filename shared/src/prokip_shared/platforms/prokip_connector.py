"""The connector dialect of Prokip over HTTP; what is asked and what answers mean is in `prokip_connector_wire`."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from zoneinfo import ZoneInfo

from prokip_shared.logs import Log
from prokip_shared.platforms import prokip_connector_products as products
from prokip_shared.platforms import prokip_connector_sales as sales
from prokip_shared.platforms import prokip_connector_stock as stock
from prokip_shared.platforms import prokip_connector_wire as wire
from prokip_shared.platforms.prokip import (
    Goods,
    InDoubt,
    NotAuthorised,
    ProkipError,
    RecordedSale,
    Refused,
    ReturnedItem,
    Sale,
    StockCheck,
    StockPage,
    Unavailable,
    Unusable,
)
from prokip_shared.platforms.prokip_connector_calls import ConnectorCalls, ConnectorLimits
from prokip_shared.platforms.prokip_connector_setup import ConnectorSetup

log = Log("prokip_connector")


@dataclass(frozen=True, slots=True)
class ProductsPage:
    products: tuple[products.Product, ...]
    is_last: bool
    total: int | None
    """Of all pages; None where Prokip does not tell."""


class ConnectorProkip:
    """One account of the connector dialect."""

    one_at_a_time = True
    """A return reads a quantity and writes it back."""

    def __init__(
        self,
        calls: ConnectorCalls,
        *,
        contact_id: int,
        timezone: str,
        limits: ConnectorLimits,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`monotonic` and `limits`: the same as those of `calls`."""
        self._calls = calls
        self._contact_id = contact_id
        self._timezone = ZoneInfo(timezone)
        self._limits = limits
        self._monotonic = monotonic

    @property
    def lookup(self) -> "ConnectorProkip":
        return self

    async def stock_pages(self, location_id: str) -> AsyncIterator[StockPage]:
        """The list has no order of its own: what moves between two pages is told twice or not at all, which is not 0."""
        location = wire.location_number(location_id)
        inactive = await inactive_variations(self._calls, location)
        rows_told = 0
        pages = self._calls.counted_pages(lambda page: stock.variations_request(location, page), stock.variations_of)
        async for found in pages:
            rows_told += len(found.rows)
            if found.rows:
                yield stock.stock_page(found.rows, location, inactive, rows_total=found.total)
        if not rows_told:
            raise Unusable("Prokip answered an empty stock list; is the location right? Nothing was changed.")

    async def record_sale(self, location_id: str, sale: Sale) -> RecordedSale:
        location = wire.location_number(location_id)
        deadline_s = self._deadline_s()
        async with _before_it_is_sent(self._limits.post_timeout_s / 2):
            goods = await self._goods_to_sell(sale)
        request = sales.sell_request(location, sale, goods, contact_id=self._contact_id, timezone=self._timezone)
        answer = await self._calls.ask(request, deadline_s=deadline_s)
        sell = sales.recorded_sell(answer)
        if sell.invoice_no != sale.reference:
            log.error("sale.reference_not_kept", sell_id=sell.id, invoice_no=sell.invoice_no, reference=sale.reference)
        return RecordedSale(str(sell.id), sell.line_ids(goods))

    async def give_back(self, sell_id: str, items: Sequence[ReturnedItem]) -> None:
        """The sale is read before and after: Prokip ignores lines that it does not know, and calls that a success."""
        deadline_s = self._deadline_s()
        async with _before_it_is_sent(self._limits.post_timeout_s / 2):
            sell = await self._sell(sell_id)
            totals = sales.returned_totals(sell, items, await self._line_ids(sell, items))
        if not _lacking(sell, totals):
            return
        sales.check_return(await self._calls.ask(sales.sell_return_request(sell, totals), deadline_s=deadline_s))
        try:
            lacking = _lacking(await self._sell(sell_id), totals)
        except ProkipError as failure:
            raise InDoubt(f"Prokip answered the return, which could not be read back: {failure.words}") from None
        if lacking:
            raise Refused(f"Prokip answered the return and did not take it: lines {lacking} of sale {sell_id}.")

    async def find_sales(self, location_id: str, wanted: Sequence[Sale], *, whole: bool) -> Mapping[str, RecordedSale]:
        location = wire.location_number(location_id)
        found: dict[str, dict[int, sales.HeldSell]] = {}
        for group in sales.grouped_by_days(wanted, self._timezone):
            await self._find_group(location, group, found, whole=whole)
        return {
            sale.reference: await self._found(sale, found[sale.reference]) for sale in wanted if sale.reference in found
        }

    async def _find_group(
        self, location: int, group: sales.Group, found: dict[str, dict[int, sales.HeldSell]], *, whole: bool
    ) -> None:
        async for rows in self._calls.pages(lambda page: sales.sells_request(location, group.days, page)):
            held = [sell for row in rows if (sell := sales.held_sell(row)) is not None]
            for sell in held:
                if sell.invoice_no in group.references:
                    found.setdefault(sell.invoice_no, {})[sell.id] = sell
            if not whole and (group.references <= found.keys() or group.is_past(held)):
                return

    async def _found(self, sale: Sale, sells: Mapping[int, sales.HeldSell]) -> RecordedSale:
        if len(sells) > 1:
            log.error("sale.twice_in_prokip", reference=sale.reference, sell_ids=sorted(sells))
        goods = await self._goods_of(sale)
        first, *others = [RecordedSale(str(number), sells[number].line_ids(goods)) for number in sorted(sells)]
        return replace(first, repeats=tuple(others))

    async def returned_units(self, sell_ids: Sequence[str]) -> Mapping[str, Mapping[str, Decimal]]:
        request = sales.some_sells_request(sell_ids)
        rows = (await self._calls.rows(request)).rows if request is not None else ()
        sells = [sell for row in rows if (sell := sales.held_sell(row)) is not None]
        return {str(sell.id): {str(line.id): line.returned for line in sell.lines if line.returned} for sell in sells}

    async def products_page(self, page: int) -> "ProductsPage":
        """Names, prices and images. Raises NotAuthorised, Refused, Unavailable or Unusable."""
        found = await self._calls.rows(products.products_page_request(page))
        return ProductsPage(tuple(products.products_of(found.rows)), is_last=found.is_last(page), total=found.total)

    async def check(self, location_id: str) -> StockCheck:
        setup = ConnectorSetup(self._calls)
        return await setup.check(location_id, contact_id=self._contact_id, timezone=self._timezone.key)

    def _deadline_s(self) -> float:
        return self._monotonic() + self._limits.post_timeout_s

    async def _goods_to_sell(self, sale: Sale) -> dict[str, Goods]:
        """Raises Refused for a SKU that Prokip does not have exactly once."""
        return {item.sku: item.goods or await self._find_goods(item.sku) for item in sale.items}

    async def _goods_of(self, sale: Sale) -> dict[str, Goods]:
        """Of a sale that is there: what has gone from the catalogue since is left out."""
        goods: dict[str, Goods] = {}
        for item in sale.items:
            try:
                goods[item.sku] = item.goods or await self._find_goods(item.sku)
            except Refused as failure:
                log.info("sale.goods_gone", sku=item.sku, cause=failure.words)
        return goods

    async def _find_goods(self, sku: str) -> Goods:
        found: set[Goods] = set()
        async for rows in self._calls.pages(lambda page: stock.products_request(sku, page)):
            found |= stock.goods_named(rows, sku)
        if not found:
            raise stock.no_such_goods(sku)
        if len(found) > 1:
            raise stock.ambiguous_goods(sku)
        return found.pop()

    async def _sell(self, sell_id: str) -> sales.HeldSell:
        rows = (await self._calls.rows(sales.one_sell_request(sell_id))).rows
        sell = sales.held_sell(rows[0]) if rows else None
        if sell is None:
            raise sales.no_such_sell(sell_id)
        return sell

    async def _line_ids(self, sell: sales.HeldSell, items: Iterable[ReturnedItem]) -> dict[str, str]:
        """Of the items that do not name their line."""
        unnamed = [item.sku for item in items if item.line_id is None]
        return sell.line_ids({sku: await self._find_goods(sku) for sku in unnamed})


async def inactive_variations(calls: ConnectorCalls, location: int) -> set[int]:
    """Variations of inactive products. The list of variations does not say which they are, the stock report does.

    An ERP that does not know the report's filter, or a login that may not read it, knows no inactive ones: their true
    quantity is then told like any other.
    """
    found: set[int] = set()
    try:
        active = stock.variation_ids((await calls.rows(stock.stock_report_request(location, "active", 1))).rows)
        async for rows in calls.pages(lambda page: stock.stock_report_request(location, "inactive", page)):
            found |= stock.variation_ids(rows)
            if found & active:
                break
        else:
            return found
        cause = "the stock report lists the same goods as active and inactive"
    except (NotAuthorised, Refused, Unusable) as failure:
        cause = failure.words
    log.info("stock.inactive_unknown", location_id=location, cause=cause)
    return set()


def _lacking(sell: sales.HeldSell, totals: Mapping[int, Decimal]) -> list[int]:
    """Lines on which fewer units have gone back than should have."""
    returned = {line.id: line.returned for line in sell.lines}
    return [line for line, units in totals.items() if returned.get(line, Decimal(0)) < units]


@asynccontextmanager
async def _before_it_is_sent(timeout_s: float) -> AsyncIterator[None]:
    """Whatever goes wrong inside, nothing has been done yet."""
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except TimeoutError:
        raise Unavailable("It took too long until the request could be sent; nothing was done.") from None
    except Unusable as failure:
        raise Unavailable(failure.words) from None

"""One read of one location, page by page: each page is compared as it comes, and only what it changes is collected.

Nothing here grows with the catalogue but a bit per SKU; what a read would change waits in the database until the whole
read is there and judged.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import islice
from typing import Final, TypeVar
from uuid import UUID

from prokip_poller.domain.observations import (
    After,
    Before,
    Change,
    Counter,
    Known,
    LeftOutReason,
    Seen,
    compare_page,
)
from prokip_poller.storage.polls import FreeLocation
from prokip_poller.storage.reads import Counted, Look, Reads
from prokip_shared.loops import end_all
from prokip_shared.platforms.prokip import Goods, StockPage, Unusable

LOOK_SKUS_MAX: Final = 1000
"""Compared at a time: a list that comes in one piece must not hold up the event loop."""
LOOK_AGE_S_MAX: Final = 0.25
"""A page is asked for with a look no older than this; an older one would leave out SKUs that have sold since."""
EMPTY_WORDS: Final = "Prokip answered an empty stock list; is the location right? Nothing was changed."

V = TypeVar("V")


class LeaseLost(Exception):
    """The read took longer than its lease, or a person decided something, and another read takes over."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What a whole read found; its changes wait in the database."""

    read_id: int | None
    """None: it changes nothing."""
    counted: Counted
    named: int
    left_out: Mapping[str, LeftOutReason]
    untold: frozenset[str]
    """SKUs left out that have never been told."""
    whole: bool
    """Nothing moved between two pages unseen, so a SKU that was not named is not in Prokip."""
    lifted: frozenset[str]
    held_back: int
    rows_without_sku: int

    @property
    def missing(self) -> int:
        """SKUs told before that this read did not name; they keep their quantity."""
        named_before = self.named - self.counted.never_told - len(self.untold)
        return max(0, self.counted.known - named_before)


@dataclass(frozen=True, slots=True)
class Moment:
    """A look around before a page is asked for."""

    before: Before
    at_s: float
    """Monotonic, from when it began."""

    def is_old(self) -> bool:
        return time.monotonic() - self.at_s > LOOK_AGE_S_MAX


class Batch:
    """Pages that are compared together: a slow Prokip's one by one, a quick one's some at a time."""

    def __init__(self, look: Moment) -> None:
        self.look = look
        """From before the first of the pages was asked for."""
        self.rows_without_sku = 0
        self._pages: list[StockPage] = []
        self._skus: set[str] = set()

    def takes(self, page: StockPage) -> bool:
        """Not a SKU twice: pages that tell it differently must be compared one after the other."""
        skus = len(page.quantities) + len(page.unusable) + len(page.left_alone)
        if len(self._skus) + skus > LOOK_SKUS_MAX:
            return not self._pages
        return all(self._skus.isdisjoint(kind) for kind in (page.quantities, page.unusable, page.left_alone))

    def add(self, page: StockPage) -> None:
        self._pages.append(page)
        self._skus.update(page.quantities, page.unusable, page.left_alone)
        self.rows_without_sku += page.rows_without_sku

    def pieces(self) -> Iterator[StockPage]:
        """All of it, in pages of at most LOOK_SKUS_MAX of a kind."""
        if len(self._pages) <= 1:
            for page in self._pages:
                yield from pieces(page, LOOK_SKUS_MAX)
            return
        quantities: dict[str, Decimal] = {}
        unusable: dict[str, str] = {}
        goods: dict[str, Goods] = {}
        left_alone: dict[str, str] = {}
        for page in self._pages:
            quantities.update(page.quantities)
            unusable.update(page.unusable)
            goods.update(page.goods)
            left_alone.update(page.left_alone)
        yield StockPage(quantities, unusable, goods=goods, left_alone=left_alone)


class Whole:
    """Whether a read named all that Prokip has: pages are no snapshot, and what moves between two may be on neither."""

    def __init__(self) -> None:
        self._pages = 0
        self._row_ids: set[int] = set()
        self._rows_without_id = 0
        self._rows_total: int | None = None
        """Of the newest page."""

    def add(self, page: StockPage) -> None:
        self._pages += 1
        self._row_ids.update(page.row_ids)
        self._rows_without_id += page.rows_without_id
        self._rows_total = page.rows_total

    def is_so(self, *, new_skus: int) -> bool:
        """By the rows that Prokip counts; where it does not count, a read that found no new SKU will do."""
        if self._rows_total is None:
            return self._pages == 1 or not new_skus
        return len(self._row_ids) + self._rows_without_id >= self._rows_total


class PageReads:
    """Collects what one read finds. `changes_max` are held in memory at a time."""

    def __init__(self, reads: Reads, due: FreeLocation, reader: UUID, *, changes_max: int) -> None:
        self._reads = reads
        self._key = due.key
        self._sequence = due.sequence + 1
        self._reader = reader
        self._changes_max = changes_max
        self._look: Moment
        """The newest one."""
        self._comparing: list[asyncio.Task[None]] = []
        self._read_id: int | None = None
        self._changes: dict[str, Change] = {}
        self._left_out: dict[str, LeftOutReason] = {}
        self._held_back: set[str] = set()
        self._lifted: set[str] = set()
        self._seen = Seen()
        self._seen_left_alone = Seen()
        self._left_alone_differed = False
        self._rows = 0
        self._rows_without_sku = 0
        self._whole = Whole() if not due.first_read_complete else None

    async def read(self, source: AsyncIterator[StockPage]) -> Findings:
        """The next page is asked for while others are compared. Raises what the source raises, and LeaseLost.

        `under` is the look from before the page that is under way was asked for: what is seen around later comparisons
        is too late for it, because Prokip may have answered already.
        """
        self._look = under = await self._look_around()
        batch = Batch(under)
        asked = asyncio.create_task(_next(source), name="ask for a page")
        try:
            while (page := await asked) is not None:
                if self._whole is not None:
                    self._whole.add(page)
                full = None if batch.takes(page) else batch
                batch = Batch(under) if full else batch
                batch.add(page)
                if self._look.is_old():
                    self._look = await self._look_around()
                under = self._look
                asked = asyncio.create_task(_next(source), name="ask for a page")
                if full is not None:
                    await self._begin_compare(full)
                if batch.look.is_old():
                    await self._begin_compare(batch)
                    batch = Batch(under)
            await self._begin_compare(batch)
            await self._compared()
        finally:
            await end_all([asked, *self._comparing])
            if isinstance(source, AsyncGenerator):
                await source.aclose()
        return await self._findings()

    async def _look_around(self) -> Moment:
        at_s = time.monotonic()
        return Moment(await self._reads.look_around(self._key), at_s)

    async def _begin_compare(self, batch: Batch) -> None:
        """One batch after the other, because each is judged by what those before it said; at most one waits."""
        await self._compared()
        self._comparing = [asyncio.create_task(self._compare(batch), name="compare pages")]

    async def _compared(self) -> None:
        for task in self._comparing:
            await task

    async def forget(self) -> None:
        """What was collected by a read that failed."""
        if self._read_id is not None:
            await self._reads.forget_read(self._read_id)

    async def _compare(self, batch: Batch) -> None:
        """Each look is from before whatever is asked for after it."""
        self._rows_without_sku += batch.rows_without_sku
        before = batch.look.before
        for piece in batch.pieces():
            self._rows += len(piece.quantities) + len(piece.unusable) + len(piece.left_alone)
            at_s = time.monotonic()
            look = await self._reads.look_at_page(self._key, self._read_id, before, piece)
            self._look = Moment(look.as_before, at_s)
            self._judge(before, piece, look)
            await self._keep(piece, look)

    def _judge(self, before: Before, page: StockPage, look: Look) -> None:
        after = After(look.after.open, self._with_found(page, look))
        quantities = {sku: page.quantities[sku] for sku in after.known}
        outcome = compare_page(before, quantities, page.unusable, after)
        self._seen.add(look.numbers)
        self._seen_left_alone.add(look.left_alone_numbers)
        self._left_out |= outcome.left_out
        self._held_back |= outcome.held_back
        self._lifted |= outcome.lifted
        self._changes |= outcome.changed
        for sku in self._changes.keys() & self._left_out.keys():
            del self._changes[sku]

    def _with_found(self, page: StockPage, look: Look) -> dict[str, Known]:
        """Adds what earlier pages said: a change that is not in the database yet, or what was sent if that was all."""
        known = dict(look.after.known)
        for sku, number in look.special.items():
            held = known[sku]
            if sku in self._changes:
                known[sku] = replace(held, found=self._changes[sku].after)
            elif held.found is None and number is not None and number in self._seen:
                known[sku] = replace(held, found=held.sent)
        for sku in (self._changes.keys() & page.quantities.keys()) - known.keys():
            change = self._changes[sku]
            if change.before is not None:
                counter = Counter(change.before.recorded)
                known[sku] = Known(counter, sent=change.before, found=change.after)
        return known

    async def _keep(self, page: StockPage, look: Look) -> None:
        if look.goods_differ:
            goods = {sku: page.goods[sku] for sku in look.goods_differ}
            await self._reads.save_goods(self._key.business_id, goods)
        if look.left_alone_differ:
            await self._keep_left_alone(page, look)
        if len(self._changes) >= self._changes_max:
            await self._collect()

    async def _keep_left_alone(self, page: StockPage, look: Look) -> None:
        self._left_alone_differed = True
        reasons = {sku: page.left_alone[sku] for sku in look.left_alone_differ if sku in page.left_alone}
        if reasons:
            await self._reads.save_left_alone(self._key, reasons)
        counted_again = [sku for sku in look.left_alone_differ if sku not in reasons]
        if counted_again:
            await self._reads.forget_left_alone(self._key, counted_again)

    async def _collect(self) -> None:
        if self._read_id is None:
            self._read_id = await self._reads.open_read(self._key, self._sequence, self._reader)
        if self._read_id is None or not await self._reads.collect_changes(
            self._read_id, self._key.business_id, self._changes
        ):
            raise LeaseLost
        self._changes = {}

    async def _findings(self) -> Findings:
        """Raises Unusable for a read that named nothing: an empty list is a defect, not an empty shop."""
        if not self._rows:
            raise Unusable(EMPTY_WORDS)
        if self._changes:
            await self._collect()
        if self._read_id is not None and self._left_out:
            await self._reads.drop_changes(self._read_id, self._left_out)
        counted = await self._reads.count(self._key, self._read_id, self._left_out)
        untold = await self._reads.untold(self._key, self._left_out)
        if not self._left_alone_differed and counted.left_alone > self._seen_left_alone.count:
            await self._forget_unnamed()
        return Findings(
            read_id=self._read_id,
            counted=counted,
            named=self._seen.count + counted.never_told + len(untold),
            left_out=self._left_out,
            untold=frozenset(untold),
            whole=self._whole is None or self._whole.is_so(new_skus=counted.never_told),
            lifted=frozenset(self._lifted - self._left_out.keys()),
            held_back=len(self._held_back - self._left_out.keys()),
            rows_without_sku=self._rows_without_sku,
        )

    async def _forget_unnamed(self) -> None:
        """SKUs left alone that Prokip no longer has; rare, so their numbers are only looked at when the sums differ."""
        held = await self._reads.left_alone_numbers(self._key)
        gone = [number for number in held if number not in self._seen_left_alone]
        await self._reads.forget_left_alone_numbers(self._key, gone)


async def _next(source: AsyncIterator[StockPage]) -> StockPage | None:
    return await anext(source, None)


def pieces(page: StockPage, skus_max: int) -> Iterator[StockPage]:
    """The page in pages of at most so many SKUs of each kind."""
    if max(len(page.quantities), len(page.unusable), len(page.left_alone)) <= skus_max:
        yield page
        return
    kinds = (page.quantities, page.unusable, page.left_alone)
    for start in range(0, max(map(len, kinds)), skus_max):
        quantities = _slice(page.quantities, start, skus_max)
        unusable = _slice(page.unusable, start, skus_max)
        left_alone = _slice(page.left_alone, start, skus_max)
        skus = [*quantities, *unusable, *left_alone]
        goods = {sku: page.goods[sku] for sku in skus if sku in page.goods}
        yield StockPage(quantities, unusable, goods=goods, left_alone=left_alone)


def _slice(mapping: Mapping[str, V], start: int, length: int) -> dict[str, V]:
    return dict(islice(mapping.items(), start, start + length))

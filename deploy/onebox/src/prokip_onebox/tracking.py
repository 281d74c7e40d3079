"""One line for each change of an online order: from the moment the ledger had it to the last store that shows it.

Pure: fed with the gateway's live events, answers with finished sales.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

PENDING_SALES_MAX = 10_000


@dataclass(slots=True)
class PendingSale:
    title: str
    at: datetime
    wanted: dict[str, int]
    """Stock revision by SKU that a store must show (or a later one)."""
    waiting_for: set[tuple[int, str]]
    """Connection and SKU that have not confirmed yet."""
    last_at: datetime


@dataclass(frozen=True, slots=True)
class FinishedSale:
    title: str
    """What happened, in the words of who follows it."""
    stores: int
    took_ms: int


@dataclass(slots=True)
class SaleTracker:
    """`listed` tells which SKUs each connection sells, so that only those are waited for."""

    listed: Mapping[int, frozenset[str]]
    _pending: dict[tuple[int, str], PendingSale] = field(default_factory=dict)
    _shown: dict[tuple[int, str], tuple[int, datetime]] = field(default_factory=dict)

    def sale(
        self, connection_id: int, order_ref: str, title: str, at: datetime, wanted: Mapping[str, int]
    ) -> FinishedSale | None:
        """A sale reached the ledger; pushes of the same revision may have been told before it."""
        waiting = {
            (connection, sku)
            for connection, skus in self.listed.items()
            for sku, revision in wanted.items()
            if sku in skus and self._shown.get((connection, sku), (0, at))[0] < revision
        }
        last_at = max((self._shown.get((c, s), (0, at))[1] for c in self.listed for s in wanted), default=at)
        sale = PendingSale(title, at, dict(wanted), waiting, max(at, last_at))
        if not waiting:
            return self._finish(sale)
        if len(self._pending) >= PENDING_SALES_MAX:
            self._pending.pop(next(iter(self._pending)))
        self._pending[connection_id, order_ref] = sale
        return None

    def pushed(self, connection_id: int, at: datetime, shown: Iterable[tuple[str, int]]) -> list[FinishedSale]:
        """One store shows these revisions."""
        revisions = dict(shown)
        for sku, revision in revisions.items():
            if self._shown.get((connection_id, sku), (-1, at))[0] < revision:
                self._shown[connection_id, sku] = (revision, at)
        finished = []
        for key, sale in list(self._pending.items()):
            for sku, revision in revisions.items():
                if sku in sale.wanted and revision >= sale.wanted[sku]:
                    sale.waiting_for.discard((connection_id, sku))
                    sale.last_at = max(sale.last_at, at)
            if not sale.waiting_for:
                del self._pending[key]
                finished.append(self._finish(sale))
        return finished

    def _finish(self, sale: PendingSale) -> FinishedSale:
        stores = sum(1 for skus in self.listed.values() if not skus.isdisjoint(sale.wanted))
        took_ms = round((sale.last_at - sale.at).total_seconds() * 1000)
        return FinishedSale(sale.title, stores, took_ms)

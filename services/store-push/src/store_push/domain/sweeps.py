"""One sweep of one store's orders, as values: what it covers, how far it has come, what it says."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from prokip_shared.messages import OrderObservedV1, OrderSnapshot
from prokip_shared.platforms.store import OrdersPage


@dataclass(frozen=True, slots=True)
class Sweep:
    connection_id: int
    business_id: int
    location_id: str
    connected_at: datetime
    """By the store's clock, as `swept_to` and `sweeping_to`."""
    swept_to: datetime
    cursor: str | None
    """Where it goes on; None: at the beginning, or complete."""
    sweeping_to: datetime | None
    """The store's clock when the first page was answered; what `swept_to` becomes."""
    consecutive_failures: int
    begun_at: datetime
    """By our clock."""
    correlation_id: str
    orders: int = 0
    unreadable: int = 0

    def since(self, overlap: timedelta) -> datetime:
        """Some time is read twice: clocks of a store's servers differ, and its commits come after their time stamps."""
        return self.swept_to - overlap

    def after(self, page: OrdersPage) -> "Sweep":
        """With one more page told. A store that does not tell its clock is taken at ours."""
        return replace(
            self,
            cursor=page.next_cursor,
            sweeping_to=self.sweeping_to or page.store_clock or self.begun_at,
            orders=self.orders + len(page.orders),
            unreadable=self.unreadable + len(page.unreadable),
        )

    def begun_anew(self) -> "Sweep":
        return replace(self, cursor=None, sweeping_to=None, orders=0, unreadable=0)


def observations_of(sweep: Sweep, orders: Iterable[OrderSnapshot], at: datetime) -> list[OrderObservedV1]:
    """As a webhook would have told them."""
    return [
        OrderObservedV1(
            business_id=sweep.business_id,
            correlation_id=sweep.correlation_id,
            connection_id=sweep.connection_id,
            location_id=sweep.location_id,
            source="sweep",
            observed_at=at,
            predates_connection=order.created_at is not None and order.created_at < sweep.connected_at,
            order=order,
        )
        for order in orders
    ]

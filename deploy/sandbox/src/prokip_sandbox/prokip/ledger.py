"""What the simulated Prokip knows: quantities by location and SKU, and the sales that changed them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from prokip_sandbox.values import ApiError, Clock

DuplicatePolicy = Literal["accept", "refuse"]
ShortagePolicy = Literal["accept", "refuse"]


@dataclass
class Item:
    sku: str
    quantity: float


@dataclass
class Sale:
    """One recorded sale; `returned` counts what refunds brought back, by SKU. `source` tells who sold."""

    sell_id: str
    location_id: str
    items: list[Item]
    reference: str | None
    source: Literal["api", "counter"]
    at_s: float
    returned: dict[str, float] = field(default_factory=dict)


@dataclass
class State:
    """Everything that a restart keeps: quantities by location, then by SKU, and all sales in order."""

    stock: dict[str, dict[str, float]] = field(default_factory=dict)
    sales: list[Sale] = field(default_factory=list)


@dataclass
class Policies:
    """What no source specifies, so it can be chosen: our assumption, not Prokip's word."""

    duplicates: DuplicatePolicy = "accept"  # a sale whose `reference` is already there
    shortage: ShortagePolicy = "accept"  # accept: stock goes negative
    serves_refunds: bool = True


class Ledger:
    def __init__(self, state: State, clock: Clock, policies: Policies) -> None:
        self._state = state
        self._clock = clock
        self.policies = policies

    def inventory(self, location_id: str) -> list[dict[str, Any]]:
        return [{"sku": sku, "quantity": _number(quantity)} for sku, quantity in self._at(location_id).items()]

    def sell(
        self, location_id: str, items: Iterable[Item], *, reference: str | None, source: Literal["api", "counter"]
    ) -> Sale:
        """All items or none."""
        stock = self._at(location_id)
        wanted = list(items)
        if reference is not None and self.policies.duplicates == "refuse":
            earlier = next((sale for sale in self._state.sales if sale.reference == reference), None)
            if earlier is not None:
                raise ApiError(409, {"error": "Duplicate reference", "sell_id": earlier.sell_id})
        for item in wanted:
            if item.sku not in stock:
                raise ApiError(404, {"error": f"Unknown sku {item.sku}"})
            if self.policies.shortage == "refuse" and stock[item.sku] < item.quantity:
                raise ApiError(409, {"error": f"Insufficient stock of {item.sku}"})
        for item in wanted:
            stock[item.sku] -= item.quantity
        sell_id = f"SELL-{len(self._state.sales) + 1:06d}"
        sale = Sale(sell_id, location_id, wanted, reference, source, self._clock())
        self._state.sales.append(sale)
        return sale

    def refund(self, sell_id: str, items: Iterable[Item]) -> Sale:
        """Each call brings back the quantities given: a delta, so a repeated call brings them back again."""
        sale = next((sale for sale in self._state.sales if sale.sell_id == sell_id), None)
        if sale is None:
            raise ApiError(404, {"error": f"Unknown sale {sell_id}"})
        back = list(items)
        sold = {item.sku for item in sale.items}
        for item in back:
            if item.sku not in sold:
                raise ApiError(404, {"error": f"Sale {sell_id} has no sku {item.sku}"})
        stock = self._at(sale.location_id)
        for item in back:
            stock[item.sku] = stock.get(item.sku, 0) + item.quantity
            sale.returned[item.sku] = sale.returned.get(item.sku, 0) + item.quantity
        return sale

    def fill(self, location_id: str, stock: Mapping[str, float]) -> None:
        self._state.stock.setdefault(location_id, {}).update(stock)

    def quantity(self, location_id: str, sku: str) -> float:
        return self._at(location_id)[sku]

    def remove(self, location_id: str, sku: str) -> None:
        del self._at(location_id)[sku]

    def _at(self, location_id: str) -> dict[str, float]:
        stock = self._state.stock.get(location_id)
        if stock is None:
            raise ApiError(404, {"error": f"Unknown location {location_id}"})
        return stock


def _number(quantity: float) -> float:
    return int(quantity) if float(quantity).is_integer() else quantity

"""What the simulated ERP stores: its tables as values, made ready to be saved as JSON."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from prokip_sandbox.values import revive

BUSINESS_ID = 4
USER_ID = 9
STATE_FORMAT = 2

ProductType = Literal["single", "variable"]


class Location(NamedTuple):
    """`code` is for people; the connector wants the number `id` everywhere."""

    id: int
    code: str
    name: str
    is_active: bool = True


class Contact(NamedTuple):
    id: int
    business_id: int
    type: Literal["customer", "supplier", "both"]
    name: str
    code: str
    is_default: bool = False


class Product(NamedTuple):
    """`location_ids` None: assigned to every location. Product numbers are even, variation numbers odd."""

    id: int
    sku: str
    name: str
    type: ProductType = "single"
    enable_stock: bool = True
    is_inactive: bool = False
    not_for_selling: bool = False
    location_ids: tuple[int, ...] | None = None
    image_url: str | None = None


class Variation(NamedTuple):
    """What is sold and counted; its `sku` is the sub_sku. `price` in ten-thousandths, tax included."""

    id: int
    product_id: int
    sku: str
    name: str
    price: int
    is_deleted: bool = False


@dataclass(slots=True)
class StockRow:
    """One row of variation_location_details, with what purchases still cover: two figures that can differ."""

    quantity: int
    layers: int
    updated_s: float


@dataclass(slots=True)
class Line:
    """One sell line. `allocated` is the part of it that purchases cover."""

    id: int
    product_id: int
    variation_id: int
    quantity: int
    unit_price: int
    price_inc_tax: int
    discount_type: str = "fixed"
    discount_amount: int = 0
    note: str | None = None
    returned: int = 0
    allocated: int = 0


@dataclass(slots=True)
class Payment:
    id: int
    amount: int
    method: str | None
    paid_on: str
    is_return: bool = False


@dataclass(slots=True)
class Transaction:
    """A sale or a return; both share one sequence of numbers.

    `date` is the business's local time. `origin` tells who made it: nothing of the ERP's own, assertions need it.
    `more` holds fields that are kept and given back as they came.
    """

    id: int
    type: Literal["sell", "sell_return"]
    status: str
    location_id: int
    contact_id: int
    invoice_no: str
    date: str
    created_s: float
    updated_s: float
    origin: Literal["simple", "connector", "counter"]
    source: str | None = None
    reference: str | None = None
    discount_type: str = "fixed"
    discount_amount: int = 0
    shipping_charges: int = 0
    total_before_tax: int = 0
    final_total: int = 0
    return_parent_id: int | None = None
    lines: list[Line] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def sell_id(self) -> str:
        """The simple dialects' name of the sale."""
        return str(self.id) if self.origin == "connector" else f"SELL-{self.id - FIRST_TRANSACTION_ID + 1:06d}"

    @property
    def payment_status(self) -> str:
        paid = sum(-payment.amount if payment.is_return else payment.amount for payment in self.payments)
        if paid >= self.final_total:
            return "paid"
        return "partial" if paid > 0 else "due"


@dataclass(slots=True)
class Grant:
    """A pair of tokens."""

    access_token: str
    refresh_token: str
    expires_s: float
    is_revoked: bool = False


FIRST_TRANSACTION_ID = 5001


@dataclass
class State:
    """Everything that a restart keeps. Stock by location number, then variation number."""

    locations: list[Location] = field(default_factory=list)
    contacts: list[Contact] = field(default_factory=list)
    products: dict[int, Product] = field(default_factory=dict)
    variations: dict[int, Variation] = field(default_factory=dict)
    stock: dict[int, dict[int, StockRow]] = field(default_factory=dict)
    transactions: dict[int, Transaction] = field(default_factory=dict)
    grants: list[Grant] = field(default_factory=list)
    next_transaction_id: int = FIRST_TRANSACTION_ID
    next_line_id: int = 7001
    next_payment_id: int = 3001
    returns_made: int = 0

    def dump(self) -> dict[str, Any]:
        """JSON-ready; the large tables as plain rows, because a large catalogue is saved while clients wait."""
        return {
            "format": STATE_FORMAT,
            "locations": self.locations,
            "contacts": self.contacts,
            "products": [*self.products.values()],
            "variations": [*self.variations.values()],
            "stock": [
                (location_id, variation_id, row.quantity, row.layers, row.updated_s)
                for location_id, rows in self.stock.items()
                for variation_id, row in rows.items()
            ],
            "transactions": [dataclasses.asdict(one) for one in self.transactions.values()],
            "grants": [dataclasses.asdict(grant) for grant in self.grants],
            "next": [self.next_transaction_id, self.next_line_id, self.next_payment_id, self.returns_made],
        }

    def load(self, saved: Mapping[str, Any]) -> None:
        """Take what `dump` gave, in place."""
        if saved.get("format") != STATE_FORMAT:
            raise ValueError("the saved state is of another version of the sandbox: remove its folder")
        self.locations = [Location(*row) for row in saved["locations"]]
        self.contacts = [Contact(*row) for row in saved["contacts"]]
        self.products = {row[0]: _product(row) for row in saved["products"]}
        self.variations = {row[0]: Variation(*row) for row in saved["variations"]}
        self.stock = {location.id: {} for location in self.locations}
        for location_id, variation_id, *figures in saved["stock"]:
            self.stock[location_id][variation_id] = StockRow(*figures)
        self.transactions = {one["id"]: revive(Transaction, one) for one in saved["transactions"]}
        self.grants = [revive(Grant, grant) for grant in saved["grants"]]
        self.next_transaction_id, self.next_line_id, self.next_payment_id, self.returns_made = saved["next"]


def _product(row: list[Any]) -> Product:
    product = Product(*row)
    places = product.location_ids
    return product if places is None else product._replace(location_ids=tuple(places))

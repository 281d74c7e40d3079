"""What one simulated WooCommerce store holds."""

from dataclasses import dataclass, field
from typing import Literal

from prokip_sandbox.values import ApiError, Clock

ProductType = Literal["simple", "variable", "variation"]
VERSION = "9.9.5"
WORDPRESS_VERSION = "6.9"


@dataclass
class Product:
    """A product or a variation. `manage_stock` of a variation without own stock means: the parent counts."""

    id: int
    name: str
    sku: str
    type: ProductType
    price_cents: int
    created_s: float
    modified_s: float
    parent_id: int = 0
    manage_stock: bool = True
    stock_quantity: int | None = 0
    backorders: str = "no"
    status: str = "publish"
    option: str = ""
    total_sales: int = 0
    variation_ids: list[int] = field(default_factory=list)


@dataclass
class Line:
    """One order line. `reduced_stock` is what the store holds taken for it now; None: nothing."""

    id: int
    product_id: int
    variation_id: int
    name: str
    quantity: int
    total_cents: int
    option: str = ""
    reduced_stock: int | None = None
    restocked: int = 0
    refunded: int = 0


@dataclass
class RefundLine:
    id: int
    line_id: int
    quantity: int  # as refunded, positive
    total_cents: int


@dataclass
class Refund:
    id: int
    created_s: float
    amount_cents: int
    reason: str
    lines: list[RefundLine]


@dataclass
class Order:
    id: int
    status: str
    key: str
    created_s: float
    modified_s: float
    created_via: str = "rest-api"
    payment_method: str = ""
    payment_method_title: str = ""
    customer_note: str = ""
    paid_s: float | None = None
    completed_s: float | None = None
    lines: list[Line] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    stock_reduced: bool = False
    sales_counted: bool = False
    trashed_status: str | None = None  # the status before the trash
    notes: list[str] = field(default_factory=list)

    @property
    def total_cents(self) -> int:
        return sum(line.total_cents for line in self.lines)

    @property
    def refunded_cents(self) -> int:
        return sum(refund.amount_cents for refund in self.refunds)


@dataclass
class Webhook:
    id: int
    name: str
    topic: str
    delivery_url: str
    secret: str
    created_s: float
    modified_s: float
    status: str = "active"
    failure_count: int = 0


@dataclass
class GrantedKey:
    """An API key that the approval page made."""

    id: int
    consumer_key: str
    consumer_secret: str
    permissions: str


@dataclass
class State:
    """Everything that a restart keeps."""

    products: dict[int, Product] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    webhooks: dict[int, Webhook] = field(default_factory=dict)
    granted_keys: dict[int, GrantedKey] = field(default_factory=dict)
    last_post_id: int = 9  # products, orders and refunds share one sequence, as WordPress posts do
    last_line_id: int = 0
    last_webhook_id: int = 0
    last_key_id: int = 0

    def next_post_id(self) -> int:
        self.last_post_id += 1
        return self.last_post_id

    def next_line_id(self) -> int:
        self.last_line_id += 1
        return self.last_line_id


@dataclass(frozen=True, slots=True)
class Site:
    """What the store's parts need to know of its surroundings."""

    clock: Clock
    utc_offset_hours: int


def woo_error(code: str, message: str, status: int, **data: object) -> ApiError:
    return ApiError(status, {"code": code, "message": message, "data": {"status": status, **data}})


def invalid_parameter(name: str, reason: str) -> ApiError:
    return woo_error("rest_invalid_param", f"Invalid parameter(s): {name}", 400, params={name: reason}, details={})

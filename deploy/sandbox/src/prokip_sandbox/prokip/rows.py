"""The ERP's rows as JSON: the fields that its sources give, in their spelling and their types."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from prokip_sandbox.prokip.fixed import as_number, as_text
from prokip_sandbox.prokip.ledger import Ledger
from prokip_sandbox.prokip.model import (
    BUSINESS_ID,
    USER_ID,
    Contact,
    Line,
    Location,
    Payment,
    Product,
    StockRow,
    Transaction,
    Variation,
)
from prokip_sandbox.values import compact_json, made_up_key

PRODUCT_VARIATION_OFFSET = 400_000  # between a product and its variations stands one more row with a number
PAYMENT_METHODS = ("cash", "card", "cheque", "bank_transfer", "other", "custom_pay_1")
# What is the same in every variation's row; rendered once, because a large catalogue has a hundred thousand of them.
VARIATION_TAIL = compact_json(
    {
        "business_id": BUSINESS_ID,
        "barcode_type": "C128",
        "expiry_period": None,
        "expiry_period_type": None,
        "enable_sr_no": 0,
        "weight": None,
        "product_custom_field1": None,
        "product_custom_field2": None,
        "product_custom_field3": None,
        "product_custom_field4": None,
        "product_image": None,
        "product_description": None,
        "warranty_id": None,
        "brand_id": None,
        "brand_name": None,
        "unit_id": 1,
        "unit_name": "Pc(s)",
        "unit_allow_decimal": 1,
        "category_id": None,
        "category": None,
        "sub_category_id": None,
        "sub_category": None,
        "tax_id": None,
        "tax_type": "exclusive",
        "tax_name": None,
        "tax_amount": None,
        "media": [],
        "selling_price_group": [],
        "product_image_url": None,
        "product_locations": [],
        "discounts": [],
    }
)[1:]


class Rows:
    """Rendering that depends on the generation and the business's clock."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.url = ""

    def time(self, at_s: float) -> str:
        """Legacy: local and without a zone (the sources do not tell whose local: our assumption is the business's)."""
        if self._ledger.erp.generation == "legacy":
            return self._ledger.local_time(at_s)
        return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def location(self, location: Location) -> dict[str, Any]:
        return {
            "id": location.id,
            "business_id": BUSINESS_ID,
            "location_id": location.code,
            "name": location.name,
            "landmark": None,
            "country": "Nigeria",
            "state": "Lagos",
            "city": "Lagos",
            "zip_code": "100001",
            "is_active": int(location.is_active),
            "payment_methods": [
                {"name": name, "label": name.replace("_", " ").title(), "account_id": None} for name in PAYMENT_METHODS
            ],
        }

    def business(self, locations: Iterable[Location]) -> dict[str, Any]:
        settings: dict[str, Any] = {"disable_pay_checkout": 0, "disable_draft": 0, "disable_express_checkout": 0}
        if self._ledger.erp.allow_overselling:
            settings["allow_overselling"] = "1"  # a ticked box; an empty one leaves no key behind
        return {
            "id": BUSINESS_ID,
            "name": "Sandbox Business (simulated)",
            "time_zone": self._ledger.erp.time_zone,
            "accounting_method": "fifo",
            "sku_prefix": "AS",
            "pos_settings": settings,
            "date_format": "d-m-Y",
            "time_format": "24",
            "is_active": 1,
            "locations": [self.location(location) for location in locations],
            "currency": {"id": 93, "country": "Nigeria", "code": "NGN", "symbol": "₦"},
            "currency_precision": 2,
            "quantity_precision": 2,
        }

    def variation(self, product: Product, variation: Variation, stock: Mapping[int, StockRow]) -> str:
        """JSON text. `stock`: the rows to show, by location number."""
        single = product.type == "single"
        head = {
            "variation_id": variation.id,
            "variation_name": "" if single else variation.name,
            "sub_sku": variation.sku,
            "product_id": product.id,
            "product_name": product.name,
            "sku": product.sku,
            "type": product.type,
            "enable_stock": int(product.enable_stock),
            "not_for_selling": int(product.not_for_selling),
            "product_variation_id": product.id + PRODUCT_VARIATION_OFFSET,
            "product_variation_name": "" if single else "Option",
            "default_purchase_price": as_text(variation.price // 2),
            "default_sell_price": as_text(variation.price),
            "sell_price_inc_tax": as_text(variation.price),
            "variation_location_details": self._stock(variation, stock),
        }
        return f"{compact_json(head)[:-1]},{VARIATION_TAIL}"

    def product(
        self, product: Product, variations: Iterable[tuple[Variation, Mapping[int, StockRow]]]
    ) -> dict[str, Any]:
        return {
            "id": product.id,
            "name": product.name,
            "business_id": BUSINESS_ID,
            "type": product.type,
            "enable_stock": int(product.enable_stock),
            "alert_quantity": "0.0000",
            "sku": product.sku,
            "barcode_type": "C128",
            "is_inactive": int(product.is_inactive),
            "not_for_selling": int(product.not_for_selling),
            "woocommerce_product_id": None,
            "image_url": product.image_url,
            "product_variations": [
                {
                    "id": product.id + PRODUCT_VARIATION_OFFSET,
                    "name": "DUMMY" if product.type == "single" else "Option",
                    "product_id": product.id,
                    "is_dummy": int(product.type == "single"),
                    "variations": [self._nested_variation(one, stock) for one, stock in variations],
                }
            ],
            "brand": None,
            "unit": {"id": 1, "business_id": BUSINESS_ID, "actual_name": "Pieces", "short_name": "Pc(s)"},
            "category": None,
            "sub_category": None,
            "product_tax": None,
        }

    def stock_report(
        self, product: Product, variation: Variation, location: Location | None, row: StockRow | None, sold: int | None
    ) -> dict[str, Any]:
        return {
            "total_sold": None if sold is None else as_text(sold),
            "total_transfered": None,
            "total_adjusted": None,
            "stock_price": None,
            "stock": None if row is None else as_text(row.quantity),
            "sku": variation.sku,
            "product": product.name,
            "type": product.type,
            "product_id": product.id,
            "unit": "Pc(s)",
            "enable_stock": int(product.enable_stock),
            "unit_price": as_text(variation.price),
            "product_variation": "DUMMY" if product.type == "single" else "Option",
            "variation_name": "DUMMY" if product.type == "single" else variation.name,
            "location_name": location.name if location else None,
            "location_id": location.id if location else None,
            "variation_id": variation.id,
        }

    def contact(self, contact: Contact) -> dict[str, Any]:
        return {
            "id": contact.id,
            "business_id": contact.business_id,
            "type": contact.type,
            "supplier_business_name": None,
            "name": contact.name,
            "email": None,
            "contact_id": contact.code,
            "contact_status": "active",
            "mobile": "",
            "balance": "0.0000",
            "is_default": int(contact.is_default),
            "customer_group_id": None,
        }

    def transaction(self, one: Transaction) -> dict[str, Any]:
        """As a row that was read from the database: figures are text, `payment_status` is what it is by now."""
        return {
            **self._header(one),
            "payment_status": one.payment_status,
            "total_before_tax": as_text(one.total_before_tax),
            "tax_amount": "0.0000",
            "discount_amount": as_text(one.discount_amount),
            "shipping_charges": as_text(one.shipping_charges),
            "final_total": as_text(one.final_total),
        }

    def sell(self, sale: Transaction) -> dict[str, Any]:
        return {
            **self.transaction(sale),
            "sell_lines": [self.line(sale, line) for line in sale.lines],
            "payment_lines": [self.payment(sale, payment) for payment in sale.payments],
            **self.invoice_links(sale),
        }

    def fresh(self, one: Transaction) -> dict[str, Any]:
        """As the object that was just written: figures are numbers, and it has not looked at its payments."""
        return {
            **self._header(one),
            "total_before_tax": as_number(one.total_before_tax),
            "tax_amount": 0,
            "discount_amount": as_number(one.discount_amount),
            "shipping_charges": as_number(one.shipping_charges),
            "final_total": as_number(one.final_total),
        }

    def line(self, sale: Transaction, line: Line) -> dict[str, Any]:
        return {
            "id": line.id,
            "transaction_id": sale.id,
            "product_id": line.product_id,
            "variation_id": line.variation_id,
            "quantity": as_number(line.quantity),
            "quantity_returned": as_text(line.returned),
            "unit_price_before_discount": as_text(line.unit_price),
            "unit_price": as_text(line.price_inc_tax),
            "line_discount_type": line.discount_type,
            "line_discount_amount": as_text(line.discount_amount),
            "unit_price_inc_tax": as_text(line.price_inc_tax),
            "item_tax": "0.0000",
            "tax_id": None,
            "sell_line_note": line.note,
            "parent_sell_line_id": None,
            "children_type": "",
            "sub_unit_id": None,
            "created_at": self.time(sale.created_s),
            "updated_at": self.time(sale.updated_s),
        }

    def payment(self, sale: Transaction, payment: Payment) -> dict[str, Any]:
        return {
            "id": payment.id,
            "transaction_id": sale.id,
            "business_id": BUSINESS_ID,
            "is_return": int(payment.is_return),
            "amount": as_text(payment.amount),
            "method": payment.method,
            "paid_on": payment.paid_on,
            "created_by": USER_ID,
            "payment_for": sale.contact_id,
            "payment_ref_no": f"SP{payment.paid_on[:4]}/{payment.id:04d}",
            "account_id": None,
        }

    def invoice_links(self, sale: Transaction) -> dict[str, str]:
        token = made_up_key("", f"invoice {sale.id}")[:32]
        return {"invoice_url": f"{self.url}/invoice/{token}", "payment_link": f"{self.url}/pay/{token}"}

    def _header(self, one: Transaction) -> dict[str, Any]:
        return {
            "id": one.id,
            "business_id": BUSINESS_ID,
            "location_id": one.location_id,
            "type": one.type,
            "sub_type": None,
            "status": one.status,
            "contact_id": one.contact_id,
            "customer_group_id": None,
            "invoice_no": one.invoice_no,
            "ref_no": "" if one.type == "sell" else None,
            "source": one.source,
            "transaction_date": one.date,
            "tax_id": None,
            "discount_type": one.discount_type,
            "return_parent_id": one.return_parent_id,
            "exchange_rate": "1.000",
            "created_by": USER_ID,
            "is_created_from_api": int(one.origin == "connector"),
            "woocommerce_order_id": None,
            **one.more,
            "created_at": self.time(one.created_s),
            "updated_at": self.time(one.updated_s),
        }

    def _nested_variation(self, variation: Variation, stock: Mapping[int, StockRow]) -> dict[str, Any]:
        return {
            "id": variation.id,
            "name": variation.name or "DUMMY",
            "product_id": variation.product_id,
            "sub_sku": variation.sku,
            "product_variation_id": variation.product_id + PRODUCT_VARIATION_OFFSET,
            "default_purchase_price": as_text(variation.price // 2),
            "default_sell_price": as_text(variation.price),
            "sell_price_inc_tax": as_text(variation.price),
            "deleted_at": None,
            "combo_variations": None,
            "variation_location_details": self._stock(variation, stock),
            "media": [],
            "discounts": [],
        }

    def _stock(self, variation: Variation, stock: Mapping[int, StockRow]) -> list[dict[str, Any]]:
        return [
            {
                "id": variation.id * 100 + location_id % 100,
                "product_id": variation.product_id,
                "product_variation_id": variation.product_id + PRODUCT_VARIATION_OFFSET,
                "variation_id": variation.id,
                "location_id": location_id,
                "qty_available": as_text(row.quantity),
                "created_at": at,
                "updated_at": at,
            }
            for location_id, row in stock.items()
            for at in (self.time(row.updated_s),)
        ]

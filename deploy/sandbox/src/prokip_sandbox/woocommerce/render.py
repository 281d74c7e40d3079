"""The JSON forms of WooCommerce 9.9.5's REST API v3, field by field as recorded from a store."""

from typing import Any

from prokip_sandbox.values import compact_json, iso_seconds, money
from prokip_sandbox.woocommerce.catalogue import Catalogue
from prokip_sandbox.woocommerce.model import VERSION, Line, Order, Product, Refund, RefundLine, Site, State, Webhook

ADDRESS = dict.fromkeys(
    ("first_name", "last_name", "company", "address_1", "address_2", "city", "state", "postcode", "country", "phone"),
    "",
)
BUYER = {**ADDRESS, "first_name": "Sandbox", "last_name": "Shopper", "country": "ZA", "email": "shopper@example.test"}
ALL_METHODS = {"allow": ["GET", "POST", "PUT", "PATCH", "DELETE"]}


def php_json(value: Any) -> bytes:
    """`wp_json_encode`: compact, slashes escaped, ASCII only."""
    return compact_json(value).replace("/", "\\/").encode()


class Renderer:
    def __init__(self, state: State, site: Site, catalogue: Catalogue) -> None:
        self._state = state
        self._site = site
        self._catalogue = catalogue
        self.home_url = ""

    def order(self, order: Order) -> dict[str, Any]:
        total = money(order.total_cents)
        draft = order.status == "checkout-draft"
        unpaid = order.status in {"pending", "failed", "checkout-draft"}
        return {
            "id": order.id,
            "parent_id": 0,
            "status": order.status,
            "currency": "USD",
            "version": VERSION,
            "prices_include_tax": False,
            "date_created": self._local(order.created_s),
            "date_modified": self._local(order.modified_s),
            "discount_total": "0.00",
            "discount_tax": "0.00",
            "shipping_total": "0.00",
            "shipping_tax": "0.00",
            "cart_tax": "0.00",
            "total": total,
            "total_tax": "0.00",
            "customer_id": 0,
            "order_key": order.key,
            "billing": BUYER,
            "shipping": ADDRESS,
            "payment_method": order.payment_method,
            "payment_method_title": order.payment_method_title,
            "transaction_id": "",
            "customer_ip_address": "",
            "customer_user_agent": "",
            "created_via": order.created_via,
            "customer_note": order.customer_note,
            "date_completed": self._local(order.completed_s),
            "date_paid": self._local(order.paid_s),
            "cart_hash": "",
            "number": str(order.id),
            "meta_data": [],
            "line_items": [self.line(line) for line in order.lines],
            "tax_lines": [],
            "shipping_lines": [],
            "fee_lines": [],
            "coupon_lines": [],
            "refunds": [{"id": r.id, "reason": r.reason, "total": f"-{money(r.amount_cents)}"} for r in order.refunds],
            "payment_url": f"{self.home_url}/checkout/order-pay/{order.id}/?pay_for_order=true&key={order.key}",
            "is_editable": order.status in {"pending", "on-hold", "checkout-draft"},
            "needs_payment": unpaid and not draft and order.total_cents > 0,
            "needs_processing": True,
            "date_created_gmt": _gmt(order.created_s),
            "date_modified_gmt": _gmt(order.modified_s),
            "date_completed_gmt": _gmt(order.completed_s),
            "date_paid_gmt": _gmt(order.paid_s),
            "currency_symbol": "$",
            "_links": self._links(
                f"orders/{order.id}", "orders", email_templates=f"orders/{order.id}/actions/email_templates"
            ),
        }

    def line(self, line: Line) -> dict[str, Any]:
        product = self._catalogue.find(line.variation_id or line.product_id)
        meta = [("size", line.option)] if line.option else []
        if line.reduced_stock is not None:
            meta.append(("_reduced_stock", str(line.reduced_stock)))
        if line.restocked:
            meta.append(("_restock_refunded_items", str(line.restocked)))
        parent = self._catalogue.find(line.product_id) if line.variation_id else None
        return self._item(
            line.id,
            line.name,
            line.product_id if product else 0,
            line.variation_id if product else 0,
            line.quantity,
            line.total_cents,
            meta,
            product.sku if product else None,
            parent.name if parent else None,
        )

    def refund(self, order: Order, refund: Refund) -> dict[str, Any]:
        return {
            "id": refund.id,
            "date_created": self._local(refund.created_s),
            "date_created_gmt": _gmt(refund.created_s),
            "amount": money(refund.amount_cents),
            "reason": refund.reason,
            "refunded_by": 1,
            "refunded_payment": False,
            "meta_data": [],
            "line_items": [self._refund_line(order, line) for line in refund.lines],
            "shipping_lines": [],
            "tax_lines": [],
            "fee_lines": [],
            "_links": self._links(
                f"orders/{order.id}/refunds/{refund.id}", f"orders/{order.id}/refunds", up=f"orders/{order.id}"
            ),
        }

    def product(self, product: Product) -> dict[str, Any]:
        holder = self._catalogue.stock_holder(product)
        quantity = holder.stock_quantity if holder else None
        price = money(product.price_cents)
        slug = product.name.lower().replace(" - ", "-").replace(" ", "-")
        up = {"up": f"products/{product.parent_id}"} if product.parent_id else {}
        return {
            "id": product.id,
            "name": product.name,
            "slug": slug,
            "permalink": f"{self.home_url}/product/{slug}/",
            "date_created": self._local(product.created_s),
            "date_created_gmt": _gmt(product.created_s),
            "date_modified": self._local(product.modified_s),
            "date_modified_gmt": _gmt(product.modified_s),
            "type": product.type,
            "status": product.status,
            "featured": False,
            "catalog_visibility": "visible",
            "description": "",
            "short_description": "",
            "sku": product.sku,
            "price": price,
            "regular_price": price,
            "sale_price": "",
            **_DATES_ON_SALE,
            "on_sale": False,
            "purchasable": True,
            "total_sales": "0" if product.type == "variation" else product.total_sales,
            **_DOWNLOADS,
            "manage_stock": "parent" if holder is not None and holder is not product else product.manage_stock,
            "stock_quantity": quantity,
            "backorders": product.backorders,
            "backorders_allowed": product.backorders != "no",
            "backordered": product.backorders != "no" and quantity is not None and quantity < 0,
            "low_stock_amount": None,
            "sold_individually": False,
            **_SHIPPING,
            "parent_id": product.parent_id,
            "purchase_note": "",
            "categories": [] if product.parent_id else [{"id": 15, "name": "Uncategorized", "slug": "uncategorized"}],
            "brands": [],
            "tags": [],
            "images": [
                {"id": product.id * 100 + n, "src": src, "name": "", "alt": ""} for n, src in enumerate(product.images)
            ],
            "attributes": self._attributes(product),
            "default_attributes": [],
            "variations": list(product.variation_ids),
            "grouped_products": [],
            "menu_order": 0,
            "price_html": _PRICE_HTML.format(price),
            "related_ids": [],
            "meta_data": [
                {"id": product.id * 100 + n, "key": key, "value": value}
                for n, (key, value) in enumerate(product.meta.items())
            ],
            "stock_status": _stock_status(product, quantity),
            "has_options": product.type == "variable",
            "post_password": "",
            "global_unique_id": "",
            "_links": self._links(f"products/{product.id}", "products", **up),
        }

    def variation(self, product: Product) -> dict[str, Any]:
        """The form of the /variations paths: the product's without what only a product has."""
        whole = self.product(product)
        for name in ("categories", "brands", "tags", "variations", "grouped_products", "related_ids", "price_html"):
            del whole[name]
        return whole

    def webhook(self, webhook: Webhook) -> dict[str, Any]:
        """The secret and the failure count are never shown."""
        resource, _, event = webhook.topic.partition(".")
        return {
            "id": webhook.id,
            "name": webhook.name,
            "status": webhook.status,
            "topic": webhook.topic,
            "resource": resource,
            "event": event,
            "hooks": [],
            "delivery_url": webhook.delivery_url,
            "date_created": self._local(webhook.created_s),
            "date_created_gmt": _gmt(webhook.created_s),
            "date_modified": self._local(webhook.modified_s),
            "date_modified_gmt": _gmt(webhook.modified_s),
            "_links": self._links(f"webhooks/{webhook.id}", "webhooks"),
        }

    def _refund_line(self, order: Order, refund_line: RefundLine) -> dict[str, Any]:
        line = next((line for line in order.lines if line.id == refund_line.line_id), None)
        product = self._catalogue.find(line.variation_id or line.product_id) if line else None
        return self._item(
            refund_line.id,
            line.name if line else "",
            line.product_id if line and product else 0,
            line.variation_id if line and product else 0,
            -refund_line.quantity,
            -refund_line.total_cents,
            [("_refunded_item_id", str(refund_line.line_id))],
            product.sku if product else None,
            None,
        )

    @staticmethod
    def _item(
        item_id: int,
        name: str,
        product_id: int,
        variation_id: int,
        quantity: int,
        total_cents: int,
        meta: list[tuple[str, str]],
        sku: str | None,
        parent_name: str | None,
    ) -> dict[str, Any]:
        total = money(total_cents)
        price = total_cents / 100 / quantity if quantity else 0
        return {
            "id": item_id,
            "name": name,
            "product_id": product_id,
            "variation_id": variation_id,
            "quantity": quantity,
            "tax_class": "",
            "subtotal": total,
            "subtotal_tax": "0.00",
            "total": total,
            "total_tax": "0.00",
            "taxes": [],
            "meta_data": [
                {"id": item_id * 10 + n, "key": key, "value": value, "display_key": key, "display_value": value}
                for n, (key, value) in enumerate(meta)
            ],
            "sku": sku,
            "price": int(price) if price == int(price) else price,
            "image": {"id": "", "src": ""},
            "parent_name": parent_name,
        }

    def _attributes(self, product: Product) -> list[dict[str, Any]]:
        if product.option:
            return [{"id": 0, "name": "Size", "slug": "size", "option": product.option}]
        options = [child.option for i in product.variation_ids if (child := self._catalogue.find(i))]
        if not options:
            return []
        return [
            {
                "id": 0,
                "name": "Size",
                "slug": "size",
                "position": 0,
                "visible": True,
                "variation": True,
                "options": options,
            }
        ]

    def _links(self, path: str, collection: str, **more: str) -> dict[str, Any]:
        root = f"{self.home_url}/wp-json/wc/v3"
        links: dict[str, Any] = {
            "self": [{"href": f"{root}/{path}", "targetHints": ALL_METHODS}],
            "collection": [{"href": f"{root}/{collection}"}],
        }
        for name, target in more.items():
            links[name] = [{"href": f"{root}/{target}", **({} if name == "up" else {"embeddable": True})}]
        return links

    def _local(self, timestamp_s: float | None) -> str | None:
        if timestamp_s is None:
            return None
        return iso_seconds(timestamp_s, offset_hours=self._site.utc_offset_hours)


_DATES_ON_SALE = {
    "date_on_sale_from": None,
    "date_on_sale_from_gmt": None,
    "date_on_sale_to": None,
    "date_on_sale_to_gmt": None,
}
_DOWNLOADS = {
    "virtual": False,
    "downloadable": False,
    "downloads": [],
    "download_limit": -1,
    "download_expiry": -1,
    "external_url": "",
    "button_text": "",
    "tax_status": "taxable",
    "tax_class": "",
}
_SHIPPING = {
    "weight": "",
    "dimensions": {"length": "", "width": "", "height": ""},
    "shipping_required": True,
    "shipping_taxable": True,
    "shipping_class": "",
    "shipping_class_id": 0,
    "reviews_allowed": True,
    "average_rating": "0.00",
    "rating_count": 0,
    "upsell_ids": [],
    "cross_sell_ids": [],
}
_PRICE_HTML = (
    '<span class="woocommerce-Price-amount amount"><bdi>'
    '<span class="woocommerce-Price-currencySymbol">&#36;</span>{}</bdi></span>'
)


def _gmt(timestamp_s: float | None) -> str | None:
    return None if timestamp_s is None else iso_seconds(timestamp_s)


def _stock_status(product: Product, quantity: int | None) -> str:
    if quantity is None or quantity > 0:
        return "instock"
    return "outofstock" if product.backorders == "no" else "onbackorder"

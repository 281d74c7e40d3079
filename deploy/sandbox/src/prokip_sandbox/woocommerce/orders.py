"""The life of an order and what it does to stock, without HTTP.

The rules and the order of events were measured on WooCommerce 9.9.5; the functions named in comments are those of
https://github.com/woocommerce/woocommerce/blob/9.9.5/plugins/woocommerce/includes/wc-stock-functions.php
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from prokip_sandbox.values import OutOfStock, made_up_key
from prokip_sandbox.woocommerce.catalogue import Catalogue, Emit, php_int
from prokip_sandbox.woocommerce.model import (
    Line,
    Order,
    Product,
    Refund,
    RefundLine,
    Site,
    State,
    invalid_parameter,
    woo_error,
)

STATUSES = ("pending", "processing", "on-hold", "completed", "cancelled", "refunded", "failed", "checkout-draft")
TAKES_STOCK = frozenset({"processing", "on-hold", "completed"})
GIVES_BACK = frozenset({"cancelled", "pending"})


class Orders:
    def __init__(self, state: State, site: Site, catalogue: Catalogue, emit: Emit) -> None:
        self._state = state
        self._site = site
        self._catalogue = catalogue
        self._emit = emit

    def find(self, order_id: int) -> Order | None:
        return self._state.orders.get(order_id)

    def create(self, fields: Mapping[str, Any]) -> Order:
        """POST /orders. It never refuses for lack of stock; the storefront does."""
        status = _known_status(fields.get("status") or "pending")
        lines = [self._new_line(item) for item in fields.get("line_items") or ()]
        order = self._new_order("pending", lines, created_via=str(fields.get("created_via") or "rest-api"))
        self._take_texts(order, fields)
        touched: list[int] = []
        if fields.get("set_paid"):
            status = self._paid_status(order)
            order.paid_s = order.created_s
        self._enter_status(order, status, touched)
        self._tell("order.created", order)
        self._tell("order.updated", order)
        self._tell_products(touched)
        return order

    def update(self, order: Order, fields: Mapping[str, Any]) -> None:
        if order.status == "trash":
            order.status = _known_status(fields.get("status") or order.trashed_status or "pending")
            order.trashed_status = None
            order.modified_s = self._site.clock()
            return  # un-trashing by PUT tells nobody and moves nothing
        self._take_texts(order, fields)
        edited: list[int] = []
        for item in fields.get("line_items") or ():
            self._edit_line(order, item, edited)
        order.modified_s = self._site.clock()
        self._tell_products(edited)
        status = _known_status(fields.get("status") or order.status)
        if fields.get("set_paid") and order.paid_s is None:
            status = self._paid_status(order)
            order.paid_s = self._site.clock()
        was_draft = order.status == "checkout-draft"
        touched: list[int] = []
        if status == "refunded" and order.status != "refunded":
            self._refund_the_rest(order)
        self._enter_status(order, status, touched)
        self._tell("order.created" if was_draft and status != "checkout-draft" else "order.updated", order)
        self._tell_products(touched)

    def refund(self, order: Order, fields: Mapping[str, Any]) -> Refund:
        """POST /orders/{id}/refunds; quantities are not checked against the order."""
        items = list(fields.get("line_items") or ())
        lines = [self._refund_line(order, item) for item in items]
        amount = fields.get("amount")
        amount_cents = round(float(amount) * 100) if amount is not None else sum(line.total_cents for line in lines)
        if amount_cents < 0:
            raise woo_error("woocommerce_rest_invalid_order_refund", "Refund amount must be greater than zero.", 400)
        touched: list[int] = []
        refund = self._add_refund(order, amount_cents, str(fields.get("reason") or ""), lines)
        for refund_line in lines:
            line = _line(order, refund_line.line_id)
            line.refunded += refund_line.quantity
            if fields.get("api_restock", True):
                self._restock(line, refund_line.quantity, touched)
        order.modified_s = self._site.clock()
        if order.refunded_cents >= order.total_cents:
            order.status = "refunded"
        self._tell_products(touched)
        self._tell("order.updated", order)
        return refund

    def delete_refund(self, order: Order, refund: Refund) -> None:
        """Tells nobody and gives nothing back, as measured."""
        order.refunds.remove(refund)

    def trash(self, order: Order) -> None:
        """The store keeps the order's stock."""
        if order.status == "trash":
            raise woo_error("woocommerce_rest_already_trashed", "The order has already been deleted.", 410)
        order.trashed_status, order.status = order.status, "trash"
        order.modified_s = self._site.clock()
        self._tell("order.deleted", order)

    def untrash(self, order: Order) -> None:
        """What "Restore" in the admin pages does."""
        order.status = order.trashed_status or "pending"
        order.trashed_status = None
        order.modified_s = self._site.clock()
        self._tell("order.restored", order)

    def delete(self, order: Order) -> None:
        """Tells nobody and gives nothing back, as measured."""
        del self._state.orders[order.id]

    def open_checkout(self, items: Mapping[str, int]) -> Order:
        """A shopper opens the checkout page: a draft that takes nothing."""
        lines = [self._new_line({"sku": sku, "quantity": quantity}) for sku, quantity in items.items()]
        order = self._new_order("checkout-draft", lines, created_via="store-api")
        self._tell("order.updated", order)
        return order

    def checkout(self, items: Mapping[str, int], payment_method: str = "cod", order: Order | None = None) -> Order:
        """A shopper pays; refused when there is not enough. `cod` is processed at once, `bacs` waits on hold."""
        for sku, quantity in items.items():
            left = self._catalogue.quantity(sku)
            product = self._catalogue.by_sku(sku)
            if left is not None and left < quantity and product is not None and product.backorders == "no":
                raise OutOfStock(f"{sku}: {left} left, {quantity} wanted")
        if order is None:
            lines = [self._new_line({"sku": sku, "quantity": quantity}) for sku, quantity in items.items()]
            order = self._new_order("checkout-draft", lines, created_via="store-api")
        order.payment_method = payment_method
        order.payment_method_title = payment_method.upper()
        order.modified_s = self._site.clock()
        touched: list[int] = []
        self._enter_status(order, "on-hold" if payment_method == "bacs" else "processing", touched)
        self._tell("order.updated", order)
        self._tell("order.created", order)
        self._tell_products(touched)
        return order

    def _new_order(self, status: str, lines: list[Line], *, created_via: str) -> Order:
        now_s = self._site.clock()
        order_id = self._state.next_post_id()
        order = Order(
            id=order_id,
            status=status,
            key=made_up_key("wc_order_", str(order_id))[:22],
            created_s=now_s,
            modified_s=now_s,
            created_via=created_via,
            lines=lines,
        )
        self._state.orders[order_id] = order
        return order

    def _new_line(self, item: Mapping[str, Any]) -> Line:
        if not item.get("product_id") and not item.get("variation_id") and not item.get("sku"):
            raise woo_error("woocommerce_rest_required_product_reference", "Product ID or SKU is required.", 400)
        quantity = php_int(item.get("quantity", 1))
        product = self._ordered_product(item)
        price_cents = product.price_cents if product else 0
        total = item.get("total")
        is_variation = product is not None and product.type == "variation"
        return Line(
            id=self._state.next_line_id(),
            product_id=(product.parent_id if is_variation else product.id) if product else 0,
            variation_id=product.id if product and is_variation else 0,
            name=product.name if product else "",
            quantity=quantity,
            total_cents=round(float(total) * 100) if total is not None else price_cents * quantity,
            option=product.option if product else "",
        )

    def _ordered_product(self, item: Mapping[str, Any]) -> Product | None:
        if item.get("sku"):
            return self._catalogue.by_sku(str(item["sku"]))
        return self._catalogue.find(php_int(item.get("variation_id") or item.get("product_id")))

    def _edit_line(self, order: Order, item: Mapping[str, Any], touched: list[int]) -> None:
        """`wc_maybe_adjust_line_item_product_stock`: an order that holds stock follows the new quantity exactly."""
        if item.get("id") is None:
            line = self._new_line(item)
            order.lines.append(line)
        else:
            line = _line(order, php_int(item["id"]))
            if "quantity" in item:
                unit_cents = line.total_cents // line.quantity if line.quantity else 0
                line.quantity = php_int(item["quantity"])
                line.total_cents = unit_cents * line.quantity
            if item.get("total") is not None:
                line.total_cents = round(float(item["total"]) * 100)
        holder = self._holder(line)
        if order.status in TAKES_STOCK and holder is not None:
            held = line.reduced_stock or 0
            wanted = max(line.quantity - line.restocked, 0)
            if wanted != held:
                self._catalogue.move(holder, held - wanted)
                line.reduced_stock = wanted or None
                touched.append(holder.id)
        if line.quantity == 0:
            order.lines.remove(line)

    def _enter_status(self, order: Order, status: str, touched: list[int]) -> None:
        order.status = status
        if status == "completed" and order.completed_s is None:
            order.completed_s = self._site.clock()
        if status in TAKES_STOCK and not order.stock_reduced:
            self._take_stock(order, touched)
        elif status in GIVES_BACK and order.stock_reduced:
            self._give_back(order, touched)
        self._count_sales(order)

    def _take_stock(self, order: Order, touched: list[int]) -> None:
        """`wc_maybe_reduce_stock_levels`"""
        order.stock_reduced = True
        for line in order.lines:
            holder = self._holder(line)
            if holder is None or line.reduced_stock is not None:
                continue
            self._catalogue.move(holder, -line.quantity)
            line.reduced_stock = line.quantity
            touched.append(holder.id)

    def _give_back(self, order: Order, touched: list[int]) -> None:
        """`wc_maybe_increase_stock_levels`: what is still held, so restocked refunds are not given back twice."""
        order.stock_reduced = False
        for line in order.lines:
            holder = self._holder(line)
            if holder is None or line.reduced_stock is None:
                continue
            self._catalogue.move(holder, line.reduced_stock)
            line.reduced_stock = None
            touched.append(holder.id)

    def _restock(self, line: Line, quantity: int, touched: list[int]) -> None:
        """`wc_restock_refunded_items`: only a line that holds stock, but then any quantity."""
        holder = self._holder(line)
        if holder is None or line.reduced_stock is None or quantity <= 0:
            return
        self._catalogue.move(holder, quantity)
        left = line.reduced_stock - quantity
        line.reduced_stock = left if left > 0 else None
        line.restocked += quantity
        touched.append(holder.id)

    def _count_sales(self, order: Order) -> None:
        sign = 0
        if order.status in TAKES_STOCK and not order.sales_counted:
            sign, order.sales_counted = 1, True
        elif order.status == "cancelled" and order.sales_counted:
            sign, order.sales_counted = -1, False
        for line in order.lines if sign else ():
            product = self._catalogue.find(line.product_id)
            if product is not None:
                product.total_sales += sign * line.quantity

    def _holder(self, line: Line) -> Product | None:
        product = self._catalogue.find(line.variation_id or line.product_id)
        return self._catalogue.stock_holder(product) if product else None

    def _refund_line(self, order: Order, item: Mapping[str, Any]) -> RefundLine:
        line = _line(order, php_int(item.get("id")))
        total = item.get("refund_total") or 0
        quantity = php_int(item.get("quantity") or 0)
        return RefundLine(self._state.next_line_id(), line.id, quantity, round(float(total) * 100))

    def _refund_the_rest(self, order: Order) -> None:
        """`wc_order_fully_refunded`: money without lines, so no stock comes back."""
        rest_cents = order.total_cents - order.refunded_cents
        if rest_cents > 0:
            self._add_refund(order, rest_cents, "Order fully refunded.", [])

    def _add_refund(self, order: Order, amount_cents: int, reason: str, lines: list[RefundLine]) -> Refund:
        refund = Refund(self._state.next_post_id(), self._site.clock(), amount_cents, reason, lines)
        order.refunds.insert(0, refund)
        return refund

    def _paid_status(self, order: Order) -> str:
        return "completed" if order.payment_method == "cod" else "processing"

    @staticmethod
    def _take_texts(order: Order, fields: Mapping[str, Any]) -> None:
        for name in ("payment_method", "payment_method_title", "customer_note"):
            if fields.get(name) is not None:
                setattr(order, name, str(fields[name]))

    def _tell(self, topic: str, order: Order) -> None:
        self._emit(topic, order.id)

    def _tell_products(self, product_ids: Iterable[int]) -> None:
        for product_id in dict.fromkeys(product_ids):
            self._emit("product.updated", product_id)


def find_refund(order: Order, refund_id: int) -> Refund | None:
    return next((refund for refund in order.refunds if refund.id == refund_id), None)


def lines_of(order: Order, sku_by_line: Mapping[int, str], items: Mapping[str, int]) -> Sequence[dict[str, Any]]:
    """Refund items, as the REST API takes them, for quantities named by SKU."""
    found: list[dict[str, Any]] = []
    for sku, quantity in items.items():
        line = next(line for line in order.lines if sku_by_line[line.id] == sku)
        unit_cents = line.total_cents / line.quantity if line.quantity else 0
        found.append({"id": line.id, "quantity": quantity, "refund_total": f"{unit_cents * quantity / 100:.2f}"})
    return found


def _line(order: Order, line_id: int) -> Line:
    line = next((line for line in order.lines if line.id == line_id), None)
    if line is None:
        raise woo_error("woocommerce_rest_invalid_item_id", "Order item ID provided is not associated with order.", 400)
    return line


def _known_status(status: Any) -> str:
    if status not in STATUSES:
        raise invalid_parameter("status", f"status is not one of {', '.join(STATUSES)}.")
    return str(status)

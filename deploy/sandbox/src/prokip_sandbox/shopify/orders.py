"""Orders of one shop, without HTTP: what a sale, a fulfilment, a refund and a cancellation do to stock.

https://shopify.dev/docs/apps/build/orders-fulfillment/inventory-management-apps
"""

from collections.abc import Callable, Mapping, Sequence

from prokip_sandbox.shopify.inventory import Inventory
from prokip_sandbox.shopify.model import Item, LineItem, Order, Refund, RefundLine, ShopSite, ShopState
from prokip_sandbox.values import OutOfStock

Tell = Callable[[str, Order, Refund | None], None]  # topic, order, refund
RESTOCKING = frozenset({"cancel", "return"})
FIRST_ORDER_NUMBER = 1001


class Orders:
    def __init__(self, state: ShopState, site: ShopSite, inventory: Inventory, tell: Tell) -> None:
        self._state = state
        self._site = site
        self._inventory = inventory
        self._tell = tell

    def checkout(self, items: Mapping[str, int]) -> Order:
        """Refused when no location has enough, unless the variant may be sold beyond zero (policy CONTINUE)."""
        chosen = [(self._inventory.find(sku), quantity) for sku, quantity in items.items()]
        places = [self._place(item, quantity) for item, quantity in chosen]
        lines = [self._line(item, quantity, place) for (item, quantity), place in zip(chosen, places, strict=True)]
        now_s = self._site.clock()
        number = FIRST_ORDER_NUMBER + len(self._state.orders)
        order = Order(self._state.next_id(), number, now_s, now_s, lines)
        self._state.orders[order.id] = order
        for (item, quantity), place in zip(chosen, places, strict=True):
            if place is not None:
                self._inventory.move(self._inventory.level(item, place), available=-quantity, committed=quantity)
        self._tell("ORDERS_CREATE", order, None)
        self._tell("ORDERS_PAID", order, None)
        self._tell("ORDERS_UPDATED", order, None)
        return order

    def fulfil(self, order: Order) -> None:
        """Everything leaves the building: committed falls, available stays."""
        for line in order.lines:
            units = line.unfulfilled
            line.fulfilled += units
            if line.location_id is not None and units:
                self._inventory.move(self._inventory.level(self._item(line), line.location_id), committed=-units)
        self._touch(order)
        self._tell("ORDERS_FULFILLED", order, None)
        self._tell("ORDERS_UPDATED", order, None)

    def refund(self, order: Order, wanted: Sequence[RefundLine], note: str = "") -> Refund:
        """Each line says how its units come back: no_restock, cancel (not yet fulfilled) or return (fulfilled)."""
        refund = self._apply_refund(order, wanted, note)
        self._touch(order)
        self._tell("REFUNDS_CREATE", order, refund)
        self._tell("ORDERS_UPDATED", order, None)
        return refund

    def cancel(self, order: Order, *, restock: bool, reason: str = "customer") -> None:
        """What is not refunded yet is refunded now, and restocked if asked."""
        wanted = [
            self.refund_line(order, line.id, line.current_quantity, "cancel" if restock else "no_restock")
            for line in order.lines
            if line.current_quantity
        ]
        refund = self._apply_refund(order, wanted, "") if wanted else None
        order.cancelled_s = self._site.clock()
        order.cancel_reason = reason
        self._touch(order)
        if refund is not None:
            self._tell("REFUNDS_CREATE", order, refund)
        self._tell("ORDERS_CANCELLED", order, None)
        self._tell("ORDERS_UPDATED", order, None)

    def refund_line(
        self, order: Order, line_id: int, quantity: int, restock_type: str, location_id: int | None = None
    ) -> RefundLine:
        """A restocked line names its location: the given one or the one that sold it."""
        line = line_of(order, line_id)
        place = (location_id or line.location_id) if restock_type in RESTOCKING else None
        return RefundLine(self._state.next_id(), line_id, quantity, restock_type, place)

    def _apply_refund(self, order: Order, wanted: Sequence[RefundLine], note: str) -> Refund:
        refund = Refund(self._state.next_id(), self._site.clock(), note, list(wanted))
        order.refunds.append(refund)
        for refund_line in wanted:
            line = line_of(order, refund_line.line_id)
            line.refunded, left_before = line.refunded + refund_line.quantity, line.unfulfilled
            item = self._item(line)
            if not item.tracked or line.location_id is None:
                continue
            released = 0 if refund_line.restock_type == "return" else left_before - line.unfulfilled
            moves = {line.location_id: (0, -released)} if released else {}
            if refund_line.restock_type in RESTOCKING and refund_line.location_id is not None:
                committed = moves.get(refund_line.location_id, (0, 0))[1]
                moves[refund_line.location_id] = (refund_line.quantity, committed)
            for location_id, (available, committed) in moves.items():
                level = self._inventory.level(item, location_id)
                self._inventory.move(level, available=available, committed=committed)
        return refund

    def _place(self, item: Item, quantity: int) -> int | None:
        if not item.tracked:
            return None
        place = self._inventory.location_for_sale(item, quantity)
        if place is not None:
            return place
        if self._state.variants[item.variant_id].policy != "CONTINUE":
            raise OutOfStock(f"{item.sku}: {quantity} wanted")
        return next(iter(self._state.locations))

    def _line(self, item: Item, quantity: int, place: int | None) -> LineItem:
        variant = self._state.variants[item.variant_id]
        title = self._state.products[variant.product_id].title
        return LineItem(self._state.next_id(), variant.id, title, item.sku, quantity, variant.price_cents, place)

    def _item(self, line: LineItem) -> Item:
        return self._state.items[self._state.variants[line.variant_id].item_id]

    def _touch(self, order: Order) -> None:
        order.updated_s = self._site.clock()


def line_of(order: Order, line_id: int) -> LineItem:
    return next(line for line in order.lines if line.id == line_id)


def financial_status(order: Order) -> str:
    refunded = sum(line.refunded for line in order.lines)
    if not refunded:
        return "paid"
    return "refunded" if order.current_cents == 0 else "partially_refunded"


def fulfillment_status(order: Order) -> str | None:
    """As REST says it: null for none."""
    fulfilled = sum(line.fulfilled for line in order.lines)
    if not fulfilled:
        return None
    return "partial" if any(line.unfulfilled for line in order.lines) else "fulfilled"

"""What of the stores' sweeps is counted: whoever swept judges a store by that, and not by how long ago it was said."""

from collections.abc import Iterable
from typing import Final

from inventory.domain.observed import OrderObserved
from inventory.domain.orders import order_key
from inventory.domain.values import Count, CountedOrder, HeldOrder, Known, LocationKey, SweptOrders

SKUS_PER_ANSWER_MAX: Final = 1000
"""A new answer begins above that; an order is in one of them with all that it counts against."""


def swept_orders(known: Known, count: Count, messages: Iterable[OrderObserved]) -> list[SweptOrders]:
    """What is to be answered to the sweeps among the messages, once what they came to is written."""
    swept = [message for message in messages if message.source == "sweep"]
    if not swept:
        return []
    held = {**known.orders, **{order.key: order for order in (*count.new_orders, *count.changed_orders)}}
    answers: list[SweptOrders] = []
    open_answers: dict[tuple[int, LocationKey], SweptOrders] = {}
    for message in swept:
        order = held[order_key(message)]
        place = (order.key.connection_id, LocationKey(order.key.business_id, order.location_id))
        answer = open_answers.get(place)
        if answer is None or len(answer.skus) >= SKUS_PER_ANSWER_MAX:
            answer = open_answers[place] = SweptOrders(*place, message.correlation_id, [], set())
            answers.append(answer)
        answer.orders.append(CountedOrder(order.key.order_ref, message.observed_at))
        answer.skus.update(_stock_skus(order))
    return answers


def _stock_skus(order: HeldOrder) -> set[str]:
    return {line.stock_sku for line in order.lines if line.stock_sku is not None}.union(order.former_skus)

"""A WooCommerce store's own approval page: rows of the table."""

from typing import Final

from gateway.connecting.woocommerce_approval import CALLBACK_PATH, RETURN_PATH
from gateway.handlers import woocommerce_approval
from gateway.models.base import Message
from gateway.models.woocommerce_approval import ApprovalQuery, WayToWooCommerce, WooCommerceKeys
from gateway.routing import Docs, route, route_given

WOOCOMMERCE_APPROVAL_ROUTES: Final = (
    route_given(
        "GET",
        "/connections/woocommerce/authorize",
        ApprovalQuery,
        woocommerce_approval.begin_approval,
        answer=WayToWooCommerce,
        docs=Docs("connections", "To the store's approval page: a redirect, or its address as JSON", (409, 502)),
    ),
    route_given(
        "POST",
        f"{CALLBACK_PATH}/{{ticket}}",
        WooCommerceKeys,
        woocommerce_approval.take_keys,
        answer=Message,
        access="open",
        docs=Docs("connections", "Where a store posts the keys that were approved there, once", (403, 409)),
    ),
    route(
        "GET",
        RETURN_PATH,
        woocommerce_approval.finish_approval,
        answer=Message,
        access="open",
        docs=Docs("connections", "Where a store's approval page leads back to", (403, 409, 502)),
    ),
)

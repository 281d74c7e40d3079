"""A simulated WooCommerce 9.9.5 store."""

from prokip_sandbox.woocommerce.auth import ApiKey
from prokip_sandbox.woocommerce.store import WooCommerceStore

__all__ = ["ApiKey", "WooCommerceStore"]

"""A simulated Shopify with the Admin GraphQL API 2026-10."""

from prokip_sandbox.shopify.server import ShopifyServer
from prokip_sandbox.shopify.shop import Shop
from prokip_sandbox.shopify.throttle import Limits

__all__ = ["Limits", "Shop", "ShopifyServer"]

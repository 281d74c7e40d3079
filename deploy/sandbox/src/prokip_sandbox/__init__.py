"""A simulated world to build and test against: WooCommerce, Shopify and Prokip servers held to measured facts.

It shares no code with the product on purpose: a wrong idea there must not be mirrored here.
"""

from prokip_sandbox.catalogue import Good, make_goods, stock_by_sku
from prokip_sandbox.courier import Disturbance
from prokip_sandbox.faults import Fault
from prokip_sandbox.prokip import Erp, Policies, ProkipServer
from prokip_sandbox.shopify import Limits, Shop, ShopifyServer
from prokip_sandbox.shoppers import Habits, Shoppers
from prokip_sandbox.values import OutOfStock
from prokip_sandbox.woocommerce import ApiKey, WooCommerceStore
from prokip_sandbox.world import World, WorldSpec

__all__ = [
    "ApiKey",
    "Disturbance",
    "Erp",
    "Fault",
    "Good",
    "Habits",
    "Limits",
    "OutOfStock",
    "Policies",
    "ProkipServer",
    "Shop",
    "ShopifyServer",
    "Shoppers",
    "WooCommerceStore",
    "World",
    "WorldSpec",
    "make_goods",
    "stock_by_sku",
]

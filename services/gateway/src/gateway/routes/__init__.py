"""Every call of the public API, in one table. What is not in here does not exist."""

from typing import Final

from gateway.routes.accounts import ACCOUNT_ROUTES
from gateway.routes.bundles import BUNDLE_ROUTES
from gateway.routes.catalogue import CATALOGUE_ROUTES
from gateway.routes.connections import CONNECTION_ROUTES
from gateway.routes.earlier import EARLIER_ROUTES
from gateway.routes.first_quantities import FIRST_QUANTITY_ROUTES
from gateway.routes.live import LIVE_ROUTES
from gateway.routes.operations import OPERATION_ROUTES
from gateway.routes.product_plans import PRODUCT_PLAN_ROUTES
from gateway.routes.prokip import PROKIP_ROUTES
from gateway.routes.reads import READ_ROUTES
from gateway.routes.rounds import ROUND_ROUTES
from gateway.routes.rules import RULE_ROUTES
from gateway.routes.sales import SALE_ROUTES
from gateway.routes.secrets import SECRET_ROUTES
from gateway.routes.shopify_own_app import SHOPIFY_OWN_APP_ROUTES
from gateway.routes.stock import STOCK_ROUTES
from gateway.routes.upkeep import UPKEEP_ROUTES
from gateway.routes.woocommerce_approval import WOOCOMMERCE_APPROVAL_ROUTES
from gateway.routing import Route

ROUTES: Final[tuple[Route, ...]] = (
    *ACCOUNT_ROUTES,
    *PROKIP_ROUTES,
    *CONNECTION_ROUTES,
    *WOOCOMMERCE_APPROVAL_ROUTES,
    *CATALOGUE_ROUTES,
    *FIRST_QUANTITY_ROUTES,
    *UPKEEP_ROUTES,
    *PRODUCT_PLAN_ROUTES,
    *SHOPIFY_OWN_APP_ROUTES,
    *SECRET_ROUTES,
    *ROUND_ROUTES,
    *LIVE_ROUTES,
    *STOCK_ROUTES,
    *SALE_ROUTES,
    *READ_ROUTES,
    *RULE_ROUTES,
    *BUNDLE_ROUTES,
    *OPERATION_ROUTES,
    *EARLIER_ROUTES,
)

"""Bundles: rows of the table."""

from typing import Final

from gateway.handlers import bundles
from gateway.models.base import Page
from gateway.models.bundles import BundleGiven, BundleSaid, BundleShown, BundlesQuery
from gateway.routes.shared import AWAY, V1
from gateway.routing import Docs, route, route_given

BUNDLE_ROUTES: Final = (
    route_given(
        "GET",
        f"{V1}/bundles",
        BundlesQuery,
        bundles.list_bundles,
        answer=Page[BundleShown],
        docs=Docs("bundles", "SKUs that are made of others, and what each location has of them", AWAY),
    ),
    route_given(
        "PUT",
        f"{V1}/bundles",
        BundleGiven,
        bundles.put_bundle,
        answer=BundleSaid,
        docs=Docs("bundles", "Say what a SKU is made of", (409, *AWAY)),
    ),
    route(
        "DELETE",
        f"{V1}/bundles/{{sku}}",
        bundles.dissolve_bundle,
        answer=BundleSaid,
        docs=Docs("bundles", "A SKU is no bundle any more; past orders stay as they were", (404, 422, *AWAY)),
    ),
)
